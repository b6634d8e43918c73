# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Travel: steps from configuration to configuration that touch nothing on the way."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.demands import Demands
from snake_arm_control.control.kernels import travel
from snake_arm_control.control.motion import longest_way
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization

_KEPT = 0.5  # [margins], the clearance that a way keeps
_HALVINGS = 5  # of a step that is too long
_FINENESS = 6  # halvings of a way to judge it
_FURTHER = 1.02  # a stride is met within this
_LEAST_FRACTION = 1e-3  # of a step that is expected
_DRIFTS = 2.0  # times as much as in the latest step the model's error may change
_MOST_DRIFT = 0.2  # of how far a step goes


class Arrival(NamedTuple):
    """Where a step led."""

    angles: np.ndarray  # (joints, axes) [rad or m]
    chain: np.ndarray  # (joints, 9)
    fraction: float  # of the step that was wanted


class Travel:
    """
    Shortens steps, so that no joint goes farther than a stride, and nothing is touched between.

    On a step, all joints move linearly. That it is free is proven for the exact kinematics: see
    `travel.way_between`. A step that can't be proven free in pieces of 1/64 is halved. The error
    of a model that is not exact changes on the way, twice as much as in the step before at most.

    :param model: what predicts
    :param clearances: what may touch what; None for nothing
    :param stride: way of any joint in one step at most [m]; None for any
    """

    def __init__(self, model: DifferentiableModel, clearances: Clearances | None = None,
                 stride: float | None = None):
        self.model = Remembering(model)
        self._clearances = clearances
        self._stride = math.inf if stride is None else stride
        self._least = 0.0 if clearances is None else _KEPT * clearances.scene.margin
        self._fraction = 1.0  # of the latest step
        self._unsure = 0.0  # by how much the error changes, as a fraction of a step
        self._latest: tuple[np.ndarray, np.ndarray | float, float] | None = None

    def loosened(self, demands: Demands) -> Demands:
        """
        Return demands on a step that will be shortened, as the latest one was.

        Where only a part of it is made, the whole may use up more of what an inequality has left.
        """
        floors = demands.floors
        if self._fraction == 1.0 or not len(floors):
            return demands
        return demands._replace(floors=np.where(floors < 0.0, floors / self._fraction, floors))

    def step(self, angles: np.ndarray, chain: np.ndarray, wanted: np.ndarray,
             error: np.ndarray | float = 0.0) -> Arrival:
        """
        Return where a step ends that is as much as may be of the one that is wanted.

        :param angles, wanted: (joints, axes) [rad or m], from and to
        :param chain: (joints, 9), at the former
        :param error: (joints, 9), what the model predicts too much
        """
        self._learn(angles, error)
        arrival = self._part(angles, wanted, 1.0, error)
        far = longest_way(chain, arrival.chain)
        while far > _FURTHER * self._stride:
            arrival = self._part(angles, wanted, arrival.fraction * self._stride / far, error)
            far = longest_way(chain, arrival.chain)
        expected = arrival.fraction
        for _ in range(_HALVINGS):
            if self.is_free(angles, chain, arrival.angles, arrival.chain, error):
                break
            arrival = self._part(angles, wanted, 0.5 * arrival.fraction, error)
        else:
            arrival = Arrival(angles, chain, 0.0)
        self._fraction = max(arrival.fraction, 0.5 * expected, _LEAST_FRACTION)
        self._latest = arrival.angles, error, longest_way(chain, arrival.chain)
        return arrival

    def _learn(self, angles: np.ndarray, error: np.ndarray | float) -> None:
        """Learn by how much the error has changed in the latest step, if that led here."""
        if self._latest is None or self._latest[0] is not angles:
            return
        _, before, far = self._latest
        if far > 0.0 and isinstance(error, np.ndarray) and isinstance(before, np.ndarray):
            self._unsure = min(_DRIFTS * longest_way(before, error) / far, _MOST_DRIFT)

    def _part(self, angles: np.ndarray, wanted: np.ndarray, fraction: float,
              error: np.ndarray | float) -> Arrival:
        there = angles + fraction * (wanted - angles)
        return Arrival(there, self.model.linearize(there).chain - error, fraction)

    def is_free(self, angles: np.ndarray, chain: np.ndarray, later: np.ndarray,
                later_chain: np.ndarray, error: np.ndarray | float = 0.0,
                halvings: int = _FINENESS) -> bool:
        """Return whether the way between two configurations is proven to touch nothing."""
        if self._clearances is None:
            return True
        verdict = self._clearances.judge(angles, chain, later, later_chain, self._least,
                                           self._unsure)
        if verdict != travel.UNSURE:
            return verdict == travel.FREE
        if not halvings:
            return False
        middle = self._part(angles, later, 0.5, error)
        return (self.is_free(angles, chain, *middle[:2], error, halvings - 1)
                and self.is_free(*middle[:2], later, later_chain, error, halvings - 1))


class Remembering:
    """A model that is not asked twice in a row for the same configuration."""

    def __init__(self, model: DifferentiableModel):
        self.arm = model.arm
        self._model = model
        self._latest: tuple[np.ndarray, Linearization] | None = None

    def linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles (joints, axes) [rad or m], which nobody changes in place."""
        if self._latest is None or self._latest[0] is not angles:
            self._latest = angles, self._model.linearize(angles)
        return self._latest[1]
