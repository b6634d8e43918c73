# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Optimisers: each takes one step of the joint angles towards a goal, through a forward model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from typing import Protocol

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.demands import Demands
from snake_arm_control.control.tolerances import Tolerances
from snake_arm_control.model.differentiable import Linearization
from snake_arm_control.settings import setting, Settings

METHODS = 'levenberg_marquardt', 'momentum'
_FIRST_DAMPING = 0.4  # [arm lengths^2], of the first step times the factor
_GREATEST_DAMPING = 1e7  # [arm lengths^2]
_DAMPING_FACTOR = 4.0
_EXACT = 0.2  # a smaller fraction of the tolerance is no error
_CURVATURE = 0.5  # [arm lengths/rad^2] by which a step off the rows bends the arm off its goal
_NEAR = 10.0  # tolerances within which preferences count


@dataclass(frozen=True)
class InverseSettings(Settings):
    """How to descend (section 2 of the paper; the symbols are its own)."""

    method: str = setting(
        'levenberg_marquardt', 'optimiser: of second order, or the rule of the paper',
        choices=METHODS)
    gradient_scale: float = setting(
        0.1, 'gradient scale factor eta of equation 3', 'rad^2', low=0.0, high=10.0)
    momentum: float = setting(
        0.5, 'momentum rate mu of equation 3', low=0.0, high=0.99)
    damping: float = setting(
        3e-3, 'least damping of Levenberg-Marquardt, about the square of the error of a learned '
        'Jacobian', 'arm lengths^2', low=0.0, high=1e3)
    centering: float = setting(
        0.0, 'fraction of the way by which Levenberg-Marquardt returns a joint to mid-range in '
        'each iteration, where a goal leaves it free', low=0.0, high=0.1)
    max_step: float = setting(
        0.3, 'largest change of any angle in one iteration', 'rad', low=1e-6, high=1.0)
    position_gain: float = setting(
        1.0, 'gain gamma_1 of position discrepancies in equation 4', low=0.0, high=1.0)
    axis_gain: float = setting(
        0.1, 'gain gamma_2 of axis discrepancies in equation 4', low=0.0, high=1.0)
    position_tolerance: float = setting(
        1e-3, 'position error at which a goal is reached', 'arm lengths', low=1e-6, high=1.0)
    axis_tolerance: float = setting(
        math.radians(1.0), 'axis error at which a goal is reached', 'rad', low=1e-5, high=3.0)

    def gains(self, length: float) -> np.ndarray:
        """
        Return the gains of the nine components (equation 4) of an arm of some length [m].

        Positions count in arm lengths, so that gains, damping and tolerances mean the same for an
        arm of any size.
        """
        gains = np.full(pose.SIZE, self.axis_gain)
        gains[pose.POSITION] = self.position_gain / length ** 2
        return gains

    def tolerances(self, length: float) -> Tolerances:
        """Return the errors at which an arm of some length [m] is at its goal."""
        return Tolerances(self.position_tolerance * length, self.axis_tolerance)


class Optimiser(Protocol):
    """Takes one step after the other, with a memory of the steps before."""

    patience: int  # steps without progress after which more of them are useless

    def step(self, demands: Demands, angles: np.ndarray, linearization: Linearization,
             bound: float) -> np.ndarray:
        """
        Return the next angles (joints, axes) [rad], within the limits.

        :param demands: of all terms, at these angles
        :param angles: (joints, axes) [rad]
        :param linearization: the model at these angles
        :param bound: largest change of any angle [rad]
        """

    def reset(self) -> None:
        """Forget the steps before: the arm is stationary, or the goal is another."""

    def follow(self) -> None:
        """Go on: the goal has moved a little, so that its loss is not that of before."""


class MomentumDescent:
    """
    The paper's descent (equation 3), on the residuals of all terms.

    With the corrected target of equation 4, ``z' = y + gamma (z - u)``, the gradient of the loss
    ``|y - z'|^2 / 2`` by the prediction y is ``gamma (u - z)``; it is exactly zero where the
    goal doesn't care. Inequalities that are awake are kept by the nearest step that keeps them.
    Preferences have no part in it.
    """

    patience = 1000

    def __init__(self, arm: Arm, settings: InverseSettings):
        self._arm, self._settings = arm, settings
        self._before: np.ndarray | None = None  # Phi(tau - 1) [rad]

    def step(self, demands: Demands, angles: np.ndarray, linearization: Linearization,
             bound: float) -> np.ndarray:
        """Take one step; see `Optimiser`."""
        s = self._settings
        change = 0.0 if self._before is None else angles - self._before
        self._before = angles
        change = (s.momentum * change
                  - s.gradient_scale * demands.gradient(linearization, angles))  # eq. 3
        if not len(demands.floors):
            return advance(self._arm, angles, change, bound)
        _, slopes = demands.derivatives(linearization, angles)
        return _step(self._arm, angles, bound, np.zeros((0, angles.size)), np.zeros(0), 1.0,
                     change, 1.0, slopes, demands.floors)

    def reset(self) -> None:
        """Drop the momentum."""
        self._before = None

    def follow(self) -> None:
        """Keep the momentum."""


