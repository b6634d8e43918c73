# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Whoever publishes goals and follows the pursued one knows which of these are its own."""

from hypothesis import given, settings, strategies
import pytest
import rclpy
from rclpy.node import Node

from snake_arm_control.control.goal import Goal
from snake_arm_control.ros.goal_publisher import GoalPublisher

GOALS = [Goal.tool(position=(0.1 * x, 0.0, 0.5)) for x in range(4)]
FOREIGN = Goal.tool(up=(0, 0, 1))


@pytest.fixture(scope='module')
def node():
    rclpy.init()
    node = Node('goal_publisher_test')
    yield node
    node.destroy_node()
    rclpy.shutdown()


@given(strategies.data())
@settings(deadline=None)
def test_own_goals_that_come_back_in_their_order_are_own_once(node, data):
    """Some may be overtaken by later ones on their way; goals of others are never own."""
    publisher = GoalPublisher(node)
    sent = data.draw(strategies.lists(strategies.sampled_from(GOALS), max_size=6, unique_by=id))
    for goal in sent:
        publisher.publish(goal)
    returned = [goal for goal in sent if data.draw(strategies.booleans())]
    for goal in returned:
        assert not publisher.is_own(FOREIGN)
        assert publisher.is_own(goal)
        assert not publisher.is_own(goal)
    if returned:  # what was sent before the last of them will not come any more
        for goal in sent[:sent.index(returned[-1])]:
            assert not publisher.is_own(goal)


def test_a_goal_that_was_not_published_is_nobodys_own(node):
    assert not GoalPublisher(node).is_own(Goal.free())
