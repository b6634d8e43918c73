# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of motion that motors can follow."""

from dataclasses import replace
import math

from guard import Contract, Guard
from hypothesis import example, given, settings as examples, strategies
import numpy as np
import pytest
from rig import SHORT

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.motion import longest_way, Motion

PERIOD = 0.005  # [s]
TINY = Arm.uniform(3, 0.1, angle_limit=0.6)
UNEQUAL = Arm(tuple(  # each joint has limits of its own
    replace(link, axes=tuple(replace(axis, lower=-0.2 - 0.1 * j, velocity=0.5 + j,
                                     acceleration=5.0 + 10.0 * j) for axis in link.axes))
    for j, link in enumerate(TINY.links)), TINY.tool)
ARMS = {'equal joints': TINY, 'unequal joints': UNEQUAL, 'ten joints': SHORT}


def motion_of(arm):
    return Motion(arm, lambda angles: forward_kinematics(arm, angles))


def go(arm, targets, periods, speed_limit=1.0, start=None):
    """
    Go to one target (joints, axes) after the other, one each period [s], and let a guard watch.

    :return: the angles at each period (periods + 1, joints, axes), and the motion at the end
    """
    motion, guard = motion_of(arm), Guard(arm, Contract(speed_limit=speed_limit))
    way = [arm.rest if start is None else start]
    stamp = 10 ** 9
    guard.take_command(stamp, way[0], np.zeros_like(arm.rest))
    for target, period in zip(targets, np.round(periods, 9)):
        change = np.zeros_like(arm.rest) if target is None else target - way[-1]
        way.append(motion.step(way[-1], change, period, speed_limit))
        stamp += round(1e9 * period)
        guard.take_command(stamp, way[-1], motion.velocity)
    guard.finish()
    assert guard.violations == []
    return np.array(way), motion


@given(data=strategies.data(), name=strategies.sampled_from(list(ARMS)),
       speed_limit=strategies.sampled_from((0.05, 1.0, 100.0)),
       legs=strategies.lists(strategies.tuples(
           strategies.integers(0, 2 ** 32 - 1), strategies.integers(1, 60),
           strategies.sampled_from((0.3, 1.0, 3.0))), min_size=1, max_size=6),
       jitter=strategies.floats(1.0, 3.0))
@examples(max_examples=30)
def test_whatever_is_wanted_and_however_periods_vary_the_contract_is_kept(
        data, name, speed_limit, legs, jitter):
    """Targets within the limits, at them and beyond, replaced at any moment; and braking."""
    arm, targets, periods = ARMS[name], [], []
    for seed, count, size in legs:
        generator = np.random.default_rng(seed)
        target = arm.rest + size * generator.uniform(-1.0, 1.0, arm.rest.shape) * arm.upper
        targets += count * [None if generator.random() < 0.2 else target]
        periods += list(PERIOD * jitter ** generator.uniform(-1.0, 1.0, count))
    go(arm, targets, periods, speed_limit)


@pytest.mark.parametrize('name', ARMS)
@pytest.mark.parametrize('size', (1e-4, 1e-2, 0.3, 1.0))
def test_a_target_is_reached_and_the_arm_stands_there(name, size):
    arm = ARMS[name]
    signs = np.random.default_rng(0).choice((-1.0, 1.0), arm.rest.shape)
    target = 0.9 * size * signs * np.minimum(-arm.lower, arm.upper)
    way, motion = go(arm, 600 * [target], 600 * [PERIOD])
    np.testing.assert_allclose(way[-1], target, rtol=0, atol=1e-9)
    assert not motion.is_moving


def test_a_way_takes_little_longer_than_its_limits_ask_for():
    """Alone, a joint that speeds up, goes on at its velocity limit, and brakes."""
    arm = Arm.uniform(1, 0.1, angle_limit=1.5)
    target = np.array(((1.0, 0.0),))
    way, _ = go(arm, 400 * [target], 400 * [PERIOD])
    took = PERIOD * int(np.argmax(np.abs(way - target).max(axis=(1, 2)) < 1e-3))
    best = 1.0 / 2.0 + 2.0 / 20.0  # [s], at 2 rad/s and 20 rad/s^2
    assert took < 1.15 * best


