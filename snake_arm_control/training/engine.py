# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The network's passes compiled for many samples at once: the trainer's engine on a CPU.

`bptt` is built for the answer to one configuration to come soon, and serves small batches. The
kernels here are built for many gradients a second: the lanes (samples) come last in every array,
so that every loop runs over them, and the products go to BLAS. On a GPU the torch module does the
same work; a test says that they agree.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit
import numpy as np
import torch
from torch import Tensor

from snake_arm_control.model import bptt
from snake_arm_control.model.bptt import _sigmoid, _tanh
from snake_arm_control.model.network import GATES, Network

FEW = 24  # samples that bptt is faster for
LANES = 64  # samples at a time: what a core's cache holds well

# Traces that are no longer in use, by their shapes.
_spare: dict[tuple, list[_Trace]] = {}

_compiled = njit(cache=True, error_model='numpy',
                 fastmath={'contract', 'reassoc', 'nsz', 'arcp'})


class _Layer(NamedTuple):
    """The parameters of a hidden layer, or their gradients."""

    weight: np.ndarray  # (columns, inputs): transposed
    bias: np.ndarray  # (columns,)
    peephole: np.ndarray  # (3, blocks, cells)
    lateral: np.ndarray  # (3, 3, blocks)


class _Trace(NamedTuple):
    """What a hidden layer did; element 0 of net and cell is the state before the first joint."""

    inputs: np.ndarray  # (joints + 1, inputs, lanes)
    net: np.ndarray  # (joints + 1, columns, lanes): gates and squashed cell inputs
    cell: np.ndarray  # (joints + 1, width, lanes)
    squashed: np.ndarray  # (joints, width, lanes): tanh of the cells


def predict(network: Network, angles: Tensor) -> Tensor:
    """
    Return the predicted pose chains, as the network does, differentiable by its parameters only.

    :param network: on the CPU
    :param angles: (batch, joints, 2) [rad]
    :return: (batch, joints, 9)
    """
    names, parameters = zip(*network.named_parameters())
    predict = _Few if len(angles) <= FEW else _Many
    return predict.apply(names, angles, *parameters)


