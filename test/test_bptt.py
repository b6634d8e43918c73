# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the compiled network, with the torch module and its autograd as the reference."""

from importlib import import_module
from itertools import product
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

from snake_arm_control.errors import ShapeError, WeightsError
from snake_arm_control.model import batched, bptt, kernels
from snake_arm_control.model.architecture import Architecture, GEOMETRY, INWARD_BLOCKS
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.kernels import arithmetic
from snake_arm_control.model.parameters import NetworkParameters

torch = pytest.importorskip('torch')
from snake_arm_control.model.network import Network  # noqa: E402, I100

DTYPES = (np.float32, np.float64)
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-9}  # the contract; what is reached is far below
SHAPES = {'bent': 0.785, 'nearly straight': 1e-3, 'straight': 0.0}  # largest angle [rad]


def make(seed=0, dtype=np.float32, scale=1.0, architecture=Architecture()):
    """Return a torch network, its gates driven into saturation by scale, and its parameters."""
    network = Network(architecture, torch.Generator().manual_seed(seed))
    network = network.double() if dtype is np.float64 else network
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(scale)
        for bias in (network.first.bias, network.second.bias, network.readout_bias):
            bias += 0.1 * torch.randn(bias.shape, generator=generator)
    return network, parameters_of(network)


def parameters_of(network):
    return NetworkParameters.from_arrays(
        {name: value.numpy() for name, value in network.state_dict().items()})


def sample(rng, batch, joints, largest=0.785):
    """Return angles (batch, joints, 2) [rad] and a gradient of their chain."""
    return (rng.uniform(-largest, largest, (batch, joints, 2)),
            rng.standard_normal((batch, joints, 9)))


def reference(network, angles, chain_gradient):
    """Return torch's chain, input gradient and parameter gradients."""
    dtype = network.readout.dtype
    network.zero_grad()
    angles = torch.tensor(angles, dtype=dtype, requires_grad=True)
    chain = network(angles)
    chain.backward(torch.tensor(chain_gradient, dtype=dtype))
    return (chain.detach().numpy(), angles.grad.numpy(),
            {name: value.grad.numpy() for name, value in network.named_parameters()})


def reference_rows(network, angles, joints, components):
    """Return torch's (batch, rows, joints, 2), one backward pass for each row."""
    angles = torch.tensor(angles, dtype=network.readout.dtype, requires_grad=True)
    chain = network(angles)
    rows = [torch.autograd.grad(chain[:, j, c].sum(), angles, retain_graph=True)[0]
            for j, c in zip(joints, components)]
    return torch.stack(rows, 1).numpy()


def error(got, expected):
    """Return the largest error relative to the largest value expected."""
    assert got.shape == expected.shape and got.dtype == expected.dtype
    return np.abs(got - expected).max() / np.abs(expected).max()


CASES = [(dtype, joints, batch, seed, 'bent', scale)
         for dtype in DTYPES for seed, (joints, batch, scale) in enumerate(
             [(1, 1, 1), (2, 3, 2), (40, 1, 1), (40, 3, 2), (40, 16, 1), (40, 16, 4), (100, 3, 2)])
         ] + [(dtype, 40, 3, 7, shape, 2) for dtype in DTYPES for shape in SHAPES]


@pytest.mark.parametrize('dtype, joints, batch, seed, shape, scale', CASES)
def test_everything_equals_torch(dtype, joints, batch, seed, shape, scale):
    """Chains, gradients and rows are torch's, also where gates saturate."""
    network, parameters = make(seed, dtype, scale)
    rng = np.random.default_rng(seed)
    angles, chain_gradient = sample(rng, batch, joints, SHAPES[shape])
    chain, by_angles, by_parameters = reference(network, angles, chain_gradient)

    tape = bptt.forward(parameters, angles)
    assert error(tape.chain, chain) < TOLERANCE[dtype]
    gradient = bptt.input_gradient(parameters, tape, chain_gradient)
    assert error(gradient, by_angles) < TOLERANCE[dtype]

    gradients, gradient = bptt.parameter_gradient(parameters, tape, chain_gradient)
    assert error(gradient, by_angles) < TOLERANCE[dtype]
    assert set(gradients) == set(by_parameters)
    for name, expected in by_parameters.items():
        if np.any(expected):
            assert error(gradients[name], expected) < TOLERANCE[dtype], name
        else:  # the lateral weights, after a single joint
            assert not np.any(gradients[name]), name

    row_joints, components = rng.integers(0, joints, 12), rng.integers(0, 9, 12)
    rows = bptt.jacobian_rows(parameters, tape, row_joints, components)
    expected = reference_rows(network, angles, row_joints, components)
    columns = bptt.jacobian(parameters, tape)
    assert columns.shape == (batch, joints, 9, joints, 2)
    columns = columns[:, row_joints, components]
    for row in range(12):
        assert error(rows[:, row], expected[:, row]) < TOLERANCE[dtype], row
        assert error(columns[:, row], expected[:, row]) < TOLERANCE[dtype], row


