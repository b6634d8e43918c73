# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of reaching a goal and of rest there."""

from dataclasses import replace
import math

from hypothesis import given, settings as examples, strategies
import numpy as np
import pytest
from rig import assert_bounded, LETTER, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.loop import ControlSettings, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.experiments.scenarios import scenario


@pytest.mark.parametrize('delay', (0, 1, 10))
@pytest.mark.parametrize('simulation', (SimulationSettings(), UNLIKE), ids=('ideal', 'unlike'))
def test_the_true_arm_reaches_the_goal_whatever_the_delay(simulation, delay):
    rig = Rig(simulation=simulation, delay=delay)
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(200)
    assert rig.state is State.REACHED
    assert goal.position_error(rig.arm.true_chain()) <= 1e-3
    assert_bounded(rig.commands, rig.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_the_learned_model_brings_the_true_arm_to_figure_2(learned):
    rig = Rig(learned, simulation=UNLIKE, delay=1)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    chain = rig.arm.true_chain()
    assert goal.position_error(chain) <= 2e-3
    assert goal.axis_error(chain) <= math.radians(2.0)
    assert_bounded(rig.commands, rig.loop.settings, learned.arm, start=np.zeros((40, 2)))


@pytest.mark.parametrize('method', ('levenberg_marquardt', 'momentum'))
def test_a_noisy_delayed_lossy_and_wrong_arm_still_reaches_the_goal(learned, method):
    """With the correction gain at 0.1 the true error ends within the tolerances, and stays."""
    simulation = replace(UNLIKE, position_noise=1e-3, feedback_loss=0.05, seed=5)
    rig = Rig(learned, ControlSettings(method=method, correction_gain=0.1),
                  simulation=simulation, delay=4)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    rig.loop.set_goal(goal)
    rig.run(800)
    for _ in range(50):
        rig.run(1)
        chain = rig.arm.true_chain()
        assert goal.position_error(chain) < 1e-3 and goal.axis_error(chain) < math.radians(1.0)


@given(feedback=strategies.lists(strategies.sampled_from(('now', 'late', 'lost', 'again')),
                                 min_size=20, max_size=60),
       seed=strategies.integers(0, 10))
@examples(max_examples=20)
def test_once_feedback_is_regular_the_goal_is_reached_whatever_came_before(feedback, seed):
    rig = Rig(simulation=UNLIKE)
    rig.loop.set_goal(reachable(seed=seed))
    rig.connected = False
    waiting = []
    for kind in feedback:
        rig.run(1)
        waiting.extend(rig.measure())
        for measured in {'now': waiting[-1:], 'late': waiting[:1], 'lost': [],
                         'again': 2 * waiting[-1:]}[kind]:
            try:
                rig.loop.receive(measured.stamp, measured.chain)
            except FeedbackError:
                assert kind == 'late'
    rig.connected, rig.on_the_way = True, []
    rig.run_to(State.REACHED)
    assert_bounded(rig.commands, rig.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_a_settled_arm_gets_no_commands_until_it_is_pushed():
    rig = Rig()
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(200)
    assert rig.run(100) == []
    assert rig.state is State.REACHED
    rig.arm.settings = replace(rig.arm.settings, joint_offset=0.02)
    rig.run(1)
    assert rig.run(1)
    assert rig.state is State.TRACKING
    rig.run_to(State.REACHED)
    rig.run(200)
    assert goal.position_error(rig.arm.true_chain()) <= 1e-3
    assert rig.run(100) == []


def test_reached_is_not_left_for_errors_a_little_over_the_tolerance():
    """So that noise at the border does not make the state flicker; at twice it is left."""
    rig = Rig(settings=LETTER)
    goal = reachable()
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    rig.run(200)
    chain = rig.arm.true_chain()
    for off, state in ((1.4e-3, State.REACHED), (2.6e-3, State.TRACKING), (1.4e-3, State.TRACKING),
                       (0.0, State.REACHED)):
        moved = chain.copy()
        moved[-1, 0] = goal.target[-1, 0] + off
        rig.loop.receive(rig.commands[-1].stamp, moved)
        rig.loop.iterate(rig.now, 0)
        assert rig.state is state
