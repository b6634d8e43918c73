# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The network without torch: compiled forward pass, back-propagation through time, Jacobians.

Everything is computed in lanes: a lane is one configuration of the arm, one row of a Jacobian
on its way back, or one column on its way forward. Inside, the cells of all blocks are put
together, the first cell of each, then the second, so that loops run over contiguous memory. The
kernels learn the sizes only at run time: they're compiled once for each precision, and then
cached.

Results come in the precision of the parameters, float32 or float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from numba import njit
import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import AXES
from snake_arm_control.errors import ShapeError, WeightsError

LAYERS = ('first', 'second')
FIRST, SECOND = range(len(LAYERS))
GATES = 3
INPUT, FORGET, OUTPUT = range(GATES)
ANGLES = len(AXES)

# Sums may be reordered and fused, but a NaN stays one and a zero gradient stays zero.
_compiled = njit(cache=True, error_model='numpy',
                 fastmath={'contract', 'reassoc', 'nsz', 'arcp'})


class _Weights(NamedTuple):
    """The parameters as the kernels read them; the first axis of most is the layer."""

    hidden: np.ndarray  # (2, width, columns), from the output of a layer to the nets of the other
    back: np.ndarray  # (2, columns, width), its transpose
    angles: np.ndarray  # (2 angles, columns), to the nets of the first layer
    bias: np.ndarray  # (2, columns)
    peephole: np.ndarray  # (2, 3, cells, blocks)
    lateral: np.ndarray  # (2, 3, 3, blocks)
    readout: np.ndarray  # (9, width)
    readout_bias: np.ndarray  # (9,)


class Tape(NamedTuple):
    """
    A forward pass: its result and what the way back needs.

    On the axis of joints + 1, element 0 is the state before the first joint.
    """

    angles: np.ndarray  # (batch, joints, 2) [rad]
    chain: np.ndarray  # (batch, joints, 9)
    net: np.ndarray  # (2, joints + 1, batch, 3 + cells, blocks): gates, then tanh of the nets
    cell: np.ndarray  # (2, joints + 1, batch, cells, blocks)
    squashed: np.ndarray  # (2, joints + 1, batch, cells, blocks): tanh of the cells
    output: np.ndarray  # (2, joints + 1, batch, width)


class _Slope(NamedTuple):
    """What back-propagation knows: dL by d something, for each lane."""

    output: np.ndarray  # (2, lanes, width)
    cell: np.ndarray  # (2, lanes, cells, blocks)
    gates: np.ndarray  # (2, lanes, 3, blocks)
    net: np.ndarray  # (2, joints or 1, lanes, 3 + cells, blocks): of all joints, or of this one


