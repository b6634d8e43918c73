# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of models that follow the true arm while it runs."""

from dataclasses import replace

from arms import random_angles
import numpy as np
import pytest

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.adaptation import AdaptedModel
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.errors import OutputError
from snake_arm_control.model.corrected import corrected
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

ARM = Arm.uniform(10, 0.1)
GIVE = 0.004  # [rad/(N m)]
COMPLIANCE = Compliance.uniform(ARM, GIVE)
LOADED = COMPLIANCE.with_payload(1.0)  # [N]
OFFSET = np.random.default_rng(8).uniform(-5e-3, 5e-3, (10, 2))
LENGTHS = 0.1 * (1.02 + np.random.default_rng(9).uniform(-0.02, 0.02, 10))  # [m]


def loaded_chain(angles):
    return forward_kinematics(ARM, LOADED.bent(angles, 20))


def offset_chain(angles):
    return forward_kinematics(ARM, angles + OFFSET)


def longer_chain(angles):
    return forward_kinematics(ARM, angles + OFFSET, LENGTHS)


def taught(model, chain_of, count=40, noise=1e-4, known=slice(None)):
    """Return a model that was shown so many chains of a true arm."""
    adapted = AdaptedModel(model)
    generator = np.random.default_rng(1)
    for angles in random_angles(ARM, (count,), 2, 0.8):
        chain = np.full((ARM.joints, 9), np.nan)
        chain[known] = (chain_of(angles) + noise * generator.normal(size=chain.shape))[known]
        adapted.observe(angles, chain, 0.01)
    return adapted


def tool_error(model, chain_of):
    """Return the mean error of a model's tool [m], at angles of their own."""
    angles = random_angles(ARM, (50,), 3, 0.8)
    off = [model.linearize(each).chain[-1, :3] - chain_of(each)[-1, :3] for each in angles]
    return np.linalg.norm(off, axis=-1).mean()


@pytest.mark.parametrize('known', (slice(None), slice(-1, None)), ids=('chain', 'tool'))
def test_a_payload_is_found_by_what_it_does_to_the_arm(known):
    model = ForwardModel.compensated(COMPLIANCE)
    adapted = taught(model, loaded_chain, known=known)
    assert adapted.payload == pytest.approx(1.0, rel=0.1)
    assert tool_error(adapted, loaded_chain) < 0.1 * tool_error(model, loaded_chain)


@pytest.mark.parametrize('kind', ('exact', 'compensated'))
def test_offsets_of_the_joints_are_found(kind):
    model = (ForwardModel.exact(ARM) if kind == 'exact'
             else ForwardModel.compensated(Compliance.uniform(ARM, 0.0)))
    adapted = taught(model, offset_chain, 150)
    np.testing.assert_allclose(adapted.offset[:8], OFFSET[:8], atol=1.2e-3)
    assert tool_error(adapted, offset_chain) < 0.1 * tool_error(model, offset_chain)


@pytest.mark.parametrize('known', (slice(None), slice(-1, None)), ids=('chain', 'tool'))
@pytest.mark.parametrize('kind', ('exact', 'compensated'))
def test_lengths_of_the_links_are_found_beside_offsets(kind, known):
    model = (ForwardModel.exact(ARM) if kind == 'exact'
             else ForwardModel.compensated(Compliance.uniform(ARM, 0.0)))
    adapted = taught(model, longer_chain, 150, known=known)
    assert tool_error(adapted, longer_chain) < 0.1 * tool_error(model, longer_chain)
    if known == slice(None):
        np.testing.assert_allclose(1.0 + adapted.stretch, LENGTHS / 0.1, atol=5e-3)


def test_a_right_model_stays():
    model = ForwardModel.exact(ARM)
    adapted = taught(model, lambda angles: forward_kinematics(ARM, angles), noise=1e-3)
    assert np.abs(adapted.offset).max() < 1e-3
    assert np.abs(adapted.stretch).max() < 3e-3


def test_a_stationary_arm_teaches_nothing_new():
    adapted = AdaptedModel(ExactModel(ARM))
    chain = offset_chain(ARM.rest)
    assert adapted.observe(ARM.rest, chain, 0.01)
    offset = adapted.offset
    assert not adapted.observe(ARM.rest + 1e-3, chain, 0.01)
    np.testing.assert_array_equal(adapted.offset, offset)


