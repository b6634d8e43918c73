# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Commands as the controllers of ros2_control take them."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from snake_arm_control.arm.description import Arm
from snake_arm_control.ros import conversions, topics

# Each with its message, its topic beneath its name, and what makes the message.
_FORMS = {
    'joint_trajectory_controller': (
        JointTrajectory, 'joint_trajectory', conversions.angles_to_trajectory),
    'forward_command_controller': (
        Float64MultiArray, 'commands',
        lambda arm, positions, _: conversions.angles_to_numbers(arm, positions))}
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
