# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of target correction (equation 4), by feedback with noise and of uncertain latency."""

import numpy as np
import pytest

from snake_arm_control.control.correction import TargetCorrection

ULP = 1e-15  # chains are of the order of 1
GAINS = (0.01, 0.1, 1.0)


def chains(count, joints=4, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (count, joints, 9))


def test_without_feedback_the_prediction_is_trusted():
    (prediction,) = chains(1)
    np.testing.assert_array_equal(TargetCorrection(4).estimate(prediction), prediction)


@pytest.mark.parametrize('gain', GAINS)
@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_the_first_measurement_counts_in_full(joints, gain):
    """Equation 4 as the paper has it: the estimate is the true chain."""
    (prediction,), (true,) = chains(1, joints), chains(1, joints, seed=1)
    correction = TargetCorrection(joints)
    assert correction.update(prediction, true, gain) == 1.0
    np.testing.assert_allclose(correction.estimate(prediction), true, rtol=0, atol=ULP)


@pytest.mark.parametrize('k', range(5))
def test_the_estimate_is_y_less_the_error_where_the_measurement_was(k):
    predictions, (true,) = chains(5), chains(1, seed=1)
    correction = TargetCorrection(4)
    correction.update(predictions[k], true)
    now = predictions[-1]
    np.testing.assert_array_equal(correction.estimate(now), now - (predictions[k] - true))


def test_at_a_gain_of_one_each_measurement_counts_in_full():
    correction = TargetCorrection(4)
    for prediction, true in zip(chains(20), chains(20, seed=1)):
        assert correction.update(prediction, true, 1.0) == pytest.approx(1.0, abs=1e-6)
        np.testing.assert_allclose(correction.estimate(prediction), true, rtol=0, atol=1e-5)


@pytest.mark.parametrize('gain', GAINS)
def test_the_same_feedback_twice_is_as_good_as_once(gain):
    (prediction,), (true,) = chains(1), chains(1, seed=1)
    correction = TargetCorrection(4)
    for _ in range(3):
        correction.update(prediction, true, gain)
        np.testing.assert_array_equal(correction.error, prediction - true)


@pytest.mark.parametrize('gain', GAINS)
def test_a_model_that_is_off_by_a_constant_is_corrected_wherever_the_arm_goes(gain):
    truth, (off,) = chains(6), chains(1, seed=3)
    correction = TargetCorrection(4)
    for k in range(6):
        correction.update(truth[k] + off, truth[k], gain)
        np.testing.assert_allclose(correction.estimate(truth[5] + off), truth[5], atol=4 * ULP)


def test_what_was_not_measured_keeps_its_error():
    predictions, (first, second) = chains(2), chains(2, seed=1)
    correction = TargetCorrection(4)
    correction.update(predictions[0], first)
    measured = np.random.default_rng(2).random((4, 9)) < 0.5
    correction.update(predictions[1], np.where(measured, second, np.nan), gain=1.0)
    np.testing.assert_allclose(
        correction.error, np.where(measured, predictions[1] - second, predictions[0] - first),
        rtol=0, atol=1e-6)
    np.testing.assert_array_equal(correction.error[~measured], (predictions[0] - first)[~measured])


def test_the_fewer_components_are_measured_the_less_is_not_taken_for_granted():
    """The noise is that of what was measured, and not spread over what was not."""
    generator = np.random.default_rng(0)
    taken = []
    for fraction in (1.0, 0.2):
        correction, (prediction,) = TargetCorrection(40), chains(1, 40)
        measured = np.random.default_rng(1).random((40, 9)) < fraction
        for _ in range(100):
            noisy = prediction + generator.normal(0.0, 1e-3, prediction.shape)
            taken.append(correction.update(prediction, np.where(measured, noisy, np.nan), 0.01))
    assert taken[99] == pytest.approx(taken[-1], rel=0.3)


def test_a_reset_keeps_the_error_and_takes_the_next_measurement_in_full():
    (prediction,), (first, second) = chains(1), chains(2, seed=1)
    correction = TargetCorrection(4)
    for _ in range(5):
        correction.update(prediction, first, 0.01)
    correction.reset()
    np.testing.assert_array_equal(correction.error, prediction - first)
    assert correction.update(prediction, second, 0.01) == 1.0


def test_by_what_elements_are_not_where_expected_is_what_is_left_of_each_surprise():
    """None is left of a first measurement; what was not measured surprises nobody."""
    correction, prediction = TargetCorrection(3), np.zeros((3, 9))
    correction.update(prediction, prediction, 0.2)
    np.testing.assert_array_equal(correction.surprise, 0.0)
    measured = prediction.copy()
    measured[0, :3], measured[1, 3:], measured[2] = (0.03, 0.0, 0.04), 0.1, np.nan
    taken = correction.update(prediction, measured, 0.2)
    assert 0.0 < taken < 1.0
    np.testing.assert_allclose(correction.surprise, ((1.0 - taken) * 0.05, 0.0, 0.0), atol=1e-12)


