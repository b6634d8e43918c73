# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The pursuit of a goal: descent to it, rest at it, and other ways where the arm is stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import Search, terms_of
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings, make_optimiser
from snake_arm_control.control.posture import Posture
from snake_arm_control.control.progress import Progress
from snake_arm_control.control.recovery import Phase, Recovery
from snake_arm_control.control.term import Term
from snake_arm_control.model.differentiable import Linearization
from snake_arm_control.settings import setting

# Errors as multiples of the tolerances.
_SETTLED = 0.5  # below which the arm comes to rest
_PRESSED = 0.25  # by which an arm may be too near to something and yet rest
_LEFT = 2.0  # above which a reached goal counts as left
_NEAR = 0.05  # [arm lengths], or of a unit axis: a goal that moves on by no more is followed
_INVADED = 5e-3  # [m] by which something is too near to an arm that gives way before all else
_ROUNDING = 1e-9  # [rad]
_STAYS = 0.2  # [s] after which a goal that moved on from one nearby counts as one that stays
_RESTING = 1e-4  # [rad], a step to a posture that is no longer needed
_AT_HOME = 1e-3  # [rad or m] from where it returns to, an arm that gets no nearer is there


@dataclass(frozen=True)
class PursuitSettings(InverseSettings):
    """How to descend, and when to look for another way."""

    centering: float = setting(
        0.01, 'fraction of the way by which Levenberg-Marquardt returns a joint to mid-range in '
        'each iteration, where a goal that moves leaves it free', low=0.0, high=0.1)
    stall_time: float = setting(
        1.0, 'time without progress after which an arm is stuck, near its goal five times that',
        's', low=0.05, high=3600.0)
    restarts: int = setting(
        5, 'how often a stuck arm looks for another way to the goal before it gives up',
        low=0, high=100)

    @property
    def for_fixed_goal(self) -> PursuitSettings:
        """The same without centering: what settles at a goal that stays is not to be moved on."""
        return replace(self, centering=0.0)


