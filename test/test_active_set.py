# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of one damped step within limits and inequalities."""

import numpy as np
import pytest

from snake_arm_control.control import active_set

SHAPES = ((3, 20), (6, 20), (30, 20), (0, 20))  # (residuals, angles)
FREE = 1e3  # [rad], a limit that is never reached
SEEDS = range(20)


def problem(shape, inequalities, seed):
    """Return random rows, residual, slopes and floors; some inequalities are violated at first."""
    generator = np.random.default_rng(seed)
    rows, residual = generator.normal(size=shape), generator.normal(size=shape[0])
    slopes = generator.normal(size=(inequalities, shape[1]))
    return rows, residual, slopes, generator.normal(size=inequalities)


def step(rows, residual, slopes, floors, damping=0.1, preferred=None, limit=FREE, bound=FREE):
    count = rows.shape[1]
    wanted = np.zeros(count) if preferred is None else preferred
    return active_set.step(np.zeros(count), np.full(count, -limit), np.full(count, limit), bound,
                           rows, residual, damping, wanted, damping, slopes, floors)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('seed', SEEDS)
def test_a_step_is_the_best_of_all_that_keep_the_inequalities(shape, seed):
    """By its multipliers: none is negative, and none is there where an inequality is not tight."""
    rows, residual, slopes, floors = problem(shape, 8, seed)
    change = step(rows, residual, slopes, floors)
    left = slopes @ change - floors
    assert left.min() > -1e-7
    tight = left < 1e-7
    assert tight.any()
    slope = rows.T @ (rows @ change + residual) + 0.1 * change
    multipliers, rest, _, _ = np.linalg.lstsq(slopes[tight].T, slope, rcond=None)
    assert multipliers.min() > -1e-6
    np.testing.assert_allclose(slopes[tight].T @ multipliers, slope, atol=1e-7)


@pytest.mark.parametrize('shape', SHAPES)
def test_inequalities_that_hold_anyway_change_no_bit(shape):
    rows, residual, slopes, floors = problem(shape, 5, 0)
    free = step(rows, residual, slopes[:0], floors[:0])
    kept = step(rows, residual, slopes, np.minimum(slopes @ free - 1e-3, -1e-3))
    assert kept.tobytes() == free.tobytes()


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('seed', SEEDS)
def test_of_contradicting_inequalities_the_sum_of_squares_of_what_is_missing_is_least(shape, seed):
    """Its slope vanishes."""
    rows, residual, slopes, floors = problem(shape, 4, seed)
    slopes, floors = np.vstack((slopes, -slopes)), np.hstack((abs(floors), 0.5 + abs(floors)))
    missing = np.maximum(floors - slopes @ step(rows, residual, slopes, floors), 0.0)
    assert missing.max() > 0.1
    np.testing.assert_allclose(slopes.T @ missing, 0.0, atol=1e-5)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('seed', SEEDS)
def test_a_step_keeps_limits_and_bound_and_then_inequalities(shape, seed):
    """Those that a step within limits and bound can keep at all."""
    rows, residual, slopes, _ = problem(shape, 5, seed)
    inside = np.random.default_rng(seed).uniform(-0.05, 0.05, shape[1])
    floors = slopes @ inside - 0.2
    for limit, bound in ((0.3, FREE), (FREE, 0.3), (0.3, 0.2)):
        change = step(rows, residual, slopes, floors, limit=limit, bound=bound)
        assert np.abs(change).max() <= min(limit, bound) + 1e-12
        if (floors <= 0.0).all():
            assert (slopes @ change - floors).min() > -1e-7


def test_what_is_violated_comes_before_the_bound_of_the_step():
    """A far goal shortens the step, and not the way out."""
    rows, residual = np.eye(3)[:1], np.array((-100.0,))
    slopes, floors = np.eye(3)[2:], np.array((0.04,))
    change = step(rows, residual, slopes, floors, bound=0.1)
    np.testing.assert_allclose(change, (0.1, 0.0, 0.04), atol=1e-9)


@pytest.mark.parametrize('shape', SHAPES)
def test_a_preferred_step_is_taken_as_far_as_the_rows_leave_it_free(shape):
    rows, _, slopes, floors = problem(shape, 0, 1)
    wanted = np.random.default_rng(2).normal(size=shape[1])
    change = step(rows, np.zeros(shape[0]), slopes, floors, 1e-9, wanted)
    basis = np.linalg.svd(rows)[2][np.linalg.matrix_rank(rows):] if shape[0] else np.eye(shape[1])
    np.testing.assert_allclose(change, basis.T @ (basis @ wanted), atol=1e-6)


@pytest.mark.parametrize('bad', (np.nan, np.inf, 1e300))
def test_a_step_that_is_not_finite_is_none(bad):
    rows, residual, slopes, floors = problem((3, 5), 2, 0)
    for damaged in ((bad * rows, residual), (rows, bad * residual)):
        after = step(*damaged, slopes, floors, bound=0.1)
        assert np.isfinite(after).all() and np.abs(after).max() <= 0.1
