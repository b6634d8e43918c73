# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Poses of goals and of the tool: messages to arrays and back."""

from __future__ import annotations

from geometry_msgs.msg import Pose, Quaternion
import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.errors import GoalError


def message_to_pose(message: Pose) -> np.ndarray:
    """
    Return a pose (9,).

    :raises GoalError: if it is not finite, or its orientation has no length
    """
    p, q = message.position, message.orientation
    xyzw = np.array((q.x, q.y, q.z, q.w))
    if not np.isfinite(xyzw).all() or np.abs(xyzw).max() < 1e-3:
        raise GoalError(f'the orientation is ({q.x:g}, {q.y:g}, {q.z:g}, {q.w:g}), expected a '
                        'quaternion of length 1')
    target = pose.from_quaternion(xyzw, np.array((p.x, p.y, p.z)))
    check_finite(target)
    return target


def pose_to_message(target: np.ndarray) -> Pose:
    """Return a pose (9,) as a message."""
    (x, y, z, w), position = (each.tolist() for each in pose.to_quaternion(target))
    message = Pose(orientation=Quaternion(x=x, y=y, z=z, w=w))
    message.position.x, message.position.y, message.position.z = position
    return message


def check_finite(numbers: np.ndarray) -> None:
    """Raise GoalError unless numbers are finite."""
    if not np.isfinite(numbers).all():
        raise GoalError(f'the goal has the numbers {numbers.tolist()}, expected finite ones')
