# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of goals that are replaced while the arm moves."""

from dataclasses import replace
import math

import numpy as np
import pytest
from rig import assert_bounded, NAN, PERIOD, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State
from snake_arm_control.control.optimiser import make_optimiser
from snake_arm_control.errors import ShapeError
from snake_arm_control.experiments.scenarios import scenario


@pytest.mark.parametrize('free_target', (NAN, math.inf, 1e308, -3.0))
def test_the_target_of_a_dont_care_component_leaves_every_command_bit_identical(
        learned, free_target):
    """Over a whole run with feedback of an arm that differs from the model, goals replaced."""
    goals = [scenario('fig2').goal_at(learned.arm, 0.0), reachable(learned.arm)]
    others = [Goal(np.where(goal.cared, goal.target, free_target), goal.weight) for goal in goals]
    runs = []
    for first, second in (goals, others):
        # Noise beyond the tolerances keeps the arm from settling: each tick makes a command.
        rig = Rig(learned, ControlSettings(position_tolerance=1e-6),
                  simulation=replace(UNLIKE, position_noise=1e-4), delay=2)
        rig.loop.set_goal(first)
        rig.run(60)
        rig.loop.set_goal(second)
        rig.run(40)
        runs.append(rig.commands)
    assert len(runs[0]) == len(runs[1]) == 100
    for one, other in zip(*runs):
        assert one.stamp == other.stamp
        assert one.positions.tobytes() == other.positions.tobytes()
        assert one.velocities.tobytes() == other.velocities.tobytes()
    assert runs[0][-1].positions.any()


@pytest.mark.parametrize('method', ('momentum', 'levenberg_marquardt'))
def test_a_new_goal_is_pursued_without_memory_of_the_one_before(method):
    """The momentum and the damping of the descent start anew."""
    rig = Rig(settings=ControlSettings(method=method, use_feedback=False))
    rig.loop.set_goal(reachable())
    rig.run(5)
    goal, here = reachable(seed=1), rig.loop.angles
    rig.loop.set_goal(goal)
    linearization = rig.loop.model.linearize(here)
    expected = make_optimiser(SHORT, rig.loop.settings).step(
        goal, here, linearization, linearization.chain, PERIOD * SHORT.velocity_limit)
    np.testing.assert_allclose(rig.run(1)[0].positions, expected, atol=1e-9)


def test_the_same_goal_again_changes_no_command():
    one, other = Rig(), Rig()
    for rig in (one, other):
        rig.loop.set_goal(reachable())
        rig.run(5)
    other.loop.set_goal(reachable())
    for first, second in zip(one.run(5), other.run(5)):
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
        rig.run(20)
        assert rig.state is State.REACHED


def test_a_goal_for_another_arm_is_refused_and_the_goal_before_stays():
    rig = Rig()
    goal = reachable()
    rig.loop.set_goal(goal)
    with pytest.raises(ShapeError, match=r'goal has shape \(4, 9\), expected \(10, 9\)'):
        rig.loop.set_goal(Goal.free(4))
    assert rig.loop.goal is goal


@pytest.mark.parametrize('method', ('levenberg_marquardt', 'momentum'))
def test_a_thousand_goals_replaced_in_motion_never_exceed_the_bounds(method):
    """Goals for the tool, for joints between, for the whole chain, and none."""
    rig = Rig(settings=ControlSettings(method=method, gradient_scale=10.0, momentum=0.99),
                  simulation=UNLIKE, delay=3)
    generator = np.random.default_rng(0)
    for _ in range(1000):
        chain = forward_kinematics(SHORT, generator.uniform(-0.7, 0.7, (10, 2)))
        chain[generator.random((10, 9)) < generator.random()] = NAN
        rig.loop.set_goal(Goal.from_array(chain))
        rig.run(int(generator.integers(1, 5)))
    assert len(rig.commands) > 1000
    assert_bounded(rig.commands, rig.loop.settings, SHORT, start=np.zeros((10, 2)))
    largest = np.abs(np.diff([c.positions for c in rig.commands], axis=0)).max()
    assert largest > 0.9 * PERIOD * SHORT.velocity_limit
