# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of goals that are replaced while the arm moves."""

from dataclasses import replace
import math

import numpy as np
import pytest
from rig import NAN, PERIOD, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State
from snake_arm_control.errors import ShapeError
from snake_arm_control.experiments.scenarios import scenario

METHODS = ('levenberg_marquardt', 'momentum')


@pytest.mark.parametrize('free_target', (NAN, math.inf, 1e308, -3.0))
def test_the_target_of_a_dont_care_component_leaves_every_command_bit_identical(
        learned, free_target):
    """Over a whole run with feedback of an arm that differs from the model, goals replaced."""
    goals = [scenario('fig2').goal_at(learned.arm, 0.0), reachable(learned.arm)]
    others = [Goal(np.where(goal.cared, goal.target, free_target), goal.weight) for goal in goals]
    runs = []
    for first, second in (goals, others):
        rig = Rig(learned, simulation=replace(
            UNLIKE, position_noise=1e-4, feedback_latency=0.01, feedback_stamps='arrival',
            servo_lag=0.02))
        rig.loop.set_goal(first)
        rig.run(60)
        rig.loop.set_goal(second)
        rig.run(60)
        rig.arm.stop()
        rig.run(110)
        rig.arm.stop(False)
        rig.run(50)
        runs.append(rig.commands)
        assert rig.loop.new_starts == 1
    assert len(runs[0]) == len(runs[1]) > 150
    for one, other in zip(*runs):
        assert one.stamp == other.stamp
        assert one.positions.tobytes() == other.positions.tobytes()
        assert one.velocities.tobytes() == other.velocities.tobytes()
    assert runs[0][-1].positions.any()


@pytest.mark.parametrize('method', METHODS)
def test_a_new_goal_is_pursued_without_memory_of_the_one_before(method):
    """The commands are those of a loop that starts where the arm is."""
    settings = ControlSettings(method=method, use_feedback=False)
    old = Rig(settings=settings)
    old.loop.set_goal(reachable())
    old.run_to(State.REACHED)
    old.rest(1.0)
    assert old.run(20) == []
    fresh = Rig(settings=settings, start=old.arm.angles)
    for rig in (old, fresh):
        rig.loop.set_goal(reachable(seed=1))
    for one, other in zip(old.run(100), fresh.run(100), strict=True):
        np.testing.assert_allclose(one.positions, other.positions, rtol=0, atol=1e-12)


def test_the_same_goal_again_changes_no_command():
    one, other = Rig(), Rig()
    for rig in (one, other):
        rig.loop.set_goal(reachable())
        rig.run(5)
    for _ in range(5):
        other.loop.set_goal(reachable())
        for first, second in zip(one.run(5), other.run(5), strict=True):
            np.testing.assert_array_equal(first.positions, second.positions)


def test_a_reached_goal_that_creeps_on_stays_reached_one_that_jumps_does_not():
    """So that an arm that keeps up does not change its state with every goal."""
    rig = Rig()
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(50)
    for off, state in ((1e-3, State.REACHED), (2e-3, State.REACHED), (0.03, State.TRACKING)):
        rig.loop.set_goal(Goal.tool(position=goal.target[-1, :3] - (0.0, 0.0, off), joints=10))
        assert rig.state is state
        rig.run_to(State.REACHED, ticks=60)
        rig.run(20)
        assert rig.state is State.REACHED


@pytest.mark.parametrize('speed', (0.02, 0.06))
def test_a_goal_that_moves_evenly_is_followed_evenly(speed):
    """An arm that came to rest at each goal would stop and go as often as goals come."""
    rig = Rig()
    start = rig.true_chain()[-1, :3] - (0.0, 0.0, 0.05)
    rig.pursue(Goal.tool(position=start, joints=10), 2.0)
    speeds = []
    for tick in range(400):
        if tick % 4 == 0:
            way = speed * PERIOD * (tick + 4)
            rig.loop.set_goal(Goal.tool(position=start + (way, 0.0, 0.0), joints=10))
        before = rig.loop.angles
        rig.tick()
        speeds.append(np.linalg.norm(forward_kinematics(SHORT, rig.loop.angles)[-1, :3]
                                     - forward_kinematics(SHORT, before)[-1, :3]) / PERIOD)
    even = np.mean(np.reshape(speeds[200:], (-1, 4)), axis=1)  # over the time between two goals
    assert np.abs(even / speed - 1.0).max() < 0.3 and min(speeds[200:]) > 0.0


def test_a_goal_for_another_arm_is_refused_and_the_goal_before_stays():
    rig = Rig()
    goal = reachable()
    rig.loop.set_goal(goal)
    with pytest.raises(ShapeError, match=r'goal has shape \(4, 9\), expected \(10, 9\)'):
        rig.loop.set_goal(Goal.free(4))
    assert rig.loop.goal is goal


@pytest.mark.parametrize('method', METHODS)
def test_hundreds_of_goals_replaced_in_motion_keep_the_contract_and_use_its_limits(method):
    """Goals for the tool, for joints between, for the whole chain, and none."""
    rig = Rig(settings=ControlSettings(method=method, gradient_scale=10.0, momentum=0.99),
              simulation=replace(UNLIKE, feedback_latency=0.015))
    generator = np.random.default_rng(0)
    for _ in range(500):
        chain = forward_kinematics(SHORT, generator.uniform(-0.7, 0.7, (10, 2)))
        chain[generator.random((10, 9)) < generator.random()] = NAN
        rig.loop.set_goal(Goal.from_array(chain))
        rig.run(int(generator.integers(1, 5)))
    assert len(rig.commands) > 1000
    rig.assert_kept()
    assert rig.guard.worst['acceleration'] > 0.99 and rig.guard.worst['speed'] > 0.9


def test_a_goal_that_is_not_published_again_in_time_no_longer_counts():
    """The arm brakes and holds; publishing it again goes on."""
    rig, goal = Rig(settings=ControlSettings(goal_timeout=0.3)), reachable()
    rig.loop.set_goal(goal)
    rig.rest(0.25)
    assert rig.state is State.TRACKING
    rig.rest(0.1)
    assert rig.state is State.GOAL_TIMED_OUT
    rig.rest(0.5)
    assert rig.rest(1.0) == []
    for _ in range(20):
        rig.loop.set_goal(goal)
        rig.rest(0.1)
    assert rig.state is State.REACHED
    rig.rest(0.5)
    assert rig.state is State.GOAL_TIMED_OUT
    rig.assert_kept()
