# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the start: where the loop takes the arm to be before it moves it."""

import math

import numpy as np
import pytest
from rig import NAN, PERIOD, reachable, Rig, ROUNDING, SHORT

from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.model.exact import ExactModel


def test_nothing_is_commanded_before_the_start():
    loop = ControlLoop(ExactModel(SHORT))
    loop.set_goal(reachable())
    loop.reset()
    loop.set_goal(reachable())
    for now in (0.0, 1.0, 100.0):
        assert loop.state(now) is State.WAITING
        assert loop.iterate(now, 5) is None
    assert loop.angles is None
    assert all(math.isnan(error) for error in loop.errors())
    loop.start(np.zeros((10, 2)))
    assert loop.state(100.0) is State.TRACKING
    assert loop.iterate(100.0, 5) is not None


def test_the_loop_starts_at_the_given_angles_and_keeps_its_own_copy():
    loop = ControlLoop(ExactModel(SHORT))
    first = np.full((10, 2), 0.1)
    loop.start(first)
    first[:] = 0.3
    np.testing.assert_array_equal(loop.angles, np.full((10, 2), 0.1))


def test_a_start_beyond_the_joint_limits_is_clipped_to_them():
    loop = ControlLoop(ExactModel(SHORT))
    loop.start(np.full((10, 2), -9.0))
    np.testing.assert_array_equal(loop.angles, np.full((10, 2), -SHORT.angle_limit))


@pytest.mark.parametrize('angles', (np.zeros((9, 2)), np.zeros(20), np.full((10, 2), NAN),
                                    np.full((10, 2), math.inf)))
def test_unusable_joint_states_are_refused_and_the_loop_still_waits(angles):
    loop = ControlLoop(ExactModel(SHORT))
    with pytest.raises(FeedbackError, match='joint states'):
        loop.start(angles)
    assert loop.state(0.0) is State.WAITING


def test_joint_states_of_a_driven_arm_change_nothing():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(3)
    assert rig.loop.is_driving
    before = rig.loop.angles
    rig.loop.start(np.full((10, 2), 0.5))
    np.testing.assert_array_equal(rig.loop.angles, before)


def test_an_idle_arm_that_something_else_moved_goes_on_from_there():
    """On hold, without a goal, without feedback; a little lag or sag is no move."""
    moved = np.full((10, 2), 0.2)
    idle, held, deaf = Rig(), Rig(), Rig()
    for rig in (held, deaf):
        rig.loop.set_goal(reachable())
        rig.run(5)
    held.loop.hold(True)
    held.run(1)
    deaf.connected = False
    deaf.run_to(State.NO_FEEDBACK)
    deaf.run(1)
    for rig in (idle, held, deaf):
        before = rig.loop.angles
        rig.loop.start(before + 0.04)
        np.testing.assert_array_equal(rig.loop.angles, before)
        rig.loop.start(moved)
        np.testing.assert_array_equal(rig.loop.angles, before)  # it is still on its way
        rig.loop.start(moved)
        np.testing.assert_array_equal(rig.loop.angles, moved)
    deaf.arm.angles, deaf.connected = moved, True
    command, *_ = deaf.run(200)
    assert np.abs(command.positions - moved).max() <= SHORT.velocity_limit * PERIOD + ROUNDING
    deaf.run_to(State.REACHED)


@pytest.mark.parametrize('settle', (False, True))
def test_an_arm_that_was_restarted_is_led_back_to_the_goal(settle):
    """It is at rest again, and its pose answers no command: its stamp is 0."""
    rig = Rig()
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run(10)
    if settle:
        rig.run_to(State.REACHED)
        rig.run(200)
        assert rig.run(10) == []
    error = rig.loop.correction.error.copy()
    rig.arm = SimulatedArm(SHORT)
    chain = rig.arm.true_chain()
    rig.loop.receive(0, chain)
    np.testing.assert_array_equal(rig.loop.correction.error, error)
    assert rig.loop.errors()[0] == goal.position_error(chain) > 0.01
    assert rig.run(1)
    assert rig.state is State.TRACKING
    rig.run_to(State.REACHED)
    rig.run(200)
    assert goal.position_error(rig.arm.true_chain()) <= 1e-3
