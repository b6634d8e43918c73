# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of arms that give way, and of their model: statics, derivatives, and what stays."""

from dataclasses import replace

from arms import ARMS, random_angles
import numpy as np
import pytest
from safetensors.numpy import save

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import WeightsError
from snake_arm_control.model import forward_model, weights_file
from snake_arm_control.model.compensated import CompensatedModel
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

KINDS = {name: ARMS[name] for name in ('uniform of 2', 'uniform of 40', 'panda', 'random 0',
                                       'random 3', 'random 5')}
BATCHES = ((), (2, 3))


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def arm(request):
    return request.param


def assert_refused(model, change, message):
    """Assert that a file of a model is refused with other arrays, None for those to leave out."""
    _, arrays = weights_file.parse(model.to_bytes())
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    with pytest.raises(WeightsError, match=message):
        ForwardModel.from_bytes(save(arrays, dict(model.metadata)), model.arm)


def random_compliance(arm, size=0.02, seed=0):
    """Return a compliance at random, by which joints give way by about a size [rad]."""
    generator = np.random.default_rng(seed)
    drawn = Compliance(arm, generator.uniform(0.5, 1.5, arm.rest.shape) * arm.free,
                       generator.uniform(0.5, 1.5, arm.joints),
                       0.1 * arm.length / arm.joints * generator.normal(size=(arm.joints, 3)),
                       generator.normal(size=3))
    largest = np.abs(drawn.torques(random_angles(arm, (20,)))).max()
    return replace(drawn, give=size / largest * drawn.give)


def potential(compliance, angles):
    """Return the energy [J] of the weight at angles (*batch, joints, axes)."""
    chain = forward_kinematics(compliance.arm, angles)
    forward, up = chain[..., 3:6], chain[..., 6:9]
    mx, my, mz = compliance.moments.T[..., None]
    first = (compliance.weights[:, None] * chain[..., :3] + mx * np.cross(up, forward)
             + my * up + mz * forward)
    return -np.sum(first @ compliance.down, axis=-1)


def test_torques_are_the_slopes_of_the_potential(arm):
    compliance, angles = random_compliance(arm), random_angles(arm)
    torques, step = compliance.torques(angles), 1e-6
    assert np.abs(torques).max() > 1e-2
    for index in zip(*np.nonzero(arm.free)):
        there = np.repeat(angles[None], 2, axis=0)
        there[:, index[0], index[1]] += (step, -step)
        after, before = potential(compliance, there)
        np.testing.assert_allclose(torques[index], (before - after) / (2 * step), atol=1e-6)


def test_joints_come_to_rest_where_they_carry_their_load(arm):
    compliance, angles = random_compliance(arm), random_angles(arm)
    bent = compliance.bent(angles, sweeps=30)
    assert np.abs(bent - angles).max() > 1e-3
    np.testing.assert_allclose(bent, angles + compliance.give * compliance.torques(bent),
                               atol=1e-12)


def test_few_sweeps_are_enough_for_an_arm_that_sags_by_a_tenth_of_its_length():
    arm = Arm.uniform()
    angles = np.zeros((40, 2))
    angles[0, 1] = np.pi / 2
    compliance = Compliance.uniform(arm, 1e-3)
    at_rest = forward_kinematics(arm, compliance.bent(angles, sweeps=30))[-1, :3]
    sag = -at_rest[2]
    assert 0.05 < sag < 0.2
    np.testing.assert_allclose(forward_kinematics(arm, compliance.bent(angles))[-1, :3], at_rest,
                               atol=2e-3 * sag)


def test_without_compliance_the_model_is_its_core(arm):
    compliance, angles = random_compliance(arm, size=0.0), random_angles(arm, (3,))
    there, core = (model.linearize(angles) for model in (
        CompensatedModel(ExactModel(arm), compliance), ExactModel(arm)))
    slopes = np.random.default_rng(0).normal(size=core.chain.shape)
    np.testing.assert_array_equal(there.chain, core.chain)
    np.testing.assert_array_equal(there.gradient(slopes), core.gradient(slopes))
    joints, components = np.nonzero(np.ones((arm.joints, 9)))
    np.testing.assert_array_equal(there.jacobian_rows(joints, components),
                                  core.jacobian_rows(joints, components))


