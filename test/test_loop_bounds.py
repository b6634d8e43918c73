# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of every command: limits, steps and velocities, whatever goals and feedback come."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

from hypothesis import given, settings as examples, strategies
from hypothesis.extra.numpy import arrays
import numpy as np
import pytest
from rig import NAN, PERIOD, reachable, Rig, ROUNDING, SHORT

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import Command, ControlLoop, ControlSettings, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.model.exact import ExactModel


def test_velocities_are_the_differences_of_positions_over_the_period():
    rig = Rig()
    rig.loop.set_goal(reachable())
    commands = rig.run(20)
    for before, command in zip(commands, commands[1:]):
        np.testing.assert_allclose(command.velocities,
                                   (command.positions - before.positions) / PERIOD, atol=1e-6)
    assert any(command.velocities.any() for command in commands)


def test_the_velocity_limit_holds_at_any_rate():
    settings = ControlSettings(method='momentum', gradient_scale=10.0, max_step=1.0,
                               use_feedback=False)
    for period in (1e-4, 1e-3, 0.02, 0.1, 1.0):
        loop = ControlLoop(ExactModel(SHORT), settings)
        loop.start(np.zeros((10, 2)))
        loop.set_goal(reachable())
        positions = [loop.iterate(100.0 + k * period, k).positions for k in range(10)]
        largest = np.abs(np.diff(positions, axis=0)).max()
        assert 0.0 < largest <= SHORT.velocity_limit * period * (1.0 + 1e-6)


def test_the_first_step_after_a_long_pause_is_small():
    rig = Rig(settings=ControlSettings(gradient_scale=10.0, max_step=1.0, use_feedback=False))
    rig.loop.set_goal(reachable())
    rig.run(3)
    where = rig.loop.angles
    rig.now += 1000.0
    assert np.abs(rig.run(1)[0].positions - where).max() <= 0.1 * SHORT.velocity_limit + ROUNDING


def test_the_first_step_of_an_idle_arm_is_that_of_one_period():
    """The velocity limit grants the time since the last tick, not since the last command."""
    loop = ControlLoop(ExactModel(SHORT), ControlSettings(use_feedback=False))
    loop.start(np.zeros((10, 2)))
    for k in range(100):
        assert loop.iterate(0.01 * k, k) is None
    loop.set_goal(reachable())
    step = np.abs(loop.iterate(1.0, 100).positions).max()
    assert 0.0 < step <= SHORT.velocity_limit * 0.01 * (1.0 + 1e-9)


def test_changing_a_command_or_the_angles_returned_does_not_change_the_loop():
    rig = Rig()
    rig.loop.set_goal(reachable())
    command = rig.run(1)[0]
    expected = rig.loop.angles
    command.positions[:] = 9.0
    rig.loop.angles[:] = 9.0
    np.testing.assert_array_equal(rig.loop.angles, expected)


TINY = Arm(joints=3, segment_length=0.1, angle_limit=0.6)
STILL = (State.WAITING, State.IDLE, State.HOLDING)
ANYTHING = strategies.floats(allow_nan=True, allow_infinity=True, width=64)
ANGLE = strategies.floats(-0.3, 0.3)
COMPONENT = strategies.one_of(
    strategies.just(NAN), strategies.sampled_from((0.0, 0.1, 0.3, -1.0, 1.0, 1e30, 1e300)),
    strategies.floats(-1.0, 1.0))


def event(name, *arguments):
    """Return a strategy for one call of a method of `AnyCaller`."""
    return strategies.tuples(strategies.just(name), *arguments)


EVENTS = strategies.one_of(
    # dt [s], jump of the wanted stamp [ns]; the most frequent of all
    event('iterate', strategies.sampled_from((0.0, 1e-6, 0.001, 0.005, 0.05, 0.3, 10.0, -0.01)),
          strategies.integers(-10 ** 10, 10 ** 10)),
    event('iterate', strategies.just(0.005), strategies.just(5)),
    event('answer', strategies.integers(0, 5), ANGLE),
    event('receive', strategies.integers(-5, 2 ** 62), arrays(float, (3, 9), elements=ANYTHING)),
    event('receive', strategies.integers(0, 40), strategies.sampled_from(
        ((), (3,), (2, 9), (3, 8), (27,), (1, 3, 9))).map(np.zeros)),
    event('chain_goal', arrays(float, (3, 9), elements=COMPONENT),
          strategies.sampled_from((1.0, 1e-3, 50.0, 1e300))),
    event('tool_goal', ANGLE, ANGLE),
    event('start', ANYTHING, ANYTHING),
    event('hold', strategies.booleans()),
    event('reset'),
    event('use_model'),
    event('use_feedback', strategies.booleans()))


