# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of one iteration: equations 3 and 4, and the model behind them."""

from dataclasses import replace

import numpy as np
import pytest
from rig import LETTER, reachable, Rig, SHORT, UNLIKE

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import terms_of
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.control.optimiser import make_optimiser
from snake_arm_control.errors import ArmError
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.model.exact import ExactModel

TICK = 5_000_000  # [ns]
METHODS = ('levenberg_marquardt', 'momentum')


def first_step(loop):
    """Return what the first two commands of a loop differ by: from rest, that is one step."""
    first, second = (loop.iterate(1e-9 * stamp, stamp) for stamp in (TICK, 2 * TICK))
    return second.positions - first.positions


def expected_step(loop, goal, here, linearization, estimate):
    """Return an optimiser's step of the second tick; that of the first was not gone."""
    optimiser, most = make_optimiser(loop.arm, loop.settings), loop.settings.max_step
    for _ in range(2):
        optimiser.follow()
        fixed = replace(loop.settings, centering=0.0)  # that is for goals that move
        wanted = demands(terms_of(goal, loop.arm, fixed), estimate, here)
        step = optimiser.step(wanted, here, linearization, most) - here
    return step


def assert_same_direction(step, expected):
    """Assert that a step that is not zero goes where another goes."""
    size, whole = np.linalg.norm(step), np.linalg.norm(expected)
    assert size > 1e-6 and whole > 1e-6
    np.testing.assert_allclose(step / size, expected / whole, rtol=0, atol=1e-8)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('joints', (1, 40))
def test_from_rest_an_iteration_without_feedback_is_equation_3(joints, method):
    """Motion shortens a step and keeps its direction."""
    arm = Arm.uniform(joints=joints)
    settings = ControlSettings(method=method, use_feedback=False)
    model, goal = ExactModel(arm), reachable(arm)
    loop, here = ControlLoop(model, settings), np.full((joints, 2), 0.1)
    loop.start(here)
    loop.set_goal(goal)
    now = model.linearize(here)
    step = first_step(loop)
    assert_same_direction(step, expected_step(loop, goal, here, now, now.chain))
    assert np.abs(step).max() <= 20.0 * 0.005 ** 2 + 1e-12
    assert loop.iterations == 2


@pytest.mark.parametrize('method', METHODS)
def test_from_rest_an_iteration_with_feedback_is_equation_4(method):
    """The estimate at the measured angles is u, and there y - (y_k - u_k) elsewhere."""
    model, goal = ExactModel(SHORT), reachable()
    truth, here = SimulatedArm(SHORT, UNLIKE), np.full((10, 2), 0.02)
    settings = ControlSettings(method=method, correction_gain=1.0, feedback_latency=0.0)
    loop = ControlLoop(model, settings)
    true = truth.true_chain(here)
    loop.report(0, here)
    loop.receive(0, true)
    loop.set_goal(goal)
    step, now = first_step(loop), model.linearize(here)
    np.testing.assert_allclose(loop.estimated_chain, true, rtol=0, atol=1e-12)
    assert_same_direction(step, expected_step(loop, goal, here, now, true))
    loop.report(2 * TICK, loop.angles)
    elsewhere = forward_kinematics(SHORT, loop.angles)
    np.testing.assert_allclose(loop.estimated_chain, elsewhere - (now.chain - true), rtol=0,
                               atol=1e-12)


@pytest.mark.parametrize('method', METHODS)
def test_a_step_goes_the_same_way_whatever_limits_shorten_it(method):
    """One factor for all joints: those that were limited one by one would leave the path."""
    steps = []
    for velocity, acceleration, speed in ((2.0, 20.0, 1.0), (0.01, 20.0, 1.0), (2.0, 1.0, 1.0),
                                          (2.0, 20.0, 0.001)):
        arm = Arm.uniform(10, 0.1, velocity_limit=velocity, acceleration_limit=acceleration)
        loop = ControlLoop(ExactModel(arm), ControlSettings(
            method=method, use_feedback=False, speed_limit=speed))
        loop.start(np.full((10, 2), 0.02))
        loop.set_goal(reachable())
        steps.append(first_step(loop))
    for step in steps[1:]:
        assert_same_direction(step, steps[0])
        assert np.abs(step).max() < 0.9 * np.abs(steps[0]).max()


def test_another_model_takes_over_in_motion(learned):
    """Its errors are others, so what was learned of the old model's is forgotten."""
    rig = Rig(ExactModel(learned.arm), LETTER, simulation=UNLIKE)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    rig.loop.set_goal(goal)
    rig.run(30)
    assert np.abs(rig.loop.feedback.correction.error).max() > 1e-3
    rig.loop.use_model(learned)
    assert not rig.loop.feedback.correction.error.any()
    assert rig.loop.model is learned
    rig.run_to(State.REACHED)
    rig.rest(1.0)
    assert rig.errors(goal)[0] <= 1e-3
    rig.assert_kept()


@pytest.mark.parametrize('other', (Arm.uniform(joints=9, segment_length=0.1),
                                   Arm.uniform(joints=10, segment_length=0.1, angle_limit=0.01)))
def test_a_model_of_another_arm_is_refused_and_the_model_before_stays(other):
    rig = Rig()
    model = rig.loop.model
    with pytest.raises(ArmError, match='the model is of .*, expected'):
        rig.loop.use_model(ExactModel(other))
    assert rig.loop.model is model
