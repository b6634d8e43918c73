# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the compiled exact model, held against the kinematics in numpy."""

from arms import ARMS, random_angles
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.errors import ShapeError
from snake_arm_control.model.exact import ExactModel

BATCHES = ((), (2, 3))


@pytest.fixture(params=ARMS.values(), ids=ARMS)
def arm(request):
    return request.param


@pytest.mark.parametrize('batch', BATCHES)
def test_its_chain_is_that_of_the_kinematics(arm, batch):
    angles = random_angles(arm, batch)
    model, expected = ExactModel(arm), forward_kinematics(arm, angles)
    np.testing.assert_allclose(model.linearize(angles).chain, expected, atol=1e-12)
    np.testing.assert_allclose(model.predict(angles), expected, atol=1e-12)


@pytest.mark.parametrize('batch', BATCHES)
def test_its_gradient_is_the_jacobian_times_the_chains(arm, batch):
    angles = random_angles(arm, batch)
    linearization = ExactModel(arm).linearize(angles)
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    by_chain = np.random.default_rng(1).normal(size=linearization.chain.shape)
    expected = np.einsum('...jc,...jckl->...kl', by_chain, matrix)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(linearization.gradient(by_chain), expected, atol=1e-10)


@pytest.mark.parametrize('batch', BATCHES)
def test_its_jacobian_rows_are_rows_of_the_jacobian(arm, batch):
    angles = random_angles(arm, batch)
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    joints, components = np.nonzero(np.ones((arm.joints, 9)))
    linearization = ExactModel(arm).linearize(angles)
    for first in (0, arm.joints // 2, arm.joints):
        rows = linearization.jacobian_rows(joints, components, first)
        expected = matrix[..., first:, :].reshape(rows.shape)
        np.testing.assert_allclose(rows, expected, atol=1e-12)


def test_the_rows_of_functionals_are_their_coefficients_times_the_jacobian(arm):
    angles = random_angles(arm, (2,))
    generator = np.random.default_rng(2)
    rows, joints = generator.integers(0, 4, 12), generator.integers(0, arm.joints, 12)
    coefficients = generator.normal(size=(12, 9))
    matrix = jacobian(arm, forward_kinematics(arm, angles), angles)
    expected = np.zeros((2, rows.max() + 1, *angles.shape[1:]))
    for row, joint, each in zip(rows, joints, coefficients):
        expected[:, row] += np.tensordot(each, matrix[:, joint], (0, 1))
    got = ExactModel(arm).linearize(angles).functional_rows(rows, joints, coefficients)
    np.testing.assert_allclose(got, expected, atol=1e-11)


def test_no_rows_are_an_empty_array():
    linearization = ExactModel(Arm.uniform(3)).linearize(np.zeros((3, 2)))
    assert linearization.jacobian_rows(np.zeros(0, int), np.zeros(0, int)).shape == (0, 3, 2)


@pytest.mark.parametrize(('joints', 'components', 'first'), (
    ([3], [0], 0), ([-1], [0], 0), ([0], [9], 0), ([0], [-1], 0), ([0], [0], 4), ([0], [0], -1)))
def test_rows_out_of_range_are_refused(joints, components, first):
    linearization = ExactModel(Arm.uniform(3)).linearize(np.zeros((3, 2)))
    with pytest.raises(IndexError, match='expected 0 to'):
        linearization.jacobian_rows(joints, components, first)


@pytest.mark.parametrize(('rows', 'joints', 'coefficients'), (
    ([0, 1], [0], np.zeros((2, 9))), ([0], [0], np.zeros((1, 8))), ([0], [0], np.zeros((2, 9))),
    ([[0]], [[0]], np.zeros((1, 9)))))
def test_misshapen_functionals_are_refused(rows, joints, coefficients):
    linearization = ExactModel(Arm.uniform(3)).linearize(np.zeros((3, 2)))
    with pytest.raises(ShapeError):
        linearization.functional_rows(rows, joints, coefficients)


def test_a_functional_of_a_number_beyond_the_entries_is_refused():
    """So that no number asks for memory without end."""
    linearization = ExactModel(Arm.uniform(3)).linearize(np.zeros((3, 2)))
    with pytest.raises(IndexError, match='expected 0 to 0'):
        linearization.functional_rows([10 ** 9], [0], np.zeros((1, 9)))


@pytest.mark.parametrize('shape', ((), (3,), (4, 2), (3, 3)))
def test_angles_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match='angles'):
        ExactModel(Arm.uniform(3)).linearize(np.zeros(shape))
