# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Travel: steps from configuration to configuration that touch nothing on the way."""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control import distances
from snake_arm_control.control.clearance import Clearances

_KEPT = 0.5  # [margins], the clearance that a way keeps
_HALVINGS = 5  # of a step that is too long
_FINENESS = 6  # halvings of a way to judge it
_FURTHER = 1.02  # a stride is met within this


class Arrival(NamedTuple):
    """Where a step led."""

    angles: np.ndarray  # (joints, axes) [rad or m]
    chain: np.ndarray  # (joints, 9)
    fraction: float  # of the step that was wanted


class Travel:
    """
    Shortens steps, so that no joint goes farther than a stride, and nothing is touched between.

    On a step, all joints move linearly. That it is free is proven for the exact kinematics: see
    `distances.way_between`. A step that can't be proven free in pieces of 1/64 is halved.

    :param chain_of: angles (joints, axes) to the pose chain (joints, 9)
    :param clearances: what may touch what; None for nothing
    :param stride: way of any joint in one step at most [m]; None for any
    """

    def __init__(self, chain_of: Callable[[np.ndarray], np.ndarray],
                 clearances: Clearances | None = None, stride: float | None = None):
        self._chain_of, self._clearances = chain_of, clearances
        self._stride = math.inf if stride is None else stride
        self._least = 0.0 if clearances is None else _KEPT * clearances.scene.margin

    def step(self, angles: np.ndarray, chain: np.ndarray, wanted: np.ndarray) -> Arrival:
        """
        Return where a step ends that is as much as may be of the one that is wanted.

        :param angles, wanted: (joints, axes) [rad or m], from and to
        :param chain: (joints, 9), at the former
        """
        arrival = Arrival(wanted, self._chain_of(wanted), 1.0)
        far = longest_way(chain, arrival.chain)
        while far > _FURTHER * self._stride:
            arrival = self._part(angles, wanted, arrival.fraction * self._stride / far)
            far = longest_way(chain, arrival.chain)
        for _ in range(_HALVINGS):
            if self.is_free(angles, chain, arrival.angles, arrival.chain):
                return arrival
            arrival = self._part(angles, wanted, 0.5 * arrival.fraction)
        return Arrival(angles, chain, 0.0)

    def _part(self, angles: np.ndarray, wanted: np.ndarray, fraction: float) -> Arrival:
        there = angles + fraction * (wanted - angles)
        return Arrival(there, self._chain_of(there), fraction)

    def is_free(self, angles: np.ndarray, chain: np.ndarray, later: np.ndarray,
                later_chain: np.ndarray, halvings: int = _FINENESS) -> bool:
        """Return whether the way between two configurations is proven to touch nothing."""
        if self._clearances is None:
            return True
        verdict = self._clearances.judge(angles, chain, later, later_chain, self._least)
        if verdict != distances.UNSURE:
            return verdict == distances.FREE
        if not halvings:
            return False
        middle = 0.5 * (angles + later)
        between = self._chain_of(middle)
        return (self.is_free(angles, chain, middle, between, halvings - 1)
                and self.is_free(middle, between, later, later_chain, halvings - 1))


def longest_way(chain: np.ndarray, later: np.ndarray) -> float:
    """Return the longest way of a joint between two chains (joints, 9) [m]."""
    way = later[:, pose.POSITION] - chain[:, pose.POSITION]
    return math.sqrt(np.einsum('ij,ij->i', way, way).max())