def test_a_small_gain_averages_noise_away():
    """The error settles near the model's own, far closer than a single measurement is."""
    generator = np.random.default_rng(0)
    correction = TargetCorrection(3)
    true = generator.normal(size=(3, 9))
    prediction = true + 0.1
    for _ in range(400):
        correction.update(prediction, true + generator.normal(0.0, 0.01, true.shape), gain=0.02)
    assert np.abs(correction.error - 0.1).max() < 0.005


def moving(steps, drift, noise, joints=40):
    """
    Let an arm move while the model's error changes by a fraction of the motion.

    :return: the correction, the last true chain and its estimate
    """
    generator = np.random.default_rng(0)
    correction = TargetCorrection(joints)
    true, off = generator.uniform(-1.0, 1.0, (2, joints, 9))
    for step in steps:
        motion, change = generator.normal(size=(2, joints, 9))
        true, off = true + step * motion, off + step * drift * change
        correction.update(true + off, true + noise * generator.normal(size=true.shape), 0.01)
    return correction, true, correction.estimate(true + off)


@pytest.mark.parametrize('drift', (0.0, 0.1, 0.3))
@pytest.mark.parametrize('last', (0.0, 1e-3))
def test_an_arm_that_moves_is_taken_for_where_feedback_without_noise_sees_it(drift, last):
    """Although the model's error changes on the way, by that much of the motion."""
    _, true, estimate = moving([1e-2] * 20 + [last], drift, noise=0.0)
    np.testing.assert_allclose(estimate, true, rtol=0, atol=ULP * 4)


def test_of_an_arm_that_is_stationary_all_noisy_feedback_counts_alike():
    """The error of a mean of n is the noise by the square root of n, after motion too."""
    steps, noise, count = [1e-2] * 20 + [0.0] * 60, 1e-3, 60
    _, true, estimate = moving(steps, 0.1, noise)
    off = np.sqrt(np.mean((estimate - true) ** 2))
    assert 0.5 * noise / np.sqrt(count) < off < 1.5 * noise / np.sqrt(count)


def test_of_an_arm_that_moves_fast_noisy_feedback_still_counts():
    """The error is no larger than that of a single measurement."""
    _, true, estimate = moving([1e-2] * 50, 0.3, noise=1e-3)
    assert np.sqrt(np.mean((estimate - true) ** 2)) < 1.1e-3


def test_the_gain_is_never_less_than_the_least_so_that_a_stationary_arm_that_bends_is_seen():
    correction, true, _ = moving([1e-2] * 20 + [0.0] * 100, 0.1, noise=1e-3)
    prediction, bent = true + correction.error, true + 0.1
    for _ in range(40):
        assert correction.update(prediction, bent, 0.1) >= 0.1 - 1e-12
    np.testing.assert_allclose(correction.estimate(prediction), bent,
                               atol=0.1 * 0.9 ** 40 + 1e-12)


@pytest.mark.parametrize('off', (0.0, 0.02))
@pytest.mark.parametrize('latency', (0.02, 0.1, 0.2))
def test_what_an_unknown_latency_may_make_of_an_arm_on_the_move_is_no_error(latency, off):
    """However long it moves; at rest the error is taken in full."""
    rate, start, error = np.random.default_rng(0).normal(0.0, 0.1, (3, 40, 9))
    error *= off
    late = np.sqrt(np.mean((0.2 * rate) ** 2))
    correction = TargetCorrection(40)
    correction.update(start + error, start, 0.1)
    for k in range(1, 400):
        true, seen = (start + rate * (0.005 * k - age) for age in (0.0, latency))
        correction.update(true + error, seen, 0.1, late)
        np.testing.assert_allclose(correction.error, error, rtol=0, atol=1e-3)
    for _ in range(3):
        correction.update(true + error + 0.01, true, 0.1, late=0.0)
    np.testing.assert_allclose(correction.error, error + 0.01, rtol=0, atol=1e-12)


def test_of_an_arm_on_the_move_an_error_beyond_what_latency_may_make_is_taken():
    """Up to that."""
    rate, start, error = np.random.default_rng(0).normal(0.0, 0.1, (3, 40, 9))
    late = np.sqrt(np.mean((0.01 * rate) ** 2))
    correction = TargetCorrection(40)
    correction.update(start, start, 0.1)
    for k in range(1, 100):
        true = start + rate * 0.005 * k
        correction.update(true + error, true, 0.1, late)
    left = np.sqrt(np.mean((correction.error - error) ** 2))
    assert left < 1.2 * late
