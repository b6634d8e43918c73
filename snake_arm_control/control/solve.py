# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Solving: the configuration in which an arm is at a goal, and a way there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.control.avoidance import Avoidance
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.descent import descend, finish, score, Search, Solution
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.imagination import leaves_little_choice, searches
from snake_arm_control.control.lanes import can_share, descend_in_lanes
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.term import Term
from snake_arm_control.control.travel import Travel
from snake_arm_control.control.ways import WaysAround
from snake_arm_control.errors import SettingsError, ShapeError
from snake_arm_control.model.differentiable import DifferentiableModel

Chain = Callable[[np.ndarray], np.ndarray]  # angles (joints, axes) to poses (joints, 9)
Attempt = Callable[[int], Search]  # of at most so many iterations
Draw = Callable[[], np.random.Generator]


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
    solver = Solver(model, true_chain, settings, max_iterations, restarts, terms, scene, own_body,
                    body, stride, keep_path)
    return solver.solve([goal], [start_angles], [lambda: generator or np.random.default_rng(0)])[0]


@dataclass(frozen=True)
class Solver:
    """
    What `solve` is given beside goals, starts and generators; see there.

    :raises SettingsError: if the stride is not positive
    """

    model: DifferentiableModel
    true_chain: Chain | None = None
    settings: InverseSettings = InverseSettings()
    max_iterations: int = 2000
    restarts: int = 5
    terms: Sequence[Term] = ()
    scene: Scene | None = None
    own_body: bool = False
    body: ArmBody | None = None
    stride: float | None = None
    keep_path: bool = False

    def __post_init__(self):
        if self.stride is not None and not self.stride > 0.0:
            raise SettingsError(f'stride is {self.stride!r}, expected a positive number [m]')

    def solve(self, goals: Sequence[Goal], starts: Iterable[np.ndarray],
              draws: Sequence[Draw]) -> list[Solution]:
        """
        Solve goals, each as if it were the only one.

        :param starts: (joints, axes) each [rad or m]
        :param draws: return the generator of each goal, called where one is needed
        :raises ShapeError: if a goal or angles don't fit the model's arm, or are not finite
        """
        starts = [self._checked(goal, start) for goal, start in zip(goals, starts)]
        firsts = self._in_lanes(goals, starts)
        return [self._solved(*each, firsts.get(number))
                for number, each in enumerate(zip(goals, starts, draws))]

    def _checked(self, goal: Goal, start_angles: np.ndarray) -> np.ndarray:
        """Return where the descent to a goal starts."""
        arm = self.model.arm
        goal.check(arm)
        start = np.array(start_angles, dtype=float)
        if start.shape != arm.rest.shape or not np.isfinite(start).all():
            raise ShapeError('start_angles', start.shape, f'{arm.rest.shape}, all finite')
        return arm.clip(start)

    @property
    def _travels(self) -> bool:
        return (self.scene is not None or self.own_body or self.stride is not None
                or self.keep_path)

    def _limit(self, goal: Goal) -> int:
        """Return how many iterations the descent from the start may take."""
        # A goal that leaves the arm next to no choice would trap it.
        traps = not self._travels and self.restarts and leaves_little_choice(goal)
        return 0 if traps else self.max_iterations

    def _in_lanes(self, goals: Sequence[Goal], starts: Sequence[np.ndarray]
                  ) -> dict[int, Solution]:
        """Return where the descents from the start end that may go in lanes, by goal."""
        if self._travels or self.terms or not can_share(self.model, self.settings):
            return {}
        plain = [number for number, goal in enumerate(goals) if goal.is_plain]
        return dict(zip(plain, descend_in_lanes(
            [goals[number] for number in plain], [starts[number] for number in plain],
            [self._limit(goals[number]) for number in plain], self.model, self.true_chain,
            self.settings)))

    def _solved(self, goal: Goal, start: np.ndarray, draw: Draw, first: Solution | None
                ) -> Solution:
        """Solve a goal, of which the descent from the start may have been made."""
        terms, clearances, travel = self.terms, None, None
        if self.scene is not None or self.own_body:
            avoidance = Avoidance(self.scene, self.body or ArmBody.of(self.model.arm),
                                  self.own_body)
            clearances, terms = avoidance.clearances, (*terms, avoidance)
        if self._travels:
            travel = Travel(self.model, clearances, self.stride)
        best = first or finish(descend(goal, start, self.model, self.true_chain, self.settings,
                                       self._limit(goal), terms=terms, travel=travel))
        if not best.converged:
            attempts = _elsewhere(goal, self.model, self.true_chain, self.settings, terms, draw())
            if travel is not None:
                attempts = WaysAround(goal, start, self.true_chain, self.settings, terms, travel,
                                      clearances, draw()).attempts()
            best = self._best(best, attempts)
        if clearances is not None:
            best = best._replace(clearance=_least_clearance(
                best.path, clearances, self.model, self.true_chain))
        return best if self.keep_path else best._replace(path=None)

    def _best(self, first: Solution, attempts: Iterator[Attempt]) -> Solution:
        """Return the best of a first solution and attempts, with the iterations of all."""
        best, taken = first, first.iterations
        tolerances = self.settings.tolerances(self.model.arm.length)
        for attempt in islice(attempts, self.restarts):
            if best.converged or taken >= self.max_iterations:
                break
            found = finish(attempt(self.max_iterations - taken))
            taken += found.iterations
            best = min(best, found, key=lambda each: score(each, tolerances))
        return best._replace(iterations=taken)


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
