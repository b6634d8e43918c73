# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the start, and of starting anew: where the loop takes the arm to be before it moves."""

import math

import numpy as np
import pytest
from rig import NAN, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.model.exact import ExactModel

WIDE = Arm.uniform(joints=10, segment_length=0.1, angle_limit=1.5)
NEAR = 0.02  # [rad], of the arm: where a new start may be


def test_nothing_is_commanded_before_the_start():
    loop = ControlLoop(ExactModel(SHORT))
    loop.set_goal(reachable())
    loop.reset()
    loop.set_goal(reachable())
    for now in (1.0, 2.0, 100.0):
        assert loop.state(now) is State.WAITING
        assert loop.iterate(now, round(1e9 * now)) is None
    assert loop.angles is None
    assert all(math.isnan(error) for error in loop.errors())
    loop.report(100 * 10**9, np.zeros((10, 2)))
    assert loop.state(100.0) is State.WAITING_FOR_CHAIN
    loop.receive(100 * 10**9, loop.model.linearize(SHORT.rest).chain)
    assert loop.iterate(100.01, 100_010_000_000) is not None
    assert loop.state(100.01) is State.TRACKING


@pytest.mark.parametrize('begin', (lambda loop, angles: loop.start(angles),
                                   lambda loop, angles: loop.report(0, angles)),
                         ids=('start', 'report'))
def test_the_loop_starts_at_the_given_angles_and_keeps_its_own_copy(begin):
    loop = ControlLoop(ExactModel(SHORT))
    first = np.full((10, 2), 0.1)
    begin(loop, first)
    first[:] = 0.3
    np.testing.assert_array_equal(loop.angles, np.full((10, 2), 0.1))


@pytest.mark.parametrize('angles', (np.zeros((9, 2)), np.zeros(20), np.full((10, 2), NAN),
                                    np.full((10, 2), math.inf)))
def test_unusable_joint_states_are_refused_and_the_loop_still_waits(angles):
    loop = ControlLoop(ExactModel(SHORT))
    with pytest.raises(FeedbackError, match='joint states'):
        loop.start(angles)
    with pytest.raises(FeedbackError, match='joint states'):
        loop.report(0, angles)
    assert loop.state(0.0) is State.WAITING


@pytest.mark.parametrize('where', ((0, 0), (9, 1), (4, 0)))
@pytest.mark.parametrize('beyond', (-0.5, 0.02, 0.1, 0.5))
def test_an_arm_that_starts_beyond_its_limits_is_led_back_from_where_it_is(where, beyond):
    """At the velocity limit and the acceleration limit: the first command is where it stands."""
    start = np.zeros((10, 2))
    start[where] = np.sign(beyond) * (SHORT.upper[where] + abs(beyond))
    rig, goal = Rig(), reachable()
    rig.loop = ControlLoop(ExactModel(SHORT))
    rig.arm = SimulatedArm(WIDE, start=start)  # its servos know no limits
    end = rig.pursue(goal, 3.0).end
    assert np.abs(rig.commands[0].positions - start).max() <= NEAR
    assert end <= 1e-3 and rig.state is State.REACHED
    assert np.abs(rig.loop.angles[where]) <= SHORT.upper[where]
    assert rig.loop.new_starts == 0
    rig.assert_kept()


def test_nor_does_an_arm_stay_beyond_its_limits_whose_servos_clip_or_that_is_at_its_goal():
    start = np.zeros((10, 2))
    start[3, 1] = SHORT.upper[3, 1] + 0.3
    for servos in (SHORT, WIDE):
        arm = SimulatedArm(servos, start=start)
        rig, goal = Rig(), Goal.tool(position=arm.true_chain()[-1, :3], joints=10)
        rig.loop, rig.arm = ControlLoop(ExactModel(SHORT)), arm
        assert rig.pursue(goal, 3.0).end <= 1e-3
        assert np.abs(rig.arm.angles[3, 1]) <= SHORT.upper[3, 1]
        rig.assert_kept()


@pytest.mark.parametrize('seed', range(3))
def test_an_arm_whose_driver_reports_zeros_at_first_does_not_move_until_that_is_over(seed):
    """The chain contradicts the joint states, and the loop says so."""
    start = np.random.default_rng(seed).uniform(-0.5, 0.5, (10, 2))
    rig, goal = Rig(start=start), reachable(seed=seed)
    rig.loop = ControlLoop(ExactModel(SHORT))
    rig.reports = np.zeros_like
    rig.loop.set_goal(goal)
    assert rig.rest(1.0) == []
    assert 'pose chain or joint states are false' in rig.loop.feedback_trouble(rig.now)
    rig.reports = lambda angles: angles
    assert rig.pursue(goal, 4.0).end <= 1e-3
    assert np.abs(rig.commands[0].positions - start).max() <= NEAR
    rig.assert_kept()


