# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The forward pass."""

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FIRST, FORGET, GATES, INPUT, OUTPUT, SECOND
from snake_arm_control.model.kernels.arithmetic import add_product, sigmoid, tanh
from snake_arm_control.model.kernels.layout import (
    BLOCKS,
    CELLS,
    cells_and_blocks,
    Tape,
    Weights,
)


@compiled
def forward_pass(weights, tape, told):
    """
    Set the chain, states and outputs of a tape.

    :param told: (joints, batch, columns), what else the nets of the first layer get; None if
        there is nothing else
    """
    weights, tape = Weights(*weights), Tape(*tape)
    cells, blocks = cells_and_blocks(weights)
    angles, chain = tape.angles, tape.chain
    batch, joints, size = chain.shape
    # What is taken out of an array is counted, so it is not done at each joint.
    hidden_1, hidden_2 = weights.hidden[FIRST], weights.hidden[SECOND]
    own_1, own_2 = weights.own[FIRST], weights.own[SECOND]
    bias_1, bias_2 = weights.bias[FIRST], weights.bias[SECOND]
    by_angle, readout, readout_bias = weights.angles, weights.readout, weights.readout_bias
    state_1, state_2 = tape.state[FIRST], tape.state[SECOND]
    output_1, output_2 = tape.output[FIRST], tape.output[SECOND]
    columns, width = hidden_1.shape[1], readout.shape[1]
    state_1[0], state_2[0], output_2[0] = 0, 0, 0
    for j in range(joints):
        described = j % len(by_angle)
        for lane in range(batch):
            for n in range(columns):
                state_1[j + 1, lane, n] = bias_1[described, n]
            if told is not None:  # known when this is compiled
                for n in range(columns):
                    state_1[j + 1, lane, n] += told[j, lane, n]
            for axis in range(angles.shape[2]):
                angle = angles[lane, j, axis]
                for n in range(columns):
                    state_1[j + 1, lane, n] += angle * by_angle[described, axis, n]
            for n in range(columns):
                state_2[j + 1, lane, n] = bias_2[described, n]
        add_product(output_2[j], hidden_1, state_1[j + 1])
        _activate(own_1, state_1[j], state_1[j + 1], output_1[j + 1], cells, blocks)
        add_product(output_1[j + 1], hidden_2, state_2[j + 1])
        _activate(own_2, state_2[j], state_2[j + 1], output_2[j + 1], cells, blocks)
        for lane in range(batch):
            for component in range(size):
                value = readout_bias[component]
                for n in range(width):
                    value += readout[component, n] * output_2[j + 1, lane, n]
                chain[lane, j, component] = value


@compiled
def _activate(own, before, after, output, cells, blocks):
    """Turn the nets of a layer, up to here weighted inputs, into its state and output."""
    if cells == CELLS and blocks == BLOCKS:
        activate_blocks(own, before, after, output, CELLS, BLOCKS)
    else:
        activate_blocks(own, before, after, output, cells, blocks)


@compiled
def activate_blocks(own, before, after, output, cells, blocks):
    """
    Do so; see `Weights` and `Tape` for the rows of the arrays.

    :param own: (3 (cells + 3) blocks,)
    :param before, after: (lanes, (3 + 3 cells) blocks)
    :param output: (lanes, width)
    """
    squashed, cell = GATES * blocks, (GATES + cells) * blocks
    tanhs, own_gate = cell + cells * blocks, (cells + GATES) * blocks
    own_i, own_f, own_o = INPUT * own_gate, FORGET * own_gate, OUTPUT * own_gate
    for lane in range(len(after)):
        for b in range(blocks):
            i, f, o = INPUT * blocks + b, FORGET * blocks + b, OUTPUT * blocks + b
            net_i, net_f, net_o = after[lane, i], after[lane, f], after[lane, o]
            for gate in range(GATES):
                seen = before[lane, gate * blocks + b]
                n = (cells + gate) * blocks + b
                net_i += own[own_i + n] * seen
                net_f += own[own_f + n] * seen
                net_o += own[own_o + n] * seen
            for c in range(cells):
                n = c * blocks + b
                seen = before[lane, cell + n]
                net_i += own[own_i + n] * seen
                net_f += own[own_f + n] * seen
            net_i, net_f = sigmoid(net_i), sigmoid(net_f)
            for c in range(cells):
                n = c * blocks + b
                value = tanh(after[lane, squashed + n])
                kept = net_f * before[lane, cell + n] + net_i * value
                net_o += own[own_o + n] * kept
                after[lane, squashed + n] = value
                after[lane, cell + n] = kept
                after[lane, tanhs + n] = tanh(kept)
            net_o = sigmoid(net_o)
            after[lane, i], after[lane, f], after[lane, o] = net_i, net_f, net_o
            for c in range(cells):
                n = c * blocks + b
                output[lane, n] = net_o * after[lane, tanhs + n]
