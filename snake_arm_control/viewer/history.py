# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The last moments of some numbers, for plots."""

from __future__ import annotations

from collections import deque

import numpy as np


class History:
    """
    Rows of numbers over the last seconds, thinned to a given period.

    :param columns: numbers in a row
    :param span: how long a row is kept [s]
    :param period: time from one row to the next, at least [s]
    """

    def __init__(self, columns: int, span: float, period: float):
        self._columns, self._span, self._period = columns, span, period
        self._rows: deque[tuple[float, ...]] = deque()

    def add(self, now: float, *row: float) -> bool:
        """Take a row at a time [s]; return whether it was kept."""
        if self._rows and now - self._rows[-1][0] < self._period:
            return False
        self._rows.append((now, *row))
        while now - self._rows[0][0] > self._span:
            self._rows.popleft()
        return True

    def columns(self, now: float) -> tuple[np.ndarray, ...]:
        """Return the ages of the rows, up to 0 for now [s], and each column; oldest first."""
        rows = np.array(self._rows or [(now, *[np.nan] * self._columns)])
        return (rows[:, 0] - now, *rows[:, 1:].T)
