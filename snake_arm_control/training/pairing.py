# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Which angles belong to a measured pose chain, by the times of their messages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LONGEST_GAP = 0.1  # [s], between joint states that are interpolated
JITTER = 0.002  # [s], of the time between joint states and the pose chain of the same moment


class Times(NamedTuple):
    """When the messages of a topic were measured and published."""

    stamps: np.ndarray  # (messages,) [ns]
    published: np.ndarray  # (messages,) [ns]


def published_together(states: Times, angles: np.ndarray, chains: Times, answered: np.ndarray
                       ) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair chains that answer commands with the joint states of the same moment.

    How much later than these a chain is published is estimated where the first joint states after
    a command answer it. Where a command has to wait, they answer an earlier one, and the delay
    looks longer: hence a low quantile.

    :param angles: (states, joints, axes) [rad]
    :param answered: (chains,), which carry the stamp of a command
    :return: indices of chains (samples,), and their angles (samples, joints, axes)
    """
    rows = np.flatnonzero(answered)
    after = np.searchsorted(states.stamps, chains.stamps[rows])
    known = after < len(states.stamps)
    if not known.any():
        return rows[:0], angles[:0]
    delay = np.quantile(chains.published[rows[known]] - states.published[after[known]], 0.1)
    order = np.argsort(states.published, kind='stable')
    published = states.published[order]
    wanted = chains.published[rows] - int(delay)
    before = np.searchsorted(published, chains.published[rows], side='right') - 1
    right = np.minimum(np.searchsorted(published, wanted), before).clip(0)
    left = np.maximum(right - 1, 0)
    nearest = np.where(abs(wanted - published[left]) < abs(wanted - published[right]), left, right)
    sure = np.abs(published[nearest] - wanted) <= 1e9 * JITTER
    if delay <= 1e9 * JITTER:  # nothing comes between the two, however long a busy machine takes
        sure |= (nearest == before) & (before >= 0)
    return rows[sure], angles[order[nearest[sure]]]


def interpolated(states: Times, angles: np.ndarray, chains: Times
                 ) -> tuple[np.ndarray, np.ndarray]:
    """
    Pair chains with the angles at the time of their stamps, between two joint states.

    :param angles: (states, joints, axes) [rad]
    :return: indices of chains (samples,) by time, and their angles (samples, joints, axes)
    """
    stamps, first = np.unique(states.stamps, return_index=True)
    _, rows = np.unique(chains.stamps, return_index=True)
    wanted = chains.stamps[rows]
    right = np.searchsorted(stamps, wanted)
    inside = (right < len(stamps)) & (right > 0) | np.isin(wanted, stamps)
    rows, wanted, right = rows[inside], wanted[inside], right[inside]
    left = np.where(stamps[right] == wanted, right, right - 1)
    gap = stamps[right] - stamps[left]
    near = gap <= 1e9 * LONGEST_GAP
    rows, wanted, right, left, gap = (each[near] for each in (rows, wanted, right, left, gap))
    fraction = ((wanted - stamps[left]) / np.maximum(gap, 1))[:, None, None]
    angles = angles[first]
    return rows, angles[left] + fraction * (angles[right] - angles[left])
