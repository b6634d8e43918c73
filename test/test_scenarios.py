# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the paper's scenarios."""

import numpy as np
import pytest

from snake_arm_control import pose
from snake_arm_control.arm import Arm
from snake_arm_control.errors import GoalError
from snake_arm_control.inverse import solve
from snake_arm_control.kinematics import ExactModel
from snake_arm_control.scenarios import scenario, SCENARIOS

NAMES = sorted(SCENARIOS)
TIMES = (0.0, 0.7, 12.3, 1e4)


@pytest.mark.parametrize('name', NAMES)
def test_a_scenario_is_found_by_its_name_and_described(name):
    assert scenario(name).name == name
    assert scenario(name).description


@pytest.mark.parametrize('name', ('fig1', '', 'FIG2'))
def test_an_unknown_name_is_refused_with_those_there_are(name):
    with pytest.raises(GoalError, match='there is no scenario .*expected one of .*fig2'):
        scenario(name)


@pytest.mark.parametrize('name', NAMES)
def test_goals_are_those_of_the_arm_and_ask_for_something(name):
    for time in TIMES:
        goal = scenario(name).goal_at(Arm(), time)
        assert goal.joints == 40
        assert not goal.is_free


@pytest.mark.parametrize('name', NAMES)
def test_goals_repeat_after_the_period_and_stay_where_there_is_none(name):
    it = scenario(name)
    for time in TIMES[:3]:
        goal, later = it.goal_at(Arm(), time), it.goal_at(Arm(), time + (it.period or 5.0))
        np.testing.assert_array_equal(goal.cared, later.cared)
        np.testing.assert_allclose(goal.target, later.target, atol=1e-9)


@pytest.mark.parametrize('name', NAMES)
def test_goals_scale_with_the_arm(name):
    for time in TIMES:
        small, large = (scenario(name).goal_at(Arm(segment_length=length), time)
                        for length in (0.025, 0.1))
        np.testing.assert_array_equal(small.cared, large.cared)
        np.testing.assert_allclose(4.0 * small.target[:, pose.POSITION],
                                   large.target[:, pose.POSITION])
        np.testing.assert_allclose(small.target[:, 3:], large.target[:, 3:])


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('time', TIMES)
def test_every_goal_can_be_reached_from_rest(name, time):
    solution = solve(scenario(name).goal_at(Arm(), time), np.zeros((40, 2)), ExactModel(Arm()))
    assert solution.converged


@pytest.mark.parametrize('joints', (1, 2, 7, 40, 100))
def test_figure_2_holds_the_tool_horizontal_at_a_position_and_leaves_all_else_free(joints):
    """That is, up points up; forward is don't care, and so is every other joint."""
    goal = scenario('fig2').goal_at(Arm(joints=joints), 0.0)
    cared = np.zeros((joints, 9), dtype=bool)
    cared[-1, pose.POSITION] = cared[-1, pose.UP] = True
    np.testing.assert_array_equal(goal.cared, cared)
    np.testing.assert_array_equal(goal.target[-1, pose.UP], (0.0, 0.0, 1.0))
