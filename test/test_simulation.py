# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the simulated arm: servos, limits, and how it differs from the model."""

from dataclasses import replace
import math

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.errors import ShapeError

ARM = Arm.uniform(joints=6)
TARGET = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 2))
REAL = SimulationSettings(servo_velocity=1.5, servo_lag=0.1, servo_sag=0.03, servo_friction=0.01)
ROUNDING = 1e-12  # [rad]


def at(angles, **settings):
    """Return an ideal simulated arm that has arrived at angles."""
    arm = SimulatedArm(ARM, SimulationSettings(**settings))
    arm.command(angles, 0.0)
    np.testing.assert_array_equal(arm.angles, ARM.clip(angles))
    return arm


def commanded(settings, target=TARGET, start=None):
    """Return an arm that begins to go to a target at 10 s."""
    arm = SimulatedArm(ARM, settings, start)
    arm.command(target, 10.0)
    return arm


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
@pytest.mark.parametrize('settings', (SimulationSettings(), REAL), ids=('ideal', 'real'))
def test_it_stands_where_it_starts_until_it_is_commanded(joints, settings):
    arm = Arm.uniform(joints=joints)
    for start in (None, np.full((joints, 2), 1.3)):
        simulated = SimulatedArm(arm, settings, start)
        for now in (0.0, 5.0, 100.0):
            simulated.advance(now)
            np.testing.assert_array_equal(simulated.angles, arm.rest if start is None else start)


def test_an_arm_without_errors_is_the_model():
    np.testing.assert_array_equal(at(TARGET).true_chain(), forward_kinematics(ARM, TARGET))


def test_servos_move_at_their_velocity_and_arrive():
    arm = commanded(SimulationSettings(servo_velocity=0.5))
    assert not arm.angles.any()
    for elapsed in (0.1, 0.25, 0.5, 2.0):
        arm.advance(10.0 + elapsed)
        expected = np.sign(TARGET) * np.minimum(np.abs(TARGET), 0.5 * elapsed)
        np.testing.assert_allclose(arm.angles, expected, atol=ROUNDING)
    np.testing.assert_array_equal(arm.angles, TARGET)


def test_servos_close_in_on_their_command_as_a_first_order_lag():
    arm = commanded(SimulationSettings(servo_lag=0.2))
    for elapsed in (0.0, 0.1, 0.2, 1.0, 3.0):
        arm.advance(10.0 + elapsed)
        np.testing.assert_allclose(arm.angles, TARGET * (1.0 - math.exp(-elapsed / 0.2)),
                                   atol=ROUNDING)


def test_lag_and_velocity_limit_together_obey_their_differential_equation():
    """Against small steps of Euler's method, of which the error goes with the step."""
    lag, limit, step = 0.1, 1.5, 1e-5
    arm = commanded(SimulationSettings(servo_lag=lag, servo_velocity=limit))
    angles = np.zeros_like(TARGET)
    for k in range(1, 50_001):
        angles += step * np.clip((TARGET - angles) / lag, -limit, limit)
        if k % 5_000 == 0:
            arm.advance(10.0 + k * step)
            np.testing.assert_allclose(arm.angles, angles, atol=1e-4)


@pytest.mark.parametrize('settings', (
    SimulationSettings(), REAL, replace(REAL, servo_velocity=0.0), replace(REAL, servo_lag=0.0)),
    ids=('ideal', 'real', 'lag alone', 'velocity alone'))
def test_it_does_not_matter_how_often_the_clock_is_read(settings):
    generator = np.random.default_rng(1)
    often, seldom = (SimulatedArm(ARM, settings) for _ in range(2))
    now = 10.0
    for _ in range(30):
        target, duration = generator.uniform(-0.7, 0.7, (6, 2)), generator.uniform(0.0, 0.3)
        for arm in often, seldom:
            arm.command(target, now)
        for moment in np.sort(generator.uniform(now, now + duration, 20)):
            often.advance(moment)
        now += duration
        for arm in often, seldom:
            arm.advance(now)
        np.testing.assert_allclose(often.angles, seldom.angles, atol=ROUNDING)


@pytest.mark.parametrize('seed', range(3))
def test_servos_never_exceed_their_velocity_nor_the_joint_limits(seed):
    generator = np.random.default_rng(seed)
    arm = SimulatedArm(ARM, SimulationSettings(servo_velocity=2.0))
    now, fastest = 0.0, 0.0
    arm.advance(now)
    for _ in range(200):
        elapsed = generator.uniform(0.001, 0.1)
        now, before = now + elapsed, arm.angles
        if generator.random() < 0.5:
            arm.command(generator.normal(size=(6, 2)), now)
        else:
            arm.advance(now)
        velocity = np.abs(arm.angles - before).max() / elapsed
        fastest = max(fastest, velocity)
        assert velocity <= 2.0 + 1e-9
        assert np.abs(arm.angles).max() <= ARM.upper[0, 0]
    assert fastest > 1.99


def test_a_command_counts_from_its_time_on():
    """However long the arm was not looked at before."""
    arm = commanded(replace(REAL, servo_sag=0.0))
    arm.advance(1000.0)
    before = arm.angles
    arm.command(-TARGET, 5000.0)
    np.testing.assert_array_equal(arm.angles, before)


def test_time_that_does_not_pass_moves_nothing():
    arm = commanded(REAL)
    for now in (10.0, 9.0, -1000.0):
        arm.command(TARGET, now)
        assert not arm.angles.any()
    arm.advance(-999.9)
    assert arm.angles.all()


