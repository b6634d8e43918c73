# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The controller itself, free of ROS: goals and feedback in, bounded commands out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import AXES
from snake_arm_control.control.correction import TargetCorrection
from snake_arm_control.control.feedback import FeedbackWatch
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.imagination import searches
from snake_arm_control.control.optimiser import advance, InverseSettings, make_optimiser
from snake_arm_control.control.progress import Progress
from snake_arm_control.control.recovery import Phase, Recovery
from snake_arm_control.errors import ArmError, FeedbackError, ShapeError
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization
from snake_arm_control.settings import setting

# Thresholds of the loop. Errors are multiples of the tolerances.
_SETTLED = 0.5  # error below which the arm comes to rest
_LEFT = 2.0  # error above which a reached goal counts as left
_NEAR = 0.05  # [m], or of a unit axis: a goal that moves on by no more is followed
_FIRST_PERIOD = 0.005  # [s] that the velocity limit grants before a period was seen
_LONGEST_PERIOD = 0.1  # [s] the velocity limit grants no larger step after a longer pause
_MOVED = 0.05  # [rad] an idle arm this far from its command was moved by something else
_STATIONARY = 0.002  # [rad] an arm that moves by no more between two reports is stationary


@dataclass(frozen=True)
class ControlSettings(InverseSettings):
    """How to descend, and what to make of feedback."""

    use_feedback: bool = setting(
        True, 'correct targets by the true pose chain, and hold when it stays away')
    correction_gain: float = setting(
        0.1, 'least fraction of a newly measured model error that is taken over where feedback is '
        'noisy; 1 is equation 4 to the letter', low=0.001, high=1.0)
    stall_time: float = setting(
        1.0, 'time without progress after which an arm is stuck, near its goal five times that',
        's', low=0.05, high=3600.0)
    restarts: int = setting(
        5, 'how often a stuck arm looks for another way to the goal before it gives up',
        low=0, high=100)
    feedback_timeout: float = setting(
        0.5, 'longest time that a command may go unanswered', 's', low=0.001, high=60.0)


class State(Enum):
    """What the controller does; the value is its plain name."""

    WAITING = 'waiting for the first joint states'
    IDLE = 'idle: no goal'
    TRACKING = 'moving to the goal'
    REACHED = 'goal reached'
    HOLDING = 'holding on request'
    RETURNING = 'returning to rest'
    NO_FEEDBACK = 'holding: no feedback'
    SEARCHING = 'stuck: looking for another way to the goal'
    DETOUR = 'taking another way to the goal'
    STALLED = 'stalled: no way to the goal was found'


_UNDRIVEN = (State.WAITING, State.IDLE, State.HOLDING, State.NO_FEEDBACK)
_OF_RECOVERY = {Phase.SEARCHING: State.SEARCHING, Phase.DETOUR: State.DETOUR,
                Phase.GAVE_UP: State.STALLED}


class Command(NamedTuple):
    """One command to the arm."""

    stamp: int  # [ns], increasing
    positions: np.ndarray  # (joints, 2) [rad]
    velocities: np.ndarray  # (joints, 2) [rad/s]


