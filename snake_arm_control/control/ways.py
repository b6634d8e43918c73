# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Ways around: where a descent is stuck, other ways to its goal that touch nothing either."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import descend, Search, Solution, stepped
from snake_arm_control.control.free_space import FreeSpace
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_term import GoalTerm
from snake_arm_control.control.imagination import random_bend, searches
from snake_arm_control.control.optimiser import InverseSettings, make_optimiser
from snake_arm_control.control.term import Functionals, Term
from snake_arm_control.control.travel import Travel

_LEAD = 0.03  # [arm lengths], how far ahead of the tool its goal is on a way
_SPACING = 0.005  # [arm lengths], of the points of a way
_APPROACH = 0.1  # [arm lengths], the last of a way that is along the tool's axis
_BENDING = 30  # steps towards a random bend
_PATIENCE = 30  # steps without progress
_ROUND = 4  # attempts, the third of which is imagined
_IMAGINED = 10  # searches at most for a configuration at the goal
_KINDS = {0: (False, False), 1: (False, True), 3: (True, True)}  # of ways: approaches, aligns
_MOST = 1000  # steps along one way
_THERE = 1e-3  # [rad]


class WaysAround:
    """
    Searches for a goal that all begin at the same configuration, and touch nothing on their ways.

    A way for the tool through free space is looked for on a grid, and the tool led along it; the
    body follows as avoidance lets it. Further ways keep apart from those before. On some the tool
    is turned as the goal wants it, or comes to the goal along its axis; later ones begin with a
    random bend. In between, a configuration is imagined that reaches the goal, and the arm led
    there; this alone is done where nothing but the arm itself is around.

    :param end: where to, a goal or a configuration (joints, axes) [rad or m]
    :param start: (joints, axes) [rad or m], where from
    :param true_chain: angles (joints, axes) to the true chain (joints, 9), None trusts the model
    :param terms: what else is wanted, avoidance among it
    :param travel: makes the steps
    :param clearances: what may touch what, None for nothing
    :param generator: draws what is random
    """

    def __init__(self, end: Goal | np.ndarray, start: np.ndarray,
                 true_chain: Callable[[np.ndarray], np.ndarray] | None,
                 settings: InverseSettings, terms: Sequence[Term], travel: Travel,
                 clearances: Clearances | None, generator: np.random.Generator):
        self._start, self._true_chain = start, true_chain
        self._settings = replace(settings, method='levenberg_marquardt')
        self._terms, self._travel = terms, travel
        among_things = clearances is not None and clearances.scene.shapes
        self._clearances = clearances if among_things else None  # with ways through them
        self._model, self._generator = travel.model, generator
        self._size = travel.model.arm.length
        self._home = None if isinstance(end, Goal) else end
        self._goal = goal = end if isinstance(end, Goal) else self._tool_at(end)
        placed = np.flatnonzero(goal.cared[:, pose.POSITION].all(axis=1))
        self._joint = int(placed[-1]) if len(placed) else None  # that is led along ways
        axes = np.where(goal.cared, goal.target, np.nan)
        axes[:, pose.POSITION] = np.nan
        self._axes = (GoalTerm(Goal.from_array(axes), settings.gains(self._size)),)
        self._crossed = np.zeros((0, 3))  # [m], points of the ways so far

    def attempts(self) -> Iterator[Callable[[int], Search]]:
        """
        Yield attempts without end, each to be called with how many iterations it may take.

        Their solutions have the whole path from the start.
        """
        imagined = searches(self._goal, self._model, self._settings, self._generator,
                            terms=self._terms)
        for number in count():
            kind = _KINDS.get(number % _ROUND)
            if kind is not None and self._joint is not None and self._clearances is not None:
                space = FreeSpace(self._clearances, self._joint)
                yield partial(self._guided, space, self._joint, *kind, number >= _ROUND)
            elif self._home is not None:
                yield partial(self._descend, [self._start])
            else:
                yield partial(self._imagined, islice(imagined, _IMAGINED))

    def _tool_at(self, angles: np.ndarray) -> Goal:
        position, forward, up = np.split(pose.to_frame(self._chain(angles)[-1]), 3)
        return Goal.tool(position, forward, up, joints=self._model.arm.joints)

    def _guided(self, space: FreeSpace, joint: int, approaches: bool, aligns: bool,
                bends: bool, iterations: int) -> Search:
        """Lead the tool along a way, then descend to the goal."""
        path = [self._start]
        if bends:
            bend = random_bend(self._model, self._generator)
            path += yield from self._led(_Towards(bend), path[-1], _BENDING)
        way = yield from self._way(space, joint, path[-1], approaches)
        if way is not None:
            held = self._axes if aligns else ()
            path += yield from self._led(_Ahead(way, joint, self._size), path[-1], terms=held)
            self._crossed = np.concatenate((self._crossed, way[4:-16:4]))
        return (yield from self._descend(path, iterations))

    def _imagined(self, searches: Iterator[Search], iterations: int) -> Search:
        """Imagine a configuration at the goal, go there, and descend to the goal if need be."""
        path = [self._start]
        for search in searches:
            found: Solution = yield from search
            if found.converged:
                path += yield from self._led(_Towards(found.angles), path[-1])
                break
        return (yield from self._descend(path, iterations))

    def _descend(self, path: list[np.ndarray], iterations: int) -> Search:
        """Descend to the goal, or go to the configuration, from the end of a path."""
        if self._home is not None:
            path = path + (yield from self._led(_Towards(self._home), path[-1]))
            left = float(np.abs(self._home - path[-1]).max())
            return Solution(path[-1], len(path) - 1, left < _THERE, left, 0.0,
                            path=np.array(path))
        found: Solution = yield from descend(
            self._goal, path[-1], self._model, self._true_chain, self._settings,
            max(iterations - len(path) + 1, 0),
            terms=self._terms, travel=self._travel)
        assert found.path is not None  # for it travelled
        return found._replace(path=np.array([*path[:-1], *found.path]),
                              iterations=found.iterations + len(path) - 1)

    def _way(self, space: FreeSpace, joint: int, angles: np.ndarray, approaches: bool
             ) -> Generator[None, None, np.ndarray | None]:
        """Return points (n, 3) of a way from a configuration to the goal, None for none."""
        target = self._goal.target[joint]
        ends = target[None, pose.POSITION]
        if approaches and self._goal.cared[joint, pose.FORWARD].all():
            before = ends - _APPROACH * self._size * target[pose.FORWARD]
            if space.is_straight_way_free(before[0], ends[0]):
                ends = np.concatenate((before, ends))
        start = self._chain(angles)[joint, pose.POSITION]
        way = yield from space.way(start, ends[0], self._crossed)
        if way is None:
            return None
        return _resampled(np.concatenate((way, ends[1:])), _SPACING * self._size)

    def _chain(self, angles: np.ndarray) -> np.ndarray:
        if self._true_chain is not None:
            return self._true_chain(angles)
        return self._model.linearize(angles).chain

    def _led(self, guide: _Guide, angles: np.ndarray, most: int = _MOST,
             terms: Sequence[Term] = ()) -> Generator[None, None, list[np.ndarray]]:
        """Follow a guide as far as that leads; return the configurations passed."""
        optimiser = make_optimiser(self._model.arm, self._settings)
        path: list[np.ndarray] = []
        best, best_at = -math.inf, 0
        while len(path) < most and len(path) - best_at < _PATIENCE:
            linearization, chain = self._model.linearize(angles), self._chain(angles)
            demanded = demands((guide, *terms, *self._terms), chain, angles)
            if guide.progress > best:
                best, best_at = guide.progress, len(path)
            if guide.has_arrived:
                break
            angles = stepped(optimiser, demanded, angles, linearization, chain, self._settings,
                             self._travel)
            optimiser.follow()
            path.append(angles)
            yield
        return path


