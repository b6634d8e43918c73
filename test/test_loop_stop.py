# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of an arm that is stopped or pushed: it goes on from where it is."""

import math

import numpy as np
import pytest
from rig import PERIOD, reachable, Rig
from test_loop_latency import FAR

from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.loop import ControlSettings, State

SERVOS = ({}, {'servo_lag': 0.05}, {'servo_lag': 0.1, 'servo_velocity': 0.5},
          {'servo_velocity': 1.0, 'joint_offset': math.radians(2.0)})


def stopped_during(rig, goal, begin, duration, after):
    """
    Set a goal, stop the arm some time [s] later for a time, and go on for one after its release.

    :return: how it came to the goal, and the states while it was stopped
    """
    states = []

    def each_tick(elapsed):
        rig.arm.stop(begin <= elapsed < begin + duration)
        if begin <= elapsed < begin + duration:
            states.append(rig.state)
    return rig.pursue(goal, begin + duration + after, each_tick), states


@pytest.mark.parametrize('seed', range(6))
def test_an_arm_that_is_stopped_at_any_moment_reaches_its_goal_after_its_release(seed):
    """For any time; the guard watches that the command is no further ahead than it may be."""
    generator = np.random.default_rng(seed)
    rig = Rig(simulation=SimulationSettings(**SERVOS[seed % 4]))
    begin, duration = generator.uniform(0.0, 1.0), 10.0 ** generator.uniform(-1.0, 0.7)
    approach, _ = stopped_during(rig, FAR, begin, duration, after=4.0)
    assert approach.end <= 2e-3
    assert rig.state is State.REACHED
    rig.assert_kept()


def test_a_stopped_arm_is_said_not_to_follow_and_the_command_waits_next_to_it():
    rig = Rig()
    approach, states = stopped_during(rig, FAR, 0.3, 3.0, after=3.0)
    following_time, most = ControlSettings.following_time, ControlSettings.following_error
    late = round(1.3 * following_time / PERIOD)
    assert set(states[late:]) == {State.NOT_FOLLOWING}
    [start] = rig.starts
    stood = rig.commands[start].positions
    assert rig.loop.started_at == rig.commands[start].stamp
    while_stopped = [c.positions for c in rig.commands[start:] if c.stamp < 103.3e9]
    assert np.abs(np.array(while_stopped) - stood).max() <= 0.5 * most
    assert approach.end <= 2e-3
    rig.assert_kept()


def test_an_arm_that_is_stopped_for_less_than_the_following_time_makes_no_new_start():
    rig = Rig()
    approach, states = stopped_during(rig, FAR, 0.3, 0.4, after=2.0)
    assert State.NOT_FOLLOWING not in states and rig.loop.new_starts == 0
    assert rig.loop.started_at == rig.commands[0].stamp
    assert approach.end <= 2e-3
    rig.assert_kept()


def test_an_arm_that_is_stopped_at_its_goal_stays_there():
    rig = Rig()
    rig.pursue(FAR, 2.0)
    rig.arm.stop()
    assert rig.rest(3.0) == []
    assert rig.state is State.REACHED and rig.loop.new_starts == 0


@pytest.mark.parametrize('lag', (0.06, 0.17, 0.2))
def test_an_arm_that_is_stopped_again_and_again_near_its_goals_starts_where_it_stands(lag):
    """What servos sag by is known then, and what a stop has added to it is not."""
    generator = np.random.default_rng(0)
    rig = Rig(simulation=SimulationSettings(servo_sag=0.015, servo_lag=lag))
    for seed in range(12):
        rig.loop.set_goal(reachable(seed=seed))
        rig.rest(generator.exponential(0.8))
        rig.arm.stop()
        rig.rest(generator.exponential(1.5))
        rig.arm.stop(False)
        rig.rest(generator.exponential(1.0))
    assert rig.loop.new_starts > 3
    rig.assert_kept()