@pytest.mark.parametrize('blocks, cells', [(1, 1), (1, 4), (5, 1), (7, 2), (13, 3), (24, 2)])
def test_any_architecture_equals_torch(blocks, cells):
    """No size is built in."""
    network, parameters = make(3, np.float64, 2, Architecture(blocks, cells))
    angles, chain_gradient = sample(np.random.default_rng(3), 3, 9)
    chain, by_angles, by_parameters = reference(network, angles, chain_gradient)
    tape = bptt.forward(parameters, angles)
    gradients, gradient = bptt.parameter_gradient(parameters, tape, chain_gradient)
    assert error(tape.chain, chain) < 1e-12
    assert error(gradient, by_angles) < 1e-12
    jacobian = bptt.jacobian(parameters, tape)
    assert error(np.einsum('ljc,ljcka->lka', chain_gradient, jacobian), by_angles) < 1e-12
    for name, expected in by_parameters.items():
        assert error(gradients[name], expected) < 1e-12, name


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('architecture', (
    Architecture(), Architecture(5, 2), Architecture(1, 4), Architecture(inward=INWARD_BLOCKS),
    Architecture(geometry=GEOMETRY, inward=INWARD_BLOCKS), Architecture(5, 2, inward=3)))
@pytest.mark.parametrize('samples', (1, batched.LANES, batched.LANES + 7))
def test_many_samples_equal_torch(samples, architecture, dtype):
    """The kernels for many samples at once give the same chains and gradients."""
    network, parameters = make(4, dtype, 2, architecture)
    readings, chain_gradient = sample(np.random.default_rng(4), samples, 9)
    if architecture.geometry:
        readings = np.random.default_rng(5).uniform(-0.7, 0.7, (samples, 9, architecture.reads))
    chain, by_readings, by_parameters = reference(network, readings, chain_gradient)
    tape = batched.forward(parameters, readings)
    gradients, gradient = batched.parameter_gradient(parameters, tape, chain_gradient)
    assert error(tape.chain, chain) < TOLERANCE[dtype]
    assert error(gradient, by_readings) < TOLERANCE[dtype]
    assert list(gradients) == list(parameters.arrays)
    for name, expected in by_parameters.items():
        assert error(gradients[name], expected) < TOLERANCE[dtype], name


def test_a_tape_of_many_samples_serves_one_backward_pass():
    """Its memory goes to the next forward pass, so a second one is refused."""
    _, parameters = make()
    tape = batched.forward(parameters, np.zeros((batched.LANES + 1, 3, 2)))
    for misshapen in ((3, 9), (batched.LANES, 3, 9)):
        with pytest.raises(ShapeError, match='chain_gradient'):
            batched.parameter_gradient(parameters, tape, np.zeros(misshapen))
    batched.parameter_gradient(parameters, tape, tape.chain)
    with pytest.raises(RuntimeError, match='used before'):
        batched.parameter_gradient(parameters, tape, tape.chain)
    with pytest.raises(ShapeError, match='angles'):
        batched.forward(parameters, np.zeros((3, 2)))


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
@pytest.mark.parametrize('largest', (0.785, 1e-3), ids=('bent', 'nearly straight'))
def test_the_gradient_of_torch_equals_finite_differences(joints, largest):
    """Along random directions, with the shipped weights in double precision."""
    network = Network().double()
    arrays = ForwardModel.load().parameters.arrays
    network.load_state_dict({name: torch.tensor(value) for name, value in arrays.items()})
    rng = np.random.default_rng(joints)
    angles, chain_gradient = (torch.tensor(a) for a in sample(rng, 1, joints, largest))

    def loss(angles):
        return (network(angles) * chain_gradient).sum()

    gradient = torch.autograd.functional.jacobian(loss, angles)
    for _ in range(5):
        direction = torch.tensor(rng.standard_normal(angles.shape))
        step = 1e-5 * direction
        slope = (loss(angles + step) - loss(angles - step)).item() / 2e-5
        expected = (gradient * direction).sum().item()
        assert abs(slope) > 1e-3
        assert abs(slope - expected) < 1e-7 * max(1.0, gradient.norm().item())


