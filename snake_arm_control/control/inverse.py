# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Inverse control: joint angles that follow the goal's gradient through a forward model."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
import math
from typing import NamedTuple, Protocol

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm, AXES
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import ShapeError
from snake_arm_control.settings import setting, Settings

_FIRST_DAMPING = 0.4  # [m^2], of the first step times the factor
_GREATEST_DAMPING = 1e7  # [m^2]
_DAMPING_FACTOR = 4.0
_EXACT = 0.2  # a smaller fraction of the tolerance is no error
_PROGRESS = 0.99  # a smaller fraction of the error than this counts as progress
_GROWTH = 3  # joints by which a goal grows at least
_GROWTH_ITERATIONS = 2  # for each of these joints
_IMAGINED_ITERATIONS = 60  # from each random start


class Linearization(Protocol):
    """A forward model at one configuration."""

    chain: np.ndarray  # (joints, 9), the predicted pose chain

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (joints, 2) for dL/dchain (joints, 9)."""

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """
        Return rows of dchain/dangles[first:] for indices into the chain.

        :return: (rows, joints - first, 2)
        """


class DifferentiableModel(Protocol):
    """Whatever maps angles to a pose chain and can be differentiated."""

    arm: Arm

    def linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles (joints, 2) [rad]."""


@dataclass(frozen=True)
class InverseSettings(Settings):
    """How to descend (section 2 of the paper; the symbols are its own)."""

    method: str = setting(
        'levenberg_marquardt', 'way down: second order, or that of the paper',
        choices=('levenberg_marquardt', 'momentum'))
    gradient_scale: float = setting(
        0.1, 'gradient scale factor eta of equation 3', 'rad^2', low=0.0, high=10.0)
    momentum: float = setting(
        0.5, 'momentum rate mu of equation 3', low=0.0, high=0.99)
    damping: float = setting(
        3e-3, 'damping below which Levenberg-Marquardt never goes: about the square of the error '
        'of the Jacobian that was learned', 'm^2', low=0.0, high=1e3)
    centering: float = setting(
        0.0, 'share of its angle by which Levenberg-Marquardt returns a joint to mid-range in '
        'each iteration at the goal, as far as that leaves it free', low=0.0, high=0.1)
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


class Solution(NamedTuple):
    """Result of `solve`; errors are the largest over the cared components."""

    angles: np.ndarray  # (joints, 2) [rad], the best found
    iterations: int  # steps taken in all
    converged: bool
    position_error: float  # [m], on the true chain where there is one
    axis_error: float  # [rad]


