# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the nine pose components and their conversions; transforms3d is the other opinion."""

import math

from hypothesis import given, settings, strategies
from hypothesis.extra import numpy as arrays
import numpy as np
import pytest
from transforms3d.euler import euler2mat
from transforms3d.quaternions import mat2quat, quat2mat

from snake_arm_control.arm import pose
from snake_arm_control.errors import ShapeError

BATCHES = ((), (1,), (5,), (2, 3), (0,))
# Half turns, where the scalar part of a quaternion vanishes, are where conversions break.
HALF_TURNS = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 1, 0, 0), (0, 1, -1, 1e-9),
              (1, -1, 1, 0), (0, 0, 0, 1), (0, 0, 0, -1), (1e-9, 0, 0, 1), (1, 0, 0, 1e-12))


def random_quaternions(batch, seed=0):
    xyzw = np.random.default_rng(seed).normal(size=(*batch, 4))
    return xyzw / np.linalg.norm(xyzw, axis=-1, keepdims=True)


def random_positions(batch, seed=1):
    return np.random.default_rng(seed).normal(size=(*batch, 3))


def matrix_of(xyzw):
    """Return what transforms3d makes of one quaternion of ROS's order."""
    return quat2mat(np.roll(xyzw, 1))


def assert_proper(rotation, atol=1e-9):
    identity = np.broadcast_to(np.eye(3), rotation.shape)
    np.testing.assert_allclose(rotation @ np.swapaxes(rotation, -1, -2), identity, atol=atol)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=atol)


def test_the_order_is_position_forward_up():
    assert pose.COMPONENTS == ('x', 'y', 'z', 'forward_x', 'forward_y', 'forward_z',
                               'up_x', 'up_y', 'up_z')
    names = np.array(pose.COMPONENTS)
    assert list(names[pose.FORWARD]) == ['forward_x', 'forward_y', 'forward_z']
    assert list(names[pose.UP]) == ['up_x', 'up_y', 'up_z']
    assert list(names[pose.POSITION]) == ['x', 'y', 'z']


@pytest.mark.parametrize('batch', BATCHES)
def test_forward_is_the_frames_z_and_up_its_y(batch):
    xyzw, position = random_quaternions(batch), random_positions(batch)
    rotation = np.array([matrix_of(q) for q in xyzw.reshape(-1, 4)]).reshape(*batch, 3, 3)
    chain = pose.from_matrix(rotation, position)
    assert chain.shape == (*batch, 9)
    np.testing.assert_array_equal(chain[..., 3:6], rotation @ np.array((0.0, 0.0, 1.0)))
    np.testing.assert_array_equal(chain[..., 6:9], rotation @ np.array((0.0, 1.0, 0.0)))
    np.testing.assert_array_equal(chain[..., :3], position)


@pytest.mark.parametrize('batch', BATCHES)
def test_to_matrix_inverts_from_matrix(batch):
    xyzw, position = random_quaternions(batch), random_positions(batch)
    rotation = np.array([matrix_of(q) for q in xyzw.reshape(-1, 4)]).reshape(*batch, 3, 3)
    back, where = pose.to_matrix(pose.from_matrix(rotation, position))
    np.testing.assert_allclose(back, rotation, atol=1e-12)
    np.testing.assert_array_equal(where, position)


@pytest.mark.parametrize('batch', BATCHES)
def test_from_quaternion_agrees_with_transforms3d(batch):
    xyzw, position = random_quaternions(batch), random_positions(batch)
    rotation = np.array([matrix_of(q) for q in xyzw.reshape(-1, 4)]).reshape(*batch, 3, 3)
    np.testing.assert_allclose(pose.from_quaternion(xyzw, position),
                               pose.from_matrix(rotation, position), atol=1e-12)


@pytest.mark.parametrize('xyzw', HALF_TURNS)
def test_quaternions_of_half_turns_survive_a_round_trip(xyzw):
    """Up to their sign: q and -q are the same rotation."""
    xyzw = np.array(xyzw, dtype=float)
    unit = xyzw / np.linalg.norm(xyzw)
    back, _ = pose.to_quaternion(pose.from_quaternion(xyzw, np.zeros(3)))
    assert np.linalg.norm(back) == pytest.approx(1.0)
    assert min(np.abs(back - unit).max(), np.abs(back + unit).max()) < 1e-12


@given(arrays.arrays(float, 4, elements=strategies.floats(-1.0, 1.0)).filter(
    lambda q: np.linalg.norm(q) > 1e-3))
@settings(max_examples=300)
def test_any_quaternion_survives_a_round_trip_of_any_length(xyzw):
    unit = xyzw / np.linalg.norm(xyzw)
    back, _ = pose.to_quaternion(pose.from_quaternion(xyzw, np.zeros(3)))
    assert min(np.abs(back - unit).max(), np.abs(back + unit).max()) < 1e-9