def test_a_servo_sags_to_the_side_that_the_seed_has_drawn():
    sides = set()
    for seed in range(5):
        arm = commanded(SimulationSettings(servo_sag=0.1, servo_velocity=2.0, seed=seed))
        arm.advance(20.0)
        sag = arm.angles - TARGET
        np.testing.assert_allclose(np.abs(sag), 0.1)
        arm.command(-TARGET, 30.0)
        arm.advance(40.0)
        np.testing.assert_allclose(arm.angles + TARGET, sag)
        sides.add(tuple(np.sign(sag).ravel()))
    assert len(sides) == 5


def test_friction_stops_a_servo_short_of_its_command_on_the_side_it_comes_from():
    arm = commanded(SimulationSettings(servo_friction=0.05), np.full((6, 2), 0.4))
    np.testing.assert_allclose(arm.angles, 0.35)
    for target, expected in ((0.39, 0.35), (0.31, 0.35), (0.2, 0.25), (0.29, 0.25), (0.4, 0.35)):
        arm.command(np.full((6, 2), target), 11.0)
        np.testing.assert_allclose(arm.angles, expected)


@pytest.mark.parametrize('settings', (SimulationSettings(), REAL), ids=('ideal', 'real'))
def test_a_stopped_arm_stands_and_goes_for_its_latest_command_once_it_is_released(settings):
    arm = commanded(settings)
    arm.advance(10.1)
    stood = arm.angles
    arm.stop()
    for now in (10.2, 12.0):
        arm.command(-TARGET, now)
        np.testing.assert_array_equal(arm.angles, stood)
    arm.stop(False)
    arm.advance(60.0)
    np.testing.assert_allclose(arm.angles, -TARGET, atol=0.04 + ROUNDING)


def test_the_time_of_a_stop_does_not_count():
    """A slow servo goes on from where it stood, it does not make up for the time."""
    arm = commanded(SimulationSettings(servo_velocity=0.1))
    arm.stop()
    arm.advance(20.0)
    arm.stop(False)
    arm.advance(20.1)
    np.testing.assert_allclose(arm.angles, np.clip(TARGET, -0.01, 0.01), atol=ROUNDING)


def test_a_push_moves_the_arm_and_only_servos_at_work_move_it_back():
    push = np.full((6, 2), 0.3)
    arm = SimulatedArm(ARM)
    arm.push(push)
    arm.advance(1.0)
    np.testing.assert_array_equal(arm.angles, push)  # never commanded: no servo is at work
    arm.command(TARGET, 2.0)
    arm.stop()
    arm.push(push)
    arm.advance(3.0)
    np.testing.assert_allclose(arm.angles, TARGET + push)
    arm.stop(False)
    arm.advance(4.0)
    np.testing.assert_array_equal(arm.angles, TARGET)


def test_a_command_beyond_the_limits_leads_to_them():
    at(np.full((6, 2), 3.0))
    at(np.full((6, 2), -3.0))


def test_an_arm_that_starts_beyond_its_limits_is_led_back_by_a_command():
    arm = commanded(SimulationSettings(servo_velocity=1.0), start=np.full((6, 2), 1.3))
    arm.advance(10.1)
    np.testing.assert_allclose(arm.angles, 1.2)


@pytest.mark.parametrize('positions', (np.zeros((5, 2)), np.zeros(12), np.full((6, 2), math.nan),
                                       np.full((6, 2), math.inf)))
def test_a_command_that_is_none_is_refused_and_the_one_before_stays(positions):
    arm = commanded(SimulationSettings(servo_velocity=1.0))
    with pytest.raises(ShapeError, match='positions has shape .*, all finite'):
        arm.command(positions, 10.1)
    arm.advance(1000.0)
    np.testing.assert_array_equal(arm.angles, TARGET)


def test_what_the_caller_does_to_a_command_later_does_not_move_the_arm():
    positions = TARGET.copy()
    arm = commanded(SimulationSettings(servo_velocity=1.0), positions)
    positions[:] = 0.0
    arm.advance(1000.0)
    np.testing.assert_array_equal(arm.angles, TARGET)


@pytest.mark.parametrize('error', (-0.5, 0.05, 0.2))
def test_a_length_error_stretches_the_arm_and_turns_nothing(error):
    exact, stretched = at(TARGET).true_chain(), at(TARGET, length_error=error).true_chain()
    np.testing.assert_allclose(stretched[:, :3], (1.0 + error) * exact[:, :3])
    np.testing.assert_allclose(stretched[:, 3:], exact[:, 3:])


def test_each_angle_is_off_by_the_offset_with_a_sign_of_its_own():
    offset = math.radians(2.0)
    for seed in range(5):
        arm = at(TARGET, joint_offset=offset, seed=seed)
        assert set(np.unique(arm.joint_offsets)) == {-offset, offset}
        np.testing.assert_allclose(arm.true_chain(),
                                   forward_kinematics(ARM, TARGET + arm.joint_offsets))
        np.testing.assert_array_equal(arm.angles, TARGET)


def test_the_true_chain_of_other_angles_moves_nothing():
    arm = at(np.zeros((6, 2)), length_error=0.1)
    elsewhere = arm.true_chain(TARGET)
    assert not arm.angles.any()
    np.testing.assert_array_equal(elsewhere, at(TARGET, length_error=0.1).true_chain())


def test_the_seed_decides_the_signs():
    first, again, other = (SimulatedArm(ARM, SimulationSettings(joint_offset=0.1, seed=seed))
                           for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.joint_offsets, again.joint_offsets)
    assert (first.joint_offsets != other.joint_offsets).any()
