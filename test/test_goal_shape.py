# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a goal looks like is what it asks: places, axes, freedoms and errors are the goal's own."""

from hypothesis import given, strategies
import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_shape import goal_shape

JOINTS = 8
SEEDS = strategies.integers(0, 999)
MASKS = strategies.lists(strategies.booleans(), min_size=JOINTS * pose.SIZE,
                         max_size=JOINTS * pose.SIZE)
PARTS = {'position': pose.POSITION, 'forward': pose.FORWARD, 'up': pose.UP}


def random_chain(seed):
    angles = np.random.default_rng(seed).uniform(-0.7, 0.7, (JOINTS, 2))
    return forward_kinematics(Arm.uniform(joints=JOINTS), angles)


def random_goal(seed, ticks, joints=JOINTS):
    """Return a goal for ticked components of the first joints."""
    cared = np.reshape(ticks, (JOINTS, pose.SIZE)) & (np.arange(JOINTS) < joints)[:, None]
    return Goal.from_array(np.where(cared, random_chain(seed), np.nan))


@given(SEEDS, MASKS)
def test_places_and_axes_are_those_of_the_nearest_chain_that_the_goal_allows(seed, ticks):
    goal, chain = random_goal(seed, ticks), random_chain(seed + 1)
    shape, there = goal_shape(goal, chain), goal.nearest(chain)
    placed = goal.cared[:, pose.POSITION].any(axis=1)
    np.testing.assert_array_equal(shape.places, there[placed, pose.POSITION])
    for name, axes in shape.axes.items():
        asked = goal.cared[:, PARTS[name]].any(axis=1)
        assert (axes.joints - 1).tolist() == np.flatnonzero(asked).tolist()
        np.testing.assert_array_equal(axes.starts, there[asked, pose.POSITION])
        np.testing.assert_array_equal(axes.directions, there[asked, PARTS[name]])
        np.testing.assert_allclose(np.linalg.norm(axes.directions, axis=1), 1.0)


@given(SEEDS, MASKS)
def test_distances_are_as_long_as_the_position_errors(seed, ticks):
    goal, chain = random_goal(seed, ticks), random_chain(seed + 1)
    lines = goal_shape(goal, chain).distances
    placed = goal.cared[:, pose.POSITION].any(axis=1)
    np.testing.assert_allclose(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1),
                               goal.position_errors(chain)[placed])


@given(SEEDS, MASKS, strategies.floats(-0.5, 0.5), strategies.integers(0, 4))
def test_moving_along_a_freedom_costs_nothing(seed, ticks, way, joints):
    """A chain that is at the goal still is, anywhere along any of its freedoms."""
    goal = random_goal(seed, ticks, joints)
    chain = goal.nearest(random_chain(seed))
    for freedom in goal_shape(goal, chain).freedoms:
        j, part = freedom.joint - 1, PARTS[freedom.part]
        np.testing.assert_allclose(np.linalg.norm(freedom.directions, axis=1), 1.0)
        for direction in freedom.directions:
            moved = chain.copy()
            moved[j, part] = direction if freedom.part != 'position' else (
                chain[j, part] + way * direction)
            assert goal.position_error(moved) < 1e-12 and goal.axis_error(moved) < 1e-6


@given(SEEDS, MASKS)
def test_errors_are_those_of_the_goal(seed, ticks):
    """Those of each joint where there are few; else of the worst, by its position first."""
    goal, chain = random_goal(seed, ticks), random_chain(seed + 1)
    shape = goal_shape(goal, chain)
    positions, axes = goal.position_errors(chain), goal.axis_errors(chain).max(axis=1)
    if not shape.few:
        assert len(shape.errors) == 1
        assert shape.errors[0].position == positions.max() or not (
            goal.cared[:, pose.POSITION].any())
        return
    joints = np.flatnonzero(goal.cared.any(axis=1))
    assert len(shape.errors) == len(joints)
    for j, error in zip(joints, shape.errors):
        asks_position = goal.cared[j, pose.POSITION].any()
        asks_axis = goal.cared[j, pose.POSITION.stop:].any()
        np.testing.assert_equal(error.position, positions[j] if asks_position else np.nan)
        np.testing.assert_equal(error.axis, axes[j] if asks_axis else np.nan)


@given(SEEDS, MASKS)
def test_of_an_arm_that_is_not_seen_only_what_is_asked_has_a_shape(seed, ticks):
    goal = random_goal(seed, ticks)
    shape = goal_shape(goal, None)
    assert not len(shape.distances) and not shape.errors
    asked = goal.cared[:, pose.POSITION]
    placed = asked.any(axis=1)
    np.testing.assert_array_equal(
        shape.places, np.where(asked, goal.target[:, pose.POSITION], 0.0)[placed])


def test_the_goal_for_nothing_has_no_shape():
    shape = goal_shape(Goal.free(JOINTS), random_chain(0))
    assert not len(shape.places) and not len(shape.distances)
    assert not shape.freedoms and not shape.errors
    assert not any(len(axes.joints) for axes in shape.axes.values())
