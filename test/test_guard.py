# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the observer of commands: it accepts what keeps the contract, and no breach of it."""

from guard import Contract, Guard
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm

ARM = Arm.uniform(joints=6)
ZERO = np.zeros((6, 2))
WAY = np.tile((0.6, -0.3), (6, 1))  # [rad], of a motion; one factor for all joints
START = 100 * 10**9  # [ns]
MILLISECOND = 10**6  # [ns]
PERIOD = 0.005  # [s]


def profile(distance=1.0, velocity=1.5, acceleration=10.0, period=PERIOD):
    """Return velocities of a motion from rest to rest, one a period, as fractions a second."""
    up = np.arange(0.0, velocity, acceleration * period)[1:]
    flat = (distance - 2.0 * up.sum() * period) / period / velocity
    return np.concatenate((up, np.full(max(int(flat), 0), velocity), up[::-1], [0.0]))


class Motion:
    """Commands of a motion along WAY, and an arm that does what they say."""

    def __init__(self, contract=Contract(), lag=0, **how):
        velocities = profile(**how)
        self.times = START + np.round(1e9 * PERIOD * np.arange(1, len(velocities) + 1)).astype(int)
        self.velocities = velocities[:, None, None] * WAY
        self.positions = PERIOD * np.cumsum(self.velocities, axis=0)
        arm = np.concatenate((np.zeros((lag + 1, 6, 2)), self.positions))
        self.states = arm[:len(self.positions)]  # at each command, before it is carried out
        self.guard = Guard(ARM, contract)
        self.marks = []

    def check(self, published=True):
        """Return the names of the laws that were broken."""
        guard = self.guard
        for mark in self.marks:
            guard.take_start(mark)
        guard.take_states(START - MILLISECOND, self.states[0])
        guard.take_command(START, self.positions[0] - PERIOD * self.velocities[0], ZERO)
        for stamp, positions, velocities, states in zip(
                self.times.tolist(), self.positions, self.velocities, self.states):
            guard.take_states(stamp, states)
            guard.take_command(stamp, positions, velocities if published else None)
        guard.finish()
        assert guard.checked == len(self.positions) + 1
        return {text.split(':')[0] for text in guard.violations}


@pytest.mark.parametrize('published', (True, False))
@pytest.mark.parametrize('lag', (0, 3, 30))
def test_a_motion_that_keeps_the_contract_is_accepted(published, lag):
    motion = Motion(lag=lag)
    assert motion.check(published) == set()
    assert motion.guard.starts == 1 and motion.guard.cut_short == 0
    assert 0.1 < motion.guard.worst['velocity'] <= 1.0
    assert 0.1 < motion.guard.worst['speed'] <= 1.0
    assert 0.1 < motion.guard.worst['acceleration'] <= 1.0


def test_messages_may_come_in_any_order_within_the_patience():
    motion = Motion(lag=3)
    guard, messages = motion.guard, []
    for stamp, positions, velocities, states in zip(
            motion.times.tolist(), motion.positions, motion.velocities, motion.states):
        messages += [(guard.take_states, stamp, states),
                     (guard.take_command, stamp, positions, velocities)]
    guard.take_states(START, ZERO)
    generator = np.random.default_rng(0)
    order = np.argsort(np.arange(len(messages)) + generator.uniform(0.0, 20.0, len(messages)))
    for take, *arguments in (messages[i] for i in order):
        take(*arguments)
    guard.finish()
    assert guard.checked == len(motion.positions) and not guard.violations


def test_too_high_a_velocity_is_a_violation():
    fast = Contract(speed_limit=10.0)
    assert Motion(fast, velocity=2.0 / 0.6 * 0.99).check() == set()
    assert Motion(fast, velocity=2.0 / 0.6 * 1.02).check() == {'step', 'velocity'}


def test_too_high_an_acceleration_is_a_violation():
    assert Motion(acceleration=20.0 / 0.6 * 0.99).check() == set()
    assert Motion(acceleration=20.0 / 0.6 * 1.02).check() == {'acceleration'}


@pytest.mark.parametrize('place', (5, 60))
def test_a_leap_is_a_violation(place):
    motion = Motion(lag=3)
    motion.positions[place:] += 0.05
    assert motion.check(False) >= {'step', 'acceleration'}
    motion = Motion(lag=3)
    motion.positions[place:] += 0.05
    assert 'published velocity' in motion.check()


def test_velocities_that_the_positions_do_not_have_are_a_violation():
    motion = Motion()
    motion.velocities *= 0.9
    assert motion.check() == {'published velocity'}


def test_too_fast_a_point_of_the_arm_is_a_violation():
    """Although each joint is slow: they add up."""
    assert Motion(Contract(speed_limit=0.05)).check() == {'speed'}


def test_the_speed_is_that_of_the_chain_that_is_given():
    motion = Motion()
    motion.guard.chain_at = lambda angles: 10.0 * np.broadcast_to(angles[0, 0], (6, 9))
    assert motion.check() == {'speed'}


def test_a_command_beyond_the_limits_is_a_violation():
    motion = Motion(distance=1.4)
    assert np.abs(motion.positions).max() > ARM.upper[0, 0]
    assert motion.check() == {'limits'}


