# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Free space: where the end of a link can go among the shapes of a scene."""

from __future__ import annotations

from collections.abc import Generator
import math

import numpy as np

from snake_arm_control.control import grid_search
from snake_arm_control.control.clearance import Clearances

_CELL = 0.025  # [arm lengths], of the grid on which ways are looked for
_CELLS = 300  # that are looked at before a pause
_COMFORT = 0.05  # [arm lengths], a way has no use for more clearance
_APART = 0.08  # [arm lengths], of ways that are different


class FreeSpace:
    """
    The space in which the end of a link keeps clear of everything.

    Meshes count as balls round their surfaces, a centimetre larger or, where they are wide, more.

    :param clearances: what the arm keeps clear of
    :param joint: index of the chain element that is at the end of the link
    """

    def __init__(self, clearances: Clearances, joint: int):
        body, arm = clearances.body, clearances.body.arm
        radius = body.radii[body.elements == joint].max(initial=0.0)
        self._solids, self._length = clearances.covered_solids, arm.length
        self._needed = float(radius + clearances.scene.margin)  # [m], from the middle of the end
        self._middle = arm.geometry.steps[0].copy()
        self._reach = float(arm.reaches[joint])

    def way(self, start: np.ndarray, end: np.ndarray, crossed: np.ndarray
            ) -> Generator[None, None, np.ndarray | None]:
        """
        Look for a way on a grid; pauses now and then.

        Returns points (n, 3) of it, None if there is none.

        :param start, end: (3,) [m]
        :param crossed: (m, 3) [m], points that the way keeps off where it has a choice
        """
        size, comfort = _CELL * self._length, _COMFORT * self._length
        start, end = np.array(start, float), np.array(end, float)
        far = max(float(np.linalg.norm(point - self._middle)) for point in (start, end))
        reach = min(self._reach, far + self._length)  # of slides without limits
        grid = size, 2 * (math.ceil(reach / size) + 2) + 1, self._middle
        search = grid_search.begin(start, end, *grid)
        while not grid_search.advance(self._solids, search, self._needed, comfort, *grid, crossed,
                                      _APART * self._length, _CELLS):
            yield
        found = grid_search.traced(search, start, end, *grid)
        if not len(found):
            return None
        return grid_search.straightened(self._solids, found, self._needed, comfort)

    def is_straight_way_free(self, start: np.ndarray, end: np.ndarray) -> bool:
        """Return whether the end can go straight from place to place (3,) [m]."""
        return bool(grid_search.clearance(self._solids, np.stack((start, end))) > self._needed)
