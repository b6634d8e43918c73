# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Levenberg-Marquardt in numpy, as this package had it before its descent was compiled.

It is a yardstick and stays as it is: the same solver on Pinocchio's Jacobians.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings

_FIRST_DAMPING = 0.4  # [m^2], of the first step times the factor
_GREATEST_DAMPING = 1e7  # [m^2]
_DAMPING_FACTOR = 4.0
_EXACT = 0.2  # a smaller fraction of the tolerance is no error
_PROGRESS = 0.99  # a smaller fraction of the error than this counts as progress
_PATIENCE = 10  # iterations
_GROWTH = 3  # joints by which a goal grows at least
_GROWTH_ITERATIONS = 2  # for each of these joints
_IMAGINED_ITERATIONS = 60  # from each random start
_LITTLE_CHOICE = 0.5  # fraction of joints whose position is given

Linearized = Callable[[np.ndarray], tuple[np.ndarray, Callable[..., np.ndarray]]]


class Found(NamedTuple):
    """Where a descent ended."""

    angles: np.ndarray  # (joints, axes)
    iterations: int
    score: float  # largest error over its tolerance


class _Limits(NamedTuple):
    lower: np.ndarray  # (joints, axes)
    upper: np.ndarray
    length: float  # [m], of the arm


def solve(goal: Goal, arm: Arm, model: Any, true_chain: Callable[[np.ndarray], np.ndarray],
          settings: InverseSettings, restarts: int, max_iterations: int = 2000) -> Found:
    """
    Descend from rest until the goal is reached, and elsewhere where that is stuck.

    :param model: with `linearize`, whose linearizations have `chain` and `jacobian_rows`
    """
    limits = _Limits(arm.lower, arm.upper, arm.length)
    generator = np.random.default_rng(0)

    def linearized(angles: np.ndarray) -> tuple[np.ndarray, Callable[..., np.ndarray]]:
        return true_chain(angles), model.linearize(angles).jacobian_rows

    def imagined(angles: np.ndarray) -> tuple[np.ndarray, Callable[..., np.ndarray]]:
        linearization = model.linearize(angles)
        return linearization.chain, linearization.jacobian_rows

    start, taken, attempt = arm.rest, 0, 0
    if restarts and goal.cared[:, pose.POSITION].all(axis=1).mean() > _LITTLE_CHOICE:
        start, taken = _grown(goal, limits, imagined, settings)
        attempt = 1
    best = _descended(goal, start, limits, linearized, settings, max_iterations - taken)
    taken += best.iterations
    while best.score > 1.0 and attempt < restarts and taken < max_iterations:
        if attempt:
            drawn = generator.uniform(0.1, 0.5) * generator.uniform(-1.0, 1.0, arm.rest.shape)
            elsewhere = _descended(goal, arm.upper * drawn, limits, imagined, settings,
                                   _IMAGINED_ITERATIONS)
            start, taken = elsewhere.angles, taken + elsewhere.iterations
        else:
            start, iterations = _grown(goal, limits, imagined, settings)
            taken += iterations
        found = _descended(goal, start, limits, linearized, settings,
                           max(max_iterations - taken, 0))
        taken += found.iterations
        best = min(best, found, key=lambda each: each.score)
        attempt += 1
    return best._replace(iterations=taken)


def _descended(goal: Goal, angles: np.ndarray, limits: _Limits, linearized: Linearized,
               settings: InverseSettings, max_iterations: int) -> Found:
    """Descend once."""
    descent = _Descent(limits, settings)
    best = Found(angles, 0, math.inf)
    progress_at, progress_score = 0, math.inf
    for iteration in range(max_iterations + 1):
        chain, jacobian_rows = linearized(angles)
        score = settings.tolerances(limits.length).ratio(*goal.errors(chain))
        if score < best.score:
            best = Found(angles, iteration, score)
        if score < _PROGRESS * progress_score:
            progress_at, progress_score = iteration, score
        if score <= 1.0 or iteration == max_iterations or iteration - progress_at >= _PATIENCE:
            break
        angles = descent.step(goal, angles, chain, jacobian_rows)
    return best._replace(iterations=iteration)


