# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Frames in which goals and poses come: the base, and any that TF resolves."""

from __future__ import annotations

from typing import Any, Protocol

from geometry_msgs.msg import PointStamped, PoseStamped
import numpy as np
from rclpy.node import Node
from rclpy.time import Time

from snake_arm_control.arm import pose
from snake_arm_control.errors import FrameError
from snake_arm_control.ros import pose_messages, topics

try:
    import tf2_ros
except ImportError:  # it comes with a ROS distribution only
    tf2_ros = None


class Buffer(Protocol):
    """What is used of `tf2_ros.Buffer`."""

    def lookup_transform(self, target_frame: str, source_frame: str, time: Time) -> Any:
        """Return a geometry_msgs/TransformStamped, or raise why there is none."""


class Frames:
    """
    Brings goals and chains into the arm's base by the latest transform.

    :param base: name of its frame
    :param buffer: of TF; None makes one that listens, where tf2_ros is installed
    """

    def __init__(self, node: Node, base: str = topics.BASE_FRAME, buffer: Buffer | None = None):
        self._base, self._buffer, self._listener = base, buffer, None
        if buffer is None and tf2_ros is not None:
            self._buffer = tf2_ros.Buffer(node=node)
            self._listener = tf2_ros.TransformListener(self._buffer, node)

    def placement(self, frame: str) -> tuple[np.ndarray, np.ndarray] | None:
        """
        Return where a frame is: rotation (3, 3) to the base and position (3,) [m] in it.

        :return: None for the base itself, and for no name
        :raises FrameError: if TF does not resolve it, or there is no TF
        """
        if frame in ('', self._base):
            return None
        expected = f'expected {self._base!r}'
        if self._buffer is None:
            raise FrameError(f'the frame is {frame!r}, {expected}: others need the package '
                             'tf2_ros')
        try:
            found = self._buffer.lookup_transform(self._base, frame, Time()).transform
        except Exception as error:  # noqa: BLE001  those of tf2 have no ancestor that is known here
            raise FrameError(f'the frame is {frame!r}, {expected} or one that TF resolves: {error}'
                             ) from error
        t, q = found.translation, found.rotation
        return pose.to_matrix(pose.from_quaternion(np.array((q.x, q.y, q.z, q.w)),
                                                   np.array((t.x, t.y, t.z))))

    def in_base(self, message: Any) -> Any:
        """
        Return a message in the base, without a frame; one that has none is taken to be.

        :raises FrameError: see `placement`
        """
        if not isinstance(message, (PoseStamped, PointStamped)):
            return message
        placement = self.placement(message.header.frame_id)
        moved = type(message)()
        moved.header.stamp = message.header.stamp
        if isinstance(message, PoseStamped):
            moved.pose = message.pose if placement is None else pose_messages.pose_to_message(
                pose.moved(pose_messages.message_to_pose(message.pose), *placement))
        else:
            p = message.point
            point = np.array((p.x, p.y, p.z))
            if placement is not None:
                point = placement[0] @ point + placement[1]
            moved.point.x, moved.point.y, moved.point.z = point.tolist()
        return moved
