# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The experiments of the paper as goals over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snake_arm_control.arm import Arm
from snake_arm_control.errors import GoalError
from snake_arm_control.goal import Goal


@dataclass(frozen=True)
class Scenario:
    """
    One experiment.

    :param goal_at: arm and time [s] to the goal
    :param period: after which the goals repeat [s]; 0 for one goal that stays
    """

    name: str
    description: str
    goal_at: Callable[[Arm, float], Goal]
    period: float = 0.0


def _reach(arm: Arm, time: float) -> Goal:
    length = arm.length
    return Goal.tool(position=(0.45 * length, 0.2 * length, 0.55 * length), up=(0.0, 0.0, 1.0),
                     joints=arm.joints)


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario('fig2', 'reach a position, the tool held horizontal (its up axis vertical)', _reach),
)}


def scenario(name: str) -> Scenario:
    """
    Return a scenario by its name.

    :raises GoalError: if there is none of that name
    """
    if name not in SCENARIOS:
        raise GoalError(f'there is no scenario {name!r}, expected one of {", ".join(SCENARIOS)}')
    return SCENARIOS[name]
