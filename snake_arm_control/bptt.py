# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The network without torch: compiled forward pass, back-propagation through time, Jacobian rows.

Everything is computed for lanes: a lane is one configuration of the arm, or one row of a Jacobian
on its way back. The columns of an array of lanes are put so that loops run over contiguous
memory: the three gates of all blocks, then the first cell of all blocks, the second, ... The
kernels know the sizes only at run time, so they're compiled once per precision and then cached.

The numbers come in the precision of the parameters, float32 or float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from numba import njit
import numpy as np

from snake_arm_control import pose
from snake_arm_control.arm import AXES
from snake_arm_control.errors import ShapeError, WeightsError

GATES = 3
INPUT, FORGET, OUTPUT = range(GATES)
LAYERS = ('first', 'second')
ANGLES = len(AXES)

# Sums may be reordered and fused, but a NaN stays one and a zero gradient stays zero.
_compiled = njit(cache=True, error_model='numpy',
                 fastmath={'contract', 'reassoc', 'nsz', 'arcp'})


class _Layer(NamedTuple):
    """The weights of a hidden layer as the kernels read them."""

    weight: np.ndarray  # (inputs, columns); in the first layer the angles come last
    back: np.ndarray  # (columns, width), weight without its angles, transposed
    bias: np.ndarray  # (columns,)
    peephole: np.ndarray  # (3, cells, blocks)
    lateral: np.ndarray  # (3, 3, blocks)


class _Weights(NamedTuple):
    """The weights of the network as the kernels read them."""

    first: _Layer
    second: _Layer
    readout: np.ndarray  # (9, width)
    readout_bias: np.ndarray  # (9,)


class _Trace(NamedTuple):
    """What a hidden layer did; in net and cell element 0 is the state before the first joint."""

    inputs: np.ndarray  # (joints + 1, batch, inputs)
    net: np.ndarray  # (joints + 1, batch, 3 + cells, blocks): gates and squashed cell inputs
    cell: np.ndarray  # (joints + 1, batch, cells, blocks)
    squashed: np.ndarray  # (joints, batch, cells, blocks): tanh of the cells


class _Slope(NamedTuple):
    """What back-propagation knows of a hidden layer: dL by d something, in each lane."""

    output: np.ndarray  # (lanes, cells, blocks)
    cell: np.ndarray  # (lanes, cells, blocks)
    gates: np.ndarray  # (lanes, 3, blocks)
    net: np.ndarray  # (1 or joints, lanes, 3 + cells, blocks): only the last one, or all


class Tape(NamedTuple):
    """A forward pass: its result and what the way back needs."""

    chain: np.ndarray  # (batch, joints, 9)
    first: _Trace
    second: _Trace


@dataclass(frozen=True)
class Parameters:
    """
    The parameters of the network, checked, copied, and laid out for the kernels.

    Make one with `from_arrays`.
    """

    arrays: Mapping[str, np.ndarray]  # named, shaped and ordered as those of the torch module
    blocks: int
    cells: int
    weights: _Weights

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Parameters:
        """
        Take parameters from arrays named as in the state_dict of `network.Network`.

        :param arrays: all float32, or else taken as float64
        :raises WeightsError: if one is missing, unknown, misshapen or not finite
        """
        peephole = np.shape(arrays.get('first.peephole', ()))
        if len(peephole) != 3:
            raise WeightsError(f'first.peephole has shape {peephole}, expected (3, blocks, cells)')
        _, blocks, cells = peephole
        shapes = _shapes(blocks, cells)
        if set(arrays) != set(shapes):
            raise WeightsError(f'the arrays are {sorted(arrays)}, expected {sorted(shapes)}')
        single = all(np.asarray(a).dtype == np.float32 for a in arrays.values())
        checked = {}
        for name, shape in shapes.items():
            array = np.array(arrays[name], dtype=np.float32 if single else np.float64, order='C')
            if array.shape != shape:
                raise WeightsError(f'{name} has shape {array.shape}, expected {shape}')
            if not np.isfinite(array).all():
                raise WeightsError(f'{name} has {np.sum(~np.isfinite(array))} values that are '
                                   'not finite, expected none')
            array.setflags(write=False)
            checked[name] = array
        return cls(MappingProxyType(checked), blocks, cells, _lay_out(checked, blocks, cells))

    @property
    def width(self) -> int:
        """Outputs of a hidden layer."""
        return self.blocks * self.cells

    @property
    def dtype(self) -> np.dtype:
        """Precision of every result."""
        return self.weights.readout.dtype


