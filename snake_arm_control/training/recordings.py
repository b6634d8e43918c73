# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of a real arm: MCAP files to joint angles and the poses measured at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import logging
import math
from pathlib import Path
import struct
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm, AXES
from snake_arm_control.errors import RecordingError, ShapeError
from snake_arm_control.extras import require

JOINT_STATES, POSE_CHAIN, JOINT_COMMAND = 'joint_states', 'pose_chain', 'joint_command'
_TYPES = {JOINT_STATES: 'sensor_msgs/msg/JointState', POSE_CHAIN: 'geometry_msgs/msg/PoseArray',
          JOINT_COMMAND: 'sensor_msgs/msg/JointState'}
_BASE_FRAME = 'base_link'
_LONGEST_GAP = 0.1  # [s], between joint states that are interpolated
_JITTER = 0.002  # [s], of the time between joint states and the pose chain of the same moment
_STILL = math.radians(0.5)  # by which no joint has turned while an arm is still

_log = logging.getLogger(__name__)


class Message(NamedTuple):
    """A message of a recording."""

    topic: str  # full name
    schema: Any  # of mcap, None if there is none
    encoding: str
    received: int  # [ns]
    published: int  # [ns]
    data: bytes  # as it was on the wire
    decoders: Any  # of mcap_ros2

    @property
    def kind(self) -> str:
        """Type of the message, such as sensor_msgs/msg/JointState."""
        return self.schema.name if self.schema else 'unknown'

    def decode(self) -> Any:
        """
        Return an object with the fields of the message.

        :raises RecordingError: if it can't be decoded
        """
        try:
            decode = self.decoders.decoder_for(self.encoding, self.schema)
            if decode is not None:
                return decode(self.data)
            reason = 'it is not in CDR with a ros2msg schema'
        except (struct.error, ValueError, LookupError, NotImplementedError) as error:
            reason = f'{error}; messages that are compressed one by one must be converted'
        raise RecordingError(f'a message of {self.topic} can not be read as {self.kind}: {reason}')


