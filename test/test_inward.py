# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the inward layer, which tells each joint what lies beyond it."""

import copy
from dataclasses import replace
import pickle

from arms import random_angles
import numpy as np
import pytest

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import SettingsError, ShapeError, WeightsError
from snake_arm_control.model import bptt, weights_file
from snake_arm_control.model.architecture import Architecture, GEOMETRY, INWARD, INWARD_BLOCKS
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.functionals import Entries
from snake_arm_control.model.parameters import NetworkParameters

torch = pytest.importorskip('torch')
from test_bptt import (  # noqa: E402, I100
    DTYPES,
    error,
    make,
    reference,
    reference_rows,
    sample,
    TOLERANCE,
)

from snake_arm_control.cli import main  # noqa: E402
from snake_arm_control.model.network import Network  # noqa: E402
from snake_arm_control.training import engine, evaluation, trainer  # noqa: E402
from snake_arm_control.training.lesson import prepare  # noqa: E402
from snake_arm_control.training.presets import inwards, Phase, preset  # noqa: E402
from snake_arm_control.training.samples import Samples  # noqa: E402
from snake_arm_control.training.start import reading_inwards, Start  # noqa: E402

BOTH_WAYS = Architecture(inward=INWARD_BLOCKS)
ARM = Arm.uniform(joints=8)


def drawn(architecture=BOTH_WAYS, heard=0.05, seed=0):
    """
    Return the arrays of weights that ship, with an inward layer at random.

    :param heard: size of the weights by which the first layer reads it
    """
    path = weights_file.GENERAL if architecture.geometry else weights_file.SHIPPED
    generator, reads = torch.Generator().manual_seed(seed), architecture.reads
    fresh = {name: array.numpy()
             for name, array in Network(architecture, generator).state_dict().items()}
    arrays = reading_inwards(Start(path, architecture).parameters.arrays, architecture, fresh)
    rows = arrays['first.weight'][reads:reads + architecture.beyond]
    rows += heard * np.random.default_rng(seed).normal(size=rows.shape)
    return arrays


def model_of(arm, tmp_path, **options):
    """Return a model in double precision, through a file; see `drawn`."""
    general = arm.segment_fingerprint != Arm().segment_fingerprint
    arrays = drawn(replace(BOTH_WAYS, geometry=GEOMETRY if general else 0), **options)
    weights_file.save(tmp_path / 'weights', arrays, arm, {})
    return ForwardModel.load(tmp_path / 'weights', arm, np.float64)


# The kernels


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('architecture', (
    BOTH_WAYS, Architecture(inward=16), Architecture(5, 2, inward=3),
    Architecture(1, 1, inward=1), Architecture(2, 4, inward=7)))
