# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The sweep from the tool back to the base: gradients, and rows of functionals."""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import FIRST, FORGET, GATES, INPUT, OUTPUT, SECOND
from snake_arm_control.model.kernels.arithmetic import add_product, flushed
from snake_arm_control.model.kernels.layout import (
    BLOCKS,
    CELLS,
    cells_and_blocks,
    Slopes,
    Tape,
    Weights,
)


@compiled
def angle_gradient(weights, tape, chain_gradient, keep):
    """
    Sweep with a lane for each configuration.

    :param keep: whether to keep the slopes of the nets of all joints, for `parameter_gradient`
    :return: dL/dangles (batch, joints, axes), and those slopes
    """
    weights, tape = Weights(*weights), Tape(*tape)
    batch, joints, size = chain_gradient.shape
    slopes = _zero_slopes(weights, batch, joints if keep else 1)
    by_angles = np.empty_like(tape.angles)
    by_pose = np.empty((batch, size), chain_gradient.dtype)
    each = np.arange(batch)
    for j in range(joints - 1, -1, -1):
        for lane in range(batch):
            for component in range(size):
                by_pose[lane, component] = chain_gradient[lane, j, component]
        add_product(by_pose, weights.readout, slopes.carried[SECOND])
        _step_back(weights, tape, slopes, j, each, by_angles)
    return by_angles, slopes.net


@compiled
def functional_rows(weights, tape, rows, ends, coefficients, configurations, first):
    """
    Sweep with a lane for each functional; one enters at its outermost entry.

    :param rows, ends, coefficients: of the entries: their functionals, their joints, (entries, 9)
    :param configurations: (count,), of the functionals
    :return: (count, joints - first, axes)
    """
    by_angles, _, place, _ = sweep_rows(weights, tape, rows, ends, coefficients, configurations,
                                        first, False)
    count, length, inputs = by_angles.shape
    result = np.zeros((count, length - first, inputs), by_angles.dtype)
    for row in range(count):
        if place[row] >= 0:
            result[row] = by_angles[place[row], first:]
    return result


@compiled
def sweep_rows(weights, tape, rows, ends, coefficients, configurations, first, keep):
    """
    Do so, in the order in which functionals enter.

    :param keep: whether to keep the slopes of the nets of all joints; those of the first layer are
        then zero where a functional has not entered
    :return: slopes by angles (count, joints, axes), those slopes, the places of the functionals in
        that order, -1 of one without an entry (count,), and the configurations in it
    """
    weights, tape = Weights(*weights), Tape(*tape)
    _, length, inputs = tape.angles.shape
    (size, width), count = weights.readout.shape, len(configurations)
    slopes = _zero_slopes(weights, count, length if keep else 1)
    by_angles = np.zeros((count, length, inputs), tape.angles.dtype)
    earliest, following = _by_joint(ends, length)
    place = np.full(count, -1)  # of a functional among those that have entered
    entered = np.empty(count, np.int64)  # their configurations
    lanes = 0
    for j in range(length - 1, first - 1, -1):
        entry = earliest[j]
        while entry >= 0:
            row = rows[entry]
            if place[row] < 0:
                place[row], entered[lanes] = lanes, configurations[row]
                lanes += 1
            output = slopes.carried[SECOND, place[row]]
            for component in range(size):
                factor = coefficients[entry, component]
                if factor != 0:
                    for n in range(width):
                        output[n] += factor * weights.readout[component, n]
            entry = following[entry]
        _step_back(weights, tape, slopes, j, entered[:lanes], by_angles)
        if keep:
            slopes.net[FIRST, j, lanes:] = 0
    return by_angles, slopes.net, place, entered


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
def _zero_slopes(weights, lanes, keep):
    (cells, blocks), real = cells_and_blocks(weights), weights.bias.dtype
    return Slopes(np.zeros((2, lanes, (2 * cells + GATES) * blocks), real),
                  np.empty((2, keep, lanes, (GATES + cells) * blocks), real))


