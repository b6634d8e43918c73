# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The monitor node: watches the topics of a running arm and judges it by its true poses."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from sensor_msgs.msg import JointState

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.errors import FeedbackError, SnakeArmError
from snake_arm_control.ros import conversions, topics


class Progress(NamedTuple):
    """What was seen up to now."""

    commands: int
    elapsed: float  # [s], since the goal
    rate: float  # [1/s], of commands, over the last moments
    position_error: float | None  # [m], on the true poses; None without a goal or a pose
    axis_error: float | None  # [rad]
    state: str  # the controller's own word

    @property
    def known(self) -> bool:
        """Whether errors are known."""
        return self.position_error is not None


class MonitorNode(Node):
    """Counts commands and measures the true pose chain against the goal."""

    def __init__(self, **node_options):
        super().__init__('monitor', **node_options)
        self._goal: Goal | None = None
        self._unread: list[Callable[[int], Goal]] = []  # each makes a goal of a number of joints
        self._chain: bytes | None = None
        self._commands = 0
        self._goal_at: float | None = None
        self._recent: list[tuple[float, int]] = []
        self._state = 'not seen yet'
        subscribe = self.create_subscription
        for kind, topic, convert in conversions.GOALS:
            subscribe(kind, topic, self._goal_callback(convert), 10)
        subscribe(JointState, topics.JOINT_COMMAND, self._take_command, topics.STREAM)
        subscribe(PoseArray, topics.POSE_CHAIN, self._take_chain, topics.STREAM, raw=True)
        subscribe(DiagnosticArray, topics.DIAGNOSTICS, self._take_diagnostics, 10)
        self._controller = self.get_namespace().rstrip('/') + '/controller'

    def _goal_callback(self, convert: Callable) -> Callable:
        def take_goal(message) -> None:
            self._unread.append(lambda joints: convert(message, joints))
            if self._goal_at is None:
                self._goal_at = time.monotonic()
        return take_goal

    def _take_command(self, _: JointState) -> None:
        self._commands += 1

    def _take_chain(self, data: bytes) -> None:
        self._chain = data

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == self._controller:
                self._state = status.message

    def progress(self) -> Progress:
        """Return what was seen up to now."""
        now = time.monotonic()
        self._recent = [(t, n) for t, n in self._recent if now - t < 1.0] + [(now, self._commands)]
        then, before = self._recent[0]
        elapsed = 0.0 if self._goal_at is None else now - self._goal_at
        position_error, axis_error = self._errors()
        return Progress(self._commands, elapsed, (self._commands - before) / max(now - then, 1e-3),
                        position_error, axis_error, self._state)

    def _errors(self) -> tuple[float, float] | tuple[None, None]:
        if self._chain is None:
            return None, None
        try:
            _, chain = conversions.deserialize_chain(self._chain)
        except FeedbackError:
            return None, None  # the controller says why
        for read in self._unread:
            try:
                self._goal = read(len(chain))
            except SnakeArmError:
                pass  # the controller says why, and keeps the goal before, too
        self._unread.clear()
        if self._goal is None or self._goal.is_free or self._goal.joints != len(chain):
            return None, None
        return float(self._goal.position_error(chain)), float(self._goal.axis_error(chain))

    def is_reached(self, progress: Progress,
                   settings: InverseSettings = InverseSettings()) -> bool:
        """Return whether the goal is reached on the true poses."""
        return progress.known and settings.is_reached(progress.position_error,
                                                      progress.axis_error)
