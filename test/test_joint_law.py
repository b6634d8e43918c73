# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of what joints are learned to do beyond their compliance."""

from dataclasses import replace

from arms import ARMS, random_angles
import numpy as np
import pytest
from test_compensated import assert_refused, random_compliance
from test_compliance_calibration import calibrated, SNAKE

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_law import JointLaw
from snake_arm_control.arm.kernels import joint_law
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.model.compensated import CompensatedModel
from snake_arm_control.model.corrected import corrected
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.training import calibration_report, sagging_chain
from snake_arm_control.training.chain_calibration import calibrate_chain
from snake_arm_control.training.measured_chain import MeasuredChain
from snake_arm_control.training.sagging_chain import SaggingChain
from snake_arm_control.training.samples import Samples

KINDS = {name: ARMS[name] for name in ('uniform of 2', 'panda', 'random 0', 'random 3',
                                       'random 5')}
SIZE = 0.01  # [rad], of corrections


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def arm(request):
    return request.param


def with_law(arm, size=SIZE, seed=3):
    """Return a compliance with a law at random, by which joints turn by about a size [rad]."""
    compliance, generator = random_compliance(arm), np.random.default_rng(seed)
    law = JointLaw.unknown(arm, compliance.torques(random_angles(arm, (20,))))
    return replace(compliance, law=replace(
        law, widths=np.array([0.5]), gains=size * arm.free * generator.normal(
            size=(2, *law.gains.shape[1:]))))


def all_rows(linearization):
    joints, components = np.nonzero(np.ones(linearization.chain.shape[-2:]))
    return linearization.jacobian_rows(joints, components)


def test_a_law_that_knows_nothing_changes_no_bit(arm):
    compliance, angles = random_compliance(arm), random_angles(arm, (3,))
    unknown = replace(compliance, law=JointLaw.unknown(arm, compliance.torques(angles)))
    there, before = (CompensatedModel(ExactModel(arm), each).linearize(angles)
                     for each in (unknown, compliance))
    slopes = np.random.default_rng(0).normal(size=before.chain.shape)
    np.testing.assert_array_equal(there.chain, before.chain)
    np.testing.assert_array_equal(there.gradient(slopes), before.gradient(slopes))
    np.testing.assert_array_equal(all_rows(there), all_rows(before))


def test_joints_come_to_rest_where_compliance_and_law_have_them(arm):
    compliance, angles = with_law(arm), random_angles(arm)
    bent = compliance.bent(angles, sweeps=60)
    torques, law = compliance.torques(bent), compliance.law
    learned = np.sum(law.gains * law.basis(torques, bent), axis=(0, 1))
    assert np.abs(learned).max() > 0.3 * SIZE
    np.testing.assert_allclose(bent, angles + compliance.give * torques + learned, atol=1e-9)


@pytest.mark.parametrize('batch', ((), (2, 3)))
def test_rows_are_finite_differences_and_gradients_their_sums(arm, batch):
    model, angles, step = CompensatedModel(ExactModel(arm), with_law(arm)), \
        random_angles(arm, batch), 1e-6
    there = model.linearize(angles)
    rows = all_rows(there)
    for j, k in zip(*np.nonzero(arm.free)):
        ahead = np.zeros_like(angles)
        ahead[..., j, k] = step
        expected = (model.predict(angles + ahead) - model.predict(angles - ahead)) / (2 * step)
        np.testing.assert_allclose(rows[..., j, k], expected.reshape(*batch, -1), atol=2e-8)
    slopes = np.random.default_rng(1).normal(size=there.chain.shape)
    np.testing.assert_allclose(
        there.gradient(slopes),
        np.einsum('...r,...rjk->...jk', slopes.reshape(*batch, -1), rows), atol=1e-10)


def test_the_compiled_law_equals_torch(arm):
    torch = pytest.importorskip('torch')
    compliance, angles = with_law(arm), random_angles(arm)
    law, torques = compliance.law, compliance.torques(angles)
    found = np.empty((3, *angles.shape))
    joint_law.correct(law.numbers, torques, angles, *found)
    t, s = (torch.tensor(each, requires_grad=True) for each in (torques, angles))
    part = t / torch.tensor(np.where(arm.free, law.loads, np.inf))
    curves = torch.stack((part, torch.tanh(part / law.widths[0])))
    at = (s - torch.tensor(law.middles)) / torch.tensor(law.ranges)
    centres = torch.linspace(-1.0, 1.0, law.gains.shape[1], dtype=t.dtype)[:, None, None]
    blends = torch.softmax(-0.5 * ((at - centres) / (centres[1] - centres[0])) ** 2, dim=0)
    expected = torch.einsum('uvjk,ujk,vjk->jk', torch.tensor(law.gains), curves, blends)
    expected.sum().backward()
    for own, other in zip(found, (expected.detach(), t.grad, s.grad)):
        assert np.abs(own).max() > 0.0
        np.testing.assert_allclose(own, other.numpy() * arm.free, atol=1e-12)


