# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of an arm at rest whose drives want a command at each tick, and of periods of commands."""

import numpy as np
import pytest
from rig import PERIOD, reachable, Rig, SHORT

from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.model.exact import ExactModel

STREAMING = ControlSettings(command_at_rest=True)
SAG = SimulationSettings(servo_sag=0.1)  # [rad], twice of what counts as moved where all is quiet


def assert_rests(rig, duration=0.5):
    """Assert that each tick repeats the command, with no velocity and a later stamp."""
    before = rig.loop.angles
    commands = rig.rest(duration)
    assert len(commands) == round(duration / PERIOD)
    for command in commands:
        np.testing.assert_array_equal(command.positions, before)
        assert not command.velocities.any()
    assert (np.diff([command.stamp for command in commands]) > 0).all()


def idle(rig):
    pass


def reached(rig):
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.rest(0.5)


def held(rig):
    rig.loop.set_goal(reachable())
    rig.run(20)
    rig.loop.hold(True)
    rig.rest(0.2)


def without_feedback(rig):
    rig.loop.set_goal(reachable())
    rig.run(20)
    rig.connected = False
    rig.run_to(State.NO_FEEDBACK)
    rig.rest(0.2)


@pytest.mark.parametrize('come_to_rest', (idle, reached, held, without_feedback))
def test_where_drives_want_a_stream_each_tick_repeats_the_command_of_an_arm_at_rest(come_to_rest):
    rig = Rig(settings=STREAMING)
    come_to_rest(rig)
    assert_rests(rig)
    rig.assert_kept()


def test_commands_go_on_without_a_gap_through_rest_motion_and_rest():
    rig = Rig(settings=STREAMING)
    count = len(rig.commands)
    rig.loop.set_goal(reachable())
    ticks = len(rig.rest(2.0))
    assert rig.state is State.REACHED
    rig.loop.set_goal(Goal.free(10))
    assert len(rig.commands) - count == ticks == round(2.0 / PERIOD)
    assert_rests(rig)
    rig.assert_kept()


def test_a_repeated_command_is_no_iteration():
    rig = Rig(settings=STREAMING)
    reached(rig)
    iterations = rig.loop.iterations
    assert_rests(rig)
    assert rig.loop.iterations == iterations


def test_servos_that_sag_under_a_stream_do_not_creep():
    """The command stays where it is: to follow the sag would be to sag again."""
    rig = Rig(settings=STREAMING, simulation=SAG)
    rig.rest(0.5)
    assert_rests(rig, 2.0)
    assert rig.loop.new_starts == 0
    rig.assert_kept()


def test_an_arm_that_is_led_away_under_a_stream_is_commanded_to_stay_where_it_is_left():
    """Else its drives would leap back when they are switched on."""
    rig = Rig(settings=STREAMING)
    rig.arm.stop()
    rig.arm.push(np.full((10, 2), 0.4))
    rig.rest(0.5)
    np.testing.assert_array_equal(rig.loop.angles, rig.arm.angles)
    assert rig.loop.new_starts == 1
    rig.arm = SimulatedArm(rig.loop.arm, start=rig.arm.angles)
    assert_rests(rig)
    rig.assert_kept()


def test_a_command_that_is_repeated_needs_no_answer_lest_lockstep_floods_the_arm():
    rig = Rig(settings=STREAMING)
    assert_rests(rig)
    rig.loop.report(rig.stamp + 10**9, rig.arm.angles)
    assert not rig.loop.answered


@pytest.mark.parametrize('settings', (ControlSettings(), STREAMING))
def test_the_period_of_a_command_times_its_velocity_is_its_step(settings):
    """However long the ticks are, as in lockstep."""
    rig, generator = Rig(settings=settings), np.random.default_rng(0)
    rig.loop.set_goal(reachable())
    for _ in range(200):
        rig.tick(generator.uniform(0.001, 0.12))
    moving = 0
    for before, command in zip(rig.commands, rig.commands[1:]):
        np.testing.assert_allclose(command.positions - before.positions,
                                   command.velocities * command.period, atol=1e-12)
        moving += command.velocities.any()
    assert moving > 10


def test_the_first_command_and_those_after_a_pause_have_a_short_period():
    loop = ControlLoop(ExactModel(SHORT), ControlSettings(use_feedback=False))
    loop.report(0, SHORT.rest)
    loop.set_goal(reachable())
    for stamp in (10**12, 2 * 10**12, 3 * 10**12):
        loop.report(stamp, loop.angles)
        assert 0.0 < loop.iterate(1e-9 * stamp, stamp).period <= 0.1
