# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The controller itself, free of ROS: goals and feedback in, bounded commands out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.control.adaptation import AdaptedModel
from snake_arm_control.control.clear_way import ClearWay
from snake_arm_control.control.clearance import Contact
from snake_arm_control.control.descent import Search
from snake_arm_control.control.feedback import Feedback
from snake_arm_control.control.following import Following
from snake_arm_control.control.foresight import Foresight
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.imagination import searches
from snake_arm_control.control.latency import Latency
from snake_arm_control.control.motion import Motion
from snake_arm_control.control.plausibility import PlausibilitySettings
from snake_arm_control.control.pursuit import Pursuit, PursuitSettings
from snake_arm_control.control.recovery import Phase
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.tolerances import Tolerances
from snake_arm_control.errors import ArmError, FeedbackError
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization
from snake_arm_control.settings import setting

_SHORTEST_PERIOD = 1e-6  # [s] ticks that are closer are one
_LONGEST_PERIOD = 0.1  # [s] after a longer pause the arm counts as standing
_FIRST_PERIOD = 0.02  # [s] from there its first step is that of this time
_NEAR_WAY = 0.02  # [rad] a command that wants to go on by less is where it is to be
_MOVED = 0.05  # [rad] an idle arm this far from its command was moved by something else
_ADAPTATION_PERIOD = 0.1  # [s] between two chains that the model learns from
_SET_BACK = 10**9  # [ns] a clock that goes back by more was set back


@dataclass(frozen=True)
class ControlSettings(PursuitSettings, PlausibilitySettings):
    """How to descend, what to make of feedback, and how the arm may move."""

    use_feedback: bool = setting(
        True, 'correct targets by the true pose chain, and hold without one')
    correction_gain: float = setting(
        0.1, 'least fraction of each measured model error that the filter takes over; 1 is '
        'equation 4 to the letter', low=0.001, high=1.0)
    feedback_latency: float = setting(
        -1.0, 'time by which a pose chain is older than its stamp; negative: estimated while the '
        'arm moves', 's', low=-1.0, high=1.0)
    feedback_timeout: float = setting(
        0.5, 'longest time without joint states, or without a pose chain that can be believed',
        's', low=0.001, high=60.0)
    following_error: float = setting(
        0.2, 'most that the command may be ahead of the joint states', 'rad', low=1e-3, high=3.0)
    following_time: float = setting(
        0.5, 'time after which an arm that does not move although it is commanded to counts as '
        'stopped', 's', low=0.05, high=60.0)
    speed_limit: float = setting(
        1.0, 'speed limit of any point of the arm', 'm/s', low=1e-3, high=100.0)
    adapt: float = setting(
        0.0, 'time in which the model trusts less what it learned while running: it follows the '
        'true poses by its angles, its lengths and a payload; 0 to learn nothing', 's', low=0.0,
        high=3600.0)
    goal_timeout: float = setting(
        0.0, 'time after which a goal that was not published again no longer counts, 0 for never',
        's', low=0.0, high=3600.0)
    command_at_rest: bool = setting(
        False, 'repeat the command at each tick while the arm rests, for drives that take silence '
        'as a fault')
    resume: bool = setting(
        True, 'go on by itself where feedback was lost, or the arm was stopped or pushed; else '
        'hold until controller/hold is called with false')


class State(Enum):
    """What the controller does: the name is the code, the value is for people."""

    WAITING = 'waiting for the first joint states'
    WAITING_FOR_CHAIN = 'waiting for the first pose chain'
    IDLE = 'idle: no goal'
    TRACKING = 'moving to the goal'
    REACHED = 'goal reached'
    HOLDING = 'holding on request'
    WAITING_FOR_RELEASE = 'holding until controller/hold is called with false'
    RETURNING = 'returning to rest'
    NO_FEEDBACK = 'holding: no feedback'
    NOT_FOLLOWING = 'the arm does not follow its commands: it is led a little until it moves'
    GOAL_TIMED_OUT = 'holding: the goal has not been published again in time'
    SEARCHING = 'stuck: looking for another way to the goal'
    DETOUR = 'taking another way to the goal'
    STALLED = 'stalled: no way to the goal was found'


