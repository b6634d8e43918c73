# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The passes of a network with an inward layer: poses from the base to the tool, loads back to it.

The inward layer reads the joints from the last to the first. To the other two layers, what it
tells of what lies beyond a joint is no more than further inputs of the first.
"""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FIRST, GATES, INWARD_BLOCKS
from snake_arm_control.model.kernels import backward, forward
from snake_arm_control.model.kernels.arithmetic import add_product
from snake_arm_control.model.kernels.layout import CELLS, InwardTape, InwardWeights


@compiled
def forward_pass(weights, tape, inward_weights, inward_tape):
    """Set both tapes; the tapes and weights are those of `layout`."""
    told = _read_inwards(inward_weights, tape[0], inward_tape)
    forward.forward_pass(weights, tape, told)


@compiled
def angle_gradient(weights, tape, inward_weights, inward_tape, chain_gradient):
    """
    Sweep out and back with a lane for each configuration.

    :return: dL/dangles (batch, joints, axes)
    """
    by_angles, by_net = backward.angle_gradient(weights, tape, chain_gradient, True)
    _pull_back(inward_weights, inward_tape, by_net[FIRST], np.arange(len(by_angles)), by_angles)
    return by_angles


@compiled
def functional_rows(weights, tape, inward_weights, inward_tape, rows, ends, coefficients,
                    configurations):
    """
    Sweep with a lane for each functional, which depends on the joints beyond its own as well.

    :return: (count, joints, axes), as `backward.functional_rows` from the first joint on
    """
    by_angles, by_net, place, entered = backward.sweep_rows(
        weights, tape, rows, ends, coefficients, configurations, 0, True)
    lanes = np.sum(place >= 0)
    _pull_back(inward_weights, inward_tape, by_net[FIRST], entered[:lanes], by_angles)
    result = np.zeros_like(by_angles)
    for row in range(len(place)):
        if place[row] >= 0:
            result[row] = by_angles[place[row]]
    return result


@compiled
def _read_inwards(weights, angles, tape):
    """
    Set the tape of the inward layer.

    :return: (joints, batch, columns of the first layer), what the nets of that get
    """
    weights, tape = InwardWeights(*weights), InwardTape(*tape)
    (batch, joints, inputs), (outputs, columns) = angles.shape, weights.hidden.shape
    state, output, own, hidden = tape.state, tape.output, weights.own, weights.hidden
    by_angle, bias = weights.angles, weights.bias
    blocks = (columns - outputs) // GATES
    cells = outputs // blocks
    state[joints], output[joints] = 0, 0
    for j in range(joints - 1, -1, -1):
        described = j % len(by_angle)
        for lane in range(batch):
            for n in range(columns):
                state[j, lane, n] = bias[described, n]
            for axis in range(inputs):
                angle = angles[lane, j, axis]
                for n in range(columns):
                    state[j, lane, n] += angle * by_angle[described, axis, n]
        add_product(output[j + 1], hidden, state[j])
        if cells == CELLS and blocks == INWARD_BLOCKS:
            forward.activate_blocks(own, state[j + 1], state[j], output[j], CELLS, INWARD_BLOCKS)
        else:
            forward.activate_blocks(own, state[j + 1], state[j], output[j], cells, blocks)
    told = np.zeros((joints * batch, weights.beyond.shape[1]), angles.dtype)
    add_product(output.reshape((-1, outputs))[:joints * batch], weights.beyond, told)
    return told.reshape((joints, batch, -1))


@compiled
def _pull_back(weights, tape, by_net, configurations, by_angles):
    """
    Add slopes by angles that pass through the inward layer.

    :param by_net: (joints, lanes or more, columns of the first layer), slopes by its nets
    :param configurations: (lanes,), indices into the batch
    :param by_angles: (lanes or more, joints, axes)
    """
    weights, tape = InwardWeights(*weights), InwardTape(*tape)
    (joints, every, _), lanes, inputs = by_net.shape, len(configurations), by_angles.shape[2]
    (outputs, columns), real = weights.hidden.shape, by_angles.dtype
    state, own, back, by_angle = tape.state, weights.own, weights.back, weights.angles
    blocks = (columns - outputs) // GATES
    cells = outputs // blocks
    filled = back.shape[1]
    told = np.zeros((joints * every, filled), real)
    add_product(by_net.reshape((joints * every, -1)), weights.beyond_back, told)
    carried = np.zeros((lanes, max(filled, (2 * cells + GATES) * blocks)), real)
    by_column = np.empty((lanes, columns), real)
    for j in range(joints):
        described = j % len(by_angle)
        for lane in range(lanes):
            for n in range(outputs):
                carried[lane, n] += told[j * every + lane, n]
        if cells == CELLS and blocks == INWARD_BLOCKS:
            backward.differentiate_blocks(own, state[j + 1], state[j], configurations, carried,
                                          by_column, CELLS, INWARD_BLOCKS)
        else:
            backward.differentiate_blocks(own, state[j + 1], state[j], configurations, carried,
                                          by_column, cells, blocks)
        add_product(by_column, back, carried)
        for lane in range(lanes):
            for axis in range(inputs):
                value = real.type(0)
                for n in range(columns):
                    value += by_angle[described, axis, n] * by_column[lane, n]
                by_angles[lane, j, axis] += value
