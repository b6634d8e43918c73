# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of frames: what comes in another one is the same place as in base_link, or is refused."""

import math

from geometry_msgs.msg import PointStamped, PoseStamped, TransformStamped
import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.errors import FeedbackError, FrameError
from snake_arm_control.ros import chain_messages, goal_messages, pose_messages
from snake_arm_control.ros.frames import Frames

TURN, PLACE = pose.to_matrix(pose.from_euler(0.3, -0.5, 1.1, (0.4, -0.2, 0.9)))


class Tf:
    """Knows one frame, `left_lens`, as tf2_ros.Buffer would."""

    def lookup_transform(self, target_frame, source_frame, time):
        if (target_frame, source_frame) != ('base_link', 'left_lens'):
            raise LookupError(f'"{source_frame}" passed to lookupTransform does not exist')
        found = TransformStamped()
        xyzw, (x, y, z) = pose.to_quaternion(pose.from_matrix(TURN, PLACE))
        t, q = found.transform.translation, found.transform.rotation
        t.x, t.y, t.z = float(x), float(y), float(z)
        q.x, q.y, q.z, q.w = map(float, xyzw)
        return found


@pytest.fixture
def frames():
    return Frames(None, buffer=Tf())


def seen_from_camera(poses):
    """Return poses (*batch, 9) of base_link as the camera has them."""
    return pose.moved(poses, TURN.T, -TURN.T @ PLACE)


def test_a_pose_that_is_moved_and_moved_back_is_the_same():
    chain = forward_kinematics(Arm(), np.full((40, 2), 0.1))
    np.testing.assert_allclose(pose.moved(seen_from_camera(chain), TURN, PLACE), chain, atol=1e-15)


def test_goals_of_another_frame_are_goals_of_the_base(frames):
    target = pose.from_euler(0.1, 0.2, 0.3, (0.3, -0.2, 0.6))
    message = PoseStamped(pose=pose_messages.pose_to_message(seen_from_camera(target)))
    message.header.frame_id = 'left_lens'
    goal = goal_messages.pose_stamped_to_goal(frames.in_base(message), 40)
    np.testing.assert_allclose(goal.target[-1], target, atol=1e-12)

    point = PointStamped()
    point.header.frame_id = 'left_lens'
    point.point.x, point.point.y, point.point.z = map(float, seen_from_camera(target)[:3])
    goal = goal_messages.point_stamped_to_goal(frames.in_base(point), 40)
    np.testing.assert_allclose(goal.target[-1, :3], target[:3], atol=1e-12)


def test_a_chain_of_another_frame_is_a_chain_of_the_base_and_nan_stays(frames):
    chain = forward_kinematics(Arm(), np.full((40, 2), 0.1))
    data = chain_messages.serialize_chain(seen_from_camera(chain), 5)
    data = data.replace(b'base_link', b'left_lens')  # as long, so that nothing shifts
    stamp, read = chain_messages.deserialize_chain(data, frames.placement)
    assert stamp == 5
    np.testing.assert_allclose(read, chain, atol=1e-12)
    with pytest.raises(FeedbackError, match="frame 'left_lens', expected 'base_link'"):
        chain_messages.deserialize_chain(data)
    with pytest.raises(FeedbackError, match='need the package tf2_ros'):
        chain_messages.deserialize_chain(data, without_tf().placement)


def without_tf():
    frames = Frames(None, buffer=Tf())
    frames._buffer = None
    return frames


def test_what_is_in_the_base_or_names_no_frame_needs_no_tf():
    for name in ('', 'base_link'):
        message = PoseStamped(pose=pose_messages.pose_to_message(
            pose.from_euler(0.1, 0.2, 0.3, (0.3, -0.2, 0.6))))
        message.header.frame_id = name
        assert without_tf().in_base(message).pose == message.pose
        assert without_tf().placement(name) is None


def test_the_base_has_the_name_that_the_arm_gives_it():
    frames = Frames(None, 'panda_link0', Tf())
    message = PoseStamped(pose=pose_messages.pose_to_message(
        pose.from_euler(0.1, 0.2, 0.3, (0.3, -0.2, 0.6))))
    message.header.frame_id = 'panda_link0'
    assert not goal_messages.pose_stamped_to_goal(frames.in_base(message), 5).is_free
    chain = forward_kinematics(Arm.uniform(2), np.zeros((2, 2)))
    data = chain_messages.serialize_chain(chain, 5, 'panda_link0')
    np.testing.assert_allclose(
        chain_messages.deserialize_chain(data, base='panda_link0')[1], chain, atol=1e-15)
    np.testing.assert_allclose(chain_messages.deserialize_chain(data, base=None)[1], chain,
                               atol=1e-15)
    with pytest.raises(FeedbackError, match="frame 'panda_link0', expected 'base_link'"):
        chain_messages.deserialize_chain(data)


def test_a_frame_that_nobody_knows_is_refused_with_the_reason(frames):
    message = PointStamped()
    message.header.frame_id = 'map'
    with pytest.raises(FrameError, match="'map'.*'base_link' or one that TF resolves.*not exist"):
        frames.in_base(message)
    with pytest.raises(FrameError, match="'map', expected 'base_link': others need.*tf2_ros"):
        without_tf().in_base(message)
    assert math.isfinite(message.point.x)
