# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of a real arm: MCAP files and tables to samples of its angles and poses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.columns import Columns
from snake_arm_control.training.messages import Message, messages
from snake_arm_control.training.pairing import interpolated, published_together, Times
from snake_arm_control.training.readings import command_stamps, joint_tracks, pose_chains
from snake_arm_control.training.samples import Samples
from snake_arm_control.training.tables import read_table, SUFFIXES

JOINT_STATES, POSE_CHAIN, JOINT_COMMAND = 'joint_states', 'pose_chain', 'joint_command'
_TYPES = {JOINT_STATES: 'sensor_msgs/msg/JointState', POSE_CHAIN: 'geometry_msgs/msg/PoseArray',
          JOINT_COMMAND: 'sensor_msgs/msg/JointState'}


def read(path: str | Path, arm: Arm, tracked: Sequence[int] = (), namespace: str | None = None,
         any_frame: bool = False, columns: Columns | None = None) -> Samples:
    """
    Return the samples of an arm that a recording holds.

    A pose chain carries the time at which it was measured, and belongs to the angles of that time,
    between two joint states. Chains that carry the stamps of commands, as a simulator's may,
    belong to the joint states that were published with them. Messages that can't be read, or
    can't be the arm's, are left out: a warning says how many, and why.

    :param path: an MCAP file of any ROS 2 recorder, the folder of a rosbag2 recording, or a table
        as `tables` has it
    :param tracked: numbers, from 1, of the joints whose poses were measured, or of those to use if
        all were; empty for all
    :param namespace: of the arm, needed if there are several in the recording
    :param any_frame: whether the poses may be in another frame than the base
    :param columns: of a table by other names
    :raises RecordingError: if it can't be read, or does not hold both, for such an arm
    :raises MissingPackageError: if the library that reads it is not installed
    """
    elements = tracked_elements(arm, tracked)
    if Path(path).suffix in SUFFIXES:
        samples = read_table(path, arm, columns)
        tracked_only = np.full_like(samples.chains, np.nan)
        tracked_only[:, elements] = samples.chains[:, elements]
        return replace(samples, chains=tracked_only)
    by_topic: dict[str, list[Message]] = defaultdict(list)
    for message in messages(path):
        of_topic = by_topic[message.topic]
        if message.topic.rsplit('/', 1)[-1] in _TYPES:  # no need to keep the images of a camera
            of_topic.append(message)
    states = _of_topic(path, JOINT_STATES, by_topic, namespace)
    tracks = joint_tracks(path, arm, states)
    chains, poses = pose_chains(
        path, arm, elements, _of_topic(path, POSE_CHAIN, by_topic, namespace), any_frame)
    commands = command_stamps(_of_topic(path, JOINT_COMMAND, by_topic, namespace, needed=False))
    reported = np.concatenate([track.times.stamps for track in tracks])
    answers = np.isin(chains.stamps, commands) & ~np.isin(chains.stamps, reported)
    if answers.mean() > 0.5:  # else by chance, as by a clock that ticks slowly
        if all(message.published == message.received for message in states):
            raise RecordingError(
                f'{path}: {POSE_CHAIN} has the stamps of commands, and when messages were '
                'published is lost, as by a conversion: the angles of its poses are not known; '
                'give the file as it was recorded')
        chains, poses = Times(*(times[answers] for times in chains)), poses[answers]
        kept, positions = published_together(tracks, arm.dof, chains)
        times = chains.published[kept]
    else:
        kept, positions = interpolated(tracks, arm.dof, chains)
        times = chains.stamps[kept]
    if not len(kept):
        raise RecordingError(
            f'{path}: no pose was measured while joint states came: {POSE_CHAIN} is stamped '
            f'{_span(chains.stamps)}, {JOINT_STATES} {_span(reported)}; are the clocks the same?')
    return Samples(1e-9 * (times - times[0]), arm.shaped(positions), poses[kept])


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


def _span(stamps: np.ndarray) -> str:
    return f'{1e-9 * stamps.min():.3f} to {1e-9 * stamps.max():.3f} s'


def tracked_elements(arm: Arm, tracked: Sequence[int]) -> list[int]:
    """Return which elements of the chain are tracked."""
    if len(set(tracked)) < len(tracked) or not all(1 <= j <= arm.joints for j in tracked):
        raise RecordingError(f'the tracked joints are {", ".join(map(str, tracked))}, expected '
                             f'different numbers from 1 to {arm.joints}')
    return [j - 1 for j in tracked] or list(range(arm.joints))
