# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Terms of the arm's shape: a posture, the middle of the joints' range, and its curvature."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.term import Functionals, Term


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


class Curvature(Term):
    """
    Bends the arm at most so much a metre, and spreads its bends evenly.

    Made for arms whose joints all turn about like axes. The bend of a joint is the length of its
    angles, its curvature that bend over the way to the next joint.

    :param most: largest curvature [rad/m], kept as an inequality
    :param fraction: of the way to the mean of its neighbours that each joint goes in each step, as
        far as all else leaves a choice
    """

    influence = 0.1  # [rad]

    def __init__(self, arm: Arm, most: float = math.inf, fraction: float = 0.0):
        self._bends = most * arm.geometry.lengths  # (joints,) [rad]
        self._fraction = fraction

    def inequalities(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return by how much each joint may be bent further [rad]; see `Term`."""
        limited = np.flatnonzero(np.isfinite(self._bends))
        if not len(limited):
            return None
        bends = np.linalg.norm(angles, axis=1)
        by_angles = np.zeros((len(limited), *angles.shape))
        by_angles[np.arange(len(limited)), limited] = -(
            angles / np.maximum(bends, 1e-9)[:, None])[limited]
        return Functionals.of_angles((self._bends - bends)[limited], by_angles)

    def preference(self, angles: np.ndarray) -> np.ndarray | None:
        """Return a fraction of the way to the mean of the neighbours; see `Term`."""
        if not self._fraction:
            return None
        padded = np.concatenate((angles[:1], angles, angles[-1:]))
        return self._fraction * (0.5 * (padded[:-2] + padded[2:]) - angles)
