# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Imagination: other ways to a goal, looked for in the model while the arm does not move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.descent import assess, descend, Search
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization

_GROWTH = 3  # joints by which a goal grows at least
_GROWTH_ITERATIONS = 2  # for each of these joints
_RANDOM_ITERATIONS = 60  # from each random start


def searches(goal: Goal, model: DifferentiableModel, settings: InverseSettings,
             generator: np.random.Generator,
             error: Callable[[], np.ndarray | float] = lambda: 0.0) -> Iterator[Search]:
    """
    Yield searches for other ways to a goal, without end: grown first, then from random bends.

    All descend by Levenberg-Marquardt.

    :param generator: draws the random bends
    :param error: returns the known error of the model (joints, 9), asked as each search begins
    """
    settings = replace(settings, method='levenberg_marquardt')
    yield grow(goal, model, error(), settings)
    while True:
        yield descend(goal, random_bend(model, generator), model, None, settings,
                      _RANDOM_ITERATIONS, error())


def random_bend(model: DifferentiableModel, generator: np.random.Generator) -> np.ndarray:
    """Return random angles (joints, axes) [rad], a random fraction of the way to the limits."""
    arm = model.arm
    return arm.bent(generator.uniform(0.1, 0.5) * generator.uniform(-1.0, 1.0, arm.rest.shape))


def grow(goal: Goal, model: DifferentiableModel, error: np.ndarray | float,
         settings: InverseSettings) -> Search:
    """
    Grow the arm from base to tip, a few joints at a time, each time to the goal of these.

    Where much of the chain is cared for, no part of the arm can then be trapped by those beyond
    it.

    :param error: (joints, 9), the known error of the model
    """
    error = np.broadcast_to(error, goal.target.shape)
    angles = model.arm.rest.copy()
    iterations = first = 0
    cared = np.flatnonzero(goal.cared.any(axis=1)) + 1
    for end in cared.tolist():
        if end - first < _GROWTH and end != cared[-1]:
            continue
        part = slice(first, end)
        grown = yield from descend(
            Goal(goal.target[part], goal.weight[part]), angles[part], _Part(model, angles, part),
            None, settings, _GROWTH_ITERATIONS * (end - first), error[part])
        angles[part] = grown.angles
        iterations, first = iterations + grown.iterations, end
    return assess(goal, angles, model.linearize(angles).chain - error, iterations, settings)


def leaves_little_choice(goal: Goal) -> bool:
    """Return whether a goal says where most of the joints shall be."""
    return bool(goal.cared[:, pose.POSITION].all(axis=1).mean() > 0.5)


class _Part:
    """A few joints of an arm in the form of a model of an arm; the others keep their angles."""

    def __init__(self, model: DifferentiableModel, angles: np.ndarray, part: slice):
        self.arm: Any = _PartOfArm(model.arm, part)
        self._model, self._angles, self._part = model, angles, part

    def linearize(self, angles: np.ndarray) -> _PartLinearization:
        """Return the whole arm's model where the part is at angles (its joints, axes) [rad]."""
        whole = self._angles.copy()
        whole[self._part] = angles
        return _PartLinearization(self._model.linearize(whole), self._part)


class _PartOfArm:
    """What is asked of the arm of a part: its limits."""

    def __init__(self, arm: Arm, part: slice):
        self.lower, self.upper = arm.lower[part], arm.upper[part]

    def clip(self, angles: np.ndarray) -> np.ndarray:
        """Return angles (joints of the part, axes) brought within the limits."""
        return np.clip(angles, self.lower, self.upper)


class _PartLinearization:
    """The whole arm's model, of which only the part's poses and angles are seen."""

    def __init__(self, whole: Linearization, part: slice):
        self._whole, self._part = whole, part
        self.chain = whole.chain[part]

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (joints of the part, axes) for dL/dchain (joints of the part, 9)."""
        whole_gradient = np.zeros_like(self._whole.chain)
        whole_gradient[self._part] = chain_gradient
        return self._whole.gradient(whole_gradient)[self._part]

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """Return the rows (rows, joints of the part - first, axes) of the part's chain."""
        start, stop = self._part.start + first, self._part.stop
        joints = joints + self._part.start
        return self._whole.jacobian_rows(joints, components, start)[:, :stop - start]
