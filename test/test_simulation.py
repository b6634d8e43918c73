# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the simulated arm: servos, limits, and how it differs from the model."""

import math

import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.errors import ShapeError

ARM = Arm(joints=6)
TARGET = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 2))


def at(angles, **settings):
    """Return a simulated arm that has arrived at angles."""
    arm = SimulatedArm(ARM, SimulationSettings(**settings))
    arm.command(angles, 7, 0.0)
    arm.advance(1000.0)
    np.testing.assert_array_equal(arm.angles, np.clip(angles, -ARM.angle_limit, ARM.angle_limit))
    return arm


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_it_stands_at_rest_until_it_is_commanded(joints):
    arm = SimulatedArm(Arm(joints=joints))
    for now in (0.0, 5.0, 100.0):
        arm.advance(now)
        assert arm.angles.shape == (joints, 2)
        assert not arm.angles.any()
    assert arm.measure(100.0).stamp == 0


def test_an_arm_without_errors_is_the_model():
    arm = at(TARGET)
    np.testing.assert_array_equal(arm.true_chain(), forward_kinematics(ARM, TARGET))
    np.testing.assert_array_equal(arm.measure(1000.0).chain, arm.true_chain())


def test_servos_move_at_their_velocity_and_arrive():
    arm = SimulatedArm(ARM, SimulationSettings(servo_velocity=0.5))
    arm.command(TARGET, 1, 10.0)
    assert not arm.angles.any()
    for elapsed in (0.1, 0.25, 0.5, 2.0):
        arm.advance(10.0 + elapsed)
        expected = np.sign(TARGET) * np.minimum(np.abs(TARGET), 0.5 * elapsed)
        np.testing.assert_allclose(arm.angles, expected, atol=1e-12)
    np.testing.assert_array_equal(arm.angles, TARGET)


@pytest.mark.parametrize('seed', range(3))
def test_servos_never_exceed_their_velocity_nor_the_joint_limits(seed):
    generator = np.random.default_rng(seed)
    arm = SimulatedArm(ARM, SimulationSettings(servo_velocity=2.0))
    now, fastest = 0.0, 0.0
    arm.advance(now)
    for stamp in range(200):
        elapsed = generator.uniform(0.001, 0.1)
        now, before = now + elapsed, arm.angles
        if generator.random() < 0.5:
            arm.command(generator.normal(size=(6, 2)), stamp, now)
        else:
            arm.advance(now)
        velocity = np.abs(arm.angles - before).max() / elapsed
        fastest = max(fastest, velocity)
        assert velocity <= 2.0 + 1e-9
        assert np.abs(arm.angles).max() <= ARM.angle_limit
    assert fastest > 1.99


def test_time_that_does_not_pass_moves_nothing():
    arm = at(np.zeros((6, 2)))
    for now in (1000.0, 999.0):
        arm.command(TARGET, 8, now)
        assert not arm.angles.any()


def test_a_command_beyond_the_limits_leads_to_them():
    at(np.full((6, 2), 3.0))
    at(np.full((6, 2), -3.0))


@pytest.mark.parametrize('positions', (np.zeros((5, 2)), np.zeros(12), np.full((6, 2), math.nan),
                                       np.full((6, 2), math.inf)))
def test_a_command_that_is_none_is_refused_and_the_one_before_stays(positions):
    arm = SimulatedArm(ARM)
    arm.command(TARGET, 7, 0.0)
    with pytest.raises(ShapeError, match='positions has shape .*, all finite'):
        arm.command(positions, 8, 0.1)
    arm.advance(1000.0)
    np.testing.assert_array_equal(arm.angles, TARGET)
    assert arm.measure(1000.0).stamp == 7


def test_what_the_caller_does_to_a_command_later_does_not_move_the_arm():
    arm, positions = SimulatedArm(ARM), TARGET.copy()
    arm.command(positions, 7, 0.0)
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
        chain = arm.true_chain()
        signs = arm._signs
        assert set(np.unique(signs)) == {-1.0, 1.0}
        np.testing.assert_allclose(chain, forward_kinematics(ARM, TARGET + offset * signs))
        np.testing.assert_array_equal(arm.angles, TARGET)


def test_the_true_chain_of_other_angles_moves_nothing():
    arm = at(np.zeros((6, 2)), length_error=0.1)
    elsewhere = arm.true_chain(TARGET)
    assert not arm.angles.any()
    np.testing.assert_array_equal(elsewhere, at(TARGET, length_error=0.1).true_chain())


def test_noise_has_the_deviation_that_is_asked_for_and_no_bias():
    arm = at(TARGET, position_noise=0.01, axis_noise=0.02)
    true = arm.true_chain()
    off = np.array([arm.measure(0.0).chain for _ in range(2000)]) - true
    samples = 2000 * 6
    for part, deviation in ((pose.POSITION, 0.01), (pose.FORWARD, 0.02), (pose.UP, 0.02)):
        values = off[..., part]
        if part is not pose.POSITION:  # only across the axis: along it the length is 1
            axis = true[:, part]
            across = values - np.sum(values * axis, axis=-1, keepdims=True) * axis
            spread = math.sqrt(np.sum(across ** 2) / (2 * samples))
        else:
            spread = values.std()
            assert np.abs(values.mean(axis=(0, 1))).max() < 5 * deviation / math.sqrt(samples)
        assert spread == pytest.approx(deviation, rel=0.03)


def test_measured_axes_are_unit_vectors_and_noise_does_not_touch_the_truth():
    arm = at(TARGET, axis_noise=0.5, position_noise=0.5)
    before = arm.true_chain()
    chain = arm.measure(0.0).chain
    for axis in pose.AXES:
        np.testing.assert_allclose(np.linalg.norm(chain[:, axis], axis=-1), 1.0)
    assert (chain != before).all()
    np.testing.assert_array_equal(arm.true_chain(), before)


@pytest.mark.parametrize('loss', (0.0, 0.1, 0.5, 1.0))
def test_that_fraction_of_the_feedback_gets_lost(loss):
    arm = at(TARGET, feedback_loss=loss)
    lost = [arm.measure(0.0) is None for _ in range(4000)]
    assert np.mean(lost) == pytest.approx(loss, abs=4.0 * math.sqrt(loss * (1.0 - loss) / 4000))


def test_a_measurement_carries_the_stamp_of_the_command_and_when_it_is_due():
    arm = at(TARGET, feedback_delay=0.25)
    measured = arm.measure(12.0)
    assert (measured.due, measured.stamp) == (12.25, 7)
    arm.command(TARGET, 8, 1001.0)
    assert arm.measure(1001.0).stamp == 8


def run(seed):
    arm = at(TARGET, joint_offset=0.1, position_noise=0.01, axis_noise=0.01, feedback_loss=0.3,
             seed=seed)
    measurements = [arm.measure(0.0) for _ in range(30)]
    return [None if each is None else each.chain.tobytes() for each in measurements]


@pytest.mark.parametrize('seed', range(3))
def test_the_seed_decides_everything(seed):
    assert run(seed) == run(seed)
    assert run(seed) != run(seed + 1)


def test_two_arms_of_the_same_seed_do_not_share_a_generator():
    first, second = (at(TARGET, position_noise=0.01) for _ in range(2))
    expected = [first.measure(0.0).chain for _ in range(2)][1]
    second.measure(0.0)
    np.testing.assert_array_equal(second.measure(0.0).chain, expected)