_OF_RECOVERY = {Phase.SEARCHING: State.SEARCHING, Phase.DETOUR: State.DETOUR,
                Phase.GAVE_UP: State.STALLED}
_PURSUING = (State.TRACKING, State.REACHED)
_INTERRUPTIONS = (State.NO_FEEDBACK, State.NOT_FOLLOWING)
# In these states the arm brakes, then rests.
_RESTING = (State.WAITING, State.WAITING_FOR_CHAIN, State.IDLE, State.HOLDING,
            State.WAITING_FOR_RELEASE, State.NO_FEEDBACK, State.GOAL_TIMED_OUT)


class Command(NamedTuple):
    """One command to the arm."""

    stamp: int  # [ns], increasing
    positions: np.ndarray  # (joints, axes) [rad]
    velocities: np.ndarray  # (joints, axes) [rad/s], which the positions have
    period: float  # [s] that the way from the command before takes


class ControlLoop:
    """
    Moves an arm to a goal, one bounded command at a time.

    Each command keeps, in this order where they conflict: the position limits of the joints;
    velocity and acceleration of each joint; the following error; the speed limit of every point of
    the arm. A new start may jump in the command, but not in the arm: that was pushed, does not
    move, or was moved while idle, and the command is set back to where it is.

    Prediction and truth are compared at what the joints reported. `report` and `receive` take what
    arrives, at any time; call `iterate` at every tick, also when there is nothing to do. Stamps
    [ns] are those of one clock, the ROS clock, by which everything moves; `now` [s] is that of a
    clock that never jumps, by which silence is judged.
    """

    def __init__(self, model: DifferentiableModel, settings: ControlSettings = ControlSettings()):
        self.arm, self.model = model.arm, model
        self._adapted: AdaptedModel | None = None
        self._adapted_at = -10**9  # [ns]
        self._pursuit = Pursuit(self.arm, settings)
        self.interruption = ''  # why the arm waits for its release, empty if it does not
        self.commands = 0
        self.new_starts = 0
        self.started_at = 0  # [ns], stamp of the first command or of the latest new start
        self._linearizations: list[tuple[np.ndarray, Linearization]] = []  # the latest few
        self._command = self.arm.rest  # (joints, axes) [rad], the latest
        self._aimed = 3 * (self._command,)  # command, offset and aim of the latest `_aim`
        self._started = self._reports = False
        self._holding = self._publishing = False
        self._rests = True  # whether the latest tick let the arm rest
        self._must_mark = False  # whether the next command is a new start
        self._goal_is_new, self._goal_at = False, -math.inf  # [s]
        self._stamp = self._ticked = 0  # [ns], of the latest command, and of the latest tick
        self.following = Following(self.arm)
        self.feedback = Feedback(self.arm, lambda angles: self._linearize(angles).chain)
        self._motion = Motion(self.arm, lambda command: self._linearize(command).chain)
        self._foresight, self._keeps_off_itself = Foresight(), False
        self._body: ArmBody | None = None
        self._clear_way: ClearWay | None = None
        self._pace = 1.0  # fraction of the speed limit that the latest command might use
        self.settings = settings

    @property
    def settings(self) -> ControlSettings:
        """How to descend, what to make of feedback, and how to move; may be replaced any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        before = getattr(self, '_settings', None)
        self._settings = settings
        self._pursuit.use(settings)
        self._errors: tuple[float, float] | None = None
        if before is None or before.feedback_latency != settings.feedback_latency:
            given = settings.feedback_latency
            self.feedback.latency = Latency(None if given < 0.0 else given)

    def use_model(self, model: DifferentiableModel) -> None:
        """
        Go on with another forward model of the arm.

        :raises ArmError: if it is of another arm; the model before stays
        """
        if model.arm != self.arm:
            raise ArmError(f'the model is of {model.arm}, expected {self.arm}')
        self.model, self._adapted = model, None
        self._linearizations.clear()
        self._errors = None
        self.feedback.use_model()
        self._pursuit.forget_ways()
        self._avoid()

    def avoid(self, scene: Scene | None, own_body: bool = False,
              body: ArmBody | None = None) -> None:
        """
        Keep clear of a scene from here on; it may be replaced at any time, as things move.

        An arm that pursues a goal gives way to what comes too near.

        :param scene: None for nothing
        :param own_body: whether the links keep clear of each other, too
        :param body: the arm's; None for straight links, see `ArmBody.of`
        """
        self._body = body
        self._foresight.take(scene, 1e-9 * self._ticked)
        self._keeps_off_itself = own_body
        self._avoid()

    def _avoid(self) -> None:
        scene, own_body = self._foresight.foreseen, self._keeps_off_itself
        if scene is None and not own_body:
            self._clear_way = None
            self._pursuit.keep()
        else:
            self._clear_way = ClearWay(self.model, scene, own_body, self._body)
            self._pursuit.keep(self._clear_way.term)

    @property
    def adapted(self) -> AdaptedModel | None:
        """The model with what it learned while running; None where it learned nothing."""
        return self._adapted

    @property
    def margin(self) -> float:
        """Clearance at which the arm comes to rest [m], 0 where nothing is avoided."""
        return 0.0 if self._clear_way is None else self._clear_way.margin

    @property
    def contact(self) -> Contact | None:
        """What is nearest to what, None where nothing is avoided or nothing is known."""
        chain = self.estimated_chain
        if self._clear_way is None or chain is None:
            return None
        return self._clear_way.nearest(chain)

    @property
    def goal(self) -> Goal:
        """The goal that is pursued; of no component where there is none."""
        return self._pursuit.goal

    @property
    def tolerances(self) -> Tolerances:
        """Errors at which the goal counts as reached."""
        return self._pursuit.tolerances

    @property
    def iterations(self) -> int:
        """BPTT iterations up to now, each of which made one command."""
        return self._pursuit.iterations

    @property
    def angles(self) -> np.ndarray | None:
        """Angles of the latest command, (joints, axes) [rad]; None before the start."""
        return self._command.copy() if self._started else None

    @property
    def is_moving(self) -> bool:
        """Whether the latest command has a velocity."""
        return self._motion.is_moving

    @property
    def estimated_chain(self) -> np.ndarray | None:
        """The true chain (joints, 9) as it is known of the latest joint states; None without."""
        latest = self.feedback.history.latest
        return None if latest is None else self._expected(latest.chain)

    def start(self, angles: np.ndarray) -> None:
        """
        Take where an arm is that reports no joint states: its commands then count as what it did.

        :param angles: (joints, axes) [rad]
        :raises FeedbackError: if they are not finite or of another shape
        """
        self._command = self._checked(angles)
        self._started = True

    def report(self, stamp: int, angles: np.ndarray) -> None:
        """
        Take what the joints did.

        :param stamp: when it was measured [ns]
        :param angles: (joints, axes) [rad]
        :raises FeedbackError: if they are not finite or of another shape
        """
        angles = self._checked(angles)
        if not self._started:
            self._command, self._started = angles, True
        self._reports = True
        self._errors = None
        self.feedback.report(stamp, angles)
        self.following.report(angles)

    def _checked(self, angles: np.ndarray) -> np.ndarray:
        angles = np.array(angles, dtype=float)
        if angles.shape != self.arm.rest.shape:
            raise FeedbackError(f'joint states have the shape {angles.shape}, expected '
                                f'{self.arm.rest.shape}')
        if not np.isfinite(angles).all():
            raise FeedbackError('joint states are not finite')
        return angles

    def receive(self, stamp: int, true_chain: np.ndarray) -> None:
        """
        Take a true pose chain; it counts from the next tick at which its joint states are known.

        :param stamp: of the tracker [ns]
        :param true_chain: (joints, 9), NaN where nothing was measured
        :raises FeedbackError: if it is misshapen or infinite
        """
        self.feedback.receive(stamp, np.array(true_chain, dtype=float, order='C'))

    def set_goal(self, goal: Goal) -> None:
        """
        Pursue another goal from here on; the one of no component lets the arm rest.

        The goal that is pursued already changes nothing, but that it has been published again.

        :raises ShapeError: if it is for another number of joints; the goal before stays
        :raises ArmError: if it prefers a posture of joints that the arm does not have
        """
        goal.check(self.arm)
        self._goal_is_new = True
        if goal == self.goal and self._pursuit.home is None:
            return
        self._errors = None
        self._pursuit.begin(goal, self.errors)

    def hold(self, holding: bool) -> None:
        """Brake and hold, or go on; to go on is to believe a tracker that has jumped meanwhile."""
        if not holding:
            self._release()
        self._holding = holding
        self._pursuit.restart()
        self._pursuit.forget_ways()

    def reset(self) -> None:
        """Drop the goal and return to the rest pose."""
        self._pursuit.return_to(self.arm.rest)
        self._goal_is_new, self._errors = True, None
        self._release()

    def _release(self) -> None:
        """Go on after a hold, also of an arm that was stopped: it may move again."""
        if self._holding or self.interruption:
            self.feedback.believe_anew()
        if self.interruption:
            self.following.is_stopped = False
            self.following.reset()
        self._holding, self.interruption = False, ''

    @property
    def answered(self) -> bool:
        """Whether the latest command was answered, so that the next one may follow at once."""
        if self._rests and self.settings.command_at_rest:
            return False  # it is repeated at the rate
        latest = self.feedback.history.latest
        if self._reports and (latest is None or latest.stamp < self._stamp):
            return False
        return not self.settings.use_feedback or self.feedback.received_stamp >= self._stamp

    def errors(self) -> tuple[float, float]:
        """
        Return the largest position error [m] and axis error [rad] over the cared components.

        They are those of the true chain as it is known; of the prediction where no feedback is
        used or none has come yet. NaN before the start.
        """
        if self._errors is None:
            chain = self.estimated_chain
            if chain is None:
                if not self._started:
                    return math.nan, math.nan
                chain = self._linearize(self._aim()).chain
            self._errors = self.goal.errors(chain)
        return self._errors

    @property
    def largest_lead(self) -> float:
        """How far the command is ahead of the joint that is furthest behind [rad]."""
        lead = self.following.lead(self._command)
        return math.nan if lead is None else float(np.abs(lead).max())

    def feedback_age(self, now: float) -> float:
        """Return how long no true chain has been believed [s], infinite before the first."""
        return now - self.feedback.received_at

    def feedback_trouble(self, now: float) -> str:
        """Return why feedback can't be used at a time [s], empty if it can."""
        s = self.settings
        if not self._reports:
            if not s.use_feedback:
                return ''
            return self.feedback.silence(now, s.feedback_timeout, uses_joint_states=False)
        return self.feedback.silence(now, s.feedback_timeout, uses_chains=s.use_feedback)

    def state(self, now: float) -> State:
        """Return what the controller does at a time [s]."""
        if not self._started:
            return State.WAITING
        if self._holding:
            return State.HOLDING
        if self.interruption:
            return State.WAITING_FOR_RELEASE
        returns = self._pursuit.home is not None
        if self.goal.is_free and not returns:
            return State.IDLE
        if self.settings.use_feedback and math.isinf(self.feedback.received_at):
            return State.WAITING_FOR_CHAIN
        if self.feedback_trouble(now):
            return State.NO_FEEDBACK
        if self.following.is_stopped:
            return State.NOT_FOLLOWING
        timeout = self.settings.goal_timeout
        if timeout and not returns and now - self._goal_at > timeout:
            return State.GOAL_TIMED_OUT
        if self._pursuit.phase is not Phase.NONE:
            return _OF_RECOVERY[self._pursuit.phase]
        if returns:
            return State.RETURNING
        return State.REACHED if self._pursuit.is_reached else State.TRACKING

    def iterate(self, now: float, stamp: int) -> Command | None:
        """
        Take one iteration if there is anything to do.

        :param now: [s]
        :param stamp: of this moment [ns]
        :return: the command, or None where the arm shall stay as it is
        """
        if stamp < self._ticked - _SET_BACK:
            self._follow_clock()
        period = min((stamp - self._ticked) * 1e-9, _LONGEST_PERIOD)
        if period < _SHORTEST_PERIOD:
            return None
        self._ticked = stamp
        if self._foresight.expire(1e-9 * stamp):
            self._avoid()
        if self._goal_is_new:
            self._goal_is_new, self._goal_at = False, now
        if self.feedback.work(stamp, now, self.settings, self.settings.correction_gain):
            self._errors = None
            self._adapt(stamp)
        if not self._started:
            return None
        state = self.state(now)
        self.following.update(self._command, period, self.settings.following_error,
                              state in _PURSUING and self._pursuit.way_left < _NEAR_WAY)
        if state in _INTERRUPTIONS and not self.settings.resume:
            self.interruption = self.feedback_trouble(now) or 'the arm was stopped or pushed'
            state = State.WAITING_FOR_RELEASE
        if state in _RESTING:
            self._follow_moved_arm()
            return self._move(None, stamp)
        if self._must_set_back():
            return self._set_back(stamp)
        return self._move(self._wanted(period), stamp)

    def _adapt(self, stamp: int) -> None:
        """Let the model follow the true chain that was believed last."""
        since = 1e-9 * (stamp - self._adapted_at)
        if not self.settings.adapt or 0.0 <= since < _ADAPTATION_PERIOD:
            return
        self._adapted_at = stamp
        if self._adapted is None:
            self.model = self._adapted = AdaptedModel(self.model)
            self._avoid()
        assert self.feedback.believed is not None
        forgotten = min(max(since, 0.0), 1.0) / self.settings.adapt
        if self._adapted.observe(*self.feedback.believed, min(forgotten, 1.0)):
            self._linearizations.clear()
            self.feedback.adapt_model()
            self._errors = None

    def _wanted(self, period: float) -> np.ndarray | None:
        """Return the change of the angles (joints, axes) [rad] that is wanted, None at rest."""
        # The rest pose is one of commands, whatever the servos make of them.
        aim = self._aim() if self._pursuit.home is None else self._command
        return self._pursuit.step(
            aim, self._linearize(aim), self._estimate(), self.errors(),
            0.0 if self.following.is_stopped else self._pace * period, self._searches)

    def _searches(self) -> Iterator[Search]:
        """Return where else to look for a way to the goal."""
        generator, settings = np.random.default_rng(0), self.settings.for_fixed_goal
        if self._clear_way is None:
            return searches(self.goal, self.model, settings, generator, self._model_error)
        return self._clear_way.searches(
            self._pursuit.home if self._pursuit.home is not None else self.goal, self._aim(),
            lambda angles: self._expected(self.model.linearize(angles).chain), settings,
            generator)

    def _model_error(self) -> np.ndarray | float:
        """Return what the model predicts too much (joints, 9), as it is known."""
        return self.feedback.correction.error if self.settings.use_feedback else 0.0

    def _aim(self) -> np.ndarray:
        """Return where the arm should come to rest (joints, axes) [rad] by its latest command."""
        command, offset = self._command, self.following.offset
        if self._aimed[0] is not command or self._aimed[1] is not offset:
            self._aimed = command, offset, command - offset if offset.any() else command
        return self._aimed[2]

    def _estimate(self) -> np.ndarray:
        """Return the true chain (joints, 9) that is expected of the latest command (eq. 4)."""
        return self._expected(self._linearize(self._aim()).chain)

    def _expected(self, prediction: np.ndarray) -> np.ndarray:
        """Return the true chain (joints, 9) that is expected where this is predicted."""
        return (self.feedback.correction.estimate(prediction) if self.settings.use_feedback
                else prediction)

    def _is_clear(self, later: np.ndarray, way: float) -> bool:
        """Return whether the way to a command (joints, axes) is clear; see `Motion.step`."""
        assert self._clear_way is not None
        aim = self._aim()
        return self._clear_way.is_clear(aim, self._estimate(), later + (aim - self._command), way,
                                        self._model_error())

    def _pace_here(self) -> float:
        """
        Return the fraction of the speed limit at which the arm may go on next to things.

        An arm that lags behind takes another way than its command, each joint as it can. No point
        of it is further off than that of the command, and by what its model was wrong lately. One
        that gives way doesn't tarry.
        """
        chain = self.estimated_chain
        if (self._clear_way is None or self._pursuit.gives_way or not self._reports
                or chain is None):
            return 1.0
        estimate = self._estimate()
        behind = np.linalg.norm((chain - estimate)[:, pose.POSITION], axis=1)
        return self._clear_way.pace(estimate, behind + self.feedback.correction.surprise)

    def _follow_clock(self) -> None:
        """Go on where the clock of the stamps was set back."""
        self._stamp = self._ticked = 0
        self._publishing = False
        self._motion.stop()
        self.feedback.forget_stamps()

    def _follow_moved_arm(self) -> None:
        """
        Go on from where an arm is that was moved by something else and is stationary again.

        One that is still commanded may sag: only if it is as far away as an arm that was pushed.
        """
        if not self._publishing:
            was_moved = self.following.was_moved(self._command, _MOVED)
        else:
            was_moved = self.following.is_stationary and not self.is_moving and (
                self.following.was_pushed(self._command, self.settings.following_error,
                                          self._motion.way_to_brake))
        if was_moved:
            self._command = self.following.start_anew()
            self._must_mark = True
            self._pursuit.restart()

    def _must_set_back(self) -> bool:
        """Return whether the arm was pushed away from the command, or does not follow it."""
        if not self._reports:
            return False
        s = self.settings
        return (self.following.was_pushed(self._command, s.following_error,
                                          self._motion.way_to_brake)
                or not self.following.is_stopped and self.following.has_stopped(
                    self._command, s.following_error, s.following_time))

    def _set_back(self, stamp: int) -> Command:
        """Begin anew from where the arm is."""
        self._command = self.following.set_back()
        self._motion.stop()
        self._pursuit.restart()
        self._publishing = self._must_mark = True
        return self._publish(stamp)

    def _move(self, change: np.ndarray | None, stamp: int) -> Command | None:
        """
        Return the command of a tick: on the way, braking, or where the arm rests, if any.

        An arm at rest is commanded first to stay where it is: from there on, velocities are known.
        """
        self._rests = change is None and not self._motion.is_moving
        if self._rests and not self.settings.command_at_rest:
            self._publishing = False
            if not self._reports:
                self.feedback.report(stamp, self._command)
            return None
        if not self._publishing:
            self._motion.stop()
            self._publishing = True
            if self._reports and (self._must_mark
                                  or self.largest_lead > self.settings.following_error):
                self._command, self._must_mark = self.following.start_anew(), True
            return self._publish(stamp)
        if self._rests:
            return self._publish(stamp)
        period = (stamp - self._stamp) * 1e-9
        if period > _LONGEST_PERIOD:
            self._motion.stop()
            period = _FIRST_PERIOD
        elif period <= 0.0:
            return None
        s, before, self._pace = self.settings, self._command, self._pace_here()
        self._command = self._motion.step(
            before, np.zeros_like(before) if change is None else change, period,
            self._pace * s.speed_limit,
            self.following.lead(before) if self._reports else None,
            self.following.most_lead(s.following_error),
            None if self._clear_way is None else self._is_clear)
        return self._publish(stamp)

    def _publish(self, stamp: int) -> Command:
        elapsed = (stamp - self._stamp) * 1e-9
        period = elapsed if 0.0 < elapsed <= _LONGEST_PERIOD else _FIRST_PERIOD
        self._stamp = max(stamp, self._stamp + 1)
        if self._must_mark or not self.commands:
            self.started_at = self._stamp
        self.new_starts += self._must_mark
        self.commands += 1
        self._must_mark = False
        if not self._reports:
            self._errors = None
            self.feedback.report(self._stamp, self._command)
        return Command(self._stamp, self._command.copy(), self._motion.velocity.copy(), period)

    def _linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles, from the latest few if it was evaluated there."""
        for known, linearization in self._linearizations:
            if known is angles:
                return linearization
        for known, linearization in self._linearizations:
            if np.array_equal(known, angles):
                return linearization
        linearization = self.model.linearize(angles)
        self._linearizations = [(angles, linearization), *self._linearizations[:3]]
        return linearization