def test_the_gradients_equal_finite_differences():
    """What torch and we call a gradient is the slope of the loss, here with nothing small."""
    network, parameters = make(5, np.float64, 3, Architecture(5, 2))
    angles, chain_gradient = sample(np.random.default_rng(5), 1, 4)

    def loss(parameters, angles):
        return np.sum(bptt.forward(parameters, angles).chain * chain_gradient)

    tape = bptt.forward(parameters, angles)
    gradients, gradient = bptt.parameter_gradient(parameters, tape, chain_gradient)
    arrays = {name: np.array(array) for name, array in parameters.arrays.items()}
    step = 1e-6
    checks = [(angles, gradient, lambda: loss(parameters, angles))]
    checks += [(arrays[name], gradients[name],
                lambda: loss(NetworkParameters.from_arrays(arrays), angles)) for name in arrays]
    for varied, expected, function in checks:
        slope = np.empty_like(varied)
        for index in np.ndindex(*varied.shape):
            middle = varied[index]
            varied[index] = middle + step
            above = function()
            varied[index] = middle - step
            slope[index] = (above - function()) / (2 * step)
            varied[index] = middle
        assert error(expected, slope) < 1e-7
    torch_gradient = reference(network, angles, chain_gradient)[1]
    assert error(gradient, torch_gradient) < 1e-12


def test_all_rows_are_the_jacobian():
    """The gradient is the sum of all rows, each weighted by the gradient of its component."""
    _, parameters = make(6, np.float64, 2)
    angles, chain_gradient = sample(np.random.default_rng(6), 2, 40)
    tape = bptt.forward(parameters, angles)
    joints, components = (index.ravel() for index in np.indices((40, 9)))
    rows = bptt.jacobian_rows(parameters, tape, joints, components)
    expected = np.einsum('lr,lrja->lja', chain_gradient.reshape(2, -1), rows)
    gradient = bptt.input_gradient(parameters, tape, chain_gradient)
    assert error(gradient, expected) < 1e-12


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('batch', (1, 3))
@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_the_columns_are_the_rows(joints, batch, dtype):
    """The way forward and the way back, two derivations, give the same Jacobian."""
    _, parameters = make(10, dtype, 2)
    tape = bptt.forward(parameters, sample(np.random.default_rng(10), batch, joints)[0])
    rows = bptt.jacobian_rows(parameters, tape, *(i.ravel() for i in np.indices((joints, 9))))
    assert rows.all(axis=1).any()  # they are not all zero for want of a slope
    jacobian = bptt.jacobian(parameters, tape)
    assert error(jacobian.reshape(rows.shape), rows) < TOLERANCE[dtype] / 10
    for j in range(joints):
        assert not jacobian[:, j, :, j + 1:].any()


@pytest.mark.parametrize('dtype', DTYPES)
def test_a_jacobian_of_some_reach_is_the_beginning_of_the_whole(dtype):
    """Of a goal that ends before the tool nothing beyond its end is computed or returned."""
    _, parameters = make(11, dtype, 2)
    tape = bptt.forward(parameters, sample(np.random.default_rng(11), 2, 12)[0])
    whole = bptt.jacobian(parameters, tape)
    for reach in (0, 1, 7, 8, 9, 12):
        part = bptt.jacobian(parameters, tape, reach)
        np.testing.assert_array_equal(part, whole[:, :reach])
    for reach in (-1, 13):
        with pytest.raises(IndexError, match=f'reach is {reach} '):
            bptt.jacobian(parameters, tape, reach)


