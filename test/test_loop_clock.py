# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of stamps and clocks: everything moves by the clock of the stamps, however that runs."""

import math

import numpy as np
import pytest
from rig import PERIOD, reachable, Rig, SHORT

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.model.exact import ExactModel

MILLISECOND = 10 ** 6  # [ns]
OFF = SimulationSettings(joint_offset=math.radians(2.0))


def test_commands_carry_the_stamps_of_their_ticks_and_none_where_these_do_not_increase():
    loop = ControlLoop(ExactModel(SHORT))
    chain = loop.model.linearize(SHORT.rest).chain
    loop.report(0, SHORT.rest)
    loop.receive(0, chain)
    loop.set_goal(reachable())
    wanted = [k * MILLISECOND for k in (5, 10, 20, 20, 5, -7, 30, 31, 31)]
    got = [loop.iterate(k * PERIOD, stamp) for k, stamp in enumerate(wanted)]
    assert [command and command.stamp // MILLISECOND for command in got] == \
        [5, 10, 20, None, None, None, 30, 31, None]


@pytest.mark.parametrize('rate', (0.1, 0.5, 3.0))
def test_the_limits_hold_by_a_slow_or_fast_clock_and_the_goal_is_reached(rate):
    rig, goal = Rig(simulation=OFF), reachable()
    rig.clock_rate = rate
    began = rig.time
    rig.loop.set_goal(goal)
    rig.run_to(State.REACHED)
    took = rig.time - began
    assert 0.3 < took < 2.0
    rig.assert_kept()
    assert rig.guard.worst['speed'] > 0.9 and rig.guard.worst['acceleration'] > 0.9


def test_while_the_clock_is_paused_nothing_is_commanded_and_then_the_arm_goes_on():
    rig, goal = Rig(simulation=OFF), reachable()
    rig.loop.set_goal(goal)
    rig.rest(0.3)
    assert rig.state is State.TRACKING
    rig.clock_rate = 0.0
    assert rig.rest(3.0) == []
    rig.clock_rate = 1.0
    assert rig.pursue(goal, 2.0).end < 1e-3
    rig.assert_kept()


@pytest.mark.parametrize('jump', (0.05, 0.5, 5.0, 1e4, -0.05, -0.5, -1.5, -50.0))
@pytest.mark.parametrize('reached', (False, True))
def test_a_clock_that_jumps_in_motion_or_at_rest_is_followed(jump, reached):
    """By less than a second back it is waited for."""
    rig, goal = Rig(simulation=OFF), reachable()
    rig.loop.set_goal(goal)
    rig.rest(1.2 if reached else 0.3)
    assert rig.state is (State.REACHED if reached else State.TRACKING)
    rig.time += jump
    assert rig.pursue(reachable(seed=1), 2.0).end < 1e-3
    rig.assert_kept()


def test_a_clock_that_jumps_again_and_again_is_followed():
    generator = np.random.default_rng(0)
    rig, goal = Rig(simulation=OFF), reachable()
    rig.loop.set_goal(goal)
    for _ in range(30):
        rig.run(int(generator.integers(1, 40)))
        rig.time += generator.choice((-1.0, 1.0)) * 10.0 ** generator.uniform(-3.0, 2.0)
    assert rig.pursue(goal, 3.0).end < 1e-3
    rig.assert_kept()


def test_one_stamp_far_ahead_does_not_block_the_feedback_after_it():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(5)
    rig.loop.receive(2 ** 62, rig.arm.true_chain())
    rig.run_to(State.REACHED)
    assert rig.loop.feedback.rejected == 1
    assert "does the tracker's clock show another time" in rig.loop.feedback.reason
