# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Recovery of a stuck arm: another way is searched for, then taken, or the arm gives up."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import numpy as np

from snake_arm_control.control.descent import score, Search, Solution
from snake_arm_control.control.progress import Progress
from snake_arm_control.control.tolerances import Tolerances

_PASSED = 0.02  # [rad or m] from a configuration of a detour, the next one is aimed at
_FAR = 10.0  # a detour is never near its end
_ROUNDING = 1e-9  # [rad or m]
_BETTER = 0.5  # another way is taken if it promises to end at this fraction of the error


class Phase(Enum):
    """How far a recovery is."""

    NONE = 'not needed'
    SEARCHING = 'looking for another way'
    DETOUR = 'on the way to a new start'
    GAVE_UP = 'no way was found'


class Recovery:
    """Searches one step a tick, so that other callers get their turn; the arm waits meanwhile."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """Forget the ways that were tried."""
        self.phase = Phase.NONE
        self.detour: list[np.ndarray] = []  # (joints, axes) [rad or m], to the new start
        self._progress = Progress()  # along it
        self._tried = 0
        self._searches: Iterator[Search] | None = None
        self._search: Search | None = None

    def begin(self, searches: Iterator[Search], most: int) -> None:
        """
        Begin the next search, or give up.

        :param searches: where to look if none was begun before
        :param most: searches since the last reset, after which there is no more
        """
        if self._searches is None:
            self._searches = searches
        if self._tried >= most:
            self.phase, self._search = Phase.GAVE_UP, None
            return
        self.phase, self._search = Phase.SEARCHING, next(self._searches)
        self._tried += 1

    def step(self, tolerances: Tolerances, ratio: float, most: int) -> None:
        """
        Take one step of the search; at its end take its way, or begin another search.

        :param ratio: the error that the arm is stuck at, over its tolerance
        :param most: see `begin`
        """
        assert self._searches is not None and self._search is not None  # one was begun
        try:
            next(self._search)
        except StopIteration as end:
            if score(end.value, tolerances) < _BETTER * ratio:
                self.phase, self._search = Phase.DETOUR, None
                found: Solution = end.value
                self.detour = [found.angles] if found.path is None else list(found.path[1:])
                self._progress.reset()
            else:
                self.begin(self._searches, most)

    def follow(self, here: np.ndarray, period: float, stall_time: float) -> np.ndarray | None:
        """
        Return the change (joints, axes) along the detour; None at its end, or where it is barred.

        :param here: (joints, axes) [rad or m]
        :param period: since the step before [s]
        :param stall_time: after which it is barred [s]
        """
        while len(self.detour) > 1 and np.abs(self.detour[0] - here).max() <= _PASSED:
            self.detour.pop(0)
        if self.detour:
            change = self.detour[0] - here
            left = float(np.abs(change).max())
            self._progress.update(_FAR * (len(self.detour) + left), period)
            if left > _ROUNDING and not self._progress.is_stuck(stall_time):
                return change
        self.phase, self.detour = Phase.NONE, []
        return None
