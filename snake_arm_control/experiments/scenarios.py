# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The experiments of the paper (figures 2 to 5) as goals over time, and courses among obstacles.

The paper shows pictures and gives no numbers: places and sizes are chosen here, as fractions of
the arm's length, and numbers of joints as fractions of the arm's. An arm of other than equal
segments may be made so that it can't do an experiment: it then gets goals of the same components,
which it reaches in configurations of its own.

To add one, write a function such as `_reach` (a fixed goal) or `_ellipse` (a moving one), and add
an entry to `SCENARIOS`; among obstacles, to `COURSES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import combine, Goal
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import GoalError
from snake_arm_control.experiments import courses
from snake_arm_control.model.exact import ExactModel

GOAL_RATE = 100.0  # [Hz] at which a moving goal is set anew

_WORLD_UP = (0.0, 0.0, 1.0)
# Figure 3: the plane stands upright in front of the base, and its normal points at the arm.
_PLANE_NORMAL = (-1.0, 0.0, 0.0)
_ELLIPSE_CENTER = (0.55, 0.0, 0.45)  # [arm lengths]
_ELLIPSE_ACROSS = (0.0, 0.22, 0.0)  # half axis [arm lengths]
_ELLIPSE_ALONG = (0.0, 0.0, 0.14)  # half axis [arm lengths]
# Figure 4: the tool stays above the base, the middle of the arm goes round the base's z axis.
_FIXED_TOOL = (0.0, 0.0, 0.7)  # [arm lengths]
_CIRCLE_RADIUS = 0.2  # [arm lengths]
_LOOKED_AT = 8  # phases of a moving goal
# An arm's own configurations, as fractions of the way from rest to the limits.
_MIDDLE, _SWING = 0.5, 0.3


@dataclass(frozen=True)
class Scenario:
    """
    One experiment.

    :param goal_of: arm and phase (0 to 1 of a period) to the goal
    :param period: time in which the goal goes round once [s]; 0 for one goal that stays
    :param least_joints: of an arm for which it has a meaning
    :param reachable: whether an arm within its default joint limits can reach the goals
    :param scene_of: arm to what is in its way; None for nothing
    """

    name: str
    description: str
    goal_of: Callable[[Arm, float], Goal]
    period: float = 0.0
    least_joints: int = 1
    reachable: bool = True
    scene_of: Callable[[Arm], Scene] | None = None

    def goal_at(self, arm: Arm, time: float, period: float = 0.0) -> Goal:
        """
        Return the goal at a time.

        :param time: since the start [s]
        :param period: in place of the scenario's own [s], 0 for that one
        :raises GoalError: if an arm of equal segments has too few joints for the experiment
        """
        phase = math.modf(time / (period or self.period))[0] if self.period else 0.0
        if arm.segment is None and self.scene_of is None:
            return self.goal_of(arm, phase) if _can_do(self, arm) else _own_goal(self, arm, phase)
        if arm.segment is None:
            raise GoalError(f'{self.name} is for arms of equal segments')
        if arm.joints < self.least_joints:
            raise GoalError(f'{self.name} is for arms of at least {self.least_joints} joints, '
                            f'this one has {arm.joints}')
        return self.goal_of(arm, phase)


@lru_cache
def _can_do(scenario: Scenario, arm: Arm) -> bool:
    """Return whether exact kinematics finds a configuration for the goals of a scenario."""
    if arm.joints < scenario.least_joints:
        return False
    model = ExactModel(arm)
    phases = np.arange(_LOOKED_AT) / _LOOKED_AT if scenario.period else (0.0,)
    return not scenario.reachable or all(
        solve(scenario.goal_of(arm, phase), arm.rest, model, restarts=2).converged
        for phase in phases)


def _own_goal(scenario: Scenario, arm: Arm, phase: float) -> Goal:
    """Return a goal of a scenario's components that the arm reaches at a configuration."""
    generator = np.random.default_rng(list(scenario.name.encode()))
    middle, swing, lag = generator.uniform(-1.0, 1.0, (3, *arm.rest.shape))
    turn = 2.0 * math.pi * phase if scenario.period else 0.0
    bend = _MIDDLE * middle + _SWING * swing * np.cos(turn + math.pi * lag)
    asked = scenario.goal_of(arm, phase)
    return Goal(np.where(asked.cared, forward_kinematics(arm, arm.bent(bend)), asked.target),
                asked.weight)


def _reach(arm: Arm, phase: float) -> Goal:
    return Goal.tool(position=_scaled(arm, (0.45, 0.2, 0.55)), up=_WORLD_UP, joints=arm.joints)


def _ellipse(arm: Arm, phase: float) -> Goal:
    angle = 2.0 * math.pi * phase
    across, along = _scaled(arm, _ELLIPSE_ACROSS), _scaled(arm, _ELLIPSE_ALONG)
    position = (_scaled(arm, _ELLIPSE_CENTER)
                + math.cos(angle) * across + math.sin(angle) * along)
    return Goal.tool(position=position, forward=-np.array(_PLANE_NORMAL), joints=arm.joints)


def _circling_middle(arm: Arm, phase: float) -> Goal:
    angle = 2.0 * math.pi * phase
    radius = _CIRCLE_RADIUS * arm.length
    tool = Goal.tool(position=_scaled(arm, _FIXED_TOOL), forward=_WORLD_UP, up=(0.0, 1.0, 0.0),
                     joints=arm.joints)
    middle = Goal.joint(
        _fraction(arm, 20), position=(radius * math.cos(angle), radius * math.sin(angle), None),
        joints=arm.joints)
    return tool & middle


def _straight_end(arm: Arm, phase: float) -> Goal:
    forward = (0.8, 0.0, -0.6)
    tool = Goal.tool(position=_scaled(arm, (0.5, 0.25, 0.3)), joints=arm.joints)
    first = arm.joints - _fraction(arm, 10) + 1
    return tool & combine((Goal.joint(number, forward=forward, joints=arm.joints)
                           for number in range(first, arm.joints + 1)), arm.joints)


def _bent_end(arm: Arm, phase: float) -> Goal:
    up = _WORLD_UP
    tool = Goal.tool(position=_scaled(arm, (0.5, 0.25, 0.45)), forward=(1.0, 0.0, 0.0), up=up,
                     joints=arm.joints)
    return tool & Goal.joint(arm.joints - _fraction(arm, 5), forward=up, joints=arm.joints)


def _upright_start(arm: Arm, phase: float) -> Goal:
    tool = Goal.tool(position=_scaled(arm, (0.3, -0.3, 0.35)), joints=arm.joints)
    return tool & combine((Goal.joint(number, up=_WORLD_UP, joints=arm.joints)
                           for number in range(1, _fraction(arm, 20) + 1)), arm.joints)


def _scaled(arm: Arm, lengths: tuple[float, float, float]) -> np.ndarray:
    return arm.length * np.array(lengths)


def _fraction(arm: Arm, joints: int) -> int:
    """Scale a number of joints of the paper's 40 to this arm, at least 1."""
    return max(round(arm.joints * joints / 40), 1)


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario('fig2', 'reach a position, the tool held horizontal (its up axis vertical)', _reach),
    Scenario('fig3', 'draw an ellipse on a vertical plane, the tool pointing into the plane',
             _ellipse, period=20.0),
    Scenario('fig4', 'lead the middle joint round the main axis while the tool pose is fixed',
             _circling_middle, period=20.0, least_joints=12),
    Scenario('fig5_left', 'reach a position, the last quarter of the joints all pointing the '
             'same way', _straight_end),
    Scenario('fig5_center', 'reach a pose, the sixth-last of 40 joints pointing the way '
             'that the tool holds up', _bent_end, least_joints=16),
    Scenario('fig5_right', 'reach a position, the up axes of the first half of the joints '
             'vertical: as near as the joint limits allow', _upright_start, least_joints=8,
             reachable=False),
)}

COURSES = {scenario.name: scenario for scenario in (
    Scenario('pipe', 'go into a pipe, along it and out again', courses.into_the_pipe,
             period=40.0, least_joints=20, scene_of=courses.pipe),
    Scenario('shelf', 'reach in between two plates', courses.into_the_shelf, least_joints=20,
             scene_of=courses.shelf),
    Scenario('forest', 'reach low among columns', courses.among_the_columns, least_joints=20,
             scene_of=courses.forest),
    Scenario('knot', 'coil up and straighten again, past the own body',
             courses.coil_and_straighten, period=30.0, least_joints=20, scene_of=courses.knot),
)}
ALL = {**SCENARIOS, **COURSES}


def scenario(name: str) -> Scenario:
    """
    Return a scenario by its name.

    :raises GoalError: if there is none of that name
    """
    if name not in ALL:
        raise GoalError(f'there is no scenario {name!r}, expected one of {", ".join(ALL)}')
    return ALL[name]
