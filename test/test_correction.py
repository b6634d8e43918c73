# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of target correction with feedback that arrives late (equation 4)."""

import numpy as np
import pytest

from snake_arm_control.control.correction import TargetCorrection

ULP = 1e-15  # chains are of the order of 1


def chains(count, joints=4, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (count, joints, 9))


def remembering(predictions, memory=1000):
    """Return a correction that remembers predictions at the stamps 10, 20, 30, ..."""
    correction = TargetCorrection(predictions.shape[1], memory)
    for k, prediction in enumerate(predictions):
        correction.remember(10 * (k + 1), prediction)
    return correction


def test_without_feedback_the_prediction_is_trusted():
    predictions = chains(3)
    np.testing.assert_array_equal(remembering(predictions).estimate(predictions[2]),
                                  predictions[2])


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_without_delay_the_estimate_is_the_true_chain(joints):
    """Equation 4 as the paper has it."""
    predictions, (true,) = chains(3, joints), chains(1, joints, seed=1)
    correction = remembering(predictions)
    assert correction.update(30, true) == 30
    np.testing.assert_allclose(correction.estimate(predictions[2]), true, rtol=0, atol=ULP)


@pytest.mark.parametrize('k', range(5))
def test_with_delay_the_estimate_is_y_less_the_error_at_the_stamp_of_the_feedback(k):
    predictions, (true,) = chains(5), chains(1, seed=1)
    correction = remembering(predictions)
    assert correction.update(10 * (k + 1), true) == 10 * (k + 1)
    now = predictions[-1]
    np.testing.assert_array_equal(correction.estimate(now), now - (predictions[k] - true))


@pytest.mark.parametrize(('stamp', 'answered'), ((10, 10), (19, 10), (20, 20), (34, 30),
                                                 (50, 50), (51, 50), (10**18, 50)))
def test_feedback_answers_the_latest_command_that_is_not_younger(stamp, answered):
    """A tracker has a clock of its own, and stamps that are none of ours."""
    predictions, (true,) = chains(5), chains(1, seed=1)
    correction = remembering(predictions)
    assert correction.update(stamp, true) == answered
    np.testing.assert_array_equal(correction.error, predictions[answered // 10 - 1] - true)


@pytest.mark.parametrize('stamp', (0, 9, -5))
def test_feedback_from_before_all_that_is_remembered_changes_nothing(stamp):
    predictions, (first, second) = chains(3), chains(2, seed=1)
    correction = remembering(predictions)
    correction.update(10, first)
    error = correction.error.copy()
    assert correction.update(stamp, second) is None
    np.testing.assert_array_equal(correction.error, error)
    assert TargetCorrection(4).update(stamp, second) is None


def test_the_same_feedback_twice_is_as_good_as_once():
    predictions, (true,) = chains(3), chains(1, seed=1)
    correction = remembering(predictions)
    for _ in range(2):
        assert correction.update(20, true) == 20
        np.testing.assert_array_equal(correction.error, predictions[1] - true)


def test_predictions_before_an_answered_one_are_forgotten():
    predictions, (true,) = chains(5), chains(1, seed=1)
    correction = remembering(predictions)
    correction.update(40, true)
    assert correction.update(30, true) is None
    assert correction.update(50, true) == 50


def test_memory_is_bounded():
    predictions, (true,) = chains(50), chains(1, seed=1)
    correction = remembering(predictions, memory=7)
    assert correction.update(430, true) is None
    assert correction.update(440, true) == 440
    np.testing.assert_array_equal(correction.error, predictions[43] - true)


def test_what_was_not_measured_keeps_its_error():
    predictions, (first, second) = chains(3), chains(2, seed=1)
    correction = remembering(predictions)
    correction.update(10, first)
    measured = np.random.default_rng(2).random((4, 9)) < 0.5
    correction.update(20, np.where(measured, second, np.nan))
    np.testing.assert_array_equal(
        correction.error,
        np.where(measured, predictions[1] - second, predictions[0] - first))


def test_a_model_that_is_off_by_a_constant_is_corrected_whatever_the_delay():
    truth, (off,) = chains(6), chains(1, seed=3)
    predictions = truth + off
    for k in range(6):
        correction = remembering(predictions)
        correction.update(10 * (k + 1), truth[k])
        np.testing.assert_allclose(correction.estimate(predictions[5]), truth[5], atol=4 * ULP)


def test_a_small_gain_averages_noise_away():
    """The error settles near the model's own, far closer than a single measurement is."""
    generator = np.random.default_rng(0)
    correction = TargetCorrection(3)
    true = generator.normal(size=(3, 9))
    prediction = true + 0.1
    for stamp in range(1, 400):
        correction.remember(stamp, prediction)
        correction.update(stamp, true + generator.normal(0.0, 0.01, true.shape), gain=0.02)
    assert np.abs(correction.error - 0.1).max() < 0.005
    np.testing.assert_allclose(correction.filtered, prediction - correction.error, atol=1e-15)


def moving(steps, drift, noise, joints=40):
    """Return a correction after feedback of an arm that moves, and the last true chain."""
    generator = np.random.default_rng(0)
    correction = TargetCorrection(joints)
    true, off = generator.uniform(-1.0, 1.0, (2, joints, 9))
    for stamp, step in enumerate(steps, start=1):
        motion, change = generator.normal(size=(2, joints, 9))
        true, off = true + step * motion, off + step * drift * change
        correction.remember(stamp, true + off)
        correction.update(stamp, true + noise * generator.normal(size=true.shape), gain=0.01)
    return correction, true


@pytest.mark.parametrize('drift', (0.0, 0.1, 0.3))
@pytest.mark.parametrize('last', (0.0, 1e-3))
def test_an_arm_that_moves_is_taken_for_where_feedback_without_noise_sees_it(drift, last):
    """Although the model's error changes on the way, by that much of the motion."""
    correction, true = moving([1e-2] * 20 + [last], drift, noise=0.0)
    np.testing.assert_array_equal(correction.filtered, true)


def test_of_an_arm_that_stands_all_noisy_feedback_counts_alike():
    """The error of a mean of n is the noise by the square root of n, after motion too."""
    steps, noise, count = [1e-2] * 20 + [0.0] * 60, 1e-3, 60
    correction, true = moving(steps, 0.1, noise)
    off = np.sqrt(np.mean((correction.filtered - true) ** 2))
    assert 0.5 * noise / np.sqrt(count) < off < 1.5 * noise / np.sqrt(count)


def test_of_an_arm_that_moves_fast_noisy_feedback_still_counts():
    """The error is no larger than that of a single measurement."""
    correction, true = moving([1e-2] * 50, 0.3, noise=1e-3)
    assert np.sqrt(np.mean((correction.filtered - true) ** 2)) < 1.1e-3


def test_the_gain_is_the_least_share_so_that_a_standing_arm_that_is_bent_is_seen_again():
    correction, true = moving([1e-2] * 20 + [0.0] * 100, 0.1, noise=1e-3)
    prediction, bent = true + correction.error, true + 0.1
    for stamp in range(1000, 1040):
        correction.remember(stamp, prediction)
        correction.update(stamp, bent, gain=0.1)
    np.testing.assert_allclose(correction.filtered, bent, atol=0.1 * 0.9 ** 40 + 1e-12)
