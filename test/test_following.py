# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of an arm that follows its commands, sags, is pushed, or does not move at all."""

from hypothesis import given, settings as examples, strategies
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.following import Following

ARM = Arm.uniform(joints=3)
PERIOD = 0.005  # [s]
MOST = 0.2  # [rad], the following error
PATIENCE = 0.5  # [s]


class Servos:
    """Commands and joint states of an arm, as `Following` sees them."""

    def __init__(self, is_near=True):
        self.following, self.is_near = Following(ARM), is_near
        self.command, self.reported = np.zeros((3, 2)), np.zeros((3, 2))

    def go_on(self, duration, command=lambda command: command, reported=lambda was, command: was):
        """Go on for a time [s], with the next command and joint states each period."""
        for _ in range(round(duration / PERIOD)):
            self.command = command(self.command)
            self.reported = reported(self.reported, self.command)
            self.following.report(self.reported)
            self.following.update(self.command, PERIOD, MOST, self.is_near)
        return self

    @property
    def has_stopped(self):
        return self.following.has_stopped(self.command, MOST, PATIENCE)


def towards(end, rate):
    """Return the next command on the way to one for all joints [rad] at a rate [rad/s]."""
    return lambda command: command + np.clip(end - command, -rate * PERIOD, rate * PERIOD)


def lagging(lag, sag=0.0):
    """Return the next joint states of servos that lag [s] and sag [rad]."""
    part = 1.0 - np.exp(-PERIOD / lag) if lag else 1.0
    return lambda was, command: was + part * (command - sag - was)


def test_without_joint_states_nothing_is_known():
    following = Following(ARM)
    following.update(np.zeros((3, 2)), PERIOD, MOST, True)
    assert following.lead(np.ones((3, 2))) is None
    assert not following.was_pushed(np.ones((3, 2)), MOST, lambda: np.zeros((3, 2)))
    assert not following.has_stopped(np.ones((3, 2)), MOST, PATIENCE)
    assert not following.is_stationary and not following.offset.any()


def test_the_lead_is_command_less_joint_states():
    servos = Servos().go_on(PERIOD)
    np.testing.assert_array_equal(servos.following.lead(np.full((3, 2), 0.1)), 0.1)


@given(sag=strategies.floats(-0.15, 0.15), lag=strategies.floats(0.0, 0.2))
@examples(max_examples=20)
def test_what_an_arm_at_rest_stays_behind_by_becomes_its_offset(sag, lag):
    servos = Servos().go_on(6.0, reported=lagging(lag, sag))
    np.testing.assert_allclose(servos.following.offset, sag, rtol=0, atol=1e-4)


@pytest.mark.parametrize('sag', (0.3, -0.3))
def test_the_offset_is_never_more_than_the_following_error(sag):
    servos = Servos().go_on(10.0, reported=lagging(0.0, sag))
    np.testing.assert_allclose(servos.following.offset, np.clip(sag, -MOST, MOST))


@pytest.mark.parametrize('lag', (0.02, 0.1, 0.2))
def test_what_a_lagging_arm_stays_behind_by_on_its_way_is_no_offset(lag):
    """Not either of its last part, on which the command has arrived already."""
    for rate in (0.1, 0.5, 2.0):
        servos = Servos().go_on(3.0, towards(0.4, rate), lagging(lag))
        assert np.abs(servos.following.offset).max() < 0.003


@pytest.mark.parametrize('velocity', (0.1, 0.2, 0.5))
def test_what_a_slow_arm_stays_behind_by_on_its_way_is_no_offset(velocity):
    def slow(was, command):
        return towards(command, velocity)(was)
    servos = Servos().go_on(4.0, towards(0.2, 2.0), slow)
    np.testing.assert_allclose(servos.reported, 0.2, rtol=0, atol=1e-6)
    assert np.abs(servos.following.offset).max() < 0.005


def test_as_long_as_the_command_has_far_to_go_there_is_no_offset():
    """An arm that is away from it then is slow or stopped, and does not sag."""
    servos = Servos(is_near=False).go_on(3.0, reported=lagging(0.0, 0.1))
    assert not servos.following.offset.any()


@pytest.mark.parametrize('way', (0.06, 0.2, -0.1))
def test_an_arm_that_does_not_move_for_the_following_time_while_commanded_has_stopped(way):
    servos = Servos(is_near=False).go_on(10.0)
    assert not servos.has_stopped  # it was not commanded
    servos.go_on(0.9 * PATIENCE, towards(way, 2.0))
    assert not servos.has_stopped
    servos.go_on(0.2 * PATIENCE)
    assert servos.has_stopped


@pytest.mark.parametrize('velocity', (0.01, 0.2))
def test_an_arm_that_moves_slowly_has_not_stopped(velocity):
    def slow(was, command):
        return towards(command, velocity)(was)
    servos = Servos(is_near=False)
    for _ in range(10):
        servos.go_on(0.3, towards(0.2, 2.0), slow)
        assert not servos.has_stopped


