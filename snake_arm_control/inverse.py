# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Inverse control: joint angles that follow the goal's gradient through a forward model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from typing import NamedTuple, Protocol

import numpy as np

from snake_arm_control import pose
from snake_arm_control.arm import Arm
from snake_arm_control.errors import ShapeError
from snake_arm_control.goal import Goal
from snake_arm_control.settings import setting, Settings


class Linearization(Protocol):
    """A forward model at one configuration."""

    chain: np.ndarray  # (joints, 9), the predicted pose chain

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (joints, 2) for dL/dchain (joints, 9)."""


class DifferentiableModel(Protocol):
    """Whatever maps angles to a pose chain and can be differentiated."""

    arm: Arm

    def linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles (joints, 2) [rad]."""


@dataclass(frozen=True)
class InverseSettings(Settings):
    """How to descend (section 2 of the paper; the symbols are its own)."""

    gradient_scale: float = setting(
        0.1, 'gradient scale factor eta of equation 3', 'rad^2', low=0.0, high=10.0)
    momentum: float = setting(
        0.5, 'momentum rate mu of equation 3', low=0.0, high=0.99)
    max_step: float = setting(
        0.05, 'largest change of any angle in one iteration', 'rad', low=1e-6, high=1.0)
    position_gain: float = setting(
        1.0, 'gain gamma_1 of position discrepancies in equation 4', low=0.0, high=1.0)
    axis_gain: float = setting(
        0.1, 'gain gamma_2 of axis discrepancies in equation 4', low=0.0, high=1.0)
    position_tolerance: float = setting(
        1e-3, 'position error at which a goal is reached', 'm', low=1e-6, high=1.0)
    axis_tolerance: float = setting(
        math.radians(1.0), 'axis error at which a goal is reached', 'rad', low=1e-5, high=3.0)

    @property
    def gains(self) -> np.ndarray:
        """Gains of the nine components (equation 4)."""
        gains = np.full(pose.SIZE, self.axis_gain)
        gains[pose.POSITION] = self.position_gain
        return gains

    def is_reached(self, position_error: float, axis_error: float) -> bool:
        """Return whether errors [m], [rad] are within the tolerances."""
        return (position_error <= self.position_tolerance
                and axis_error <= self.axis_tolerance)


class Motion(NamedTuple):
    """Where the arm is and where it was one iteration before: momentum is their difference."""

    angles: np.ndarray  # (joints, 2) [rad]
    previous: np.ndarray  # (joints, 2) [rad]

    @classmethod
    def at_rest(cls, angles: np.ndarray) -> Motion:
        """Return the motion that stands still."""
        return cls(angles, angles)


class Solution(NamedTuple):
    """Result of `solve`; errors are the largest over the cared components."""

    angles: np.ndarray  # (joints, 2) [rad], the best found
    iterations: int  # steps taken in all
    converged: bool
    position_error: float  # [m], on the true chain where there is one
    axis_error: float  # [rad]


def step(goal: Goal, motion: Motion, linearization: Linearization, estimate: np.ndarray,
         arm: Arm, settings: InverseSettings, max_step: float | None = None) -> Motion:
    """
    Take one step of equation 3.

    With the corrected target of equation 4, ``z' = y + gamma (z - u)``, the gradient of the loss
    ``|y - z'|^2 / 2`` by the prediction y is ``gamma (u - z)``; it is exactly zero where the
    goal doesn't care.

    :param linearization: the model at motion.angles
    :param estimate: (joints, 9), the true chain u; the prediction itself without feedback
    :param max_step: bound of this step [rad], settings.max_step if None
    """
    bound = settings.max_step if max_step is None else max_step
    chain_gradient = goal.weight * settings.gains * goal.discrepancy(estimate)
    change = (settings.momentum * (motion.angles - motion.previous)
              - settings.gradient_scale * linearization.gradient(chain_gradient))  # eq. 3
    return Motion(advance(arm, motion.angles, change, bound), motion.angles)


def advance(arm: Arm, angles: np.ndarray, change: np.ndarray, bound: float) -> np.ndarray:
    """
    Return angles + change, shortened to the bound with its direction kept, within the limits.

    A change that is not finite has no direction (a target so far off that its gradient overflows):
    the angles stay.

    :param angles, change: (joints, 2) [rad]
    :param bound: largest change of any angle [rad]
    """
    largest = np.abs(change).max()
    if not math.isfinite(largest):
        return angles
    if largest > bound:
        change = change * (bound / largest)
    return np.clip(angles + change, -arm.angle_limit, arm.angle_limit)


def solve(goal: Goal, start_angles: np.ndarray, model: DifferentiableModel,
          true_chain: Callable[[np.ndarray], np.ndarray] | None = None,
          settings: InverseSettings = InverseSettings(),
          max_iterations: int = 2000) -> Solution:
    """
    Descend from a configuration until the goal is reached or the iterations are used up.

    :param start_angles: (joints, 2) [rad], clipped to the joint limits
    :param true_chain: angles to their true pose chain (joints, 9), for target correction
        (equation 4); None trusts the model
    :return: the configuration of the smallest error relative to the tolerances
    :raises ShapeError: if goal or angles don't fit the model's arm, or angles are not finite
    """
    arm = model.arm
    if goal.joints != arm.joints:
        raise ShapeError('goal', goal.target.shape, f'({arm.joints}, {pose.SIZE})')
    start_angles = np.array(start_angles, dtype=float)
    if start_angles.shape != (arm.joints, 2) or not np.isfinite(start_angles).all():
        raise ShapeError('start_angles', start_angles.shape, f'({arm.joints}, 2), all finite')
    start_angles = np.clip(start_angles, -arm.angle_limit, arm.angle_limit)
    motion, best, best_score = Motion.at_rest(start_angles), None, math.inf
    for iteration in range(max_iterations + 1):
        linearization = model.linearize(motion.angles)
        chain = linearization.chain if true_chain is None else true_chain(motion.angles)
        errors = float(goal.position_error(chain)), float(goal.axis_error(chain))
        reached = settings.is_reached(*errors)
        score = max(errors[0] / settings.position_tolerance, errors[1] / settings.axis_tolerance)
        if best is None or score < best_score:
            best, best_score = (motion.angles, *errors), score
        if reached or iteration == max_iterations:
            break
        motion = step(goal, motion, linearization, chain, arm, settings)
    angles, position_error, axis_error = best
    return Solution(angles, iteration, reached, position_error, axis_error)
