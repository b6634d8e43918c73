# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The clear way: a moving arm must be able to come to rest before it touches anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.control.avoidance import Avoidance
from snake_arm_control.control.clearance import Contact
from snake_arm_control.control.descent import Search
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.travel import Travel
from snake_arm_control.control.ways import WaysAround
from snake_arm_control.model.differentiable import DifferentiableModel

_MOST_ITERATIONS = 2000  # of a search for a way around
_AT_EASE = 2.0  # times as far from everything as it may be off, an arm goes at full speed
_CREEP = 0.02  # fraction of the speed limit that is left at least
_ROUNDING = 1e-12  # [m]


class ClearWay:
    """
    Keeps an arm clear of a scene, and of itself.

    What comes near wakes up as a term of the descent; and where the descent, or the momentum of
    the arm, would lead too near, the arm brakes. All chains are those of the true arm, as they are
    expected: the prediction less the known error of the model.

    :param scene: what to keep clear of, None for nothing
    :param own_body: whether links keep clear of each other, too
    """

    def __init__(self, model: DifferentiableModel, scene: Scene | None, own_body: bool,
                 body: ArmBody | None = None):
        self.term = Avoidance(scene, body or ArmBody.of(model.arm), own_body)
        self._travel = Travel(model, self.term.clearances)

    @property
    def margin(self) -> float:
        """Clearance at which the arm comes to rest [m]."""
        return self.term.clearances.scene.margin

    def is_clear(self, angles: np.ndarray, chain: np.ndarray, later: np.ndarray, way: float,
                 error: np.ndarray | float) -> bool:
        """
        Return whether nothing is too near on the way between two configurations.

        :param angles, later: (joints, axes) [rad or m]
        :param chain: (joints, 9), the true one at the former
        :param way: of any point at most [m]
        :param error: (joints, 9), what the model predicts too much
        """
        clearances = self.term.clearances
        if not len(clearances.near(chain, clearances.scene.margin + way).numbers):
            return True
        later_chain = self._travel.model.linearize(later).chain - error
        return self._travel.is_free(angles, chain, later, later_chain, error)

    def pace(self, chain: np.ndarray, off: np.ndarray) -> float:
        """
        Return the fraction of the speed limit at which the arm may go on.

        It falls from 1, where each link is twice as far from everything as it may be off, to a
        creep where it is no further: an arm that would wait there for what it is off by at rest
        would wait forever.

        :param chain: (joints, 9), where the arm should be
        :param off: (joints,) how far each element may be from there [m]; no more than half the
            margin counts for nothing
        """
        clearances, within = self.term.clearances, _AT_EASE * float(off.max())
        if within <= self.margin:
            return 1.0
        near = clearances.near(chain, within)
        if not len(near.numbers):
            return 1.0
        end = np.maximum(clearances.body.elements[near.numbers[:, 1]], 0)
        room = np.maximum(near.clearances, self.margin)
        off = np.maximum(np.maximum(off[end], off[np.maximum(end - 1, 0)]), _ROUNDING)
        ratio = float((room / off).min())
        return min(max((ratio - 1.0) / (_AT_EASE - 1.0), _CREEP), 1.0)

    def nearest(self, chain: np.ndarray) -> Contact:
        """Return what is nearest to what on the arm where its chain (joints, 9) is true."""
        return self.term.clearances.nearest(chain)

    def searches(self, end: Goal | np.ndarray, angles: np.ndarray,
                 true_chain: Callable[[np.ndarray], np.ndarray], settings: InverseSettings,
                 generator: np.random.Generator) -> Iterator[Search]:
        """
        Yield searches for ways around, without end.

        :param end: a goal, or a configuration (joints, axes) [rad or m]
        :param angles: (joints, axes) [rad or m], from where
        """
        around = WaysAround(end, angles, true_chain, settings, (self.term,), self._travel,
                            self.term.clearances, generator)
        for attempt in around.attempts():
            yield attempt(_MOST_ITERATIONS)
