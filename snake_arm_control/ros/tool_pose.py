# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Where the tool is, as a pose of its own."""

from __future__ import annotations

import math

from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.node import Node

from snake_arm_control.arm import pose
from snake_arm_control.control.loop import ControlLoop
from snake_arm_control.ros import message_stamps, pose_messages, topics

_PERIOD = 0.05  # [s], at least so often, also while the arm is at rest


class ToolPose:
    """
    Publishes the true pose of the tool where it is measured, else the predicted one.

    :param base: name of the frame of the arm's base
    """

    def __init__(self, node: Node, base: str = topics.BASE_FRAME):
        self._base = base
        self._publisher = node.create_publisher(PoseStamped, topics.TOOL_POSE, topics.STREAM)
        self._measured_at = self._predicted_at = -math.inf  # [s]

    def measure(self, loop: ControlLoop, now: float, stamp: int, tool: np.ndarray) -> None:
        """
        Take the true pose of the tool.

        :param now: [s]
        :param stamp: when it was measured [ns]
        :param tool: (9,), its position, its axes or both NaN where they were not measured
        """
        missing = math.isnan(tool[0]), math.isnan(tool[pose.FORWARD.start])
        if all(missing):
            return
        self._measured_at = now
        if not self._publisher.get_subscription_count():
            return
        angles = loop.angles if any(missing) else None
        if angles is not None:
            tool = np.where(np.isnan(tool), _predicted(loop, angles), tool)
        if np.isfinite(tool).all():
            self._publish(stamp, tool)

    def predict(self, loop: ControlLoop, now: float, stamp: int, is_new: bool) -> None:
        """
        Publish the predicted pose, unless the true one has come within the feedback's time-out.

        :param now: [s]
        :param stamp: of now [ns]
        :param is_new: whether the arm was commanded just now
        """
        if (now - self._measured_at <= loop.settings.feedback_timeout
                or not is_new and now - self._predicted_at < _PERIOD):
            return
        self._predicted_at = now
        angles = loop.angles
        if angles is not None and self._publisher.get_subscription_count():
            self._publish(stamp, _predicted(loop, angles))

    def _publish(self, stamp: int, tool: np.ndarray) -> None:
        message = PoseStamped(pose=pose_messages.pose_to_message(tool))
        message.header.stamp = message_stamps.stamp_to_time(stamp)
        message.header.frame_id = self._base
        self._publisher.publish(message)


def _predicted(loop: ControlLoop, angles: np.ndarray) -> np.ndarray:
    """Return the pose (9,) of the tool that the model predicts for angles."""
    return loop.model.linearize(angles).chain[-1]
