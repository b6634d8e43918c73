# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the estimate of a tracker's latency."""

import math

from hypothesis import given, settings as examples, strategies
import numpy as np
import pytest

from snake_arm_control.control.history import JointHistory, Moment
from snake_arm_control.control.latency import Latency

PERIOD = 5_000_000  # [ns]
FARTHER = np.array((0.3, 0.6, 1.0))  # of each element, from the base


def swinging(time):
    """Return a chain (3, 9) at a time [s] of an arm that moves to and fro."""
    chain = np.zeros((3, 9))
    chain[:, 0] = 0.3 * np.sin(3.0 * time) * FARTHER
    chain[:, 1] = 0.2 * np.cos(2.0 * time) * FARTHER
    chain[:, 2] = FARTHER
    return chain


def still(time):
    return swinging(0.0)


class Watched:
    """An arm that is watched by a late tracker."""

    def __init__(self, latency, late, seen=lambda chain: chain):
        self.latency, self.late, self.seen = latency, late, seen
        self.history, self.stamp = JointHistory(), 10**9

    def watch(self, duration, motion=swinging):
        for _ in range(round(1e9 * duration / PERIOD)):
            self.stamp += PERIOD
            time = 1e-9 * self.stamp
            self.history.add(Moment(self.stamp, np.zeros((3, 2)), motion(time)))
            self.latency.observe(self.stamp, self.seen(motion(time - self.late)), self.history)
        return self


@pytest.mark.parametrize('late', (-0.2, -0.05, 0.0, 0.02, 0.045, 0.1, 0.15, 0.3))
def test_a_latency_is_found_of_an_arm_that_moves(late):
    latency = Latency()
    Watched(latency, late).watch(4.0)
    assert latency.value == pytest.approx(late, abs=2e-3)
    assert latency.deviation(5 * 10**9) < 5e-3


def speeding_up(time):
    """Return a chain (3, 9) at a time [s] of an arm that starts at 2 s."""
    turn = 2.0 * max(time - 2.0, 0.0) ** 2
    chain = np.zeros((3, 9))
    chain[:, 0] = 0.5 * np.sin(turn) * FARTHER
    chain[:, 1] = 0.5 * np.cos(turn) * FARTHER
    return chain


@pytest.mark.parametrize('late', (-0.1, 0.045, 0.1))
def test_it_is_found_at_once_of_an_arm_that_speeds_up(late):
    latency = Latency()
    watched = Watched(latency, late)
    while latency.value == 0.0:
        watched.watch(0.01, motion=speeding_up)
    assert latency.value == pytest.approx(late, abs=0.01)


@pytest.mark.parametrize(('late', 'deviations'), (
    (-0.2, 2.0), (-0.1, 2.0), (0.045, 2.0), (0.1, 2.0), (0.15, 2.0), (0.25, 3.0)))
def test_an_estimate_is_no_surer_than_it_is_right(late, deviations):
    """A quarter of a second is 2.5 deviations off before anything is known."""
    latency = Latency()
    watched = Watched(latency, late)
    for _ in range(150):
        watched.watch(0.02, motion=speeding_up)
        assert abs(latency.value - late) <= deviations * latency.deviation(watched.stamp)
    assert latency.value == pytest.approx(late, abs=5e-3)


@given(late=strategies.floats(-0.1, 0.2), seed=strategies.integers(0, 100))
@examples(max_examples=15)
def test_it_is_found_although_the_model_is_off(late, seed):
    """The true arm is turned, longer, shifted, and seen with noise."""
    generator = np.random.default_rng(seed)
    turn, shift = np.radians(generator.uniform(-5.0, 5.0)), generator.uniform(-0.1, 0.1, 3)
    rotation = np.array(((math.cos(turn), -math.sin(turn), 0.0),
                         (math.sin(turn), math.cos(turn), 0.0), (0.0, 0.0, 1.0)))

    def seen(chain):
        chain[:, :3] = 1.05 * chain[:, :3] @ rotation.T + shift
        chain[:, :3] += generator.normal(0.0, 1e-3, (3, 3))
        return chain
    latency = Latency()
    Watched(latency, late, seen).watch(4.0)
    assert latency.value == pytest.approx(late, abs=0.02)


def test_what_was_not_measured_is_left_out():
    def seen(chain):
        chain[:2] = np.nan
        chain[:, 3:] = np.nan
        return chain
    latency = Latency()
    Watched(latency, 0.08, seen).watch(4.0)
    assert latency.value == pytest.approx(0.08, abs=2e-3)


def test_at_rest_nothing_is_seen_and_certainty_is_lost_as_clocks_may_drift():
    latency = Latency()
    assert latency.deviation(0) == latency.deviation(10**12) == pytest.approx(0.1)
    watched = Watched(latency, 0.08).watch(3.0)
    found, sure = latency.value, latency.deviation(watched.stamp)
    watched.late = 0.2
    watched.watch(10.0, motion=still)
    assert latency.value == pytest.approx(found, abs=1e-3)
    deviations = [latency.deviation(watched.stamp + k * 10**9) for k in range(0, 60, 5)]
    assert sure < 3e-3 and deviations[0] == pytest.approx(0.05, rel=0.1)
    assert (np.diff(deviations) >= 0.0).all() and deviations[-1] == pytest.approx(0.1)


@pytest.mark.parametrize('late', (0.05, 0.15))
def test_a_latency_that_has_changed_at_rest_is_found_anew(late):
    latency = Latency()
    watched = Watched(latency, 0.1).watch(3.0)
    watched.watch(20.0, motion=still)
    watched.late = late
    watched.watch(3.0)
    assert latency.value == pytest.approx(late, abs=5e-3)


@pytest.mark.parametrize('given_latency', (0.0, 0.12))
def test_a_latency_that_is_given_stays(given_latency):
    latency = Latency(given_latency)
    Watched(latency, 0.05).watch(2.0)
    assert latency.value == given_latency
    assert latency.deviation(10**12) == 0.0


def test_a_reset_forgets_what_was_estimated_and_not_what_was_given():
    found, known = Latency(), Latency(0.1)
    Watched(found, 0.08).watch(3.0)
    for latency in (found, known):
        latency.reset()
    assert found.value == 0.0 and found.deviation(0) == pytest.approx(0.1)
    assert known.value == 0.1


def test_stamps_that_go_back_do_no_harm():
    latency = Latency()
    watched = Watched(latency, 0.05).watch(2.0)
    watched.history.clear()
    watched.stamp = 10**9
    watched.watch(3.0)
    assert latency.value == pytest.approx(0.05, abs=5e-3)