@dataclass(frozen=True)
class Parameters:
    """
    The parameters of the network, checked, copied, and laid out for the kernels.

    Make one with `from_arrays`.
    """

    arrays: Mapping[str, np.ndarray]  # named, shaped and ordered as those of the torch module
    blocks: int
    cells: int
    weights: tuple[np.ndarray, ...]  # `_Weights`, unnamed: numba takes that three times faster

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Parameters:
        """
        Take parameters from arrays named as in the state_dict of `network.Network`.

        :param arrays: float32 if all of them are, or else taken as float64
        :raises WeightsError: if one is missing, unknown, misshapen or not finite
        """
        names = _shapes(blocks=1, cells=1)
        if set(arrays) != set(names):
            raise WeightsError(f'the arrays are {sorted(arrays)}, expected {sorted(names)}')
        peephole = np.shape(arrays['first.peephole'])
        if len(peephole) != 3 or not all(peephole):
            raise WeightsError(f'first.peephole has shape {peephole}, expected (3, blocks, cells)')
        _, blocks, cells = peephole
        single = all(np.asarray(array).dtype == np.float32 for array in arrays.values())
        checked = {}
        for name, shape in _shapes(blocks, cells).items():
            array = np.array(arrays[name], dtype=np.float32 if single else np.float64, order='C')
            if array.shape != shape:
                raise WeightsError(f'{name} has shape {array.shape}, expected {shape}')
            if not np.isfinite(array).all():
                raise WeightsError(f'{name} has {np.sum(~np.isfinite(array))} values that are '
                                   'not finite, expected none')
            array.setflags(write=False)
            checked[name] = array
        return cls(MappingProxyType(checked), blocks, cells,
                   tuple(_lay_out(checked, blocks, cells)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle them as their arrays, which are checked and frozen again."""
        return type(self).from_arrays, (dict(self.arrays),)

    @property
    def dtype(self) -> np.dtype:
        """Precision of every result."""
        return self.weights[0].dtype


def forward(parameters: Parameters, angles: np.ndarray, reuse: Tape | None = None) -> Tape:
    """
    Predict pose chains (equation 1), and keep what the way back needs.

    :param angles: (batch, joints, 2) [rad]
    :param reuse: a tape to overwrite: fresh memory takes half the time of a large batch
    :return: a tape; its `chain` (batch, joints, 9) is the prediction
    :raises ShapeError: if angles are not (batch, joints, 2), or reuse is not of such a tape
    """
    angles = np.array(angles, dtype=parameters.dtype, order='C')
    if angles.ndim != 3 or angles.shape[2] != ANGLES:
        raise ShapeError('angles', angles.shape, f'(batch, joints, {ANGLES})')
    if reuse is None:
        tape = Tape(angles, *_empty_tape(parameters.weights, angles))
    else:
        tape = reuse._replace(angles=angles)
        _check_tape(parameters, tape)
    _forward(parameters.weights, tuple(tape))
    return tape


def input_gradient(parameters: Parameters, tape: Tape, chain_gradient: np.ndarray) -> np.ndarray:
    """
    Back-propagate a gradient through time onto the angles (equation 2).

    What has vanished below 1e-30 on its way counts as 0.

    :param chain_gradient: (batch, joints, 9), dL/dchain; where it's 0, a component has no part
    :return: (batch, joints, 2), dL/dangles
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape, or the tape is of
        another network
    """
    chain_gradient = _checked_gradient(parameters, tape, chain_gradient)
    gradient, _ = _gradient(parameters.weights, tuple(tape), chain_gradient, False)
    return gradient


def jacobian_rows(parameters: Parameters, tape: Tape, joints: np.ndarray,
                  components: np.ndarray, first: int = 0) -> np.ndarray:
    """
    Return rows of the Jacobian of a chain by its angles, all from one sweep over the joints.

    A row is a lane that enters the sweep at its joint: the joints beyond cost it nothing.

    :param joints: (rows,), which joint's pose each row is of, counted from 0
    :param components: (rows,), which of the 9 components
    :param first: joint at which the sweep ends: the angles before are not differentiated by
    :return: (batch, rows, joints - first, 2), d chain[joints, components] / d angles[first:]
    :raises ShapeError: if joints and components are not both (rows,), or the tape is of another
        network
    :raises IndexError: if one is out of range
    """
    _check_tape(parameters, tape)
    joints, components = checked_rows(tape, joints, components, first)
    order = np.argsort(-joints, kind='stable')  # in which the rows enter
    return _rows(parameters.weights, tuple(tape), joints, components, order, first)[:, :, first:]


def checked_rows(tape: Tape, joints: np.ndarray, components: np.ndarray, first: int = 0
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of rows, or raise as `jacobian_rows` does."""
    _, length, size = tape.chain.shape
    joints, components = np.array(joints, np.int64), np.array(components, np.int64)
    if joints.ndim != 1 or joints.shape != components.shape:
        raise ShapeError('components', components.shape, f'(rows,), and so joints {joints.shape}')
    for name, index, end in (('joint', joints, length), ('component', components, size)):
        if len(index) and not 0 <= index.min() <= index.max() < end:
            raise IndexError(f'the rows have {name} {index.min()} to {index.max()}, '
                             f'expected 0 to {end - 1}')
    if not 0 <= first <= length:
        raise IndexError(f'first is joint {first}, expected 0 to {length}')
    return joints, components


def jacobian(parameters: Parameters, tape: Tape, reach: int | None = None) -> np.ndarray:
    """
    Return the Jacobian of a chain by its angles, from one sweep forward over the joints.

    A column is a tangent, which enters the sweep at its joint: where most of a chain is asked for
    its two columns a joint are far fewer than the nine rows of `jacobian_rows`.

    :param reach: of how many joints' poses, counted from the base; None for all
    :return: (batch, reach, 9, joints, 2), d chain / d angles; zero beyond a pose's own joint
    :raises ShapeError: if the tape is of another network
    :raises IndexError: if the chain is not as long as the reach
    """
    _check_tape(parameters, tape)
    joints = tape.angles.shape[1]
    reach = joints if reach is None else reach
    if not 0 <= reach <= joints:
        raise IndexError(f'the reach is {reach} joints, expected 0 to {joints}')
    return _columns(parameters.weights, tuple(tape), reach)


def parameter_gradient(parameters: Parameters, tape: Tape, chain_gradient: np.ndarray
                       ) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """
    Back-propagate a gradient through time onto the parameters, for training.

    :param chain_gradient: (batch, joints, 9), dL/dchain
    :return: dL/dparameters by name, shaped as `Parameters.arrays`; dL/dangles (batch, joints, 2)
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape, or the tape is of
        another network
    """
    chain_gradient = _checked_gradient(parameters, tape, chain_gradient)
    gradient, nets = _gradient(parameters.weights, tuple(tape), chain_gradient, True)
    columns, hidden = _orders(parameters.blocks, parameters.cells)
    arrays = {name: np.zeros_like(array) for name, array in parameters.arrays.items()}
    inputs = (tape.output[SECOND, :-1], tape.output[FIRST, 1:])
    for layer, name in enumerate(LAYERS):
        net, cell = nets[layer], tape.cell[layer]
        weight = arrays[name + '.weight']
        if layer == FIRST:
            weight[:ANGLES, columns] = _product(tape.angles.swapaxes(0, 1), net)
            weight = weight[ANGLES:]
        weight[np.ix_(hidden, columns)] = _product(inputs[layer], net)
        arrays[name + '.bias'][columns] = net.sum(axis=(0, 1)).ravel()
        _sum_products(net, tape.net[layer, :-1], arrays[name + '.lateral'])
        seen = np.zeros((2, GATES, parameters.cells, parameters.blocks), net.dtype)
        _sum_products(net, cell[:-1], seen[0])
        _sum_products(net, cell[1:], seen[1])
        peephole = arrays[name + '.peephole'].swapaxes(1, 2)
        peephole[:OUTPUT], peephole[OUTPUT] = seen[0, :OUTPUT], seen[1, OUTPUT]
    by_pose = chain_gradient.swapaxes(0, 1)
    arrays['readout'][hidden] = _product(tape.output[SECOND, 1:], by_pose)
    arrays['readout_bias'][...] = by_pose.sum(axis=(0, 1))
    return arrays, gradient


def compile_all(dtypes: tuple[type, ...] = (np.float32,)) -> None:
    """Compile every kernel, or load it from numba's cache, so that no later call has to."""
    for dtype in dtypes:
        parameters = Parameters.from_arrays(
            {name: np.zeros(shape, dtype) for name, shape in _shapes(blocks=1, cells=1).items()})
        tape = forward(parameters, np.zeros((1, 1, ANGLES)))
        parameter_gradient(parameters, tape, tape.chain)
        jacobian_rows(parameters, tape, [0], [0])
        jacobian(parameters, tape)


def _check_tape(parameters: Parameters, tape: Tape) -> None:
    """Raise ShapeError unless the kernels may use the tape: they look at no bounds."""
    batch, joints, _ = tape.angles.shape
    expected = (len(LAYERS), joints + 1, batch, parameters.cells, parameters.blocks)
    if tape.cell.shape != expected or tape.cell.dtype != parameters.dtype:
        raise ShapeError('the cell of the tape', f'{tape.cell.shape} {tape.cell.dtype}',
                         f'{expected} {parameters.dtype}')


def _checked_gradient(parameters: Parameters, tape: Tape, chain_gradient: np.ndarray
                      ) -> np.ndarray:
    """Return a copy for the kernels, which would be compiled again for an array just to read."""
    _check_tape(parameters, tape)
    chain_gradient = np.array(chain_gradient, dtype=parameters.dtype, order='C')
    if chain_gradient.shape != tape.chain.shape:
        raise ShapeError('chain_gradient', chain_gradient.shape, str(tape.chain.shape))
    return chain_gradient


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum the outer products of (joints, batch, inputs) and (joints, batch, ...)."""
    return np.tensordot(a, b, axes=((0, 1), (0, 1))).reshape(a.shape[-1], -1)


def _shapes(blocks: int, cells: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter."""
    width, columns = blocks * cells, (GATES + cells) * blocks
    shapes = {'readout': (width, pose.SIZE), 'readout_bias': (pose.SIZE,)}
    for name, inputs in zip(LAYERS, (ANGLES + width, width)):
        shapes |= {name + '.weight': (inputs, columns), name + '.bias': (columns,),
                   name + '.peephole': (GATES, blocks, cells),
                   name + '.lateral': (GATES, GATES, blocks)}
    return shapes


def _orders(blocks: int, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the kernels' columns, and their cells, are in torch's order."""
    hidden = np.arange(blocks * cells).reshape(blocks, cells).T.ravel()
    return np.concatenate((np.arange(GATES * blocks), GATES * blocks + hidden)), hidden


def _lay_out(arrays: Mapping[str, np.ndarray], blocks: int, cells: int) -> _Weights:
    """Put checked parameters into the kernels' order."""
    columns, hidden = _orders(blocks, cells)
    first = arrays['first.weight'][:, columns]
    weight = np.stack((first[ANGLES:], arrays['second.weight'][:, columns]))[:, hidden]
    bias, peephole, lateral = (np.stack([arrays[f'{layer}.{name}'] for layer in LAYERS])
                               for name in ('bias', 'peephole', 'lateral'))
    return _Weights(*map(_aligned, (
        weight, weight.swapaxes(1, 2), first[:ANGLES], bias[:, columns],
        peephole.swapaxes(2, 3), lateral, arrays['readout'][hidden].T, arrays['readout_bias'])))


def _aligned(array: np.ndarray) -> np.ndarray:
    """Copy to where a cache line begins: reading vectors across lines takes half as long again."""
    line = 64
    buffer = np.empty(array.nbytes + line, np.uint8)
    start = -buffer.ctypes.data % line
    copy = buffer[start:start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


# The kernels


@_compiled
def _tanh(x):
    """
    Return tanh(x) by arithmetic alone, which the compiler can do for many x at once.

    A continued fraction of x / 2^n, then tanh 2y = 2 tanh y / (1 + tanh^2 y) n times, with one
    division at the end. The error is a few units in the last place; beyond the limit tanh
    rounds to 1. Written so that a NaN stays one.
    """
    real = type(x)
    single = real(1) + real(1e-9) == real(1)
    limit, halvings = (real(9), 2) if single else (real(19), 4)
    x = -limit if x < -limit else limit if x > limit else x
    y = x / real(1 << halvings)
    square = y * y
    p = y * (real(945) + square * (real(105) + square))
    q = real(945) + square * (real(420) + square * real(15))
    for _ in range(halvings):
        p, q = real(2) * p * q, p * p + q * q
    return p / q


@_compiled
def _sigmoid(x):
    half = type(x)(0.5)
    return half + half * _tanh(half * x)


@_compiled
def _flushed(x):
    """Return x, or 0 where a gradient has vanished: denormal numbers take twenty times as long."""
    return type(x)(0) if abs(x) < type(x)(1e-30) else x


@_compiled
def _add_product(x, weight, out):
    """
    Add ``x @ weight`` to out: here the time goes.

    Eight rows of the weights are read at a time, from the second cache for the first two lanes
    and from the first cache for all others.
    """
    (lanes, depth), columns = x.shape, out.shape[1]
    paired, tiled = lanes - lanes % 2, depth - depth % 8
    for k in range(0, tiled, 8):
        for a in range(0, paired, 2):
            b = a + 1
            a0, a1, a2, a3 = x[a, k], x[a, k + 1], x[a, k + 2], x[a, k + 3]
            a4, a5, a6, a7 = x[a, k + 4], x[a, k + 5], x[a, k + 6], x[a, k + 7]
            b0, b1, b2, b3 = x[b, k], x[b, k + 1], x[b, k + 2], x[b, k + 3]
            b4, b5, b6, b7 = x[b, k + 4], x[b, k + 5], x[b, k + 6], x[b, k + 7]
            for n in range(columns):
                w0, w1 = weight[k, n], weight[k + 1, n]
                w2, w3 = weight[k + 2, n], weight[k + 3, n]
                w4, w5 = weight[k + 4, n], weight[k + 5, n]
                w6, w7 = weight[k + 6, n], weight[k + 7, n]
                out[a, n] += (a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                              + a4 * w4 + a5 * w5 + a6 * w6 + a7 * w7)
                out[b, n] += (b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
                              + b4 * w4 + b5 * w5 + b6 * w6 + b7 * w7)
        for a in range(paired, lanes):
            a0, a1, a2, a3 = x[a, k], x[a, k + 1], x[a, k + 2], x[a, k + 3]
            a4, a5, a6, a7 = x[a, k + 4], x[a, k + 5], x[a, k + 6], x[a, k + 7]
            for n in range(columns):
                out[a, n] += (a0 * weight[k, n] + a1 * weight[k + 1, n]
                              + a2 * weight[k + 2, n] + a3 * weight[k + 3, n]
                              + a4 * weight[k + 4, n] + a5 * weight[k + 5, n]
                              + a6 * weight[k + 6, n] + a7 * weight[k + 7, n])
    for k in range(tiled, depth):
        for a in range(lanes):
            a0 = x[a, k]
            for n in range(columns):
                out[a, n] += a0 * weight[k, n]


@_compiled
def _empty_tape(weights, angles):
    weights = _Weights(*weights)
    batch, joints, _ = angles.shape
    _, _, cells, blocks = weights.peephole.shape
    size, width = weights.readout.shape
    real = angles.dtype
    return (np.empty((batch, joints, size), real),
            np.empty((2, joints + 1, batch, GATES + cells, blocks), real),
            np.empty((2, joints + 1, batch, cells, blocks), real),
            np.empty((2, joints + 1, batch, cells, blocks), real),
            np.empty((2, joints + 1, batch, width), real))


@_compiled
def _forward(weights, tape):
    weights, tape = _Weights(*weights), Tape(*tape)
    angles, chain, net, cell, squashed, output = tape
    batch, joints, size = chain.shape
    _, _, cells, blocks = weights.peephole.shape
    width = output.shape[3]
    net[:, 0] = 0
    cell[:, 0] = 0
    output[:, 0] = 0
    nets = net.reshape((2, joints + 1, batch, (GATES + cells) * blocks))
    for j in range(joints):
        by_column = nets[FIRST, j + 1]
        for lane in range(batch):
            x, y = angles[lane, j]
            for n in range(by_column.shape[1]):
                by_column[lane, n] = (weights.bias[FIRST, n] + x * weights.angles[0, n]
                                      + y * weights.angles[1, n])
        _add_product(output[SECOND, j], weights.hidden[FIRST], by_column)
        _activate(weights, tape, FIRST, j)
        by_column = nets[SECOND, j + 1]
        for lane in range(batch):
            for n in range(by_column.shape[1]):
                by_column[lane, n] = weights.bias[SECOND, n]
        _add_product(output[FIRST, j + 1], weights.hidden[SECOND], by_column)
        _activate(weights, tape, SECOND, j)
        for lane in range(batch):
            for component in range(size):
                value = weights.readout_bias[component]
                for n in range(width):
                    value += weights.readout[component, n] * output[SECOND, j + 1, lane, n]
                chain[lane, j, component] = value


@_compiled
def _activate(weights, tape, layer, j):
    """
    Turn the nets of a layer at joint j, up to here weighted inputs, into state and output.

    Each inner loop writes one array: with more, proving that they don't overlap takes longer than
    the loop.
    """
    peephole, lateral = weights.peephole[layer], weights.lateral[layer]
    before, net = tape.net[layer, j], tape.net[layer, j + 1]
    old, new = tape.cell[layer, j], tape.cell[layer, j + 1]
    squashed, output = tape.squashed[layer, j + 1], tape.output[layer, j + 1]
    batch, cells, blocks = new.shape
    for lane in range(batch):
        for gate in range(GATES):
            for b in range(blocks):
                net[lane, gate, b] += (lateral[gate, INPUT, b] * before[lane, INPUT, b]
                                       + lateral[gate, FORGET, b] * before[lane, FORGET, b]
                                       + lateral[gate, OUTPUT, b] * before[lane, OUTPUT, b])
        for gate in (INPUT, FORGET):
            for c in range(cells):
                for b in range(blocks):
                    net[lane, gate, b] += peephole[gate, c, b] * old[lane, c, b]
            for b in range(blocks):
                net[lane, gate, b] = _sigmoid(net[lane, gate, b])
        for c in range(cells):
            for b in range(blocks):
                net[lane, GATES + c, b] = _tanh(net[lane, GATES + c, b])
            for b in range(blocks):
                new[lane, c, b] = (net[lane, FORGET, b] * old[lane, c, b]
                                   + net[lane, INPUT, b] * net[lane, GATES + c, b])
            for b in range(blocks):
                net[lane, OUTPUT, b] += peephole[OUTPUT, c, b] * new[lane, c, b]
        for b in range(blocks):
            net[lane, OUTPUT, b] = _sigmoid(net[lane, OUTPUT, b])
        for c in range(cells):
            row = output[lane, c * blocks:]
            for b in range(blocks):
                squashed[lane, c, b] = _tanh(new[lane, c, b])
            for b in range(blocks):
                row[b] = net[lane, OUTPUT, b] * squashed[lane, c, b]


@_compiled
def _gradient(weights, tape, chain_gradient, keep):
    """Sweep back with a lane for each configuration; keep the slopes of all nets, or of none."""
    weights, tape = _Weights(*weights), Tape(*tape)
    batch, joints, size = chain_gradient.shape
    slope = _zero_slope(weights, batch, joints if keep else 1)
    gradient = np.empty_like(tape.angles)
    by_pose = np.empty((batch, size), chain_gradient.dtype)
    for j in range(joints - 1, -1, -1):
        for lane in range(batch):
            for component in range(size):
                by_pose[lane, component] = chain_gradient[lane, j, component]
        _add_product(by_pose, weights.readout, slope.output[SECOND])
        _step_back(weights, tape, slope, j, batch, gradient)
    return gradient, slope.net


@_compiled
def _rows(weights, tape, joints, components, order, first):
    """Sweep back with a lane for each row and configuration, the rows in order of entry."""
    weights, tape = _Weights(*weights), Tape(*tape)
    batch, length, inputs = tape.angles.shape
    rows = len(order)
    slope = _zero_slope(weights, rows * batch, 1)
    gradient = np.zeros((rows * batch, length, inputs), tape.angles.dtype)
    entered = 0
    for j in range(length - 1, first - 1, -1):
        while entered < rows and joints[order[entered]] == j:
            component = components[order[entered]]
            for lane in range(entered * batch, (entered + 1) * batch):
                slope.output[SECOND, lane] += weights.readout[component]
            entered += 1
        _step_back(weights, tape, slope, j, entered * batch, gradient)
    result = np.empty((batch, rows, length, inputs), gradient.dtype)
    for lane in range(rows * batch):
        result[lane % batch, order[lane // batch]] = gradient[lane]
    return result


@_compiled
def _zero_slope(weights, lanes, keep):
    _, _, cells, blocks = weights.peephole.shape
    real = weights.bias.dtype
    return _Slope(np.zeros((2, lanes, cells * blocks), real),
                  np.zeros((2, lanes, cells, blocks), real),
                  np.zeros((2, lanes, GATES, blocks), real),
                  np.empty((2, keep, lanes, GATES + cells, blocks), real))


@_compiled
def _step_back(weights, tape, slope, j, lanes, gradient):
    """Take joint j's step back: from the slope of its output to that before, and its angles'."""
    columns = weights.bias.shape[1]
    keep = slope.net.shape[1]
    for layer in (SECOND, FIRST):
        net = slope.net[layer, j % keep, :lanes]
        _differentiate(weights, tape, slope, layer, j, net)
        by_column = net.reshape((lanes, columns))
        _add_product(by_column, weights.back[layer], slope.output[1 - layer, :lanes])
    for lane in range(lanes):
        for axis in range(gradient.shape[2]):
            value = gradient.dtype.type(0)
            for n in range(columns):
                value += weights.angles[axis, n] * by_column[lane, n]
            gradient[lane, j, axis] = value  # equation 2


@_compiled
def _differentiate(weights, tape, slope, layer, j, by_net):
    """
    Go back through the elements of a layer at joint j: set by_net to the slope of its nets.

    The slope of its output is used up, and left zero. On the way in the slopes of its cells and
    gates are what the next joint passes back, on the way out what this one does.
    """
    peephole, lateral = weights.peephole[layer], weights.lateral[layer]
    net, old, squashed = tape.net[layer, j + 1], tape.cell[layer, j], tape.squashed[layer, j + 1]
    by_output, by_cell, by_gate = slope.output[layer], slope.cell[layer], slope.gates[layer]
    batch, cells, blocks = old.shape
    for lane in range(len(by_net)):
        t = lane % batch  # a row of a Jacobian has one lane for each configuration
        for gate in range(GATES):
            for b in range(blocks):
                by_net[lane, gate, b] = by_gate[lane, gate, b]
        for c in range(cells):
            row = by_output[lane, c * blocks:]
            for b in range(blocks):
                by_net[lane, OUTPUT, b] += row[b] * squashed[t, c, b]
        for b in range(blocks):
            value = net[t, OUTPUT, b]
            by_net[lane, OUTPUT, b] = _flushed(by_net[lane, OUTPUT, b] * (value - value * value))
        for c in range(cells):
            row = by_output[lane, c * blocks:]
            for b in range(blocks):
                through = row[b] * net[t, OUTPUT, b]
                by_cell[lane, c, b] += (through - through * squashed[t, c, b] * squashed[t, c, b]
                                        + by_net[lane, OUTPUT, b] * peephole[OUTPUT, c, b])
            for b in range(blocks):
                row[b] = 0
            for b in range(blocks):
                by_net[lane, INPUT, b] += by_cell[lane, c, b] * net[t, GATES + c, b]
            for b in range(blocks):
                by_net[lane, FORGET, b] += by_cell[lane, c, b] * old[t, c, b]
            for b in range(blocks):
                value = net[t, GATES + c, b]
                through = by_cell[lane, c, b] * net[t, INPUT, b]
                by_net[lane, GATES + c, b] = _flushed(through - through * value * value)
        for gate in (INPUT, FORGET):
            for b in range(blocks):
                value = net[t, gate, b]
                by_net[lane, gate, b] = _flushed(by_net[lane, gate, b] * (value - value * value))
        for c in range(cells):
            for b in range(blocks):
                by_cell[lane, c, b] = _flushed(
                    by_cell[lane, c, b] * net[t, FORGET, b]
                    + by_net[lane, INPUT, b] * peephole[INPUT, c, b]
                    + by_net[lane, FORGET, b] * peephole[FORGET, c, b])
        for gate in range(GATES):
            for b in range(blocks):
                by_gate[lane, gate, b] = (lateral[INPUT, gate, b] * by_net[lane, INPUT, b]
                                          + lateral[FORGET, gate, b] * by_net[lane, FORGET, b]
                                          + lateral[OUTPUT, gate, b] * by_net[lane, OUTPUT, b])


@_compiled
def _columns(weights, tape, reach):
    """
    Sweep forward with a lane for each angle, one configuration after the other.

    Here the lanes are the last axis: all share the coefficients of their configuration, and the
    weights multiply from the left.
    """
    weights, tape = _Weights(*weights), Tape(*tape)
    batch, length, inputs = tape.angles.shape
    size, width = weights.readout.shape
    result = np.zeros((batch, reach, size, length * inputs), weights.bias.dtype)
    for t in range(batch):
        slope = _no_tangents(weights, 0)
        for j in range(reach):
            entered = (j + 1) * inputs
            if slope.output.shape[2] < entered:
                slope = _room_for_tangents(weights, slope)
            for layer in (FIRST, SECOND):
                by_column = slope.net.reshape((slope.net.shape[0] * slope.net.shape[1], -1))
                by_column[:] = 0
                if layer == FIRST:
                    for n in range(len(by_column)):
                        for axis in range(inputs):
                            by_column[n, j * inputs + axis] = weights.angles[axis, n]
                _add_product(weights.back[layer], slope.output[1 - layer], by_column)
                _push_forward(weights, tape, slope, layer, j, t)
            by_pose = np.zeros((size, slope.output.shape[2]), result.dtype)
            _add_product(weights.readout, slope.output[SECOND], by_pose)
            for component in range(size):
                for lane in range(entered):
                    result[t, j, component, lane] = by_pose[component, lane]
    return result.reshape((batch, reach, size, length, inputs))


@_compiled
def _no_tangents(weights, lanes):
    _, _, cells, blocks = weights.peephole.shape
    real = weights.bias.dtype
    return _Slope(np.zeros((2, cells * blocks, lanes), real),
                  np.zeros((2, cells, blocks, lanes), real),
                  np.zeros((2, GATES, blocks, lanes), real),
                  np.empty((GATES + cells, blocks, lanes), real))


@_compiled
def _room_for_tangents(weights, slope):
    """Return the tangents with room for a few more: whole vectors, not a copy for each joint."""
    lanes = slope.output.shape[2]
    wider = _no_tangents(weights, lanes + 16)
    wider.output[..., :lanes] = slope.output
    wider.cell[..., :lanes] = slope.cell
    wider.gates[..., :lanes] = slope.gates
    return wider


@_compiled
def _push_forward(weights, tape, slope, layer, j, t):
    """
    Take tangents through the elements of a layer at joint j: from its nets to its output.

    On the way in the tangents of its cells and gates are those of the joint before, on the way out
    those of this one.
    """
    peephole, lateral = weights.peephole[layer], weights.lateral[layer]
    net, old = tape.net[layer, j + 1, t], tape.cell[layer, j, t]
    squashed = tape.squashed[layer, j + 1, t]
    by_net, by_cell, by_gate = slope.net, slope.cell[layer], slope.gates[layer]
    cells, blocks = old.shape
    by_output = slope.output[layer].reshape((cells, blocks, -1))
    lanes = by_net.shape[2]
    for b in range(blocks):
        for gate in range(GATES):
            i, f, o = lateral[gate, INPUT, b], lateral[gate, FORGET, b], lateral[gate, OUTPUT, b]
            for lane in range(lanes):
                by_net[gate, b, lane] += (i * by_gate[INPUT, b, lane]
                                          + f * by_gate[FORGET, b, lane]
                                          + o * by_gate[OUTPUT, b, lane])
        for gate in (INPUT, FORGET):
            for c in range(cells):
                factor = peephole[gate, c, b]
                for lane in range(lanes):
                    by_net[gate, b, lane] += factor * by_cell[c, b, lane]
            factor = net[gate, b] - net[gate, b] * net[gate, b]
            for lane in range(lanes):
                by_gate[gate, b, lane] = _flushed(factor * by_net[gate, b, lane])
        for c in range(cells):
            value, before, kept = net[GATES + c, b], old[c, b], net[FORGET, b]
            factor = net[INPUT, b] - net[INPUT, b] * value * value
            for lane in range(lanes):
                by_cell[c, b, lane] = _flushed(
                    kept * by_cell[c, b, lane] + factor * by_net[GATES + c, b, lane]
                    + value * by_gate[INPUT, b, lane] + before * by_gate[FORGET, b, lane])
            factor = peephole[OUTPUT, c, b]
            for lane in range(lanes):
                by_net[OUTPUT, b, lane] += factor * by_cell[c, b, lane]
        value = net[OUTPUT, b]
        factor = value - value * value
        for lane in range(lanes):
            by_gate[OUTPUT, b, lane] = _flushed(factor * by_net[OUTPUT, b, lane])
        for c in range(cells):
            value = squashed[c, b]
            factor = net[OUTPUT, b] - net[OUTPUT, b] * value * value
            for lane in range(lanes):
                by_output[c, b, lane] = _flushed(value * by_gate[OUTPUT, b, lane]
                                                 + factor * by_cell[c, b, lane])


@_compiled
def _sum_products(net, state, sums):
    """Add to sums, for each block, the products of a layer's first nets and states, all joints."""
    joints, batch, _, blocks = net.shape
    for j in range(joints):
        for lane in range(batch):
            for n in range(sums.shape[0]):
                for m in range(sums.shape[1]):
                    for b in range(blocks):
                        sums[n, m, b] += net[j, lane, n, b] * state[j, lane, m, b]
