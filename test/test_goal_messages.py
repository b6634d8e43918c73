# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Goals as messages; malformed ones are tested over the wire in test_nodes."""

from arms import random_angles
from geometry_msgs.msg import Pose
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, String

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import GoalError
from snake_arm_control.ros import goal_messages, pose_messages


@pytest.mark.parametrize('goal', (
    Goal.free(40),
    Goal.tool(position=(0.3, None, 0.5), up=(0, 0, 1)),
    Goal.tool(forward=(1, 0, 0)) & Goal.joint(1, position=(0, 0, 0.025)),
    Goal.from_array(forward_kinematics(Arm(), random_angles(Arm()))),
), ids=('free', 'tool', 'two joints', 'chain'))
def test_a_goal_survives_the_way_through_a_message(goal):
    message = serialize_message(goal_messages.goal_to_message(goal))
    received = goal_messages.message_to_goal(deserialize_message(message, Float64MultiArray), 40)
    np.testing.assert_array_equal(received.cared, goal.cared)
    np.testing.assert_allclose(received.target, goal.target, atol=1e-15)


def test_a_goal_for_the_tool_is_understood_by_an_arm_of_any_length():
    goal = Goal.tool(position=(0.1, None, 0.2), up=(0, 0, 1), joints=40)
    received = goal_messages.message_to_goal(goal_messages.goal_to_message(goal), 7)
    assert received == Goal.tool(position=(0.1, None, 0.2), up=(0, 0, 1), joints=7)


def test_the_layout_decides_where_the_length_does_not():
    """90 numbers are a chain of 10 joints, unless the layout says that they are 9 rows."""
    rows = np.full((9, 10), np.nan)
    rows[:, 0], rows[:, 1] = range(1, 10), 0.5
    message = Float64MultiArray(data=rows.ravel().tolist())
    message.layout.dim = [MultiArrayDimension(size=9), MultiArrayDimension(size=10)]
    goal = goal_messages.message_to_goal(message, 10)
    np.testing.assert_array_equal(np.argwhere(goal.cared), [[j, 0] for j in range(9)])
    message.layout.dim = []
    with pytest.raises(GoalError, match='expected a unit vector'):  # for rows are no axes
        goal_messages.message_to_goal(message, 10)


def test_a_goal_without_the_numbers_of_its_layout_is_refused():
    message = Float64MultiArray()
    message.layout.dim = [MultiArrayDimension(size=40), MultiArrayDimension(size=9)]
    with pytest.raises(GoalError, match=r'0 numbers, its layout says \(40, 9\)'):
        goal_messages.message_to_goal(message, 40)


@pytest.mark.parametrize(('text', 'reason'), (
    ('[' + 2**16 * '1,' + ']', '131074 characters, expected 131072 at most'),
    (501 * '- {joint: 1}\n', '501 entries, expected 500 at most')))
def test_a_text_that_would_take_long_to_read_is_refused(text, reason):
    """The arm gets no command meanwhile."""
    with pytest.raises(GoalError, match=reason):
        goal_messages.text_to_goal(String(data=text), Arm())


def test_a_text_for_every_joint_of_a_long_arm_is_read():
    arm = Arm.uniform(joints=400)
    goal = Goal.from_array(forward_kinematics(arm, random_angles(arm)))
    assert goal_messages.text_to_goal(goal_messages.goal_to_text(goal), arm) == goal


def test_a_pose_survives_the_way_through_a_message():
    target = forward_kinematics(Arm(), random_angles(Arm()))[0]
    message = deserialize_message(serialize_message(pose_messages.pose_to_message(target)), Pose)
    np.testing.assert_allclose(pose_messages.message_to_pose(message), target, atol=1e-14)