@compiled
def _step_back(weights, tape, slopes, j, configurations, by_angles):
    """Pass slopes, of these configurations, from joint j to that before, and onto its angles."""
    lanes = len(configurations)
    columns, own = weights.bias.shape[2], j % len(weights.angles)
    (cells, blocks), keep = cells_and_blocks(weights), slopes.net.shape[1]
    for layer in (SECOND, FIRST):
        by_column = slopes.net[layer, j % keep, :lanes]
        _differentiate(weights.own[layer], tape.state[layer, j], tape.state[layer, j + 1],
                       configurations, slopes.carried[layer], by_column, cells, blocks)
        add_product(by_column, weights.back[layer], slopes.carried[1 - layer])
    for lane in range(lanes):
        for axis in range(by_angles.shape[2]):
            value = by_angles.dtype.type(0)
            for n in range(columns):
                value += weights.angles[own, axis, n] * by_column[lane, n]
            by_angles[lane, j, axis] = value  # equation 2


@compiled
def _differentiate(own, before, after, configurations, carried, by_net, cells, blocks):
    """Set by_net to the slopes of the nets of a layer, from those that are carried to it."""
    if cells == CELLS and blocks == BLOCKS:
        differentiate_blocks(own, before, after, configurations, carried, by_net, CELLS, BLOCKS)
    else:
        differentiate_blocks(own, before, after, configurations, carried, by_net, cells, blocks)


@compiled
def differentiate_blocks(own, before, after, configurations, carried, by_net, cells, blocks):
    """
    Do so; set the slopes of outputs to zero, and pass those of cells and gates on.

    :param own: (3 (cells + 3) blocks,)
    :param before, after: (batch, (3 + 3 cells) blocks), states; see `Tape` for their rows
    :param configurations: (lanes,), indices into the batch
    :param carried: (lanes or more, (2 cells + 3) blocks)
    :param by_net: (lanes, columns)
    """
    squashed, cell = GATES * blocks, (GATES + cells) * blocks
    tanhs, own_gate = cell + cells * blocks, (cells + GATES) * blocks
    own_i, own_f, own_o = INPUT * own_gate, FORGET * own_gate, OUTPUT * own_gate
    by_cell, by_gate = cells * blocks, 2 * cells * blocks
    zero = type(by_net[0, 0])(0)
    for lane in range(len(by_net)):
        t = configurations[lane]
        for b in range(blocks):
            i, f, o = INPUT * blocks + b, FORGET * blocks + b, OUTPUT * blocks + b
            gate_i, gate_f, gate_o = after[t, i], after[t, f], after[t, o]
            by_i, by_f, by_o = (carried[lane, by_gate + i], carried[lane, by_gate + f],
                                carried[lane, by_gate + o])
            for c in range(cells):
                n = c * blocks + b
                by_o += carried[lane, n] * after[t, tanhs + n]
            by_o = flushed(by_o * (gate_o - gate_o * gate_o))
            for c in range(cells):
                n = c * blocks + b
                value, tanh = after[t, squashed + n], after[t, tanhs + n]
                through = carried[lane, n] * gate_o
                slope = (carried[lane, by_cell + n] + through - through * tanh * tanh
                         + by_o * own[own_o + n])
                carried[lane, n] = zero
                carried[lane, by_cell + n] = slope * gate_f
                by_i += slope * value
                by_f += slope * before[t, cell + n]
                slope *= gate_i
                by_net[lane, squashed + n] = flushed(slope - slope * value * value)
            by_i = flushed(by_i * (gate_i - gate_i * gate_i))
            by_f = flushed(by_f * (gate_f - gate_f * gate_f))
            by_net[lane, i], by_net[lane, f], by_net[lane, o] = by_i, by_f, by_o
            for c in range(cells):
                n = c * blocks + b
                carried[lane, by_cell + n] = flushed(
                    carried[lane, by_cell + n] + by_i * own[own_i + n] + by_f * own[own_f + n])
            for gate in range(GATES):
                n = (cells + gate) * blocks + b
                carried[lane, by_gate + gate * blocks + b] = (
                    by_i * own[own_i + n] + by_f * own[own_f + n] + by_o * own[own_o + n])


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