def test_an_arm_at_rest_has_not_stopped_nor_has_one_that_is_commanded_a_little():
    servos = Servos().go_on(5.0).go_on(5.0, towards(0.04, 0.1))
    assert servos.following.is_stationary and not servos.has_stopped


def test_without_new_joint_states_no_time_passes_for_an_arm():
    """Silence is judged elsewhere."""
    servos = Servos(is_near=False).go_on(1.0)
    for _ in range(1000):
        servos.command = towards(0.2, 2.0)(servos.command)
        servos.following.update(servos.command, PERIOD, MOST, False)
    assert not servos.has_stopped
    servos.go_on(PERIOD, reported=lambda was, command: command)
    assert not servos.has_stopped


def test_joint_states_that_come_seldom_count_for_the_time_since_those_before():
    servos = Servos(is_near=False).go_on(1.0)
    for k in range(200):
        servos.command = towards(0.2, 2.0)(servos.command)
        if k % 10 == 0:
            servos.following.report(servos.reported)
        servos.following.update(servos.command, PERIOD, MOST, False)
    assert servos.has_stopped


def test_a_set_back_command_is_where_the_arm_stays_and_the_arm_is_probed_until_it_moves():
    servos = Servos().go_on(5.0, reported=lagging(0.0, 0.05))
    offset = servos.following.offset.copy()
    servos.is_near = False
    servos.go_on(0.1, towards(0.1, 2.0), lagging(0.0, 0.05)).go_on(1.0, towards(0.3, 2.0))
    assert servos.has_stopped
    command = servos.following.set_back()
    np.testing.assert_allclose(command, servos.reported + offset, rtol=0, atol=1e-12)
    servos.command = command
    assert servos.following.is_stopped and servos.following.most_lead(MOST) < 0.5 * MOST
    servos.go_on(1.0)
    assert servos.following.is_stopped
    servos.go_on(0.1, reported=lambda was, command: was + 1e-4)
    assert not servos.following.is_stopped and servos.following.most_lead(MOST) == MOST


@pytest.mark.parametrize('sag', (0.0, 0.015, 0.05))
def test_what_the_offset_became_of_an_arm_that_was_stopped_near_its_goal_is_forgotten(sag):
    """It looks like an arm that sags, until it is noticed; the sag that it had is remembered."""
    servos = Servos().go_on(3.0, reported=lagging(0.0, sag))
    servos.go_on(0.8, towards(0.1, 0.3))  # pulled on, but it does not move
    assert np.abs(servos.following.offset - sag).max() > 0.01
    np.testing.assert_allclose(servos.following.start_anew(), servos.reported + sag, atol=2e-3)


@pytest.mark.parametrize('rate', (0.005, 0.008, 0.05))
def test_nor_is_it_taken_for_sag_where_the_command_creeps_on(rate):
    servos = Servos().go_on(3.0, reported=lagging(0.0, 0.015))
    servos.go_on(0.04 / rate, towards(0.5, rate))  # pulled on, but it does not move
    assert np.abs(servos.following.offset - 0.015).max() > 0.01
    np.testing.assert_allclose(servos.following.start_anew(), servos.reported + 0.015, atol=2e-3)


@pytest.mark.parametrize('rate', (0.1, 0.5))
def test_nor_while_the_arm_is_under_way_after_its_release(rate):
    servos = Servos().go_on(3.0, reported=lagging(0.0, 0.015))
    servos.go_on(0.6, towards(0.1, 0.3))  # it does not move
    servos.go_on(0.3, reported=lambda was, command: was + rate * PERIOD)
    assert np.abs(servos.following.offset - 0.015).max() > 0.01
    np.testing.assert_allclose(servos.following.start_anew(), servos.reported + 0.015, atol=2e-3)


@pytest.mark.parametrize(('away', 'velocity', 'pushed'), (
    (0.19, 0.0, False), (0.21, 0.0, False), (0.3, 0.0, True), (-0.3, 0.0, True),
    (0.3, 2.0, False), (0.4, 2.0, True)))
def test_an_arm_far_beyond_the_following_error_and_the_way_to_brake_was_pushed(
        away, velocity, pushed):
    servos = Servos().go_on(0.1)
    servos.command[1, 1] = away
    braking = np.full((3, 2), velocity ** 2 / 40.0)
    assert servos.following.was_pushed(servos.command, MOST, lambda: braking) is pushed


def test_an_arm_is_stationary_a_moment_after_it_has_moved():
    servos = Servos().go_on(0.3, reported=lambda was, command: was + 2e-3)
    assert not servos.following.is_stationary
    servos.go_on(0.05)
    assert not servos.following.is_stationary
    servos.go_on(0.1)
    assert servos.following.is_stationary
