# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Terms of the arm's shape: a posture, the middle of the joints' range, bends spread evenly."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.term import Term


class Posture(Term):
    """
    Draws the arm to a posture as far as all else leaves a choice.

    With the angles from where it starts it changes as little as it can.

    :param angles: (joints, axes) [rad or m], of the posture
    :param fraction: of the way to it, in each step
    """

    def __init__(self, angles: np.ndarray, fraction: float = 0.05):
        self._angles, self._fraction = np.array(angles, float), fraction

    def preference(self, angles: np.ndarray) -> np.ndarray | None:
        """Return a fraction of the way to the posture; see `Term`."""
        return self._fraction * (self._angles - angles)


class Centering(Term):
    """
    Draws joints to the middle of their range as far as all else leaves a choice.

    A goal that goes round and round would else screw the arm into its limits.

    :param arm: whose limits count; an axis without limits is left alone
    :param fraction: of the way to the middle, in each step
    """

    def __init__(self, arm: Arm, fraction: float):
        limited = np.isfinite(arm.lower) & np.isfinite(arm.upper)
        self._middle = np.where(limited, 0.5 * (arm.lower + arm.upper), 0.0)
        self._fractions = np.where(limited, fraction, 0.0)

    def preference(self, angles: np.ndarray) -> np.ndarray | None:
        """Return a fraction of the way to the middle; see `Term`."""
        return self._fractions * (self._middle - angles)