def test_what_a_payload_adds_is_a_finite_difference(arm):
    model, angles, step = CompensatedModel(ExactModel(arm), with_law(arm, 1e-3)), \
        random_angles(arm), 1e-6
    there = model.linearize(angles)
    assert model.with_payload(1.0).compliance.law is model.compliance.law
    change = (model.with_payload(step).predict(angles)
              - model.with_payload(-step).predict(angles)) / (2 * step)
    expected = (all_rows(there) * there.sag_by_payload).sum(axis=(-1, -2))
    scale = np.abs(change).max()
    np.testing.assert_allclose(expected.reshape(change.shape), change, atol=0.05 * scale)


def test_it_goes_through_its_bytes_and_is_kept_by_what_is_adapted(arm):
    model, angles = ForwardModel.compensated(with_law(arm)), random_angles(arm, (2,))
    again = ForwardModel.from_bytes(model.to_bytes(), arm)
    np.testing.assert_array_equal(again.predict(angles), model.predict(angles))
    adapted = corrected(model, np.zeros(arm.rest.shape), 1e-9)
    np.testing.assert_allclose(adapted.predict(angles), model.predict(angles), atol=1e-9)


@pytest.mark.parametrize('change, message', (
    ({'law_loads': None}, 'with a law law_loads'), ({'law_widths': np.zeros(1)}, 'above 0'),
    ({'law_gains': np.zeros((2, 5, 3, 2))}, 'of the joint law has shape'),
    ({'law_gains': np.full((2, 5, 4, 2), np.nan)}, 'not all finite'),
    ({'law_gains': np.zeros(3)}, 'gains of the joint law'),
    ({'law_gains': np.zeros((2, 0, 4, 2))}, 'gains of the joint law'),
    ({'law_other': np.zeros(3)}, 'law_other')))
def test_a_file_whose_law_is_damaged_is_refused(change, message):
    assert_refused(ForwardModel.compensated(with_law(Arm.uniform(4))), change, message)


# How it is learned


def recorded(settings, count=150, seed=0, noise=1e-4):
    true, generator = SimulatedArm(SNAKE, settings), np.random.default_rng(seed)
    angles = random_angles(SNAKE, (count,), seed, 0.8)
    chains = np.array([true.true_chain(each) for each in angles])
    return Samples(np.arange(float(count)), angles,
                   chains + noise * generator.normal(size=chains.shape))


@pytest.mark.parametrize('arm', [KINDS['uniform of 2'], KINDS['random 0']], ids=('uniform', 'any'))
def test_the_chain_changes_by_the_law_as_finite_differences_do(arm, monkeypatch):
    """In equilibrium; those by the geometry apart, which leave out what it changes of the load."""
    monkeypatch.setattr(sagging_chain, 'SWEEPS', 30)
    rigid, angles = SaggingChain.rigid(MeasuredChain.described(arm)), random_angles(arm, (3,))
    chain = rigid.learning(random_angles(arm, (20,)))
    sizes = chain.expected(np.full(chain.measured.size, 1e-3), angles)
    change = 0.3 * sizes * np.random.default_rng(0).normal(size=chain.size)
    change[chain.measured.size] = 0.3 * sizes[chain.measured.size]
    chain = chain.moved(change)
    chain = replace(chain, law=replace(chain.law, widths=np.array([0.5])))
    slopes = chain.derivatives(*chain.place(angles))
    for k in range(chain.measured.size, chain.size):
        step = 1e-4 * sizes[k] * np.eye(chain.size)[k]
        expected = (chain.moved(step).chain(angles) - chain.moved(-step).chain(angles)) / 2e-4
        np.testing.assert_allclose(sizes[k] * slopes[..., k], expected,
                                   atol=1e-6 + 1e-4 * np.abs(expected).max())


def test_joints_with_play_that_stiffen_are_learned_better_than_by_compliance():
    settings = SimulationSettings(compliance=0.02, stiffening=1.0, backlash=0.01)
    seen, held_out = recorded(settings), recorded(settings, 80, 5, noise=0.0)
    physical, learned = (calibrate_chain(SNAKE, seen, masses=Masses.of(SNAKE), law=law)
                         for law in (False, True))
    assert physical.compliance.law is None
    assert learned.errors(held_out)[1] < 0.5 * physical.errors(held_out)[1]
    model, angles = ForwardModel.compensated(learned.compliance), held_out.angles
    np.testing.assert_allclose(model.predict(angles), learned.chain.chain(angles), atol=1e-9)


def test_the_report_says_how_far_joints_turn_at_each_part_of_their_range():
    rigid = SaggingChain.rigid(MeasuredChain.described(SNAKE))
    chain = rigid.learning(random_angles(SNAKE, (20,)))
    gains = np.zeros(chain.law.gains.shape)
    gains[1:] = np.radians(0.25)  # to either side
    gains[0] = 2e-3 * chain.law.loads
    rows = calibration_report.law_table(chain, replace(chain.law, gains=gains)).splitlines()
    assert [row.split() for row in rows[1:]] == [
        [part, '%', '2', '0.5'] for part in ('-100', '-50', '0', '50', '100')]


@pytest.mark.parametrize('backlash, said', ((0.02, 'it is used'), (0.0, 'it is not used')))
def test_the_command_uses_a_law_only_where_it_is_better_on_what_was_held_out(
        backlash, said, tmp_path, capsys):
    seen = recorded(SimulationSettings(compliance=0.01, backlash=backlash))
    model = calibrated(tmp_path, seen)
    assert said in capsys.readouterr().out
    assert (model.core.compliance.law is not None) == (said == 'it is used')