def forward(parameters: Parameters, angles: np.ndarray) -> Tape:
    """
    Predict pose chains (equation 1), and keep what the way back needs.

    :param angles: (batch, joints, 2) [rad]
    :return: a tape; its `chain` (batch, joints, 9) is the prediction
    :raises ShapeError: if angles are not (batch, joints, 2)
    """
    angles = np.ascontiguousarray(angles, dtype=parameters.dtype)
    if angles.ndim != 3 or angles.shape[2] != ANGLES:
        raise ShapeError('angles', angles.shape, f'(batch, joints, {ANGLES})')
    batch, joints, _ = angles.shape
    chain = np.empty((batch, joints, pose.SIZE), parameters.dtype)
    tape = Tape(chain, *(_empty_trace(layer, joints, batch) for layer in parameters.weights[:2]))
    _forward(parameters.weights, angles, tape)
    return tape


def input_gradient(parameters: Parameters, tape: Tape, chain_gradient: np.ndarray) -> np.ndarray:
    """
    Back-propagate a gradient through time onto the angles (equation 2).

    :param chain_gradient: (batch, joints, 9), dL/dchain; where it's 0, a component has no part
    :return: (batch, joints, 2), dL/dangles
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape
    """
    gradient, *_ = _back_propagate(parameters, tape, chain_gradient, keep=1)
    return gradient


def jacobian_rows(parameters: Parameters, tape: Tape, joints: np.ndarray,
                  components: np.ndarray) -> np.ndarray:
    """
    Return rows of the Jacobian of a chain by its angles, all from one sweep over the joints.

    Each row is a lane that enters the sweep at its joint, so joints beyond cost it nothing.

    :param joints: (rows,), which joint's pose each row is of, counted from 0
    :param components: (rows,), which of the 9 components
    :return: (batch, rows, joints, 2), d chain[joints, components] / d angles
    :raises ShapeError: if joints and components differ in length
    :raises IndexError: if one is out of range
    """
    batch, length, _ = tape.chain.shape
    joints, components = (np.asarray(a, dtype=np.int64) for a in (joints, components))
    if joints.ndim != 1 or joints.shape != components.shape:
        raise ShapeError('components', components.shape, f'(rows,), as joints {joints.shape}')
    joints = _checked_index('joint', joints, length)
    components = _checked_index('component', components, pose.SIZE)
    rows = len(joints)
    order = np.argsort(-joints, kind='stable')  # the order of entry
    gradient = np.zeros((rows, batch, length, ANGLES), parameters.dtype)
    slopes = [_zero_slope(layer, rows * batch) for layer in parameters.weights[:2]]
    _rows(parameters.weights, tape, *slopes, joints[order], components[order],
          gradient.reshape(rows * batch, length, ANGLES))
    result = np.empty((batch, rows, length, ANGLES), parameters.dtype)
    result[:, order] = gradient.swapaxes(0, 1)
    return result


def parameter_gradient(parameters: Parameters, tape: Tape, chain_gradient: np.ndarray
                       ) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """
    Back-propagate a gradient through time onto the parameters, for training.

    :param chain_gradient: (batch, joints, 9), dL/dchain
    :return: dL/dparameters by name, shaped as `Parameters.arrays`; dL/dangles (batch, joints, 2)
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape
    """
    length = tape.chain.shape[1]
    gradient, chain_gradient, *slopes = _back_propagate(
        parameters, tape, chain_gradient, keep=max(length, 1))
    rows, columns, hidden = _orders(parameters.blocks, parameters.cells)
    result = {name: np.empty_like(array) for name, array in parameters.arrays.items()}
    for name, rows, trace, slope in zip(LAYERS, rows, tape[1:], slopes):
        net = slope.net[:length]  # no element where there are no joints
        by_net = net.reshape(-1, len(columns))
        inputs = trace.inputs[:length].reshape(len(by_net), -1)
        result[name + '.weight'][np.ix_(rows, columns)] = inputs.T @ by_net
        result[name + '.bias'][columns] = by_net.sum(axis=0)
        by_gate, gates = net[:, :, :GATES], trace.net[:length, :, :GATES]
        cell = (trace.cell[:-1], trace.cell[:-1], trace.cell[1:])  # which one each gate sees
        for gate in range(GATES):
            result[name + '.peephole'][gate] = np.einsum(
                'jlb,jlcb->bc', by_gate[:, :, gate], cell[gate])
        result[name + '.lateral'][:] = np.einsum('jlgb,jlmb->gmb', by_gate, gates)
    by_pose = chain_gradient.swapaxes(0, 1).reshape(-1, pose.SIZE)
    output = tape.first.inputs[1:, :, :parameters.width].reshape(len(by_pose), -1)
    result['readout'][hidden] = output.T @ by_pose
    result['readout_bias'][:] = by_pose.sum(axis=0)
    return result, gradient


