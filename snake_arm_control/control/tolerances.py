# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Tolerances of an arm: how near to a goal is at it."""

from __future__ import annotations

import math
from typing import NamedTuple


class Tolerances(NamedTuple):
    """Errors at which a goal counts as reached."""

    position: float  # [m]
    axis: float  # [rad]

    def ratio(self, position_error: float, axis_error: float, violation: float = 0.0) -> float:
        """
        Return the largest of errors [m], [rad] over its tolerance; NaN counts as infinite.

        :param violation: of inequalities [m], to the tolerance of positions
        """
        ratios = position_error / self.position, axis_error / self.axis, violation / self.position
        return math.inf if any(map(math.isnan, ratios)) else max(ratios)

    def are_met(self, position_error: float, axis_error: float, violation: float = 0.0) -> bool:
        """Return whether errors [m], [rad] and a violation [m] are within the tolerances."""
        return self.ratio(position_error, axis_error, violation) <= 1.0
