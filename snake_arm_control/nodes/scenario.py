# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The scenario node: publishes the goals of one of the paper's experiments."""

from __future__ import annotations

from dataclasses import dataclass
import time

from rclpy.node import Node

from snake_arm_control.experiments.scenarios import ALL, GOAL_RATE, scenario
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.obstacle_publisher import ObstaclePublisher
from snake_arm_control.ros.parameters import ArmSettings, Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.settings import setting

_GRACE = 5.0  # [s]


@dataclass(frozen=True)
class ScenarioSettings(ArmSettings):
    """Parameters of the scenario node."""

    scenario: str = setting('fig2', 'the experiment', choices=tuple(ALL), read_only=True)
    rate: float = setting(GOAL_RATE, 'rate at which a moving goal is published', 'Hz', low=1.0,
                          high=1000.0, read_only=True)
    period: float = setting(
        0.0, 'time in which a moving goal goes round once, 0 for that of the experiment', 's',
        low=0.0, high=1e6, read_only=True)


class ScenarioNode(Node):
    """
    Publishes a goal once a controller listens; a moving one again and again.

    What is in the way is published before.
    """

    def __init__(self, **node_options):
        super().__init__('scenario', **node_options)
        settings = Parameters(self, ScenarioSettings).value
        self._scenario, self._arm = scenario(settings.scenario), settings.make_arm()
        self._period = settings.period
        self._scenario.goal_at(self._arm, 0.0)  # says what is wrong with the arm, if anything
        self._publisher = GoalPublisher(self)
        if self._scenario.scene_of is not None:
            ObstaclePublisher(self, self._arm.base).publish(
                self._scenario.scene_of(self._arm).shapes)
        self._started_at: float | None = None
        self._got = 0  # how many got the goal
        self._timer = self.create_timer(1.0 / settings.rate, self._publish)

    def _publish(self) -> None:
        if not self._publisher.has_controller:
            return
        now = time.monotonic()
        if self._started_at is None:
            self.get_logger().info(f'{self._scenario.name}: {self._scenario.description}')
            self._started_at = now
        elapsed = now - self._started_at
        if self._scenario.period:
            self._publisher.publish(self._scenario.goal_at(self._arm, elapsed, self._period))
            return
        # One goal that stays is published again only for those who come a little late.
        listeners = self._publisher.listeners
        if listeners > self._got:
            self._publisher.publish(self._scenario.goal_at(self._arm, elapsed, self._period))
        self._got = listeners
        if elapsed > _GRACE:
            self._timer.cancel()


def main(args: list[str] | None = None) -> int:
    """Run the scenario node."""
    return run(ScenarioNode, args)
