# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of the true arm: of each link where the kinematics puts it, and of none not measured."""

from arms import ARMS, random_angles
import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.arm.urdf_body import Body
from snake_arm_control.errors import MissingPackageError
from snake_arm_control.ros import true_frames
from snake_arm_control.ros.message_stamps import time_to_stamp
from snake_arm_control.ros.true_frames import transforms, TrueFrames

STAMP = 1_234_567_890


def matrix(transform):
    t, q = transform.transform.translation, transform.transform.rotation
    found = np.eye(4)
    found[:3, :3], found[:3, 3] = pose.to_matrix(pose.from_quaternion(
        np.array((q.x, q.y, q.z, q.w)), np.array((t.x, t.y, t.z))))
    return found


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
def test_a_frame_of_the_true_arm_is_where_the_description_has_its_link(arm):
    """If the arm is as described; in the base, with the stamp of the measurement."""
    angles = random_angles(arm)
    found = transforms(arm, forward_kinematics(arm, angles), STAMP, 'true/')
    body = Body(urdf_text(arm))
    placed = dict(zip(body.links, body.place(arm.named(angles))))
    assert [each.child_frame_id for each in found] == [
        f'true/{name}' for name in (*arm.link_names[:-1], arm.tip)]
    to_base = np.linalg.inv(placed[arm.base])
    for each in found:
        assert each.header.frame_id == arm.base and time_to_stamp(each.header.stamp) == STAMP
        np.testing.assert_allclose(matrix(each), to_base @ placed[each.child_frame_id[5:]],
                                   atol=1e-9)


def test_what_was_not_measured_has_no_frame():
    arm = Arm.uniform(3)
    chain = forward_kinematics(arm, arm.rest).copy()
    chain[0], chain[1, 3:] = np.nan, np.nan
    assert [each.child_frame_id for each in transforms(arm, chain, STAMP, 't_')] == ['t_tool0']


def test_without_the_package_only_who_asks_for_frames_is_refused(monkeypatch):
    monkeypatch.setattr(true_frames, 'TFMessage', None)
    TrueFrames(None, Arm(), '').publish(STAMP, np.zeros((40, 9)))
    with pytest.raises(MissingPackageError, match='needs the ROS package tf2_msgs'):
        TrueFrames(None, Arm(), 'true/')
