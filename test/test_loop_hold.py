# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of holding, of returning to rest, and of an arm without a goal."""

import numpy as np
import pytest
from rig import NAN, reachable, Rig, SHORT

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.model.exact import ExactModel

LONGEST_BRAKING = 0.12  # [s], from the velocity limit of 2 rad/s at 20 rad/s^2


@pytest.mark.parametrize('joints', (1, 2, 40))
@pytest.mark.parametrize('bend', (0.0, 1e-6, 0.5))
def test_with_every_component_free_an_arm_at_rest_does_not_move(joints, bend):
    arm = Arm.uniform(joints=joints)
    loop = ControlLoop(ExactModel(arm))
    angles = np.random.default_rng(0).uniform(-bend, bend, (joints, 2))
    loop.report(0, angles)
    for k in range(5):
        loop.set_goal(Goal(np.full((joints, 9), NAN), np.zeros((joints, 9))))
        loop.receive(10**7 * k, np.random.default_rng(k).normal(size=(joints, 9)))
        assert loop.state(k) is State.IDLE
        assert loop.iterate(k, 10**7 * (k + 1)) is None
    np.testing.assert_array_equal(loop.angles, angles)


def assert_brakes(commands):
    """Assert that the velocity of each joint goes to zero and never up again."""
    speeds = np.abs([command.velocities for command in commands])
    assert speeds[0].any() and not speeds[-1].any()
    assert (np.diff(speeds, axis=0) <= 1e-9).all()


def test_the_goal_of_no_component_brakes_an_arm_in_motion():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(20)
    rig.loop.set_goal(Goal.free(10))
    assert rig.state is State.IDLE
    assert_brakes(rig.rest(LONGEST_BRAKING))
    assert rig.rest(0.5) == []
    rig.assert_kept()


def test_hold_brakes_and_stays_until_it_is_released():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(20)
    rig.loop.hold(True)
    assert rig.state is State.HOLDING
    assert_brakes(rig.rest(LONGEST_BRAKING))
    assert rig.rest(1.0) == []
    rig.loop.set_goal(reachable(seed=1))
    assert rig.rest(0.2) == []
    rig.loop.hold(False)
    assert rig.state is State.TRACKING
    assert len(rig.run(10)) == 10
    rig.run_to(State.REACHED)
    rig.assert_kept()


@pytest.mark.parametrize('ticks', range(1, 90, 11))
def test_hold_and_release_at_any_moment_keep_the_contract_and_the_goal(ticks):
    rig, goal = Rig(), reachable()
    rig.loop.set_goal(goal)
    for _ in range(3):
        rig.run(ticks)
        rig.loop.hold(True)
        rig.run(5)
        rig.loop.hold(False)
    assert rig.pursue(goal, 1.5).end < 1e-3
    rig.assert_kept()


def test_reset_drops_the_goal_and_returns_to_rest():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.rest(1.0)
    iterations = rig.loop.iterations
    rig.loop.hold(True)
    rig.loop.reset()
    assert rig.state is State.RETURNING
    rig.run_to(State.IDLE)
    np.testing.assert_allclose(rig.loop.angles, SHORT.rest, rtol=0, atol=1e-9)
    assert rig.loop.goal.is_free
    rig.run(1)
    assert rig.run(50) == []
    assert rig.loop.iterations == iterations
    rig.assert_kept()


def test_a_goal_ends_the_return_to_rest():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.loop.reset()
    rig.run(20)
    rig.loop.set_goal(reachable())
    assert rig.state is State.TRACKING
    rig.run_to(State.REACHED)
    rig.assert_kept()