@pytest.mark.parametrize('joints, batch, scale', [(1, 1, 1), (2, 3, 2), (40, 1, 1), (12, 5, 4)])
def test_everything_equals_torch(joints, batch, scale, architecture, dtype):
    """Chains, gradients and rows are torch's, of all joints and from one on."""
    network, parameters = make(joints, dtype, scale, architecture)
    random = np.random.default_rng(joints)
    angles, chain_gradient = sample(random, batch, joints)
    chain, by_angles, _ = reference(network, angles, chain_gradient)
    tape = bptt.forward(parameters, angles)
    assert error(tape.chain, chain) < TOLERANCE[dtype]
    assert error(bptt.input_gradient(parameters, tape, chain_gradient),
                 by_angles) < TOLERANCE[dtype]
    ends, components = random.integers(0, joints, 12), random.integers(0, 9, 12)
    expected = reference_rows(network, angles, ends, components)
    for first in {0, joints // 2, joints}:
        rows = bptt.jacobian_rows(parameters, tape, ends, components, first)
        assert rows.shape == (batch, 12, joints - first, 2) and rows.dtype == dtype
        assert np.abs(rows - expected[:, :, first:]).max(initial=0) < (
            TOLERANCE[dtype] * np.abs(expected).max())
    jacobian = bptt.jacobian(parameters, tape, joints)
    assert error(jacobian[:, ends, components], expected) < TOLERANCE[dtype]
    assert bptt.jacobian(parameters, tape, joints // 2).shape == (batch, joints // 2, 9, joints, 2)


@pytest.mark.parametrize('samples', (3, 40))
def test_the_engine_learns_what_the_module_does(samples):
    network = Network(Architecture(4, 2, inward=3), torch.Generator().manual_seed(1))
    angles = torch.rand((samples, 5, 2), generator=torch.Generator().manual_seed(2))
    found = []
    for predict in (network, lambda angles: engine.predict(network, angles)):
        network.zero_grad()
        predict(angles).square().sum().backward()
        found.append([parameter.grad.clone() for parameter in network.parameters()])
    for expected, got in zip(*found):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_a_tape_of_another_network_is_refused():
    """Of one that reads outwards alone, and of another size inwards."""
    networks = [make(architecture=architecture)[1] for architecture in (
        Architecture(), BOTH_WAYS, Architecture(inward=4))]
    for own in networks:
        tape = bptt.forward(own, np.zeros((1, 3, 2)))
        for other in networks:
            if other is not own:
                with pytest.raises(ShapeError, match='inward state of the tape'):
                    bptt.input_gradient(other, tape, tape.chain)
                with pytest.raises(ShapeError, match='inward state of the tape'):
                    bptt.jacobian_rows(other, tape, [0], [0])
    with pytest.raises(ValueError, match='expected angles outwards alone'):
        bptt.parameter_gradient(own, tape, tape.chain)


# What it means


def test_angles_beyond_a_joint_count():
    """The pose of the first joint depends on every angle of the arm: all of it hangs on it."""
    _, parameters = make(6, np.float64, 2, BOTH_WAYS)
    angles = sample(np.random.default_rng(6), 1, 12)[0]
    tape = bptt.forward(parameters, angles)
    row, = bptt.jacobian_rows(parameters, tape, [0], [0])[0]
    assert row.all()
    angles[0, 11, 0] += 1e-6
    after = bptt.forward(parameters, angles).chain[0, 0, 0]
    assert (after - tape.chain[0, 0, 0]) / 1e-6 == pytest.approx(row[11, 0], rel=1e-3)


def test_a_nan_spoils_its_own_configuration_alone():
    _, parameters = make(10, architecture=BOTH_WAYS)
    angles, chain_gradient = sample(np.random.default_rng(10), 4, 10)
    expected = bptt.forward(parameters, angles)
    angles[1, 6, 0] = np.nan
    tape = bptt.forward(parameters, angles)
    assert np.isnan(tape.chain[1]).all()
    others = [0, 2, 3]
    np.testing.assert_array_equal(tape.chain[others], expected.chain[others])
    gradient = bptt.input_gradient(parameters, tape, chain_gradient)
    assert np.isnan(gradient[1]).all() and np.isfinite(gradient[others]).all()


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('path', (weights_file.SHIPPED, weights_file.GENERAL))
def test_before_anything_was_learned_predictions_are_the_same_to_the_bit(path, dtype):
    start = Start(path, Architecture()).parameters
    architecture = replace(start.architecture, inward=INWARD_BLOCKS)
    grown = drawn(architecture, heard=0.0)
    arm = Arm.uniform(12)
    before, after = (bound(NetworkParameters.from_arrays(
        {name: array.astype(dtype) for name, array in arrays.items()}), arm)
        for arrays in (start.arrays, grown))
    assert after.architecture == architecture
    angles = random_angles(arm, (3,))
    np.testing.assert_array_equal(*(bptt.forward(each, angles).chain for each in (before, after)))
    again = reading_inwards(grown, architecture, {})
    assert all(again[name] is grown[name] for name in grown)


def bound(parameters, arm):
    """Return parameters that predict poses of an arm, if they read geometry."""
    from snake_arm_control.model.normal_form import NormalForm
    if not parameters.architecture.geometry:
        return parameters
    form = NormalForm.of(arm)
    return parameters.bound(form.constants, form.slopes)


# Through the door of all models


def askew():
    """Return an arm of hinges that are turned against each other, and a slide at its end."""
    axes = np.random.default_rng(0).normal(size=(5, 3))
    links = [Link(f'link_{j}', Placement((0.02 * j, 0.01, 0.1), (0.2, 0.1 * j, 0.3)),
                  [Axis(f'joint_{j}', axis, j == 4, -0.5, 0.5)]) for j, axis in enumerate(axes)]
    return Arm(links, Placement((0.1, 0.0, 0.2), (0.0, 0.0, 0.0)))


@pytest.mark.parametrize('arm', (Arm(), Arm.uniform(9, 0.05), askew()),
                         ids=('default', 'general', 'askew'))
def test_derivatives_are_those_of_the_predictions(arm, tmp_path):
    """Gradient, functionals and lanes, also where an arm's geometry lies between."""
    model, generator = model_of(arm, tmp_path), np.random.default_rng(3)
    assert model.parameters.architecture.inward == INWARD_BLOCKS
    angles = random_angles(arm, (2,), bend=0.5)
    step = 1e-6 * generator.normal(size=(arm.joints, arm.axes)) * arm.free
    here = model.linearize(angles)
    change = model.predict(angles + step) - model.predict(angles - step)
    slopes = generator.normal(size=here.chain.shape)
    by_gradient = np.sum(here.gradient(slopes) * 2 * step, axis=(1, 2))
    np.testing.assert_allclose(by_gradient, np.sum(slopes * change, axis=(1, 2)), rtol=1e-4)

    rows, joints = np.array([0, 1, 1, 2]), np.array([0, 2, 4, arm.joints - 1])
    coefficients = generator.normal(size=(4, 9))
    values = np.zeros((2, 3))
    for row, joint, each in zip(rows, joints, coefficients):
        values[:, row] += change[:, joint] @ each
    found = here.functional_rows(rows, joints, coefficients)
    np.testing.assert_allclose(np.sum(found * 2 * step, axis=(2, 3)), values, rtol=1e-4)
    assert found[:, 0, 1:4].any(axis=(1, 2)).all()  # beyond the first joint
    np.testing.assert_allclose(here.functional_rows(rows, joints, coefficients, 3),
                               found[:, :, 3:], rtol=1e-9, atol=1e-12)
    lanes = np.array([1, 0, 1])
    np.testing.assert_allclose(
        here.lane_rows(Entries(rows, joints, coefficients, lanes)),
        found[lanes, np.arange(3)], rtol=1e-9, atol=1e-12)


def test_a_goal_is_reached_by_its_rows(tmp_path):
    """Of the tool, and of the whole chain, whose rows depend on what lies beyond."""
    model = model_of(Arm(), tmp_path)
    arm = model.arm
    chain = model.predict(random_angles(arm, bend=0.5))
    tool = Goal.tool(chain[-1, :3], joints=arm.joints)
    whole = Goal(chain, np.ones_like(chain))
    for goal in tool, whole:
        found = solve(goal, arm.rest, model, max_iterations=300, restarts=0)
        assert found.converged
        assert goal.position_error(model.predict(found.angles)) < 1e-3


@pytest.mark.parametrize('copied', (copy.deepcopy, lambda model: pickle.loads(
    pickle.dumps(model))))
def test_a_file_gives_back_what_was_saved(copied, tmp_path):
    arrays = drawn()
    weights_file.save(tmp_path / 'weights', arrays, ARM, {'by': 'hand'})
    model = copied(ForwardModel.load(tmp_path / 'weights', ARM))
    assert model.training_record == {'by': 'hand'} and model.kind == 'network'
    for name, array in model.parameters.arrays.items():
        np.testing.assert_array_equal(array, arrays[name])
    angles = random_angles(ARM)
    np.testing.assert_array_equal(
        model.predict(angles),
        bptt.forward(NetworkParameters.from_arrays(arrays), angles[None]).chain[0])


@pytest.mark.parametrize('change, message', [
    (lambda a: a.pop('inward.weight'), 'inward.weight'),
    (lambda a: a.pop('inward.peephole'), 'inward.peephole'),
    (lambda a: a.update({'inward.peephole': np.zeros((3, 0, 3))}), 'inward.peephole has shape'),
    (lambda a: a.update({'inward.peephole': np.zeros((3, 12, 2))}),
     r'inward.peephole has shape \(3, 12, 2\), expected \(3, 12, 3\)'),
    (lambda a: a.update({'inward.weight': a['inward.weight'][1:]}),
     r'inward.weight has shape \(37, 72\), expected \(38, 72\)'),
    (lambda a: a.update({'first.weight': a['first.weight'][36:]}),
     r'first.weight has shape \(74, 144\), expected \(110, 144\)'),
    (lambda a: a['inward.bias'].fill(np.inf), 'inward.bias has 72 values'),
])
def test_a_layer_that_is_none_is_refused(change, message):
    arrays = drawn()
    change(arrays)
    with pytest.raises(WeightsError, match=message):
        NetworkParameters.from_arrays(arrays)


# Learning


def hanging(count=400, seed=0):
    """Return what a tracker measures of an arm whose joints give way."""
    angles = np.random.default_rng(seed).uniform(-0.7, 0.7, (count, ARM.joints, 2))
    bent = Compliance.uniform(ARM, 0.3).bent(angles)
    return Samples(0.01 * np.arange(count), angles, forward_kinematics(ARM, bent))


FEW = replace(preset('finetune'), phases=(Phase('recorded', iterations=300),), batch=32,
              evaluate_every=100, checkpoint_every=100, evaluation_samples=8, rate=3e-3)


def test_what_hangs_on_a_joint_is_learned_from_recordings(tmp_path, monkeypatch):
    """It begins with the weights that ship, and can be learned further."""
    monkeypatch.setattr(trainer, 'FINAL_SAMPLES', 8)
    lesson = prepare(ARM, [hanging()], ForwardModel.load(arm=ARM))
    settings, errors = inwards(FEW), []
    for name, each in ('outwards', FEW), ('inwards', settings):
        path = trainer.train(ARM, each, tmp_path / name, progress=False, lesson=lesson)
        after = ForwardModel.load(path, ARM)
        errors.append(evaluation.evaluate_recording(after, hanging(seed=1)))
    assert after.parameters.architecture == BOTH_WAYS
    outwards, both = (each['chain_position']['mean'] for each in errors)
    assert both < 0.8 * outwards
    again = prepare(ARM, [hanging()], after)
    path = trainer.train(ARM, replace(settings, phases=(Phase('recorded', iterations=1),)),
                         tmp_path / 'again', progress=False, lesson=again)
    assert ForwardModel.load(path, ARM).parameters.architecture == BOTH_WAYS
    with pytest.raises(WeightsError, match='12 inward blocks, expected 0'):
        Start(path, Architecture())


def test_the_command_trains_it_and_goes_on_with_it(tmp_path, monkeypatch, capsys):
    pytest.importorskip('mcap_ros2')
    from test_lesson import write

    from snake_arm_control.training import presets
    monkeypatch.setattr(trainer, 'FINAL_SAMPLES', 8)
    monkeypatch.setitem(presets.PRESETS, 'finetune', replace(
        FEW, phases=(Phase('rehearsed', iterations=3),)))
    write(tmp_path / 'a.mcap', hanging(100))
    command = ['train', '--joints', '8', '--data', str(tmp_path / 'a.mcap')]
    assert main([*command, '--inward', '--out', str(tmp_path / 'one')]) == 0
    path = capsys.readouterr().out.split()[-1]
    assert ForwardModel.load(path, ARM).parameters.architecture == BOTH_WAYS
    assert main([*command, '--weights', path, '--out', str(tmp_path / 'two')]) == 0
    path = capsys.readouterr().out.split()[-1]
    assert ForwardModel.load(path, ARM).parameters.architecture == BOTH_WAYS
    assert main(['train', '--inward', '--out', str(tmp_path / 'no')]) == 1
    assert 'expected with --data' in capsys.readouterr().err


def test_settings_alone_say_whether_there_is_an_inward_layer():
    settings = inwards(preset('scratch'))
    assert settings.network == BOTH_WAYS and settings.phases == preset('scratch').phases
    assert INWARD not in {name.split('.')[0] for name in Architecture().shapes()}
    with pytest.raises(SettingsError, match='preset'):
        preset('inward')