def compile_all(dtypes: tuple[type, ...] = (np.float32,)) -> None:
    """Compile every kernel, or load it from numba's cache, so that no later call has to."""
    for dtype in dtypes:
        parameters = Parameters.from_arrays(
            {name: np.zeros(shape, dtype) for name, shape in _shapes(blocks=1, cells=1).items()})
        tape = forward(parameters, np.zeros((1, 1, ANGLES)))
        parameter_gradient(parameters, tape, tape.chain)
        input_gradient(parameters, tape, tape.chain)
        jacobian_rows(parameters, tape, [0], [0])


def _back_propagate(parameters: Parameters, tape: Tape, chain_gradient: np.ndarray, keep: int
                    ) -> tuple[np.ndarray, np.ndarray, _Slope, _Slope]:
    """Return the angles' gradient, chain_gradient as an array, and the slopes of `keep` joints."""
    chain_gradient = np.ascontiguousarray(chain_gradient, dtype=parameters.dtype)
    if chain_gradient.shape != tape.chain.shape:
        raise ShapeError('chain_gradient', chain_gradient.shape, str(tape.chain.shape))
    batch, joints, _ = tape.chain.shape
    slopes = [_zero_slope(layer, batch, keep) for layer in parameters.weights[:2]]
    gradient = np.empty((batch, joints, ANGLES), parameters.dtype)
    _gradient(parameters.weights, tape, *slopes, chain_gradient, gradient)
    return gradient, chain_gradient, *slopes