@dataclass(frozen=True, eq=False)
class Recording:
    """
    Samples of an arm: its angles, and the poses that were measured at them.

    :param times: (samples,) [s], growing
    :param angles: (samples, joints, 2) [rad]
    :param chains: (samples, joints, 9), NaN where nothing was measured
    :raises ShapeError: if they don't fit each other
    """

    times: np.ndarray
    angles: np.ndarray
    chains: np.ndarray

    def __post_init__(self):
        samples, joints = len(self.times), self.angles.shape[1]
        for name, array, size in (('angles', self.angles, len(AXES)),
                                  ('chains', self.chains, pose.SIZE)):
            if array.shape != (samples, joints, size):
                raise ShapeError(name, array.shape, f'({samples}, {joints}, {size})')

    def __len__(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> float:
        """Time from the first sample to the last [s]."""
        return float(self.times[-1] - self.times[0]) if len(self) else 0.0

    def part(self, which: slice | np.ndarray) -> Recording:
        """Return some of the samples."""
        return Recording(self.times[which], self.angles[which], self.chains[which])

    def split(self, share: float) -> tuple[Recording, Recording]:
        """Return the samples before the last share of the time, and those in it."""
        begin = self.times[-1] - share * self.duration
        at = int(np.searchsorted(self.times, begin))
        return self.part(slice(at)), self.part(slice(at, None))

    def moving(self) -> Recording:
        """Return the samples at which the arm has moved on: what stood still counts once."""
        kept, last = [], None
        for index, angles in enumerate(self.angles):
            if last is None or np.abs(angles - last).max() >= _STILL:
                kept.append(index)
                last = angles
        return self.part(np.array(kept, dtype=int))


def join(recordings: Sequence[Recording]) -> Recording:
    """Return the samples of several recordings, one after the other."""
    times, end = [], 0.0
    for each in recordings:
        times.append(each.times - each.times[:1] + end)
        end += each.duration
    return Recording(np.concatenate(times), *(
        np.concatenate([getattr(each, name) for each in recordings])
        for name in ('angles', 'chains')))


def read(path: str | Path, arm: Arm, tracked: Sequence[int] = (), namespace: str | None = None
         ) -> Recording:
    """
    Return what a recording tells of an arm.

    A pose chain carries the time at which it was measured, and belongs to the angles of that time,
    between two joint states. Only a chain that carries the stamp of a command, as the simulator's
    do, belongs to the joint states that were published with it.

    :param path: an MCAP file of any ROS 2 recorder, or the folder of a rosbag2 recording
    :param tracked: numbers of the joints whose poses there are, from 1, or which of all are to be
        looked at; empty for all
    :param namespace: of the arm, needed if there are several in the recording
    :raises RecordingError: if it can't be read, or does not hold both, for such an arm
    """
    elements = tracked_elements(arm, tracked)
    heard: dict[str, list[Message]] = {}
    for message in messages(path):
        heard.setdefault(message.topic, []).append(message)
    states = _of_topic(path, JOINT_STATES, heard, namespace)
    chains = _of_topic(path, POSE_CHAIN, heard, namespace)
    commands = _of_topic(path, JOINT_COMMAND, heard, namespace, needed=False)
    states, angles = _read_states(path, arm, states)
    chains, poses = _read_chains(path, arm, elements, chains)
    answered = np.isin(chains.stamps, [_stamp(command, command.decode()) for command in commands])
    if answered.any():
        kept, angles = _published_together(states, angles, chains, answered)
    else:
        kept, angles = _interpolated(states, angles, chains)
    if not len(kept):
        raise RecordingError(
            f'{path}: no pose was measured while joint states came: {POSE_CHAIN} is stamped '
            f'{_span(chains.stamps)}, {JOINT_STATES} {_span(states.stamps)}; are the clocks '
            'the same?')
    times = chains.published[kept] if answered.any() else chains.stamps[kept]
    return Recording(1e-9 * (times - times[0]), angles, poses[kept])


def messages(path: str | Path) -> Iterator[Message]:
    """
    Yield the messages of a recording in the order in which they were written.

    A file that was cut off, as by a crash of the recorder, yields what is whole in it.

    :param path: an MCAP file of any ROS 2 recorder, or the folder of a rosbag2 recording
    :raises RecordingError: if nothing of it can be read
    :raises MissingPackageError: if the library that reads it is not installed
    """
    require('mcap_ros2')
    path = Path(path)
    files = sorted(path.glob('*.mcap')) if path.is_dir() else [path]
    if not files:
        raise RecordingError(f'{path} is a folder without an MCAP file (*.mcap); another storage, '
                             'and files that are compressed as a whole, must be converted')
    for file in files:
        yield from _messages_of_file(file)


def _messages_of_file(path: Path) -> Iterator[Message]:
    from mcap.exceptions import McapError
    from mcap.reader import NonSeekingReader
    from mcap_ros2.decoder import DecoderFactory
    from zstandard import ZstdError
    decoders, count = DecoderFactory(), 0
    try:
        with open(path, 'rb') as file:
            # Read from the front: the summary at the end is what a crash leaves out.
            reader = NonSeekingReader(file, validate_crcs=True,
                                      record_size_limit=path.stat().st_size)
            for schema, channel, message in reader.iter_messages(log_time_order=False):
                count += 1
                yield Message(channel.topic, schema, channel.message_encoding, message.log_time,
                              message.publish_time, message.data, decoders)
    except OSError as error:
        raise RecordingError(f'{path} can not be read: {error.strerror}') from error
    except (McapError, ZstdError, struct.error, ValueError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        if not count:
            raise RecordingError(f'{path} is no MCAP file with messages: {reason}') from error
        _log.warning('%s is cut off or damaged: taking the %d messages before (%s)', path, count,
                     reason)


class _Stream(NamedTuple):
    """When the messages of a topic were measured and published."""

    stamps: np.ndarray  # (messages,) [ns]
    published: np.ndarray  # (messages,) [ns]


def _of_topic(path: str | Path, name: str, heard: dict[str, list[Message]],
              namespace: str | None, needed: bool = True) -> list[Message]:
    """Return the messages of the one topic of a name, in the order in which they were received."""
    if namespace is None:
        found = [topic for topic in heard if topic.rsplit('/', 1)[-1] == name]
    else:
        found = [topic for topic in heard if topic.strip('/') == f'{namespace}/{name}'.strip('/')]
    if len(found) > 1:
        raise RecordingError(f'{path} has several arms, {", ".join(sorted(found))}: give the '
                             'namespace of one')
    if not found:
        if not needed:
            return []
        raise RecordingError(f'{path} has no messages of {name}, but of '
                             f'{", ".join(sorted(heard)) or "no topic"}')
    messages = heard[found[0]]
    for message in messages:
        if message.kind != _TYPES[name]:
            raise RecordingError(f'{path}: {message.topic} is of the type {message.kind}, '
                                 f'expected {_TYPES[name]}')
    return sorted(messages, key=lambda message: message.received)


def _read_states(path: str | Path, arm: Arm, messages: list[Message]
                 ) -> tuple[_Stream, np.ndarray]:
    """Return the joint states that name every joint, by stamp; angles (messages, joints, 2)."""
    index: dict[tuple, list[int] | None] = {}  # of the arm's joints, by what names there are
    rows = []
    for message in messages:
        content = message.decode()
        names = tuple(content.name)
        if names not in index:
            place = {name: i for i, name in enumerate(names)}
            whole = all(name in place for name in arm.joint_names)
            index[names] = [place[name] for name in arm.joint_names] if whole else None
        if index[names] is not None and len(content.position) == len(names):
            angles = np.array(content.position, dtype=float)[index[names]]
            if np.isfinite(angles).all():
                rows.append((_stamp(message, content), message.published, angles))
    if not rows:
        names = max(index, key=len)
        raise RecordingError(
            f'{path}: no joint states have a position for each of the {arm.dof} joints '
            f'{arm.joint_names[0]} to {arm.joint_names[-1]}, but of {len(names)}: '
            f'{", ".join(names[:3])}{" ..." if len(names) > 3 else ""}')
    rows.sort(key=lambda row: row[0])
    stamps, published, angles = map(np.array, zip(*rows))
    return _Stream(stamps, published), angles.reshape(-1, arm.joints, len(AXES))


def _read_chains(path: str | Path, arm: Arm, elements: list[int], messages: list[Message]
                 ) -> tuple[_Stream, np.ndarray]:
    """Return the pose chains (messages, joints, 9), NaN where a link is not tracked."""
    numbers = np.empty((len(messages), len(elements), 7))
    stamps = np.empty(len(messages), dtype=int)
    for index, message in enumerate(messages):
        content = message.decode()
        if content.header.frame_id not in ('', _BASE_FRAME):
            raise RecordingError(f'{path}: {POSE_CHAIN} is in the frame '
                                 f'{content.header.frame_id!r}, expected {_BASE_FRAME!r}')
        poses = content.poses
        if len(poses) == arm.joints:
            poses = [poses[element] for element in elements]
        if len(poses) != len(elements):
            raise RecordingError(
                f'{path}: {POSE_CHAIN} has {len(poses)} poses, expected {len(elements)}; say how '
                'many joints the arm has, or which are tracked')
        stamps[index] = _stamp(message, content)
        numbers[index] = [(p.position.x, p.position.y, p.position.z, p.orientation.x,
                           p.orientation.y, p.orientation.z, p.orientation.w) for p in poses]
    positions, orientations = numbers[..., :3], numbers[..., 3:]
    orientations[np.abs(orientations).max(axis=-1) < 1e-3] = np.nan  # none was measured
    chains = np.full((len(messages), arm.joints, pose.SIZE), np.nan)
    with np.errstate(invalid='ignore'):
        chains[:, elements] = pose.from_quaternion(orientations, positions)
    return _Stream(stamps, np.array([message.published for message in messages])), chains


def _published_together(states: _Stream, angles: np.ndarray, chains: _Stream,
                        answered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair chains that answer commands with the joint states of the same moment.

    How much later they are published is seen where the first joint states after the command answer
    it. Where a command has to wait, those answer an earlier one, and seem to be longer ago.

    :param answered: (chains,), which carry the stamp of a command
    :return: indices of chains (samples,), and their angles (samples, joints, 2)
    """
    rows = np.flatnonzero(answered)
    after = np.searchsorted(states.stamps, chains.stamps[rows])
    known = after < len(states.stamps)
    if not known.any():
        return rows[:0], angles[:0]
    later = np.quantile(chains.published[rows[known]] - states.published[after[known]], 0.1)
    order = np.argsort(states.published, kind='stable')
    published = states.published[order]
    wanted = chains.published[rows] - int(later)
    before = np.searchsorted(published, chains.published[rows], side='right') - 1
    right = np.minimum(np.searchsorted(published, wanted), before).clip(0)
    left = np.maximum(right - 1, 0)
    nearest = np.where(abs(wanted - published[left]) < abs(wanted - published[right]), left, right)
    sure = np.abs(published[nearest] - wanted) <= 1e9 * _JITTER
    if later <= 1e9 * _JITTER:  # nothing comes between the two, however long a busy machine takes
        sure |= (nearest == before) & (before >= 0)
    return rows[sure], angles[order[nearest[sure]]]


def _interpolated(states: _Stream, angles: np.ndarray, chains: _Stream
                  ) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair chains with the angles at the time of their stamps, between two joint states.

    :return: indices of chains (samples,) by time, and their angles (samples, joints, 2)
    """
    stamps, first = np.unique(states.stamps, return_index=True)
    _, rows = np.unique(chains.stamps, return_index=True)
    wanted = chains.stamps[rows]
    right = np.searchsorted(stamps, wanted)
    inside = (right < len(stamps)) & (right > 0) | np.isin(wanted, stamps)
    rows, wanted, right = rows[inside], wanted[inside], right[inside]
    left = np.where(stamps[right] == wanted, right, right - 1)
    gap = stamps[right] - stamps[left]
    near = gap <= 1e9 * _LONGEST_GAP
    rows, wanted, right, left, gap = (each[near] for each in (rows, wanted, right, left, gap))
    share = ((wanted - stamps[left]) / np.maximum(gap, 1))[:, None, None]
    angles = angles[first]
    return rows, angles[left] + share * (angles[right] - angles[left])


def _stamp(message: Message, content: Any) -> int:
    """Return the stamp of a message [ns]; of one that has none, when it was received."""
    time = content.header.stamp
    return time.sec * 10**9 + time.nanosec or message.received


def _span(stamps: np.ndarray) -> str:
    return f'{1e-9 * stamps.min():.3f} to {1e-9 * stamps.max():.3f} s'


def tracked_elements(arm: Arm, tracked: Sequence[int]) -> list[int]:
    """Return which elements of the chain are tracked."""
    if len(set(tracked)) < len(tracked) or not all(1 <= j <= arm.joints for j in tracked):
        raise RecordingError(f'the tracked joints are {", ".join(map(str, tracked))}, expected '
                             f'different numbers from 1 to {arm.joints}')
    return [j - 1 for j in tracked] or list(range(arm.joints))
