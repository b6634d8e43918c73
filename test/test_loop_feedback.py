# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of feedback: what is refused, what silence does, what partial poses are good for."""

from dataclasses import replace
import math
import re

import numpy as np
import pytest
from rig import LETTER, NAN, PERIOD, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.model.exact import ExactModel

TIMEOUT = ControlSettings.feedback_timeout  # [s]


@pytest.mark.parametrize('use_feedback', (False, True))
def test_errors_are_those_of_the_true_chain_where_feedback_is_used(use_feedback):
    rig = Rig(settings=replace(LETTER, use_feedback=use_feedback), simulation=UNLIKE)
    goal = reachable(up=(0.0, 0.0, 1.0))
    rig.loop.set_goal(goal)
    rig.run(20)
    rig.arm.stop()
    rig.run(1)
    chain = (rig.arm.true_chain() if use_feedback
             else forward_kinematics(SHORT, rig.arm.angles))
    expected = goal.position_error(chain), goal.axis_error(chain)
    assert min(expected) > 0.0
    assert rig.loop.errors() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('lost', ('pose chains', 'joint states'))
def test_an_arm_at_rest_at_its_goal_notices_that_feedback_has_died(lost):
    """Nothing is commanded then."""
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.rest(0.5)
    rig.connected = lost != 'pose chains'
    rig.reports = (lambda angles: None) if lost == 'joint states' else rig.reports
    assert rig.rest(0.9 * TIMEOUT) == [] and rig.state is State.REACHED
    assert rig.rest(0.2 * TIMEOUT) == [] and rig.state is State.NO_FEEDBACK
    rig.connected, rig.reports = True, lambda angles: angles
    rig.run_to(State.REACHED)


def test_a_lack_of_feedback_has_its_reason():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(5)
    assert rig.loop.feedback_trouble(rig.now) == ''
    rig.connected = False
    rig.run_to(State.NO_FEEDBACK)
    assert re.fullmatch(r'no usable pose chain has come for 0\.[56] s',
                        rig.loop.feedback_trouble(rig.now))
    rig.loop.receive(rig.stamp - 3 * 10**9, rig.arm.true_chain())
    rig.run(1)
    assert re.search(r'stamped 3\.0\d+ s before', rig.loop.feedback_trouble(rig.now))
    rig.reports = lambda angles: None
    rig.rest(1.1 * TIMEOUT)
    assert re.fullmatch(r'no joint states have come for 0\.[56] s',
                        rig.loop.feedback_trouble(rig.now))


@pytest.mark.parametrize('lost', ('pose chains', 'joint states'))
def test_without_feedback_the_arm_brakes_and_holds_and_goes_on_when_it_returns(lost):
    rig = Rig(settings=ControlSettings(speed_limit=0.3))
    rig.loop.set_goal(reachable())
    rig.rest(0.1)
    rig.connected = lost != 'pose chains'
    rig.reports = (lambda angles: None) if lost == 'joint states' else rig.reports
    rig.rest(0.8 * TIMEOUT)
    assert rig.state is State.TRACKING
    rig.run_to(State.NO_FEEDBACK, ticks=round(0.5 * TIMEOUT / PERIOD))
    iterations = rig.loop.iterations
    rig.rest(TIMEOUT)
    where = rig.loop.angles
    assert rig.rest(4.0 * TIMEOUT) == []
    np.testing.assert_array_equal(rig.loop.angles, where)
    assert rig.loop.iterations == iterations
    rig.connected, rig.reports = True, lambda angles: angles
    rig.run(2)
    assert rig.state is State.TRACKING
    rig.run_to(State.REACHED)
    rig.assert_kept()