@pytest.mark.parametrize('when', ('while it is stopped', 'as it is released'))
def test_another_goal_for_a_stopped_arm_is_reached_from_where_it_stands(when):
    rig = Rig()
    rig.loop.set_goal(FAR)
    rig.rest(0.3)
    rig.arm.stop()
    rig.rest(2.0)
    if when == 'while it is stopped':
        rig.loop.set_goal(reachable(seed=1))
        rig.rest(1.0)
    stood = rig.arm.angles
    rig.arm.stop(False)
    count = len(rig.commands)
    assert rig.pursue(reachable(seed=1), 3.0).end <= 2e-3
    assert np.abs(rig.commands[count].positions - stood).max() <= 0.1
    rig.assert_kept()


def test_an_arm_that_is_stopped_before_it_ever_moved_goes_on_when_it_is_released():
    rig = Rig()
    approach, states = stopped_during(rig, FAR, 0.0, 2.0, after=3.0)
    assert states[-1] is State.NOT_FOLLOWING
    assert approach.end <= 2e-3
    rig.assert_kept()


def test_hold_and_feedback_that_dies_while_the_arm_is_stopped_keep_the_contract():
    rig = Rig()
    rig.loop.set_goal(FAR)
    rig.rest(0.3)
    rig.arm.stop()
    rig.rest(1.0)
    rig.loop.hold(True)
    rig.rest(0.3)
    rig.connected = False
    rig.rest(1.0)
    rig.loop.hold(False)
    rig.rest(0.5)
    assert rig.state is State.NO_FEEDBACK
    rig.connected = True
    rig.rest(0.5)
    rig.arm.stop(False)
    assert rig.pursue(FAR, 3.0).end <= 2e-3
    rig.assert_kept()


@pytest.mark.parametrize('size', (0.1, 0.24, 0.6))
@pytest.mark.parametrize('drives', ('on', 'off and on'))
def test_an_arm_that_was_pushed_at_its_goal_goes_back_there_from_where_it_is(drives, size):
    """Servos at work move it back themselves; drives that were off hold where they come on."""
    rig = Rig()
    rig.pursue(FAR, 2.0)
    generator = np.random.default_rng(round(100 * size))
    push = size * generator.choice((-1.0, 1.0), rig.arm.angles.shape)
    push = rig.loop.arm.clip(rig.arm.angles + push) - rig.arm.angles
    if drives == 'on':
        rig.arm.push(push)
    else:
        rig.arm.stop()
        for _ in range(20):
            rig.arm.push(push / 20)
            rig.run(1)
        rig.rest(0.5)
        rig.arm = SimulatedArm(rig.loop.arm, start=rig.arm.angles)
    assert rig.pursue(FAR, 4.0).end <= 2e-3
    assert rig.state is State.REACHED
    rig.assert_kept()


@pytest.mark.parametrize('seed', range(3))
def test_an_arm_that_is_pushed_again_and_again_in_motion_reaches_its_goal_when_that_ends(seed):
    generator = np.random.default_rng(seed)
    rig = Rig(simulation=SimulationSettings(**SERVOS[seed % 4]))

    def each_tick(elapsed):
        if elapsed < 3.0 and generator.random() < 0.01:
            push = generator.uniform(-0.4, 0.4) * generator.choice((-1.0, 1.0), (10, 2))
            rig.arm.push(rig.loop.arm.clip(rig.arm.angles + push) - rig.arm.angles)
    assert rig.pursue(FAR, 8.0, each_tick).end <= 2e-3
    assert rig.state is State.REACHED
    rig.assert_kept()


def test_an_arm_that_is_led_by_hand_while_its_drives_are_off_is_followed_by_the_command():
    rig = Rig()
    rig.pursue(FAR, 2.0)
    rig.arm.stop()
    there = np.random.default_rng(1).uniform(-0.5, 0.5, (10, 2))
    here = rig.arm.angles
    for _ in range(400):
        rig.arm.push((there - here) / 400)
        rig.run(1)
    rig.rest(1.0)
    assert np.abs(rig.loop.angles - there).max() <= ControlSettings.following_error + 0.01
    rig.arm = SimulatedArm(rig.loop.arm, start=rig.arm.angles)
    assert rig.pursue(FAR, 4.0).end <= 2e-3
    rig.assert_kept()
