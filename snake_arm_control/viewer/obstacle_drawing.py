# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Obstacles and what is nearest to the arm, drawn by viser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from trimesh import creation, load, Trimesh

from snake_arm_control.arm import pose
from snake_arm_control.control.goal_shape import COLOURS
from snake_arm_control.control.shape_frame import frame_of
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Mesh, Shape, Sphere
from snake_arm_control.viewer import meshes
from snake_arm_control.viewer.nearest import Nearest

_COLOUR, _SELECTED = (150, 155, 168), (214, 140, 60)
_OPACITY = 0.55


class _Drawn(NamedTuple):
    shape: Shape
    handle: Any
    is_selected: bool


class ObstacleDrawing:
    """
    Draws obstacles where they are; one that is clicked is selected.

    :param scene: that of the viser server
    :param select: takes the name of an obstacle that was clicked; it is called in another thread
    """

    def __init__(self, scene, select: Callable[[str], None]):
        self._scene, self._select = scene, select
        self._drawn: dict[str, _Drawn] = {}
        self._line: Any = None
        self._label: Any = None

    def draw(self, shapes: Mapping[str, Shape], selected: str, nearest: Nearest | None) -> None:
        """Draw these in the place of those before."""
        for name in set(self._drawn) - set(shapes):
            self._drawn.pop(name).handle.remove()
        for name, shape in shapes.items():
            self._draw(name, shape, name == selected)
        self._draw_nearest(nearest)

    def _draw(self, name: str, shape: Shape, is_selected: bool) -> None:
        drawn = self._drawn.get(name)
        if drawn is not None and drawn.shape == shape and drawn.is_selected == is_selected:
            return
        rotation, origin = frame_of(shape)
        xyzw, position = pose.to_quaternion(pose.from_matrix(rotation, origin))
        if (drawn is None or drawn.is_selected != is_selected
                or _looks(drawn.shape) != _looks(shape)):
            if drawn is not None:
                self._drawn.pop(name).handle.remove()
            mesh = _mesh(shape)
            if mesh is None:
                return
            handle = self._scene.add_mesh_simple(
                f'/obstacles/{name}', mesh.vertices, mesh.faces, opacity=_OPACITY,
                color=_SELECTED if is_selected else _COLOUR, side='double')
            self._choose_by_click(handle, name)
        else:
            handle = drawn.handle
        handle.position, handle.wxyz = position, np.roll(xyzw, 1)
        self._drawn[name] = _Drawn(shape, handle, is_selected)

    def _choose_by_click(self, handle: Any, name: str) -> None:
        @handle.on_click
        async def _(_) -> None:
            self._select(name)

    def _draw_nearest(self, nearest: Nearest | None) -> None:
        if self._line is None:
            self._line = self._scene.add_line_segments(
                '/nearest', np.zeros((1, 2, 3)),
                tuple(round(255 * part) for part in COLOURS['nearest']), thickness=3.0,
                thickness_units='screen', visible=False)
            self._label = self._scene.add_label('/nearest_text', '', visible=False)
        self._line.visible = self._label.visible = nearest is not None
        if nearest is not None:
            self._line.points = nearest.points[None]
            self._label.text, self._label.position = nearest.text, nearest.points.mean(axis=0)


def _looks(shape: Shape) -> tuple[object, ...]:
    """Return what else than its place a shape is drawn by."""
    if isinstance(shape, Sphere):
        return Sphere, shape.radius
    if isinstance(shape, Box):
        return Box, shape.size
    if isinstance(shape, Capsule):
        return Capsule, shape.radius, round(shape.length, 9)
    return (Mesh, shape.path) if isinstance(shape, Mesh) else (type(shape),)


def _mesh(shape: Shape) -> Trimesh | None:
    """Return what a shape looks like in its frame; None of a file that can't be read here."""
    if isinstance(shape, Sphere):
        return _scaled(meshes.SPHERE, 3 * (2.0 * shape.radius,))
    if isinstance(shape, Box):
        return _scaled(meshes.BOX, shape.size)
    if isinstance(shape, Capsule):
        capsule = creation.capsule(shape.length, shape.radius, count=(12, 24))
        capsule.apply_translation(-capsule.bounds.mean(axis=0))
        return capsule
    if isinstance(shape, HalfSpace):
        return _scaled(meshes.BOX, (3.0, 3.0, 0.002))
    assert isinstance(shape, Mesh)
    try:
        loaded = load(shape.path, force='mesh')
        return loaded if isinstance(loaded, Trimesh) else None
    except (OSError, ValueError):
        return None


def _scaled(mesh: Trimesh, size: tuple[float, ...]) -> Trimesh:
    return Trimesh(mesh.vertices * np.array(size), mesh.faces, process=False)
