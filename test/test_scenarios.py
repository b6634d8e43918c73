# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the paper's scenarios."""

import math

from arms import NAMES as OTHER_NAMES, OTHERS
import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import GoalError
from snake_arm_control.experiments.scenarios import scenario, SCENARIOS
from snake_arm_control.model.exact import ExactModel

NAMES = sorted(SCENARIOS)
MOVING = [name for name in NAMES if SCENARIOS[name].period]
REACHABLE = [name for name in NAMES if SCENARIOS[name].reachable]
PHASES = np.linspace(0.0, 1.0, 24, endpoint=False)
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


@pytest.mark.parametrize('name', MOVING)
def test_another_period_changes_the_speed_and_not_the_way(name):
    it = scenario(name)
    assert it.goal_at(Arm(), 0.25 * it.period) == it.goal_at(Arm(), 1.5, period=6.0)


@pytest.mark.parametrize('name', MOVING)
def test_moving_goals_keep_their_components_and_move_steadily(name):
    goals = [scenario(name).goal_of(Arm(), phase) for phase in (*PHASES, *PHASES[:1])]
    assert all(np.array_equal(goal.cared, goals[0].cared) for goal in goals)
    steps = [np.abs(later.target - goal.target).max() for goal, later in zip(goals, goals[1:])]
    assert 0.0 < min(steps) and max(steps) < 0.1


@pytest.mark.parametrize('name', NAMES)
def test_an_arm_with_too_few_joints_is_refused(name):
    it = scenario(name)
    it.goal_at(Arm.uniform(joints=it.least_joints), 0.0)
    if it.least_joints > 1:
        with pytest.raises(GoalError, match=f'at least {it.least_joints} joints'):
            it.goal_at(Arm.uniform(joints=it.least_joints - 1), 0.0)


@pytest.mark.parametrize('name', NAMES)
def test_goals_scale_with_the_arm(name):
    for time in TIMES:
        small, large = (scenario(name).goal_at(Arm.uniform(segment_length=length), time)
                        for length in (0.025, 0.1))
        np.testing.assert_array_equal(small.cared, large.cared)
        np.testing.assert_allclose(4.0 * small.target[:, pose.POSITION],
                                   large.target[:, pose.POSITION])
        np.testing.assert_allclose(small.target[:, 3:], large.target[:, 3:])


@pytest.mark.parametrize('name', REACHABLE)
@pytest.mark.parametrize('time', TIMES)
def test_every_goal_can_be_reached_from_rest(name, time):
    solution = solve(scenario(name).goal_at(Arm(), time), np.zeros((40, 2)), ExactModel(Arm()))
    assert solution.converged


@pytest.mark.parametrize('joints', (1, 2, 7, 40, 100))
def test_figure_2_holds_the_tool_horizontal_at_a_position_and_leaves_all_else_free(joints):
    """That is, up points up; forward is don't care, and so is every other joint."""
    goal = scenario('fig2').goal_at(Arm.uniform(joints=joints), 0.0)
    cared = np.zeros((joints, 9), dtype=bool)
    cared[-1, pose.POSITION] = cared[-1, pose.UP] = True
    np.testing.assert_array_equal(goal.cared, cared)
    np.testing.assert_array_equal(goal.target[-1, pose.UP], (0.0, 0.0, 1.0))


@pytest.mark.parametrize('name', REACHABLE)
@pytest.mark.parametrize('joints', (20, 60))
def test_arms_of_other_lengths_reach_their_goals_too(name, joints):
    goal = scenario(name).goal_at(Arm.uniform(joints=joints), 0.0)
    assert solve(goal, np.zeros((joints, 2)), ExactModel(Arm.uniform(joints=joints))).converged


def test_figure_3_moves_the_tool_on_one_ellipse_on_one_upright_plane():
    """Positions are center + cos a + sin b with a, b at right angles, in a plane with z in it."""
    targets = np.array([scenario('fig3').goal_of(Arm(), phase).target[-1] for phase in PHASES])
    places = targets[:, pose.POSITION]
    center = places.mean(axis=0)
    _, sizes, axes = np.linalg.svd(places - center)
    normal = axes[2]
    assert sizes[2] < 1e-12 and abs(normal[2]) < 1e-12
    half = sizes[:2] / math.sqrt(len(places) / 2)
    across = (places - center) @ axes[:2].T / half
    np.testing.assert_allclose(np.sum(across ** 2, axis=1), 1.0)
    assert half[0] > 1.2 * half[1] > 0.1


