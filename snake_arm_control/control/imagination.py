# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Imagination: other ways to a goal, looked for in the model while the arm does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.descent import assess, descend, Search
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.term import Functionals, Term
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization

_GROWTH = 3  # joints by which a goal grows at least
_GROWTH_ITERATIONS = 2  # for each of these joints
_RANDOM_ITERATIONS = 60  # from each random start


def searches(goal: Goal, model: DifferentiableModel, settings: InverseSettings,
             generator: np.random.Generator,
             error: Callable[[], np.ndarray | float] = lambda: 0.0,
             terms: Sequence[Term] = ()) -> Iterator[Search]:
    """
    Yield searches for other ways to a goal, without end: grown first, then from random bends.

    All descend by Levenberg-Marquardt.

    :param generator: draws the random bends
    :param error: returns the known error of the model (joints, 9), asked as each search begins
    :param terms: what else is wanted
    """
    settings = replace(settings, method='levenberg_marquardt')
    yield grow(goal, model, error(), settings, terms)
    while True:
        yield descend(goal, random_bend(model, generator), model, None, settings,
                      _RANDOM_ITERATIONS, error(), terms)


def random_bend(model: DifferentiableModel, generator: np.random.Generator) -> np.ndarray:
    """Return random angles (joints, axes) [rad], a random fraction of the way to the limits."""
    arm = model.arm
    return arm.bent(generator.uniform(0.1, 0.5) * generator.uniform(-1.0, 1.0, arm.rest.shape))


def grow(goal: Goal, model: DifferentiableModel, error: np.ndarray | float,
         settings: InverseSettings, terms: Sequence[Term] = ()) -> Search:
    """
    Grow the arm from base to tip, a few joints at a time, each time to the goal of these.

    Where much of the chain is cared for, no part of the arm can then be trapped by those beyond
    it.

    :param error: (joints, 9), the known error of the model
    :param terms: what else is wanted of the whole arm
    """
    angles = model.arm.rest.copy()
    iterations = first = 0
    cared = np.flatnonzero(goal.asked.any(axis=1)) + 1
    for end in cared.tolist():
        if end - first < _GROWTH and end != cared[-1]:
            continue
        part = slice(first, end)
        grown = yield from descend(
            goal.of_joints(part), angles[part], _Part(model, angles, part), None, settings,
            _GROWTH_ITERATIONS * (end - first), error,
            [_PartOfTerm(term, angles, part) for term in terms])
        angles[part] = grown.angles
        iterations, first = iterations + grown.iterations, end
    return assess(goal, angles, model.linearize(angles).chain - error, iterations,
                  settings.tolerances(model.arm.length))


def leaves_little_choice(goal: Goal) -> bool:
    """Return whether a goal says where most of the joints shall be."""
    return bool(goal.cared[:, pose.POSITION].all(axis=1).mean() > 0.5)


class _Part:
    """The model of a whole arm of which a few joints can move; the others keep their angles."""

    def __init__(self, model: DifferentiableModel, angles: np.ndarray, part: slice):
        self.arm: Any = _PartOfArm(model.arm, part)
        self._model, self._angles, self._part = model, angles, part

    def linearize(self, angles: np.ndarray) -> _PartLinearization:
        """Return the whole arm's model where the part is at angles (its joints, axes) [rad]."""
        whole = self._angles.copy()
        whole[self._part] = angles
        return _PartLinearization(self._model.linearize(whole), self._part)


class _PartOfArm:
    """What is asked of the arm of a part: its limits, and the length of the whole arm."""

    def __init__(self, arm: Arm, part: slice):
        self.lower, self.upper, self.length = arm.lower[part], arm.upper[part], arm.length

    def clip(self, angles: np.ndarray) -> np.ndarray:
        """Return angles (joints of the part, axes) brought within the limits."""
        return np.clip(angles, self.lower, self.upper)


class _PartOfTerm(Term):
    """A term of the whole arm, of which what depends on joints beyond the part is left out."""

    def __init__(self, term: Term, angles: np.ndarray, part: slice):
        self.influence, self.approach = term.influence, term.approach
        self._term, self._angles, self._part = term, angles, part

    def residuals(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return the residuals that have to do with the part; see `Term`."""
        return self._within(self._term.residuals(chain, self._whole(angles)))

    def inequalities(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return the inequalities that have to do with the part; see `Term`."""
        return self._within(self._term.inequalities(chain, self._whole(angles)))

    def preference(self, angles: np.ndarray) -> np.ndarray | None:
        """Return the preferred change of the part; see `Term`."""
        preferred = self._term.preference(self._whole(angles))
        return None if preferred is None else preferred[self._part]

    def _whole(self, angles: np.ndarray) -> np.ndarray:
        whole = self._angles.copy()
        whole[self._part] = angles
        return whole

    def _within(self, found: Functionals | None) -> Functionals | None:
        if found is None:
            return None
        grown = np.ones(len(found.values), dtype=bool)
        grown[found.rows[found.joints >= self._part.stop]] = False
        found = found.picked(grown)
        if found.by_angles is not None:
            found = found._replace(by_angles=found.by_angles[:, self._part])
        return found


class _PartLinearization:
    """The whole arm's model, of which only the part's angles are seen."""

    def __init__(self, whole: Linearization, part: slice):
        self._whole, self._part = whole, part
        self.chain = whole.chain

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (joints of the part, axes) for dL/dchain (joints, 9)."""
        return self._whole.gradient(chain_gradient)[self._part]

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """Return the rows (functionals, joints of the part - first, axes)."""
        start, stop = self._part.start + first, self._part.stop
        found = self._whole.functional_rows(rows, joints, coefficients, start)
        return found[:, :stop - start]
