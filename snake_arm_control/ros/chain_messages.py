# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Pose chains: messages to arrays and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import struct

from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.serialization import deserialize_message

from snake_arm_control.arm import pose
from snake_arm_control.errors import FeedbackError, FrameError
from snake_arm_control.ros import topics
from snake_arm_control.ros.message_stamps import CDR, nanoseconds_of, time_to_stamp

Placement = tuple[np.ndarray, np.ndarray]  # rotation (3, 3) to base_link, position (3,) [m]


def serialize_chain(chain: np.ndarray, stamp: int, base: str = topics.BASE_FRAME) -> bytes:
    """
    Return a pose chain (joints, 9) as a serialized geometry_msgs/PoseArray.

    Publishers and raw subscriptions take it as it is: to make a message object of every pose costs
    more than an iteration of the controller. The form is plain CDR: a string is led by its length
    and ended by a zero, numbers stand at multiples of their size behind the first four bytes.

    :param base: name of the frame that it is in
    """
    quaternions, positions = pose.to_quaternion(chain)
    frame = base.encode() + b'\0'
    header = CDR + struct.pack('<iII', stamp // 10**9, stamp % 10**9, len(frame)) + frame
    header += bytes(-len(header) % 4) + struct.pack('<I', len(chain))
    if len(chain):
        header += bytes((len(CDR) - len(header)) % 8)
    return header + np.hstack((positions, quaternions)).astype('<f8').tobytes()


def deserialize_chain(data: bytes, placement: Callable[[str], Placement | None] | None = None,
                      base: str | None = topics.BASE_FRAME) -> tuple[int, np.ndarray]:
    """
    Return stamp [ns] and chain (poses, 9) of a serialized geometry_msgs/PoseArray.

    What was not measured is NaN: a position, an orientation, or both.

    :param placement: returns where a frame is, rotation (3, 3) and position (3,) [m] in the base,
        None for the base itself; without it no other frame is taken
    :param base: name of the base's frame; None takes any frame for it
    :raises FeedbackError: if it is in another frame or cut off, a position or an orientation is
        NaN in part or infinite, or an orientation has no length
    """
    try:
        read = _read_chain if data[:2] == CDR[:2] else _read_rare_chain
        stamp, frame, numbers = read(data)
    except (struct.error, ValueError, RuntimeError) as error:
        raise FeedbackError(f'the pose chain is no whole message: {error}') from error
    if base is None or frame in ('', base):
        return stamp, _chain(numbers)
    if placement is None:
        raise FeedbackError(f'the pose chain is in the frame {frame!r}, expected {base!r}')
    try:
        place = placement(frame)
    except FrameError as error:
        raise FeedbackError(f'the pose chain: {error}') from error
    chain = _chain(numbers)
    return stamp, chain if place is None else pose.moved(chain, *place)


def _read_chain(data: bytes) -> tuple[int, str, np.ndarray]:
    seconds, nanoseconds, length = struct.unpack_from('<iII', data, 4)
    frame = data[16:15 + length].decode()
    at = 16 + length
    at += -at % 4
    count, = struct.unpack_from('<I', data, at)
    at += 4
    at += (len(CDR) - at) % 8
    numbers = np.frombuffer(data, '<f8', 7 * count, at) if count else np.empty(0)
    return nanoseconds_of(seconds, nanoseconds), frame, numbers.reshape(-1, 7)


def _read_rare_chain(data: bytes) -> tuple[int, str, np.ndarray]:
    """Read an encoding such as big-endian, the slow way."""
    message = deserialize_message(data, PoseArray)
    numbers = [(p.position.x, p.position.y, p.position.z, p.orientation.x, p.orientation.y,
                p.orientation.z, p.orientation.w) for p in message.poses]
    return (time_to_stamp(message.header.stamp), message.header.frame_id,
            np.array(numbers).reshape(-1, 7))


def _chain(numbers: np.ndarray) -> np.ndarray:
    if not np.isfinite(numbers).all():
        for part in numbers[:, :3], numbers[:, 3:]:
            if not (np.isfinite(part).all(axis=1) | np.isnan(part).all(axis=1)).all():
                raise FeedbackError('the pose chain has a pose that is infinite, or NaN in part')
    if (np.abs(numbers[:, 3:]).max(axis=1, initial=0.0) < 1e-3).any():
        raise FeedbackError('the pose chain has an orientation of no length')
    return pose.from_quaternion(numbers[:, 3:], numbers[:, :3])


def whole_chain(chain: np.ndarray, tracked: Sequence[int], joints: int) -> np.ndarray:
    """
    Return the chain (joints, 9) of an arm of which only some joints are tracked, NaN elsewhere.

    :param chain: (poses, 9), of the tracked joints in their order
    :param tracked: numbers of these joints, from 1; empty if all are tracked
    :raises FeedbackError: if there are more or fewer poses
    """
    expected = len(tracked) or joints
    if len(chain) != expected:
        raise FeedbackError(f'the pose chain has {len(chain)} poses, expected {expected}')
    if not tracked:
        return chain
    whole = np.full((joints, pose.SIZE), np.nan)
    whole[np.array(tracked) - 1] = chain
    return whole
