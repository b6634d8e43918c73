# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of feedback: what is refused, what silence does, what partial poses are good for."""

from dataclasses import replace
import math
import re

import numpy as np
import pytest
from rig import assert_bounded, LETTER, NAN, PERIOD, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.model.exact import ExactModel


@pytest.mark.parametrize('use_feedback', (False, True))
def test_errors_are_those_of_the_true_chain_where_feedback_is_used(use_feedback):
    rig = Rig(settings=replace(LETTER, use_feedback=use_feedback), simulation=UNLIKE)
    goal = reachable(up=(0.0, 0.0, 1.0))
    rig.loop.set_goal(goal)
    rig.run(5)
    chain = (rig.arm.true_chain() if use_feedback
             else forward_kinematics(SHORT, rig.loop.angles))
    expected = goal.position_error(chain), goal.axis_error(chain)
    assert min(expected) > 0.0
    assert rig.loop.errors() == pytest.approx(expected, rel=1e-12)


def test_an_arm_at_rest_at_its_goal_notices_that_feedback_has_died():
    """Nothing is commanded then, so nothing stays unanswered by itself."""
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.run(50)
    held = rig.loop.angles
    rig.connected = False
    commands = rig.run(round(2.5 * ControlSettings().feedback_timeout / PERIOD))
    assert rig.state is State.NO_FEEDBACK
    assert 1 <= len(commands) <= 2
    assert all((command.positions == held).all() for command in commands)
    rig.connected = True
    rig.run_to(State.REACHED)


def test_no_feedback_says_why():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(5)
    assert rig.loop.feedback_trouble(rig.now) == ''
    chain = rig.loop.estimated_chain
    rig.connected = False
    rig.run_to(State.NO_FEEDBACK)
    assert re.search(r'no usable pose chain has come for 0\.[56] s',
                     rig.loop.feedback_trouble(rig.now))
    behind = rig.commands[-1].stamp - 3 * 10**9
    rig.loop.receive(0, chain)
    rig.run(1)
    assert 'or not set' in rig.loop.feedback_trouble(rig.now)
    fresh = Rig()
    fresh.loop.set_goal(reachable())
    fresh.connected = False
    while fresh.state is not State.NO_FEEDBACK:
        fresh.loop.receive(behind - 10**9, chain)
        fresh.run(1)
    assert re.search(r'stamped [34]\.\d+ s before', fresh.loop.feedback_trouble(fresh.now))


