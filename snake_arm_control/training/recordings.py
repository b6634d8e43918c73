# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of a real arm: MCAP files to samples of its angles and measured poses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.messages import Message, messages
from snake_arm_control.training.pairing import interpolated, published_together, Times
from snake_arm_control.training.samples import Samples

JOINT_STATES, POSE_CHAIN, JOINT_COMMAND = 'joint_states', 'pose_chain', 'joint_command'
_TYPES = {JOINT_STATES: 'sensor_msgs/msg/JointState', POSE_CHAIN: 'geometry_msgs/msg/PoseArray',
          JOINT_COMMAND: 'sensor_msgs/msg/JointState'}


def read(path: str | Path, arm: Arm, tracked: Sequence[int] = (), namespace: str | None = None
         ) -> Samples:
    """
    Return the samples of an arm that a recording holds.

    A pose chain carries the time at which it was measured, and belongs to the angles of that time,
    between two joint states. Only a chain that carries the stamp of a command, as the simulator's
    do, belongs to the joint states that were published with it.

    :param path: an MCAP file of any ROS 2 recorder, or the folder of a rosbag2 recording
    :param tracked: numbers, from 1, of the joints whose poses were measured, or of those to use if
        all were; empty for all
    :param namespace: of the arm, needed if there are several in the recording
    :raises RecordingError: if it can't be read, or does not hold both, for such an arm
    :raises MissingPackageError: if the library that reads it is not installed
    """
    elements = tracked_elements(arm, tracked)
    by_topic: dict[str, list[Message]] = defaultdict(list)
    for message in messages(path):
        of_topic = by_topic[message.topic]
        if message.topic.rsplit('/', 1)[-1] in _TYPES:  # no need to keep the images of a camera
            of_topic.append(message)
    states, angles = _read_states(path, arm, _of_topic(path, JOINT_STATES, by_topic, namespace))
    chains, poses = _read_chains(
        path, arm, elements, _of_topic(path, POSE_CHAIN, by_topic, namespace))
    commands = _of_topic(path, JOINT_COMMAND, by_topic, namespace, needed=False)
    answered = np.isin(chains.stamps, [command.stamp(command.decode()) for command in commands])
    if answered.any():
        kept, angles = published_together(states, angles, chains, answered)
    else:
        kept, angles = interpolated(states, angles, chains)
    if not len(kept):
        raise RecordingError(
            f'{path}: no pose was measured while joint states came: {POSE_CHAIN} is stamped '
            f'{_span(chains.stamps)}, {JOINT_STATES} {_span(states.stamps)}; are the clocks '
            'the same?')
    times = chains.published[kept] if answered.any() else chains.stamps[kept]
    return Samples(1e-9 * (times - times[0]), angles, poses[kept])


def _of_topic(path: str | Path, name: str, by_topic: dict[str, list[Message]],
              namespace: str | None, needed: bool = True) -> list[Message]:
    """Return the messages of the one topic of a name, in the order in which they were received."""
    if namespace is None:
        found = [topic for topic in by_topic if topic.rsplit('/', 1)[-1] == name]
    else:
        full = f'{namespace}/{name}'.strip('/')
        found = [topic for topic in by_topic if topic.strip('/') == full]
    if len(found) > 1:
        raise RecordingError(f'{path} has several arms, {", ".join(sorted(found))}: give the '
                             'namespace of one')
    if not found:
        if not needed:
            return []
        raise RecordingError(f'{path} has no messages of {name}, but of '
                             f'{", ".join(sorted(by_topic)) or "no topic"}')
    messages = by_topic[found[0]]
    for message in messages:
        if message.kind != _TYPES[name]:
            raise RecordingError(f'{path}: {message.topic} is of the type {message.kind}, '
                                 f'expected {_TYPES[name]}')
    return sorted(messages, key=lambda message: message.received)


def _read_states(path: str | Path, arm: Arm, messages: list[Message]
                 ) -> tuple[Times, np.ndarray]:
    """Return the joint states that name every joint, by stamp; angles (messages, joints, axes)."""
    index: dict[tuple, list[int] | None] = {}  # of the arm's joints, by what names there are
    rows: list[tuple[int, int, np.ndarray]] = []
    for message in messages:
        content = message.decode()
        names = tuple(content.name)
        if names not in index:
            place = {name: i for i, name in enumerate(names)}
            whole = all(name in place for name in arm.joint_names)
            index[names] = [place[name] for name in arm.joint_names] if whole else None
        if index[names] is not None and len(content.position) == len(names):
            values = np.array(content.position, dtype=float)[index[names]]
            if np.isfinite(values).all():
                rows.append((message.stamp(content), message.published, values))
    if not rows:
        names = max(index, key=len)
        raise RecordingError(
            f'{path}: no joint states have a position for each of the {arm.dof} joints '
            f'{arm.joint_names[0]} to {arm.joint_names[-1]}, but of {len(names)}: '
            f'{", ".join(names[:3])}{" ..." if len(names) > 3 else ""}')
    rows.sort(key=lambda row: row[0])
    stamps, published, values = map(np.array, zip(*rows))
    angles = np.zeros((len(rows), arm.joints, arm.axes))
    angles[:, arm.free] = values
    return Times(stamps, published), angles


def _read_chains(path: str | Path, arm: Arm, elements: list[int], messages: list[Message]
                 ) -> tuple[Times, np.ndarray]:
    """Return the pose chains (messages, joints, 9), NaN where a link is not tracked."""
    numbers = np.empty((len(messages), len(elements), 7))
    stamps = np.empty(len(messages), dtype=int)
    for index, message in enumerate(messages):
        content = message.decode()
        if content.header.frame_id not in ('', arm.base):
            raise RecordingError(f'{path}: {POSE_CHAIN} is in the frame '
                                 f'{content.header.frame_id!r}, expected {arm.base!r}')
        poses = content.poses
        if len(poses) == arm.joints:
            poses = [poses[element] for element in elements]
        if len(poses) != len(elements):
            raise RecordingError(
                f'{path}: {POSE_CHAIN} has {len(poses)} poses, expected {len(elements)}; say how '
                'many joints the arm has, or which are tracked')
        stamps[index] = message.stamp(content)
        numbers[index] = [(p.position.x, p.position.y, p.position.z, p.orientation.x,
                           p.orientation.y, p.orientation.z, p.orientation.w) for p in poses]
    positions, orientations = numbers[..., :3], numbers[..., 3:]
    orientations[np.abs(orientations).max(axis=-1) < 1e-3] = np.nan  # none was measured
    chains = np.full((len(messages), arm.joints, pose.SIZE), np.nan)
    with np.errstate(invalid='ignore'):
        chains[:, elements] = pose.from_quaternion(orientations, positions)
    return Times(stamps, np.array([message.published for message in messages])), chains


def _span(stamps: np.ndarray) -> str:
    return f'{1e-9 * stamps.min():.3f} to {1e-9 * stamps.max():.3f} s'


def tracked_elements(arm: Arm, tracked: Sequence[int]) -> list[int]:
    """Return which elements of the chain are tracked."""
    if len(set(tracked)) < len(tracked) or not all(1 <= j <= arm.joints for j in tracked):
        raise RecordingError(f'the tracked joints are {", ".join(map(str, tracked))}, expected '
                             f'different numbers from 1 to {arm.joints}')
    return [j - 1 for j in tracked] or list(range(arm.joints))