class Pursuit:
    """
    Wants changes of the angles that bring an arm to its goal; how fast is up to others.

    :ivar goal: the one of no component lets the arm rest
    :ivar home: (joints, axes) [rad or m], where to return to without a goal, None for nowhere
    :ivar tolerances: at which a goal is reached, by the settings and the length of the arm
    :ivar iterations: BPTT iterations up to now
    :ivar gives_way: whether the latest step gave way to something, and did no more
    :ivar way_left: the largest change of any angle that the latest step wanted [rad]
    :ivar is_reached: whether the goal is reached, and has not been left since; with a posture,
        when the arm goes no further to it
    """

    def __init__(self, arm: Arm, settings: PursuitSettings):
        self._arm = arm
        self.goal = Goal.free(arm.joints)
        self.home: np.ndarray | None = None
        self.iterations = 0
        self.way_left = 0.0
        self.is_reached = self._settled = self.gives_way = False
        self._moves = False  # whether the goal has moved on from one nearby
        self._age = 0.0  # [s] of the goal
        self._kept: tuple[Term, ...] = ()  # beside the goal
        self._progress, self._recovery = Progress(), Recovery()
        self.use(settings)

    def use(self, settings: PursuitSettings) -> None:
        """Go on by other settings; a search begins anew, for it would end by those before."""
        self._settings = settings
        self.tolerances = settings.tolerances(self._arm.length)
        self._optimiser = make_optimiser(self._arm, settings)
        self._gather_terms()
        if self.phase is Phase.SEARCHING:
            self.forget_ways()

    def keep(self, *terms: Term) -> None:
        """Keep these terms from here on, whatever the goal; an arm that gave up tries again."""
        self._kept = terms
        self._gather_terms()
        if self.phase is Phase.GAVE_UP:
            self.forget_ways()

    def _gather_terms(self) -> None:
        settings = self._settings if self._moves else self._settings.for_fixed_goal
        self._terms = terms_of(self.goal, self._arm, settings, self._kept)

    @property
    def phase(self) -> Phase:
        """How far the recovery of a stuck arm is."""
        return self._recovery.phase

    def begin(self, goal: Goal, errors: Callable[[], tuple[float, float]]) -> None:
        """
        Pursue another goal.

        :param errors: returns the position error [m] and axis error [rad] to it
        """
        near = goal.is_near(self.goal, _NEAR, self._arm.length)
        self.goal, self._moves, self._settled, self._age = goal, near, False, 0.0
        self.home = None
        if goal.posture is not None:
            self.way_left = math.inf  # until the first step
        self._gather_terms()
        # An arm that keeps up with a moving goal has not left it.
        self.is_reached &= near and self.tolerances.ratio(*errors()) <= _LEFT
        if near:
            self._optimiser.follow()
        else:
            self._optimiser.reset()
        self.forget_ways()

    def return_to(self, home: np.ndarray) -> None:
        """Drop the goal, and go to a configuration (joints, axes) [rad or m]."""
        if not self.goal.is_free:
            self.begin(Goal.free(self._arm.joints), lambda: (0.0, 0.0))
        self.forget_ways()
        self.home, self.way_left = home, math.inf

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
        self.gives_way = False
        if self.phase is Phase.SEARCHING:
            self._recovery.step(self.tolerances, self._progress.ratio, self._settings.restarts)
            return self._give_way(aim, model, estimate)
        if self.phase is Phase.DETOUR:
            change = self._recovery.follow(aim, period, self._settings.stall_time)
            if change is not None:
                return self._give_way(aim, model, estimate, _INVADED, otherwise=change)
            self._progress.reset()
        if self.phase is Phase.GAVE_UP:
            return self._give_way(aim, model, estimate)
        if self.home is not None:
            change = self._return(aim, model, estimate, period, searches)
            return self._give_way(aim, model, estimate, _INVADED, otherwise=change)
        ratio = self.tolerances.ratio(*errors)
        self._age += period
        self.is_reached = (ratio <= (_LEFT if self.is_reached else 1.0)
                           and not self._is_on_its_way)
        wanted = demands(self._terms, estimate, aim)
        if self._is_settled(ratio, aim, estimate, wanted.violation):
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
        change = None
        if wanted.violation > _INVADED:
            change = self._give_way(aim, model, estimate, _INVADED)
        if change is None:
            change = self._optimiser.step(wanted, aim, model, self._settings.max_step) - aim
        self.way_left = float(np.abs(change).max())
        return change

    def _return(self, aim: np.ndarray, model: Linearization, estimate: np.ndarray, period: float,
                searches: Callable[[], Iterator[Search]]) -> np.ndarray | None:
        """Return the change (joints, axes) towards home, along what is in the way; None there."""
        assert self.home is not None
        change, before = self.home - aim, self.way_left
        self.way_left = float(np.abs(change).max())
        self._progress.update(1.0 + self.tolerances.ratio(self.way_left, 0.0), period)
        is_stuck = bool(self._kept) and self._progress.is_stuck(self._settings.stall_time)
        if max(self.way_left, before) <= _ROUNDING or is_stuck and self.way_left <= _AT_HOME:
            self.home = None
            return None
        if is_stuck:
            self._recovery.begin(searches(), self._settings.restarts)
        wanted = demands((Posture(self.home, fraction=1.0), *self._kept), estimate, aim)
        if not len(wanted.inequalities.values):
            return change
        return self._optimiser.step(wanted, aim, model, self._settings.max_step) - aim

    def _give_way(self, aim: np.ndarray, model: Linearization, estimate: np.ndarray,
                  most: float = 0.0, otherwise: np.ndarray | None = None) -> np.ndarray | None:
        """
        Return the change (joints, axes) out of what has come too near.

        The limits of motion shorten a step as a whole, so that one which goes to the goal, too,
        would give way more slowly.

        :param most: by how much it may be too near [m], if that is more than leaves an arm at rest
        :param otherwise: what to return where nothing is
        """
        kept = demands(self._kept, estimate, aim)
        if kept.violation <= max(most, self._pressed):
            return otherwise
        self.gives_way = True
        return self._optimiser.step(kept, aim, model, self._settings.max_step) - aim

    @property
    def _is_on_its_way(self) -> bool:
        """Whether the arm still goes to a posture that the goal prefers."""
        return self.goal.posture is not None and self.way_left > _RESTING

    @property
    def _pressed(self) -> float:
        """Violation of an inequality [m] that leaves an arm at rest where it is."""
        return _PRESSED * self.tolerances.position

    def _is_settled(self, ratio: float, aim: np.ndarray, estimate: np.ndarray,
                    violation: float) -> bool:
        """
        Return whether the arm is to rest: settled once, and still at the goal.

        Beyond its limits, or pressed by something, it never is. It settles where it is known to be
        well within the tolerances and where its command is expected to be so, too; feedback that
        is still under way will confirm or deny that. A goal that moves is followed without rest.
        """
        if violation > self._pressed or np.abs(aim - self._arm.clip(aim)).max() > _ROUNDING:
            return False
        if self._settled:
            return ratio <= 1.0
        if ratio > _SETTLED or self._is_on_its_way or self._moves and self._age < _STAYS:
            return False
        return self.tolerances.ratio(*self.goal.errors(estimate)) <= _SETTLED
