# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of goals: what can be meant, how goals combine, and that their errors are what they say."""

import copy
import dataclasses
import math
import pickle

from arms import urdf_of
from hypothesis import given, settings, strategies
import numpy as np
import pytest
from transforms3d.axangles import axangle2mat

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import combine, Goal
from snake_arm_control.errors import GoalError, ShapeError, SnakeArmError

NAN = math.nan


def random_chain(joints=5, seed=0):
    arm = Arm.uniform(joints=joints)
    return forward_kinematics(arm, np.random.default_rng(seed).uniform(-0.7, 0.7, (joints, 2)))


@strategies.composite
def goals(draw, joints=3, seed=None):
    """Draw a goal that cares for some components of a possible chain, so that axes are units."""
    chain = random_chain(joints, draw(strategies.integers(0, 5)) if seed is None else seed)
    free = draw(strategies.lists(strategies.booleans(), min_size=9 * joints, max_size=9 * joints))
    return Goal.from_array(np.where(np.reshape(free, chain.shape), NAN, chain))


def test_nan_means_dont_care_and_all_else_is_cared_for():
    chain = random_chain()
    chain[2, 1] = chain[4, 3:6] = NAN
    goal = Goal.from_array(chain)
    np.testing.assert_array_equal(goal.cared, ~np.isnan(chain))
    np.testing.assert_array_equal(goal.weight, (~np.isnan(chain)).astype(float))
    np.testing.assert_array_equal(goal.to_array(), goal.target + np.where(goal.cared, 0.0, NAN))
    np.testing.assert_allclose(goal.to_array(), chain, atol=1e-15)
    assert (goal.target[~goal.cared] == 0.0).all()


@pytest.mark.parametrize('value', (NAN, math.inf, -math.inf, 1e308, -7.0))
def test_the_target_of_a_component_without_weight_is_forgotten(value):
    target, weight = random_chain(), np.ones((5, 9))
    weight[1, 4] = weight[3] = 0.0
    expected = Goal(target, weight)
    target[1, 4] = target[3] = value
    assert Goal(target, weight) == expected


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_the_free_goal_cares_for_nothing(joints):
    goal = Goal.free(joints)
    assert goal.is_free
    assert goal.joints == joints
    assert not goal.cared.any()
    chain = random_chain(joints)
    assert goal.position_error(chain) == goal.axis_error(chain) == 0.0
    assert Goal.from_array(np.full((joints, 9), NAN)) == goal
    assert Goal.from_rows(np.empty((0, 10)), joints) == goal


@pytest.mark.parametrize('number', (1, 3, 5))
def test_a_joint_goal_cares_for_what_is_given_of_that_joint(number):
    goal = Goal.joint(number, position=(0.1, None, NAN), up=(0.0, 0.6, 0.8), joints=5)
    expected = np.full((5, 9), NAN)
    expected[number - 1, [0, 6, 7, 8]] = 0.1, 0.0, 0.6, 0.8
    np.testing.assert_array_equal(goal.to_array(), expected)


def test_a_tool_goal_is_one_of_the_last_joint():
    parts = {'position': (0.1, 0.2, 0.3), 'forward': (1.0, 0.0, 0.0), 'up': (0.0, 0.0, 1.0)}
    for joints in (1, 5, 40):
        assert Goal.tool(**parts, joints=joints) == Goal.joint(joints, **parts, joints=joints)
    assert Goal.tool(**parts).joints == 40


def test_rows_are_joint_goals():
    chain = random_chain()
    rows = np.column_stack(((2, 5), chain[[1, 4]]))
    rows[0, 4:] = NAN
    expected = (Goal.joint(2, position=chain[1, :3], joints=5)
                & Goal.joint(5, chain[4, :3], chain[4, 3:6], chain[4, 6:], joints=5))
    assert Goal.from_rows(rows, 5) == expected
    assert Goal.from_rows(rows[::-1], 5) == expected


@pytest.mark.parametrize('number', (0, -1, 6, 2.5, NAN, math.inf, True, None, '2', (2,), 10**400))
def test_a_joint_number_that_is_no_joint_is_refused(number):
    with pytest.raises(GoalError, match='joint number is .*, expected an integer from 1 to 5'):
        Goal.joint(number, position=(0.0, 0.0, 0.1), joints=5)


