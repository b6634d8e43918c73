# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Obstacle courses: scenes, and the goals among them; all lengths are in proportion to the arm."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, Shape

# All in arm lengths.
_MARGIN = 0.004
_PIPE_MOUTH, _PIPE_RADIUS, _PIPE_WALL, _PIPE_LENGTH = (0.3, 0.0, 0.4), 0.07, 0.01, 0.4
_PIPE_DEPTH, _PIPE_BEFORE = 0.25, 0.08  # of the tool, at most, and how far it is outside at first
_STAVES = 12
_PLATE, _GAP, _SHELF = (0.5, 0.5, 0.016), 0.18, (0.45, 0.0, 0.35)
_COLUMNS, _COLUMN_RADIUS, _COLUMN_HEIGHT, _APART = 24, 0.02, 0.9, 0.14
_COIL_BEND, _COIL_TURN = 0.4, 0.06  # [rad], of each joint, and by which its direction turns
_STEM = 0.2  # of the joints, that carry the coil


def pipe(arm: Arm) -> Scene:
    """Return a level pipe of flat staves that points away from the arm."""
    frame = Placement(_scaled(arm, _PIPE_MOUTH), (0.0, math.pi / 2.0, 0.0))
    width = 2.0 * (_PIPE_RADIUS + _PIPE_WALL) * math.tan(math.pi / _STAVES)
    shapes: list[Shape] = []
    for k in range(_STAVES):
        turn = Placement(rpy=(0.0, 0.0, 2.0 * math.pi * k / _STAVES))
        stave = frame @ turn @ Placement(_scaled(
            arm, (_PIPE_RADIUS + 0.5 * _PIPE_WALL, 0.0, 0.5 * _PIPE_LENGTH)))
        shapes.append(Box(stave.xyz, _scaled(arm, (_PIPE_WALL, width, _PIPE_LENGTH)), stave.rpy,
                          name=f'pipe/{k + 1}'))
    return _scene(arm, shapes)


def into_the_pipe(arm: Arm, phase: float) -> Goal:
    """Return the goal of a tool that goes into the pipe, along it, and out again."""
    x, y, z = _PIPE_MOUTH
    inside = 0.5 - 0.5 * math.cos(2.0 * math.pi * phase)
    along = inside * _PIPE_DEPTH - (1.0 - inside) * _PIPE_BEFORE
    return Goal.tool(position=_scaled(arm, (x + along, y, z)), joints=arm.joints)


def shelf(arm: Arm) -> Scene:
    """Return two plates, one above the other."""
    x, y, z = _SHELF
    apart = 0.5 * (_GAP + _PLATE[2])
    return _scene(arm, [Box(_scaled(arm, (x, y, z + side * apart)), _scaled(arm, _PLATE),
                            name=f'shelf/{number}')
                        for number, side in enumerate((-1.0, 1.0), 1)])


def into_the_shelf(arm: Arm, phase: float) -> Goal:
    """Return the goal of a tool between the plates."""
    x, y, z = _SHELF
    return Goal.tool(position=_scaled(arm, (x + 0.05, y + 0.1, z)), joints=arm.joints)


def forest(arm: Arm) -> Scene:
    """Return upright columns round the arm."""
    generator, places = np.random.default_rng(4), [np.array((0.45, -0.2))]
    while len(places) < _COLUMNS:
        place = generator.uniform(-0.7, 0.7, 2)
        if 0.14 < np.linalg.norm(place) < 0.7 and all(
                np.linalg.norm(place - other) >= _APART for other in places):
            places.append(place)
    return _scene(arm, [
        Capsule(_scaled(arm, (*place, 0.0)), _scaled(arm, (*place, _COLUMN_HEIGHT)),
                arm.length * _COLUMN_RADIUS, name=f'forest/{number}')
        for number, place in enumerate(places, 1)])


def among_the_columns(arm: Arm, phase: float) -> Goal:
    """Return the goal of a tool low among the columns."""
    return Goal.tool(position=_scaled(arm, (0.5, 0.05, 0.25)), joints=arm.joints)


def knot(arm: Arm) -> Scene:
    """Return nothing: the arm's own body is in its way."""
    return _scene(arm, [])


def coil_and_straighten(arm: Arm, phase: float) -> Goal:
    """Return the posture of a coil, and in the second half of a period that of rest."""
    if phase >= 0.5:
        return Goal.preferring({}, arm.joints)
    turns = _COIL_TURN * np.arange(arm.joints)
    angles = _COIL_BEND * np.column_stack((np.cos(turns), np.sin(turns)))[:, :arm.axes]
    angles[:round(_STEM * arm.joints)] = 0.0
    return Goal.preferring(arm.named(arm.clip(angles)), arm.joints)


def _scene(arm: Arm, shapes: list[Shape]) -> Scene:
    return Scene(tuple(shapes), margin=_MARGIN * arm.length)


def _scaled(arm: Arm, lengths: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(arm.length * each for each in lengths)
