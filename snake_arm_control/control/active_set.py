# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
One damped step within limits and inequalities, compiled.

Without the bound, the step d minimises ``|rows d + residual|^2 + damping |d - preferred|^2`` among
all with ``slopes d >= floors`` and within the limits. Limits alone are kept by holding each joint
that would pass its limit there and leaving the step to the others. Where that violates an
inequality, limits and inequalities are met together by multipliers that are never negative.
Inequalities that can't all be met are violated by the least sum of squares.
"""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm.kernels.cholesky import cholesky, solve
from snake_arm_control.compiling import compiled

_ROUNDING = 1e-12  # of an inequality
_LEAST_PIVOT = 1e-14  # relative to the largest
_SOFTNESS = 1e-9  # of inequalities, which may contradict each other or limits, relative


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
        preferred = preferred - _damped(rows, _factor_of(rows, least_damping),
                                        _product(rows, preferred))
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
def lane_steps(angles, lower, upper, bound, lanes, rows, residual, damping):
    """
    Return the angles (lanes, n) after a step in each lane, with limits alone.

    :param lanes, rows, residual: (m,), (m, n), (m,), in the order of the lanes
    :param damping: (lanes,)
    """
    after, none = np.empty_like(angles), np.zeros(0)
    no_slopes, no_change = np.zeros((0, len(lower))), np.zeros(len(lower))
    end = 0
    for lane in range(len(angles)):
        begin = end
        while end < len(lanes) and lanes[end] == lane:
            end += 1
        after[lane] = step(angles[lane], lower, upper, bound, rows[begin:end],
                           residual[begin:end], damping[lane], no_change, 1.0, no_slopes, none)
    return after


@compiled
def _within(rows, residual, preferred, damping, slopes, floors, down, up, start, bound):
    """Return the step from a start (n,) towards the best one, as far as bound and limits allow."""
    change = _by_limits(rows, residual, preferred, damping, down, up, start, bound)
    if not (floors - _product(slopes, change) > _ROUNDING).any():
        return change
    best = _by_multipliers(rows, residual, preferred, damping, slopes, floors, down, up)
    return start + _part(best, start, bound) * (best - start)


@compiled
def _part(best, start, bound):
    """Return the part of the way from a start to the best step that is within the bound."""
    part = 1.0
    for i in range(len(start)):
        if abs(best[i]) > bound:
            way = best[i] - start[i]
            part = min(part, (math.copysign(bound, way) - start[i]) / way)
    return part


@compiled
def _by_limits(rows, residual, preferred, damping, down, up, start, bound):
    """Return the best step without inequalities: a joint that its limit stops is held there."""
    held = np.zeros(len(start), np.bool_)
    best, free, result = preferred.copy(), rows, start
    more = True
    while more:
        best -= _damped(free, _factor_of(free, damping), residual + _product(rows, best))
        if not math.isfinite(best.sum()):
            return best
        part = _part(np.where(held, start, best), start, bound)
        result = np.where(held, result, start + part * (best - start))
        more = False
        for i in range(len(start)):
            limit = min(max(result[i], down[i]), up[i])
            if not held[i] and limit != result[i]:
                held[i] = more = True
                result[i] = limit
        if more:
            best, free = preferred.copy(), rows.copy()
            for i in range(len(start)):
                if held[i]:
                    best[i] = start[i] + (result[i] - start[i]) / part
                    free[:, i] = 0.0
    return result


@compiled
def _by_multipliers(rows, residual, preferred, damping, slopes, floors, down, up):
    """Return the best step of any length, limits and inequalities kept."""
    count, n = slopes.shape
    factor = _factor_of(rows, damping)
    free = preferred - _damped(rows, factor, residual + _product(rows, preferred))
    sides = np.zeros(n, np.int64)  # of limits that were passed: -1 lower, 1 upper
    best = free
    while True:
        joints = np.flatnonzero(sides)
        bounds = np.zeros((count + len(joints), n))
        bounds[:count] = slopes
        gaps = np.empty(len(bounds))
        gaps[:count] = floors
        for k in range(len(joints)):
            j = joints[k]
            bounds[count + k, j] = -sides[j]
            gaps[count + k] = -up[j] if sides[j] > 0 else down[j]
        gaps -= _product(bounds, free)
        # What a force along each bound changes against the rows' resistance.
        turns = np.empty_like(bounds)
        products = np.empty((len(bounds), len(bounds)))
        for k in range(len(bounds)):
            turns[k] = _yielding(rows, factor, damping, bounds[k])
            products[k] = _product(bounds, turns[k])
        for k in range(count):
            products[k, k] *= 1.0 + _SOFTNESS
        best = free + _product_back(turns, _multipliers(products, gaps))
        more = False
        for i in range(n):
            if sides[i] == 0 and not down[i] - _ROUNDING <= best[i] <= up[i] + _ROUNDING:
                sides[i] = 1 if best[i] > up[i] else -1
                more = True
        if not more:
            return np.minimum(np.maximum(best, down), up)


@compiled
def _factor_of(rows, damping):
    """Return the Cholesky factor of the smaller of ``rows rows'`` and ``rows' rows``, damped."""
    return _factor(rows if len(rows) < rows.shape[1] else np.ascontiguousarray(rows.T), damping)


@compiled
def _damped(rows, factor, residual):
    """Return the d that minimises ``|rows d - residual|^2 + damping |d|^2``, given the factor."""
    if len(rows) < rows.shape[1]:
        return _product_back(rows, solve(factor, residual))
    return solve(factor, _product_back(rows, residual))


@compiled
def _yielding(rows, factor, damping, force):
    """Return ``damping (rows' rows + damping)^-1 force``."""
    if len(rows) < rows.shape[1]:
        return force - _product_back(rows, solve(factor, _product(rows, force)))
    return damping * solve(factor, force)


@compiled
def _multipliers(products, gaps):
    """
    Return the least z (k,), none negative, with ``products z >= gaps``, equal where z > 0.

    These are non-negative least squares (Lawson and Hanson, 1974), by the normal equations.
    """
    count = len(gaps)
    z, active = np.zeros(count), np.zeros(count, np.bool_)
    largest = 0.0
    for k in range(count):
        largest = max(largest, products[k, k])
    for _ in range(10 * count):
        worst, most = -1, _ROUNDING
        for k in range(count):  # what nothing can change is left alone
            if not active[k] and products[k, k] > _LEAST_PIVOT * largest:
                missing = gaps[k]
                for i in range(count):
                    missing -= products[k, i] * z[i]
                if missing > most:
                    worst, most = k, missing
        if worst < 0:
            break
        active[worst] = True
        while True:
            chosen = np.flatnonzero(active)
            square = np.empty((len(chosen), len(chosen)))
            for a in range(len(chosen)):
                square[a] = products[chosen[a]][chosen]
            met = solve(cholesky(square), gaps[chosen])
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
    return cholesky(gram)
