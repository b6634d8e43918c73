# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes report of themselves, once in a while."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from snake_arm_control.ros import topics
from snake_arm_control.viewer.status import NodeStatus

_PERIOD = 0.5  # [s]


class Level(Enum):
    """How bad it is."""

    OK = DiagnosticStatus.OK
    WARN = DiagnosticStatus.WARN
    ERROR = DiagnosticStatus.ERROR


class Diagnostics:
    """
    Publishes the state of a node on /diagnostics.

    :param describe: returns level, summary and details; called at each publication
    """

    def __init__(self, node: Node,
                 describe: Callable[[], tuple[Level, str, dict[str, object]]]):
        self._node, self._describe = node, describe
        self._publisher = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        node.create_timer(_PERIOD, self.publish)

    def publish(self) -> None:
        """Publish now."""
        level, summary, details = self._describe()
        status = DiagnosticStatus(
            level=level.value, name=self._node.get_fully_qualified_name(), message=summary,
            hardware_id='snake_arm',
            values=[KeyValue(key=key, value=_text(value)) for key, value in details.items()])
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def status_of(node: str, message: DiagnosticArray) -> NodeStatus | None:
    """Return what a node, by its full name, reports in a message; None if it is of others."""
    for status in message.status:
        if status.name == node:
            return NodeStatus(status.message, status.level == DiagnosticStatus.ERROR,
                              {pair.key: pair.value for pair in status.values})
    return None


def _text(value: object) -> str:
    return f'{value:.6g}' if isinstance(value, float) else str(value)