@pytest.mark.parametrize('kind', ('exact', 'learned'))
@pytest.mark.parametrize('seed', range(6))
def test_what_the_joints_did_while_their_states_were_lost_is_not_made_up(kind, seed, learned):
    """The chains of that time are neither taken at their word nor held against later ones."""
    model = learned if kind == 'learned' else None
    rig = Rig(model, simulation=replace(UNLIKE, servo_velocity=1.0))
    generator = np.random.default_rng(seed)
    for k in range(4):
        rig.loop.set_goal(reachable(rig.loop.arm, 10 * seed + k))
        rig.rest(generator.uniform(0.1, 0.6))
        rig.reports = lambda angles: None
        rig.rest(generator.uniform(0.2, 2.0))
        rig.reports = lambda angles: angles
        error = rig.loop.feedback.correction.error.copy()
        rig.run(1)
        assert np.abs(rig.loop.feedback.correction.error - error)[:, :3].max() < 0.05
        rig.run_to(State.REACHED)
    assert rig.loop.feedback.rejected == 0, rig.loop.feedback.reason
    rig.assert_kept()


def test_chains_from_before_the_first_joint_states_are_of_no_use_and_no_fault():
    loop = ControlLoop(ExactModel(SHORT))
    chain = loop.model.linearize(SHORT.rest).chain
    for stamp in (10**7, 2 * 10**7):
        loop.receive(stamp, chain)
    loop.report(3 * 10**7, SHORT.rest)
    loop.iterate(0.03, 3 * 10**7)
    assert loop.feedback.rejected == 0 and loop.feedback.believed is None
    loop.report(4 * 10**7, SHORT.rest)
    loop.receive(4 * 10**7, chain)
    loop.iterate(0.04, 4 * 10**7)
    assert loop.feedback.believed is not None


def test_the_latest_pose_again_and_again_is_no_feedback():
    """Not even while its stamp is not old yet."""
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(10)
    stamp, chain = rig.stamp, rig.arm.true_chain()
    rig.connected = False
    for _ in range(round(1.1 * TIMEOUT / PERIOD)):
        rig.loop.receive(stamp, chain)
        rig.run(1)
    assert rig.state is State.NO_FEEDBACK


@pytest.mark.parametrize('loss', (0.5, 0.95))
def test_an_arm_that_loses_most_of_its_feedback_reaches_the_goal(loss):
    rig = Rig(simulation=replace(UNLIKE, feedback_loss=loss))
    goal = reachable()
    rig.loop.set_goal(goal)
    for _ in range(600):
        rig.run(1)
        assert rig.state is not State.NO_FEEDBACK
    assert rig.state is State.REACHED
    assert rig.errors(goal)[0] <= 1e-3
    rig.assert_kept()


def test_a_command_is_answered_by_joint_states_and_a_chain_that_were_measured_after_it():
    loop = ControlLoop(ExactModel(SHORT))
    chain = loop.model.linearize(SHORT.rest).chain
    loop.report(0, SHORT.rest)
    loop.receive(0, chain)
    loop.set_goal(reachable())
    for k in range(1, 10):
        stamp = 10**7 * k
        assert loop.iterate(0.01 * k, stamp).stamp == stamp
        assert not loop.answered
        for measured_at in (stamp - 1, stamp):
            loop.report(measured_at, loop.angles)
            loop.receive(measured_at, chain)
            assert loop.answered is (measured_at == stamp)


def test_with_feedback_switched_off_its_absence_changes_nothing():
    rig = Rig(settings=ControlSettings(use_feedback=False))
    rig.connected = False
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.rest(1.0)
    assert rig.rest(1.0) == []
    assert rig.state is State.REACHED
    rig.assert_kept()


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
    rig.assert_kept()


@pytest.mark.parametrize('chain', (np.zeros((9, 9)), np.zeros((10, 7)), np.zeros(90),
                                   np.full((10, 9), math.inf), np.full((10, 9), NAN)))
