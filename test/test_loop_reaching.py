# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of reaching a goal and of rest there."""

from dataclasses import replace
import math

from hypothesis import given, settings as examples, strategies
import numpy as np
import pytest
from rig import LETTER, reachable, Rig, UNLIKE

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.loop import ControlSettings, State
from snake_arm_control.experiments.scenarios import scenario


@pytest.mark.parametrize('latency', (0.0, 0.005, 0.05))
@pytest.mark.parametrize('simulation', (SimulationSettings(), UNLIKE), ids=('ideal', 'unlike'))
def test_the_true_arm_reaches_the_goal_however_late_feedback_is(simulation, latency):
    rig = Rig(simulation=replace(simulation, feedback_latency=latency))
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(200)
    assert rig.state is State.REACHED
    assert rig.errors(goal)[0] <= 1e-3
    rig.assert_kept()


def test_the_learned_model_brings_the_true_arm_to_figure_2(learned):
    rig = Rig(learned, simulation=replace(UNLIKE, feedback_latency=0.005))
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.rest(0.5)
    position_error, axis_error = rig.errors(goal)
    assert position_error <= 1e-3 and axis_error <= math.radians(1.0)
    rig.assert_kept()


@pytest.mark.parametrize('method', ('levenberg_marquardt', 'momentum'))
def test_a_noisy_delayed_lossy_and_wrong_arm_still_reaches_the_goal(learned, method):
    """With the correction gain at 0.1 the true error ends within the tolerances, and stays."""
    simulation = replace(UNLIKE, position_noise=1e-3, feedback_loss=0.05, feedback_latency=0.02,
                         seed=5)
    rig = Rig(learned, ControlSettings(method=method, correction_gain=0.1), simulation)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    rig.loop.set_goal(goal)
    rig.run(800)
    for _ in range(50):
        rig.run(1)
        position_error, axis_error = rig.errors(goal)
        assert position_error < 1e-3 and axis_error < math.radians(1.0)
    rig.assert_kept()


@given(feedback=strategies.lists(strategies.sampled_from(('now', 'late', 'lost', 'again')),
                                 min_size=20, max_size=60),
       seed=strategies.integers(0, 10))
@examples(max_examples=10)
def test_once_feedback_is_regular_the_goal_is_reached_whatever_came_before(feedback, seed):
    rig = Rig(simulation=UNLIKE)
    rig.loop.set_goal(reachable(seed=seed))
    rig.connected = False
    measured = []
    for kind in feedback:
        rig.run(1)
        measured.append((rig.stamp, rig.arm.true_chain()))
        for stamp, chain in {'now': measured[-1:], 'late': measured[:1], 'lost': [],
                             'again': 2 * measured[-1:]}[kind]:
            rig.loop.receive(stamp, chain)
    rig.connected = True
    rig.run_to(State.REACHED)
    rig.assert_kept()


def test_a_settled_arm_gets_no_commands_until_it_is_bent():
    """Here by a small load that the joints do not see."""
    rig = Rig()
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(200)
    assert rig.run(100) == []
    assert rig.state is State.REACHED
    rig.arm.settings = replace(rig.arm.settings, joint_offset=0.006)
    rig.run_to(State.TRACKING, ticks=5)
    assert rig.run(1)
    rig.run_to(State.REACHED)
    rig.run(200)
    assert rig.errors(goal)[0] <= 1e-3
    assert rig.run(100) == []
    rig.assert_kept()


def test_reached_is_not_left_for_errors_a_little_over_the_tolerance():
    """So that noise at the border does not make the state flicker; at twice it is left."""
    rig = Rig(settings=LETTER)
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(200)
    rig.arm.stop()
    for off, state in ((1.4e-3, State.REACHED), (2.6e-3, State.TRACKING), (1.4e-3, State.TRACKING),
                       (0.0, State.REACHED)):
        def moved(chain, off=off):
            chain[-1, 0] = goal.target[-1, 0] + off
            return chain
        rig.tracker.falsify = moved
        rig.run(1)
        assert rig.state is state


@pytest.mark.parametrize('seed', range(5))
def test_goals_one_after_the_other_are_reached_and_each_comes_to_rest(seed):
    """An arm at rest is within the tolerances, and gets no commands."""
    rig = Rig(simulation=replace(UNLIKE, seed=seed))
    for k in range(2):
        goal = reachable(seed=10 * seed + k)
        assert rig.pursue(goal, 2.0).end <= 1e-3
        assert rig.state is State.REACHED
        assert rig.run(20) == []
    rig.assert_kept()
    assert np.all(np.diff([command.stamp for command in rig.commands]) > 0)