class LevenbergMarquardt:
    """
    Damped Gauss-Newton steps on the residuals of all terms, within limits and inequalities.

    The loss of a goal is that of `MomentumDescent`, ``sum(weight gamma (u - z)^2) / 2``: residuals
    are those of the true chain, rows come by back-propagation through the model. How limits and
    inequalities are kept says `active_set`. A step that made the loss larger is not taken back,
    for late feedback changes the loss of the past; the next one is damped more. Damping draws the
    step towards the preferred one, and so to that where the rows leave it free; the preference
    fades where the residuals exceed ten times the position tolerance.

    Damping has a floor: a learned Jacobian has some small gain in directions in which no real arm
    can move a pose, and a step must not rely on them.
    """

    patience = 10

    def __init__(self, arm: Arm, settings: InverseSettings):
        self._arm, self._settings = arm, settings
        self.reset()

    def reset(self) -> None:
        """Start again with the first damping."""
        self._damping = _FIRST_DAMPING
        self._loss = math.inf

    def follow(self) -> None:
        """Keep the damping."""
        self._loss = math.inf

    def step(self, demands: Demands, angles: np.ndarray, linearization: Linearization,
             bound: float) -> np.ndarray:
        """Take one step; see `Optimiser`."""
        residual, preferred = demands.residuals.values, demands.preference
        if not len(residual) and not len(demands.floors) and preferred is None:
            return angles
        loss = float(residual @ residual)
        if preferred is None:
            preferred = np.zeros(angles.shape)
        else:
            preferred = preferred / (1.0 + loss / (_NEAR * self._settings.position_tolerance) ** 2)
        damping = self.damped(loss, _CURVATURE * float(np.sum(preferred ** 2)))
        rows, slopes = demands.derivatives(linearization, angles)
        return _step(self._arm, angles, bound, rows, residual, damping, preferred,
                     self._settings.damping, slopes, demands.floors)

    def damped(self, loss: float, bend: float = 0.0) -> float:
        """
        Return the damping [arm lengths^2] where squared residuals sum up to a loss.

        :param bend: by how much a preference bends the arm off the goal [arm lengths], which is no
            reason to damp
        """
        least = max(_EXACT * self._settings.position_tolerance, bend)
        worse = loss > max(self._loss, least ** 2)
        factor = _DAMPING_FACTOR if worse else 1.0 / _DAMPING_FACTOR
        self._damping = min(max(self._damping * factor, self._settings.damping),
                            _GREATEST_DAMPING)
        self._loss = loss
        return self._damping


def _step(arm: Arm, angles: np.ndarray, bound: float, rows: np.ndarray, residual: np.ndarray,
          damping: float, preferred: np.ndarray, least_damping: float, slopes: np.ndarray,
          floors: np.ndarray) -> np.ndarray:
    """Return the angles (joints, axes) after a step; see `active_set.step`."""
    from snake_arm_control.control import active_set  # with numba, which takes its time
    lower, upper, here, residual, preferred, floors = (
        np.array(each, float).ravel()
        for each in (arm.lower, arm.upper, angles, residual, preferred, floors))
    after = active_set.step(here, lower, upper, float(bound), rows, residual, damping, preferred,
                            least_damping, slopes, floors)
    return after.reshape(angles.shape)


def make_optimiser(arm: Arm, settings: InverseSettings) -> Optimiser:
    """Return the optimiser that the settings name."""
    kinds: dict[str, Callable[[Arm, InverseSettings], Optimiser]] = {
        'momentum': MomentumDescent, 'levenberg_marquardt': LevenbergMarquardt}
    return kinds[settings.method](arm, settings)


def advance(arm: Arm, angles: np.ndarray, change: np.ndarray, bound: float) -> np.ndarray:
    """
    Return angles + change, shortened to the bound with its direction kept, within the limits.

    A change that is not finite has no direction (a target so far off that its gradient overflows):
    the angles stay.

    :param angles, change: (joints, 2) [rad]
    :param bound: largest change of any angle [rad]
    """
    change = np.asarray(change, dtype=float)  # a bound in single precision would not be one
    largest = np.abs(change).max()
    if not math.isfinite(largest):
        return angles
    if largest > bound:
        change = change * (bound / largest)
    return arm.clip(angles + change)
