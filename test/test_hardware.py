# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Commands as the controllers of ros2_control take them."""

from arms import RANDOM, random_angles
import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.ros import hardware


def test_a_trajectory_is_one_point_that_does_not_move_on():
    arm = Arm.uniform(joints=2)
    angles = np.array([[0.1, 0.2], [0.3, -0.4]])
    message = hardware.angles_to_trajectory(arm, angles, 1.25)
    assert tuple(message.joint_names) == arm.joint_names
    point, = message.points
    assert point.positions.tolist() == [0.1, 0.2, 0.3, -0.4] and not point.velocities
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (1, 250_000_000)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (0, 0)


def test_joints_of_fewer_axes_have_fewer_numbers():
    arm = RANDOM[0]
    angles = np.where(arm.free, random_angles(arm), 0.0)
    expected = list(arm.named(angles).values())
    assert hardware.angles_to_numbers(arm, angles).data.tolist() == expected
    trajectory = hardware.angles_to_trajectory(arm, angles, 1.0)
    assert trajectory.points[0].positions.tolist() == expected
    assert len(expected) == len(trajectory.joint_names) < angles.size
