# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Goals: messages to goals and back."""

from __future__ import annotations

from array import array
import math

from geometry_msgs.msg import PointStamped, PoseStamped
import numpy as np
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, String

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal, ROW
from snake_arm_control.errors import GoalError
from snake_arm_control.ros import topics
from snake_arm_control.ros.pose_messages import check_finite, message_to_pose

_LONGEST_TEXT = 2**17  # [characters]: the arm gets no command while a goal is read


def goal_to_message(goal: Goal) -> Float64MultiArray:
    """
    Return the components of a goal as rows of the cared joints; of none, the empty message.

    A goal for the tool alone goes as 9 numbers: an arm of any number of joints understands it.
    """
    chain = goal.to_array()
    cared = np.flatnonzero(goal.cared.any(axis=1))
    if cared.tolist() == [goal.joints - 1]:
        return Float64MultiArray(data=array('d', chain[-1].tobytes()))
    rows = np.column_stack((cared + 1.0, chain[cared]))
    message = Float64MultiArray(data=array('d', rows.tobytes()))
    if len(rows):
        message.layout.dim = [
            MultiArrayDimension(label='joint', size=len(rows), stride=rows.size),
            MultiArrayDimension(label='component', size=ROW, stride=ROW)]
    return message


def message_to_goal(message: Float64MultiArray, joints: int) -> Goal:
    """
    Return the goal of a message, NaN = don't care.

    9 numbers are a goal for the tool, 9 a joint a whole chain, rows of 10 (joint number, then
    9 components) a goal for those joints; none at all drops the goal. The sizes in layout.dim
    say which it is. Without them the length does: 9, then 9 x joints, then rows of 10.

    :raises GoalError: if it is none of these
    """
    data = np.array(message.data, dtype=float)
    sizes = tuple(dim.size for dim in message.layout.dim)
    if sizes and math.prod(sizes) != data.size:
        raise GoalError(f'the goal has {data.size} numbers, its layout says {sizes}')
    if not data.size:
        return Goal.free(joints)
    columns = sizes[-1] if len(sizes) > 1 else None
    if columns is None:
        columns = ROW if data.size not in (pose.SIZE, pose.SIZE * joints) else pose.SIZE
    if columns == ROW and data.size % ROW == 0:
        return Goal.from_rows(data.reshape(-1, ROW), joints)
    if columns == pose.SIZE and data.size == pose.SIZE * joints:
        return Goal.from_array(data.reshape(joints, pose.SIZE))
    if columns == pose.SIZE and data.size == pose.SIZE:
        return Goal.from_rows(np.concatenate(((joints,), data))[None], joints)
    got = f'{data.size} numbers' + (f' in the layout {sizes}' if sizes else '')
    raise GoalError(f'the goal has {got}, expected {pose.SIZE} for the tool, '
                    f'{pose.SIZE * joints} for the whole chain, rows of {ROW} for some joints, '
                    'or none to drop the goal')


def pose_stamped_to_goal(message: PoseStamped, joints: int) -> Goal:
    """
    Return a goal for the full tool pose, which is in the base.

    :raises GoalError: if it is not finite, or its orientation has no length
    """
    target = message_to_pose(message.pose)
    return Goal.tool(target[pose.POSITION], target[pose.FORWARD], target[pose.UP], joints)


def point_stamped_to_goal(message: PointStamped, joints: int) -> Goal:
    """
    Return a goal for the tool's position, which is in the base, all else free.

    :raises GoalError: if it is not finite
    """
    p = np.array((message.point.x, message.point.y, message.point.z))
    check_finite(p)
    return Goal.tool(p, joints=joints)


def goal_to_text(goal: Goal) -> String:
    """Return all that a goal says as YAML; see `goal_yaml`."""
    return String(data=goal.to_yaml())


def text_to_goal(message: String, arm: Arm) -> Goal:
    """
    Return the goal of a YAML text, in which links may be named; see `goal_yaml`.

    :raises GoalError: if it is none, or so long that to read it would stop the arm
    """
    if len(message.data) > _LONGEST_TEXT:
        raise GoalError(f'the goal has {len(message.data)} characters, expected {_LONGEST_TEXT} '
                        'at most')
    return Goal.from_yaml(message.data, arm.joints, arm.goal_numbers)


# All that a controller takes for a goal: of an arm, and in its base.
GOALS = ((Float64MultiArray, topics.GOAL,
          lambda message, arm: message_to_goal(message, arm.joints)),
         (String, topics.GOAL_YAML, text_to_goal),
         (PoseStamped, topics.GOAL_POSE,
          lambda message, arm: pose_stamped_to_goal(message, arm.joints)),
         (PointStamped, topics.CLICKED_POINT,
          lambda message, arm: point_stamped_to_goal(message, arm.joints)))
