# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Which angles belong to a measured pose chain, by the times of their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LONGEST_GAP = 0.1  # [s], between joint states that are interpolated
JITTER = 0.002  # [s], of the time between joint states and the pose chain of the same moment


class Times(NamedTuple):
    """When the messages of a topic were measured and published."""

    stamps: np.ndarray  # (messages,) [ns]
    published: np.ndarray  # (messages,) [ns]


class JointTrack(NamedTuple):
    """Joint states that name the same joints of an arm."""

    joints: tuple[int, ...]  # which, in the order of the arm's joint names
    times: Times
    positions: np.ndarray  # (messages, joints named) [rad or m]


def published_together(tracks: Sequence[JointTrack], dof: int, chains: Times
                       ) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair chains that answer commands with the joint states of the same moment.

    How much later than these a chain is published is estimated where the first joint states after
    a command answer it. Where a command has to wait, they answer an earlier one, and the delay
    looks longer: hence a low quantile.

    :param tracks: of which one names all joints
    :param chains: each with the stamp of a command
    :return: indices of chains (samples,), and their positions (samples, dof)
    """
    states, positions = next(((track.times, track.positions) for track in tracks
                              if len(track.joints) == dof),
                             (Times(*np.empty((2, 0), int)), np.empty((0, dof))))
    rows = np.arange(len(chains.stamps))
    order = np.argsort(states.stamps, kind='stable')
    after = np.searchsorted(states.stamps[order], chains.stamps)
    known = after < len(order)
    if not known.any():
        return rows[:0], positions[:0]
    delay = np.quantile(chains.published[known] - states.published[order[after[known]]], 0.1)
    order = np.argsort(states.published, kind='stable')
    published = states.published[order]
    wanted = chains.published - int(delay)
    before = np.searchsorted(published, chains.published, side='right') - 1
    right = np.minimum(np.searchsorted(published, wanted), before).clip(0)
    left = np.maximum(right - 1, 0)
    nearest = np.where(abs(wanted - published[left]) < abs(wanted - published[right]), left, right)
    sure = np.abs(published[nearest] - wanted) <= 1e9 * JITTER
    if delay <= 1e9 * JITTER:  # nothing comes between the two, however long a busy machine takes
        sure |= (nearest == before) & (before >= 0)
    return rows[sure], positions[order[nearest[sure]]]


def interpolated(tracks: Sequence[JointTrack], dof: int, chains: Times
                 ) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair chains with the positions at the time of their stamps, each between two joint states.

    :param tracks: together they name all joints
    :return: indices of chains (samples,) by time, and their positions (samples, dof)
    """
    wanted, rows = np.unique(chains.stamps, return_index=True)
    positions, known = np.empty((len(rows), dof)), np.ones(len(rows), bool)
    named_in: dict[tuple[int, ...], list[int]] = {}  # joints by the tracks that name them
    for joint in range(dof):
        sources = tuple(i for i, track in enumerate(tracks) if joint in track.joints)
        named_in.setdefault(sources, []).append(joint)
    for sources, joints in named_in.items():
        found = [tracks[i] for i in sources]
        stamps, first = np.unique(np.concatenate([track.times.stamps for track in found]),
                                  return_index=True)
        values = np.concatenate([track.positions[:, [track.joints.index(j) for j in joints]]
                                 for track in found])[first]
        positions[:, joints], sure = _between(stamps, values, wanted)
        known &= sure
    return rows[known], positions[known]


def _between(stamps: np.ndarray, values: np.ndarray, wanted: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the values (wanted, joints) at some stamps, and of which they are known.

    :param stamps: (messages,) [ns], growing
    :param values: (messages, joints)
    """
    right = np.searchsorted(stamps, wanted)
    inside = (right < len(stamps)) & ((right > 0) | np.isin(wanted, stamps))
    right = np.minimum(right, len(stamps) - 1)
    left = np.where(stamps[right] == wanted, right, np.maximum(right - 1, 0))
    gap = stamps[right] - stamps[left]
    fraction = ((wanted - stamps[left]) / np.maximum(gap, 1))[:, None]
    return (values[left] + fraction * (values[right] - values[left]),
            inside & (gap <= 1e9 * LONGEST_GAP))
