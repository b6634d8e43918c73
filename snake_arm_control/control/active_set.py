# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
One damped step within limits and inequalities, compiled.

Without the bound, the step d minimises ``|rows d + residual|^2 + damping |d - preferred|^2`` among
all with ``slopes d >= floors`` and ``down <= d <= up``. Both are kept by active sets: a joint that
would pass its limit is held there and leaves the step to the others; an inequality that would be
violated is met exactly, by a multiplier that is never negative. Inequalities that can't all be met
are violated by the least sum of squares.
"""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.compiling import compiled

_ROUNDING = 1e-12  # of an inequality
_LEAST_PIVOT = 1e-14  # relative to the largest
_SOFTNESS = 1e-10  # of contradicting inequalities, relative to the largest


@compiled
def step(angles, lower, upper, bound, rows, residual, damping, preferred, least_damping, slopes,
         floors):
    """
    Return the angles (n,) after a step, none of which changes by more than the bound.

    The step is shortened with its direction kept, though not in what inequalities need that are
    violated now. Where it is not finite, the angles stay: targets beyond all numbers give no
    direction.

    :param angles, lower, upper: (n,)
    :param rows, residual: (m, n), (m,)
    :param preferred: (n,), of which the rows take back what would change them, however large the
        damping has become
    :param slopes, floors: (k, n), (k,)
    """
    down, up = lower - angles, upper - angles
    change = np.zeros(len(angles))
    if preferred.any():
        preferred = _best(rows, np.zeros(len(rows)), preferred, least_damping,
                          np.zeros((0, len(angles))), np.zeros(0), change != 0.0, change)
    for i in range(len(floors)):
        if floors[i] > 0.0:  # what is violated has priority
            change = _within(np.zeros((0, len(angles))), np.zeros(0), change, 1.0, slopes, floors,
                             down, up, change, bound)
            break
    change = _within(rows, residual, preferred, damping, slopes, floors, down, up, change, bound)
    if not math.isfinite(change.sum()):
        return angles.copy()
    largest = np.abs(change).max()
    if largest > bound:  # joints come back within their limits
        change *= bound / largest
    return np.minimum(np.maximum(angles + change, lower), upper)


@compiled
def _within(rows, residual, preferred, damping, slopes, floors, down, up, start, bound):
    """Return the step from a start (n,) towards the best one, as far as bound and limits allow."""
    result = np.empty_like(start)
    held = np.zeros(len(start), np.bool_)
    fixed = np.zeros_like(start)  # of the held ones, before the step is shortened
    while True:
        best = _best(rows, residual, preferred, damping, slopes, floors, held, fixed)
        if not math.isfinite(best.sum()):
            return best
        part = 1.0
        for i in range(len(start)):
            way = best[i] - start[i]
            if not held[i] and abs(best[i]) > bound:
                part = min(part, (math.copysign(bound, way) - start[i]) / way)
        more = False
        for i in range(len(start)):
            if not held[i]:
                result[i] = start[i] + part * (best[i] - start[i])
                limit = min(max(result[i], down[i]), up[i])
                if limit != result[i]:
                    held[i] = more = True
                    result[i] = limit
        if not more:
            return result
        for i in range(len(start)):
            if held[i]:
                fixed[i] = start[i] + (result[i] - start[i]) / part


@compiled
def _best(rows, residual, preferred, damping, slopes, floors, held, fixed):
    """Return the best step (n,) where the held joints make the fixed ones, of any length."""
    best = np.where(held, fixed, preferred)
    free, left = rows.copy(), residual + _product(rows, best)
    for i in range(len(held)):
        if held[i]:
            free[:, i] = 0.0
    few = free.shape[0] < free.shape[1]  # then by the smaller matrix, rows rows' + damping
    factor = _factor(free if few else np.ascontiguousarray(free.T), damping)
    if few:
        best -= _product_back(free, _solve(factor, left))
    else:
        best -= _solve(factor, _product_back(free, left))
    gaps = floors - _product(slopes, best)
    if not (gaps > _ROUNDING).any():
        return best
    # What a force along each slope changes, by the joints that are free and against the rows.
    turns = slopes.copy()
    for k in range(len(slopes)):
        for i in range(len(held)):
            if held[i]:
                turns[k, i] = 0.0
        if few:
            turns[k] -= _product_back(free, _solve(factor, _product(free, turns[k])))
        else:
            turns[k] = damping * _solve(factor, turns[k])
    products = np.empty((len(slopes), len(slopes)))
    for k in range(len(slopes)):
        products[k] = _product(slopes, turns[k])
    return best + _product_back(turns, _multipliers(products, gaps))


@compiled
def _multipliers(products, gaps):
    """
    Return the least z (k,), none negative, with ``products z >= gaps``, equal where z > 0.

    These are non-negative least squares (Lawson and Hanson, 1974), by the normal equations.
    """
    count = len(gaps)
    largest = 0.0
    for k in range(count):
        largest = max(largest, products[k, k])
    z, active = np.zeros(count), np.zeros(count, np.bool_)
    if not largest > 0.0:
        return z
    for k in range(count):
        products[k, k] += _SOFTNESS * largest
    for _ in range(10 * count):
        missing = np.where(active, 0.0, gaps - _product(products, z))
        worst = int(np.argmax(missing))
        if not missing[worst] > _ROUNDING:
            break
        active[worst] = True
        while True:
            chosen = np.flatnonzero(active)
            square = np.empty((len(chosen), len(chosen)))
            for a in range(len(chosen)):
                square[a] = products[chosen[a]][chosen]
            met = _solve(_cholesky(square), gaps[chosen])
            part, first = 1.0, -1
            for a in range(len(chosen)):
                if met[a] <= 0.0:
                    before = z[chosen[a]]
                    if before / (before - met[a]) < part:
                        part, first = before / (before - met[a]), chosen[a]
            for a in range(len(chosen)):
                z[chosen[a]] += part * (met[a] - z[chosen[a]])
            if first < 0:
                break
            z[first], active[first] = 0.0, False
    return z


@compiled
def _product(matrix, vector):
    result = np.zeros(len(matrix))
    for a in range(len(matrix)):
        value = 0.0
        for i in range(len(vector)):
            value += matrix[a, i] * vector[i]
        result[a] = value
    return result


@compiled
def _product_back(matrix, vector):
    result = np.zeros(matrix.shape[1])
    for a in range(len(vector)):
        factor = vector[a]
        for i in range(len(result)):
            result[i] += factor * matrix[a, i]
    return result


@compiled
def _factor(rows, damping):
    """Return the Cholesky factor of ``rows rows' + damping``."""
    gram = np.empty((len(rows), len(rows)))
    for a in range(len(rows)):
        for b in range(a + 1):
            value = 0.0
            for i in range(rows.shape[1]):
                value += rows[a, i] * rows[b, i]
            gram[a, b] = value
        gram[a, a] += damping
    return _cholesky(gram)


@compiled
def _cholesky(matrix):
    """Turn the lower triangle of a positive definite matrix into its Cholesky factor, in place."""
    least = 0.0
    for a in range(len(matrix)):
        least = max(least, _LEAST_PIVOT * matrix[a, a])
    for a in range(len(matrix)):
        for b in range(a + 1):
            value = matrix[a, b]
            for i in range(b):
                value -= matrix[a, i] * matrix[b, i]
            if b < a:
                matrix[a, b] = value / matrix[b, b]
            else:
                matrix[a, a] = math.sqrt(least if value < least else value)
    return matrix


@compiled
def _solve(factor, vector):
    """Return the solution for a matrix of which the Cholesky factor is given."""
    result = vector.copy()
    for a in range(len(result)):
        value = result[a]
        for i in range(a):
            value -= factor[a, i] * result[i]
        result[a] = value / factor[a, a]
    for a in range(len(result) - 1, -1, -1):
        value = result[a] / factor[a, a]
        result[a] = value
        for i in range(a):
            result[i] -= factor[a, i] * value
    return result
