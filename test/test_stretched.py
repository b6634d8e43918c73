# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of chains whose links are longer than their model knows."""

from arms import random_angles
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.control.solve_many import solve_many
from snake_arm_control.errors import WeightsError
from snake_arm_control.model import weights_file
from snake_arm_control.model.corrected import corrected
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.stretched import parts_of, Stretched

ARM = Arm.uniform(6, 0.1)
LONGER = np.array((0.1, -0.05, 0.02, 0.02, 0.0, -0.3))
SAVED = corrected(ForwardModel.exact(ARM), np.zeros(ARM.rest.shape), stretch=LONGER)


def longer_chain(angles):
    return forward_kinematics(ARM, angles, 0.1 * (1.0 + LONGER))


def test_the_chain_is_that_of_an_arm_with_such_links():
    for angles in (random_angles(ARM, ()), random_angles(ARM, (3,))):
        found = Stretched(ExactModel(ARM).linearize(angles), parts_of(LONGER)).chain
        np.testing.assert_allclose(found, longer_chain(angles), atol=1e-12)


def test_its_derivatives_are_those_of_the_chain():
    angles, generator = random_angles(ARM, ()), np.random.default_rng(1)
    joints, components = np.divmod(np.arange(54), 9)
    here = Stretched(ExactModel(ARM).linearize(angles), parts_of(LONGER))
    rows = here.jacobian_rows(joints, components)
    for _ in range(5):
        way = 1e-6 * generator.normal(size=angles.shape)
        change = (longer_chain(angles + way) - longer_chain(angles - way)) / 2e-6
        np.testing.assert_allclose(np.einsum('rja,ja->r', rows, way) * 1e6, change.ravel(),
                                   atol=1e-8)
    np.testing.assert_allclose(here.jacobian_rows(joints, components, 2), rows[:, 2:], atol=1e-12)
    slopes = generator.normal(size=here.chain.shape)
    np.testing.assert_allclose(here.gradient(slopes), np.einsum('r,rja->ja', slopes.ravel(), rows),
                               atol=1e-12)


def test_functionals_of_many_entries_are_the_sums_of_these():
    angles, generator = random_angles(ARM, ()), np.random.default_rng(2)
    here = Stretched(ExactModel(ARM).linearize(angles), parts_of(LONGER))
    rows, joints = np.array((0, 1, 0, 2, 2)), np.array((5, 3, 1, 4, 4))
    coefficients = generator.normal(size=(5, 9))
    each = here.functional_rows(np.arange(5), joints, coefficients)
    expected = np.zeros((3, *ARM.rest.shape))
    np.add.at(expected, rows, each)
    np.testing.assert_allclose(here.functional_rows(rows, joints, coefficients), expected,
                               atol=1e-12)


@pytest.mark.parametrize('many', (False, True))
def test_goals_are_solved_for_the_arm_as_it_is(many):
    goal = Goal.tool(position=longer_chain(np.full(ARM.rest.shape, 0.3))[-1, :3], joints=6)
    found = (solve_many([goal], ARM.rest, SAVED)[0] if many else solve(goal, ARM.rest, SAVED))
    assert found.converged
    assert goal.position_error(longer_chain(found.angles)) < 1e-3


def test_a_stretch_of_another_arm_is_refused():
    metadata, arrays = weights_file.parse(SAVED.to_bytes())
    arrays[weights_file.STRETCH] = np.zeros(5)
    data = weights_file.save_arrays(arrays, metadata)
    with pytest.raises(WeightsError, match=r'a stretch of the shape \(5,\), expected \(6,\)'):
        ForwardModel.from_bytes(data, ARM)
