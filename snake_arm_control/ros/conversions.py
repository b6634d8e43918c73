# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Messages to arrays and back: goals, joint states, pose chains, weights."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
import math
import struct

from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import PointStamped, Pose, PoseArray, PoseStamped, Quaternion
import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, UInt8MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal, ROW
from snake_arm_control.errors import FeedbackError, FrameError, GoalError
from snake_arm_control.ros import topics

CDR = b'\0\1\0\0'  # plain CDR, little-endian
STAMPED = len(CDR) + 8  # bytes up to the end of a message's stamp
Placement = tuple[np.ndarray, np.ndarray]  # rotation (3, 3) to base_link, position (3,) [m]


def stamp_to_time(stamp: int) -> Time:
    """Return a stamp [ns] as a message."""
    return Time(sec=stamp // 10**9, nanosec=stamp % 10**9)


def time_to_stamp(time: Time) -> int:
    """Return a message's time as a stamp [ns]."""
    return _stamp(time.sec, time.nanosec)


def _stamp(seconds: int, nanoseconds: int) -> int:
    # Senders may fill in more than a second of nanoseconds, and no message could answer that.
    return seconds * 10**9 + min(nanoseconds, 10**9 - 1)


def _doubles(numbers: np.ndarray) -> array:
    return array('d', np.ascontiguousarray(numbers, dtype=float).tobytes())


def angles_to_joint_state(arm: Arm, stamp: int, positions: np.ndarray,
                          velocities: np.ndarray | None = None) -> JointState:
    """Return angles (joints, axes) [rad] and their velocities [rad/s] as joint states."""
    message = JointState()
    message.header.stamp = stamp_to_time(stamp)
    message.name = list(arm.joint_names)
    message.position = _doubles(arm.flat(positions))
    if velocities is not None:
        message.velocity = _doubles(arm.flat(velocities))
    return message


def angles_to_numbers(arm: Arm, positions: np.ndarray) -> Float64MultiArray:
    """Return angles (joints, axes) [rad] as the plain numbers of a forward_command_controller."""
    return Float64MultiArray(data=_doubles(arm.flat(positions)))


def angles_to_trajectory(arm: Arm, positions: np.ndarray, duration: float) -> JointTrajectory:
    """
    Return angles (joints, axes) [rad] as a trajectory of one point, to begin on arrival.

    It has no velocities: a joint_trajectory_controller refuses one that does not end at rest.

    :param duration: of the way there [s]
    """
    seconds, nanoseconds = divmod(round(1e9 * duration), 10**9)
    return JointTrajectory(joint_names=list(arm.joint_names), points=[JointTrajectoryPoint(
        positions=_doubles(arm.flat(positions)),
        time_from_start=Duration(sec=seconds, nanosec=nanoseconds))])


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
    `serialize_chain` for the form.
    """
    names, _ = _joint_names(arm)
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
    names, meant = _joint_names(arm)
    at = STAMPED + len(names)
    start = at + (len(CDR) - at) % 8
    if data[:2] == CDR[:2] and len(data) >= start + 8 * arm.dof:
        same = np.frombuffer(data, np.uint8, len(names), STAMPED) & meant == names
        angles = arm.shaped(np.frombuffer(data, '<f8', arm.dof, start))
        if same.all() and np.isfinite(angles).all():
            return _stamp(*struct.unpack_from('<iI', data, len(CDR))), angles
    try:
        message = deserialize_message(data, JointState)
    except RuntimeError as error:
        raise FeedbackError(f'the joint states are no whole message: {error}') from error
    return time_to_stamp(message.header.stamp), joint_state_to_angles(arm, message)


@lru_cache
def _joint_names(arm: Arm) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the bytes that lie between stamp and positions of serialized joint states.

    :return: frame, names and the number of positions; and a mask, since what others fill the gaps
        behind a string with means nothing
    """
    frame, *strings = (struct.pack('<I', len(text) + 1) + text.encode() + b'\0'
                       for text in ('', *arm.joint_names))
    count = struct.pack('<I', arm.dof)
    parts = (frame, count, *strings, count)
    names = b''.join(part + bytes(-len(part) % 4) for part in parts)
    meant = b''.join(b'\xff' * len(part) + bytes(-len(part) % 4) for part in parts)
    return np.frombuffer(names, np.uint8), np.frombuffer(meant, np.uint8)


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


def restamped(data: bytes, stamp: int) -> bytes:
    """Return a serialized message, of those that begin with a header, with another stamp [ns]."""
    return (data[:len(CDR)] + struct.pack('<iI', stamp // 10**9, stamp % 10**9)
            + data[STAMPED:])


def stamp_of(data: bytes) -> int:
    """Return the stamp [ns] of a serialized message, in plain CDR, that begins with a header."""
    return _stamp(*struct.unpack_from('<iI', data, len(CDR)))


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
    return _stamp(seconds, nanoseconds), frame, numbers.reshape(-1, 7)


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


def goal_to_message(goal: Goal) -> Float64MultiArray:
    """
    Return a goal as rows of its cared joints; the free goal as the empty message.

    A goal for the tool alone goes as 9 numbers: an arm of any number of joints understands it.
    """
    chain = goal.to_array()
    cared = np.flatnonzero(goal.cared.any(axis=1))
    if cared.tolist() == [goal.joints - 1]:
        return Float64MultiArray(data=array('d', chain[-1].tobytes()))
    rows = np.column_stack((cared + 1.0, chain[cared]))
    message = Float64MultiArray(data=array('d', rows.tobytes()))
    if len(rows):
        message.layout.dim = [
            MultiArrayDimension(label='joint', size=len(rows), stride=rows.size),
            MultiArrayDimension(label='component', size=ROW, stride=ROW)]
    return message


def message_to_goal(message: Float64MultiArray, joints: int) -> Goal:
    """
    Return the goal of a message, NaN = don't care.

    9 numbers are a goal for the tool, 9 a joint a whole chain, rows of 10 (joint number, then
    9 components) a goal for those joints; none at all drops the goal. The sizes in layout.dim
    say which it is. Without them the length does: 9, then 9 x joints, then rows of 10.

    :raises GoalError: if it is none of these
    """
    data = np.array(message.data, dtype=float)
    sizes = tuple(dim.size for dim in message.layout.dim)
    if sizes and math.prod(sizes) != data.size:
        raise GoalError(f'the goal has {data.size} numbers, its layout says {sizes}')
    if not data.size:
        return Goal.free(joints)
    columns = sizes[-1] if len(sizes) > 1 else None
    if columns is None:
        columns = ROW if data.size not in (pose.SIZE, pose.SIZE * joints) else pose.SIZE
    if columns == ROW and data.size % ROW == 0:
        return Goal.from_rows(data.reshape(-1, ROW), joints)
    if columns == pose.SIZE and data.size == pose.SIZE * joints:
        return Goal.from_array(data.reshape(joints, pose.SIZE))
    if columns == pose.SIZE and data.size == pose.SIZE:
        return Goal.from_rows(np.concatenate(((joints,), data))[None], joints)
    got = f'{data.size} numbers' + (f' in the layout {sizes}' if sizes else '')
    raise GoalError(f'the goal has {got}, expected {pose.SIZE} for the tool, '
                    f'{pose.SIZE * joints} for the whole chain, rows of {ROW} for some joints, '
                    'or none to drop the goal')


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
    _check_finite(target)
    return target


def pose_to_message(target: np.ndarray) -> Pose:
    """Return a pose (9,) as a message."""
    (x, y, z, w), position = (each.tolist() for each in pose.to_quaternion(target))
    message = Pose(orientation=Quaternion(x=x, y=y, z=z, w=w))
    message.position.x, message.position.y, message.position.z = position
    return message


def pose_stamped_to_goal(message: PoseStamped, joints: int) -> Goal:
    """
    Return a goal for the full tool pose.

    :raises GoalError: if it is in another frame, not finite, or its orientation has no length
    """
    _check_frame(message.header.frame_id)
    target = message_to_pose(message.pose)
    return Goal.tool(target[pose.POSITION], target[pose.FORWARD], target[pose.UP], joints)


def point_stamped_to_goal(message: PointStamped, joints: int) -> Goal:
    """
    Return a goal for the tool's position, all else free.

    :raises GoalError: if it is in another frame or not finite
    """
    _check_frame(message.header.frame_id)
    p = np.array((message.point.x, message.point.y, message.point.z))
    _check_finite(p)
    return Goal.tool(p, joints=joints)


# All that a controller takes for a goal.
GOALS = ((Float64MultiArray, topics.GOAL, message_to_goal),
         (PoseStamped, topics.GOAL_POSE, pose_stamped_to_goal),
         (PointStamped, topics.CLICKED_POINT, point_stamped_to_goal))


def bytes_to_message(data: bytes) -> UInt8MultiArray:
    """Return the bytes of a weights file as a message."""
    message = UInt8MultiArray(data=array('B', data))
    message.layout.dim = [MultiArrayDimension(label='safetensors', size=len(data),
                                              stride=len(data))]
    return message


def message_to_bytes(message: UInt8MultiArray) -> bytes:
    """Return the bytes that a message carries."""
    return bytes(message.data)


def _check_frame(frame: str) -> None:
    if frame not in ('', topics.BASE_FRAME):
        raise GoalError(f'the goal is in the frame {frame!r}, expected {topics.BASE_FRAME!r}')


def _check_finite(numbers: np.ndarray) -> None:
    if not np.isfinite(numbers).all():
        raise GoalError(f'the goal has the numbers {numbers.tolist()}, expected finite ones')
