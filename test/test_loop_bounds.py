# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of every command: limits, steps and velocities, whatever goals and feedback come."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

from guard import Contract, Guard
from hypothesis import given, settings as examples, strategies
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest
from rig import NAN, PERIOD, reachable, Rig, SHORT

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

ACCELERATION = SHORT.acceleration_limits.max()  # [rad/s^2]
ROUNDING = 1e-12  # [rad]


def test_velocities_are_the_differences_of_positions_over_the_period():
    rig = Rig()
    rig.loop.set_goal(reachable())
    commands = rig.run(20)
    for before, command in zip(commands, commands[1:]):
        np.testing.assert_allclose(command.velocities,
                                   (command.positions - before.positions) / PERIOD, atol=1e-6)
    assert any(command.velocities.any() for command in commands)


@pytest.mark.parametrize('period', (1e-4, 1e-3, 0.02, 0.1, 0.5, 1.0))
def test_the_contract_holds_at_any_rate_and_the_arm_moves(period):
    """After a longer pause than a tenth of a second each step starts from rest."""
    settings = ControlSettings(method='momentum', gradient_scale=10.0, max_step=1.0,
                               use_feedback=False, speed_limit=100.0)
    loop, guard = ControlLoop(ExactModel(SHORT), settings), Guard(SHORT, Contract(speed_limit=100))
    loop.start(np.zeros((10, 2)))
    loop.set_goal(reachable())
    for k in range(1, 30):
        command = loop.iterate(100.0 + k * period, round(1e9 * k * period))
        if command is not None:
            guard.take_command(command.stamp, command.positions, command.velocities)
    guard.finish()
    assert guard.violations == []
    assert np.abs(loop.angles).max() > ACCELERATION * min(period, 0.02) ** 2


def test_the_first_step_after_a_long_pause_is_small():
    rig = Rig(settings=ControlSettings(gradient_scale=10.0, max_step=1.0, use_feedback=False))
    rig.loop.set_goal(reachable())
    rig.run(20)
    where = rig.loop.angles
    rig.now += 1000.0
    rig.time += 1000.0
    first, second = rig.run(2)
    assert np.abs(first.positions - where).max() <= ACCELERATION * 0.02 ** 2 + ROUNDING
    assert np.abs(second.positions - where).max() > 0.0
    rig.assert_kept()


def test_an_arm_at_rest_is_commanded_first_to_stay_where_it_is():
    """From there on velocities are known; the second command is one period's acceleration away."""
    loop = ControlLoop(ExactModel(SHORT), ControlSettings(use_feedback=False))
    loop.start(np.full((10, 2), 0.1))
    for k in range(100):
        assert loop.iterate(0.01 * k, 10**7 * k) is None
    loop.set_goal(reachable())
    first, second = (loop.iterate(0.01 * k, 10**7 * k) for k in (100, 101))
    np.testing.assert_array_equal(first.positions, np.full((10, 2), 0.1))
    assert not first.velocities.any()
    step = np.abs(second.positions - first.positions).max()
    assert 0.0 < step <= ACCELERATION * 0.01 ** 2 * (1.0 + 1e-9)


def test_changing_a_command_or_the_angles_returned_does_not_change_the_loop():
    rig = Rig()
    rig.loop.set_goal(reachable())
    command = rig.run(5)[-1]
    expected = rig.loop.angles
    command.positions[:] = 9.0
    command.velocities[:] = 9.0
    rig.loop.angles[:] = 9.0
    np.testing.assert_array_equal(rig.loop.angles, expected)
    rig.run(20)
    for before, after in zip(rig.commands[5:], rig.commands[6:]):
        np.testing.assert_allclose(after.velocities,
                                   (after.positions - before.positions) / PERIOD, atol=1e-6)


TINY = Arm.uniform(joints=3, segment_length=0.1, angle_limit=0.6)
STILL = (State.WAITING, State.WAITING_FOR_CHAIN, State.IDLE, State.HOLDING,
         State.WAITING_FOR_RELEASE)
ANYTHING = strategies.floats(allow_nan=True, allow_infinity=True, width=64)
ANGLE = strategies.floats(-0.3, 0.3)
COMPONENT = strategies.one_of(
    strategies.just(NAN), strategies.sampled_from((0.0, 0.1, 0.3, -1.0, 1.0, 1e30, 1e300)),
    strategies.floats(-1.0, 1.0))


def event(name, *arguments):
    """Return a strategy for one call of a method of `AnyCaller`."""
    return strategies.tuples(strategies.just(name), *arguments)


EVENTS = strategies.one_of(
    # seconds, jump of the clock of stamps [ns]; the most frequent of all
    event('iterate', strategies.sampled_from((0.0, 1e-6, 0.001, 0.005, 0.05, 0.3, 10.0, -0.01)),
          strategies.integers(-10 ** 10, 10 ** 10)),
    event('go_on', strategies.integers(1, 20)),
    event('go_on', strategies.integers(1, 20)),
    event('measure', strategies.integers(0, 5), ANGLE),
    event('receive', strategies.integers(-5, 2 ** 62), arrays(float, (3, 9), elements=ANYTHING)),
    event('receive', strategies.integers(0, 40), strategies.sampled_from(
        ((), (3,), (2, 9), (3, 8), (27,), (1, 3, 9))).map(np.zeros)),
    event('report', strategies.integers(-5, 2 ** 62), ANYTHING, ANYTHING),
    event('push', ANGLE, ANGLE),
    event('follow', strategies.booleans()),
    event('chain_goal', arrays(float, (3, 9), elements=COMPONENT),
          strategies.sampled_from((1.0, 1e-3, 50.0, 1e300))),
    event('tool_goal', ANGLE, ANGLE),
    event('hold', strategies.booleans()),
    event('reset'),
    event('use_model'),
    event('use_feedback', strategies.booleans()))


