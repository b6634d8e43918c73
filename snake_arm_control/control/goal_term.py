# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A goal as a term: its errors as residuals."""

from __future__ import annotations

import numpy as np

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.term import Functionals, Term


class GoalTerm(Term):
    """
    The residuals ``sqrt(w gamma) (u - z)`` of a goal z of weights w at a chain u (equation 4).

    By turns, an axis of which all components count the same has two residuals for its three
    components, and both axes of a joint have three for six. With unit vectors s = up x forward, up
    and forward of the chain, these are the projections of the six differences on

        -s dup,  s dforward,  (forward dup - up dforward) / sqrt(2),

    an orthonormal basis of what turns about forward, up and s do to the axes. A rigid frame moves
    in no other way, so Gauss-Newton steps are the same: with the projection P and the rows J of
    the six, ``P'P J = J``, hence ``(PJ)'PJ = J'J`` and ``(PJ)'Pr = J'r``. The learned model is
    not quite rigid. What is left out of its rows is by how much it believes that joints lengthen
    the axes or change their angle to each other, which no arm can do.

    :param gains: (9,), gamma of equation 4
    :param by_turns: false for one residual for each cared component, as in the paper
    """

    def __init__(self, goal: Goal, gains: np.ndarray, by_turns: bool = True):
        self._goal, self._gains, self._by_turns = goal, gains, by_turns

    def residuals(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return the weighted errors; see `Term`."""
        from snake_arm_control.control import goal_rows  # with numba, which takes its time
        goal = self._goal
        if goal.is_free:
            return None
        values, joints, coefficients = goal_rows.residuals(
            np.array(chain, float, order='C'), goal.target, goal.weight, self._gains,
            self._by_turns)
        return Functionals(values, np.arange(len(values)), joints, coefficients)