class Descent(Protocol):
    """A way down: one step after the other, with a memory of the steps before."""

    patience: int  # steps without progress after which more of them would lead nowhere

    def step(self, goal: Goal, angles: np.ndarray, linearization: Linearization,
             estimate: np.ndarray, bound: float) -> np.ndarray:
        """
        Return the next angles (joints, 2) [rad], within the limits.

        :param angles: (joints, 2) [rad]
        :param linearization: the model at these angles
        :param estimate: (joints, 9), the true chain u; the prediction itself without feedback
        :param bound: largest change of any angle [rad]
        """

    def rest(self) -> None:
        """Forget the steps before: the arm stands, or the goal is another."""

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
        self._change: np.ndarray | float = 0.0  # Phi(tau) - Phi(tau - 1) [rad]

    def step(self, goal: Goal, angles: np.ndarray, linearization: Linearization,
             estimate: np.ndarray, bound: float) -> np.ndarray:
        """Take one step; see `Descent`."""
        s = self._settings
        chain_gradient = goal.weight * s.gains * goal.discrepancy(estimate)
        change = (s.momentum * self._change
                  - s.gradient_scale * linearization.gradient(chain_gradient))  # eq. 3
        following = advance(self._arm, angles, change, bound)
        self._change = following - angles
        return following

    def rest(self) -> None:
        """Drop the momentum."""
        self._change = 0.0

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
        self.rest()

    def rest(self) -> None:
        """Start again with the first damping."""
        self._damping = _FIRST_DAMPING
        self._loss = math.inf

    def follow(self) -> None:
        """Keep the damping."""
        self._loss = math.inf

    def step(self, goal: Goal, angles: np.ndarray, linearization: Linearization,
             estimate: np.ndarray, bound: float) -> np.ndarray:
        """Take one step; see `Descent`."""
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
        rows = linearization.jacobian_rows(*cared).reshape(len(scale), -1)
        rows = rows.astype(float) * scale[:, None]
        try:
            change = self._change(angles, rows, residual)
        except np.linalg.LinAlgError:  # of targets or weights beyond all numbers: no direction
            return angles
        return advance(self._arm, angles, change, bound)

    def _change(self, angles: np.ndarray, rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Return the damped step (joints, 2) [rad] of those angles that no limit stops."""
        flat = angles.ravel()
        if np.abs(flat).max() < self._arm.angle_limit:
            return self._damped(rows, residual, flat).reshape(angles.shape)
        slope = residual @ rows
        highest, lowest = flat >= self._arm.angle_limit, flat <= -self._arm.angle_limit
        free = ~((highest & (slope < 0.0)) | (lowest & (slope > 0.0)))
        while True:
            change = self._damped(rows * free, residual, flat * free)
            stopped = free & ((highest & (change > 0.0)) | (lowest & (change < 0.0)))
            if not stopped.any():
                return change.reshape(angles.shape)
            free &= ~stopped  # what they would have done is left to the others

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


def make_descent(arm: Arm, settings: InverseSettings) -> Descent:
    """Return the way down that the settings name."""
    kinds = {'momentum': MomentumDescent, 'levenberg_marquardt': LevenbergMarquardt}
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
    return np.clip(angles + change, -arm.angle_limit, arm.angle_limit)


def solve(goal: Goal, start_angles: np.ndarray, model: DifferentiableModel,
          true_chain: Callable[[np.ndarray], np.ndarray] | None = None,
          settings: InverseSettings = InverseSettings(), max_iterations: int = 2000,
          restarts: int = 0, generator: np.random.Generator | None = None) -> Solution:
    """
    Descend from a configuration until the goal is reached, progress ends or iterations do.

    A descent that is stuck, as a rule because joints have reached their limits, may start again
    elsewhere. Where is imagined: the true arm takes no part until a new start is found. A goal
    that leaves the arm next to no choice does so at once.

    :param start_angles: (joints, 2) [rad], clipped to the joint limits
    :param true_chain: angles to their true pose chain (joints, 9), for target correction
        (equation 4); None trusts the model
    :param restarts: how often to start again
    :param generator: draws the new starts; None for one of seed 0
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
    generator = np.random.default_rng(0) if generator is None else generator
    attempt = imagined = 0
    if restarts and _leaves_little_choice(goal):
        grown = _finish(imagine(goal, model, 0.0, settings, attempt, generator))
        attempt, imagined, start_angles = 1, grown.iterations, grown.angles
    best = _finish(descend(goal, start_angles, model, true_chain, settings,
                           max(max_iterations - imagined, 0)))
    taken = imagined + best.iterations
    while not best.converged and attempt < restarts and taken < max_iterations:
        elsewhere = _finish(imagine(goal, model, 0.0, settings, attempt, generator))
        taken += elsewhere.iterations
        found = _finish(descend(goal, elsewhere.angles, model, true_chain, settings,
                                max(max_iterations - taken, 0)))
        taken += found.iterations
        best = min(best, found, key=lambda each: score(each, settings))
        attempt += 1
    return best._replace(iterations=taken)


def descend(goal: Goal, angles: np.ndarray, model: DifferentiableModel,
            true_chain: Callable[[np.ndarray], np.ndarray] | None, settings: InverseSettings,
            max_iterations: int, error: np.ndarray | float = 0.0
            ) -> Generator[None, None, Solution]:
    """
    Descend once; pauses after each iteration, and returns the best configuration found.

    :param error: (joints, 9), what the model is known to be off by where no true_chain is given
    """
    descent = make_descent(model.arm, settings)
    best: Solution | None = None
    progress_at, progress_score = 0, math.inf
    for iteration in range(max_iterations + 1):
        linearization = model.linearize(angles)
        chain = linearization.chain - error if true_chain is None else true_chain(angles)
        errors = float(goal.position_error(chain)), float(goal.axis_error(chain))
        here = Solution(angles, iteration, settings.is_reached(*errors), *errors)
        here_score = score(here, settings)
        if best is None or here_score < score(best, settings):
            best = here
        if here_score < _PROGRESS * progress_score:
            progress_at, progress_score = iteration, here_score
        if (here.converged or iteration == max_iterations
                or iteration - progress_at >= descent.patience):
            break
        angles = descent.step(goal, angles, linearization, chain, settings.max_step)
        yield
    return best._replace(iterations=iteration)


def imagine(goal: Goal, model: DifferentiableModel,
            error: np.ndarray | float, settings: InverseSettings, attempt: int,
            generator: np.random.Generator) -> Generator[None, None, Solution]:
    """
    Look for another way to a goal without moving the arm; pauses after each iteration.

    The first attempt grows the arm from base to tip, a few joints at a time, each time to what is
    asked of these: where much of the chain is cared for, no part of the arm can then be trapped by
    those beyond it. The others start from random bends. All go down by Levenberg-Marquardt.

    :param error: (joints, 9), what the model is known to be off by
    :param attempt: which one, from 0
    :return: the configuration found, and the iterations that it took
    """
    arm, settings = model.arm, replace(settings, method='levenberg_marquardt')
    if attempt:
        angles = arm.angle_limit * generator.uniform(0.1, 0.5) * generator.uniform(
            -1.0, 1.0, (arm.joints, len(AXES)))
        return (yield from descend(goal, angles, model, None, settings,
                                   _IMAGINED_ITERATIONS, error))
    error = np.broadcast_to(error, goal.target.shape)
    angles = np.zeros((arm.joints, len(AXES)))
    iterations = first = 0
    cared = np.flatnonzero(goal.cared.any(axis=1)) + 1
    for end in cared:
        if end - first < _GROWTH and end != cared[-1]:
            continue
        part = slice(first, end)
        grown = yield from descend(
            Goal(goal.target[part], goal.weight[part]), angles[part], _Part(model, angles, part),
            None, settings, _GROWTH_ITERATIONS * (end - first), error[part])
        angles[part] = grown.angles
        iterations, first = iterations + grown.iterations, end
    chain = model.linearize(angles).chain - error
    errors = float(goal.position_error(chain)), float(goal.axis_error(chain))
    return Solution(angles, iterations, settings.is_reached(*errors), *errors)


def _leaves_little_choice(goal: Goal) -> bool:
    """Return whether a goal says where most of the joints shall be."""
    return bool(goal.cared[:, pose.POSITION].all(axis=1).mean() > 0.5)


class _Part:
    """A few joints of an arm in the form of a model of an arm; the others keep their angles."""

    def __init__(self, model: DifferentiableModel, angles: np.ndarray, part: slice):
        self.arm = replace(model.arm, joints=part.stop - part.start)
        self._model, self._angles, self._part = model, angles, part

    def linearize(self, angles: np.ndarray) -> _PartLinearization:
        """Return the whole arm's model where the part is at angles (its joints, 2) [rad]."""
        whole = self._angles.copy()
        whole[self._part] = angles
        return _PartLinearization(self._model.linearize(whole), self._part)


class _PartLinearization:
    """What `LevenbergMarquardt` needs of the model of a part."""

    def __init__(self, whole: Linearization, part: slice):
        self._whole, self._part = whole, part
        self.chain = whole.chain[part]

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray) -> np.ndarray:
        """Return the rows (rows, joints of the part, 2) of the part's chain by its angles."""
        start, stop = self._part.start, self._part.stop
        return self._whole.jacobian_rows(joints + start, components, start)[:, :stop - start]


def _finish(steps: Generator[None, None, Solution]) -> Solution:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def score(solution: Solution, settings: InverseSettings) -> float:
    """Return the larger of position and axis error over its tolerance; NaN counts as infinite."""
    score = max(solution.position_error / settings.position_tolerance,
                solution.axis_error / settings.axis_tolerance)
    return math.inf if math.isnan(score) else score