@pytest.mark.parametrize('number', (0.0, -1.0, 6.0, 2.5, NAN, math.inf))
def test_a_row_of_no_joint_is_refused(number):
    with pytest.raises(GoalError, match='joint number is .*, expected an integer from 1 to 5'):
        Goal.from_rows(np.array(((number, *np.zeros(3), *np.full(6, NAN)),)), 5)


def test_a_joint_given_twice_is_refused():
    row = (2.0, 0.1, *np.full(8, NAN))
    with pytest.raises(GoalError, match='joint 2 is given twice'):
        Goal.from_rows(np.array((row, row)), 5)


@pytest.mark.parametrize('make', (Goal.from_array, lambda rows: Goal.from_rows(rows, 5)))
@pytest.mark.parametrize('shape', ((), (9,), (10,), (5, 8), (5, 11), (1, 5, 9), (1, 5, 10), (0,)))
def test_arrays_of_another_shape_are_refused(make, shape):
    with pytest.raises(ShapeError, match='goal.* has shape .*, expected'):
        make(np.zeros(shape))


def test_weights_of_another_shape_than_the_target_are_refused():
    with pytest.raises(ShapeError, match=r'goal weight has shape \(4, 9\), expected \(5, 9\)'):
        Goal(np.zeros((5, 9)), np.zeros((4, 9)))


@pytest.mark.parametrize('weight', (-1.0, NAN, math.inf))
def test_weights_that_are_negative_or_not_finite_are_refused(weight):
    weights = np.zeros((5, 9))
    weights[1, 1] = weight
    with pytest.raises(GoalError, match='negative or not finite'):
        Goal(np.zeros((5, 9)), weights)


@pytest.mark.parametrize('value', (math.inf, -math.inf))
@pytest.mark.parametrize('component', range(9))
def test_an_infinity_is_refused_by_its_name(value, component):
    chain = np.full((5, 9), NAN)
    chain[2, component] = value
    with pytest.raises(GoalError, match=f'joint 3 {pose.COMPONENTS[component]} is -?inf'):
        Goal.from_array(chain)


@pytest.mark.parametrize('name', ('forward', 'up'))
@pytest.mark.parametrize('axis', ((0, 0, 0), (0, 0, 0.98), (1, 1, 0), (0, 0, 1.02), (0, 0, 1e100),
                                  (1.02, None, None), (0.9, None, -0.9)))
def test_what_cannot_be_a_unit_axis_is_refused(name, axis):
    with pytest.raises(GoalError, match=f'joint 5 {name} is .* expected a unit vector'):
        Goal.tool(**{name: axis}, joints=5)


@pytest.mark.parametrize('axis', ((0, 0, 1.005), (0, 0.995, 0), (0.6, -0.8, 0), (1, 0, 0)))
def test_an_axis_of_roughly_length_one_is_made_one_of_that_direction(axis):
    target = Goal.tool(forward=axis, joints=2).target[-1, pose.FORWARD]
    np.testing.assert_allclose(target, np.array(axis) / np.linalg.norm(axis), atol=1e-15)


@pytest.mark.parametrize('axis', ((None, None, 0.0), (0.2, None, 0.3), (None, -1.0, None)))
def test_a_partly_free_axis_may_be_short(axis):
    goal = Goal.tool(up=axis, joints=2)
    shown = goal.to_array()[-1, pose.UP]
    assert [None if math.isnan(v) else v for v in shown] == list(axis)


@pytest.mark.parametrize('degrees', (0.0, 45.0, 87.0, 93.0, 180.0))
def test_forward_and_up_that_are_not_orthogonal_are_refused(degrees):
    angle = math.radians(degrees)
    with pytest.raises(GoalError, match=f'joint 5 forward and up are {degrees:.1f} degrees apart'):
        Goal.tool(forward=(1, 0, 0), up=(math.cos(angle), math.sin(angle), 0), joints=5)


@pytest.mark.parametrize('degrees', (88.5, 90.0, 91.5))
def test_forward_and_up_may_be_a_little_off(degrees):
    angle = math.radians(degrees)
    Goal.tool(forward=(1, 0, 0), up=(math.cos(angle), math.sin(angle), 0), joints=5)


@pytest.mark.parametrize('vector', ((1, 2), (1, 2, 3, 4), 'abc', 5, ((1, 2, 3),), ('a', 0, 0),
                                    (10**400, 0, 0), (1j, 0, 0), ((1,), 0, 0)))
