# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of what the joints did, by time."""

from hypothesis import given, strategies
import numpy as np
import pytest

from snake_arm_control.control.history import JointHistory, Moment

SECOND = 10**9  # [ns]


def moment(stamp, value=None):
    """Return a moment whose numbers are all a value, those of the stamp if None."""
    value = float(stamp if value is None else value)
    return Moment(stamp, np.full((3, 2), value), np.full((3, 9), 10.0 * value))


def history_of(stamps, **limits):
    history = JointHistory(**limits)
    for stamp in stamps:
        history.add(moment(stamp))
    return history


def test_without_moments_there_is_none_at_any_time():
    history = JointHistory()
    assert history.latest is None and history.at(0) is None and history.around(0, 1.0) == []


@given(stamps=strategies.sets(strategies.integers(0, 10**6), min_size=1, max_size=30),
       at=strategies.integers(-10, 10**6 + 10))
def test_between_two_moments_the_joints_moved_evenly(stamps, at):
    """Before the first nothing is known; after the last they are where they were."""
    stamps = sorted(stamps)
    there = history_of(stamps).at(at)
    if at < stamps[0]:
        assert there is None
        return
    expected = min(at, stamps[-1])
    np.testing.assert_allclose(there.angles, expected, rtol=1e-12)
    np.testing.assert_allclose(there.chain, 10.0 * expected, rtol=1e-12)


def test_a_posture_that_was_added_is_returned_as_it_was():
    history = history_of((10, 20, 30))
    for stamp in (10, 20, 30):
        assert history.at(stamp).stamp == stamp
        np.testing.assert_array_equal(history.at(stamp).angles, stamp)
    assert history.latest.stamp == 30


@pytest.mark.parametrize('late', (10, 20, 15, -5))
def test_a_posture_that_is_not_later_than_the_one_before_is_passed_over(late):
    history = history_of((10, 20))
    history.add(moment(late, 99.0))
    assert history.latest.stamp == 20
    np.testing.assert_array_equal(history.at(15).angles, 15.0)


def test_of_stationary_joints_nothing_is_computed():
    first = moment(10)
    history = JointHistory()
    history.add(first)
    history.add(first._replace(stamp=30))
    there = history.at(20)
    assert there.stamp == 20 and there.chain is first.chain and there.angles is first.angles


def test_of_the_time_between_moments_far_apart_nothing_is_known():
    history = history_of((0, SECOND // 10, SECOND))
    for known in (-1, 0, SECOND // 20, SECOND // 10, SECOND, 2 * SECOND):
        assert history.gap(known) == []
    before, after = history.gap(SECOND // 2)
    assert (before.stamp, after.stamp) == (SECOND // 10, SECOND)


def test_what_is_old_is_forgotten_and_what_is_not_stays():
    history = history_of(range(0, 100 * SECOND, SECOND // 10), span=5 * SECOND)
    now = history.latest.stamp
    for age in range(0, 5 * SECOND, SECOND // 7):
        np.testing.assert_allclose(history.at(now - age).angles, now - age, rtol=1e-9)
    assert history.at(now - 20 * SECOND) is None


def test_no_more_are_kept_than_most():
    history = history_of(range(10_000), most=100)
    kept = sum(history.at(stamp) is not None for stamp in range(10_000))
    assert 50 <= kept <= 101


def test_after_clear_there_is_none():
    history = history_of((10, 20))
    history.clear()
    assert history.latest is None and history.at(15) is None
    history.add(moment(5))
    assert history.latest.stamp == 5


def test_around_a_time_are_moments_up_to_two_deviations_away():
    history = history_of(range(0, SECOND, SECOND // 100))
    middle, deviation = SECOND // 2, 0.1
    found = history.around(middle, deviation)
    assert all(abs(each.stamp - middle) <= 2e9 * deviation for each in found)
    assert {min(each.stamp for each in found), max(each.stamp for each in found)} == \
        {middle - SECOND // 5, middle + SECOND // 10}
    assert history.around(middle, 0.0) == []
    assert [each.stamp for each in history.around(SECOND // 20, deviation)] == [SECOND * 3 // 20]
