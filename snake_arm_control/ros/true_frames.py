# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Where the links of the true arm are, as frames of TF beside those of its description."""

from __future__ import annotations

from geometry_msgs.msg import TransformStamped
import numpy as np
from rclpy.node import Node

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import MissingPackageError
from snake_arm_control.ros.message_stamps import stamp_to_time
from snake_arm_control.ros.pose_messages import pose_to_message

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # it comes with a ROS distribution only
    TFMessage = None

_DEPTH = 100  # as of all that publish /tf


class TrueFrames:
    """
    Publishes measured poses on /tf: of the link `link_5` as the frame `true/link_5`.

    :param prefix: what the names of these frames begin with; empty: none are published
    :raises MissingPackageError: if they are asked for where tf2_msgs is not installed
    """

    def __init__(self, node: Node, arm: Arm, prefix: str):
        self._arm, self._prefix, self._publisher = arm, prefix, None
        if not prefix:
            return
        if TFMessage is None:
            raise MissingPackageError('true_frames needs the ROS package tf2_msgs, which is not '
                                      'installed')
        self._publisher = node.create_publisher(TFMessage, '/tf', _DEPTH)

    def publish(self, stamp: int, chain: np.ndarray) -> None:
        """
        Publish what is known of a chain (joints, 9) that was measured at a time [ns].

        What was not measured is NaN, and has no frame then.
        """
        if self._publisher is not None:
            self._publisher.publish(TFMessage(
                transforms=transforms(self._arm, chain, stamp, self._prefix)))


def transforms(arm: Arm, chain: np.ndarray, stamp: int, prefix: str) -> list[TransformStamped]:
    """
    Return where the links of an arm are, the last of them as the tip, in the arm's base.

    A link's frame is on the joint that moves it, and an element of the chain at its far end.

    :param chain: (joints, 9); links of which something is NaN are left out
    """
    names = (*arm.link_names[:-1], arm.tip)
    ways = [*(link.placement.xyz for link in arm.links[1:]), (0.0, 0.0, 0.0)]
    found = []
    for name, element, way in zip(names, chain, ways):
        if not np.isfinite(element).all():
            continue
        rotation, position = pose.to_matrix(element)
        message = pose_to_message(pose.from_matrix(rotation, position - rotation @ way))
        transform = TransformStamped(child_frame_id=prefix + name)
        transform.header.frame_id, transform.header.stamp = arm.base, stamp_to_time(stamp)
        place, p = transform.transform.translation, message.position
        place.x, place.y, place.z = p.x, p.y, p.z
        transform.transform.rotation = message.orientation
        found.append(transform)
    return found
