# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Solving: the configuration in which an arm is at a goal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.descent import descend, finish, score, Solution
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.imagination import leaves_little_choice, searches
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.term import Term
from snake_arm_control.errors import ShapeError
from snake_arm_control.model.differentiable import DifferentiableModel


def solve(goal: Goal, start_angles: np.ndarray, model: DifferentiableModel,
          true_chain: Callable[[np.ndarray], np.ndarray] | None = None,
          settings: InverseSettings = InverseSettings(), max_iterations: int = 2000,
          restarts: int = 5, generator: np.random.Generator | None = None,
          terms: Sequence[Term] = ()) -> Solution:
    """
    Descend from a configuration until the goal is reached, progress ends or iterations do.

    A descent that is stuck, as a rule because joints have reached their limits, starts again
    elsewhere: the new start is imagined, without the true arm. A goal that leaves the arm next to
    no choice begins so.

    :param start_angles: (joints, axes) [rad], clipped to the joint limits
    :param true_chain: angles to their true pose chain (joints, 9), for target correction
        (equation 4); None trusts the model
    :param restarts: how often to start again
    :param generator: draws the new starts; None for one of seed 0
    :param terms: what else is wanted
    :return: the configuration of the smallest error relative to the tolerances
    :raises ShapeError: if goal or angles don't fit the model's arm, or angles are not finite
    """
    arm = model.arm
    if goal.joints != arm.joints:
        raise ShapeError('goal', goal.target.shape, f'({arm.joints}, {pose.SIZE})')
    start = np.array(start_angles, dtype=float)
    if start.shape != arm.rest.shape or not np.isfinite(start).all():
        raise ShapeError('start_angles', start.shape, f'{arm.rest.shape}, all finite')
    start = arm.clip(start)
    searched = searches(goal, model, settings,
                        np.random.default_rng(0) if generator is None else generator, terms=terms)
    # A goal that leaves the arm next to no choice would trap a descent from the start.
    descends_from_start = not (restarts and leaves_little_choice(goal))
    best = finish(descend(goal, start, model, true_chain, settings,
                          max_iterations if descends_from_start else 0, terms=terms))
    taken = best.iterations
    for search in islice(searched, restarts):
        if best.converged or taken >= max_iterations:
            break
        elsewhere = finish(search)
        taken += elsewhere.iterations
        found = finish(descend(goal, elsewhere.angles, model, true_chain, settings,
                               max(max_iterations - taken, 0), terms=terms))
        taken += found.iterations
        best = min(best, found, key=lambda each: score(each, settings))
    return best._replace(iterations=taken)
