# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Both passes for many samples at once, for training.

The lanes (samples) come last in every array, so that every inner loop runs over them, and the
matrix products go to BLAS.
"""

from typing import NamedTuple

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FORGET, GATES, INPUT, OUTPUT
from snake_arm_control.model.kernels.arithmetic import sigmoid, tanh


class Layer(NamedTuple):
    """The parameters of a hidden layer, or their gradients."""

    weight: np.ndarray  # (columns, inputs): transposed
    bias: np.ndarray  # (columns,)
    peephole: np.ndarray  # (3, blocks, cells)
    lateral: np.ndarray  # (3, 3, blocks)


class Trace(NamedTuple):
    """What a hidden layer did; element 0 of net and cell is the state before the first joint."""

    inputs: np.ndarray  # (joints + 1, inputs, lanes)
    net: np.ndarray  # (joints + 1, columns, lanes): gates and squashed cell inputs
    cell: np.ndarray  # (joints + 1, width, lanes)
    squashed: np.ndarray  # (joints, width, lanes): tanh of the cells


@compiled
def forward_pass(layers, readout, readout_bias, readings, traces, chain):
    """
    Set the traces of both layers, and the chain.

    :param readings: (joints, 2 or more, lanes), angles [rad] and geometry
    :param chain: (joints, 9, lanes)
    """
    (first, second), (trace_1, trace_2) = layers, traces
    joints, inputs, lanes = readings.shape
    for trace in traces:
        trace.net[0] = 0
        trace.cell[0] = 0
    trace_1.inputs[0] = 0
    for j in range(joints):
        trace_1.inputs[j, :inputs] = readings[j]
        _step(first, trace_1, j, trace_2.inputs[j], 0)
        output = trace_1.inputs[j + 1]
        _step(second, trace_2, j, output, inputs)
        for n in range(len(readout)):
            for a in range(lanes):
                chain[j, n, a] = readout_bias[n]
            for k in range(readout.shape[1]):
                for a in range(lanes):
                    chain[j, n, a] += readout[n, k] * output[inputs + k, a]


@compiled
def inward_pass(layer, readings, trace, told):
    """
    Set the trace of the inward layer, whose first step is at the last joint.

    :param readings: (joints, 2 or more, lanes)
    :param told: (joints, outputs, lanes), what it tells of what lies beyond each joint
    """
    joints, reads, _ = readings.shape
    trace.net[0], trace.cell[0], trace.inputs[0] = 0, 0, 0
    for step in range(joints):
        j = joints - 1 - step
        trace.inputs[step, :reads] = readings[j]
        _step(layer, trace, step, trace.inputs[step + 1], reads)
        told[j] = trace.inputs[step + 1, reads:]


@compiled
def _step(layer, trace, j, output, offset):
    """Take one layer through joint j; its output goes to the rows from offset on."""
    _, blocks, cells = layer.peephole.shape
    before, net = trace.net[j], trace.net[j + 1]
    old, new, squashed = trace.cell[j], trace.cell[j + 1], trace.squashed[j]
    lanes = net.shape[1]
    np.dot(layer.weight, trace.inputs[j], net)
    for b in range(blocks):
        i, f, o = b, blocks + b, 2 * blocks + b
        for gate in range(GATES):
            row = gate * blocks + b
            bias = layer.bias[row]
            by_i, by_f, by_o = (layer.lateral[gate, INPUT, b], layer.lateral[gate, FORGET, b],
                                layer.lateral[gate, OUTPUT, b])
            for a in range(lanes):
                net[row, a] += (bias + by_i * before[i, a] + by_f * before[f, a]
                                + by_o * before[o, a])
        for c in range(cells):
            n = b * cells + c
            seen_i, seen_f = layer.peephole[INPUT, b, c], layer.peephole[FORGET, b, c]
            for a in range(lanes):
                net[i, a] += seen_i * old[n, a]
                net[f, a] += seen_f * old[n, a]
        for a in range(lanes):
            net[i, a] = sigmoid(net[i, a])
            net[f, a] = sigmoid(net[f, a])
        for c in range(cells):
            n = b * cells + c
            row = GATES * blocks + n
            bias, seen = layer.bias[row], layer.peephole[OUTPUT, b, c]
            for a in range(lanes):
                value = tanh(net[row, a] + bias)
                net[row, a] = value
                state = net[f, a] * old[n, a] + net[i, a] * value
                new[n, a] = state
                net[o, a] += seen * state
                squashed[n, a] = tanh(state)
        for a in range(lanes):
            net[o, a] = sigmoid(net[o, a])
        for c in range(cells):
            n = b * cells + c
            for a in range(lanes):
                output[offset + n, a] = net[o, a] * squashed[n, a]


@compiled
def gradients(layers, readout, traces, by_chain, by_layers, by_readout, by_readings):
    """
    Sweep back over the joints: add to by_layers and by_readout, and set by_readings.

    :param by_chain: (joints, 9, lanes)
    :param by_readings: (joints, 2 or more, lanes)
    """
    (first, second), (trace_1, trace_2), (by_first, by_second) = layers, traces, by_layers
    joints, _, lanes = by_chain.shape
    columns, inputs = first.weight.shape
    reads, width = by_readings.shape[1], trace_1.cell.shape[1]
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
        output = trace_1.inputs[j + 1]
        for n in range(len(readout)):
            for k in range(width):
                total = real.type(0)
                by_row = readout[n, k]
                for a in range(lanes):
                    slope = by_chain[j, n, a]
                    total += slope * output[reads + k, a]
                    by_inputs[reads + k, a] += by_row * slope
                by_readout[n, k] += total
        _step_back(second, trace_2, j, by_inputs, reads, cell_2, gates_2, delta, by_second)
        np.dot(delta, trace_2.inputs[j].T, product_2)
        by_second.weight[:] += product_2
        np.dot(weight_2, delta, by_hidden)
        _step_back(first, trace_1, j, by_hidden, 0, cell_1, gates_1, delta, by_first)
        np.dot(delta, trace_1.inputs[j].T, product_1)
        by_first.weight[:] += product_1
        np.dot(weight_1, delta, by_inputs)
        by_readings[j] = by_inputs[:reads]


@compiled
def inward_gradients(layer, trace, by_told, by_layer, by_readings):
    """
    Sweep from the first joint to the last: add to by_layer and by_readings.

    :param by_told: (joints, outputs, lanes)
    :param by_readings: (joints, 2 or more, lanes)
    """
    joints, reads, lanes = by_readings.shape
    (columns, inputs), width = layer.weight.shape, by_told.shape[1]
    real = by_told.dtype
    delta = np.empty((columns, lanes), real)
    cell, gates = np.zeros((width, lanes), real), np.zeros((columns - width, lanes), real)
    by_inputs = np.zeros((inputs, lanes), real)
    weight, product = np.ascontiguousarray(layer.weight.T), np.empty_like(layer.weight)
    for j in range(joints):
        step = joints - 1 - j
        by_inputs[reads:] += by_told[j]
        _step_back(layer, trace, step, by_inputs, reads, cell, gates, delta, by_layer)
        np.dot(delta, trace.inputs[step].T, product)
        by_layer.weight[:] += product
        np.dot(weight, delta, by_inputs)
        by_readings[j] += by_inputs[:reads]


@compiled
def _step_back(layer, trace, j, by_output, offset, by_cell, by_gates, delta, total):
    """
    Set delta to the slopes of the nets of a layer at joint j, from those of its output.

    by_cell and by_gates come in as joint j + 1 passes them back, and go out as joint j does.
    """
    _, blocks, cells = layer.peephole.shape
    net, old, new = trace.net[j + 1], trace.cell[j], trace.cell[j + 1]
    squashed = trace.squashed[j]
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
            row = GATES * blocks + n
            seen = layer.peephole[OUTPUT, b, c]
            peep, bias = net.dtype.type(0), net.dtype.type(0)
            for a in range(lanes):
                through = by_output[offset + n, a] * net[o, a]
                slope = (by_cell[n, a] + through - through * squashed[n, a] * squashed[n, a]
                         + delta[o, a] * seen)
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
            total.peephole[OUTPUT, b, c] += peep
        for a in range(lanes):
            delta[i, a] *= net[i, a] - net[i, a] * net[i, a]
            delta[f, a] *= net[f, a] - net[f, a] * net[f, a]
        for c in range(cells):
            n = b * cells + c
            seen_i, seen_f = layer.peephole[INPUT, b, c], layer.peephole[FORGET, b, c]
            peep_i, peep_f = net.dtype.type(0), net.dtype.type(0)
            for a in range(lanes):
                by_cell[n, a] = (by_cell[n, a] * net[f, a] + delta[i, a] * seen_i
                                 + delta[f, a] * seen_f)
                peep_i += delta[i, a] * old[n, a]
                peep_f += delta[f, a] * old[n, a]
            total.peephole[INPUT, b, c] += peep_i
            total.peephole[FORGET, b, c] += peep_f
    _pass_to_gates(layer, trace.net[j], delta, by_gates, total)


@compiled
def _pass_to_gates(layer, before, delta, by_gates, total):
    """Set by_gates to the slopes of the gates of the joint before, by which the nets depend."""
    blocks, lanes = layer.peephole.shape[1], before.shape[1]
    real = before.dtype
    for b in range(blocks):
        i, f, o = b, blocks + b, 2 * blocks + b
        for gate in range(GATES):
            row = gate * blocks + b
            bias = real.type(0)
            for a in range(lanes):
                bias += delta[row, a]
            total.bias[row] += bias
            back_i, back_f, back_o = (layer.lateral[INPUT, gate, b],
                                      layer.lateral[FORGET, gate, b],
                                      layer.lateral[OUTPUT, gate, b])
            to_i, to_f, to_o = real.type(0), real.type(0), real.type(0)
            for a in range(lanes):
                seen = before[row, a]
                to_i += delta[i, a] * seen
                to_f += delta[f, a] * seen
                to_o += delta[o, a] * seen
                by_gates[row, a] = (back_i * delta[i, a] + back_f * delta[f, a]
                                    + back_o * delta[o, a])
            total.lateral[INPUT, gate, b] += to_i
            total.lateral[FORGET, gate, b] += to_f
            total.lateral[OUTPUT, gate, b] += to_o
