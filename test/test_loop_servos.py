# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of servos that are slow, lag, sag or stick: the arm gets there, later."""

import math

import numpy as np
import pytest
from rig import reachable, Rig
from test_loop_latency import assert_comes_and_stays, FAR

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State

FAST = ControlSettings(speed_limit=100.0)  # so that the servos are what is slow
SERVOS = {
    '0.2 rad/s': {'servo_velocity': 0.2},
    '0.5 rad/s': {'servo_velocity': 0.5},
    '2 rad/s': {'servo_velocity': 2.0},
    '10 rad/s': {'servo_velocity': 10.0},
    '20 ms lag': {'servo_lag': 0.02},
    '100 ms lag': {'servo_lag': 0.1},
    '200 ms lag': {'servo_lag': 0.2},
    '0.2 rad/s, 200 ms lag': {'servo_velocity': 0.2, 'servo_lag': 0.2},
    '10 mrad sag': {'servo_sag': 0.01},
    '50 mrad sag, 50 ms lag': {'servo_sag': 0.05, 'servo_lag': 0.05},
    '5 mrad friction': {'servo_friction': 0.005},
    '10 mrad friction, 50 mrad sag, 30 ms lag': {
        'servo_friction': 0.01, 'servo_sag': 0.05, 'servo_lag': 0.03},
}


@pytest.mark.parametrize('servos', SERVOS.values(), ids=SERVOS)
def test_an_arm_gets_to_its_goal_and_stays_whatever_its_servos(servos):
    """Its joints are off by 2 degrees as well."""
    rig = Rig(settings=FAST, simulation=SimulationSettings(
        joint_offset=math.radians(2.0), **servos))
    duration = 4.0 if 'servo_friction' not in servos else 12.0
    for goal in (FAR, reachable(seed=1)):
        assert_comes_and_stays(rig.pursue(goal, duration))
    assert rig.state is State.REACHED
    assert rig.loop.new_starts == 0
    rig.assert_kept()


@pytest.mark.parametrize('servos', ({'servo_velocity': 0.5}, {'servo_lag': 0.2}))
def test_joint_states_distinguish_slow_servos_from_a_late_tracker(servos):
    rig = Rig(settings=FAST, simulation=SimulationSettings(
        joint_offset=math.radians(2.0), feedback_latency=0.08, feedback_stamps='arrival',
        **servos))
    for goal in (FAR, reachable(seed=1)):
        assert_comes_and_stays(rig.pursue(goal, 5.0))
    assert rig.loop.feedback.latency.value == pytest.approx(0.08, abs=0.02)
    rig.assert_kept()


def test_the_learned_model_gets_an_arm_there_whose_servos_are_slow_lag_and_sag(learned):
    rig = Rig(learned, FAST, SimulationSettings(
        joint_offset=math.radians(2.0), servo_velocity=0.5, servo_lag=0.1, servo_sag=0.02))
    assert_comes_and_stays(rig.pursue(Goal.tool(position=(0.3, -0.2, 0.6)), 5.0))
    rig.assert_kept()


@pytest.mark.parametrize('sag', (0.01, 0.05))
def test_what_servos_sag_by_is_taken_out_and_added_to_the_command(sag):
    rig = Rig(simulation=SimulationSettings(servo_sag=sag))
    assert rig.pursue(reachable(seed=1), 5.0).end <= 1e-3
    off = np.abs(rig.loop.angles - rig.arm.angles)
    np.testing.assert_allclose(off, sag, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.abs(rig.loop.following.offset), sag, rtol=0.3)


def test_a_slow_arm_is_led_by_no_more_than_the_following_error():
    rig = Rig(settings=FAST, simulation=SimulationSettings(servo_velocity=0.2))
    rig.loop.set_goal(FAR)
    led = []
    for _ in range(200):
        rig.tick()
        led.append(np.abs(rig.loop.angles - rig.arm.angles).max())
    assert 0.15 < max(led) <= 0.2 + 0.01
    rig.assert_kept()