@pytest.mark.parametrize('batch', BATCHES)
def test_its_rows_are_finite_differences(arm, batch):
    """Of a joint beyond an element, too: what hangs there weighs on the joints before."""
    model = CompensatedModel(ExactModel(arm), random_compliance(arm))
    angles, step = random_angles(arm, batch), 1e-6
    joints, components = np.nonzero(np.ones((arm.joints, 9)))
    for first in (0, arm.joints // 2):
        rows = model.linearize(angles).jacobian_rows(joints, components, first)
        for j, k in zip(*np.nonzero(arm.free)):
            if j < first:
                continue
            there = np.zeros_like(angles)
            there[..., j, k] = step
            expected = (model.predict(angles + there) - model.predict(angles - there)) / (2 * step)
            np.testing.assert_allclose(rows[..., j - first, k],
                                       expected.reshape(*batch, -1), atol=2e-8)


@pytest.mark.parametrize('batch', BATCHES)
def test_its_gradient_is_the_rows_times_the_chains(arm, batch):
    model = CompensatedModel(ExactModel(arm), random_compliance(arm))
    there = model.linearize(random_angles(arm, batch))
    slopes = np.random.default_rng(1).normal(size=there.chain.shape)
    joints, components = np.nonzero(np.ones((arm.joints, 9)))
    rows = there.jacobian_rows(joints, components)
    expected = np.einsum('...r,...rjk->...jk', slopes.reshape(*batch, -1), rows)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(there.gradient(slopes), expected, atol=1e-10)


def test_an_arm_mounted_upside_down_hangs_straight():
    arm = Arm.uniform(5)
    hanging = Arm(arm.links, arm.tool, Placement((0.0, 0.0, 2.0), (np.pi, 0.0, 0.0)))
    down = Compliance.uniform(hanging, 1.0)
    np.testing.assert_allclose(down.bent(arm.rest), 0.0, atol=1e-12)
    np.testing.assert_allclose(down.down, (0.0, 0.0, 1.0), atol=1e-12)
    bent = np.full(arm.rest.shape, 0.2)
    assert np.linalg.norm(down.bent(bent)) < np.linalg.norm(bent)  # the weight straightens it


# Behind the door of all forward models


def test_it_goes_through_its_bytes(arm):
    model = ForwardModel.compensated(random_compliance(arm), {'samples': 3})
    again = ForwardModel.from_bytes(model.to_bytes(), arm)
    assert model.kind == again.kind == forward_model.COMPENSATED
    assert (again.fingerprint, again.training_record) == (model.fingerprint, {'samples': 3})
    angles = random_angles(arm, (2,))
    np.testing.assert_array_equal(again.predict(angles), model.predict(angles))
    assert np.abs(model.predict(angles) - forward_kinematics(arm, angles)).max() > 1e-4


@pytest.mark.parametrize('change, message', (
    ({'give': np.zeros((3, 2))}, r'give'), ({'weights': np.full(4, np.nan)}, 'not all finite'),
    ({'down': None}, 'expected give, weights, moments, down')))
def test_a_file_that_is_damaged_is_refused(change, message):
    assert_refused(ForwardModel.compensated(random_compliance(Arm.uniform(4))), change, message)


def test_a_goal_is_reached_where_the_arm_comes_to_rest():
    """Without feedback: the model knows how the true arm sags."""
    arm = Arm.uniform()
    compliance = Compliance.uniform(arm, 2e-3)
    model = ForwardModel.compensated(compliance)
    goal = Goal.tool(position=(0.5, 0.2, 0.4), joints=arm.joints)
    found = solve(goal, arm.rest, model)
    assert found.converged
    at_rest = forward_kinematics(arm, compliance.bent(found.angles, sweeps=30))
    assert goal.position_error(at_rest) < 1.5e-3
    assert goal.position_error(forward_kinematics(arm, found.angles)) > 1e-2
