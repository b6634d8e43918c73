# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes for the bench, and goals in them: each the tool of a configuration that is clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.avoidance import Avoidance
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.descent import descend, finish
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Shape, Sphere
from snake_arm_control.experiments.goal_families import configurations
from snake_arm_control.model.exact import ExactModel

CLEAR = 0.01  # [m], of the configurations that goals are taken from
FLOOR = HalfSpace((0.0, 0.0, 1.0), 0.0, name='floor')
_MANY = 2000  # configurations that are drawn at once
_STAVES = 12  # of a pipe
_PIPE_RADIUS, _PIPE_LENGTH, _PIPE_WALL, _PIPE_DEPTH = 0.06, 0.4, 0.01, 0.1  # [m]
_SHELF, _SHELF_GAP = (0.5, 0.5, 0.016), 0.18  # [m]


class Problem(NamedTuple):
    """A scene, a tool pose in it that can be reached, and how."""

    scene: Scene
    tool: np.ndarray  # (9,)
    angles: np.ndarray  # (joints, axes) [rad], a configuration that is clear

    def goal(self, kind: str, joints: int) -> Goal:
        """Return the goal of the tool's position, or of its whole pose."""
        target = np.full((joints, pose.SIZE), np.nan)
        part = pose.POSITION if kind == 'position' else slice(None)
        target[-1, part] = self.tool[part]
        return Goal.from_array(target)


def floor(generator: np.random.Generator) -> list[Shape]:
    """Return the floor alone."""
    return [FLOOR]


def spheres(generator: np.random.Generator) -> list[Shape]:
    """Return the floor and eight spheres of 4 to 12 cm radius, 6 cm off the arm at rest."""
    shapes: list[Shape] = [FLOOR]
    while len(shapes) < 9:
        radius = generator.uniform(0.04, 0.12)
        x, y = generator.uniform(-0.7, 0.7, 2)
        z = generator.uniform(0.0, 0.7)
        if np.hypot(x, y) - radius > 0.06 and np.linalg.norm((x, y, z)) < 0.7:
            shapes.append(Sphere((x, y, z), radius))
    return shapes


def shelf(generator: np.random.Generator) -> list[Shape]:
    """Return the floor and two plates, one above the other."""
    azimuth, height = generator.uniform(-np.pi, np.pi), generator.uniform(0.25, 0.5)
    apart = 0.5 * (_SHELF_GAP + _SHELF[2])
    return [FLOOR, *(Box((0.45 * np.cos(azimuth), 0.45 * np.sin(azimuth), height + side * apart),
                         _SHELF, (0.0, 0.0, azimuth)) for side in (-1.0, 1.0))]


def forest(generator: np.random.Generator) -> list[Shape]:
    """Return the floor and 30 columns, at least 12 cm apart and 10 cm off the axis."""
    places: list[np.ndarray] = []
    while len(places) < 30:
        place = generator.uniform(-0.8, 0.8, 2)
        if 0.1 < np.linalg.norm(place) < 0.8 and all(
                np.linalg.norm(place - other) >= 0.12 for other in places):
            places.append(place)
    return [FLOOR, *(Capsule((*place, 0.0), (*place, 1.2), 0.02) for place in places)]


def pipe(generator: np.random.Generator) -> list[Shape]:
    """Return the floor and a level pipe of flat staves that points away from the arm."""
    azimuth, height = generator.uniform(-np.pi, np.pi), generator.uniform(0.25, 0.5)
    frame = _pipe_frame(azimuth, height)
    width = 2.0 * (_PIPE_RADIUS + _PIPE_WALL) * np.tan(np.pi / _STAVES)
    shapes: list[Shape] = [FLOOR]
    for k in range(_STAVES):
        turn = Placement(rpy=(0.0, 0.0, 2.0 * np.pi * k / _STAVES))
        stave = frame @ turn @ Placement((_PIPE_RADIUS + 0.5 * _PIPE_WALL, 0.0,
                                          0.5 * _PIPE_LENGTH))
        shapes.append(Box(stave.xyz, (_PIPE_WALL, width, _PIPE_LENGTH), stave.rpy,
                          name=f'stave {k + 1}'))
    return shapes