@pytest.mark.parametrize('kind', ('network', 'exact', 'compensated'))
def test_what_was_learned_is_saved_and_serves(kind, tmp_path):
    arm = Arm.uniform(8)
    model = {'network': ForwardModel.load(arm=arm), 'exact': ForwardModel.exact(arm),
             'compensated': ForwardModel.compensated(Compliance.uniform(arm, 0.01))}[kind]
    adapted = AdaptedModel(model)
    for angles in random_angles(arm, (5,)):
        adapted.observe(angles, 1.01 * forward_kinematics(arm, angles + 3e-3), 0.01)
    saved = ForwardModel.load(adapted.save(tmp_path / 'adapted.safetensors'), arm)
    angles = random_angles(arm, (), 5)
    np.testing.assert_allclose(saved.predict(angles), adapted.linearize(angles).chain, atol=1e-5)
    assert np.abs(saved.predict(angles) - model.predict(angles)).max() > 1e-4
    again = corrected(saved, -adapted.offset, -adapted.payload, -adapted.stretch)
    np.testing.assert_allclose(again.predict(angles), model.predict(angles), atol=1e-5)
    with pytest.raises(OutputError):
        adapted.save(tmp_path / 'nowhere' / 'adapted.safetensors')


# In the loop


def run(loop, sim, goals, seconds=3.0, start=0.0):
    """Let a loop pursue goals one after the other, with a tracker."""
    now = start
    for goal in goals:
        loop.set_goal(goal)
        for _ in range(int(seconds / 0.01)):
            now += 0.01
            sim.advance(now)
            loop.report(round(1e9 * now), sim.angles)
            loop.receive(round(1e9 * now), sim.true_chain())
            command = loop.iterate(now, round(1e9 * now))
            if command is not None:
                sim.command(command.positions, now)
    return now


def goals_at(*positions):
    return [Goal.tool(position=position, joints=ARM.joints) for position in positions]


GOALS = goals_at((0.5, 0.2, 0.3), (-0.3, 0.5, 0.4), (0.2, -0.6, 0.2), (0.4, 0.4, -0.1))


def test_an_arm_that_takes_up_a_payload_becomes_accurate_again_without_the_tracker():
    settings = SimulationSettings(compliance=GIVE, servo_velocity=1.0)
    sim = SimulatedArm(ARM, settings)
    model = ForwardModel.compensated(COMPLIANCE)
    loop = ControlLoop(model, ControlSettings(adapt=30.0))
    now = run(loop, sim, GOALS[:1])
    sim.settings = replace(settings, payload=0.1)
    now = run(loop, sim, GOALS, start=now)
    loop.settings = ControlSettings(use_feedback=False)
    run(loop, sim, GOALS[1:2], start=now)
    assert GOALS[1].position_error(sim.true_chain()) < 2e-3
    assert GOALS[1].position_error(model.predict(sim.angles)) > 3e-3  # as it was before


def test_an_arm_that_is_longer_than_described_is_driven_without_its_tracker_in_the_end():
    sim = SimulatedArm(ARM, SimulationSettings(length_error=0.02, servo_velocity=1.0))
    loop = ControlLoop(ExactModel(ARM), ControlSettings(adapt=30.0))
    now = run(loop, sim, (*GOALS, *GOALS))
    loop.settings = ControlSettings(use_feedback=False)
    run(loop, sim, GOALS[1:2], start=now)
    assert GOALS[1].position_error(sim.true_chain()) < 2e-3
    assert GOALS[1].position_error(forward_kinematics(ARM, sim.angles)) > 8e-3


def test_the_estimate_of_the_true_arm_does_not_jump_as_the_model_learns():
    sim = SimulatedArm(ARM, SimulationSettings(joint_offset=5e-3))
    loop = ControlLoop(ExactModel(ARM), ControlSettings(adapt=30.0))
    loop.report(10 ** 7, ARM.rest)
    loop.receive(10 ** 7, sim.true_chain())
    loop.iterate(0.01, 10 ** 7)
    assert loop.adapted is not None and np.abs(loop.adapted.offset).max() > 1e-4
    np.testing.assert_allclose(loop.estimated_chain, sim.true_chain(), atol=1e-9)


def test_without_adapt_the_model_is_the_one_that_was_given():
    model = ExactModel(ARM)
    loop = ControlLoop(model)
    run(loop, SimulatedArm(ARM, SimulationSettings(joint_offset=5e-3)), GOALS[:1], 0.5)
    assert loop.model is model and loop.adapted is None