class _Guide(Term):
    """A term that leads somewhere, and knows how far it has come."""

    progress = 0.0
    has_arrived = False


class _Ahead(_Guide):
    """Draws a joint along a way: to the first point of it that is so far ahead."""

    def __init__(self, way: np.ndarray, joint: int, size: float):
        self._way, self._joint, self._size, self._at = way, joint, size, 0

    def residuals(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return the way (3,) from the point ahead to the joint [arm lengths]; see `Term`."""
        place, lead = chain[self._joint, pose.POSITION], _LEAD * self._size
        while (self._at < len(self._way) - 1
               and np.linalg.norm(self._way[self._at] - place) < lead):
            self._at += 1
        self.progress = self._at
        self.has_arrived = bool(np.linalg.norm(self._way[-1] - place) < lead)
        return Functionals((place - self._way[self._at]) / self._size, np.arange(3),
                           np.full(3, self._joint), np.eye(3, pose.SIZE) / self._size)


class _Towards(_Guide):
    """Draws the arm to a configuration."""

    def __init__(self, angles: np.ndarray):
        self._angles = angles

    def preference(self, angles: np.ndarray) -> np.ndarray | None:
        """Return the change (joints, axes) that is left; see `Term`."""
        left = self._angles - angles
        # In steps of a percent: whatever is less is no progress.
        largest = float(np.abs(left).max())
        self.progress = -math.floor(math.log(max(largest, 1e-9)) * 100.0)
        self.has_arrived = largest < _THERE
        return left


def _resampled(way: np.ndarray, spacing: float) -> np.ndarray:
    """Return points (n, 3) along a way that are so far apart [m]."""
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))))
    at = np.append(np.arange(0.0, along[-1], spacing), along[-1])
    return np.column_stack([np.interp(at, along, way[:, k]) for k in range(3)])