@pytest.mark.parametrize('batch', BATCHES)
def test_to_quaternion_agrees_with_transforms3d(batch):
    xyzw, position = random_quaternions(batch, seed=4), random_positions(batch)
    chain = pose.from_quaternion(xyzw, position)
    got, where = pose.to_quaternion(chain)
    assert got.shape == (*batch, 4)
    np.testing.assert_array_equal(where, position)
    rotations, _ = pose.to_matrix(chain)
    for mine, rotation in zip(got.reshape(-1, 4), rotations.reshape(-1, 3, 3)):
        theirs = np.roll(mat2quat(rotation), -1)
        assert abs(mine @ theirs) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize('rpy', ((0, 0, 0), (0.3, 0, 0), (0, -0.4, 0), (0, 0, 2.0),
                                 (0.3, -0.4, 2.0), (math.pi, 0, 0), (0.1, math.pi / 2, 0.2)))
def test_roll_pitch_yaw_turn_about_the_fixed_axes_x_y_z(rpy):
    roll, pitch, yaw = rpy
    rotation = (euler2mat(0, 0, yaw) @ euler2mat(0, pitch, 0) @ euler2mat(roll, 0, 0))
    expected = np.concatenate(((1.0, 2.0, 3.0), rotation[:, 2], rotation[:, 1]))
    np.testing.assert_allclose(pose.from_euler(*rpy, (1, 2, 3)), expected, atol=1e-12)


@given(arrays.arrays(float, 9, elements=strategies.floats(-1e12, 1e12)))
@settings(max_examples=300)
def test_any_finite_components_make_a_proper_rotation(components):
    """Whatever the axes: long, short, of no length, parallel."""
    rotation, _ = pose.to_matrix(components)
    assert_proper(rotation, atol=1e-6)


@pytest.mark.parametrize('up', ((0, 0, 0), (0, 0, 1), (0, 0, -1e9), (1e-12, 0, 0),
                                (0, 0, math.nan)))
def test_forward_is_kept_where_up_is_undefined(up):
    for forward in ((0, 0, 1), (0, 0, 3)):
        rotation, _ = pose.to_matrix(np.array((0, 0, 0, *forward, *up), dtype=float))
        assert_proper(rotation)
        np.testing.assert_allclose(rotation[:, 2], (0, 0, 1), atol=1e-12)


@pytest.mark.parametrize('up', ((0, 0, 1), (1, 0, 0), (0, 2, 0), (0.6, 0, -0.8)))
def test_up_is_kept_where_forward_is_undefined(up):
    rotation, _ = pose.to_matrix(np.array((0, 0, 0, 0, 0, 0, *up), dtype=float))
    assert_proper(rotation)
    np.testing.assert_allclose(rotation[:, 1], np.array(up) / np.linalg.norm(up), atol=1e-12)


def test_an_undefined_pose_in_a_batch_leaves_the_others_as_they_are():
    chain = pose.from_quaternion(random_quaternions((3,)), random_positions((3,)))
    expected = pose.to_matrix(chain)[0]
    chain[1, 3:] = 0.0
    rotations, _ = pose.to_matrix(chain)
    np.testing.assert_array_equal(rotations[[0, 2]], expected[[0, 2]])
    assert_proper(rotations)


@pytest.mark.parametrize('seed', range(5))
def test_forward_keeps_its_direction_and_up_stays_in_their_plane(seed):
    """For axes as a network predicts them: not of length 1, not orthogonal."""
    chain = np.random.default_rng(seed).normal(size=(7, 9))
    rotation, _ = pose.to_matrix(chain)
    assert_proper(rotation)
    forward, up = chain[:, pose.FORWARD], chain[:, pose.UP]
    np.testing.assert_allclose(rotation[:, :, 2],
                               forward / np.linalg.norm(forward, axis=1, keepdims=True))
    assert (np.einsum('ij,ij->i', rotation[:, :, 1], up) > 0.0).all()
    np.testing.assert_allclose(np.einsum('ij,ij->i', rotation[:, :, 0], up), 0.0, atol=1e-9)


def test_the_result_has_no_memory_in_common_with_the_argument():
    chain = pose.from_quaternion(random_quaternions((2,)), random_positions((2,)))
    assert not np.shares_memory(pose.to_matrix(chain)[1], chain)


@pytest.mark.parametrize('shape', ((), (8,), (10,), (9, 3)))
def test_another_number_of_components_is_refused(shape):
    with pytest.raises(ShapeError, match=r'pose has shape .*, expected \(\.\.\., 9\)'):
        pose.to_matrix(np.zeros(shape))


@pytest.mark.parametrize('keeps_up', (False, True))
def test_a_frame_keeps_the_axis_that_it_is_asked_to(keeps_up):
    bent = np.random.default_rng(0).normal(size=(5, 9))
    kept, turned = (pose.UP, pose.FORWARD) if keeps_up else (pose.FORWARD, pose.UP)
    frames = pose.to_frame(bent, keeps_up)
    np.testing.assert_array_equal(frames[:, pose.POSITION], bent[:, pose.POSITION])
    np.testing.assert_allclose(
        frames[:, kept], bent[:, kept] / np.linalg.norm(bent[:, kept], axis=1, keepdims=True))
    np.testing.assert_allclose(np.linalg.norm(frames[:, turned], axis=1), 1.0)
    np.testing.assert_allclose(
        np.sum(frames[:, kept] * frames[:, turned], axis=1), 0.0, atol=1e-12)
