# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The pursuit of a goal: descent to it, rest at it, and other ways where the arm is stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import Search, terms_of
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings, make_optimiser
from snake_arm_control.control.progress import Progress
from snake_arm_control.control.recovery import Phase, Recovery
from snake_arm_control.model.differentiable import Linearization
from snake_arm_control.settings import setting

# Errors as multiples of the tolerances.
_SETTLED = 0.5  # below which the arm comes to rest
_LEFT = 2.0  # above which a reached goal counts as left
_NEAR = 0.05  # [m], or of a unit axis: a goal that moves on by no more is followed
_ROUNDING = 1e-9  # [rad]


@dataclass(frozen=True)
class PursuitSettings(InverseSettings):
    """How to descend, and when to look for another way."""

    stall_time: float = setting(
        1.0, 'time without progress after which an arm is stuck, near its goal five times that',
        's', low=0.05, high=3600.0)
    restarts: int = setting(
        5, 'how often a stuck arm looks for another way to the goal before it gives up',
        low=0, high=100)


class Pursuit:
    """
    Wants changes of the angles that bring an arm to its goal; how fast is up to others.

    :ivar goal: the one of no component lets the arm rest
    :ivar iterations: BPTT iterations up to now
    :ivar way_left: the largest change of any angle that the latest step wanted [rad]
    :ivar is_reached: whether the goal is reached, and has not been left since
    """

    def __init__(self, arm: Arm, settings: PursuitSettings):
        self._arm = arm
        self.goal = Goal.free(arm.joints)
        self.iterations = 0
        self.way_left = 0.0
        self.is_reached = self._settled = False
        self._progress, self._recovery = Progress(), Recovery()
        self.use(settings)

    def use(self, settings: PursuitSettings) -> None:
        """Go on by other settings; a search begins anew, for it would end by those before."""
        self._settings = settings
        self._optimiser = make_optimiser(self._arm, settings)
        self._terms = terms_of(self.goal, self._arm, settings)
        if self.phase is Phase.SEARCHING:
            self.forget_ways()

    @property
    def phase(self) -> Phase:
        """How far the recovery of a stuck arm is."""
        return self._recovery.phase

    def begin(self, goal: Goal, errors: Callable[[], tuple[float, float]]) -> None:
        """
        Pursue another goal.

        :param errors: returns the position error [m] and axis error [rad] to it
        """
        near = (np.array_equal(goal.weight, self.goal.weight)
                and np.abs(goal.target - self.goal.target).max() <= _NEAR)
        self.goal, self._settled = goal, False
        self._terms = terms_of(goal, self._arm, self._settings)
        # An arm that keeps up with a moving goal has not left it.
        self.is_reached &= near and self._ratio(*errors()) <= _LEFT
        if near:
            self._optimiser.follow()
        else:
            self._optimiser.reset()
        self.forget_ways()

    def restart(self) -> None:
        """Descend from where the arm is now: it was held, moved, or did not follow."""
        self._optimiser.reset()
        self._progress.reset()
        self._settled = False

    def forget_ways(self) -> None:
        """Count the time without progress, and the ways tried, from here on."""
        self._progress.reset()
        self._recovery.reset()

    def step(self, aim: np.ndarray, model: Linearization, estimate: np.ndarray,
             errors: tuple[float, float], period: float, searches: Callable[[], Iterator[Search]]
             ) -> np.ndarray | None:
        """
        Return the wanted change of the angles (joints, axes) [rad], None at rest.

        :param aim: (joints, axes) [rad], where the arm should be by its latest command
        :param model: at these angles
        :param estimate: (joints, 9), the true chain that is expected there (equation 4)
        :param errors: position error [m] and axis error [rad] of the arm as it is known
        :param period: since the step before in which the arm could make progress [s]
        :param searches: returns where else to look
        """
        if self.phase is Phase.SEARCHING:
            self._recovery.step(self._settings, self._progress.ratio, self._settings.restarts)
            return None
        if self.phase is Phase.DETOUR:
            return self._detour(aim)
        if self.phase is Phase.GAVE_UP:
            return None
        ratio = self._ratio(*errors)
        self.is_reached = ratio <= (_LEFT if self.is_reached else 1.0)
        if self._is_settled(ratio, aim, estimate):
            if not self._settled:
                self._settled, self.way_left = True, 0.0
                self._optimiser.reset()
            return None
        self._settled = False
        self._progress.update(ratio, period)
        if self._progress.is_stuck(self._settings.stall_time):
            self._optimiser.reset()
            self._recovery.begin(searches(), self._settings.restarts)
            return None
        self.iterations += 1
        self._optimiser.follow()  # feedback changes the loss, too, and steps are short
        wanted = demands(self._terms, estimate, aim)
        change = self._optimiser.step(wanted, aim, model, self._settings.max_step) - aim
        self.way_left = float(np.abs(change).max())
        return change

    def _detour(self, aim: np.ndarray) -> np.ndarray:
        """Return the way to the configuration that a search has found."""
        assert self._recovery.detour is not None
        change = self._recovery.detour - aim
        if np.abs(change).max() <= _ROUNDING:
            self._recovery.arrive()
            self._progress.reset()
        return change

    def _is_settled(self, ratio: float, aim: np.ndarray, estimate: np.ndarray) -> bool:
        """
        Return whether the arm is to rest: settled once, and still at the goal.

        Beyond its limits it never is. It settles where it is known to be well within the
        tolerances and where its command is expected to be so, too; feedback that is still under
        way will confirm or deny that.
        """
        if np.abs(aim - self._arm.clip(aim)).max() > _ROUNDING:
            return False
        if self._settled:
            return ratio <= 1.0
        if ratio > _SETTLED:
            return False
        return self._ratio(*self.goal.errors(estimate)) <= _SETTLED

    def _ratio(self, position_error: float, axis_error: float) -> float:
        """Return the larger of position and axis error over its tolerance."""
        ratio = max(position_error / self._settings.position_tolerance,
                    axis_error / self._settings.axis_tolerance)
        return math.inf if math.isnan(ratio) else ratio
