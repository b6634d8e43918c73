# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the exact kinematics, held against products of matrices and finite differences."""

import math

import numpy as np
import pytest
from transforms3d.affines import compose
from transforms3d.axangles import axangle2mat

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import (
    ExactModel,
    forward_kinematics,
    jacobian,
    joint_rotation,
)
from snake_arm_control.errors import ShapeError

JOINTS = (1, 2, 40, 100)
BATCHES = ((), (1,), (3,), (2, 3))
SHAPES = {'zero': 0.0, 'nearly straight': 1e-7, 'bent': 0.3, 'at the limits': 1.0}


def random_angles(arm, batch=(), seed=0, bend=1.0):
    generator = np.random.default_rng(seed)
    return bend * generator.uniform(-arm.angle_limit, arm.angle_limit, (*batch, arm.joints, 2))


def product_of_transforms(lengths, angles):
    """Return the chain (joints, 9) as the definition of the arm says it, frame by frame."""
    frame, chain = np.eye(4), []
    for length, (about_x, about_y) in zip(lengths, angles):
        for transform in (compose(np.zeros(3), axangle2mat((1, 0, 0), about_x), np.ones(3)),
                          compose(np.zeros(3), axangle2mat((0, 1, 0), about_y), np.ones(3)),
                          compose((0, 0, length), np.eye(3), np.ones(3))):
            frame = frame @ transform
        chain.append(np.concatenate((frame[:3, 3], frame[:3, 2], frame[:3, 1])))
    return np.array(chain)


@pytest.mark.parametrize('joints', JOINTS)
@pytest.mark.parametrize('bend', SHAPES.values(), ids=SHAPES)
def test_the_chain_is_the_product_of_its_transforms(joints, bend):
    arm = Arm(joints=joints)
    for seed in range(3):
        angles = random_angles(arm, seed=seed, bend=bend)
        expected = product_of_transforms([arm.segment_length] * joints, angles)
        np.testing.assert_allclose(forward_kinematics(arm, angles), expected, atol=1e-12)


@pytest.mark.parametrize('joints', JOINTS)
def test_at_rest_the_arm_stands_straight_up_the_bases_z(joints):
    arm = Arm(joints=joints)
    chain = forward_kinematics(arm, np.zeros((joints, 2)))
    expected = np.zeros((joints, 9))
    expected[:, 2] = arm.segment_length * np.arange(1, joints + 1)
    expected[:, 5] = expected[:, 7] = 1.0
    np.testing.assert_allclose(chain, expected, atol=1e-12)


def test_a_first_joint_bent_about_x_leans_towards_minus_y_and_about_y_towards_x():
    """By the right-hand rule; this pins the signs that no difference of two formulas would."""
    arm = Arm(joints=1, segment_length=2.0)
    angle = math.radians(30.0)
    about_x, about_y = forward_kinematics(arm, np.array([[[angle, 0.0]], [[0.0, angle]]]))[:, 0]
    np.testing.assert_allclose(about_x[:3], (0.0, -1.0, math.sqrt(3.0)), atol=1e-12)
    np.testing.assert_allclose(about_y[:3], (1.0, 0.0, math.sqrt(3.0)), atol=1e-12)


@pytest.mark.parametrize('batch', BATCHES)
@pytest.mark.parametrize('joints', (1, 2, 40))
def test_a_batch_is_computed_as_its_elements_are(batch, joints):
    arm = Arm(joints=joints)
    angles = random_angles(arm, batch)
    chain = forward_kinematics(arm, angles)
    matrix = jacobian(arm, chain, angles)
    assert chain.shape == (*batch, joints, 9)
    assert matrix.shape == (*batch, joints, 9, joints, 2)
    for index in np.ndindex(batch):
        alone = forward_kinematics(arm, angles[index])
        np.testing.assert_allclose(chain[index], alone, atol=1e-14)
        np.testing.assert_allclose(matrix[index], jacobian(arm, alone, angles[index]), atol=1e-14)


