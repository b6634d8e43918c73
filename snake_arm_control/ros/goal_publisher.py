# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A publisher of goals that knows whether a controller hears it."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import qos_check_compatible, QoSCompatibility
from rclpy.topic_endpoint_info import TopicEndpointInfo
from std_msgs.msg import Float64MultiArray

from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import conversions, topics

_UNKNOWN = '_NODE_NAME_UNKNOWN_'  # that of a node that is just being discovered


class GoalPublisher:
    """Publishes goals for the controller of a node's namespace."""

    def __init__(self, node: Node):
        self._node = node
        self._publisher = node.create_publisher(Float64MultiArray, topics.GOAL, 10)
        self.topic: str = self._publisher.topic_name

    @property
    def is_heard(self) -> bool:
        """
        Whether a controller gets what is published now.

        A goal is not latched, so it must not be sent before the controller is connected; other
        subscribers, such as a recorder, may be connected long before. Whatever its name, the
        controller is the node that says which goal it pursues.
        """
        known = [_node_of(info) for info in self._node.get_subscriptions_info_by_topic(self.topic)
                 if qos_check_compatible(self._publisher.qos_profile, info.qos_profile)[0]
                 is not QoSCompatibility.ERROR]  # such a one will never be connected
        pursuing = self._node.get_publishers_info_by_topic(
            self._node.resolve_topic_name(topics.PURSUED_GOAL))
        controllers = {_node_of(info) for info in pursuing if info.node_name != _UNKNOWN}
        return not controllers.isdisjoint(known) and self.listeners >= len(known)

    @property
    def listeners(self) -> int:
        """How many get what is published now."""
        return self._publisher.get_subscription_count()

    def publish(self, goal: Goal) -> None:
        """Publish a goal."""
        self._publisher.publish(conversions.goal_to_message(goal))


def _node_of(endpoint: TopicEndpointInfo) -> tuple[str, str]:
    return endpoint.node_namespace, endpoint.node_name
