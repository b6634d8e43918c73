# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of a tracker that is wrong: nothing impossible is believed."""

import math
import re

import numpy as np
import pytest
from rig import NAN, PERIOD, Rig
from test_loop_latency import FAR

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State

OFF = SimulationSettings(joint_offset=math.radians(2.0))
TIMEOUT = ControlSettings.feedback_timeout  # [s]
Y_UP = np.array(((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)))


def shifted(chain):
    chain[:, 0] += 1.0
    return chain


def swapped(chain, one=3, other=4):
    chain[[one, other]] = chain[[other, one]]
    return chain


def scaled(factor):
    def scale(chain):
        chain[:, :3] *= factor
        return chain
    return scale


def turned(chain):
    return np.concatenate([chain[:, k:k + 3] @ Y_UP.T for k in (0, 3, 6)], axis=1)


def one_marker_off(chain):
    chain[6, :3] += 0.1, 0.0, 0.0
    return chain


FALSE = {  # what becomes of a chain, and what the reason names
    'shifted by 1 m': (shifted, r'm'),
    'neighbours swapped': (swapped, r'joints? \d+'),
    'elements far apart swapped': (lambda chain: swapped(chain, 1, 8), r'joints? \d+'),
    'millimetres': (scaled(1e3), r'expected 0\.1 m: millimetres\?'),
    'centimetres': (scaled(1e2), r'expected 0\.1 m: centimetres\?'),
    'inches': (scaled(1e3 / 25.4), r'expected 0\.1 m: inches\?'),
    'y up': (turned, r'joint 1 is turned by'),
    'axes in another order': (lambda chain: chain[:, [0, 1, 2, 6, 7, 8, 3, 4, 5]], r'axes|turned'),
    'axes that are none': (lambda chain: np.hstack((chain[:, :3], 2.0 * chain[:, 3:])),
                           r'the axes of joint 1'),
    'joints from tip to base': (lambda chain: chain[::-1].copy(), r'joints? \d+'),
    'one marker off': (one_marker_off, r'joints 6 and 7|joint 7'),
    'mirrored': (lambda chain: chain * ((-1.0, 1.0, 1.0) * 3), r'joint \d+'),
}
false = pytest.mark.parametrize(('falsify', 'reason'), FALSE.values(), ids=FALSE)


@false
def test_one_false_chain_is_dropped_and_moves_nothing(falsify, reason):
    rig = Rig(simulation=OFF)
    rig.pursue(FAR, 1.5)
    rig.tracker.falsify = falsify
    rig.run(1)
    rig.tracker.falsify = lambda chain: chain
    assert rig.loop.feedback.rejected == 1
    assert re.search(reason, rig.loop.feedback.reason)
    for _ in range(50):
        rig.run(1)
        assert rig.errors(FAR)[0] <= 1e-3 and rig.state is State.REACHED


@false
def test_a_stream_of_false_chains_holds_the_arm_and_says_why(falsify, reason):
    """It goes on as long as feedback may be silent, brakes, and goes on when it is right."""
    rig = Rig(simulation=OFF, settings=ControlSettings(speed_limit=0.5))
    rig.loop.set_goal(FAR)
    rig.rest(0.3)
    rig.tracker.falsify = falsify
    rig.rest(0.9 * TIMEOUT)
    assert rig.state is State.TRACKING
    rig.rest(0.5)
    assert rig.state is State.NO_FEEDBACK
    assert rig.rest(0.5) == []
    assert re.search(reason, rig.loop.feedback_trouble(rig.now))
    rig.tracker.falsify = lambda chain: chain
    rig.run_to(State.REACHED)
    rig.rest(0.3)
    assert rig.errors(FAR)[0] <= 1e-3
    rig.assert_kept()


@pytest.mark.parametrize('name', [name for name in FALSE if name != 'one marker off'])
def test_an_arm_whose_tracker_is_false_from_the_start_never_moves(name):
    falsify, reason = FALSE[name]
    rig = Rig(start=np.random.default_rng(0).uniform(-0.3, 0.3, (10, 2)))
    rig.loop = type(rig.loop)(rig.loop.model)
    rig.tracker.falsify = falsify
    rig.loop.set_goal(FAR)
    assert rig.rest(1.0) == []
    assert rig.state is State.WAITING_FOR_CHAIN
    assert re.search(reason, rig.loop.feedback_trouble(rig.now))


def tool_alone(falsify):
    def tool(chain):
        told = np.full_like(chain, NAN)
        told[-1, :3] = falsify(chain)[-1, :3]
        return told
    return tool