class ControlLoop:
    """
    Moves an arm to a goal, one bounded command at a time.

    Every command lies within the joint limits, at most settings.max_step and at most what the
    arm's velocity limit allows since the last call away from the command before, or from where
    `start` found the arm since then. Its stamp is later, unless the clock of the stamps was set
    back. The clocks are the caller's: times are seconds of one that never jumps, stamps may come
    from any. Call `iterate` at every tick, also when there is nothing to do: an arm that has
    rested for long then starts as gently as any.
    """

    def __init__(self, model: DifferentiableModel, settings: ControlSettings = ControlSettings()):
        self.arm = model.arm
        self.settings = settings
        self.goal = Goal.free(self.arm.joints)
        self.iterations = 0  # BPTT iterations, each of which made one command
        self.estimated_chain: np.ndarray | None = None  # (joints, 9), of the latest feedback
        self._started = False
        self._angles = np.zeros((self.arm.joints, len(AXES)))  # [rad], as last commanded
        self._reported: np.ndarray | None = None  # (joints, 2) [rad], the latest joint states
        self._holding = self._returning = self._driving = False
        self._settled = self._reached = False
        self._feedback, self._progress, self._recovery = FeedbackWatch(), Progress(), Recovery()
        self._called_at: float | None = None
        self._period = _FIRST_PERIOD  # [s], between the latest two calls of iterate
        self.use_model(model)

    @property
    def settings(self) -> ControlSettings:
        """How to descend, and what to make of feedback; may be replaced at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._optimiser = make_optimiser(self.arm, settings)
        self._errors: tuple[float, float] | None = None

    def use_model(self, model: DifferentiableModel) -> None:
        """
        Go on with another forward model of the arm.

        :raises ArmError: if it is of another arm; the model before stays
        """
        if model.arm != self.arm:
            raise ArmError(f'the model is of {model.arm}, expected {self.arm}')
        self.model = model
        self.correction = TargetCorrection(self.arm.joints)
        self._move_to(self._angles)
        # The first iteration shall not wait for compiled code to be loaded.
        linearization = model.linearize(np.zeros((self.arm.joints, len(AXES))))
        linearization.gradient(self.goal.target)
        linearization.jacobian_rows(np.zeros(1, dtype=int), np.zeros(1, dtype=int))

    @property
    def angles(self) -> np.ndarray | None:
        """Angles of the latest command, (joints, 2) [rad]; None before the start."""
        return self._angles.copy() if self._started else None

    @property
    def is_driving(self) -> bool:
        """Whether the arm is where it was commanded to, so that `start` would change nothing."""
        return self._driving

    def start(self, angles: np.ndarray) -> None:
        """
        Take where the arm is, from which commands go on.

        It counts before the first command, and while the arm is not driven (on hold, without a
        goal, without feedback) if something else has moved it and it is stationary again.

        :param angles: (joints, 2) [rad]
        :raises FeedbackError: if they are not finite or of another shape
        """
        angles = np.array(angles, dtype=float)
        if angles.shape != (self.arm.joints, len(AXES)):
            raise FeedbackError(f'joint states have the shape {angles.shape}, expected '
                                f'({self.arm.joints}, {len(AXES)})')
        if not np.isfinite(angles).all():
            raise FeedbackError('joint states are not finite')
        limit = self.arm.angle_limit
        angles = np.clip(angles, -limit, limit)
        before, self._reported = self._reported, angles
        if not self._started or not self._driving and before is not None and (
                np.abs(angles - self._angles).max() > _MOVED
                and np.abs(angles - before).max() <= _STATIONARY):
            self._started = True
            self._move_to(angles)
            self._optimiser.reset()

    def set_goal(self, goal: Goal) -> None:
        """
        Pursue another goal from here on; the one of no component lets the arm rest.

        The goal that is pursued already changes nothing.

        :raises ShapeError: if it is for another number of joints; the goal before stays
        """
        if goal.joints != self.arm.joints:
            raise ShapeError('goal', goal.target.shape, f'({self.arm.joints}, {pose.SIZE})')
        if goal == self.goal and not self._returning:
            return
        near = (np.array_equal(goal.weight, self.goal.weight)
                and np.abs(goal.target - self.goal.target).max() <= _NEAR)
        self.goal = goal
        self._returning = self._settled = False
        self._errors = None
        # An arm that keeps up with a moving goal has not left it.
        self._reached &= near and self._ratio(*self.errors()) <= _LEFT
        if near:
            self._optimiser.follow()
        else:
            self._optimiser.reset()
        self._forget_progress()

    def hold(self, holding: bool) -> None:
        """Stand still, or go on."""
        self._holding = holding
        self._optimiser.reset()
        self._forget_progress()

    def reset(self) -> None:
        """Drop the goal and return to the zero angles."""
        self.goal = Goal.free(self.arm.joints)
        self._holding, self._returning = False, True
        self._errors = None
        self._optimiser.reset()

    def receive(self, stamp: int, true_chain: np.ndarray) -> None:
        """
        Take the true pose chain that answers a command.

        :param stamp: of that command, or of the measurement [ns]; 0 for an arm that was never
            commanded: this tells where it is but corrects nothing
        :param true_chain: (joints, 9), NaN where nothing was measured: that is expected as
            predicted, and before the start, when nothing is, such a chain is of no use
        :raises FeedbackError: if it is misshapen, infinite, or older than what was received
        """
        true_chain = np.array(true_chain, dtype=float)
        if true_chain.shape != self.goal.target.shape:
            raise FeedbackError(f'the pose chain has the shape {true_chain.shape}, expected '
                                f'{self.goal.target.shape}')
        measured = ~np.isnan(true_chain)
        if np.isinf(true_chain).any() or not measured.any():
            raise FeedbackError('the pose chain is not finite')
        self._feedback.receive(stamp)
        answered = self.correction.update(stamp, true_chain, self.settings.correction_gain)
        if answered is not None:
            true_chain = self.correction.filtered
        elif not measured.all():
            if not self._started:
                return
            expected = self.correction.estimate(self._linearize().chain)
            true_chain = np.where(measured, true_chain, expected)
        self.estimated_chain = true_chain
        self._errors = None

    @property
    def answered(self) -> bool:
        """Whether the latest command was answered, so that the next one may follow at once."""
        return not self.settings.use_feedback or self._feedback.answered

    def errors(self) -> tuple[float, float]:
        """
        Return the largest position error [m] and axis error [rad] over the cared components.

        They are those of the latest true chain; of the prediction where no feedback is used or
        none has come yet. NaN before the start.
        """
        if self._errors is None:
            chain = self.estimated_chain if self.settings.use_feedback else None
            if chain is None:
                if not self._started:
                    return math.nan, math.nan
                chain = self._linearize().chain
            self._errors = (float(self.goal.position_error(chain)),
                            float(self.goal.axis_error(chain)))
        return self._errors

    def feedback_age(self, now: float) -> float:
        """Return how long the oldest unanswered command has been waiting [s]."""
        return self._feedback.age(now)

    def feedback_trouble(self, now: float) -> str:
        """Return why there is no feedback, empty if there is."""
        if self.state(now) is not State.NO_FEEDBACK:
            return ''
        return self._feedback.trouble(now, self.settings.feedback_timeout)

    def state(self, now: float) -> State:
        """Return what the controller does at a time [s]."""
        if not self._started:
            return State.WAITING
        if self._holding:
            return State.HOLDING
        if self._returning:
            return State.RETURNING
        if self.goal.is_free:
            return State.IDLE
        if (self.settings.use_feedback
                and self._feedback.age(now) > self.settings.feedback_timeout):
            return State.NO_FEEDBACK
        if self._recovery.phase is not Phase.NONE:
            return _OF_RECOVERY[self._recovery.phase]
        return State.REACHED if self._reached else State.TRACKING

    def _ratio(self, position_error: float, axis_error: float) -> float:
        """Return the larger of position and axis error over its tolerance."""
        return max(position_error / self.settings.position_tolerance,
                   axis_error / self.settings.axis_tolerance)

    def iterate(self, now: float, stamp: int) -> Command | None:
        """
        Take one iteration if there is anything to do.

        :param now: [s]
        :param stamp: wanted for the command [ns]; a later one is taken where it doesn't increase
        :return: the command, or None where the arm shall stay as it is
        """
        if self._called_at is not None:
            since = max(self._called_at, self._feedback.commanded_at)
            self._period = min(max(now - since, 0.0), _LONGEST_PERIOD)
        self._called_at = now
        self._feedback.tick(now)
        if self._feedback.was_set_back(stamp):
            self._feedback.forget()
            self.correction.forget()
        state = self.state(now)
        self._driving = state not in _UNDRIVEN
        if state is State.NO_FEEDBACK:
            return self._probe(now, stamp)
        if state is State.RETURNING:
            return self._return(now, stamp)
        if state is State.SEARCHING:
            self._recovery.step(self.settings, self._progress.ratio, self.settings.restarts)
        elif state is State.DETOUR:
            return self._take_detour(now, stamp)
        elif state in (State.TRACKING, State.REACHED):
            return self._pursue(now, stamp)
        return None

    def _pursue(self, now: float, stamp: int) -> Command | None:
        """Take one step to the goal; rest there; if the arm is stuck, begin to look elsewhere."""
        ratio = self._ratio(*self.errors())
        self._reached = ratio <= (_LEFT if self._reached else 1.0)
        if self._is_settled(ratio):
            if not self._settled:
                self._settled = True
                self._optimiser.reset()
            return self._ask(now, stamp)
        self._settled = False
        self._progress.update(ratio, self._period)
        if self._progress.is_stuck(self.settings.stall_time):
            self._optimiser.reset()
            self._recovery.begin(
                searches(self.goal, self.model, self.settings, np.random.default_rng(0),
                         lambda: self.correction.error if self.settings.use_feedback else 0.0),
                self.settings.restarts)
            return None
        self.iterations += 1
        return self._command(now, stamp, self._optimiser.step(
            self.goal, self._angles, self._linearize(), self._estimate(), self._bound()))

    def _is_settled(self, ratio: float) -> bool:
        """
        Return whether the arm is to rest: settled once, and still at the goal.

        It settles where it was last measured well within the tolerances and where it is expected
        to be so now; feedback that is still under way will confirm or deny that.
        """
        if self._settled:
            return ratio <= 1.0
        if ratio > _SETTLED:
            return False
        now = self._estimate()
        return self._ratio(float(self.goal.position_error(now)),
                           float(self.goal.axis_error(now))) <= _SETTLED

    def _estimate(self) -> np.ndarray:
        """Return the true chain (joints, 9) as expected now (equation 4)."""
        chain = self._linearize().chain
        return self.correction.estimate(chain) if self.settings.use_feedback else chain

    def _forget_progress(self) -> None:
        """Count the time without progress, and the ways tried, from here on."""
        self._progress.reset()
        self._recovery.reset()

    def _take_detour(self, now: float, stamp: int) -> Command:
        """Move on to the configuration that the search has found."""
        detour = self._recovery.detour
        assert detour is not None  # the state says that there is one
        angles = advance(self.arm, self._angles, detour - self._angles, self._bound())
        if np.array_equal(angles, detour):
            self._recovery.arrive()
            self._progress.reset()
        return self._command(now, stamp, angles)

    def _ask(self, now: float, stamp: int) -> Command | None:
        """Repeat the last command of an arm at rest if its feedback has been silent too long."""
        if (not self.settings.use_feedback
                or self._feedback.silence(now) <= self.settings.feedback_timeout):
            return None
        return self._command(now, stamp, self._angles)

    def _probe(self, now: float, stamp: int) -> Command | None:
        """Repeat the last command now and then, so that returning feedback has an answer."""
        self._optimiser.reset()
        if self._feedback.must_probe(now, self.settings.feedback_timeout):
            return self._command(now, stamp, self._angles)
        return None

    def _return(self, now: float, stamp: int) -> Command | None:
        here = self._angles
        if not here.any():
            self._returning = False
            return None
        return self._command(now, stamp, advance(self.arm, here, -here, self._bound()))

    def _bound(self) -> float:
        """Return the largest step [rad] that settings and the velocity limit allow."""
        return min(self.settings.max_step, self.arm.velocity_limit * self._period)

    def _command(self, now: float, stamp: int, angles: np.ndarray) -> Command:
        velocities = (angles - self._angles) / max(self._period, 1e-6)
        stamp = self._feedback.next_stamp(stamp)
        self._feedback.command(stamp, now, self.settings.use_feedback)
        self._move_to(angles, keep_errors=self.settings.use_feedback)
        self.correction.remember(stamp, self._linearize().chain)
        limit = self.arm.velocity_limit
        return Command(stamp, angles.copy(), np.clip(velocities, -limit, limit))

    def _move_to(self, angles: np.ndarray, keep_errors: bool = False) -> None:
        """Go on from other angles, at which the model has not been evaluated yet."""
        self._angles = angles
        self._linearization: Linearization | None = None
        if not keep_errors:
            self._errors = None

    def _linearize(self) -> Linearization:
        if self._linearization is None:
            self._linearization = self.model.linearize(self._angles)
        return self._linearization
