# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The sweep from the tool back to the base: gradients, and rows of functionals."""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FIRST, FORGET, GATES, INPUT, OUTPUT, SECOND
from snake_arm_control.model.kernels.arithmetic import add_product, flushed
from snake_arm_control.model.kernels.layout import Slope, Tape, Weights


@compiled
def angle_gradient(weights, tape, chain_gradient, keep):
    """
    Sweep with a lane for each configuration.

    :param keep: whether to keep the slopes of the nets of all joints, for `parameter_gradient`
    :return: dL/dangles (batch, joints, axes), and those slopes
    """
    weights, tape = Weights(*weights), Tape(*tape)
    batch, joints, size = chain_gradient.shape
    slope = _zero_slope(weights, batch, joints if keep else 1)
    by_angles = np.empty_like(tape.angles)
    by_pose = np.empty((batch, size), chain_gradient.dtype)
    for j in range(joints - 1, -1, -1):
        for lane in range(batch):
            for component in range(size):
                by_pose[lane, component] = chain_gradient[lane, j, component]
        add_product(by_pose, weights.readout, slope.output[SECOND])
        _step_back(weights, tape, slope, j, batch, by_angles)
    return by_angles, slope.net


@compiled
def functional_rows(weights, tape, rows, ends, coefficients, count, first):
    """
    Sweep with a lane for each functional and configuration; one enters at its outermost entry.

    :param rows, ends: of the entries: their functionals, and their joints
    :param coefficients: (batch or 1, entries, 9)
    :param count: of functionals
    :return: (batch, count, joints - first, axes)
    """
    weights, tape = Weights(*weights), Tape(*tape)
    batch, length, inputs = tape.angles.shape
    size, width = weights.readout.shape
    slope = _zero_slope(weights, count * batch, 1)
    by_angles = np.zeros((count * batch, length, inputs), tape.angles.dtype)
    earliest, following = _by_joint(ends, length)
    place = np.full(count, -1)  # of a functional among those that have entered
    entered = 0
    for j in range(length - 1, first - 1, -1):
        entry = earliest[j]
        while entry >= 0:
            if place[rows[entry]] < 0:
                place[rows[entry]] = entered
                entered += 1
            for t in range(batch):
                output = slope.output[SECOND, place[rows[entry]] * batch + t]
                for component in range(size):
                    factor = coefficients[t % len(coefficients), entry, component]
                    if factor != 0:
                        for n in range(width):
                            output[n] += factor * weights.readout[component, n]
            entry = following[entry]
        _step_back(weights, tape, slope, j, entered * batch, by_angles)
    result = np.zeros((batch, count, length - first, inputs), by_angles.dtype)
    for row in range(count):
        if place[row] >= 0:
            for lane in range(batch):
                result[lane, row] = by_angles[place[row] * batch + lane, first:]
    return result


@compiled
def _by_joint(ends, length):
    """Return the first entry of each joint, and that which follows each entry; -1 for none."""
    earliest, following = np.full(length, -1), np.full(len(ends), -1)
    for entry in range(len(ends) - 1, -1, -1):
        following[entry] = earliest[ends[entry]]
        earliest[ends[entry]] = entry
    return earliest, following


@compiled
def steps_of_rows(rows, ends, count, first):
    """Return how many steps all lanes of `functional_rows` take together."""
    outermost = np.full(count, first - 1)
    for entry in range(len(rows)):
        outermost[rows[entry]] = max(outermost[rows[entry]], ends[entry])
    return np.sum(outermost + 1 - first)


@compiled
def _zero_slope(weights, lanes, keep):
    _, _, cells, blocks = weights.peephole.shape
    real = weights.bias.dtype
    return Slope(np.zeros((2, lanes, cells * blocks), real),
                 np.zeros((2, lanes, cells, blocks), real),
                 np.zeros((2, lanes, GATES, blocks), real),
                 np.empty((2, keep, lanes, GATES + cells, blocks), real))


@compiled
def _step_back(weights, tape, slope, j, lanes, by_angles):
    """Pass slopes from joint j to the joint before, and onto its angles."""
    columns, own = weights.bias.shape[2], j % len(weights.angles)
    keep = slope.net.shape[1]
    for layer in (SECOND, FIRST):
        net = slope.net[layer, j % keep, :lanes]
        _differentiate(weights, tape, slope, layer, j, net)
        by_column = net.reshape((lanes, columns))
        add_product(by_column, weights.back[layer], slope.output[1 - layer, :lanes])
    for lane in range(lanes):
        for axis in range(by_angles.shape[2]):
            value = by_angles.dtype.type(0)
            for n in range(columns):
                value += weights.angles[own, axis, n] * by_column[lane, n]
            by_angles[lane, j, axis] = value  # equation 2


@compiled
def _differentiate(weights, tape, slope, layer, j, by_net):
    """
    Set by_net to the slopes of the nets of a layer at joint j, from those of its output.

    The slopes of its output are set to zero. Those of its cells and gates come in as the next
    joint passes them back, and go out as this one does.
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
            by_net[lane, OUTPUT, b] = flushed(by_net[lane, OUTPUT, b] * (value - value * value))
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
                by_net[lane, GATES + c, b] = flushed(through - through * value * value)
        for gate in (INPUT, FORGET):
            for b in range(blocks):
                value = net[t, gate, b]
                by_net[lane, gate, b] = flushed(by_net[lane, gate, b] * (value - value * value))
        for c in range(cells):
            for b in range(blocks):
                by_cell[lane, c, b] = flushed(
                    by_cell[lane, c, b] * net[t, FORGET, b]
                    + by_net[lane, INPUT, b] * peephole[INPUT, c, b]
                    + by_net[lane, FORGET, b] * peephole[FORGET, c, b])
        for gate in range(GATES):
            for b in range(blocks):
                by_gate[lane, gate, b] = (lateral[INPUT, gate, b] * by_net[lane, INPUT, b]
                                          + lateral[FORGET, gate, b] * by_net[lane, FORGET, b]
                                          + lateral[OUTPUT, gate, b] * by_net[lane, OUTPUT, b])


@compiled
def sum_products(net, state, sums):
    """Add to sums the products of the first nets and the states of each block, over all joints."""
    joints, batch, _, blocks = net.shape
    for j in range(joints):
        for lane in range(batch):
            for n in range(sums.shape[0]):
                for m in range(sums.shape[1]):
                    for b in range(blocks):
                        sums[n, m, b] += net[j, lane, n, b] * state[j, lane, m, b]
