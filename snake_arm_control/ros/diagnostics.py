# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes report of themselves, once in a while."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from snake_arm_control.ros import topics
from snake_arm_control.viewer.status import NodeStatus

NO_CLOCK = 'use_sim_time is set, and nobody publishes /clock'
_PERIOD = 0.5  # [s]
_CLOCK_PATIENCE = 3.0  # [s]


class Level(Enum):
    """How bad it is."""

    OK = DiagnosticStatus.OK
    WARN = DiagnosticStatus.WARN
    ERROR = DiagnosticStatus.ERROR


class Diagnostics:
    """
    Publishes the state of a node on /diagnostics, also while its clock is stopped.

    With `use_sim_time` and no clock nothing else would move: that is said.

    :param describe: returns level, summary and details; called at each publication
    """

    def __init__(self, node: Node,
                 describe: Callable[[], tuple[Level, str, dict[str, object]]]):
        self._node, self._describe = node, describe
        self._publisher = node.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        self._began_at = time.monotonic()  # [s]
        node.create_timer(_PERIOD, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish now."""
        level, summary, details = self._describe()
        now = self._node.get_clock().now()
        if not now.nanoseconds and time.monotonic() - self._began_at > _CLOCK_PATIENCE:
            self._node.get_logger().warning(NO_CLOCK, throttle_duration_sec=10.0)
            level, summary = Level.WARN if level is Level.OK else level, f'{summary}; {NO_CLOCK}'
        status = DiagnosticStatus(
            level=level.value, name=self._node.get_fully_qualified_name(), message=summary,
            hardware_id=self._node.get_namespace().strip('/') or 'snake_arm',  # one for each arm
            values=[KeyValue(key=key, value=_text(value)) for key, value in details.items()])
        message = DiagnosticArray(status=[status])
        message.header.stamp = now.to_msg()
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
