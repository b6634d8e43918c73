# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled loops of goals: errors of a chain, and residuals with their functionals."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.compiling import compiler

_compiled = compiler(error_model='numpy')
_SKEW = 0.3  # axes that are further from those of a frame are taken by component


@_compiled
def errors(chains, target, weight):
    """
    Return the errors of each joint over its cared components.

    :param chains: (batch, joints, 9)
    :return: of positions [m] (batch, joints), and of axes [rad] (batch, joints, 2)
    """
    batch, joints, _ = chains.shape
    lengths = np.zeros((batch, joints, 3))
    for lane in range(batch):
        for j in range(joints):
            for part in range(3):
                square = 0.0
                for c in range(3 * part, 3 * part + 3):
                    if weight[j, c] > 0.0:
                        square += (chains[lane, j, c] - target[j, c]) ** 2
                length = math.sqrt(square)
                if part:  # the angle of a chord of the unit circle
                    length = 2.0 * math.asin(1.0 if length > 2.0 else 0.5 * length)
                lengths[lane, j, part] = length
    return lengths[:, :, 0], lengths[:, :, 1:]


@_compiled
def largest_errors(chains, targets, weights):
    """Return the position error [m] and the axis error [rad] of each chain, (lanes, 2)."""
    largest = np.empty((len(chains), 2))
    for lane in range(len(chains)):
        positions, axes = errors(chains[lane:lane + 1], targets[lane], weights[lane])
        largest[lane, 0], largest[lane, 1] = positions.max(), axes.max()
    return largest


@_compiled
def residuals(chain, target, weight, gains, by_turns):
    """
    Return the weighted residuals of a goal: values (n,), joints (n,), coefficients (n, 9).

    :param chain: (joints, 9)
    :param gains: (9,)
    :param by_turns: whether axes whose components all count the same are taken by turns
    """
    importance = weight * gains
    most = np.count_nonzero(importance)
    values, joints = np.empty(most), np.empty(most, np.int64)
    coefficients = np.zeros((most, 9))
    row = _add_residuals(chain, target, importance, by_turns, values, joints, coefficients, 0)
    return values[:row], joints[:row], coefficients[:row]


@_compiled
def lane_residuals(chains, targets, weights, gains, going):
    """
    Return the residuals, by turns, of those lanes that go on.

    :param chains, targets, weights: (lanes, joints, 9)
    :param going: (lanes,), whether a lane goes on
    :return: lanes (n,), values (n,), joints (n,), coefficients (n, 9), and of each lane the sum of
        its squared values (lanes,)
    """
    importance = weights * gains
    most = np.count_nonzero(importance)
    lanes, values = np.empty(most, np.int64), np.empty(most)
    joints, coefficients = np.empty(most, np.int64), np.zeros((most, 9))
    losses = np.zeros(len(chains))
    row = 0
    for lane in range(len(chains)):
        if going[lane]:
            first, row = row, _add_residuals(chains[lane], targets[lane], importance[lane], True,
                                             values, joints, coefficients, row)
            for r in range(first, row):
                lanes[r] = lane
                losses[lane] += values[r] * values[r]
    return lanes[:row], values[:row], joints[:row], coefficients[:row], losses


@_compiled
def _add_residuals(chain, target, importance, by_turns, values, joints, coefficients, row):
    """Add the residuals of a chain from a row on, and return the one after."""
    for j in range(len(chain)):
        first, row = row, _add_rows(chain[j], importance[j], by_turns, coefficients, row)
        for r in range(first, row):
            values[r], joints[r] = 0.0, j
            for c in range(9):
                if coefficients[r, c] != 0.0:
                    values[r] += coefficients[r, c] * (chain[j, c] - target[j, c])
    return row


@_compiled
def _add_rows(pose, importance, by_turns, coefficients, row):
    """Add the rows of a joint from a row on, and return the one after."""
    forward, up = by_turns and _is_even(importance[3:6]), by_turns and _is_even(importance[6:9])
    if forward or up:
        side, y, z, is_frame = _frame(pose[6:9], pose[3:6])
        forward, up = forward and is_frame, up and is_frame
    for c in range(9):
        if importance[c] > 0.0 and not (forward and 3 <= c < 6 or up and c >= 6):
            coefficients[row, c] = math.sqrt(importance[c])
            row += 1
    if forward and up and importance[3] == importance[6]:
        scale = math.sqrt(importance[3])
        coefficients[row, 6:9] = -scale * side  # a turn about forward
        coefficients[row + 1, 3:6] = scale * side  # about up
        coefficients[row + 2, 6:9] = scale * math.sqrt(0.5) * z  # about the third axis
        coefficients[row + 2, 3:6] = -scale * math.sqrt(0.5) * y
        return row + 3
    if forward:
        coefficients[row, 3:6] = math.sqrt(importance[3]) * side
        coefficients[row + 1, 3:6] = math.sqrt(importance[3]) * y
        row += 2
    if up:
        coefficients[row, 6:9] = math.sqrt(importance[6]) * side
        coefficients[row + 1, 6:9] = math.sqrt(importance[6]) * z
        row += 2
    return row


@_compiled
def _is_even(importance):
    """Return whether all components of an axis count, and all the same."""
    first = importance[0]
    return first > 0.0 and importance[1] == first and importance[2] == first


@_compiled
def _frame(up, forward):
    """Return orthonormal side, up and forward near to axes, and whether they are near."""
    y_square = z_square = product = 0.0
    for i in range(3):
        y_square += up[i] * up[i]
        z_square += forward[i] * forward[i]
        product += up[i] * forward[i]
    is_frame = abs(y_square - 1.0) < _SKEW and abs(z_square - 1.0) < _SKEW and abs(product) < _SKEW
    z = forward / math.sqrt(z_square)
    y = up - product / z_square * forward
    y /= math.sqrt(y[0] * y[0] + y[1] * y[1] + y[2] * y[2])
    side = np.empty(3)
    for i in range(3):
        a, b = (i + 1) % 3, (i + 2) % 3
        side[i] = y[a] * z[b] - y[b] * z[a]
    return side, y, z, is_frame


@_compiled
def floors(values, approach):
    """Return the least and the highest value, and the least that each may change by in a step."""
    least, highest, changes = np.inf, -np.inf, np.empty(len(values))
    for i in range(len(values)):
        least, highest = min(least, values[i]), max(highest, values[i])
        changes[i] = -values[i] * (approach if values[i] > 0.0 else 1.0)
    return least, highest, changes


@_compiled
def chain_slope(values, rows, joints, coefficients, length):
    """Return the slope (joints, 9) of half the sum of squared values by the chain."""
    pulls = np.zeros((length, 9))
    for entry in range(len(rows)):
        for c in range(9):
            if coefficients[entry, c] != 0.0:
                pulls[joints[entry], c] += values[rows[entry]] * coefficients[entry, c]
    return pulls
