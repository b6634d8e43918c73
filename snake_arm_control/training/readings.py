# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the messages of a recording say: bad ones are left out, and counted by what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
import logging
from pathlib import Path
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.messages import Message
from snake_arm_control.training.pairing import JointTrack, Times

_FARTHEST = 1e4  # [rad or m], of a joint or a pose; single precision is no finer than 1e-3 there
_REACHES = 2.0  # within so many times the arm's reach a pose is believed
_NO_LENGTH = 1e-3  # a quaternion with no larger component says that none was measured
_SHOWN = 3  # names, or reasons, in a text

_log = logging.getLogger(__name__)


def joint_tracks(path: str | Path, arm: Arm, messages: Sequence[Message]) -> list[JointTrack]:
    """
    Return the joint states of an arm: they may come in parts, in any order, among others.

    :raises RecordingError: if some joint has none
    """
    places = {name: place for place, name in enumerate(arm.joint_names)}
    named: dict[str, None] = {}  # by all messages, in order
    rows: dict[tuple[int, ...], list[tuple[int, int, list[float]]]] = {}
    left_out: Counter[str] = Counter()
    for message in messages:
        try:
            stamp, names, positions = message.read(_joint_state)
            named.update(dict.fromkeys(names))
            values = _of_arm(places, names, positions)
        except RecordingError as error:
            left_out[str(error)] += 1
            continue
        if values:
            rows.setdefault(tuple(values), []).append(
                (stamp or message.received, message.published, list(values.values())))
    why = _reasons(left_out, messages)
    if len({joint for joints in rows for joint in joints}) < arm.dof:
        raise RecordingError(
            f'{path}: no joint states have a position for each of the {arm.dof} joints '
            f'{arm.joint_names[0]} to {arm.joint_names[-1]}, but of {_some(list(named))}'
            f'{why and "; "}{why}')
    _warn(path, why)
    tracks = []
    for joints, of_joints in rows.items():
        stamps, published, values_of = map(np.array, zip(*of_joints))
        tracks.append(JointTrack(joints, Times(stamps, published), values_of))
    return tracks


def _joint_state(content: Any) -> tuple[int, list[str], list[float]]:
    return _stamp(content), list(content.name), list(content.position)


def _of_arm(places: dict[str, int], names: list[str], positions: list[float]
            ) -> dict[int, float]:
    """Return the positions of an arm's joints by their number; none where only others are."""
    ours = [column for column, name in enumerate(names) if name in places]
    if ours and len(positions) != len(names):
        raise RecordingError(f'{len(names)} joints are named, with {len(positions)} positions')
    values = {}
    for column in ours:
        name, value = names[column], positions[column]
        if places[name] in values:
            raise RecordingError(f'{name} is named twice')
        if not abs(value) <= _FARTHEST:
            raise RecordingError(f'{name} is at {value:g}')
        values[places[name]] = value
    return values


def pose_chains(path: str | Path, arm: Arm, elements: Sequence[int],
                messages: Sequence[Message], any_frame: bool = False
                ) -> tuple[Times, np.ndarray]:
    """
    Return the pose chains (messages, joints, 9), NaN where nothing was measured.

    :param elements: of the chain, which are tracked
    :param any_frame: whether they may be in another frame than the base, all in the same
    :raises RecordingError: if none can be used
    """
    rows: list[tuple[int, int, np.ndarray]] = []
    expected = '' if any_frame else arm.base
    left_out: Counter[str] = Counter()
    for message in messages:
        try:
            stamp, frame, numbers = message.read(_pose_array)
            expected = expected or frame
            if frame not in ('', expected):
                raise RecordingError(f'in the frame {frame!r}, expected {expected!r}')
            rows.append((stamp or message.received, message.published,
                         _of_chain(arm, elements, numbers, not any_frame)))
        except RecordingError as error:
            left_out[str(error)] += 1
    why = _reasons(left_out, messages)
    if not rows:
        raise RecordingError(f'{path}: there is no pose chain that can be used{why and "; "}{why}')
    _warn(path, why)
    stamps, published, numbers = map(np.array, zip(*rows))
    chains = np.full((len(rows), arm.joints, pose.SIZE), np.nan)
    chains[:, elements] = pose.from_quaternion(numbers[..., 3:], numbers[..., :3])
    return Times(stamps, published), chains


def _pose_array(content: Any) -> tuple[int, str, np.ndarray]:
    numbers = [(p.position.x, p.position.y, p.position.z, p.orientation.x, p.orientation.y,
                p.orientation.z, p.orientation.w) for p in content.poses]
    return _stamp(content), content.header.frame_id, np.array(numbers, float).reshape(-1, 7)


def _of_chain(arm: Arm, elements: Sequence[int], numbers: np.ndarray, in_base: bool
              ) -> np.ndarray:
    """Return positions [m] and orientations (elements, 7), NaN where they were not measured."""
    if len(numbers) == arm.joints:
        numbers = numbers[elements]
    if len(numbers) != len(elements):
        raise RecordingError(f'has {len(numbers)} poses, expected {len(elements)}; say how many '
                             'joints the arm has, or which are tracked')
    limit = min(_REACHES * float(arm.reaches.max()), _FARTHEST) if in_base else _FARTHEST
    for what, part in ('position', numbers[:, :3]), ('orientation', numbers[:, 3:]):
        bad = ~(np.isfinite(part).all(axis=1) | np.isnan(part).all(axis=1))
        if bad.any():
            raise RecordingError(f'the {what} of {_link(arm, elements, bad)} is infinite, or NaN '
                                 'in part')
    far = np.abs(numbers[:, :3]).max(axis=1) > limit
    if far.any():
        raise RecordingError(f'{_link(arm, elements, far)} is further than {limit:.4g} m from the '
                             'base: other units?')
    numbers[np.abs(numbers[:, 3:]).max(axis=1) < _NO_LENGTH, 3:] = np.nan
    return numbers


def _link(arm: Arm, elements: Sequence[int], bad: np.ndarray) -> str:
    """Return the name of the first link of those that are bad."""
    return (*arm.link_names[:-1], arm.tip)[elements[int(bad.argmax())]]


def command_stamps(messages: Sequence[Message]) -> list[int]:
    """Return the stamps [ns] of commands, those that can not be read left out."""
    stamps = []
    for message in messages:
        with suppress(RecordingError):
            stamps.append(message.read(_stamp))
    return stamps


def _stamp(content: Any) -> int:
    """Return the stamp [ns] of a message, 0 if it has none."""
    time = content.header.stamp
    return time.sec * 10**9 + time.nanosec


def _some(names: Sequence[str]) -> str:
    """Return how many names there are, and the first of them."""
    if not names:
        return 'none'
    return f'{len(names)}: {", ".join(names[:_SHOWN])}{" ..." if len(names) > _SHOWN else ""}'


def _reasons(left_out: Counter[str], messages: Sequence[Message]) -> str:
    """Return how many messages are left out, and why; empty if there are none."""
    if not left_out:
        return ''
    reasons = [f'{count} for: {reason}' for reason, count in left_out.most_common(_SHOWN)]
    others = len(left_out) - _SHOWN
    return (f'{sum(left_out.values())} of {len(messages)} messages of {messages[0].topic} are '
            f'left out, {", ".join(reasons)}' + (f', and for {others} more' if others > 0 else ''))


def _warn(path: str | Path, why: str) -> None:
    """Warn of messages that are left out, for reasons that are not empty."""
    if why:
        _log.warning('%s: %s', path, why)