def test_a_row_ends_at_its_joint():
    """No pose depends on the joints beyond it, and each depends on its own joint."""
    _, parameters = make(6)
    tape = bptt.forward(parameters, sample(np.random.default_rng(6), 2, 12)[0])
    joints = np.arange(12)
    rows = bptt.jacobian_rows(parameters, tape, joints, joints % 9)
    for j in joints:
        assert not rows[:, j, j + 1:].any()
        assert rows[:, j, j].all()


@pytest.mark.parametrize('dtype', DTYPES)
def test_rows_come_in_the_order_asked_for(dtype):
    """Rows can be shuffled and repeated."""
    _, parameters = make(7, dtype)
    rng = np.random.default_rng(7)
    tape = bptt.forward(parameters, sample(rng, 3, 20)[0])
    joints, components = rng.integers(0, 20, 15), rng.integers(0, 9, 15)
    rows = bptt.jacobian_rows(parameters, tape, joints, components)
    order = rng.integers(0, 15, 40)
    again = bptt.jacobian_rows(parameters, tape, joints[order], components[order])
    assert error(again, rows[:, order]) < 10 * np.finfo(dtype).eps


@pytest.mark.parametrize('first', (0, 3, 19, 20))
def test_rows_from_a_joint_on_are_the_end_of_the_whole_rows(first):
    """The sweep may end there: the joints before have no part in what comes after."""
    _, parameters = make(7, np.float64)
    rng = np.random.default_rng(7)
    tape = bptt.forward(parameters, sample(rng, 3, 20)[0])
    rows = rng.integers(0, 20, 15), rng.integers(0, 9, 15)
    whole = bptt.jacobian_rows(parameters, tape, *rows)
    np.testing.assert_array_equal(bptt.jacobian_rows(parameters, tape, *rows, first),
                                  whole[:, :, first:])
    for bad in (-1, 21):
        with pytest.raises(IndexError, match=f'first is joint {bad}, expected 0 to 20'):
            bptt.jacobian_rows(parameters, tape, *rows, bad)


def test_no_rows_of_no_configurations():
    """Nothing gives nothing, in the right shape."""
    _, parameters = make()
    for batch, joints in ((0, 5), (2, 0), (2, 5)):
        tape = bptt.forward(parameters, np.zeros((batch, joints, 2)))
        assert tape.chain.shape == (batch, joints, 9)
        rows = bptt.jacobian_rows(parameters, tape, [], [])
        assert rows.shape == (batch, 0, joints, 2)
        jacobian = bptt.jacobian(parameters, tape)
        assert jacobian.shape == (batch, joints, 9, joints, 2)
        gradients, gradient = bptt.parameter_gradient(parameters, tape, tape.chain)
        assert gradient.shape == (batch, joints, 2)
        if not tape.chain.size:
            assert not any(g.any() for g in gradients.values())


@pytest.mark.parametrize('dtype', DTYPES)
def test_a_component_left_out_contributes_exactly_nothing(dtype):
    """A zero gradient stays zero, and what it is not asked for does not show in the result."""
    _, parameters = make(8, dtype, 2)
    rng = np.random.default_rng(8)
    angles, chain_gradient = sample(rng, 3, 40)
    tape = bptt.forward(parameters, angles)
    gradients, gradient = bptt.parameter_gradient(parameters, tape, np.zeros((3, 40, 9)))
    assert not gradient.any() and not any(g.any() for g in gradients.values())

    chain_gradient[:, 25:] = 0.0  # all joints beyond the 25th are free
    gradient = bptt.input_gradient(parameters, tape, chain_gradient)
    assert not gradient[:, 25:].any() and gradient[:, :25].all()
    shorter = bptt.forward(parameters, angles[:, :25])
    np.testing.assert_array_equal(
        gradient[:, :25], bptt.input_gradient(parameters, shorter, chain_gradient[:, :25]))


@pytest.mark.parametrize('dtype', DTYPES)
def test_a_lane_does_not_depend_on_its_neighbours(dtype):
    """A configuration gives the same alone and in any batch."""
    _, parameters = make(9, dtype, 2)
    angles, chain_gradient = sample(np.random.default_rng(9), 5, 40)
    tape = bptt.forward(parameters, angles)
    gradient = bptt.input_gradient(parameters, tape, chain_gradient)
    for lane in range(5):
        alone = bptt.forward(parameters, angles[lane:lane + 1])
        assert error(tape.chain[lane], alone.chain[0]) < 10 * np.finfo(dtype).eps
        expected = bptt.input_gradient(parameters, alone, chain_gradient[lane:lane + 1])
        assert error(gradient[lane], expected[0]) < 100 * np.finfo(dtype).eps


