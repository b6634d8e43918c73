# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of a tracker that is late, or whose clock is another."""

from dataclasses import replace
import math

import numpy as np
import pytest
from rig import reachable, Rig, UNLIKE

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State

OFF = SimulationSettings(joint_offset=math.radians(2.0))
ARMS = {'ideal': SimulationSettings(), 'off': OFF}
FAR = Goal.tool(position=(0.6, -0.3, 0.4), joints=10)


def late(simulation, latency, stamps='arrival', **more):
    return replace(simulation, feedback_latency=latency, feedback_stamps=stamps, **more)


def assert_comes_and_stays(approach):
    """Assert that an arm came within 2 mm, then never left by more than 20 mm, and ended there."""
    assert approach.first < math.inf
    assert approach.worst <= 0.02
    assert approach.end <= 2e-3


@pytest.mark.parametrize('simulation', ARMS.values(), ids=ARMS)
@pytest.mark.parametrize('latency', (0.0, 0.02, 0.045, 0.1, 0.15))
def test_an_arm_whose_tracker_stamps_on_arrival_comes_to_its_goals_and_stays(latency, simulation):
    """Near goals as well, at which it arrives before anything is known of the latency."""
    rig = Rig(simulation=late(simulation, latency))
    for goal in (reachable(seed=1), FAR, reachable(seed=2)):
        assert_comes_and_stays(rig.pursue(goal, 2.0))
    rig.assert_kept()


@pytest.mark.parametrize('latency', (0.03, 0.12))
def test_the_learned_model_brings_an_arm_to_its_goal_although_the_tracker_is_late(
        learned, latency):
    rig = Rig(learned, simulation=late(OFF, latency))
    assert_comes_and_stays(rig.pursue(Goal.tool(position=(0.3, -0.2, 0.6)), 3.0))
    rig.assert_kept()


@pytest.mark.parametrize('stamps', ('arrival', 'measured'))
@pytest.mark.parametrize('latency', (0.0, 0.045, 0.15))
def test_the_latency_is_found_while_the_arm_moves(latency, stamps):
    """It is none where chains are stamped when they are measured, however late they come."""
    rig = Rig(simulation=late(UNLIKE, latency, stamps))
    assert rig.loop.feedback.latency.value == 0.0
    rig.pursue(FAR, 2.0)
    expected = latency if stamps == 'arrival' else 0.0
    assert rig.loop.feedback.latency.value == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize('offset', (-0.15, -0.03, 0.03, 0.15))
def test_a_clock_that_is_ahead_or_behind_is_a_latency(offset):
    rig = Rig(simulation=late(OFF, 0.02, 'measured', clock_offset=offset))
    for goal in (FAR, reachable(seed=1)):
        assert_comes_and_stays(rig.pursue(goal, 3.0))
    assert rig.loop.feedback.latency.value == pytest.approx(offset, abs=0.01)
    rig.assert_kept()


@pytest.mark.parametrize('latency', (0.0, 0.1))
def test_a_latency_that_is_given_is_used_and_not_estimated(latency):
    rig = Rig(settings=ControlSettings(feedback_latency=latency), simulation=late(OFF, latency))
    assert_comes_and_stays(rig.pursue(FAR, 2.0))
    assert rig.loop.feedback.latency.value == latency
    assert rig.loop.feedback.latency.deviation(rig.stamp) == 0.0


@pytest.mark.parametrize('drift', (-5e-3, 5e-3))
def test_clocks_that_drift_apart_are_followed_for_a_minute_with_rest_in_it(drift):
    """By 5 ms a second, and 20 s of rest in which nothing can be seen of that."""
    rig = Rig(simulation=late(OFF, 0.03, 'measured', clock_drift=drift))
    for k in range(15):
        goal = reachable(seed=k + 1)
        if k == 5:
            rig.rest(20.0)
        if not 5 <= k < 10:
            assert_comes_and_stays(rig.pursue(goal, 4.0))
    assert rig.state is State.REACHED
    assert rig.loop.feedback.latency.value == pytest.approx(
        drift * (rig.time - 100.0), abs=0.03)
    rig.assert_kept()


def test_noise_loss_and_lateness_together_leave_the_arm_at_its_goal(learned):
    rig = Rig(learned, simulation=late(
        UNLIKE, 0.02, 'measured', position_noise=1e-3, axis_noise=math.radians(0.1),
        feedback_loss=0.05))
    goal = Goal.tool(position=(0.3, -0.2, 0.6))
    assert_comes_and_stays(rig.pursue(goal, 4.0))
    errors = []
    for _ in range(100):
        rig.tick()
        errors.append(rig.errors(goal)[0])
    assert np.median(errors) < 0.7e-3 and max(errors) < 1.5e-3
    rig.assert_kept()


@pytest.mark.parametrize('late', (0.15, 0.4))
@pytest.mark.parametrize('seed', range(4))
def test_joint_states_that_come_later_than_their_chains_now_and_then_do_no_harm(seed, late):
    """For up to this time [s], many times; how far the arm has gone on meanwhile is not known."""
    rig = Rig(simulation=SimulationSettings(joint_offset=math.radians(2.0)))
    generator, report = np.random.default_rng(seed), rig.loop.report
    waiting, lateness = [], 0.0  # [s]

    def come(_):
        nonlocal lateness
        if generator.random() < 0.02:
            lateness = generator.uniform(0.0, late)
        while waiting and waiting[0][0] <= round(1e9 * (rig.time - lateness)):
            report(*waiting.pop(0))

    rig.loop.report = lambda stamp, angles: waiting.append((stamp, angles.copy()))
    for goal in (reachable(seed=1), FAR, reachable(seed=2)):
        rig.pursue(goal, 4.0, come)
        lateness = 0.0
        assert rig.pursue(goal, 4.0, lambda _: [report(*waiting.pop(0)) for _ in waiting[:]]
                          ).end <= 1e-3
        assert rig.state is State.REACHED
