# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A publisher of goals that knows whether a controller receives them."""

from __future__ import annotations

from collections import deque
import time

from rclpy.node import Node
from rclpy.qos import qos_check_compatible, QoSCompatibility
from rclpy.topic_endpoint_info import TopicEndpointInfo
from std_msgs.msg import Float64MultiArray, String

from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import goal_messages, topics

_UNKNOWN = '_NODE_NAME_UNKNOWN_'  # that of a node that is just being discovered
_RETURN_TIME = 2.0  # [s] in which the controller says that it pursues a goal


class GoalPublisher:
    """Publishes goals for the controller of a node's namespace."""

    def __init__(self, node: Node):
        self._node = node
        self._publisher = node.create_publisher(Float64MultiArray, topics.GOAL, 10)
        self._texts = node.create_publisher(String, topics.GOAL_YAML, 10)
        self.topic: str = self._publisher.topic_name
        self._sent: deque[tuple[float, Goal]] = deque(maxlen=100)  # and when [s]

    @property
    def has_controller(self) -> bool:
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

    def reaches(self, goal: Goal) -> bool:
        """Return whether a controller gets this goal if it is published now; see above."""
        return self.has_controller and (goal.is_plain
                                        or self._texts.get_subscription_count() > 0)

    @property
    def listeners(self) -> int:
        """How many get what is published now."""
        return self._publisher.get_subscription_count()

    def publish(self, goal: Goal) -> None:
        """Publish a goal: its components, or as YAML if it says more."""
        self._sent.append((time.monotonic(), goal))
        if goal.is_plain:
            self._publisher.publish(goal_messages.goal_to_message(goal))
        else:
            self._texts.publish(goal_messages.goal_to_text(goal))

    def is_own(self, goal: Goal) -> bool:
        """
        Return whether a goal that the controller has begun to pursue was published here.

        Whoever publishes goals and follows the pursued one must know: its own goals come back in
        their order, a little late, when it may have published others.
        """
        now = time.monotonic()
        while self._sent and now - self._sent[0][0] > _RETURN_TIME:
            self._sent.popleft()
        if not any(goal == sent for _, sent in self._sent):
            return False
        while self._sent.popleft()[1] != goal:
            pass
        return True


def _node_of(endpoint: TopicEndpointInfo) -> tuple[str, str]:
    return endpoint.node_namespace, endpoint.node_name
