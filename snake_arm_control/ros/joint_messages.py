# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Joint states and commands: messages to angles and back."""

from __future__ import annotations

from array import array
from functools import lru_cache
import struct

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import FeedbackError
from snake_arm_control.ros.message_stamps import (
    CDR,
    nanoseconds_of,
    stamp_to_time,
    STAMPED,
    time_to_stamp,
)


def angles_to_joint_state(arm: Arm, stamp: int, positions: np.ndarray,
                          velocities: np.ndarray | None = None) -> JointState:
    """Return angles (joints, axes) [rad] and their velocities [rad/s] as joint states."""
    message = JointState()
    message.header.stamp = stamp_to_time(stamp)
    message.name = list(arm.joint_names)
    message.position = doubles(arm.flat(positions))
    if velocities is not None:
        message.velocity = doubles(arm.flat(velocities))
    return message


def joint_state_to_angles(arm: Arm, message: JointState) -> np.ndarray:
    """
    Return the angles (joints, axes) [rad] of joint states, matched by name.

    Joints in another order, and joints that are not the arm's, are fine.

    :raises FeedbackError: if a joint of the arm is missing, or names and positions don't match
    """
    if len(message.position) != len(message.name):
        raise FeedbackError(f'joint states name {len(message.name)} joints and have '
                            f'{len(message.position)} positions, expected as many')
    positions = np.array(message.position, dtype=float)
    names = arm.joint_names
    if tuple(message.name) != names:
        index = {name: i for i, name in enumerate(message.name)}
        missing = [name for name in names if name not in index]
        if missing:
            more = ' ...' if len(missing) > 3 else ''
            raise FeedbackError(f'joint states lack {len(missing)} of the {arm.dof} joints, '
                                f'expected {", ".join(missing[:3])}{more}')
        positions = positions[[index[name] for name in names]]
    if not np.isfinite(positions).all():
        raise FeedbackError('joint states have a position that is not finite')
    return arm.shaped(positions)


def serialize_joint_state(arm: Arm, stamp: int, positions: np.ndarray,
                          velocities: np.ndarray | None = None) -> bytes:
    """
    Return what `angles_to_joint_state` returns as a serialized sensor_msgs/JointState.

    To make the message object and its list of names takes ten times as long; see
    `chain_messages.serialize_chain` for the form.
    """
    names, _ = _head(arm.joint_names)
    data = CDR + struct.pack('<iI', stamp // 10**9, stamp % 10**9) + names.tobytes()
    data += bytes((len(CDR) - len(data)) % 8) + arm.flat(positions).astype('<f8').tobytes()
    if velocities is None:
        return data + struct.pack('<II', 0, 0)
    data += struct.pack('<I', arm.dof)
    data += bytes((len(CDR) - len(data)) % 8) + arm.flat(velocities).astype('<f8').tobytes()
    return data + struct.pack('<I', 0)  # no efforts


def deserialize_joint_state(arm: Arm, data: bytes) -> tuple[int, np.ndarray]:
    """
    Return stamp [ns] and angles (joints, axes) [rad] of a serialized sensor_msgs/JointState.

    :raises FeedbackError: as `joint_state_to_angles`, and if it is cut off
    """
    names, meant = _head(arm.joint_names)
    at = STAMPED + len(names)
    start = at + (len(CDR) - at) % 8
    if data[:2] == CDR[:2] and len(data) >= start + 8 * arm.dof:
        same = np.frombuffer(data, np.uint8, len(names), STAMPED) & meant == names
        angles = arm.shaped(np.frombuffer(data, '<f8', arm.dof, start))
        if same.all() and np.isfinite(angles).all():
            return nanoseconds_of(*struct.unpack_from('<iI', data, len(CDR))), angles
    try:
        message = deserialize_message(data, JointState)
    except RuntimeError as error:
        raise FeedbackError(f'the joint states are no whole message: {error}') from error
    return time_to_stamp(message.header.stamp), joint_state_to_angles(arm, message)


@lru_cache  # by names: to compare two arms takes longer than all else here
def _head(joint_names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the bytes that lie between stamp and positions of serialized joint states.

    :return: frame, names and the number of positions; and a mask, since what others fill the gaps
        behind a string with means nothing
    """
    frame, *strings = (struct.pack('<I', len(text) + 1) + text.encode() + b'\0'
                       for text in ('', *joint_names))
    count = struct.pack('<I', len(joint_names))
    parts = (frame, count, *strings, count)
    names = b''.join(part + bytes(-len(part) % 4) for part in parts)
    meant = b''.join(b'\xff' * len(part) + bytes(-len(part) % 4) for part in parts)
    return np.frombuffer(names, np.uint8), np.frombuffer(meant, np.uint8)


def doubles(numbers: np.ndarray) -> array:
    """Return numbers as a field of a message takes them without a look at each."""
    return array('d', np.ascontiguousarray(numbers, dtype=float).tobytes())
