# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of one iteration: equations 3 and 4, and the model behind them."""

import numpy as np
import pytest
from rig import assert_bounded, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.control.optimiser import make_optimiser
from snake_arm_control.errors import ArmError
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.model.exact import ExactModel


@pytest.mark.parametrize('joints', (1, 40))
def test_an_iteration_without_feedback_is_equation_3(joints):
    arm = Arm(joints=joints)
    settings = ControlSettings(method='momentum', use_feedback=False)
    model, goal = ExactModel(arm), reachable(arm)
    loop = ControlLoop(model, settings)
    loop.start(np.full((joints, 2), 0.1))
    assert loop.iterate(0.0, 0) is None  # from here on the period is known
    loop.set_goal(goal)
    angles, descent = loop.angles, make_optimiser(arm, settings)
    for k in range(1, 6):
        linearization = model.linearize(angles)
        angles = descent.step(goal, angles, linearization, linearization.chain,
                              min(settings.max_step, 0.1 * arm.velocity_limit))
        command = loop.iterate(10.0 * k, k)
        np.testing.assert_array_equal(command.positions, angles)
    assert (angles != 0.1).any()
    assert loop.iterations == 5


def test_an_iteration_with_feedback_is_equation_4():
    """The estimate is y - (y_k - u_k), and that of the same angles is u."""
    model, goal = ExactModel(SHORT), reachable()
    truth = SimulatedArm(SHORT, UNLIKE)
    settings = ControlSettings(method='momentum', momentum=0.0)
    loop = ControlLoop(model, settings)
    loop.start(np.zeros((10, 2)))
    loop.set_goal(goal)
    first, second = loop.iterate(1.0, 10), loop.iterate(1.1, 20)
    u_1, u_2 = truth.true_chain(first.positions), truth.true_chain(second.positions)
    y_1 = forward_kinematics(SHORT, first.positions)
    now = model.linearize(second.positions)
    loop.receive(10, u_1)
    late = loop.correction.estimate(now.chain)
    np.testing.assert_array_equal(late, now.chain - (y_1 - u_1))
    loop.receive(20, u_2)
    np.testing.assert_allclose(loop.correction.estimate(now.chain), u_2, atol=1e-15)
    expected = make_optimiser(SHORT, settings).step(
        goal, second.positions, now, u_2, 0.1 * SHORT.velocity_limit)
    assert np.abs(late - u_2).max() > 1e-5
    np.testing.assert_allclose(loop.iterate(1.2, 30).positions, expected, atol=1e-12)


def test_another_model_takes_over_in_motion(learned):
    """Its errors are others, so what was learned of the old model's is forgotten."""
    rig = Rig(ExactModel(learned.arm), simulation=UNLIKE, delay=2)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    rig.loop.set_goal(goal)
    rig.run(30)
    assert rig.loop.correction.error.any()
    rig.loop.use_model(learned)
    assert not rig.loop.correction.error.any()
    assert rig.loop.model is learned
    rig.run_to(State.REACHED)
    assert goal.position_error(rig.arm.true_chain()) <= 2e-3
    assert_bounded(rig.commands, rig.loop.settings, learned.arm, start=np.zeros((40, 2)))


@pytest.mark.parametrize('other', (Arm(joints=9, segment_length=0.1),
                                   Arm(joints=10, segment_length=0.1, angle_limit=0.01)))
def test_a_model_of_another_arm_is_refused_and_the_model_before_stays(other):
    rig = Rig()
    model = rig.loop.model
    with pytest.raises(ArmError, match='the model is of .*, expected'):
        rig.loop.use_model(ExactModel(other))
    assert rig.loop.model is model
