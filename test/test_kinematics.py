# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the exact kinematics, held against products of matrices and finite differences."""

import json
import math

from arms import ARMS, NAMES, random_angles, urdf_of, URDFS
import numpy as np
import pytest
from transforms3d.axangles import axangle2mat

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.errors import ShapeError

JOINTS = (1, 2, 40, 100)
BATCHES = ((), (1,), (3,), (2, 3))
SHAPES = {'at rest': 0.0, 'nearly at rest': 1e-7, 'bent': 0.3, 'anywhere': 1.0}


@pytest.fixture(params=ARMS.values(), ids=ARMS)
def arm(request):
    return request.param


def values_of(arm, angles):
    """Return the values of all axes by name, as their descriptions say."""
    angle = {axis.name: angles[j, k] for j, link in enumerate(arm.links)
             for k, axis in enumerate(link.axes) if not axis.follows}
    return {axis.name: axis.ratio * angle[axis.follows or axis.name] + axis.offset
            for link in arm.links for axis in link.axes}


def moved(rotation=None, position=(0.0, 0.0, 0.0)):
    transform = np.eye(4)
    transform[:3, :3] = np.eye(3) if rotation is None else rotation
    transform[:3, 3] = position
    return transform


def product_of_transforms(arm, angles):
    """Return the chain (joints, 9) by the definition of the arm, frame by frame."""
    frame, chain, values = np.eye(4), [], values_of(arm, angles)
    nexts = [moved(position=link.placement.xyz) for link in arm.links[1:]] + [arm.tool.matrix]
    for link, following in zip(arm.links, nexts):
        frame = frame @ link.placement.matrix
        for axis in link.axes:
            value, direction = values[axis.name], np.array(axis.direction)
            frame = frame @ (moved(position=value * direction) if axis.slides
                             else moved(axangle2mat(direction, value, is_normalized=True)))
        seen = frame @ following
        chain.append(np.concatenate((seen[:3, 3], seen[:3, 2], seen[:3, 1])))
    return np.array(chain)


@pytest.mark.parametrize('bend', SHAPES.values(), ids=SHAPES)
def test_the_chain_is_the_product_of_its_transforms(arm, bend):
    for seed in range(3):
        angles = random_angles(arm, seed=seed, bend=bend)
        np.testing.assert_allclose(forward_kinematics(arm, angles),
                                   product_of_transforms(arm, angles), atol=1e-12)


@pytest.mark.parametrize('name', NAMES)
def test_tips_are_where_other_libraries_find_them(name):
    known = json.loads((URDFS / 'poses.json').read_text())[name]
    assert len(known['configurations']) >= 3
    for each in known['configurations']:
        for tip, expected in each['tips'].items():
            arm = Arm.from_urdf(urdf_of(name), known['base'], tip)
            angles = arm.angles_from({key: value for key, value in each['positions'].items()
                                      if key in arm.joint_names})
            expected = np.array(expected)
            np.testing.assert_allclose(
                forward_kinematics(arm, angles)[-1],
                pose.from_matrix(expected[:3, :3], expected[:3, 3]), atol=1e-9)


@pytest.mark.parametrize('joints', JOINTS)
def test_at_rest_the_arm_stands_straight_up_the_bases_z(joints):
    arm = Arm.uniform(joints)
    chain = forward_kinematics(arm, np.zeros((joints, 2)))
    expected = np.zeros((joints, 9))
    expected[:, 2] = arm.segment_length * np.arange(1, joints + 1)
    expected[:, 5] = expected[:, 7] = 1.0
    np.testing.assert_allclose(chain, expected, atol=1e-12)


def test_a_first_joint_bent_about_x_leans_towards_minus_y_and_about_y_towards_x():
    """By the right-hand rule; this pins the signs that no difference of two formulas would."""
    arm = Arm.uniform(1, segment_length=2.0)
    angle = math.radians(30.0)
    about_x, about_y = forward_kinematics(arm, np.array([[[angle, 0.0]], [[0.0, angle]]]))[:, 0]
    np.testing.assert_allclose(about_x[:3], (0.0, -1.0, math.sqrt(3.0)), atol=1e-12)
    np.testing.assert_allclose(about_y[:3], (1.0, 0.0, math.sqrt(3.0)), atol=1e-12)


@pytest.mark.parametrize('batch', BATCHES)
def test_a_batch_is_computed_as_its_elements_are(arm, batch):
    angles = random_angles(arm, batch)
    chain = forward_kinematics(arm, angles)
    matrix = jacobian(arm, chain, angles)
    assert chain.shape == (*batch, arm.joints, 9)
    assert matrix.shape == (*batch, arm.joints, 9, arm.joints, arm.axes)
    for index in np.ndindex(batch):
        alone = forward_kinematics(arm, angles[index])
        np.testing.assert_allclose(chain[index], alone, atol=1e-13)
        np.testing.assert_allclose(matrix[index], jacobian(arm, alone, angles[index]), atol=1e-13)


@pytest.mark.parametrize('joints', JOINTS)
def test_axes_are_orthogonal_unit_vectors_and_segments_keep_their_length(joints):
    arm = Arm.uniform(joints)
    chain = forward_kinematics(arm, random_angles(arm, (4,)))
    forward, up = chain[..., 3:6], chain[..., 6:9]
    np.testing.assert_allclose(np.linalg.norm(forward, axis=-1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(up, axis=-1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.sum(forward * up, axis=-1), 0.0, atol=1e-12)
    ends = np.concatenate((np.zeros((4, 1, 3)), chain[..., :3]), axis=1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=1), axis=-1),
                               arm.segment_length, atol=1e-12)


def test_segments_can_differ_from_the_arms():
    arm = Arm.uniform(5)
    lengths = np.array((0.01, 0.02, 0.03, 0.04, 0.05))
    chain = forward_kinematics(arm, random_angles(arm, seed=3), lengths)
    ends = np.concatenate((np.zeros((1, 3)), chain[:, :3]))
    np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=0), axis=1), lengths)


@pytest.mark.parametrize('bend', SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize('seed', range(2))
def test_the_jacobian_is_that_of_central_differences(arm, bend, seed):
    angles = random_angles(arm, seed=seed, bend=bend)
    small = 1e-6
    nudges = small * np.eye(angles.size).reshape(-1, *angles.shape)
    differences = (forward_kinematics(arm, angles + nudges)
                   - forward_kinematics(arm, angles - nudges)) / (2.0 * small)
    expected = np.moveaxis(differences, 0, -1).reshape(arm.joints, 9, *angles.shape)
    got = jacobian(arm, forward_kinematics(arm, angles), angles)
    assert np.abs(expected).max() > 0.02
    np.testing.assert_allclose(got, expected, atol=1e-8)


def test_what_an_array_holds_beyond_a_joints_own_axes_counts_for_nothing(arm):
    angles = random_angles(arm)
    others = np.where(arm.free, angles, 7.0)
    np.testing.assert_array_equal(forward_kinematics(arm, others), forward_kinematics(arm, angles))


@pytest.mark.parametrize('joints', (2, 40))
def test_a_joint_moves_nothing_before_it(joints):
    arm = Arm.uniform(joints)
    angles = random_angles(arm)
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    for element in range(joints):
        assert not matrix[element, :, element + 1:].any()
        assert matrix[element, :, element].any()


@pytest.mark.parametrize('shape', ((), (2,), (4, 2), (5, 3), (5,), (5, 2, 1)))
def test_angles_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r'angles has shape .*, expected \(\*batch, 5, 2\)'):
        forward_kinematics(Arm.uniform(5), np.zeros(shape))