def test_a_position_that_is_not_three_numbers_is_refused(vector):
    with pytest.raises(GoalError, match='position is .*, expected three numbers'):
        Goal.tool(position=vector)


@given(goals(seed=1), goals(seed=1), goals(seed=1))
@settings(max_examples=200)
def test_combination_is_commutative_associative_and_idempotent(a, b, c):
    assert a & b == b & a
    assert (a & b) & c == a & (b & c)
    assert a & a == a
    assert a & b & a == a & b
    assert a & Goal.free(3) == a
    np.testing.assert_array_equal((a & b).cared, a.cared | b.cared)


@given(strategies.lists(goals(seed=2), max_size=4))
def test_combine_is_the_combination_of_all(several):
    expected = Goal.free(3)
    for goal in several:
        expected &= goal
    assert combine(several, 3) == expected


@given(goals(), goals())
@settings(max_examples=200)
def test_goals_that_ask_different_things_cannot_be_combined_in_either_order(a, b):
    both = a.cared & b.cared
    if (a.target[both] != b.target[both]).any():
        for first, second in ((a, b), (b, a)):
            with pytest.raises(GoalError, match=r'joint \d \w+ shall be both'):
                first & second
    else:
        # What remains is an axis put together from two, which may not be one.
        try:
            np.testing.assert_array_equal((a & b).cared, a.cared | b.cared)
        except GoalError as error:
            assert 'expected a unit vector' in str(error) or 'degrees apart' in str(error)


def test_a_conflict_names_the_component_and_both_wishes():
    a = Goal.tool(position=(0.1, None, 0.3), joints=5)
    b = Goal.tool(position=(None, 0.2, 0.5), joints=5)
    with pytest.raises(GoalError, match='joint 5 z shall be both 0.3 and 0.5'):
        a & b


def test_goals_for_different_arms_cannot_be_combined():
    with pytest.raises(GoalError, match='a goal for 5 joints and one for 6 can not'):
        Goal.free(5) & Goal.free(6)


def test_of_two_weights_the_larger_counts():
    target, weight = random_chain(), np.ones((5, 9))
    assert (Goal(target, 2.0 * weight) & Goal(target, weight)) == Goal(target, 2.0 * weight)


@given(goals(joints=4))
@settings(max_examples=200)
def test_a_goal_survives_yaml(goal):
    assert Goal.from_yaml(goal.to_yaml(), 4) == goal


@given(strategies.lists(strategies.floats(-1e300, 1e300), min_size=3, max_size=3))
def test_positions_survive_yaml_to_the_last_digit(position):
    goal = Goal.tool(position=position, joints=2)
    assert Goal.from_yaml(goal.to_yaml(), 2) == goal


def test_yaml_may_name_links_in_place_of_numbers():
    arm = Arm.from_urdf(urdf_of('panda'))
    for name, number in (('panda_link3', 2), ('panda_hand_tcp', 5), ('tool', 5)):
        goal = Goal.from_yaml(f'[{{joint: {name}, position: [1, 2, ~]}}]', 5, arm.goal_numbers)
        assert goal == Goal.joint(number, position=(1, 2, None), joints=5)
    with pytest.raises(GoalError, match='panda_link1, expected an integer from 1 to 5'):
        Goal.from_yaml('[{joint: panda_link1, position: [1, 2, 3]}]', 5, arm.goal_numbers)


def test_yaml_is_read_as_documented():
    text = """
    - joint: 3
      position: [0.1, ~, 0.2]
    - joint: tool
      up: [0, 0, 1]
    - joint: 3
      forward: [~, ~, 1.0]
    """
    expected = (Goal.joint(3, position=(0.1, None, 0.2), forward=(None, None, 1.0), joints=5)
                & Goal.tool(up=(0.0, 0.0, 1.0), joints=5))
    assert Goal.from_yaml(text, 5) == expected
    assert Goal.from_yaml('[]', 5).is_free