class AnyCaller:
    """Calls a loop in any order with anything; a guard watches the commands."""

    def __init__(self, settings, counts):
        self.loop, self.guard = ControlLoop(ExactModel(TINY), settings), Guard(TINY)
        self.counts, self.angles, self.follows = counts, np.zeros((3, 2)), True
        self.now, self.stamp, self.last_stamp = 50.0, 50 * 10 ** 9, 0
        self.speeds = np.zeros((3, 2))  # [rad/s], of the latest command
        self.tool_goal(0.2, 0.1)
        self.go_on(10)

    def go_on(self, ticks):
        for _ in range(ticks):
            self.iterate(0.005, 5_000_000)

    def iterate(self, seconds, jump):
        self.now += seconds
        self.stamp += jump
        self.guard.take_states(self.stamp, self.angles)
        self.loop.report(self.stamp, self.angles)
        self.measure(0, 0.0)
        if self.stamp < self.last_stamp - 10 ** 9:
            self.last_stamp = -10 ** 19  # the clock of the stamps was set back
        still = self.loop.state(self.now) in STILL
        starts = self.loop.new_starts
        command = self.loop.iterate(self.now, self.stamp)
        if command is None:
            return
        self.counts['commands'] += 1
        if still and self.loop.state(self.now) in STILL:  # it brakes
            assert (np.abs(command.velocities) <= self.speeds + 1e-9).all()
        self.speeds = np.abs(command.velocities)
        assert command.stamp > self.last_stamp
        self.last_stamp = command.stamp
        if self.loop.new_starts > starts:
            self.guard.take_start(command.stamp)
        self.guard.take_command(command.stamp, command.positions, command.velocities)
        if self.follows:
            self.angles = command.positions

    def receive(self, stamp, chain):
        self.counts['feedback'] += 1
        with suppress(FeedbackError):
            self.loop.receive(stamp, chain)

    def measure(self, ago, off):
        """Measure the arm some periods ago, by joints that are off by some [rad]."""
        self.receive(self.stamp - 5_000_000 * ago, forward_kinematics(TINY, self.angles + off))

    def report(self, stamp, angle, difference):
        angles = np.full((3, 2), angle) + np.array((0.0, difference))
        if not np.isfinite(angles).all():
            with pytest.raises(FeedbackError):
                self.loop.report(stamp, angles)

    def push(self, x, y):
        self.angles = TINY.clip(self.angles + (x, y))

    def follow(self, follows):
        self.follows = follows

    def chain_goal(self, target, weight):
        cared = ~np.isnan(target)
        cared[:, 3:] &= target[:, 3:] == 0.0  # no axis can have components of 1e300
        cared[:, 4] = cared[:, 7] = False  # nor be zero
        self.loop.set_goal(Goal(target, weight * cared))
        self.counts['goals'] += 1

    def tool_goal(self, x, y):
        self.loop.set_goal(Goal.tool(position=(x, y, 0.2), joints=3))
        self.counts['goals'] += 1

    def hold(self, holding):
        self.loop.hold(holding)

    def reset(self):
        self.loop.reset()

    def use_model(self):
        self.loop.use_model(ExactModel(TINY))

    def use_feedback(self, use_feedback):
        self.loop.settings = replace(self.loop.settings, use_feedback=use_feedback)


@pytest.mark.filterwarnings('ignore:overflow', 'ignore:invalid')
def test_whatever_ten_thousand_goals_and_messages_come_every_command_keeps_the_contract():
    """That of the guard; and each is stamped later than the one before."""
    counts = Counter()

    @given(events=strategies.lists(EVENTS, min_size=40, max_size=60),
           gradient_scale=strategies.sampled_from((0.1, 10.0)),
           max_step=strategies.sampled_from((0.05, 1.0)),
           command_at_rest=strategies.booleans(), resume=strategies.booleans(),
           method=strategies.sampled_from(('momentum', 'levenberg_marquardt')))
    @examples(max_examples=260)
    def call(events, **settings):
        caller = AnyCaller(ControlSettings(**settings), counts)
        for name, *arguments in events:
            getattr(caller, name)(*arguments)
        caller.guard.finish()
        assert caller.guard.violations == []

    call()
    assert counts['goals'] > 400 and counts['commands'] > 5_000
    assert counts['goals'] + counts['feedback'] > 10_000


@pytest.mark.parametrize('ticks', (10, 20, 40, 60))
def test_without_joint_states_the_command_stays_within_the_following_error(ticks):
    rig = Rig(ForwardModel.load())
    rig.loop.set_goal(Goal.tool(position=(0.45, 0.2, 0.55), up=(0.0, 0.0, 1.0)))
    rig.run(ticks)
    reported = rig.arm.angles.copy()
    rig.reports, rig.connected = (lambda angles: None), False
    for _ in range(200):
        rig.tick()
        assert np.abs(rig.loop.angles - reported).max() <= 0.2 + 0.01