@pytest.mark.parametrize('name', ('shifted by 1 m', 'millimetres', 'centimetres', 'y up'))
def test_of_a_tool_that_is_tracked_alone_what_is_out_of_reach_or_jumps_is_not_believed(name):
    rig = Rig(simulation=OFF)
    rig.tracker.falsify = tool_alone(lambda chain: chain)
    assert rig.pursue(FAR, 2.0).end <= 1e-3
    rig.tracker.falsify = tool_alone(FALSE[name][0])
    rig.run(1)
    assert rig.loop.feedback.rejected == 1
    rig.tracker.falsify = tool_alone(lambda chain: chain)
    rig.rest(0.5)
    assert rig.errors(FAR)[0] <= 1e-3
    rig.tracker.falsify = tool_alone(FALSE[name][0])
    rig.rest(1.0)
    assert rig.state is State.NO_FEEDBACK
    assert rig.errors(FAR)[0] <= 1e-3


@pytest.mark.parametrize('tracked', (lambda chain: chain, tool_alone(lambda chain: chain)),
                         ids=('all joints', 'the tool alone'))
@pytest.mark.parametrize('step', (0.02, 0.1, 0.5))
def test_a_tracker_that_repeats_its_last_pose_while_the_arm_moves_is_noticed(step, tracked):
    """The arm is held not much later; it goes on when the tracker does."""
    rig = Rig(simulation=OFF)
    rig.tracker.falsify = tracked
    assert rig.pursue(FAR, 2.0).end <= 1e-3
    frozen = tracked(rig.arm.true_chain())
    rig.tracker.falsify = lambda chain: frozen
    position = FAR.target[-1, :3]
    goal = Goal.tool(position=position * (1.0 - step / np.linalg.norm(position)), joints=10)
    worst = []
    rig.pursue(goal, 2.0, lambda elapsed: worst.append(rig.errors(goal)[0]))
    assert rig.state is State.NO_FEEDBACK
    assert re.search('did the tracker stop|joint states are false',
                     rig.loop.feedback_trouble(rig.now))
    assert max(worst) <= step + 0.06
    rig.tracker.falsify = tracked
    assert rig.pursue(goal, 2.0).end <= 1e-3
    rig.assert_kept()


def test_a_tracker_that_freezes_in_motion_is_noticed():
    rig = Rig(simulation=OFF, settings=ControlSettings(speed_limit=0.3))
    rig.loop.set_goal(FAR)
    rig.rest(0.5)
    frozen = rig.arm.true_chain()
    rig.tracker.falsify = lambda chain: frozen
    rig.run_to(State.NO_FEEDBACK, ticks=round(1.5 / PERIOD))
    rig.tracker.falsify = lambda chain: chain
    assert rig.pursue(FAR, 4.0).end <= 1e-3
    rig.assert_kept()


def test_a_tracker_that_repeats_its_last_pose_while_the_arm_is_at_rest_is_right():
    rig = Rig(simulation=OFF)
    assert rig.pursue(FAR, 2.0).end <= 1e-3
    frozen = rig.arm.true_chain()
    rig.tracker.falsify = lambda chain: frozen
    assert rig.rest(3.0) == []
    assert rig.state is State.REACHED and rig.loop.feedback.rejected == 0


def test_a_tracker_that_was_moved_is_believed_after_a_hold():
    """It stands elsewhere by 5 cm: that is no arm's doing, and the user says so."""
    rig = Rig()
    assert rig.pursue(FAR, 2.0).end <= 1e-3

    def moved(chain):
        chain[:, :3] += 0.05, 0.0, 0.0
        return chain
    rig.tracker.falsify = moved
    rig.rest(2.0)
    assert rig.state is State.NO_FEEDBACK
    rig.loop.hold(True)
    rig.rest(0.1)
    rig.loop.hold(False)
    rig.run_to(State.REACHED)
    rig.rest(1.0)
    told = moved(rig.arm.true_chain())
    assert FAR.position_error(told) <= 1e-3
    rig.assert_kept()


@pytest.mark.parametrize('simulation', (
    SimulationSettings(length_error=0.1, joint_offset=math.radians(5.0)),
    SimulationSettings(length_error=-0.1, joint_offset=math.radians(5.0), seed=1),
    SimulationSettings(length_error=0.1, joint_offset=math.radians(5.0), position_noise=1e-3,
                       axis_noise=math.radians(0.5), feedback_latency=0.05,
                       feedback_stamps='arrival', seed=2)))
def test_an_arm_that_is_a_tenth_longer_and_five_degrees_off_is_believed(simulation):
    rig = Rig(simulation=simulation)
    for seed in range(3):
        bent = np.random.default_rng(seed).uniform(-0.4, 0.4, (10, 2))
        goal = Goal.tool(position=rig.arm.true_chain(bent)[-1, :3], joints=10)
        assert rig.pursue(goal, 2.0).end <= 2e-3
    assert rig.loop.feedback.rejected == 0
    rig.assert_kept()