def test_a_gradient_vanishes_to_zero():
    """Over many joints of an untrained network it fades, without a denormal number on the way."""
    _, parameters = make(13)
    tape = bptt.forward(parameters, sample(np.random.default_rng(13), 1, 400)[0])
    row = np.abs(bptt.jacobian_rows(parameters, tape, [399], [0])[0, 0])
    assert row[399].all() and not row[0].any()
    assert row[row > 0].min() > np.finfo(np.float32).tiny


def test_a_nan_stays_in_its_lane_and_beyond_its_joint():
    """An angle that is not a number spoils the poses that depend on it, and no others."""
    _, parameters = make(10)
    angles, chain_gradient = sample(np.random.default_rng(10), 4, 10)
    expected = bptt.forward(parameters, angles)
    angles[1, 6, 0] = np.nan
    tape = bptt.forward(parameters, angles)
    spoilt = np.zeros((4, 10), dtype=bool)
    spoilt[1, 6:] = True
    np.testing.assert_array_equal(np.isnan(tape.chain), np.repeat(spoilt[..., None], 9, axis=2))
    np.testing.assert_array_equal(tape.chain[~spoilt], expected.chain[~spoilt])
    gradient = bptt.input_gradient(parameters, tape, chain_gradient)
    assert np.isnan(gradient[1]).all() and np.isfinite(np.delete(gradient, 1, axis=0)).all()


@pytest.mark.parametrize('dtype', DTYPES)
def test_nothing_given_is_changed(dtype):
    """The callers' arrays stay theirs: not written to, and later changes do no harm."""
    network, parameters = make(11, dtype)
    angles, chain_gradient = (array.astype(dtype) for array in sample(
        np.random.default_rng(11), 2, 6))
    copies = angles.copy(), chain_gradient.copy()
    tape = bptt.forward(parameters, angles)
    gradients, _ = bptt.parameter_gradient(parameters, tape, chain_gradient)
    np.testing.assert_array_equal(angles, copies[0])
    np.testing.assert_array_equal(chain_gradient, copies[1])
    angles[:] = 0.0
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    again, _ = bptt.parameter_gradient(parameters, tape, chain_gradient)
    for name in gradients:
        np.testing.assert_array_equal(again[name], gradients[name])
    with pytest.raises(ValueError):
        parameters.arrays['readout'][0, 0] = 1.0


@pytest.mark.parametrize('dtype', DTYPES)
def test_squashing_is_that_of_the_standard_library(dtype):
    """The arithmetic tanh and sigmoid are right to a few units in the last place, and bounded."""
    x = np.concatenate((np.linspace(-30, 30, 20001), np.geomspace(1e-30, 1, 1000), [0.0, 1e30]))
    x = np.concatenate((x, -x)).astype(dtype)
    exact = x.astype(np.float64)
    eps = np.finfo(dtype).eps
    tanh = np.array([arithmetic.tanh(v) for v in x])
    sigmoid = np.array([arithmetic.sigmoid(v) for v in x])
    np.testing.assert_allclose(tanh, np.tanh(exact), rtol=8 * eps, atol=0)
    np.testing.assert_allclose(sigmoid, 0.5 + 0.5 * np.tanh(exact / 2), rtol=0, atol=4 * eps)
    assert np.abs(tanh).max() <= 1.0 + eps and np.isnan(arithmetic.tanh(dtype(np.nan)))


def test_the_precision_is_that_of_the_parameters():
    """Results are float32 if all parameters are, and else float64, whatever the angles are."""
    arrays = dict(make()[1].arrays)
    single = NetworkParameters.from_arrays(arrays)
    arrays['readout'] = arrays['readout'].astype(np.float64)
    double = NetworkParameters.from_arrays(arrays)
    for parameters, dtype in ((single, np.float32), (double, np.float64)):
        tape = bptt.forward(parameters, np.zeros((1, 2, 2), dtype=int))
        gradients, gradient = bptt.parameter_gradient(parameters, tape, np.ones((1, 2, 9)))
        rows = bptt.jacobian_rows(parameters, tape, [1], [0])
        columns = bptt.jacobian(parameters, tape)
        results = (tape.chain, gradient, rows, columns, *gradients.values())
        assert {array.dtype for array in results} == {np.dtype(dtype)} == {parameters.dtype}


