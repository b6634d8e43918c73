# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of prefixes: another arm by name, and the same arm in all else."""

from arms import ARMS, NAMES, random_angles, urdf_of
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.prefix import prefixed, prefixed_urdf
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.ros.parameters import ArmSettings

MOUNTED = Arm(Arm.uniform(3).links, Arm.uniform(3).tool, Placement((0, 0, 1)),
              rest={'joint_1_x': 0.2})


@pytest.mark.parametrize('arm', (*ARMS.values(), MOUNTED), ids=(*ARMS, 'mounted'))
def test_a_prefix_stands_before_all_names_and_changes_nothing_else(arm):
    named = prefixed(arm, 'left_', 'l/')
    assert named.joint_names == tuple(f'left_{name}' for name in arm.joint_names)
    assert named.link_names == tuple(f'l/{name}' for name in arm.link_names)
    assert (named.base, named.tip) == (f'l/{arm.base}', f'l/{arm.tip}')
    angles = random_angles(arm)
    np.testing.assert_array_equal(forward_kinematics(named, angles),
                                  forward_kinematics(arm, angles))
    for name in ('lower', 'upper', 'velocity_limits', 'rest', 'free'):
        np.testing.assert_array_equal(getattr(named, name), getattr(arm, name))
    assert (named.mount, named.segment) == (arm.mount, arm.segment)
    assert prefixed(arm, '', '') == arm


@pytest.mark.parametrize('arm', (*ARMS.values(), MOUNTED), ids=(*ARMS, 'mounted'))
def test_prefixes_in_the_text_of_a_urdf_are_those_of_the_arm(arm):
    """A world keeps its name, so that several arms stand in one."""
    text = prefixed_urdf(urdf_text(arm, world=True, plugin='some/Plugin'), 'left_', 'left_')
    assert Arm.from_urdf(text, f'left_{arm.base}', f'left_{arm.tip}') == prefixed(
        arm, 'left_', 'left_')
    assert '<link name="world" />' in text


@pytest.mark.parametrize('name', NAMES)
def test_the_urdf_of_others_is_published_with_the_prefixes(name, tmp_path):
    """Readers find the arm that the nodes control."""
    path = tmp_path / 'some.urdf'
    path.write_text(urdf_of(name))
    settings = ArmSettings(arm=str(path), joint_prefix='left_', frame_prefix='left_')
    assert settings.make_arm() == prefixed(Arm.from_urdf(urdf_of(name)), 'left_', 'left_')
    assert Arm.from_urdf(settings.robot_description()) == settings.make_arm()
