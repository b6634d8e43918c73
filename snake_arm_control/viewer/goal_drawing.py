# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The goal that the controller pursues, drawn by viser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.control.goal_shape import COLOURS, GoalShape
from snake_arm_control.viewer import meshes


class _Drawn(NamedTuple):
    """Points that were drawn together, each with its look: a size, or a colour."""

    handle: Any
    points: np.ndarray  # (n, 3) or (n, 2, 3) [m]
    looks: np.ndarray  # (n,) or (n, 3)


class GoalDrawing:
    """
    Draws places as balls, axes as arrows or lines, distances as lines.

    :param scene: that of the viser server
    :param reach: length of the arm [m], which what is drawn is in proportion to
    """

    def __init__(self, scene, reach: float):
        self._scene, self._reach = scene, reach
        self._drawn: dict[str, _Drawn] = {}

    def draw(self, shape: GoalShape | None) -> None:
        """Draw a shape in the place of the one before; None draws nothing."""
        balls, sizes = np.empty((0, 3)), np.empty(0)
        arrows: list[tuple[str, np.ndarray]] = []
        lines: list[tuple[str, np.ndarray]] = []
        if shape is not None:
            balls = shape.places
            sizes = np.full(len(balls), self._reach * shape.point_size)
            lines += [('distance', shape.distances), ('condition', shape.outlines)]
            (arrows if shape.few else lines).extend(
                (name, axes.lines(self._reach * shape.axis_length))
                for name, axes in shape.axes.items())
        self._put('balls', balls, sizes, self._add_balls)
        self._put('arrows', *_coloured(arrows), self._add_arrows)
        self._put('lines', *_coloured(lines), self._add_lines)

    def _put(self, name: str, points: np.ndarray, looks: np.ndarray,
             add: Callable[[np.ndarray, np.ndarray], Any]) -> None:
        """Move what is drawn; what looks otherwise is drawn anew."""
        drawn = self._drawn.get(name)
        if drawn is not None and np.array_equal(looks, drawn.looks):
            if not np.array_equal(points, drawn.points):
                setattr(drawn.handle, 'batched_positions' if points.ndim == 2 else 'points',
                        points)
                self._drawn[name] = drawn._replace(points=points)
            return
        if drawn is not None:
            self._drawn.pop(name).handle.remove()
        if len(points):
            self._drawn[name] = _Drawn(add(points, looks), points, looks)

    def _add_balls(self, places: np.ndarray, sizes: np.ndarray) -> Any:
        upright = np.tile((1.0, 0.0, 0.0, 0.0), (len(places), 1))
        return self._scene.add_batched_meshes_simple(
            '/asked/places', meshes.SPHERE.vertices, meshes.SPHERE.faces, upright, places,
            batched_scales=sizes, batched_colors=np.array(COLOURS['position']), opacity=0.6,
            cast_shadow=False, lod='off')

    def _add_arrows(self, ends: np.ndarray, colours: np.ndarray) -> Any:
        return self._scene.add_arrows(
            '/asked/arrows', ends, colours, shaft_radius=0.004 * self._reach,
            head_radius=0.011 * self._reach, head_length=0.03 * self._reach)

    def _add_lines(self, ends: np.ndarray, colours: np.ndarray) -> Any:
        return self._scene.add_line_segments(
            '/asked/lines', ends, np.repeat(colours[:, None], 2, axis=1), thickness=2.0,
            thickness_units='screen')


def _coloured(parts: list[tuple[str, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends (n, 2, 3) of all parts' lines, and their colours (n, 3) [0..1]."""
    ends = [lines for _, lines in parts]
    colours = [np.tile(COLOURS[name], (len(lines), 1)) for name, lines in parts]
    return np.concatenate([np.empty((0, 2, 3)), *ends]), np.concatenate(
        [np.empty((0, 3)), *colours])