def test_an_arm_that_lags_or_sags_is_not_set_back():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.rest(0.5)
    held = rig.loop.angles
    rig.loop.hold(True)
    rig.reports = lambda angles: angles + 0.04
    rig.rest(1.0)
    np.testing.assert_array_equal(rig.loop.angles, held)
    assert rig.loop.new_starts == 0


@pytest.mark.parametrize('why', ('idle', 'held', 'no feedback'))
def test_an_arm_that_is_not_driven_and_was_moved_by_something_else_goes_on_from_there(why):
    """Once it is stationary again; nothing is commanded meanwhile."""
    rig = Rig()
    if why != 'idle':
        rig.loop.set_goal(reachable())
        rig.rest(0.3)
    if why == 'held':
        rig.loop.hold(True)
    rig.connected = why != 'no feedback'
    rig.rest(1.0)
    rig.arm.stop()  # its drives are off
    moved = np.random.default_rng(0).uniform(-0.3, 0.3, (10, 2))
    before = rig.arm.angles
    for k in range(200):
        rig.arm.push((moved - before) / 200.0)
        assert rig.run(1) == []
    assert rig.rest(0.5) == []
    np.testing.assert_allclose(rig.loop.angles, moved, rtol=0, atol=1e-9)
    rig.arm = SimulatedArm(SHORT, start=rig.arm.angles)  # on, and hold where they are
    rig.connected = True
    if why == 'held':
        rig.loop.hold(False)
    count = len(rig.commands)
    assert rig.pursue(reachable(seed=1), 3.0).end <= 1e-3
    assert np.abs(rig.commands[count].positions - moved).max() <= NEAR
    assert rig.starts == [count]
    rig.assert_kept()


@pytest.mark.parametrize('moving', (False, True))
def test_an_arm_that_was_restarted_is_led_back_to_the_goal(moving):
    """It is at rest again, which is a new start."""
    rig = Rig(simulation=UNLIKE)
    goal = Goal.tool(position=(0.6, -0.4, 0.2), joints=10)
    rig.loop.set_goal(goal)
    rig.rest(0.6 if moving else 2.0)
    assert rig.state is (State.TRACKING if moving else State.REACHED)
    rig.arm = SimulatedArm(SHORT, UNLIKE)
    rig.rest(0.05)
    assert rig.loop.new_starts == 1
    assert rig.pursue(goal, 3.0).end <= 1e-3
    rig.assert_kept()


def test_a_new_start_at_the_limits_is_not_beyond_them_by_what_the_servos_sag():
    rig = Rig(simulation=SimulationSettings(servo_sag=0.01))
    rig.pursue(reachable(), 2.0)
    assert np.abs(rig.loop.following.offset).max() > 5e-3
    rig.arm.stop()
    rig.arm.push(SHORT.upper - rig.arm.angles)
    rig.rest(0.05)
    assert rig.loop.new_starts == 1
    rig.assert_kept()


def test_an_arm_on_hold_that_springs_up_to_its_command_was_not_moved():
    """Its load was taken off: its servos sag no more."""
    rig = Rig(simulation=SimulationSettings(servo_sag=0.08))
    assert rig.pursue(reachable(), 4.0).end <= 1e-3
    rig.loop.hold(True)
    rig.rest(0.5)
    rig.arm.settings = SimulationSettings()
    assert rig.rest(1.0) == []
    rig.loop.hold(False)
    assert rig.pursue(reachable(seed=1), 4.0).end <= 1e-3
    assert rig.loop.new_starts == 0
    rig.assert_kept()


@pytest.mark.parametrize(('first', 'then'), ((0.25, 0.25), (0.1, 0.15), (0.0, 0.3)))
def test_an_arm_that_was_moved_just_now_begins_where_it_is(first, then):
    """Also if it was moved a while before, and has not been commanded since."""
    rig = Rig()
    rig.arm.stop()
    for moved, wait in ((first, 0.5), (then, 0.02)):
        rig.arm.push(np.full((10, 2), moved))
        rig.rest(wait)
    rig.loop.reset()
    rig.run_to(State.RETURNING)
    command, = rig.run(1)
    assert rig.starts == [len(rig.commands) - 1]
    assert np.abs(command.positions - rig.arm.angles).max() <= NEAR


@pytest.mark.parametrize('seed', range(6))
def test_an_arm_returns_to_rest_exactly_however_its_ticks_come(seed):
    """From the last tick before rest, one that comes early could not brake in time."""
    generator = np.random.default_rng(seed)
    rig = Rig(simulation=UNLIKE)
    rig.pursue(reachable(seed=seed), 0.5)
    rig.loop.reset()
    for _ in range(600):
        rig.tick(generator.choice((0.002, 0.005, 0.005, 0.013, 0.03, 0.06)))
    assert rig.state is State.IDLE and not rig.commands[-1].positions.any()
    rig.assert_kept()