def _shapes(blocks: int, cells: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter."""
    width, columns = blocks * cells, (GATES + cells) * blocks
    shapes = {'readout': (width, pose.SIZE), 'readout_bias': (pose.SIZE,)}
    for name, inputs in zip(LAYERS, (ANGLES + width, width)):
        shapes |= {name + '.weight': (inputs, columns), name + '.bias': (columns,),
                   name + '.peephole': (GATES, blocks, cells),
                   name + '.lateral': (GATES, GATES, blocks)}
    return shapes


def _orders(blocks: int, cells: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray,
                                              np.ndarray]:
    """Return where the kernels' rows (of each layer), columns and cells are in torch's order."""
    hidden = np.arange(blocks * cells).reshape(blocks, cells).T.ravel()
    columns = np.concatenate((np.arange(GATES * blocks), GATES * blocks + hidden))
    return (np.concatenate((ANGLES + hidden, np.arange(ANGLES))), hidden), columns, hidden


def _lay_out(arrays: Mapping[str, np.ndarray], blocks: int, cells: int) -> _Weights:
    """Put checked parameters into the kernels' order."""
    rows, columns, hidden = _orders(blocks, cells)
    layers = []
    for name, rows in zip(LAYERS, rows):
        weight = arrays[name + '.weight'][np.ix_(rows, columns)]
        layers.append(_Layer(*map(_aligned, (
            weight, weight[:blocks * cells].T, arrays[name + '.bias'][columns],
            arrays[name + '.peephole'].swapaxes(1, 2), arrays[name + '.lateral']))))
    return _Weights(*layers, _aligned(arrays['readout'][hidden].T),
                    _aligned(arrays['readout_bias']))


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array that begins at a cache line: loads that straddle two cost a third more."""
    line, size = 64, int(np.prod(shape)) * dtype.itemsize
    buffer = np.empty(size + line, np.uint8)
    start = -buffer.ctypes.data % line
    return buffer[start:start + size].view(dtype).reshape(shape)


def _aligned(array: np.ndarray) -> np.ndarray:
    copy = _empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    array = _empty(shape, dtype)
    array.fill(0)
    return array


def _empty_trace(layer: _Layer, joints: int, batch: int) -> _Trace:
    _, cells, blocks = layer.peephole.shape
    inputs, dtype = len(layer.weight), layer.weight.dtype
    return _Trace(_empty((joints + 1, batch, inputs), dtype),
                  _empty((joints + 1, batch, GATES + cells, blocks), dtype),
                  _empty((joints + 1, batch, cells, blocks), dtype),
                  _empty((joints, batch, cells, blocks), dtype))


def _zero_slope(layer: _Layer, lanes: int, keep: int = 1) -> _Slope:
    _, cells, blocks = layer.peephole.shape
    dtype = layer.weight.dtype
    return _Slope(_zeros((lanes, cells, blocks), dtype),
                  _zeros((lanes, cells, blocks), dtype),
                  _zeros((lanes, GATES, blocks), dtype),
                  _empty((keep, lanes, GATES + cells, blocks), dtype))


def _checked_index(name: str, index: np.ndarray, size: int) -> np.ndarray:
    bad = index[(index < 0) | (index >= size)]
    if len(bad):
        raise IndexError(f'{name} is {bad[0]}, expected 0 to {size - 1}')
    return index


# The kernels


@_compiled
def _tanh(x):
    """
    Return tanh(x) by arithmetic alone, which the compiler can do for many x at once.

    A continued fraction of x / 2^n, then tanh 2y = 2 tanh y / (1 + tanh^2 y) n times, with one
    division at the end. Its error is a few units in the last place; beyond the limit tanh
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
def _add_product(x, weight, out):
    """
    Add ``x @ weight`` to out.

    Here the time goes. Eight rows of the weights at a time are read once for all lanes, and
    twice per pair of lanes from the nearest cache.
    """
    lanes, depth = x.shape
    columns = out.shape[1]
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
def _forward(weights, angles, tape):
    batch, joints, inputs = angles.shape
    chain, first, second = tape
    width = second.inputs.shape[2]
    for trace in (first, second):
        trace.net[0] = 0
        trace.cell[0] = 0
    first.inputs[0] = 0
    for j in range(joints):
        for lane in range(batch):
            for n in range(inputs):
                first.inputs[j, lane, width + n] = angles[lane, j, n]
        _step(weights.first, first, j, second.inputs[j])
        output = first.inputs[j + 1]  # the second layer's, on its way to the next joint
        _step(weights.second, second, j, output)
        for lane in range(batch):
            for component in range(chain.shape[2]):
                value = weights.readout_bias[component]
                for n in range(width):
                    value += weights.readout[component, n] * output[lane, n]
                chain[lane, j, component] = value


@_compiled
def _step(layer, trace, j, output):
    """Take joint j's step through a layer: its inputs and state to its output and new state."""
    _, batch, cells, blocks = trace.cell.shape
    columns = len(layer.bias)
    before, net = trace.net[j], trace.net[j + 1]
    old, new, squashed = trace.cell[j], trace.cell[j + 1], trace.squashed[j]
    by_column = net.reshape((batch, columns))
    for lane in range(batch):
        for n in range(columns):
            by_column[lane, n] = layer.bias[n]
    _add_product(trace.inputs[j], layer.weight, by_column)
    for lane in range(batch):
        for gate in range(GATES):
            for b in range(blocks):
                net[lane, gate, b] += (layer.lateral[gate, INPUT, b] * before[lane, INPUT, b]
                                       + layer.lateral[gate, FORGET, b] * before[lane, FORGET, b]
                                       + layer.lateral[gate, OUTPUT, b] * before[lane, OUTPUT, b])
        for c in range(cells):
            for b in range(blocks):
                net[lane, INPUT, b] += layer.peephole[INPUT, c, b] * old[lane, c, b]
                net[lane, FORGET, b] += layer.peephole[FORGET, c, b] * old[lane, c, b]
        for gate in range(OUTPUT):
            for b in range(blocks):
                net[lane, gate, b] = _sigmoid(net[lane, gate, b])
        for c in range(cells):
            for b in range(blocks):
                net[lane, GATES + c, b] = _tanh(net[lane, GATES + c, b])
        for c in range(cells):
            for b in range(blocks):
                new[lane, c, b] = (net[lane, FORGET, b] * old[lane, c, b]
                                   + net[lane, INPUT, b] * net[lane, GATES + c, b])
                net[lane, OUTPUT, b] += layer.peephole[OUTPUT, c, b] * new[lane, c, b]
        for b in range(blocks):
            net[lane, OUTPUT, b] = _sigmoid(net[lane, OUTPUT, b])
        for c in range(cells):
            row = output[lane, c * blocks:]
            for b in range(blocks):
                squashed[lane, c, b] = _tanh(new[lane, c, b])
                row[b] = net[lane, OUTPUT, b] * squashed[lane, c, b]


@_compiled
def _gradient(weights, tape, first, second, chain_gradient, gradient):
    """Sweep back with a lane for each configuration."""
    batch, joints, size = chain_gradient.shape
    output = second.output.reshape((batch, weights.readout.shape[1]))
    by_pose = np.empty((batch, size), chain_gradient.dtype)
    for j in range(joints - 1, -1, -1):
        for lane in range(batch):
            for component in range(size):
                by_pose[lane, component] = chain_gradient[lane, j, component]
        _add_product(by_pose, weights.readout, output)
        _step_back(weights, tape, first, second, j, batch, gradient)


@_compiled
def _rows(weights, tape, first, second, joints, components, gradient):
    """Sweep back with a lane for each row and configuration, the rows in order of entry."""
    batch, length, _ = tape.chain.shape
    width = weights.readout.shape[1]
    output = second.output.reshape((len(joints) * batch, width))
    entered = 0
    for j in range(length - 1, -1, -1):
        while entered < len(joints) and joints[entered] == j:
            for lane in range(entered * batch, (entered + 1) * batch):
                for n in range(width):
                    output[lane, n] += weights.readout[components[entered], n]
            entered += 1
        _step_back(weights, tape, first, second, j, entered * batch, gradient)


@_compiled
def _step_back(weights, tape, first, second, j, lanes, gradient):
    """Take joint j's step back: from the slope of its output to that before, and its angles'."""
    _differentiate(weights.second, tape.second, j, second, lanes)
    _pass_back(weights.second, second, j, lanes, first.output)
    _differentiate(weights.first, tape.first, j, first, lanes)
    net = _pass_back(weights.first, first, j, lanes, second.output)
    angles = weights.first.weight[weights.first.back.shape[1]:]
    for lane in range(lanes):
        for axis in range(len(angles)):
            value = gradient.dtype.type(0)
            for n in range(net.shape[1]):
                value += angles[axis, n] * net[lane, n]
            gradient[lane, j, axis] = value  # equation 2


@_compiled
def _pass_back(layer, slope, j, lanes, target):
    """Set target to the slope of a layer's inputs, without the angles; return that of its nets."""
    columns, width = layer.back.shape
    net = slope.net[j % len(slope.net)][:lanes].reshape((lanes, columns))
    by_input = target[:lanes].reshape((lanes, width))
    for lane in range(lanes):
        for n in range(width):
            by_input[lane, n] = 0
    _add_product(net, layer.back, by_input)
    return net


@_compiled
def _differentiate(layer, trace, j, slope, lanes):
    """
    Go back through a layer's elements at joint j: the slope of its output to that of its nets.

    On the way in, slope.cell and slope.gates are what the next joint passes back; on the way
    out, what this joint passes back to the one before.
    """
    _, batch, cells, blocks = trace.cell.shape
    net, old, squashed = trace.net[j + 1], trace.cell[j], trace.squashed[j]
    by_net, by_cell, by_gate = slope.net[j % len(slope.net)], slope.cell, slope.gates
    for lane in range(lanes):
        t = lane % batch  # lanes are put row by row, and a row has one for each configuration
        for gate in range(GATES):
            for b in range(blocks):
                by_net[lane, gate, b] = by_gate[lane, gate, b]
        for c in range(cells):
            for b in range(blocks):
                by_net[lane, OUTPUT, b] += slope.output[lane, c, b] * squashed[t, c, b]
        for b in range(blocks):
            gate = net[t, OUTPUT, b]
            by_net[lane, OUTPUT, b] *= gate - gate * gate
        for c in range(cells):
            for b in range(blocks):
                through = slope.output[lane, c, b] * net[t, OUTPUT, b]
                by_state = (by_cell[lane, c, b] + through
                            - through * squashed[t, c, b] * squashed[t, c, b]
                            + by_net[lane, OUTPUT, b] * layer.peephole[OUTPUT, c, b])
                by_cell[lane, c, b] = by_state
                value = net[t, GATES + c, b]
                by_net[lane, INPUT, b] += by_state * value
                by_net[lane, FORGET, b] += by_state * old[t, c, b]
                through = by_state * net[t, INPUT, b]
                by_net[lane, GATES + c, b] = through - through * value * value
        for gate in range(OUTPUT):
            for b in range(blocks):
                by_net[lane, gate, b] *= net[t, gate, b] - net[t, gate, b] * net[t, gate, b]
        for c in range(cells):
            for b in range(blocks):
                by_cell[lane, c, b] = (by_cell[lane, c, b] * net[t, FORGET, b]
                                       + by_net[lane, INPUT, b] * layer.peephole[INPUT, c, b]
                                       + by_net[lane, FORGET, b] * layer.peephole[FORGET, c, b])
        for gate in range(GATES):
            for b in range(blocks):
                by_gate[lane, gate, b] = (
                    layer.lateral[INPUT, gate, b] * by_net[lane, INPUT, b]
                    + layer.lateral[FORGET, gate, b] * by_net[lane, FORGET, b]
                    + layer.lateral[OUTPUT, gate, b] * by_net[lane, OUTPUT, b])