@pytest.mark.parametrize(('text', 'message'), (
    ('', 'not a YAML list'),
    ('joint: 3', 'not a YAML list'),
    ('[3, 4]', 'not a YAML list'),
    ('[', 'not YAML'),
    ('[{joint: 2001-99-99}]', 'not YAML'),
    ('[{position: [0, 0, 1]}]', 'expected joint and any of position, forward, up'),
    ('[{joint: 1, posture: [0, 0, 1]}]', 'expected joint and any of position, forward, up'),
    ('[{joint: 1, 7: 8}]', 'expected joint and any of position, forward, up'),
    ('[{joint: 9}]', 'joint number is 9'),
    ('[{joint: true}]', 'joint number is True'),
    ('[{joint: hand}]', 'joint number is hand'),
    ('[{joint: [1]}]', 'joint number is'),
    ('[{joint: ~}]', 'joint number is None'),
    ('[{joint: 1, position: [0, 0]}]', 'expected three numbers'),
    ('[{joint: 1, position: {x: 0}}]', 'expected three numbers'),
    ('[{joint: 1, position: 0.3}]', 'expected three numbers'),
    ('[{joint: 1, position: [.inf, 0, 0]}]', 'joint 1 x is inf'),
    ('[{joint: 1, up: [0, 0, 3]}]', 'expected a unit vector'),
    ('[{joint: 1, up: [0, 0, 1]}, {joint: 1, up: [0, 1, 0]}]', 'joint 1 up_y shall be both'),
    ('!!python/object/apply:os.getcwd []', 'not YAML'),
))
def test_yaml_that_is_no_goal_is_refused_with_the_reason(text, message):
    with pytest.raises(GoalError, match=message):
        Goal.from_yaml(text, 5)


def test_every_refusal_is_one_of_this_packages_errors():
    assert issubclass(GoalError, SnakeArmError)
    assert issubclass(ShapeError, SnakeArmError)


@pytest.mark.parametrize('copied', (copy.copy, copy.deepcopy,
                                    lambda goal: pickle.loads(pickle.dumps(goal))))
def test_a_copy_of_a_goal_is_the_same_and_frozen_too(copied):
    goal = Goal.from_yaml('[{joint: tool, position: [0.3, [0, 0.1], ~], up: [0, 0, 1]}, '
                          '{joint: 20, look_at: [1, 0, 0]}, {posture: rest}]')
    again = copied(goal)
    assert again == goal
    for array in again.target, again.weight:
        with pytest.raises(ValueError, match='read-only'):
            array[0, 0] = 1.0