def test_unusable_feedback_is_refused_and_changes_nothing(chain):
    one, other = Rig(), Rig()
    for rig in (one, other):
        rig.loop.set_goal(reachable())
        rig.run(5)
    with pytest.raises(FeedbackError, match='the pose chain'):
        one.loop.receive(one.stamp, chain)
    for first, second in zip(one.run(20), other.run(20)):
        np.testing.assert_array_equal(first.positions, second.positions)
    assert one.loop.errors() == other.loop.errors()


def test_feedback_with_one_infinity_is_refused():
    rig = Rig()
    chain = np.zeros((10, 9))
    chain[3, 3] = -math.inf
    with pytest.raises(FeedbackError, match='not finite'):
        rig.loop.receive(0, chain)


def test_feedback_that_was_overtaken_is_rejected():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(20)
    late = rig.stamp - 1, rig.arm.true_chain()
    rig.run(1)
    error = rig.loop.feedback.correction.error
    rig.loop.receive(*late)
    rig.connected = False
    rig.run(1)
    assert rig.loop.feedback.rejected == 1
    assert rig.loop.feedback.reason == 'the pose chain is older than the one before it'
    assert rig.loop.feedback.correction.error is error


def test_partial_feedback_is_completed_by_the_prediction():
    """Here of a tracker that sees every other joint."""
    rig = Rig(settings=LETTER, simulation=UNLIKE)
    rig.loop.set_goal(reachable())
    rig.run(20)
    before = rig.loop.feedback.correction.error.copy()
    rig.arm.stop()

    def seen(chain):
        chain[::2] = NAN
        return chain
    rig.tracker.falsify = seen
    rig.run(1)
    true, predicted = rig.arm.true_chain(), forward_kinematics(SHORT, rig.arm.angles)
    after, estimate = rig.loop.feedback.correction.error, rig.loop.estimated_chain
    np.testing.assert_allclose(estimate[1::2], true[1::2], atol=1e-9)
    np.testing.assert_allclose(estimate[::2], (predicted - before)[::2], atol=1e-9)
    np.testing.assert_allclose(after[1::2], (predicted - true)[1::2], atol=1e-9)
    np.testing.assert_array_equal(after[::2], before[::2])
    assert np.abs(before).max() > 1e-3


@pytest.mark.parametrize('seen', (slice(0, 3), slice(0, 9)), ids=('position', 'pose'))
def test_a_tracker_of_the_tool_alone_is_enough_for_a_goal_of_it(seen):
    rig, goal = Rig(simulation=UNLIKE), reachable()

    def tool(chain):
        tool_alone = np.full_like(chain, NAN)
        tool_alone[-1, seen] = chain[-1, seen]
        return tool_alone
    rig.tracker.falsify = tool
    assert rig.pursue(goal, 3.0).end <= 1e-3
    assert rig.state is State.REACHED
    assert rig.loop.feedback.rejected == 0
    rig.assert_kept()


def test_a_goal_is_not_reached_as_long_as_the_axis_that_it_asks_for_is_off_as_far_as_is_known():
    """The tool's position is measured, and is as asked for; its axis is predicted."""
    loop = ControlLoop(ExactModel(SHORT))
    loop.set_goal(Goal.tool(position=(0.0, 0.0, 1.0), up=(0.0, 0.0, 1.0), joints=10))
    chain = np.full((10, 9), NAN)
    chain[-1, :3] = 0.0, 0.0, 1.0
    loop.receive(0, chain)
    loop.report(0, np.zeros((10, 2)))
    assert loop.iterate(0.0, 1_000_000) is not None
    assert loop.errors()[1] == pytest.approx(math.pi / 2)
    assert loop.state(0.0) is State.TRACKING


def test_nothing_is_commanded_before_the_first_chain_where_feedback_is_used():
    rig = Rig()
    rig.loop = ControlLoop(ExactModel(SHORT))
    rig.loop.set_goal(reachable())
    rig.connected = False
    assert rig.rest(3.0) == []
    assert rig.state is State.WAITING_FOR_CHAIN
    rig.connected = True
    rig.run_to(State.REACHED)
    rig.assert_kept()