def test_without_feedback_the_arm_holds_and_goes_on_when_feedback_returns():
    rig = Rig()
    timeout = rig.loop.settings.feedback_timeout
    rig.loop.set_goal(reachable())
    rig.run(10)
    rig.connected = False
    rig.run(round(0.8 * timeout / PERIOD))
    assert rig.state is State.TRACKING
    rig.run_to(State.NO_FEEDBACK, iterations=round(0.5 * timeout / PERIOD))
    where, iterations = rig.loop.angles, rig.loop.iterations
    probes = rig.run(round(4.1 * timeout / PERIOD))
    assert 4 <= len(probes) <= 5
    for probe in probes:
        np.testing.assert_array_equal(probe.positions, where)
        assert not probe.velocities.any()
    assert rig.loop.iterations == iterations
    assert rig.loop.feedback_age(rig.now) > 4.0 * timeout
    rig.connected = True
    rig.run_to(State.TRACKING, iterations=round(1.1 * timeout / PERIOD))
    rig.run_to(State.REACHED)
    assert_bounded(rig.commands, rig.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_an_old_answer_repeated_is_no_feedback():
    """Commands that no longer reach the arm go unanswered, however often it sends its pose."""
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(10)
    rig.connected = False
    stamp, chain = rig.commands[-1].stamp, rig.arm.true_chain()
    for _ in range(round(1.1 * rig.loop.settings.feedback_timeout / PERIOD)):
        rig.run(1)
        rig.loop.receive(stamp, chain)
    assert rig.state is State.NO_FEEDBACK


def test_an_arm_that_loses_half_of_its_feedback_reaches_the_goal():
    rig = Rig(simulation=replace(UNLIKE, feedback_loss=0.5))
    rig.loop.set_goal(reachable())
    for _ in range(1000):
        rig.run(1)
        assert rig.state is not State.NO_FEEDBACK
    assert rig.state is State.REACHED


def test_the_age_of_feedback_is_that_of_the_oldest_unanswered_command():
    loop = ControlLoop(ExactModel(SHORT))
    loop.start(np.zeros((10, 2)))
    assert loop.feedback_age(7.0) == 0.0
    loop.set_goal(reachable())
    for now, stamp in ((1.0, 10), (1.25, 20), (1.5, 30)):
        loop.iterate(now, stamp)
    chain = np.zeros((10, 9))
    for stamp, age, answered in ((0, 1.0, False), (5, 1.0, False), (10, 0.75, False),
                                 (25, 0.5, False), (30, 0.0, True), (30, 0.0, True)):
        loop.receive(stamp, chain)
        assert loop.feedback_age(2.0) == age
        assert loop.answered is answered


def test_with_feedback_switched_off_its_absence_changes_nothing():
    rig = Rig(settings=ControlSettings(use_feedback=False))
    rig.connected = False
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    assert rig.loop.answered
    rig.run(200)
    assert rig.run(200) == []
    assert rig.state is State.REACHED


def test_an_arm_that_waits_for_feedback_moves_on_when_feedback_is_switched_off():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.connected = False
    rig.run_to(State.NO_FEEDBACK)
    rig.loop.settings = replace(rig.loop.settings, use_feedback=False)
    assert rig.state is not State.NO_FEEDBACK
    rig.run(20)
    rig.loop.settings = replace(rig.loop.settings, use_feedback=True)
    rig.connected = True
    rig.run_to(State.REACHED)
    assert_bounded(rig.commands, rig.loop.settings, SHORT, start=np.zeros((10, 2)))


@pytest.mark.parametrize('chain', (np.zeros((9, 9)), np.zeros((10, 7)), np.zeros(90),
                                   np.full((10, 9), math.inf), np.full((10, 9), NAN)))
def test_unusable_feedback_is_refused_and_changes_nothing(chain):
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(5)
    before = rig.loop.estimated_chain, rig.loop.correction.error, rig.loop.errors()
    with pytest.raises(FeedbackError, match='the pose chain'):
        rig.loop.receive(rig.commands[-1].stamp, chain)
    assert rig.loop.estimated_chain is before[0]
    assert rig.loop.correction.error is before[1]
    assert rig.loop.errors() == before[2]


def test_feedback_with_one_infinity_is_refused():
    rig = Rig()
    chain = np.zeros((10, 9))
    chain[3, 3] = -math.inf
    with pytest.raises(FeedbackError, match='not finite'):
        rig.loop.receive(0, chain)


def test_feedback_that_was_overtaken_is_refused():
    rig = Rig()
    rig.loop.set_goal(reachable())
    first, second = (command.stamp for command in rig.run(2))
    with pytest.raises(FeedbackError, match='older than the one before'):
        rig.loop.receive(first, np.zeros((10, 9)))
    rig.loop.receive(second, rig.arm.true_chain())


def test_partial_feedback_is_completed_by_the_prediction():
    """Here of a tracker that sees every other joint."""
    rig = Rig(settings=LETTER, simulation=UNLIKE)
    rig.loop.set_goal(reachable())
    rig.run(5)
    error = rig.loop.correction.error.copy()
    command = rig.run(1)[0]
    true = rig.arm.true_chain()
    true[::2] = NAN
    rig.loop.receive(command.stamp, true)
    predicted = forward_kinematics(SHORT, command.positions)
    np.testing.assert_array_equal(rig.loop.estimated_chain[1::2], true[1::2])
    np.testing.assert_allclose(rig.loop.estimated_chain[::2],
                               predicted[::2] - rig.loop.correction.error[::2])
    np.testing.assert_array_equal(rig.loop.correction.error[1::2], (predicted - true)[1::2])
    assert np.abs(error).max() > 1e-3


def test_a_tracker_of_the_tools_position_alone_is_enough_for_a_goal_of_it():
    loop = ControlLoop(ExactModel(SHORT))
    arm = SimulatedArm(SHORT, UNLIKE)
    goal = reachable()
    loop.start(arm.angles)
    loop.set_goal(goal)
    for k in range(2000):
        command = loop.iterate(k * PERIOD, 1_000_000 * k)
        if command is not None:
            arm.command(command.positions, k * PERIOD)
        seen = np.full((10, 9), NAN)
        seen[-1, :3] = arm.true_chain()[-1, :3]
        loop.receive(1_000_000 * k, seen)
    assert loop.state(k * PERIOD) is State.REACHED
    assert goal.position_error(arm.true_chain()) <= 1e-3


def test_partial_feedback_before_the_start_is_ignored():
    """A goal is not reached as long as nobody has seen the axis that it asks for."""
    loop = ControlLoop(ExactModel(SHORT))
    goal = Goal.tool(position=(0.0, 0.0, 1.0), up=(0.0, 0.0, 1.0), joints=10)
    loop.set_goal(goal)
    chain = np.full((10, 9), NAN)
    chain[-1, :3] = 0.0, 0.0, 1.0
    loop.receive(0, chain)
    loop.start(np.zeros((10, 2)))
    assert loop.errors()[1] == pytest.approx(math.pi / 2)
    assert loop.iterate(0.0, 1) is not None
    assert loop.state(0.0) is State.TRACKING