def own_body(generator: np.random.Generator) -> list[Shape]:
    """Return nothing: the arm's own body alone."""
    return []


FAMILIES: dict[str, Callable[[np.random.Generator], list[Shape]]] = {
    'floor': floor, 'spheres': spheres, 'shelf': shelf, 'forest': forest, 'pipe': pipe,
    'own body': own_body}


def _pipe_frame(azimuth: float, height: float) -> Placement:
    """Return where a pipe begins; its z axis runs along it."""
    mouth = (0.3 * np.cos(azimuth), 0.3 * np.sin(azimuth), height)
    return Placement(mouth, (0.0, np.pi / 2.0, azimuth))


def problems(family: str, arm: Arm, generator: np.random.Generator) -> Iterator[Problem]:
    """Yield problems of a family without end, each with a scene of its own."""
    body = ArmBody.of(arm)
    while True:
        scene = Scene(tuple(FAMILIES[family](generator)))
        tries = _in_pipe if family == 'pipe' else _anywhere
        found = next(tries(family, scene, arm, body, generator), None)
        if found is not None:
            yield found


def _anywhere(family: str, scene: Scene, arm: Arm, body: ArmBody,
              generator: np.random.Generator) -> Iterator[Problem]:
    """Yield problems from random configurations; a few thousand are tried."""
    clearances, model = Clearances(scene, body), ExactModel(arm)
    for _ in range(10):
        drawn = configurations(arm, _MANY, generator)
        chains = model.predict(drawn)
        for angles, chain in zip(drawn, chains):
            if _is_meant(family, scene, chain[-1]) and clearances.clearance(chain) >= CLEAR:
                yield Problem(scene, chain[-1], angles)


def _is_meant(family: str, scene: Scene, tool: np.ndarray) -> bool:
    """Return whether a tool is where a family wants it."""
    if family != 'shelf':
        return True
    lower, upper = scene.shapes[1:]
    assert isinstance(lower, Box) and isinstance(upper, Box)
    place = lower.rotation.T @ (tool[pose.POSITION] - lower.center)
    return bool(abs(place[0]) < 0.5 * _SHELF[0] and abs(place[1]) < 0.5 * _SHELF[1]
                and lower.center[2] < tool[2] < upper.center[2])


def _in_pipe(family: str, scene: Scene, arm: Arm, body: ArmBody,
             generator: np.random.Generator) -> Iterator[Problem]:
    """Yield problems from random configurations whose last links were drawn into the pipe."""
    model = ExactModel(arm)
    careful = Scene(scene.shapes, margin=1.2 * CLEAR)
    avoidance, clearances = Avoidance(careful, body), Clearances(scene, body)
    staves = scene.shapes[1:]
    center = np.mean([stave.center for stave in staves if isinstance(stave, Box)], axis=0)
    along = np.array((*center[:2], 0.0)) / np.linalg.norm(center[:2])
    mouth = center - 0.5 * _PIPE_LENGTH * along
    for angles in configurations(arm, 20, generator):
        depth = generator.uniform(_PIPE_DEPTH, _PIPE_LENGTH - 0.02)
        target = np.full((arm.joints, pose.SIZE), np.nan)
        inside = int(np.ceil((depth + 0.04) / arm.segment_length))
        for j in range(inside):
            target[-1 - j, pose.POSITION] = mouth + (depth - j * arm.segment_length) * along
        goal = Goal.from_array(target)
        found = finish(descend(goal, angles, model, None, InverseSettings(
            position_tolerance=0.015), 300, terms=(avoidance,)))
        chain = model.predict(found.angles)
        if ((chain[-1, pose.POSITION] - mouth) @ along >= _PIPE_DEPTH
                and clearances.clearance(chain) >= CLEAR):
            yield Problem(scene, chain[-1], found.angles)
