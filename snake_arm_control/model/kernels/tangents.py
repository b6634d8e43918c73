# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The sweep from the base to the tool with tangents: columns of the Jacobian."""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FIRST, FORGET, GATES, INPUT, OUTPUT, SECOND
from snake_arm_control.model.kernels.arithmetic import add_product, flushed
from snake_arm_control.model.kernels.layout import cells_and_blocks, Tangents, Tape, Weights


@compiled
def jacobian_columns(weights, tape, reach):
    """
    Sweep with a lane for each angle, one configuration after the other.

    Here the lanes are the last axis: all share the coefficients of their configuration, and the
    weights multiply from the left.

    :return: (batch, reach, 9, joints, axes)
    """
    weights, tape = Weights(*weights), Tape(*tape)
    batch, length, inputs = tape.angles.shape
    size, width = weights.readout.shape
    result = np.zeros((batch, reach, size, length * inputs), weights.bias.dtype)
    for t in range(batch):
        tangents = _no_tangents(weights, 0)
        for j in range(reach):
            own = j % len(weights.angles)
            entered = (j + 1) * inputs
            if tangents.output.shape[2] < entered:
                tangents = _room_for_tangents(weights, tangents)
            for layer in (FIRST, SECOND):
                by_column = tangents.net.reshape((weights.bias.shape[2], -1))
                by_column[:] = 0
                if layer == FIRST:
                    for n in range(len(by_column)):
                        for axis in range(inputs):
                            by_column[n, j * inputs + axis] = weights.angles[own, axis, n]
                add_product(weights.back[layer], tangents.output[1 - layer], by_column)
                _push_forward(weights, tape, tangents, layer, j, t)
            by_pose = np.zeros((size, tangents.output.shape[2]), result.dtype)
            add_product(weights.readout, tangents.output[SECOND], by_pose)
            for component in range(size):
                for lane in range(entered):
                    result[t, j, component, lane] = by_pose[component, lane]
    return result.reshape((batch, reach, size, length, inputs))


@compiled
def functional_rows(columns, rows, ends, coefficients, lanes, first):
    """
    Return the derivatives of functionals, given the columns of the Jacobian up to their joints.

    :param columns: (batch, reach, 9, joints, axes)
    :param coefficients: (entries, 9)
    :param lanes: (count,), the configurations of the functionals
    :return: (count, joints - first, axes)
    """
    _, _, size, length, inputs = columns.shape
    result = np.zeros((len(lanes), length - first, inputs), columns.dtype)
    for entry in range(len(rows)):
        row = rows[entry]
        for component in range(size):
            factor = coefficients[entry, component]
            if factor != 0:
                for j in range(first, ends[entry] + 1):
                    for axis in range(inputs):
                        result[row, j - first, axis] += (
                            factor * columns[lanes[row], ends[entry], component, j, axis])
    return result


@compiled
def _no_tangents(weights, lanes):
    (cells, blocks), real = cells_and_blocks(weights), weights.bias.dtype
    return Tangents(np.zeros((2, cells * blocks, lanes), real),
                    np.zeros((2, cells, blocks, lanes), real),
                    np.zeros((2, GATES, blocks, lanes), real),
                    np.empty((GATES + cells, blocks, lanes), real))


@compiled
def _room_for_tangents(weights, tangents):
    """Return the tangents with room for whole vectors more: a copy at each joint would cost."""
    lanes = tangents.output.shape[2]
    wider = _no_tangents(weights, lanes + 16)
    wider.output[..., :lanes] = tangents.output
    wider.cell[..., :lanes] = tangents.cell
    wider.gates[..., :lanes] = tangents.gates
    return wider


@compiled
def _push_forward(weights, tape, tangents, layer, j, t):
    """
    Set the tangents of the output of a layer at joint j, from those of its nets.

    The tangents of its cells and gates come in as those of the joint before, and go out as those
    of this one.
    """
    by_net, by_cell, by_gate = tangents.net, tangents.cell[layer], tangents.gates[layer]
    cells, blocks = by_cell.shape[:2]
    own = weights.own[layer].reshape((GATES, cells + GATES, blocks))
    peephole, lateral = own[:, :cells], own[:, cells:]
    state = tape.state[layer, j + 1, t].reshape((-1, blocks))
    net, squashed = state, state[GATES + 2 * cells:]
    old = tape.state[layer, j, t].reshape((-1, blocks))[GATES + cells:]
    by_output = tangents.output[layer].reshape((cells, blocks, -1))
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
                by_gate[gate, b, lane] = flushed(factor * by_net[gate, b, lane])
        for c in range(cells):
            value, before, kept = net[GATES + c, b], old[c, b], net[FORGET, b]
            factor = net[INPUT, b] - net[INPUT, b] * value * value
            for lane in range(lanes):
                by_cell[c, b, lane] = flushed(
                    kept * by_cell[c, b, lane] + factor * by_net[GATES + c, b, lane]
                    + value * by_gate[INPUT, b, lane] + before * by_gate[FORGET, b, lane])
            factor = peephole[OUTPUT, c, b]
            for lane in range(lanes):
                by_net[OUTPUT, b, lane] += factor * by_cell[c, b, lane]
        value = net[OUTPUT, b]
        factor = value - value * value
        for lane in range(lanes):
            by_gate[OUTPUT, b, lane] = flushed(factor * by_net[OUTPUT, b, lane])
        for c in range(cells):
            value = squashed[c, b]
            factor = net[OUTPUT, b] - net[OUTPUT, b] * value * value
            for lane in range(lanes):
                by_output[c, b, lane] = flushed(value * by_gate[OUTPUT, b, lane]
                                                 + factor * by_cell[c, b, lane])
