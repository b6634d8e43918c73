# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The forward pass."""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FIRST, FORGET, GATES, INPUT, OUTPUT, SECOND
from snake_arm_control.model.kernels.arithmetic import add_product, sigmoid, tanh
from snake_arm_control.model.kernels.layout import Tape, Weights


@compiled
def empty_tape(weights, angles):
    weights = Weights(*weights)
    batch, joints, _ = angles.shape
    _, _, cells, blocks = weights.peephole.shape
    size, width = weights.readout.shape
    real = angles.dtype
    return (np.empty((batch, joints, size), real),
            np.empty((2, joints + 1, batch, GATES + cells, blocks), real),
            np.empty((2, joints + 1, batch, cells, blocks), real),
            np.empty((2, joints + 1, batch, cells, blocks), real),
            np.empty((2, joints + 1, batch, width), real))


@compiled
def forward_pass(weights, tape):
    weights, tape = Weights(*weights), Tape(*tape)
    angles, chain, net, cell, squashed, output = tape
    batch, joints, size = chain.shape
    _, _, cells, blocks = weights.peephole.shape
    width = output.shape[3]
    net[:, 0] = 0
    cell[:, 0] = 0
    output[:, 0] = 0
    nets = net.reshape((2, joints + 1, batch, (GATES + cells) * blocks))
    for j in range(joints):
        own = j % len(weights.angles)
        by_column = nets[FIRST, j + 1]
        for lane in range(batch):
            for n in range(by_column.shape[1]):
                by_column[lane, n] = weights.bias[FIRST, own, n]
            for axis in range(angles.shape[2]):
                angle = angles[lane, j, axis]
                for n in range(by_column.shape[1]):
                    by_column[lane, n] += angle * weights.angles[own, axis, n]
        add_product(output[SECOND, j], weights.hidden[FIRST], by_column)
        _activate(weights, tape, FIRST, j)
        by_column = nets[SECOND, j + 1]
        for lane in range(batch):
            for n in range(by_column.shape[1]):
                by_column[lane, n] = weights.bias[SECOND, own, n]
        add_product(output[FIRST, j + 1], weights.hidden[SECOND], by_column)
        _activate(weights, tape, SECOND, j)
        for lane in range(batch):
            for component in range(size):
                value = weights.readout_bias[component]
                for n in range(width):
                    value += weights.readout[component, n] * output[SECOND, j + 1, lane, n]
                chain[lane, j, component] = value


@compiled
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
                net[lane, gate, b] = sigmoid(net[lane, gate, b])
        for c in range(cells):
            for b in range(blocks):
                net[lane, GATES + c, b] = tanh(net[lane, GATES + c, b])
            for b in range(blocks):
                new[lane, c, b] = (net[lane, FORGET, b] * old[lane, c, b]
                                   + net[lane, INPUT, b] * net[lane, GATES + c, b])
            for b in range(blocks):
                net[lane, OUTPUT, b] += peephole[OUTPUT, c, b] * new[lane, c, b]
        for b in range(blocks):
            net[lane, OUTPUT, b] = sigmoid(net[lane, OUTPUT, b])
        for c in range(cells):
            row = output[lane, c * blocks:]
            for b in range(blocks):
                squashed[lane, c, b] = tanh(new[lane, c, b])
            for b in range(blocks):
                row[b] = net[lane, OUTPUT, b] * squashed[lane, c, b]
