# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the arm's description."""

import dataclasses
import math

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import ArmError, ShapeError, SnakeArmError


def test_the_default_arm_is_the_papers():
    """40 joints, 80 degrees of freedom, 45 degrees to each side; ours is one metre long."""
    arm = Arm()
    assert (arm.joints, arm.dof) == (40, 80)
    assert arm.angle_limit == math.radians(45.0)
    assert arm.length == pytest.approx(1.0)


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_there_is_a_unique_name_for_each_angle_and_each_link(joints):
    arm = Arm(joints=joints)
    assert len(arm.joint_names) == len(set(arm.joint_names)) == arm.dof == 2 * joints
    assert len(arm.link_names) == len(set(arm.link_names)) == joints


def test_names_are_in_the_order_of_an_angles_array_read_row_by_row():
    arm = Arm(joints=3)
    assert arm.joint_names == ('joint_1_x', 'joint_1_y', 'joint_2_x', 'joint_2_y',
                               'joint_3_x', 'joint_3_y')
    assert arm.link_names == ('link_1', 'link_2', 'link_3')


@pytest.mark.parametrize('joints', (3, np.int64(3), 3.0))
def test_a_whole_number_of_joints_is_kept_as_an_int(joints):
    arm = Arm(joints=joints)
    assert type(arm.joints) is int
    assert arm == Arm(joints=3)
    assert len(arm.joint_names) == 6


@pytest.mark.parametrize('joints', (0, -1, 2.5, math.nan, math.inf, True, '40', None, (40,)))
def test_an_impossible_number_of_joints_is_refused(joints):
    with pytest.raises(ArmError, match='joints is .*, expected an integer of at least 1'):
        Arm(joints=joints)


@pytest.mark.parametrize('name', ('segment_length', 'angle_limit', 'velocity_limit',
                                  'acceleration_limit'))
@pytest.mark.parametrize('value', (0.0, -0.1, math.nan, math.inf, '1', None, True))
def test_a_length_or_limit_that_is_not_positive_and_finite_is_refused(name, value):
    with pytest.raises(ArmError, match=f'{name} is .*, expected a positive finite number'):
        Arm(**{name: value})


def test_joints_bend_by_a_right_angle_at_most():
    assert Arm(angle_limit=math.pi / 2).angle_limit == math.pi / 2
    with pytest.raises(ArmError, match='at most pi/2'):
        Arm(angle_limit=1.6)


def test_an_arm_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Arm().joints = 3


def test_the_segments_fingerprint_tells_what_a_model_learns_and_nothing_else():
    """One segment and the range of its angles: the same weights serve any number of joints."""
    known = Arm().segment_fingerprint
    assert Arm.uniform(7, velocity_limit=1.0).segment_fingerprint == known
    assert Arm.uniform(segment_length=0.03).segment_fingerprint != known
    assert Arm.uniform(angle_limit=0.7).segment_fingerprint != known


@pytest.mark.parametrize('name', ('lower', 'upper', 'velocity_limits', 'acceleration_limits',
                                  'rest'))
def test_limits_and_rest_are_arrays_of_the_angles_shape_that_nobody_can_change(name):
    arm = Arm(joints=3)
    array = getattr(arm, name)
    assert array.shape == (arm.joints, arm.axes) == (3, 2)
    with pytest.raises(ValueError, match='read-only'):
        array[0, 0] = 1.0


def test_clipped_angles_are_the_nearest_within_the_limits():
    arm = Arm(joints=2)
    angles = np.array([[9.0, -9.0], [0.1, arm.angle_limit]])
    np.testing.assert_array_equal(arm.clip(angles), [[arm.angle_limit, -arm.angle_limit],
                                                     [0.1, arm.angle_limit]])


def test_names_and_angles_translate_into_each_other():
    arm = Arm(joints=3)
    angles = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 2))
    assert tuple(arm.named(angles)) == arm.joint_names
    np.testing.assert_array_equal(arm.angles_from(arm.named(angles)), angles)


def test_a_joint_that_is_not_named_is_at_rest():
    arm = Arm(joints=2)
    angles = arm.angles_from({'joint_2_x': 0.3})
    np.testing.assert_array_equal(angles, [[0.0, 0.0], [0.3, 0.0]])
    assert not arm.rest.any()


def test_values_of_an_unknown_joint_or_that_are_not_finite_are_refused_by_name():
    arm = Arm(joints=2)
    with pytest.raises(ArmError, match="no joint 'elbow', expected of joint_1_x to joint_2_y"):
        arm.angles_from({'elbow': 0.1})
    with pytest.raises(ArmError, match='joint_1_y is nan, expected a finite number'):
        arm.angles_from({'joint_1_y': math.nan})
    with pytest.raises(ShapeError, match='angles'):
        arm.named(np.zeros((3, 2)))


def test_every_error_is_a_snake_arm_error_and_a_value_error():
    assert issubclass(ArmError, SnakeArmError)
    assert issubclass(SnakeArmError, ValueError)
