# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The monitor node: judges a running arm by its true poses and the goal that it pursues."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.tolerances import Tolerances
from snake_arm_control.errors import SnakeArmError
from snake_arm_control.ros import chain_messages, topics
from snake_arm_control.ros.diagnostics import status_of


class Progress(NamedTuple):
    """The state of a run."""

    commands: int
    elapsed: float  # [s], since the goal
    rate: float  # [1/s], of commands, over the last second
    position_error: float  # [m], on the true poses; NaN without a goal or a pose
    axis_error: float  # [rad]
    state: str  # the controller's, as a code
    activity: str  # the same for people

    @property
    def known(self) -> bool:
        """Whether errors are known."""
        return not math.isnan(self.position_error)


class MonitorNode(Node):
    """Counts commands and measures the true pose chain against the goal."""

    def __init__(self, **node_options):
        super().__init__('monitor', **node_options)
        self._text: str | None = None  # of the goal, read when it is needed
        self._goal: tuple[str, Goal] | None = None  # which was read last
        self._chain: bytes | None = None
        self._commands = 0
        self._goal_at: float | None = None
        self._recent: list[tuple[float, int]] = []
        self._state, self._activity = '', 'not seen yet'
        self._tolerances = Tolerances(math.nan, math.nan)  # until the controller says them
        subscribe = self.create_subscription
        subscribe(String, topics.PURSUED_GOAL_YAML, self._take_goal, topics.LATCHED)
        subscribe(JointState, topics.JOINT_COMMAND, self._take_command, topics.STREAM)
        subscribe(PoseArray, topics.POSE_CHAIN, self._take_chain, topics.SENSOR, raw=True)
        subscribe(DiagnosticArray, topics.DIAGNOSTICS, self._take_diagnostics, 10)
        self._controller = self.get_namespace().rstrip('/') + '/controller'

    def _take_goal(self, message: String) -> None:
        self._text = message.data
        if self._goal_at is None:
            self._goal_at = time.monotonic()

    def _take_command(self, _: JointState) -> None:
        self._commands += 1

    def _take_chain(self, data: bytes) -> None:
        self._chain = data

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        status = status_of(self._controller, message)
        if status is not None:
            self._state, self._activity = status.details.get('state', ''), status.summary
            self._tolerances = Tolerances(*(
                float(status.details.get(key, 'nan'))
                for key in ('position tolerance [m]', 'axis tolerance [rad]')))

    def progress(self) -> Progress:
        """Return the state of the run."""
        now = time.monotonic()
        self._recent = [(t, n) for t, n in self._recent if now - t < 1.0] + [(now, self._commands)]
        then, before = self._recent[0]
        elapsed = 0.0 if self._goal_at is None else now - self._goal_at
        position_error, axis_error = self._errors()
        return Progress(self._commands, elapsed, (self._commands - before) / max(now - then, 1e-3),
                        position_error, axis_error, self._state, self._activity)

    def _errors(self) -> tuple[float, float]:
        if self._chain is None or self._text is None:
            return math.nan, math.nan
        try:
            _, chain = chain_messages.deserialize_chain(self._chain, base=None)
            if self._goal is None or self._goal[0] != self._text:
                self._goal = self._text, Goal.from_yaml(self._text, len(chain))
        except SnakeArmError:
            return math.nan, math.nan  # the controller says why it rejects a chain
        goal = self._goal[1]
        if goal.is_free or goal.joints != len(chain):
            return math.nan, math.nan
        return float(goal.position_error(chain)), float(goal.axis_error(chain))

    def is_reached(self, progress: Progress) -> bool:
        """Return whether the goal is reached on the true poses."""
        return self._tolerances.are_met(progress.position_error, progress.axis_error)