@pytest.mark.parametrize('name', ARMS)
def test_from_rest_and_to_rest_the_joints_move_together(name):
    """One factor for all: speeding up goes in the direction wanted, and braking keeps it."""
    arm = ARMS[name]
    target = np.random.default_rng(0).uniform(-0.15, 0.15, arm.rest.shape)
    way, _ = go(arm, 20 * [target] + 40 * [None], 60 * [PERIOD])
    steps = np.diff(way, axis=0).reshape(60, -1)
    direction = target.ravel() / np.linalg.norm(target)
    for step in steps[:20]:
        np.testing.assert_allclose(step, (step @ direction) * direction, rtol=0, atol=1e-9)
    braking = steps[20:]
    assert (np.abs(np.diff(braking, axis=0)) > 0.0).any() and not braking[-1].any()
    for step in braking:
        np.testing.assert_allclose(step, (step @ direction) * direction, rtol=0, atol=1e-9)
        assert step @ direction >= -1e-12


@given(periods=strategies.lists(strategies.floats(0.001, 0.05), min_size=5, max_size=60),
       target=strategies.floats(0.6, 5.0), start=strategies.floats(-0.6, 0.6))
@example(periods=60 * [0.005], target=1.0, start=-0.6)
@example(periods=60 * [0.005], target=1.0, start=0.0)
@examples(max_examples=200)
def test_a_joint_that_is_sent_beyond_its_limit_brakes_in_time(periods, target, start):
    """However periods vary: the limit and its acceleration are kept."""
    wanted = np.zeros((3, 2))
    wanted[2, 1] = target
    begin = np.zeros((3, 2))
    begin[2, 1] = start
    go(TINY, len(periods) * [wanted], periods, speed_limit=100.0, start=begin)


def test_a_joint_beyond_its_limits_comes_back_if_that_is_wanted_and_goes_no_further():
    begin, target = np.zeros((3, 2)), np.zeros((3, 2))
    begin[0] = 0.9, -0.8
    target[0] = 0.1, -1.0
    motion, angles, beyond = motion_of(TINY), begin, []
    for _ in range(400):
        angles = motion.step(angles, target - angles, PERIOD, 1.0)
        beyond.append(np.abs(angles - TINY.clip(angles))[0])
    assert (np.diff(beyond, axis=0) <= 1e-12).all()
    np.testing.assert_allclose(beyond[-1], (0.0, 0.2), rtol=0, atol=1e-12)


@pytest.mark.parametrize('most_lead', (0.02, 0.2))
def test_the_command_leads_an_arm_that_does_not_move_by_no_more_than_it_may(most_lead):
    """Beyond that it only goes on to brake."""
    motion, angles = motion_of(SHORT), SHORT.rest
    target = np.random.default_rng(0).uniform(-0.7, 0.7, SHORT.rest.shape)
    for _ in range(400):
        lead = angles - SHORT.rest
        angles = motion.step(angles, target - angles, PERIOD, 1.0, lead, most_lead)
        assert (np.abs(angles) <= most_lead + motion.way_to_brake() + 1e-9).all()
    assert np.abs(angles).max() > 0.95 * most_lead
    assert np.abs(motion.velocity).max() < 1e-6


@given(lags=strategies.lists(strategies.floats(0.0, 0.3), min_size=50, max_size=200),
       seed=strategies.integers(0, 100))
@examples(max_examples=50)
def test_the_lead_is_kept_of_an_arm_that_follows_by_fits_and_starts(lags, seed):
    motion, angles, arm = motion_of(SHORT), SHORT.rest, SHORT.rest
    target = np.random.default_rng(seed).uniform(-0.7, 0.7, SHORT.rest.shape)
    for lag in lags:
        arm = arm + lag * (angles - arm)
        angles = motion.step(angles, target - angles, PERIOD, 1.0, angles - arm, 0.1)
        assert (np.abs(angles - arm) <= 0.1 + motion.way_to_brake() + 1e-9).all()


def test_after_a_stop_the_arm_counts_as_standing():
    motion, angles = motion_of(SHORT), SHORT.rest
    for _ in range(20):
        angles = motion.step(angles, SHORT.upper - angles, PERIOD, 1.0)
    assert motion.is_moving and motion.way_to_brake().max() > 0.0
    motion.stop()
    assert not motion.is_moving and not motion.way_to_brake().any()
    after = motion.step(angles, SHORT.upper - angles, PERIOD, 1.0)
    assert 0.0 < np.abs(after - angles).max() <= 20.0 * PERIOD ** 2 * (1.0 + 1e-9)


