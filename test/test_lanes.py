# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of descents in lanes: each goes as if it were the only one."""

from functools import partial

import numpy as np
import pytest

from snake_arm_control.arm.arm_file import shipped_arms
from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control import lanes
from snake_arm_control.control.descent import descend, finish
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.solve import solve
from snake_arm_control.experiments import goal_families
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.functionals import Entries

ARM = Arm()
TRUTH = partial(forward_kinematics, ARM)
SETTINGS = InverseSettings()
MODELS = {'exact': ExactModel(ARM), 'exact of a file': ForwardModel.exact(ARM),
          'learned': ForwardModel.load(), 'learned, float64': ForwardModel.load(dtype=np.float64)}


def goals():
    """Return goals of several families by turns, one of which is out of reach."""
    families = [goal_families.goals(family, ARM, 3, np.random.default_rng(0))
                for family in 'ACE']
    return [*(goal for some in zip(*families) for goal in some), Goal.tool((0.0, 0.0, 2.0))]


def assert_same(found, expected):
    np.testing.assert_array_equal(found.angles, expected.angles)
    assert found[1:] == expected[1:]


@pytest.mark.parametrize('name', MODELS)
@pytest.mark.parametrize('width', (1, 4, 16))
def test_a_descent_in_a_lane_is_that_of_one_alone(name, width, monkeypatch):
    monkeypatch.setattr(lanes, 'LANES', width)
    model, truth = MODELS[name], TRUTH if 'learned' in name else None
    several = goals()
    starts = goal_families.configurations(ARM, len(several), np.random.default_rng(1))
    limits = [2000, 2000, 3, 0, *[2000] * (len(several) - 4)]
    found = lanes.descend_in_lanes(several, starts, limits, model, truth, SETTINGS)
    for each, goal, start, limit in zip(found, several, starts, limits):
        assert_same(each, finish(descend(goal, start, model, truth, SETTINGS, limit)))
    assert found[2].iterations == 3 and found[3].iterations == 0
    assert found[0].converged and not found[-1].converged


def test_an_error_that_is_no_number_is_never_the_best():
    def truth(angles):
        return TRUTH(angles) + (np.nan if angles.any() else 0.0)

    goal, = goal_families.goals('A', ARM, 1, np.random.default_rng(0))
    found, = lanes.descend_in_lanes([goal], [ARM.rest], [20], MODELS['exact'], truth, SETTINGS)
    assert_same(found, finish(descend(goal, ARM.rest, MODELS['exact'], truth, SETTINGS, 20)))
    assert not found.angles.any() and found.position_error > 0.0


def test_a_solution_shares_no_memory_with_the_others():
    found = lanes.descend_in_lanes(goals(), [ARM.rest] * 10, [5] * 10, MODELS['exact'], None,
                                   SETTINGS)
    assert all(each.angles.base is None for each in found)


def test_what_lanes_do_not_do_is_left_to_descents_alone():
    exact = MODELS['exact']
    assert lanes.can_share(exact, SETTINGS)
    assert not lanes.can_share(exact, InverseSettings(method='momentum'))
    assert not lanes.can_share(exact, InverseSettings(centering=0.01))
    assert not lanes.can_share(ForwardModel.compensated(Compliance.uniform(ARM, 0.0)), SETTINGS)
    assert 'tendon' in shipped_arms()
    assert not lanes.can_share(ExactModel(Arm.from_file('tendon')), SETTINGS)


def test_preferences_and_terms_are_heeded_as_before():
    goal = goals()[0]
    posture = Goal.preferring({ARM.joint_names[0]: 0.2}, ARM.joints)
    plain, bent = (solve(each, ARM.rest, MODELS['exact']) for each in (goal, goal & posture))
    assert plain.converged and bent.converged
    assert abs(bent.angles[0, 0] - 0.2) < abs(plain.angles[0, 0] - 0.2)


@pytest.mark.parametrize('model', (
    *MODELS.values(), ForwardModel.load(arm=Arm.uniform(9, 0.05))), ids=(*MODELS, 'general'))
def test_rows_in_lanes_are_those_of_the_configurations(model):
    """In any order, with several entries of a functional, and with none of a configuration."""
    generator, arm = np.random.default_rng(0), model.arm
    angles = goal_families.configurations(arm, 4, generator)
    of = np.array([2, 0, 2, 3])
    rows, joints = np.array([3, 0, 1, 2, 0]), generator.integers(0, arm.joints, 5)
    coefficients = generator.normal(size=(5, 9))
    found = model.linearize(angles).lane_rows(Entries(rows, joints, coefficients, of))
    for number, configuration in enumerate(of):
        own = rows == number
        expected = model.linearize(angles[configuration]).functional_rows(
            np.zeros(own.sum(), int), joints[own], coefficients[own])[0]
        np.testing.assert_allclose(found[number], expected, rtol=1e-4, atol=1e-5)