@pytest.mark.parametrize('joints', JOINTS)
def test_axes_are_orthogonal_unit_vectors_and_segments_keep_their_length(joints):
    arm = Arm(joints=joints)
    chain = forward_kinematics(arm, random_angles(arm, (4,)))
    forward, up = chain[..., 3:6], chain[..., 6:9]
    np.testing.assert_allclose(np.linalg.norm(forward, axis=-1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(up, axis=-1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.sum(forward * up, axis=-1), 0.0, atol=1e-12)
    ends = np.concatenate((np.zeros((4, 1, 3)), chain[..., :3]), axis=1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=1), axis=-1),
                               arm.segment_length, atol=1e-12)


def test_segments_can_differ_from_the_arms():
    arm = Arm(joints=5)
    lengths = np.array((0.01, 0.02, 0.03, 0.04, 0.05))
    angles = random_angles(arm, seed=3)
    np.testing.assert_allclose(forward_kinematics(arm, angles, lengths),
                               product_of_transforms(lengths, angles), atol=1e-14)


@pytest.mark.parametrize('joints', (1, 2, 40))
@pytest.mark.parametrize('bend', SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize('seed', range(2))
def test_the_jacobian_is_that_of_central_differences(joints, bend, seed):
    arm = Arm(joints=joints)
    angles = random_angles(arm, seed=seed, bend=bend)
    small = 1e-6
    nudges = small * np.eye(arm.dof).reshape(arm.dof, joints, 2)
    differences = (forward_kinematics(arm, angles + nudges)
                   - forward_kinematics(arm, angles - nudges)) / (2.0 * small)
    expected = np.moveaxis(differences.reshape(joints, 2, joints, 9), (0, 1), (2, 3))
    got = jacobian(arm, forward_kinematics(arm, angles), angles)
    assert np.abs(expected).max() > 0.02
    np.testing.assert_allclose(got, expected, atol=1e-8)


@pytest.mark.parametrize('joints', (2, 40))
def test_a_joint_moves_nothing_before_it(joints):
    arm = Arm(joints=joints)
    angles = random_angles(arm)
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    for element in range(joints):
        assert not matrix[element, :, element + 1:].any()
        assert matrix[element, :, element].any()


@pytest.mark.parametrize('batch', BATCHES)
@pytest.mark.parametrize('joints', (1, 2, 40))
def test_the_exact_models_gradient_is_its_jacobian_times_the_chains(batch, joints):
    arm = Arm(joints=joints)
    angles = random_angles(arm, batch)
    linearization = ExactModel(arm).linearize(angles)
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    np.testing.assert_array_equal(linearization.chain, forward_kinematics(arm, angles))
    by_chain = np.random.default_rng(1).normal(size=(*batch, joints, 9))
    expected = (by_chain.reshape(*batch, 1, -1)
                @ matrix.reshape(*batch, joints * 9, joints * 2)).reshape(angles.shape)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(linearization.gradient(by_chain), expected, atol=1e-12)


def test_jacobian_rows_are_rows_of_the_jacobian():
    arm = Arm(joints=6)
    angles = random_angles(arm, (2,))
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    joints, components = np.array((0, 5, 5)), np.array((2, 0, 7))
    rows = ExactModel(arm).linearize(angles).jacobian_rows(joints, components)
    assert rows.shape == (2, 3, 6, 2)
    for row, (joint, component) in enumerate(zip(joints, components)):
        np.testing.assert_array_equal(rows[:, row], matrix[:, joint, component])


def test_a_joints_rotation_is_that_about_x_then_that_about_the_turned_y():
    angles = np.random.default_rng(0).uniform(-3.0, 3.0, (20, 2))
    for rotation, (about_x, about_y) in zip(joint_rotation(angles), angles):
        expected = axangle2mat((1, 0, 0), about_x) @ axangle2mat((0, 1, 0), about_y)
        np.testing.assert_allclose(rotation, expected, atol=1e-14)


@pytest.mark.parametrize('shape', ((), (2,), (4, 2), (5, 3), (5,), (5, 2, 1)))
def test_angles_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r'angles has shape .*, expected \(\*batch, 5, 2\)'):
        forward_kinematics(Arm(joints=5), np.zeros(shape))