def damaged(change):
    arrays = dict(make()[1].arrays)
    change(arrays)
    return arrays


@pytest.mark.parametrize('change, message', [
    (lambda a: a.pop('readout'), 'readout'),
    (lambda a: a.pop('first.peephole'), 'first.peephole'),
    (lambda a: a.update(extra=np.zeros(3)), 'extra'),
    (lambda a: a.update(readout=a['readout'].T), r'\(9, 72\), expected \(72, 9\)'),
    (lambda a: a.update({'first.peephole': np.zeros((3, 0, 3))}), 'expected'),
    (lambda a: a.update({'second.bias': np.full(144, np.nan, np.float32)}), '144 values'),
])
def test_bad_parameters_are_refused(change, message):
    """An array that is missing, unknown, misshapen or not finite is named, got and expected."""
    with pytest.raises(WeightsError, match=message):
        NetworkParameters.from_arrays(damaged(change))


def test_bad_arguments_are_refused():
    """A wrong shape or index never reaches a kernel, which wouldn't look."""
    _, parameters = make()
    for shape in ((40, 2), (1, 40, 3), (1, 2, 40, 2)):
        with pytest.raises(ShapeError):
            bptt.forward(parameters, np.zeros(shape))
    tape = bptt.forward(parameters, np.zeros((2, 4, 2)))
    for shape in ((4, 9), (1, 4, 9), (2, 4, 8)):
        with pytest.raises(ShapeError):
            bptt.input_gradient(parameters, tape, np.zeros(shape))
        with pytest.raises(ShapeError):
            bptt.parameter_gradient(parameters, tape, np.zeros(shape))
    for other in (make(dtype=np.float64)[1], make(architecture=Architecture(72, 1))[1]):
        for use in (lambda: bptt.input_gradient(other, tape, tape.chain),
                    lambda: bptt.jacobian_rows(other, tape, [0], [0]),
                    lambda: bptt.jacobian(other, tape)):
            with pytest.raises(ShapeError, match='tape'):
                use()
    for joints, components in (([0], [0, 1]), (0, 0), ([[0]], [[0]])):
        with pytest.raises(ShapeError):
            bptt.jacobian_rows(parameters, tape, joints, components)
    for joints, components in (([4], [0]), ([-1], [0]), ([0], [9]), ([0], [-1])):
        with pytest.raises(IndexError):
            bptt.jacobian_rows(parameters, tape, joints, components)


@pytest.mark.parametrize('dtype', DTYPES)
def test_no_call_compiles_after_compile_all(dtype):
    """Sizes are known to the kernels only at run time, so a set-up step can compile them all."""
    bptt.compile_all(dtype)
    compiled = [value for module in pkgutil.iter_modules(kernels.__path__) for value in
                vars(import_module(f'{kernels.__name__}.{module.name}')).values()
                if hasattr(value, 'signatures')]
    before = [list(kernel.signatures) for kernel in compiled]
    assert any(before)
    outwards, inwards = (make(dtype=dtype, architecture=Architecture(6, 2, inward=blocks))[1]
                         for blocks in (0, 4))
    for parameters, lanes, joints in product((outwards, inwards), (1, 3), (1, 17)):
        tape = bptt.forward(parameters, np.zeros((joints, lanes, 2)).swapaxes(0, 1))
        if parameters is outwards:
            bptt.parameter_gradient(
                parameters, tape, np.zeros((joints, lanes, 9)).swapaxes(0, 1))
        frozen = np.broadcast_to(tape.chain, tape.chain.shape)
        bptt.input_gradient(parameters, tape, frozen)
        bptt.jacobian_rows(parameters, tape, [0], np.arange(9)[8:5:-3])
        bptt.jacobian(parameters, tape, np.int64(joints))
    assert [list(kernel.signatures) for kernel in compiled] == before


def test_torch_is_not_imported():
    """The run time does without torch."""
    code = 'import sys, snake_arm_control.model.bptt; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0