class AnyCaller:
    """Calls a loop in any order with anything, and asserts the bounds of every command."""

    def __init__(self, settings, counts):
        self.loop = ControlLoop(ExactModel(TINY), settings)
        self.loop.start(np.zeros((3, 2)))
        self.counts = counts
        self.tool_goal(0.2, 0.1)
        self.now, self.stamp, self.last_stamp = 50.0, 1000, 0
        self.commanded_at, self.restarted = None, False
        self.commands = [Command(0, np.zeros((3, 2)), np.zeros((3, 2)))]

    def iterate(self, dt, jump):
        self.now += dt
        self.stamp += jump
        before, settings = self.loop.angles, self.loop.settings
        assert self.restarted or (before == self.commands[-1].positions).all()
        if self.stamp < self.last_stamp - 10 ** 9:
            self.last_stamp = 0  # the clock of the stamps was set back
        stands_still = self.loop.state(self.now) in STILL
        command = self.loop.iterate(self.now, self.stamp)
        if command is None:
            return
        assert not stands_still
        elapsed = 0.1 if self.commanded_at is None else self.now - self.commanded_at
        granted = TINY.velocity_limit * min(max(elapsed, 0.0), 0.1)
        moved = np.abs(command.positions - before).max()
        assert moved <= min(settings.max_step, granted) + ROUNDING
        assert np.abs(command.positions).max() <= TINY.angle_limit
        assert np.abs(command.velocities).max() <= TINY.velocity_limit
        assert command.stamp > self.last_stamp
        self.commanded_at, self.last_stamp, self.restarted = self.now, command.stamp, False
        self.commands.append(command)

    def receive(self, stamp, chain):
        self.counts['feedback'] += 1
        with suppress(FeedbackError):
            self.loop.receive(stamp, chain)

    def answer(self, ago, off):
        """Answer the command of some commands ago, from angles that are off by some [rad]."""
        command = self.commands[-1 - ago % len(self.commands)]
        self.receive(command.stamp, forward_kinematics(TINY, command.positions + off))

    def chain_goal(self, target, weight):
        cared = ~np.isnan(target)
        cared[:, 3:] &= target[:, 3:] == 0.0  # no axis can have components of 1e300
        cared[:, 4] = cared[:, 7] = False  # nor be zero
        self.loop.set_goal(Goal(target, weight * cared))
        self.counts['goals'] += 1

    def tool_goal(self, x, y):
        self.loop.set_goal(Goal.tool(position=(x, y, 0.2), joints=3))
        self.counts['goals'] += 1

    def start(self, angle, difference):
        with suppress(FeedbackError):
            for _ in range(2):
                self.loop.start(np.full((3, 2), angle) + np.array((0.0, difference)))
            self.restarted = True

    def hold(self, holding):
        self.loop.hold(holding)

    def reset(self):
        self.loop.reset()

    def use_model(self):
        self.loop.use_model(ExactModel(TINY))

    def use_feedback(self, use_feedback):
        self.loop.settings = replace(self.loop.settings, use_feedback=use_feedback)


@pytest.mark.filterwarnings('ignore:overflow', 'ignore:invalid')
def test_whatever_ten_thousand_goals_and_messages_come_no_command_exceeds_a_bound():
    """Within the limits, at most a step and the velocity limit away, and stamped later."""
    counts = Counter()

    @given(events=strategies.lists(EVENTS, min_size=10, max_size=40),
           gradient_scale=strategies.sampled_from((0.1, 10.0)),
           max_step=strategies.sampled_from((0.05, 1.0)),
           momentum=strategies.sampled_from((0.0, 0.5, 0.99)))
    @examples(max_examples=1500)
    def call(events, **settings):
        caller = AnyCaller(ControlSettings(**settings), counts)
        for name, *arguments in events:
            getattr(caller, name)(*arguments)

    call()
    assert counts['goals'] > 3000
    assert counts['goals'] + counts['feedback'] > 10_000
