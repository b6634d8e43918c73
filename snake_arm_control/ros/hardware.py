# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Commands as the controllers of ros2_control take them."""

from __future__ import annotations

from builtin_interfaces.msg import Duration
import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from snake_arm_control.arm.description import Arm
from snake_arm_control.ros import topics
from snake_arm_control.ros.joint_messages import doubles


def angles_to_numbers(arm: Arm, positions: np.ndarray) -> Float64MultiArray:
    """Return angles (joints, axes) [rad] as the plain numbers of a forward_command_controller."""
    return Float64MultiArray(data=doubles(arm.flat(positions)))


def angles_to_trajectory(arm: Arm, positions: np.ndarray, duration: float) -> JointTrajectory:
    """
    Return angles (joints, axes) [rad] as a trajectory of one point, to begin on arrival.

    It has no velocities: a joint_trajectory_controller refuses one that does not end at rest.

    :param duration: of the way there [s]
    """
    seconds, nanoseconds = divmod(round(1e9 * duration), 10**9)
    return JointTrajectory(joint_names=list(arm.joint_names), points=[JointTrajectoryPoint(
        positions=doubles(arm.flat(positions)),
        time_from_start=Duration(sec=seconds, nanosec=nanoseconds))])


# Each with its message, its topic beneath its name, and what makes the message.
_FORMS = {
    'joint_trajectory_controller': (
        JointTrajectory, 'joint_trajectory', angles_to_trajectory),
    'forward_command_controller': (
        Float64MultiArray, 'commands',
        lambda arm, positions, _: angles_to_numbers(arm, positions))}
NONE = 'none'
KINDS = (NONE, *_FORMS)


class Hardware:
    """
    Passes commands on to a controller of ros2_control, if there is one.

    A joint_trajectory_controller finds the joints by name; a forward_command_controller must have
    been given those of the arm in their order.
    """

    def __init__(self, node: Node, arm: Arm, kind: str):
        self._arm, self._publisher = arm, None
        if kind != NONE:
            message, topic, self._convert = _FORMS[kind]
            self._publisher = node.create_publisher(message, f'{kind}/{topic}', topics.STREAM)

    def command(self, positions: np.ndarray, duration: float) -> None:
        """
        Pass on a command.

        :param positions: (joints, axes) [rad]
        :param duration: of the way there [s]
        """
        if self._publisher:
            self._publisher.publish(self._convert(self._arm, positions, duration))
