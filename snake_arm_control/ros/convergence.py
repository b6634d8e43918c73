# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How the controller converges, as plain numbers that plot tools draw."""

from __future__ import annotations

from collections import deque
import math

from rclpy.node import Node
from std_msgs.msg import Float64

from snake_arm_control.control.loop import ControlLoop
from snake_arm_control.ros import topics

_PERIOD = 0.05  # [s], at least so often, also while the arm is at rest
_WINDOW = 1.0  # [s], over which iterations are counted


class Convergence:
    """Publishes errors, rate [1/s] and clearance [m] at each iteration, to those who listen."""

    def __init__(self, node: Node):
        self._publishers = [
            node.create_publisher(Float64, topic, topics.STREAM)
            for topic in (topics.POSITION_ERROR, topics.AXIS_ERROR, topics.ITERATION_RATE)]
        self._clearance = node.create_publisher(Float64, topics.CLEARANCE, topics.STREAM)
        self._counted_at = -math.inf  # [s]
        self._counts: deque[tuple[float, int]] = deque()  # time [s], iterations

    @property
    def rate(self) -> float:
        """Iterations per second, over the last second."""
        if not self._counts:
            return 0.0
        (then, before), (now, count) = self._counts[0], self._counts[-1]
        return (count - before) / max(now - then, _PERIOD)

    def take(self, loop: ControlLoop, now: float, iterated: bool) -> None:
        """
        Take note of the loop after each of its ticks.

        :param now: [s]
        :param iterated: whether it gave a command
        """
        due = now - self._counted_at >= _PERIOD
        if due:
            self._counted_at = now
            self._counts.append((now, loop.iterations))
            while now - self._counts[0][0] > _WINDOW:
                self._counts.popleft()
        if not (due or iterated):
            return
        for publisher, value in zip(self._publishers, (*loop.errors(), self.rate)):
            if publisher.get_subscription_count():
                publisher.publish(Float64(data=value))
        if self._clearance.get_subscription_count() and (contact := loop.contact) is not None:
            self._clearance.publish(Float64(data=contact.clearance))
