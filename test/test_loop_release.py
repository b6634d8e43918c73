# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of an arm that was interrupted and goes on only when somebody says so."""

import numpy as np
import pytest
from rig import reachable, Rig

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings, State

ASKING = ControlSettings(resume=False)


def on_its_way(**how):
    """Return a rig whose arm moves to a goal."""
    rig = Rig(**how)
    rig.loop.set_goal(reachable())
    rig.run(20)
    return rig


def lost_chain(rig):
    rig.connected = False
    rig.run_to(State.WAITING_FOR_RELEASE)
    rig.connected = True
    return 'pose chain'


def lost_joint_states(rig):
    reports, rig.reports = rig.reports, lambda angles: None
    rig.run_to(State.WAITING_FOR_RELEASE)
    rig.reports = reports
    return 'joint states'


def stopped(rig):
    rig.arm.stop()
    rig.run_to(State.WAITING_FOR_RELEASE)
    rig.arm.stop(False)
    return 'stopped'


def pushed(rig):
    rig.arm.push(np.full((10, 2), 0.5))
    rig.run_to(State.WAITING_FOR_RELEASE)
    return 'pushed'


INTERRUPTIONS = lost_chain, lost_joint_states, stopped, pushed


@pytest.mark.parametrize('interrupt', INTERRUPTIONS)
def test_an_arm_that_was_interrupted_does_not_move_until_it_is_released(interrupt):
    """Then it comes to its goal. The guard watches every command."""
    rig = on_its_way(settings=ASKING, simulation=SimulationSettings(servo_lag=0.05))
    why = interrupt(rig)
    assert why in rig.loop.interruption
    rig.rest(0.5)
    stands = rig.arm.angles
    assert rig.rest(2.0) == [] and rig.state is State.WAITING_FOR_RELEASE
    rig.loop.set_goal(reachable(seed=1))
    assert rig.rest(0.5) == []
    np.testing.assert_allclose(rig.arm.angles, stands, atol=1e-4)  # servos lag
    rig.loop.hold(False)
    assert not rig.loop.interruption
    assert rig.pursue(reachable(seed=1), 3.0).end <= 2e-3
    rig.assert_kept()


def test_who_releases_an_arm_that_still_does_not_answer_lets_nothing_move():
    rig = on_its_way(settings=ASKING)
    lost_chain(rig)
    rig.connected = False
    rig.rest(1.0)
    rig.loop.hold(False)
    assert rig.rest(0.5) == [] and rig.state is State.WAITING_FOR_RELEASE
    rig.assert_kept()


def test_a_released_arm_that_is_stopped_again_waits_again():
    rig = on_its_way(settings=ASKING)
    stopped(rig)
    rig.arm.stop()
    rig.loop.hold(False)
    assert rig.state is State.TRACKING
    rig.run_to(State.WAITING_FOR_RELEASE)
    rig.assert_kept()


def test_a_hold_and_its_end_release_the_arm_and_a_dropped_goal_does_not():
    rig = on_its_way(settings=ASKING)
    lost_chain(rig)
    rig.loop.set_goal(Goal.free(10))
    assert rig.state is State.WAITING_FOR_RELEASE
    rig.loop.hold(True)
    assert rig.state is State.HOLDING
    rig.loop.hold(False)
    assert rig.state is State.IDLE


def test_a_reset_releases_the_arm_to_its_rest_pose():
    rig = on_its_way(settings=ASKING)
    lost_chain(rig)
    rig.rest(0.1)
    rig.loop.reset()
    assert rig.state is State.RETURNING
    rig.run_to(State.IDLE)
    rig.assert_kept()


@pytest.mark.parametrize('interrupt', (lost_chain, stopped))
def test_by_default_an_arm_goes_on_by_itself(interrupt):
    rig = on_its_way()
    with pytest.raises(AssertionError):
        interrupt(rig)
    rig.connected = True
    rig.arm.stop(False)
    rig.run_to(State.REACHED)
