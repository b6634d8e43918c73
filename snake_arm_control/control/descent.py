# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""One descent: an optimiser's steps from a configuration until the goal, or until none helps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.condition import ConditionTerm
from snake_arm_control.control.demands import Demands, demands
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_term import GoalTerm
from snake_arm_control.control.optimiser import InverseSettings, make_optimiser, Optimiser
from snake_arm_control.control.posture import Centering, Posture
from snake_arm_control.control.term import Term
from snake_arm_control.control.tolerances import Tolerances
from snake_arm_control.control.travel import Travel
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization

_TRAVELLING_PATIENCE = 25  # steps without progress, of steps that may be short
_RESTING = 1e-3  # [rad or m] a preference that changes no angle by more is at rest
_PROGRESS = 0.99  # a smaller fraction of the error than this counts as progress


class Solution(NamedTuple):
    """Where a descent ended; errors are the largest over the cared components."""

    angles: np.ndarray  # (joints, axes) [rad], the best found
    iterations: int  # steps taken in all
    converged: bool
    position_error: float  # [m], on the true chain where there is one
    axis_error: float  # [rad]
    violation: float = 0.0  # [m], of the inequality that is violated most
    clearance: float = math.inf  # [m], the least on the whole path
    path: np.ndarray | None = None  # (n, joints, axes), configurations passed, the start first


Search = Generator[None, None, Solution]  # pauses after each iteration


def descend(goal: Goal, angles: np.ndarray, model: DifferentiableModel,
            true_chain: Callable[[np.ndarray], np.ndarray] | None, settings: InverseSettings,
            max_iterations: int, error: np.ndarray | float = 0.0, terms: Sequence[Term] = (),
            travel: Travel | None = None) -> Search:
    """
    Descend once; pauses after each iteration, and returns the best configuration found.

    Where terms prefer something, the descent goes on at the goal until that changes no more.

    :param angles: (joints, axes) [rad], where to start
    :param true_chain: angles to their true pose chain (joints, 9), for target correction
        (equation 4); None trusts the model
    :param error: (joints, 9), the known error of the model where no true_chain is given
    :param terms: what else is wanted
    :param travel: makes the steps; the solution then has its path
    """
    optimiser = make_optimiser(model.arm, settings)
    patience, path = optimiser.patience, [angles]
    if travel is not None:
        model, patience = travel.model, max(patience, _TRAVELLING_PATIENCE)
    wanted = terms_of(goal, model.arm, settings, terms)
    prefers = goal.posture is not None or _prefer(terms, angles)
    tolerances = settings.tolerances(model.arm.length)
    progress = Progress(tolerances, patience)
    iteration, moved = 0, math.inf
    while True:
        linearization = model.linearize(angles)
        chain = linearization.chain - error if true_chain is None else true_chain(angles)
        demanded = demands(wanted, chain, angles)
        here = assess(goal, angles, chain, iteration, tolerances, demanded.violation)
        is_over = progress.is_over(here, prefers)
        best = progress.best
        if prefers and best.converged:
            is_over = moved <= _RESTING
        if is_over or iteration >= max_iterations:
            passed = None if travel is None else np.array(path[:best.iterations + 1])
            return best._replace(iterations=iteration, path=passed)
        angles = stepped(optimiser, demanded, angles, linearization, chain, settings, travel)
        moved = float(np.abs(angles - path[-1]).max())
        path.append(angles)
        iteration += 1
        yield


class Progress:
    """
    What a descent has found so far.

    :param patience: steps without progress after which it is over
    """

    best: Solution

    def __init__(self, tolerances: Tolerances, patience: int):
        self._tolerances, self._patience = tolerances, patience
        self._best_score = self._score = math.inf
        self._at = 0

    def is_over(self, here: Solution, prefers: bool = False) -> bool:
        """
        Take note of the next configuration, and return whether there is no more to hope for.

        :param prefers: whether a later one that has converged is better than one before
        """
        here_score = score(here, self._tolerances)
        if not here.iterations or here_score < self._best_score or prefers and here.converged:
            self.best, self._best_score = here, here_score
        if here_score < _PROGRESS * self._score:
            self._at, self._score = here.iterations, here_score
        return here.converged or here.iterations - self._at >= self._patience


def stepped(optimiser: Optimiser, demanded: Demands, angles: np.ndarray,
            linearization: Linearization, chain: np.ndarray, settings: InverseSettings,
            travel: Travel | None) -> np.ndarray:
    """Return the angles (joints, axes) after a step, which travel shortens if there is one."""
    if travel is None:
        return optimiser.step(demanded, angles, linearization, settings.max_step)
    wanted = optimiser.step(travel.loosened(demanded), angles, linearization, settings.max_step)
    return travel.step(angles, chain, wanted, linearization.chain - chain).angles


def terms_of(goal: Goal, arm: Arm, settings: InverseSettings, terms: Sequence[Term] = ()
             ) -> tuple[Term, ...]:
    """
    Return what a descent to a goal wants: the goal, further terms, and what settings say.

    Centering by the settings makes way for preferences of the goal and of the terms.

    :raises ArmError: if the goal prefers a posture of joints that the arm does not have
    """
    # The paper's rule keeps to the letter of the loss.
    gains = settings.gains(arm.length)
    own: tuple[Term, ...] = (
        GoalTerm(goal, gains, by_turns=settings.method != 'momentum'),
        *(ConditionTerm(condition, gains, arm.length) for condition in goal.conditions))
    if goal.posture is not None:
        own = *own, Posture(arm.angles_from(dict(goal.posture)))
    elif (settings.centering and settings.method != 'momentum' and not goal.is_free
            and not _prefer(terms, np.zeros(arm.lower.shape))):
        own = *own, Centering(arm, settings.centering)
    return *own, *terms


def _prefer(terms: Sequence[Term], angles: np.ndarray) -> bool:
    """Return whether a term has a preference."""
    return any(term.preference(angles) is not None for term in terms)


def assess(goal: Goal, angles: np.ndarray, chain: np.ndarray, iterations: int,
           tolerances: Tolerances, violation: float = 0.0) -> Solution:
    """Return how good a configuration is whose pose chain is (joints, 9)."""
    errors = goal.errors(chain)
    converged = tolerances.are_met(*errors, violation)
    return Solution(angles, iterations, converged, *errors, violation)


def score(solution: Solution, tolerances: Tolerances) -> float:
    """Return the largest of errors and violation over its tolerance; NaN counts as infinite."""
    return tolerances.ratio(solution.position_error, solution.axis_error, solution.violation)


def finish(search: Search) -> Solution:
    """Run a search to its end."""
    while True:
        try:
            next(search)
        except StopIteration as end:
            return end.value
