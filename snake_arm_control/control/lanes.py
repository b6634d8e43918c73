# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Descents in lanes, side by side, so that many goals share what a call in Python takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeGuard

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.descent import Progress, Solution
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings, LevenbergMarquardt
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.functionals import Entries
from snake_arm_control.model.network_model import NetworkModel

LANES = 16  # at a time: more of the learned model do not fit into a core's cache


def can_share(model: DifferentiableModel, settings: InverseSettings
              ) -> TypeGuard[ForwardModel | ExactModel]:
    """Return whether descents of a model may go in lanes, those to plain goals without terms."""
    core = model.core if isinstance(model, ForwardModel) and model.stretch is None else model
    return (isinstance(core, (ExactModel, NetworkModel)) and model.arm.tendons is None
            and settings.method == 'levenberg_marquardt' and not settings.centering)


def descend_in_lanes(goals: Sequence[Goal], starts: Sequence[np.ndarray],
                     limits: Sequence[int], model: ForwardModel | ExactModel,
                     true_chain: Callable[[np.ndarray], np.ndarray] | None,
                     settings: InverseSettings) -> list[Solution]:
    """
    Return where descents to plain goals end, each of which goes as `descend` would.

    A goal enters as soon as one before has left its lane.

    :param starts: (joints, axes) each [rad or m], within the limits of the joints
    :param limits: iterations of each at most
    :param true_chain, settings: as `descend` takes them
    """
    from snake_arm_control.control import active_set, goal_rows  # with numba, which takes its time
    arm, gains = model.arm, settings.gains(model.arm.length)
    lower, upper = arm.lower.flatten(), arm.upper.flatten()
    every = [_Lane(*each, arm, settings) for each in zip(goals, starts, limits)]
    waiting, lanes = iter(every), list[_Lane]()
    while True:
        if not lanes or any(lane.is_over for lane in lanes):
            lanes = [lane for lane in lanes if not lane.is_over]
            lanes += islice(waiting, LANES - len(lanes))
            if not lanes:
                return [lane.found for lane in every]
            targets = np.array([lane.goal.target for lane in lanes])
            weights = np.array([lane.goal.weight for lane in lanes])
        angles = np.array([lane.angles for lane in lanes])
        if true_chain is None:
            linearization = model.linearize(angles)
            chains = np.array(linearization.chain, float)
        else:
            linearization = None  # what only a step needs, where there is one
            chains = np.array([true_chain(each) for each in angles], float)
        errors = goal_rows.largest_errors(chains, targets, weights).tolist()
        going = np.array([lane.goes_on(*each) for lane, each in zip(lanes, errors)])
        if going.any():
            of, values, joints, coefficients, losses = goal_rows.lane_residuals(
                chains, targets, weights, gains, going)
            rows = (linearization or model.linearize(angles)).lane_rows(
                Entries(np.arange(len(of)), joints, coefficients, of))
            damping = [lane.optimiser.damped(loss) for lane, loss in zip(lanes, losses.tolist())]
            after = active_set.lane_steps(
                angles.reshape(len(lanes), -1), lower, upper, settings.max_step, of,
                rows.reshape(len(rows), -1).astype(float), values, np.array(damping))
            for lane, each in zip(lanes, after.reshape(angles.shape)):
                lane.angles = each


class _Lane:
    """One descent."""

    is_over = False

    def __init__(self, goal: Goal, start: np.ndarray, limit: int, arm: Arm,
                 settings: InverseSettings):
        self.goal, self.angles, self._limit = goal, start, limit
        self._tolerances = settings.tolerances(arm.length)
        self.optimiser = LevenbergMarquardt(arm, settings)
        self._progress = Progress(self._tolerances, self.optimiser.patience)
        self._iteration = 0

    def goes_on(self, position_error: float, axis_error: float) -> bool:
        """Take note of the errors at the angles [m], [rad], and return whether to take a step."""
        converged = self._tolerances.are_met(position_error, axis_error)
        self.is_over = self._progress.is_over(Solution(
            self.angles, self._iteration, converged, position_error, axis_error))
        self.is_over |= self._iteration >= self._limit
        self._iteration += not self.is_over
        return not self.is_over

    @property
    def found(self) -> Solution:
        """Where the descent has ended."""
        best = self._progress.best
        return best._replace(angles=best.angles.copy(), iterations=self._iteration)