def _grown(goal: Goal, limits: _Limits, linearized: Linearized, settings: InverseSettings
           ) -> tuple[np.ndarray, int]:
    """Let the arm grow from base to tip, a few joints at a time: angles, and iterations."""
    angles = np.zeros_like(limits.lower)
    iterations = first = 0
    cared = np.flatnonzero(goal.cared.any(axis=1)) + 1
    for end in cared:
        if end - first < _GROWTH and end != cared[-1]:
            continue
        part = slice(first, end)

        def linearized_part(part_angles: np.ndarray, part: slice = part
                            ) -> tuple[np.ndarray, Callable[..., np.ndarray]]:
            whole = angles.copy()
            whole[part] = part_angles
            chain, rows = linearized(whole)
            return chain[part], lambda joints, components: rows(
                joints + part.start, components, part.start)[:, :part.stop - part.start]

        grown = _descended(
            Goal(goal.target[part], goal.weight[part]), angles[part],
            _Limits(limits.lower[part], limits.upper[part], limits.length), linearized_part,
            settings, _GROWTH_ITERATIONS * (end - first))
        angles[part] = grown.angles
        iterations, first = iterations + grown.iterations, int(end)
    return angles, iterations


class _Descent:
    """Damped Gauss-Newton steps; a joint at its limit that is pushed outward is left out."""

    def __init__(self, limits: _Limits, settings: InverseSettings):
        self._settings, self._gains = settings, settings.gains(limits.length)
        self._lower, self._upper = limits.lower.ravel(), limits.upper.ravel()
        self._damping, self._loss = _FIRST_DAMPING, math.inf

    def step(self, goal: Goal, angles: np.ndarray, chain: np.ndarray,
             jacobian_rows: Callable[..., np.ndarray]) -> np.ndarray:
        """Return the next angles (joints, axes)."""
        importance = goal.weight * self._gains
        cared = np.nonzero(importance)
        scale = np.sqrt(importance[cared])
        residual = scale * goal.discrepancy(chain)[cared]
        loss = float(residual @ residual)
        worse = loss > max(self._loss, (_EXACT * self._settings.position_tolerance) ** 2)
        factor = _DAMPING_FACTOR if worse else 1.0 / _DAMPING_FACTOR
        self._damping = min(max(self._damping * factor, self._settings.damping),
                            _GREATEST_DAMPING)
        self._loss = loss
        rows = jacobian_rows(*cared).reshape(len(scale), -1).astype(float) * scale[:, None]
        flat = angles.ravel()
        change = self._change(flat, rows, residual)
        largest = np.abs(change).max()
        if largest > self._settings.max_step:
            change *= self._settings.max_step / largest
        return np.clip(flat + change, self._lower, self._upper).reshape(angles.shape)

    def _change(self, flat: np.ndarray, rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
        highest, lowest = flat >= self._upper, flat <= self._lower
        if not (highest | lowest).any():
            return self._damped(rows, residual)
        slope = residual @ rows
        free = ~((highest & (slope < 0.0)) | (lowest & (slope > 0.0)))
        while True:
            change = self._damped(rows * free, residual)
            stopped = free & ((highest & (change > 0.0)) | (lowest & (change < 0.0)))
            if not stopped.any():
                return change
            free &= ~stopped  # what they would have done is left to the others

    def _damped(self, rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
        if len(rows) >= rows.shape[1]:
            gram = rows.T @ rows
            gram.flat[::len(gram) + 1] += self._damping
            return -np.linalg.solve(gram, residual @ rows)
        gram = rows @ rows.T
        gram.flat[::len(gram) + 1] += self._damping
        return -np.linalg.solve(gram, residual) @ rows
