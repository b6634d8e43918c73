# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the joints did: their angles by the time at which they were measured."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from snake_arm_control.compiling import compiler

# [ns] At 20 rad/s^2 a joint goes up to 0.025 rad off the even motion between two such moments.
_GAP = 100_000_000
_compiled = compiler(error_model='numpy')


class Moment(NamedTuple):
    """Where the joints were at a time, and the pose chain that the model predicts for it."""

    stamp: int  # [ns]
    angles: np.ndarray  # (joints, axes) [rad]
    chain: np.ndarray  # (joints, 9)


class JointHistory:
    """
    Moments by stamp, over the last seconds; between two of them the joints moved evenly.

    :param span: how long a moment is kept [ns]
    :param most: how many are kept
    """

    def __init__(self, span: int = 5 * 10**9, most: int = 4000):
        self._span, self._most = span, most
        self._stamps: list[int] = []
        self._moments: list[Moment] = []

    def add(self, moment: Moment) -> None:
        """Keep a moment; one that is not later than the one before is passed over."""
        if self._stamps and moment.stamp <= self._stamps[-1]:
            return
        self._stamps.append(moment.stamp)
        self._moments.append(moment)
        # Forgotten a quarter at a time: to move the lists at each moment would cost more.
        if (len(self._stamps) > self._most
                or self._stamps[len(self._stamps) // 4] < moment.stamp - self._span):
            oldest = max(len(self._stamps) // 4, 1)
            del self._stamps[:oldest], self._moments[:oldest]

    def shift(self, change: np.ndarray) -> None:
        """Change all chains by as much (joints, 9): they are now predicted otherwise."""
        before, moved = None, change
        for place, moment in enumerate(self._moments):
            if moment.chain is not before:  # of a stationary arm they are the same, and stay so
                before, moved = moment.chain, moment.chain + change
            self._moments[place] = moment._replace(chain=moved)

    def clear(self) -> None:
        """Forget all moments."""
        self._stamps.clear()
        self._moments.clear()

    @property
    def latest(self) -> Moment | None:
        """The latest moment, None if there is none."""
        return self._moments[-1] if self._moments else None

    def at(self, stamp: int) -> Moment | None:
        """Return the moment at a time [ns], the latest for later ones; None before the first."""
        index = bisect_right(self._stamps, stamp)
        if not index:
            return None
        before = self._moments[index - 1]
        if before.stamp == stamp or index == len(self._moments):
            return before
        after = self._moments[index]
        if before.chain is after.chain:  # they were stationary
            return before._replace(stamp=stamp)
        part = (stamp - before.stamp) / (after.stamp - before.stamp)
        return Moment(stamp, _between(before.angles, after.angles, part),
                      _between(before.chain, after.chain, part))

    def gap(self, stamp: int) -> list[Moment]:
        """
        Return the moments around a time [ns] that are so far apart that nothing is known of it.

        :return: both, or none: what the joints did at the time is known
        """
        index = bisect_right(self._stamps, stamp)
        if not 0 < index < len(self._stamps) or self._stamps[index - 1] == stamp:
            return []
        before, after = self._moments[index - 1:index + 1]
        return [before, after] if after.stamp - before.stamp > _GAP else []

    def around(self, stamp: int, deviation: float) -> list[Moment]:
        """Return where the joints were at times that differ by up to two deviations [s]."""
        if not deviation:
            return []
        step = round(1e9 * deviation)
        return [moment for moment in map(self.at, (stamp - 2 * step, stamp - step, stamp + step))
                if moment is not None]


@_compiled
def _between(before, after, part):
    """Return an array (n, m) that lies a part of the way from one to another."""
    result = np.empty_like(before)
    for i in range(before.shape[0]):
        for k in range(before.shape[1]):
            result[i, k] = before[i, k] + part * (after[i, k] - before[i, k])
    return result