def test_way_to_brake_is_how_far_the_arm_goes_on():
    motion, angles = motion_of(SHORT), SHORT.rest
    for _ in range(20):
        angles = motion.step(angles, SHORT.upper - angles, PERIOD, 1.0)
    expected, start = motion.way_to_brake(), angles
    while motion.is_moving:
        angles = motion.step(angles, np.zeros_like(angles), PERIOD, 1.0)
    most = math.sqrt(2.0 * 20.0 * expected.max()) * PERIOD  # of one period
    np.testing.assert_allclose(angles - start, expected, rtol=0, atol=most)


@pytest.mark.parametrize('period', (0.005, 0.02, 0.05, 0.1))
def test_slow_joints_keep_their_velocity_limit_to_the_end_however_long_a_period_is(period):
    arm = Arm.uniform(joints=4, velocity_limit=0.3)
    motion = Motion(arm, lambda angles: forward_kinematics(arm, angles))
    angles, end = arm.rest, arm.rest + 0.1
    for _ in range(2000):
        following = motion.step(angles, end - angles, period, 100.0)
        assert np.abs(following - angles).max() <= 0.3 * period + 1e-12
        angles = following
    np.testing.assert_allclose(angles, end, atol=1e-9)


def test_no_point_passes_the_speed_limit_where_the_learned_model_takes_it_to_be_slower(learned):
    """As it does by up to 8 % where many joints are at their limits."""
    arm, generator = learned.arm, np.random.default_rng(0)
    fastest = 0.0
    for _ in range(60):
        angles = arm.bent(0.9 * generator.choice((-1.0, 1.0), arm.rest.shape))
        direction = np.cumsum(generator.normal(size=arm.rest.shape), axis=0)
        motion = Motion(arm, lambda at: learned.linearize(at).chain)
        for _ in range(40):
            before, angles = angles, motion.step(angles, direction, 0.005, 0.5)
            way = forward_kinematics(arm, angles) - forward_kinematics(arm, before)
            fastest = max(fastest, np.linalg.norm(way[:, :3], axis=1).max() / 0.005)
    assert 0.4 < fastest <= 0.5


@pytest.mark.parametrize('seed', (0, 2, 4))
def test_a_short_period_after_long_ones_takes_no_point_beyond_the_speed_limit(seed):
    """An arm that unfolds gets faster, and in a short time its joints can't get slower."""
    arm, random = Arm(), np.random.default_rng(seed)
    target, targets = None, []
    for tick in range(400):
        if tick % 40 == 0:
            target = random.uniform(arm.lower, arm.upper)
        targets.append(target)
    periods = 10.0 ** random.uniform(-3.0, -1.7) * random.choice((1, 1, 1, 1, 2, 10, 0.1), 400)
    go(arm, targets, np.clip(periods, 1e-4, 0.1))


def test_joints_that_are_fast_against_each_other_brake_before_limits_part_them():
    """As an arm of hinges did whose base joints came to their limits, one after the other."""
    up = Placement((0.0, 0.0, 0.1))
    arm = Arm([Link(f'link_{j}', up if j else Placement(),
                    [Axis(f'hinge_{j}', (1.0, 0.0, 0.0), False, -0.785, 0.785, 10.0, 20.0)])
               for j in range(20)], up)
    angles, velocity, change = (np.array(values)[:, None] for values in (
        [0.77, 0.77, 0.78, 0.78, 0.78, 0.77, 0.14, 0.34, 0.16, -0.14, -0.04, 0.05, 0.02, -0.01,
         -0.01, 0.0, 0.01, 0.01, 0.0, -0.13],
        [0.31, 0.29, 0.25, 0.19, 0.13, 0.1, -0.88, 1.16, -2.16, -0.19, 0.97, 0.19, -0.38, -0.16,
         0.13, 0.11, -0.07, -0.19, -0.15, 0.0],
        [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, -0.09, -0.3, 0.3, 0.21, -0.06, -0.08, 0.01,
         0.02, -0.03, -0.08, -0.07, -0.04, 0.0]))
    motion = motion_of(arm)
    motion.velocity, speeds = velocity, []
    for _ in range(20):
        following = motion.step(angles, change, PERIOD, 1.0)
        chains = forward_kinematics(arm, np.stack((angles, following)))
        speeds.append(longest_way(*chains) / PERIOD)
        angles = following
    assert 0.8 < max(speeds) <= 1.0
