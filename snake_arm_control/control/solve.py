# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Solving: the configuration in which an arm is at a goal, and a way there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.control.avoidance import Avoidance
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.descent import descend, finish, score, Search, Solution
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.imagination import leaves_little_choice, searches
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.term import Term
from snake_arm_control.control.travel import Travel
from snake_arm_control.control.ways import WaysAround
from snake_arm_control.errors import SettingsError, ShapeError
from snake_arm_control.model.differentiable import DifferentiableModel

Chain = Callable[[np.ndarray], np.ndarray]  # angles (joints, axes) to poses (joints, 9)
Attempt = Callable[[int], Search]  # of at most so many iterations


def solve(goal: Goal, start_angles: np.ndarray, model: DifferentiableModel,
          true_chain: Chain | None = None, settings: InverseSettings = InverseSettings(),
          max_iterations: int = 2000, restarts: int = 5,
          generator: np.random.Generator | None = None, terms: Sequence[Term] = (),
          scene: Scene | None = None, own_body: bool = False, body: ArmBody | None = None,
          stride: float | None = None, keep_path: bool = False) -> Solution:
    """
    Descend from a configuration until the goal is reached, progress ends or iterations do.

    A descent that is stuck, as a rule because joints have reached their limits, starts again
    elsewhere: the new start is imagined, without the true arm. A goal that leaves the arm next to
    no choice begins so.

    With a scene or the own body, no iteration touches anything: between two configurations the
    joints move linearly, and the way is proven free where the model is exact. One that is stuck
    looks for ways around, each from the start; see `WaysAround`.

    :param start_angles: (joints, axes) [rad], clipped to the joint limits
    :param true_chain: angles to their true pose chain (joints, 9), for target correction
        (equation 4); None trusts the model
    :param restarts: how often to start again
    :param generator: draws the new starts; None for one of seed 0
    :param terms: what else is wanted
    :param scene: what to keep clear of, by its margin
    :param own_body: whether links keep clear of each other, too
    :param body: the arm's; None for straight links, see `ArmBody.of`
    :param stride: way of any joint in one iteration at most [m]; None for any
    :param keep_path: whether the solution has the path; with a scene, the own body or a stride
        it leads all the way from the start
    :return: the configuration of the smallest error relative to the tolerances
    :raises ShapeError: if goal or angles don't fit the model's arm, or angles are not finite
    :raises SettingsError: if the stride is not positive
    """
    arm = model.arm
    goal.check(arm)
    start = np.array(start_angles, dtype=float)
    if start.shape != arm.rest.shape or not np.isfinite(start).all():
        raise ShapeError('start_angles', start.shape, f'{arm.rest.shape}, all finite')
    start = arm.clip(start)
    if stride is not None and not stride > 0.0:
        raise SettingsError(f'stride is {stride!r}, expected a positive number [m]')
    generator = np.random.default_rng(0) if generator is None else generator
    clearances = travel = None
    if scene is not None or own_body:
        avoidance = Avoidance(scene, body or ArmBody.of(arm), own_body)
        clearances, terms = avoidance.clearances, (*terms, avoidance)
    if clearances is not None or stride is not None or keep_path:
        travel = Travel(model, clearances, stride)
        attempts = WaysAround(goal, start, true_chain, settings, terms, travel, clearances,
                              generator).attempts()
    else:
        attempts = _elsewhere(goal, model, true_chain, settings, terms, generator)
    # A goal that leaves the arm next to no choice would trap a descent from the start.
    descends = travel is not None or not (restarts and leaves_little_choice(goal))
    best = finish(descend(goal, start, model, true_chain, settings,
                          max_iterations if descends else 0, terms=terms, travel=travel))
    taken, tolerances = best.iterations, settings.tolerances(arm.length)
    for attempt in islice(attempts, restarts):
        if best.converged or taken >= max_iterations:
            break
        found = finish(attempt(max_iterations - taken))
        taken += found.iterations
        best = min(best, found, key=lambda each: score(each, tolerances))
    if clearances is not None:
        best = best._replace(clearance=_least_clearance(best.path, clearances, model, true_chain))
    return best._replace(iterations=taken, path=best.path if keep_path else None)


def _elsewhere(goal: Goal, model: DifferentiableModel, true_chain: Chain | None,
               settings: InverseSettings, terms: Sequence[Term], generator: np.random.Generator
               ) -> Iterator[Attempt]:
    """Yield attempts without end: descents from where a search in imagination ended."""
    def attempt(search: Search, left: int) -> Search:
        elsewhere: Solution = yield from search
        found: Solution = yield from descend(
            goal, elsewhere.angles, model, true_chain, settings,
            max(left - elsewhere.iterations, 0), terms=terms)
        return found._replace(iterations=elsewhere.iterations + found.iterations)

    for search in searches(goal, model, settings, generator, terms=terms):
        yield partial(attempt, search)


def _least_clearance(path: np.ndarray | None, clearances: Clearances, model: DifferentiableModel,
                     true_chain: Chain | None) -> float:
    """Return the least clearance of the configurations passed [m]."""
    assert path is not None
    chains = (model.linearize(angles).chain if true_chain is None else true_chain(angles)
              for angles in path)
    return min(map(clearances.clearance, chains))