def test_an_arm_that_starts_beyond_its_limits_may_be_led_back_and_not_further():
    for sign, laws in ((1.0, set()), (-1.0, {'limits'})):
        motion = Motion(lag=3)
        for each in motion.positions, motion.states:
            each += -np.sign(WAY) * sign * (0.3 + ARM.upper[0, 0])
        assert motion.check() == laws


def test_running_further_ahead_of_the_arm_than_the_following_error_is_a_violation():
    """The arm stops, and the command goes on: by the way to brake and no further."""
    assert Motion(lag=1000).check() == {'following'}
    assert Motion(lag=1000, distance=0.33).check() == set()


def test_the_way_to_brake_is_allowed():
    how = {'contract': Contract(speed_limit=10.0), 'lag': 1000, 'velocity': 3.0,
           'acceleration': 33.0}
    motion = Motion(**how, distance=0.33 + 0.13)
    assert np.abs(motion.positions).max() > 0.25
    assert motion.check() == set()
    motion = Motion(**how, distance=0.33 + 0.4)
    assert motion.check() == {'following'}


def test_an_arm_that_is_pushed_away_from_a_command_is_no_violation_unless_it_goes_further():
    motion = Motion(lag=3, acceleration=33.0)
    motion.states[-9:] -= 0.5 * np.sign(WAY)
    assert motion.check() == set()  # it only brakes
    motion = Motion(lag=3)
    motion.states[60:] -= 0.5 * np.sign(WAY)
    assert motion.check() == {'following'}


def test_the_first_command_must_start_where_the_arm_is_at_rest():
    motion = Motion()
    motion.states[0] = 0.05
    assert motion.check() == {'start'}
    guard = Guard(ARM)
    guard.take_command(START, ZERO, np.full((6, 2), 1.0))
    guard.finish()
    assert [text.split(':')[0] for text in guard.violations] == ['start']


def new_start(off=0.0):
    """Return a motion whose arm stops, and whose command is set back to it at index 60."""
    motion = Motion(lag=3)
    stood = motion.positions[30].copy()
    back = motion.positions[60] - stood
    motion.positions[60:] -= back
    motion.velocities[60:] = 0.0
    motion.positions[60:] = stood + off
    motion.states[34:] = stood
    return motion


def test_a_leap_to_where_the_arm_stands_is_a_start_where_it_is_marked():
    assert new_start().check() >= {'acceleration'}
    motion = new_start()
    motion.marks = [motion.times[60]]
    assert motion.check() == set()
    assert motion.guard.starts == 2


@pytest.mark.parametrize('off', (-1, 1))
def test_a_mark_beside_a_leap_does_not_excuse_it(off):
    motion = new_start()
    motion.marks = [motion.times[60] + off]
    assert motion.check() >= {'acceleration'}
    assert motion.guard.starts == 1


def test_a_mark_does_not_excuse_a_leap_to_where_the_arm_does_not_stand():
    motion = new_start(off=0.1)
    motion.marks = [motion.times[60]]
    assert motion.check() == {'start'}


def test_a_mark_excuses_one_leap_only():
    motion = new_start()
    motion.marks = [motion.times[60]]
    motion.positions[70:] += 0.1
    assert motion.check() >= {'published velocity'}


def test_after_a_silence_a_command_starts_from_rest():
    motion = Motion(lag=3)
    motion.times[60:] += 10**9
    assert motion.check() >= {'acceleration'}
    assert motion.guard.cut_short == 1
    motion = Motion(lag=3)
    motion.times[-1:] += 10**9
    assert motion.check() == set()
    assert motion.guard.cut_short == 0


def test_a_clock_that_is_set_back_does_not_hide_a_leap():
    for leap in (0.0, 0.05):
        motion = Motion(lag=3)
        motion.times[60:] -= 3600 * 10**9
        motion.positions[60:] += leap
        motion.states[60:] += leap
        assert bool(motion.check()) == bool(leap)


def test_the_same_stamp_again_is_a_violation():
    motion = Motion()
    motion.times[-1] = motion.times[-2]
    assert motion.check() == {'stamp'}


@pytest.mark.parametrize('positions', (np.zeros((5, 2)), np.full((6, 2), np.nan),
                                       np.full((6, 2), np.inf)))
def test_what_is_no_command_is_a_violation(positions):
    guard = Guard(ARM)
    guard.take_command(START, positions)
    guard.take_command(START + 1, ZERO, np.full((6, 2), np.nan))
    guard.finish()
    assert [text.split(':')[0] for text in guard.violations] == ['form', 'form']


def test_joint_states_in_parts_count_once_each_joint_was_named():
    motion = Motion(lag=1000)
    part = np.full((6, 2), np.nan)
    part[:3] = 0.0
    motion.states = [part] * len(motion.positions)
    assert motion.check() == set()  # of the other joints nothing is known
    motion = Motion(lag=1000)
    other = np.where(np.isnan(part), 0.0, np.nan)
    motion.states = [part, other] * len(motion.positions)
    assert motion.check() == {'following'}


def test_stamps_may_differ_from_the_clock_of_the_motion_by_the_slack():
    generator = np.random.default_rng(0)
    jitter = np.round(generator.uniform(0.0, 0.4, 1000) * MILLISECOND).astype(int)
    for slack, accepted in ((0.0, False), (5e-4, True)):
        motion = Motion(Contract(slack=slack), lag=3)
        motion.times += jitter[:len(motion.times)]
        assert (not motion.check()) == accepted