class _Few(torch.autograd.Function):
    """The bridge between autograd and `bptt`."""

    @staticmethod
    def forward(ctx, names: tuple[str, ...], angles: Tensor, *parameters: Tensor) -> Tensor:
        arrays = {name: p.detach().numpy() for name, p in zip(names, parameters)}
        ctx.names, ctx.parameters = names, bptt.Parameters.from_arrays(arrays)
        ctx.tape = bptt.forward(ctx.parameters, angles.numpy())
        return torch.from_numpy(ctx.tape.chain)

    @staticmethod
    def backward(ctx, chain_gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients, _ = bptt.parameter_gradient(ctx.parameters, ctx.tape, chain_gradient.numpy())
        return (None, None, *(torch.from_numpy(gradients[name]) for name in ctx.names))


class _Many(torch.autograd.Function):
    """The bridge between autograd and the kernels below."""

    @staticmethod
    def forward(ctx, names: tuple[str, ...], angles: Tensor, *parameters: Tensor) -> Tensor:
        first, second, readout, readout_bias = _weights([p.numpy() for p in parameters])
        real = readout.dtype
        ctx.weights, ctx.pieces = (first, second, readout), []
        chains = []
        for piece in angles.split(LANES):
            lanes_last = np.ascontiguousarray(piece.permute(1, 2, 0).numpy(), dtype=real)
            tapes = [_take_trace(layer, *lanes_last.shape[::2]) for layer in (first, second)]
            chain = np.empty((len(lanes_last), len(readout), len(piece)), real)
            _forward(first, second, readout, readout_bias, lanes_last, *tapes, chain)
            ctx.pieces.append(tapes)
            chains.append(torch.from_numpy(chain).permute(2, 0, 1))
        return torch.cat(chains)

    @staticmethod
    def backward(ctx, chain_gradient: Tensor) -> tuple[Tensor | None, ...]:
        first, second, readout = ctx.weights
        sums, pieces, ctx.pieces = None, ctx.pieces, None
        if pieces is None:
            raise RuntimeError('a prediction can be differentiated only once')
        for tapes, piece in zip(pieces, chain_gradient.split(LANES)):
            by_chain = np.ascontiguousarray(piece.permute(1, 2, 0).numpy(), dtype=readout.dtype)
            gradients = [_Layer(*map(np.zeros_like, layer)) for layer in (first, second)]
            by_readout = np.zeros_like(readout)
            _backward(first, second, readout, *tapes, by_chain, *gradients, by_readout)
            for tape in tapes:
                _spare.setdefault(_key(tape), []).append(tape)
            part = [*gradients[1], *gradients[0], by_readout, by_chain.sum((0, 2))]
            sums = part if sums is None else [a + b for a, b in zip(sums, part)]
        second, first, (readout, readout_bias) = sums[:4], sums[4:8], sums[8:]
        return (None, None, *map(torch.from_numpy, (
            readout.T.copy(), readout_bias,
            first[0].T.copy(), *first[1:], second[0].T.copy(), *second[1:])))


def _weights(parameters: list[np.ndarray]) -> tuple[_Layer, _Layer, np.ndarray, np.ndarray]:
    """Take the parameters in the order of `Network.parameters`: the read-out's come first."""
    readout, readout_bias = parameters[:2]
    first, second = (_Layer(np.ascontiguousarray(p[0].T), *p[1:])
                     for p in (parameters[2:6], parameters[6:]))
    return first, second, np.ascontiguousarray(readout.T), readout_bias


def _take_trace(layer: _Layer, joints: int, lanes: int) -> _Trace:
    """Return a trace to be written, a spare one if there is: fresh memory costs a third more."""
    columns, inputs = layer.weight.shape
    width = columns - len(GATES) * layer.peephole.shape[1]
    shapes = ((joints + 1, inputs), (joints + 1, columns), (joints + 1, width), (joints, width))
    spare = _spare.get((tuple((*shape, lanes) for shape in shapes), layer.weight.dtype))
    if spare:
        return spare.pop()
    return _Trace(*(np.empty((*shape, lanes), layer.weight.dtype) for shape in shapes))


def _key(trace: _Trace) -> tuple:
    return tuple(array.shape for array in trace), trace.net.dtype


# The kernels


@_compiled
def _forward(first, second, readout, readout_bias, angles, tape_1, tape_2, chain):
    joints, inputs, lanes = angles.shape
    for tape in (tape_1, tape_2):
        tape.net[0] = 0
        tape.cell[0] = 0
    tape_1.inputs[0] = 0
    for j in range(joints):
        tape_1.inputs[j, :inputs] = angles[j]
        _step(first, tape_1, j, tape_2.inputs[j], 0)
        output = tape_1.inputs[j + 1]
        _step(second, tape_2, j, output, inputs)
        for n in range(len(readout)):
            for a in range(lanes):
                chain[j, n, a] = readout_bias[n]
            for k in range(readout.shape[1]):
                for a in range(lanes):
                    chain[j, n, a] += readout[n, k] * output[inputs + k, a]


@_compiled
def _step(layer, tape, j, output, offset):
    """Take joint j's step through a layer; its output goes to the rows from offset."""
    gates, blocks, cells = layer.peephole.shape
    before, net = tape.net[j], tape.net[j + 1]
    old, new, squashed = tape.cell[j], tape.cell[j + 1], tape.squashed[j]
    lanes = net.shape[1]
    np.dot(layer.weight, tape.inputs[j], net)
    for b in range(blocks):
        i, f, o = b, blocks + b, 2 * blocks + b
        for gate in range(gates):
            row = gate * blocks + b
            bias = layer.bias[row]
            by_i, by_f, by_o = layer.lateral[gate, 0, b], layer.lateral[gate, 1, b], \
                layer.lateral[gate, 2, b]
            for a in range(lanes):
                net[row, a] += bias + by_i * before[i, a] + by_f * before[f, a] \
                    + by_o * before[o, a]
        for c in range(cells):
            n = b * cells + c
            seen_i, seen_f = layer.peephole[0, b, c], layer.peephole[1, b, c]
            for a in range(lanes):
                net[i, a] += seen_i * old[n, a]
                net[f, a] += seen_f * old[n, a]
        for a in range(lanes):
            net[i, a] = _sigmoid(net[i, a])
            net[f, a] = _sigmoid(net[f, a])
        for c in range(cells):
            n = b * cells + c
            row = gates * blocks + n
            bias, seen = layer.bias[row], layer.peephole[2, b, c]
            for a in range(lanes):
                value = _tanh(net[row, a] + bias)
                net[row, a] = value
                state = net[f, a] * old[n, a] + net[i, a] * value
                new[n, a] = state
                net[o, a] += seen * state
                squashed[n, a] = _tanh(state)
        for a in range(lanes):
            net[o, a] = _sigmoid(net[o, a])
        for c in range(cells):
            n = b * cells + c
            for a in range(lanes):
                output[offset + n, a] = net[o, a] * squashed[n, a]


@_compiled
def _backward(first, second, readout, tape_1, tape_2, by_chain, by_first, by_second, by_readout):
    """Sweep back over the joints and add up the gradients of the parameters."""
    joints, _, lanes = by_chain.shape
    columns, inputs = first.weight.shape
    width = len(tape_1.cell[0])
    angles = inputs - width
    real = by_chain.dtype
    delta = np.empty((columns, lanes), real)
    cell_1, cell_2 = np.zeros((width, lanes), real), np.zeros((width, lanes), real)
    gates_1, gates_2 = (np.zeros((columns - width, lanes), real),
                        np.zeros((columns - width, lanes), real))
    by_inputs = np.zeros((inputs, lanes), real)
    by_hidden = np.empty((width, lanes), real)
    weight_1 = np.ascontiguousarray(first.weight.T)
    weight_2 = np.ascontiguousarray(second.weight.T)
    product_1, product_2 = np.empty_like(first.weight), np.empty_like(second.weight)
    for j in range(joints - 1, -1, -1):
        output = tape_1.inputs[j + 1]
        for n in range(len(readout)):
            for k in range(width):
                total = real.type(0)
                by_row = readout[n, k]
                for a in range(lanes):
                    slope = by_chain[j, n, a]
                    total += slope * output[angles + k, a]
                    by_inputs[angles + k, a] += by_row * slope
                by_readout[n, k] += total
        _step_back(second, tape_2, j, by_inputs, angles, cell_2, gates_2, delta, by_second)
        np.dot(delta, tape_2.inputs[j].T, product_2)
        by_second.weight[:] += product_2
        np.dot(weight_2, delta, by_hidden)
        _step_back(first, tape_1, j, by_hidden, 0, cell_1, gates_1, delta, by_first)
        np.dot(delta, tape_1.inputs[j].T, product_1)
        by_first.weight[:] += product_1
        np.dot(weight_1, delta, by_inputs)


@_compiled
def _step_back(layer, tape, j, by_output, offset, by_cell, by_gates, delta, total):
    """
    Go back through a layer at joint j: from the slope of its output to that of its nets.

    by_cell and by_gates are what joint j + 1 passes back; on the way out, what joint j does.
    """
    gates, blocks, cells = layer.peephole.shape
    before, net = tape.net[j], tape.net[j + 1]
    old, new, squashed = tape.cell[j], tape.cell[j + 1], tape.squashed[j]
    lanes = net.shape[1]
    for b in range(blocks):
        i, f, o = b, blocks + b, 2 * blocks + b
        for a in range(lanes):
            delta[i, a] = by_gates[i, a]
            delta[f, a] = by_gates[f, a]
            delta[o, a] = by_gates[o, a]
        for c in range(cells):
            n = b * cells + c
            for a in range(lanes):
                delta[o, a] += by_output[offset + n, a] * squashed[n, a]
        for a in range(lanes):
            delta[o, a] *= net[o, a] - net[o, a] * net[o, a]
        for c in range(cells):
            n = b * cells + c
            row = gates * blocks + n
            seen = layer.peephole[2, b, c]
            peep, bias = net.dtype.type(0), net.dtype.type(0)
            for a in range(lanes):
                through = by_output[offset + n, a] * net[o, a]
                slope = by_cell[n, a] + through - through * squashed[n, a] * squashed[n, a] \
                    + delta[o, a] * seen
                by_cell[n, a] = slope
                value = net[row, a]
                delta[i, a] += slope * value
                delta[f, a] += slope * old[n, a]
                slope *= net[i, a]
                slope -= slope * value * value
                delta[row, a] = slope
                bias += slope
                peep += delta[o, a] * new[n, a]
            total.bias[row] += bias
            total.peephole[2, b, c] += peep
        for a in range(lanes):
            delta[i, a] *= net[i, a] - net[i, a] * net[i, a]
            delta[f, a] *= net[f, a] - net[f, a] * net[f, a]
        for c in range(cells):
            n = b * cells + c
            seen_i, seen_f = layer.peephole[0, b, c], layer.peephole[1, b, c]
            peep_i, peep_f = net.dtype.type(0), net.dtype.type(0)
            for a in range(lanes):
                by_cell[n, a] = by_cell[n, a] * net[f, a] + delta[i, a] * seen_i \
                    + delta[f, a] * seen_f
                peep_i += delta[i, a] * old[n, a]
                peep_f += delta[f, a] * old[n, a]
            total.peephole[0, b, c] += peep_i
            total.peephole[1, b, c] += peep_f
        for gate in range(gates):
            row = gate * blocks + b
            bias = net.dtype.type(0)
            for a in range(lanes):
                bias += delta[row, a]
            total.bias[row] += bias
            back_i, back_f, back_o = (layer.lateral[0, gate, b], layer.lateral[1, gate, b],
                                      layer.lateral[2, gate, b])
            to_i, to_f, to_o = net.dtype.type(0), net.dtype.type(0), net.dtype.type(0)
            for a in range(lanes):
                seen = before[row, a]
                to_i += delta[i, a] * seen
                to_f += delta[f, a] * seen
                to_o += delta[o, a] * seen
                by_gates[row, a] = back_i * delta[i, a] + back_f * delta[f, a] \
                    + back_o * delta[o, a]
            total.lateral[0, gate, b] += to_i
            total.lateral[1, gate, b] += to_f
            total.lateral[2, gate, b] += to_o
