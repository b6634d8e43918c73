# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A goal that is edited by hand stays a good goal, whatever is ticked and wherever it is put."""

from itertools import product

import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_edit import GoalEdit, PRESETS
from snake_arm_control.errors import GoalError, ShapeError

TARGET = pose.from_euler(0.3, -0.2, 0.9, (0.3, -0.2, 0.6))


@pytest.mark.parametrize('joint', (1, 3))
def test_every_choice_of_components_is_a_goal_that_cares_for_just_these(joint):
    for ticks in product((False, True), repeat=pose.SIZE):
        cared = [name for name, tick in zip(pose.COMPONENTS, ticks) if tick]
        goal = GoalEdit(joint, TARGET, cared).goal(joints=3)
        assert goal.cared[joint - 1].tolist() == list(ticks)
        assert not np.delete(goal.cared, joint - 1, axis=0).any()
        np.testing.assert_allclose(goal.target[joint - 1], np.where(ticks, TARGET, 0.0),
                                   atol=1e-15)


def test_toggling_twice_changes_nothing_and_forgets_nothing():
    edit = GoalEdit(2, TARGET, PRESETS['position + up'])
    for component in pose.COMPONENTS:
        once = edit.toggled(component)
        assert once.cared ^ edit.cared == {component}
        assert once.toggled(component).goal(3) == edit.goal(3)


def test_a_target_that_is_moved_counts_as_before():
    edit = GoalEdit(1, TARGET, {'x', 'up_z'}).moved(TARGET + [1, 0, 0, 0, 0, 0, 0, 0, 0])
    assert edit.cared == {'x', 'up_z'}
    assert edit.target[0] == TARGET[0] + 1.0


def test_axes_as_a_model_predicts_them_become_those_of_a_frame():
    """Neither of length 1 nor orthogonal, they would be refused as a goal."""
    edit = GoalEdit(1, [0.1, 0.2, 0.3, 0.0, 0.0, 1.1, 0.0, 0.9, 0.1], PRESETS['full pose'])
    assert edit.goal(1) == Goal.tool((0.1, 0.2, 0.3), (0, 0, 1), (0, 1, 0), joints=1)


@pytest.mark.parametrize('asked', (
    Goal.joint(2, position=(0.1, None, 0.3), joints=3),
    Goal.joint(2, up=(None, None, 0.6), joints=3),
    Goal.joint(2, (0.1, 0.2, 0.3), (0, 0, 1), (0, 1, 0), joints=3),
    Goal.free(3),
), ids=('position', 'axis', 'full', 'free'))
def test_an_edit_that_asks_what_a_goal_asks_is_that_goal(asked):
    edit = GoalEdit(2, TARGET).asking(asked)
    assert (edit.goal(3).cared == asked.cared).all()
    np.testing.assert_allclose(edit.goal(3).target, asked.target, atol=1e-12)
    free = ~asked.cared[1, :3]
    np.testing.assert_allclose(edit.target[:3][free], TARGET[:3][free])


def test_caring_for_nothing_drops_the_goal():
    assert GoalEdit(2, TARGET, ()).goal(3) == Goal.free(3)


def test_an_edit_is_not_changed_from_outside():
    target = TARGET.copy()
    edit = GoalEdit(1, target)
    target[0] = 9.0
    assert edit.target[0] == TARGET[0]
    with pytest.raises(ValueError):
        edit.target[0] = 9.0


def test_what_is_no_edit_is_refused():
    with pytest.raises(GoalError, match='no components roll, expected some of x, y, z'):
        GoalEdit(1, TARGET, {'x', 'roll'})
    with pytest.raises(GoalError, match='expected finite'):
        GoalEdit(1, np.full(pose.SIZE, np.nan))
    with pytest.raises(ShapeError):
        GoalEdit(1, TARGET[:6])
    with pytest.raises(GoalError, match='joint number is 4, expected an integer from 1 to 3'):
        GoalEdit(4, TARGET).goal(joints=3)
