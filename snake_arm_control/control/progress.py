# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Progress towards a goal: whether the error still falls, or the arm is stuck."""

from __future__ import annotations

import math

_PROGRESS = 0.99  # a smaller fraction of the error than this counts as progress
_FAR = 5.0  # an arm closer than this many times the tolerances may be kept there by noise
_CLOSE_PATIENCE = 5.0  # it gets this many times the time


class Progress:
    """Counts the time in which the error did not fall; errors are multiples of the tolerances."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        """Count from here on."""
        self.ratio = math.inf  # of the latest progress
        self._without = 0.0  # [s]
        self._patience = 1.0  # [stall times]

    def update(self, ratio: float, elapsed: float) -> None:
        """
        Take the error of this moment.

        :param ratio: error over its tolerance
        :param elapsed: time since the last call [s]
        """
        self._patience = 1.0 if ratio > _FAR else _CLOSE_PATIENCE
        if ratio <= 1.0 or ratio < _PROGRESS * self.ratio:
            self._without = 0.0
            self.ratio = ratio if ratio > 1.0 else math.inf
        else:
            self._without += elapsed

    def is_stuck(self, stall_time: float) -> bool:
        """Return whether there was no progress for longer than a time [s], near the goal 5 x."""
        return self._without > self._patience * stall_time