def test_figure_3_points_the_tool_against_the_planes_normal_and_leaves_up_free():
    """The normal points at the arm, so the tool points away from the base into the plane."""
    places = []
    for phase in PHASES:
        goal = scenario('fig3').goal_of(Arm(), phase)
        cared = np.zeros((40, 9), dtype=bool)
        cared[-1, pose.POSITION] = cared[-1, pose.FORWARD] = True
        np.testing.assert_array_equal(goal.cared, cared)
        places.append(goal.target[-1, pose.POSITION])
    normal = np.cross(places[1] - places[0], places[5] - places[0])
    normal *= -np.sign(normal @ places[0]) / np.linalg.norm(normal)
    for phase in PHASES:
        forward = scenario('fig3').goal_of(Arm(), phase).target[-1, pose.FORWARD]
        np.testing.assert_allclose(forward, -normal, atol=1e-12)


def test_figure_4_leads_the_middle_round_the_main_axis_and_holds_the_whole_tool():
    """Joint 20 is on a circle in x and y with z free; nothing but it and the tool is cared for."""
    first = scenario('fig4').goal_of(Arm(), 0.0)
    cared = np.zeros((40, 9), dtype=bool)
    cared[-1] = True
    cared[19, :2] = True
    for phase in PHASES:
        goal = scenario('fig4').goal_of(Arm(), phase)
        np.testing.assert_array_equal(goal.cared, cared)
        np.testing.assert_array_equal(goal.target[-1], first.target[-1])
        x, y = goal.target[19, :2]
        assert math.hypot(x, y) == pytest.approx(math.hypot(*first.target[19, :2]))
        assert math.atan2(y, x) % (2 * math.pi) == pytest.approx(2 * math.pi * phase)


def test_figure_5_left_points_the_last_ten_joints_as_the_tool():
    goal = scenario('fig5_left').goal_at(Arm(), 0.0)
    cared = np.zeros((40, 9), dtype=bool)
    cared[30:, pose.FORWARD] = cared[-1, pose.POSITION] = True
    np.testing.assert_array_equal(goal.cared, cared)
    assert np.all(goal.target[30:, pose.FORWARD] == goal.target[-1, pose.FORWARD])


def test_figure_5_center_points_the_sixth_last_joint_along_the_tools_up():
    goal = scenario('fig5_center').goal_at(Arm(), 0.0)
    cared = np.zeros((40, 9), dtype=bool)
    cared[-1] = cared[-6, pose.FORWARD] = True
    np.testing.assert_array_equal(goal.cared, cared)
    np.testing.assert_array_equal(goal.target[-6, pose.FORWARD], goal.target[-1, pose.UP])


def test_figure_5_right_turns_up_the_up_axes_of_the_first_twenty_joints():
    goal = scenario('fig5_right').goal_at(Arm(), 0.0)
    cared = np.zeros((40, 9), dtype=bool)
    cared[:20, pose.UP] = cared[-1, pose.POSITION] = True
    np.testing.assert_array_equal(goal.cared, cared)
    np.testing.assert_array_equal(goal.target[:20, pose.UP], np.tile((0.0, 0.0, 1.0), (20, 1)))


def test_figure_5_right_is_unreachable_by_what_the_first_joint_lacks():
    """At rest up is y: one joint turns it by its limit of 45 degrees, of the 90 that are asked."""
    goal = scenario('fig5_right').goal_at(Arm(), 0.0)
    for limit in (30.0, 45.0, 60.0):
        arm = Arm.uniform(angle_limit=math.radians(limit))
        angles = np.random.default_rng(1).uniform(-1, 1, (200, 40, 2)) * arm.upper[0, 0]
        angles[0, :, 0] = angles[:100, 0, 0] = arm.upper[0, 0]
        first = goal.axis_errors(forward_kinematics(arm, angles))[:, 0, 1]
        assert np.degrees(first.min()) == pytest.approx(90.0 - limit)


@pytest.mark.parametrize('arm', OTHERS, ids=OTHER_NAMES)
@pytest.mark.parametrize('name', NAMES)
def test_any_arm_gets_goals_of_the_same_components_that_it_can_reach(name, arm):
    it = scenario(name)
    for time in TIMES:
        goal = it.goal_at(arm, time)
        asked = it.goal_of(arm, 0.0)
        np.testing.assert_array_equal(goal.weight, asked.weight)
        if it.reachable:
            assert solve(goal, arm.rest, ExactModel(arm)).converged


@pytest.mark.parametrize('arm', OTHERS, ids=OTHER_NAMES)
@pytest.mark.parametrize('name', MOVING)
def test_the_moving_goals_of_any_arm_come_round_steadily(name, arm):
    it = scenario(name)
    targets = [it.goal_at(arm, it.period * phase).target for phase in (*PHASES, 1.0)]
    np.testing.assert_allclose(targets[0], targets[-1], atol=1e-9)
    steps = [np.abs(b - a).max() for a, b in zip(targets, targets[1:])]
    assert 0.0 < min(steps) and max(steps) < 0.3
