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
from snake_arm_control.control.goal import Goal
from snake_arm_control.model.differentiable import Linearization
from snake_arm_control.settings import setting, Settings

_FIRST_DAMPING = 0.4  # [m^2], of the first step times the factor
_GREATEST_DAMPING = 1e7  # [m^2]
_DAMPING_FACTOR = 4.0
_EXACT = 0.2  # a smaller fraction of the tolerance is no error


@dataclass(frozen=True)
class InverseSettings(Settings):
    """How to descend (section 2 of the paper; the symbols are its own)."""

    method: str = setting(
        'levenberg_marquardt', 'optimiser: of second order, or the rule of the paper',
        choices=('levenberg_marquardt', 'momentum'))
    gradient_scale: float = setting(
        0.1, 'gradient scale factor eta of equation 3', 'rad^2', low=0.0, high=10.0)
    momentum: float = setting(
        0.5, 'momentum rate mu of equation 3', low=0.0, high=0.99)
    damping: float = setting(
        3e-3, 'least damping of Levenberg-Marquardt, about the square of the error of a learned '
        'Jacobian', 'm^2', low=0.0, high=1e3)
    centering: float = setting(
        0.0, 'fraction of its angle by which Levenberg-Marquardt returns a joint to mid-range in '
        'each iteration, where a reached goal leaves it free', low=0.0, high=0.1)
    max_step: float = setting(
        0.3, 'largest change of any angle in one iteration', 'rad', low=1e-6, high=1.0)
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


class Optimiser(Protocol):
    """Takes one step after the other, with a memory of the steps before."""

    patience: int  # steps without progress after which more of them are useless

    def step(self, goal: Goal, angles: np.ndarray, linearization: Linearization,
             estimate: np.ndarray, bound: float) -> np.ndarray:
        """
        Return the next angles (joints, 2) [rad], within the limits.

        :param angles: (joints, 2) [rad]
        :param linearization: the model at these angles
        :param estimate: (joints, 9), the true chain u; the prediction itself without feedback
        :param bound: largest change of any angle [rad]
        """

    def reset(self) -> None:
        """Forget the steps before: the arm is stationary, or the goal is another."""

    def follow(self) -> None:
        """Go on: the goal has moved a little, so that its loss is not that of before."""


class MomentumDescent:
    """
    The paper's descent (equation 3).

    With the corrected target of equation 4, ``z' = y + gamma (z - u)``, the gradient of the loss
    ``|y - z'|^2 / 2`` by the prediction y is ``gamma (u - z)``; it is exactly zero where the
    goal doesn't care.
    """

    patience = 1000

    def __init__(self, arm: Arm, settings: InverseSettings):
        self._arm, self._settings = arm, settings
        self._before: np.ndarray | None = None  # Phi(tau - 1) [rad]

    def step(self, goal: Goal, angles: np.ndarray, linearization: Linearization,
             estimate: np.ndarray, bound: float) -> np.ndarray:
        """Take one step; see `Optimiser`."""
        s = self._settings
        chain_gradient = goal.weight * s.gains * goal.discrepancy(estimate)
        change = 0.0 if self._before is None else angles - self._before
        self._before = angles
        change = (s.momentum * change
                  - s.gradient_scale * linearization.gradient(chain_gradient))  # eq. 3
        return advance(self._arm, angles, change, bound)

    def reset(self) -> None:
        """Drop the momentum."""
        self._before = None

    def follow(self) -> None:
        """Keep the momentum."""


class LevenbergMarquardt:
    """
    Damped Gauss-Newton steps on the model's Jacobian rows of the cared components.

    The loss is that of `MomentumDescent`, ``sum(weight gamma (u - z)^2) / 2``: residuals are those
    of the true chain, rows come by back-propagation through the model. A joint at its limit that
    is pushed outward is left out of the step. A step that made the loss larger is not taken back,
    for late feedback changes the loss of the past; the next one is damped more. With
    centering, what a goal that is reached leaves free returns to mid-range little by little, so
    that none that goes round and round screws the arm into its limits.

    Damping has a floor: a learned Jacobian has some small gain in directions in which no real arm
    can move a pose (lengthening an axis), and a step must not rely on them.
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

    def step(self, goal: Goal, angles: np.ndarray, linearization: Linearization,
             estimate: np.ndarray, bound: float) -> np.ndarray:
        """Take one step; see `Optimiser`."""
        importance = goal.weight * self._settings.gains
        cared = np.nonzero(importance)
        if not len(cared[0]):
            return angles
        scale = np.sqrt(importance[cared])
        residual = scale * goal.discrepancy(estimate)[cared]
        loss = float(residual @ residual)
        # Centering bends the arm a little off the goal, which is no reason to damp.
        worse = loss > max(self._loss, (_EXACT * self._settings.position_tolerance) ** 2)
        factor = _DAMPING_FACTOR if worse else 1.0 / _DAMPING_FACTOR
        self._damping = min(max(self._damping * factor, self._settings.damping),
                            _GREATEST_DAMPING)
        self._loss = loss
        rows = linearization.jacobian_rows(cared[0], cared[1]).reshape(len(scale), -1)
        rows = rows.astype(float) * scale[:, None]
        try:
            change = self._change(angles, rows, residual, bound)
        except np.linalg.LinAlgError:  # of targets or weights beyond all numbers: no direction
            return angles
        return advance(self._arm, angles, change, bound)

    def _change(self, angles: np.ndarray, rows: np.ndarray, residual: np.ndarray, bound: float
                ) -> np.ndarray:
        """
        Return the damped step (joints, axes) [rad], shortened to the bound, within the limits.

        What a joint can't do because of its limit is left to the others.
        """
        here = angles.ravel()
        change = self._damped(rows, residual, here)
        up, down = self._arm.upper.ravel() - here, self._arm.lower.ravel() - here
        part = _part(change, bound)
        stopped = (part * change > up) | (part * change < down)
        if not stopped.any():
            return change.reshape(angles.shape)
        held = np.zeros(len(here), dtype=bool)
        while stopped.any():
            held |= stopped
            most = np.where(held, np.clip(part * change, down, up), 0.0)  # [rad], of this step
            free = self._damped(rows * ~held, residual + rows @ (most / part), here * ~held)
            change = np.where(held, most / part, free)
            part = _part(free, bound)
            stopped = ~held & ((part * free > up) | (part * free < down))
        return np.where(held, most, part * free).reshape(angles.shape)

    def _damped(self, rows: np.ndarray, residual: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Return the damped step by rows and angles that are zero where nothing may move."""
        if len(rows) >= rows.shape[1]:
            gram = rows.T @ rows
            gram.flat[::len(gram) + 1] += self._damping
            return -np.linalg.solve(gram, residual @ rows)
        gram = rows @ rows.T
        diagonal = gram.flat[::len(gram) + 1]
        gram.flat[::len(gram) + 1] = diagonal + self._damping
        change = -np.linalg.solve(gram, residual) @ rows
        if self._settings.centering:
            off = residual @ residual / self._settings.position_tolerance ** 2
            back = -self._settings.centering / (1.0 + off) * angles
            gram.flat[::len(gram) + 1] = diagonal + self._settings.damping
            change += back - np.linalg.solve(gram, rows @ back) @ rows
        return change


def _part(change: np.ndarray, bound: float) -> float:
    """Return what a change is to be multiplied by to be within a bound."""
    largest = float(np.abs(change).max())
    return 1.0 if largest <= bound else bound / largest


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
