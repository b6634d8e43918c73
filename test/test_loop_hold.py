# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of holding, of returning to rest, and of an arm without a goal."""

import numpy as np
import pytest
from rig import assert_bounded, NAN, reachable, Rig, SHORT

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.model.exact import ExactModel


@pytest.mark.parametrize('joints', (1, 2, 40))
@pytest.mark.parametrize('bend', (0.0, 1e-6, 0.5))
def test_with_every_component_free_an_arm_at_rest_does_not_move(joints, bend):
    arm = Arm(joints=joints)
    loop = ControlLoop(ExactModel(arm))
    angles = np.random.default_rng(0).uniform(-bend, bend, (joints, 2))
    loop.start(angles)
    for k in range(5):
        loop.set_goal(Goal(np.full((joints, 9), NAN), np.zeros((joints, 9))))
        loop.receive(0, np.random.default_rng(k).normal(size=(joints, 9)))
        assert loop.state(k) is State.IDLE
        assert loop.iterate(k, k) is None
    np.testing.assert_array_equal(loop.angles, angles)


def test_the_goal_of_no_component_stops_an_arm_in_motion():
    rig = Rig()
    rig.loop.set_goal(reachable())
    assert rig.run(5)
    rig.loop.set_goal(Goal.free(10))
    assert rig.run(20) == []
    assert rig.state is State.IDLE


def test_hold_stands_still_until_it_is_released():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(10)
    rig.loop.hold(True)
    where = rig.loop.angles
    assert rig.run(300) == []
    assert rig.state is State.HOLDING
    rig.loop.set_goal(reachable(seed=1))
    assert rig.run(10) == []
    rig.loop.hold(False)
    assert rig.state is State.TRACKING
    resumed = rig.run(10)
    assert len(resumed) == 10
    assert_bounded(resumed, rig.loop.settings, SHORT, start=where)
    rig.run_to(State.REACHED)


def test_reset_drops_the_goal_and_returns_to_rest_within_the_bounds():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    iterations = rig.loop.iterations
    rig.loop.hold(True)
    rig.loop.reset()
    assert rig.state is State.RETURNING
    rig.run_to(State.IDLE)
    assert not rig.loop.angles.any()
    assert rig.loop.goal.is_free
    assert rig.run(50) == []
    assert rig.loop.iterations == iterations
    assert_bounded(rig.commands, rig.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_a_goal_ends_the_return_to_rest():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.loop.reset()
    rig.run(2)
    rig.loop.set_goal(reachable())
    assert rig.state is State.TRACKING
    rig.run_to(State.REACHED)
