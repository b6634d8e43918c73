# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Demands: what all terms together want at one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from snake_arm_control.control.term import Functionals, Term
from snake_arm_control.model.differentiable import Linearization

_NOTHING = np.zeros(0)


class Demands(NamedTuple):
    """What terms want at one configuration."""

    residuals: Functionals  # to be zero
    inequalities: Functionals  # those that are awake
    floors: np.ndarray  # (inequalities,) the least that each may change by in one step
    preference: np.ndarray | None  # (joints, axes) [rad or m], the preferred change
    violation: float  # [m], of the inequality that is violated most

    def derivatives(self, linearization: Linearization, angles: np.ndarray
                    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the derivatives of residuals and of inequalities by all angles, both (n, angles).

        :param linearization: the model at these angles
        :param angles: (joints, axes)
        """
        both = Functionals.stacked((self.residuals, self.inequalities), angles)
        # Of one type whatever there is: kernels would be compiled for another in a tick.
        rows = np.zeros((len(both.values), angles.size))
        if len(both.rows):
            numbers, entries = _numbered(both.rows)
            found = linearization.functional_rows(entries, both.joints, both.coefficients)
            rows[numbers] = found.reshape(len(found), -1)
        if both.by_angles is not None:
            rows += both.by_angles.reshape(rows.shape)
        return rows[:len(self.residuals.values)], rows[len(self.residuals.values):]

    def gradient(self, linearization: Linearization, angles: np.ndarray) -> np.ndarray:
        """Return the slope (joints, axes) of half the sum of the squared residuals."""
        from snake_arm_control.control import goal_rows  # with numba, which takes its time
        values, rows, joints, coefficients, by_angles = self.residuals
        gradient = linearization.gradient(goal_rows.chain_slope(
            np.asarray(values, float), rows, joints, coefficients, len(linearization.chain)))
        if by_angles is not None:
            gradient = gradient + np.tensordot(values, by_angles, 1)
        return gradient


def demands(terms: Sequence[Term], chain: np.ndarray, angles: np.ndarray) -> Demands:
    """
    Return what terms want.

    :param chain: (joints, 9), the true one as it is expected
    :param angles: (joints, axes) [rad or m]
    """
    from snake_arm_control.control import goal_rows  # with numba, which takes its time
    chain = np.asarray(chain, float)
    residuals, awake, floors = [], [], []
    preference, violation = None, 0.0
    for term in terms:
        wanted = term.residuals(chain, angles)
        if wanted is not None:
            residuals.append(wanted)
        preferred = term.preference(angles)
        if preferred is not None:
            preference = preferred if preference is None else preference + preferred
        kept = term.inequalities(chain, angles)
        if kept is not None and len(kept.values):
            least, highest, floor = goal_rows.floors(
                np.array(kept.values, float), float(term.approach))
            violation = max(violation, -least)
            if highest > term.influence:
                asleep = kept.values > term.influence
                kept, floor = kept.picked(~asleep), floor[~asleep]
            awake.append(kept)
            floors.append(floor)
    return Demands(Functionals.stacked(residuals, angles), Functionals.stacked(awake, angles),
                   _NOTHING if not floors else floors[0] if len(floors) == 1
                   else np.concatenate(floors), preference, violation)


def _numbered(rows: np.ndarray) -> tuple[slice | np.ndarray, np.ndarray]:
    """Return which values have entries, and of which of these each entry (entries,) is."""
    last = int(rows.max())
    if last < len(rows):
        return slice(last + 1), rows
    return np.unique(rows, return_inverse=True)  # many values are of the angles alone
