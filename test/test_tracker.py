# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the tracker: noise, loss, latency, and its stamps."""

import math

import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.tracker import ARRIVAL, MEASURED, Tracker, TrackerSettings

ARM = Arm.uniform(joints=6)
CHAIN = forward_kinematics(ARM, np.random.default_rng(0).uniform(-0.5, 0.5, (6, 2)))
OTHER = forward_kinematics(ARM, np.random.default_rng(1).uniform(-0.5, 0.5, (6, 2)))


def measured(settings=TrackerSettings(), count=1, **given):
    """Return what arrives if a tracker without latency measures CHAIN so many times."""
    tracker = Tracker(settings if not given else TrackerSettings(**given))
    for k in range(count):
        tracker.observe(float(k), CHAIN)
    return tracker.arrived(float(count))


def test_an_ideal_tracker_delivers_the_true_chain_at_once_with_its_stamp():
    tracker = Tracker()
    for now in (0.0, 1.5, 1e9):
        tracker.observe(now, CHAIN)
        (stamp, chain), = tracker.arrived(now)
        assert stamp == round(1e9 * now)
        np.testing.assert_array_equal(chain, CHAIN)
        assert tracker.arrived(now) == []


def test_noise_has_the_deviation_that_is_asked_for_and_no_bias():
    count = 2000
    off = np.array([each.chain for each in measured(
        count=count, position_noise=0.01, axis_noise=0.02)]) - CHAIN
    samples = count * 6
    for part, deviation in ((pose.POSITION, 0.01), (pose.FORWARD, 0.02), (pose.UP, 0.02)):
        values = off[..., part]
        if part is not pose.POSITION:  # only across the axis: along it the length is 1
            axis = CHAIN[:, part]
            across = values - np.sum(values * axis, axis=-1, keepdims=True) * axis
            spread = math.sqrt(np.sum(across ** 2) / (2 * samples))
        else:
            spread = values.std()
        assert spread == pytest.approx(deviation, rel=0.05)
        assert np.abs(values.mean(axis=(0, 1))).max() < 5.0 * deviation / math.sqrt(samples)


def test_measured_axes_are_unit_vectors_and_noise_does_not_touch_the_truth():
    before = CHAIN.copy()
    (_, chain), = measured(axis_noise=0.5, position_noise=0.5)
    for axis in pose.AXES:
        np.testing.assert_allclose(np.linalg.norm(chain[:, axis], axis=-1), 1.0)
    assert (chain != before).all()
    np.testing.assert_array_equal(CHAIN, before)


@pytest.mark.parametrize('loss', (0.0, 0.1, 0.5, 1.0))
def test_that_fraction_of_the_feedback_gets_lost(loss):
    lost = 1.0 - len(measured(count=4000, feedback_loss=loss)) / 4000
    assert lost == pytest.approx(loss, abs=4.0 * math.sqrt(loss * (1.0 - loss) / 4000))


@pytest.mark.parametrize(('stamps', 'late'), ((MEASURED, 0.0), (ARRIVAL, 0.25)))
def test_chains_arrive_after_the_latency_with_the_stamps_that_are_asked_for(stamps, late):
    tracker = Tracker(TrackerSettings(feedback_latency=0.25, feedback_stamps=stamps))
    for now, chain in ((12.0, CHAIN), (12.1, OTHER)):
        tracker.observe(now, chain)
    assert tracker.arrived(12.249) == [] and tracker.is_waiting
    (first, chain), = tracker.arrived(12.251)
    np.testing.assert_array_equal(chain, CHAIN)
    (second, chain), = tracker.arrived(100.0)
    np.testing.assert_array_equal(chain, OTHER)
    assert (first, second) == (round(1e9 * (12.0 + late)), round(1e9 * (12.1 + late)))
    assert not tracker.is_waiting


@pytest.mark.parametrize('drift', (0.005, -0.005))
def test_a_clock_of_its_own_is_ahead_and_drifts_away(drift):
    tracker = Tracker(TrackerSettings(clock_offset=3600.0, clock_drift=drift))
    for now in (100.0, 101.0, 130.0, 160.0):
        tracker.observe(now, CHAIN)
        (stamp, _), = tracker.arrived(now)
        assert 1e-9 * stamp == pytest.approx(now + 3600.0 + drift * (now - 100.0), abs=1e-6)


def test_a_drift_that_ends_leaves_the_clock_where_it_has_drifted_to():
    tracker = Tracker(TrackerSettings(clock_drift=0.1))
    tracker.observe(0.0, CHAIN)
    tracker.observe(10.0, CHAIN)
    tracker.settings = TrackerSettings()
    tracker.observe(20.0, CHAIN)
    assert [stamp for stamp, _ in tracker.arrived(20.0)] == [0, 11 * 10**9, 21 * 10**9]


def test_a_stamp_that_is_given_is_kept_to_the_nanosecond():
    """A float of today's seconds holds no nanoseconds."""
    stamp = 1_764_106_535_123_456_789
    tracker = Tracker(TrackerSettings(feedback_latency=0.1, feedback_stamps=ARRIVAL))
    tracker.observe(1e-9 * stamp, CHAIN, stamp)
    assert tracker.arrived(1e-9 * stamp + 1.0)[0].stamp == stamp + 10**8


def test_a_frozen_tracker_repeats_its_last_pose_with_new_stamps():
    tracker = Tracker()
    tracker.observe(1.0, CHAIN)
    tracker.settings = TrackerSettings(feedback_frozen=True)
    tracker.observe(2.0, OTHER)
    tracker.settings = TrackerSettings()
    tracker.observe(3.0, OTHER)
    stamps, chains = zip(*tracker.arrived(3.0))
    assert stamps == (10**9, 2 * 10**9, 3 * 10**9)
    for chain, expected in zip(chains, (CHAIN, CHAIN, OTHER)):
        np.testing.assert_array_equal(chain, expected)


def test_a_false_chain_is_delivered_and_not_remembered():
    tracker = Tracker(falsify=lambda chain: 1000.0 * chain)
    tracker.observe(1.0, CHAIN)
    tracker.falsify = lambda chain: None
    tracker.observe(2.0, CHAIN)
    tracker.falsify = lambda chain: chain
    tracker.settings = TrackerSettings(feedback_frozen=True)
    tracker.observe(3.0, OTHER)
    (_, false), (_, frozen) = tracker.arrived(3.0)
    np.testing.assert_array_equal(false, 1000.0 * CHAIN)
    np.testing.assert_array_equal(frozen, CHAIN)


def test_a_clock_that_is_set_back_loses_what_was_measured_later():
    tracker = Tracker(TrackerSettings(feedback_latency=1.0))
    for now in (100.0, 100.5):
        tracker.observe(now, CHAIN)
    assert tracker.arrived(100.2) == []
    tracker.observe(100.3, OTHER)
    assert [stamp for stamp, _ in tracker.arrived(200.0)] == [100 * 10**9, round(100.3e9)]


@pytest.mark.parametrize('seed', range(3))
def test_the_seed_decides_everything(seed):
    def run(seed):
        return [(stamp, chain.tobytes()) for stamp, chain in measured(
            count=30, position_noise=0.01, axis_noise=0.01, feedback_loss=0.3, seed=seed)]
    assert run(seed) == run(seed)
    assert run(seed) != run(seed + 1)
