# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of placements, held against products of matrices."""

import math

from hypothesis import given, strategies as st
import numpy as np
import pytest
from transforms3d.euler import euler2mat

from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import ArmError

ANGLES = st.floats(-math.pi, math.pi) | st.sampled_from(
    (0.0, math.pi / 2, -math.pi / 2, math.pi, -math.pi, 1.57, 1.5708, 1e-12))
TURNS = st.tuples(ANGLES, ANGLES, ANGLES)
POSITIONS = st.tuples(*3 * (st.floats(-10.0, 10.0),))
PLACEMENTS = st.builds(Placement, POSITIONS, TURNS)


def matrix_of(placement):
    matrix = np.eye(4)
    matrix[:3, :3] = euler2mat(*placement.rpy, 'sxyz')
    matrix[:3, 3] = placement.xyz
    return matrix


@given(PLACEMENTS)
def test_the_matrix_turns_about_the_fixed_axes_x_y_z_and_then_moves(placement):
    np.testing.assert_allclose(placement.matrix, matrix_of(placement), atol=1e-15)


@given(PLACEMENTS)
def test_a_placement_made_of_a_matrix_is_that_of_the_matrix_also_where_pitch_is_a_right_angle(
        placement):
    again = Placement.from_matrix(matrix_of(placement))
    np.testing.assert_allclose(again.matrix, matrix_of(placement), atol=1e-14)


@given(PLACEMENTS, PLACEMENTS)
def test_a_frame_placed_in_a_placed_frame_has_the_product_of_their_matrices(outer, inner):
    np.testing.assert_allclose((outer @ inner).matrix, matrix_of(outer) @ matrix_of(inner),
                               atol=1e-13)


@given(PLACEMENTS)
def test_nothing_is_rounded_where_a_frame_is_not_moved(placement):
    assert placement @ Placement() == Placement() @ placement == placement


def test_zeros_of_either_sign_are_the_same_placement():
    assert repr(Placement((-0.0, 0.0, 0.0), (0.0, -0.0, 0.0))) == repr(Placement())


def test_a_matrix_can_not_be_changed():
    with pytest.raises(ValueError, match='read-only'):
        Placement().matrix[0, 0] = 2.0


@pytest.mark.parametrize('name', ('xyz', 'rpy'))
@pytest.mark.parametrize('value', ((1.0, 2.0), (1.0, 2.0, math.nan), (0.0, 0.0, math.inf), None,
                                   'abc', 1.0))
def test_what_are_not_three_finite_numbers_is_refused(name, value):
    with pytest.raises(ArmError, match=f'{name} is .*, expected three finite numbers'):
        Placement(**{name: value})
