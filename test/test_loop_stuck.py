# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of an arm that makes no progress."""

import numpy as np
import pytest
from rig import reachable, Rig, SHORT

from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State


def trapping(arm):
    """Return a goal for the whole chain, bent to and fro, to which joint limits bar the way."""
    generator = np.random.default_rng(0)
    signs = generator.choice((-1.0, 1.0), arm.rest.shape)
    angles = signs * arm.upper * generator.uniform(0.7, 1.0, signs.shape)
    return Goal.from_array(forward_kinematics(arm, angles))


def test_a_stuck_arm_finds_another_way_and_takes_it_within_the_contract():
    """It does not on its own: without restarts it stalls."""
    rig = Rig(settings=ControlSettings(restarts=0, stall_time=0.2))
    goal = trapping(SHORT)
    rig.loop.set_goal(goal)
    rig.run_to(State.STALLED)
    assert rig.errors(goal)[0] > 5e-3
    rig = Rig(settings=ControlSettings(restarts=5, stall_time=0.2))
    rig.loop.set_goal(goal)
    seen = set()
    for _ in range(5000):
        rig.run(1)
        seen.add(rig.state)
        if rig.state is State.REACHED:
            break
    assert seen >= {State.TRACKING, State.SEARCHING, State.DETOUR, State.REACHED}
    rig.assert_kept()


def test_an_unreachable_goal_ends_as_stalled_as_close_as_it_gets():
    rig = Rig(settings=ControlSettings(stall_time=0.2, restarts=2))
    goal = Goal.tool(position=(0.0, 0.0, 2.0 * SHORT.length), joints=10)
    rig.loop.set_goal(goal)
    rig.run_to(State.STALLED)
    rig.rest(0.2)
    assert rig.run(100) == [] and rig.state is State.STALLED
    position_error, _ = rig.loop.errors()
    assert position_error == pytest.approx(SHORT.length, rel=1e-3)
    rig.loop.set_goal(reachable())
    rig.run_to(State.REACHED)
    rig.assert_kept()