def test_a_goal_is_a_frozen_copy():
    target, weight = random_chain(), np.ones((5, 9))
    goal = Goal(target, weight)
    expected = goal.to_array()
    target[:], weight[:] = 7.0, 0.0
    np.testing.assert_array_equal(goal.to_array(), expected)
    for array in (goal.target, goal.weight):
        with pytest.raises(ValueError, match='read-only'):
            array[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        goal.target = target
    goal.to_array()[:] = 3.0
    np.testing.assert_array_equal(goal.to_array(), expected)


def test_goals_are_equal_when_they_ask_the_same_with_the_same_weight():
    chain = random_chain()
    assert Goal.from_array(chain) == Goal.from_array(chain.copy())
    assert Goal.from_array(chain) != Goal(chain, np.full((5, 9), 2.0))
    assert Goal.from_array(chain) != Goal.from_array(random_chain(seed=1))
    assert Goal.from_array(chain) != 'goal'
    with pytest.raises(TypeError):
        hash(Goal.from_array(chain))


@pytest.mark.parametrize('batch', ((), (1,), (2, 3)))
def test_the_discrepancy_is_chain_minus_target_and_exactly_zero_where_nothing_is_cared_for(batch):
    generator = np.random.default_rng(0)
    chain = generator.normal(size=(*batch, 5, 9))
    target = random_chain()
    free = generator.random((5, 9)) < 0.5
    chain[..., free] = np.array((NAN, math.inf, 1e308, 0.0, -0.0))[np.arange(free.sum()) % 5]
    goal = Goal.from_array(np.where(free, NAN, target))
    got = goal.discrepancy(chain)
    assert got.shape == chain.shape
    assert (got[..., free] == 0.0).all()
    np.testing.assert_array_equal(got[..., ~free], chain[..., ~free] - goal.target[~free])
    assert goal.position_error(chain).shape == goal.axis_error(chain).shape == batch


@pytest.mark.parametrize('degrees', (0.0, 0.01, 1.0, 30.0, 90.0, 179.0, 180.0))
@pytest.mark.parametrize('axis', ('forward', 'up'))
def test_a_chain_turned_by_an_angle_about_an_axis_across_has_that_axis_error(degrees, axis):
    chain = random_chain()
    rotations, positions = pose.to_matrix(chain)
    across = rotations[..., 0]  # the local x axis is orthogonal to both
    turned = chain.copy()
    turned[3] = pose.from_matrix(
        axangle2mat(across[3], math.radians(degrees)) @ rotations[3], positions[3])
    part = getattr(pose, axis.upper())
    goal = Goal.joint(4, **{axis: chain[3, part]}, joints=5)
    assert goal.axis_error(turned) == pytest.approx(math.radians(degrees), abs=1e-7)
    assert goal.position_error(turned) == 0.0


@pytest.mark.parametrize('seed', range(3))
def test_a_chain_turned_about_an_axis_keeps_that_axis_and_turns_the_other(seed):
    chain = random_chain(seed=seed)
    rotations, positions = pose.to_matrix(chain)
    turned = chain.copy()
    turned[4] = pose.from_matrix(axangle2mat(chain[4, pose.FORWARD], 0.4) @ rotations[4],
                                 positions[4])
    errors = Goal.from_array(chain).axis_errors(turned)
    assert errors.shape == (5, 2)
    np.testing.assert_allclose(errors[4], (0.0, 0.4), atol=1e-7)
    np.testing.assert_allclose(errors[:4], 0.0, atol=1e-7)


def test_a_chain_displaced_by_a_distance_has_that_position_error():
    chain = random_chain()
    displaced = chain.copy()
    displaced[1, :3] += (0.01, -0.02, 0.02)
    displaced[3, :3] += (0.0, 0.0, 0.01)
    goal = Goal.from_array(chain)
    np.testing.assert_allclose(goal.position_errors(displaced), (0, 0.03, 0, 0.01, 0), atol=1e-12)
    assert goal.position_error(displaced) == pytest.approx(0.03)
    assert goal.axis_error(displaced) == pytest.approx(0.0, abs=1e-7)
    only_x_of_2 = Goal.joint(2, position=(chain[1, 0], None, None), joints=5)
    assert only_x_of_2.position_error(displaced) == pytest.approx(0.01)


@pytest.mark.parametrize('seed', range(20))
def test_the_error_of_a_partly_free_axis_is_at_most_the_angle_to_any_axis_that_is_allowed(seed):
    generator = np.random.default_rng(seed)
    actual, wanted = generator.normal(size=(2, 3))
    actual, wanted = actual / np.linalg.norm(actual), wanted / np.linalg.norm(wanted)
    chain = random_chain()
    chain[-1, pose.UP] = actual
    angle = math.acos(actual @ wanted)
    for free in ((0,), (1, 2)):
        partly = [None if c in free else value for c, value in enumerate(wanted)]
        assert 0.0 < Goal.tool(up=partly, joints=5).axis_error(chain) <= angle + 1e-12
    assert Goal.tool(up=wanted, joints=5).axis_error(chain) == pytest.approx(angle)


def test_errors_do_not_depend_on_weights():
    """They have units; a weight only says how hard the arm tries."""
    target, chain = random_chain(), random_chain(seed=1)
    heavy, light = Goal(target, np.full((5, 9), 9.0)), Goal(target, np.full((5, 9), 0.1))
    assert heavy.position_error(chain) == light.position_error(chain) > 0.0
    assert heavy.axis_error(chain) == light.axis_error(chain) > 0.0


@given(goals(), strategies.integers(0, 5))
def test_the_nearest_chain_is_allowed_and_has_axes_of_length_one(goal, seed):
    chain = random_chain(3, seed)
    nearest = goal.nearest(chain)
    assert not goal.discrepancy(nearest).any()
    for axis in pose.AXES:
        np.testing.assert_allclose(np.linalg.norm(nearest[:, axis], axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(goal.nearest(nearest), nearest, atol=1e-9)
    free = ~goal.cared[:, pose.POSITION]
    assert (nearest[:, pose.POSITION][free] == chain[:, pose.POSITION][free]).all()


def test_a_chain_that_is_free_is_its_own_nearest():
    np.testing.assert_allclose(Goal.free(5).nearest(random_chain()), random_chain(), atol=1e-12)


def test_an_axis_with_nothing_to_scale_takes_some_direction_that_is_allowed():
    """The arm points along x; only that it shall not is asked."""
    chain = random_chain(1)
    chain[0, pose.FORWARD] = (1, 0, 0)
    nearest = Goal.tool(forward=(0.6, None, None), joints=1).nearest(chain)[0, pose.FORWARD]
    assert nearest[0] == 0.6 and np.linalg.norm(nearest) == pytest.approx(1.0)
