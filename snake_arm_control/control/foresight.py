# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Foresight: the shapes of a scene that move take up where they will be in a moment, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
import math

import numpy as np

from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shape_frame import frame_of, put
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Shape, Sphere

_AHEAD = 0.5  # [s] in which an arm gets out of the way
_STOPPED = 0.3  # [s] after which a shape that was not moved again is stationary
_LEAST = 1e-3  # [m/s]
_COPIES = 4  # of a shape on its way, at most


class Foresight:
    """
    Knows a scene, and how fast its shapes moved from each scene to the next by the same name.

    Turns are not foreseen, nor is the motion of meshes.

    :ivar scene: as it was given
    """

    def __init__(self):
        self.scene: Scene | None = None
        self._velocities: dict[str, np.ndarray] = {}  # (3,) [m/s]
        self._moved_at: dict[str, float] = {}  # [s]

    def take(self, scene: Scene | None, now: float) -> None:
        """Take the scene of a time [s]."""
        before = {} if self.scene is None else {each.name: each for each in self.scene.shapes}
        self.scene = scene
        shapes = () if scene is None else scene.shapes
        names = {shape.name for shape in shapes}
        for known in self._moved_at, self._velocities:
            for name in known.keys() - names:
                del known[name]
        for shape in shapes:
            earlier = before.get(shape.name)
            if earlier is None or shape == earlier:
                continue
            way, period = _way(earlier, shape), now - self._moved_at.get(shape.name, -math.inf)
            self._moved_at[shape.name] = now
            if way is None or not 0.0 < period < _STOPPED:
                self._velocities.pop(shape.name, None)
            else:
                self._velocities[shape.name] = way / period

    def expire(self, now: float) -> bool:
        """Count shapes as stationary that were not moved lately; return whether there were any."""
        ended = [name for name in self._velocities
                 if not 0.0 <= now - self._moved_at[name] < _STOPPED]
        for name in ended:
            del self._velocities[name]
        return bool(ended)

    @property
    def foreseen(self) -> Scene | None:
        """The scene with what its shapes will take up in a moment."""
        if self.scene is None or not self._velocities:
            return self.scene
        return replace(self.scene, shapes=tuple(
            each for shape in self.scene.shapes
            for each in _swept(shape, self._velocities.get(shape.name))))


def _way(before: Shape, after: Shape) -> np.ndarray | None:
    """Return how far a shape has moved (3,) [m], None if that is not what has changed."""
    if isinstance(before, Sphere) and isinstance(after, Sphere):
        return np.subtract(after.center, before.center)
    if isinstance(before, Box) and isinstance(after, Box):
        return np.subtract(after.center, before.center)
    if isinstance(before, Capsule) and isinstance(after, Capsule):
        return (np.add(after.start, after.end) - np.add(before.start, before.end)) / 2.0
    if isinstance(before, HalfSpace) and isinstance(after, HalfSpace):
        return (after.offset - before.offset) * np.array(after.normal)
    return None


def _swept(shape: Shape, velocity: np.ndarray | None) -> Iterator[Shape]:
    """Yield what a shape takes up from now until a moment later."""
    if velocity is None or np.linalg.norm(velocity) < _LEAST:
        yield shape
        return
    way = _AHEAD * velocity
    if isinstance(shape, HalfSpace):
        yield replace(shape, offset=shape.offset + max(float(way @ shape.normal), 0.0))
        return
    yield shape
    if isinstance(shape, Sphere):
        yield Capsule(shape.center, tuple(np.add(shape.center, way)), shape.radius,
                      name=f'{shape.name} (in a moment)')
    elif isinstance(shape, (Box, Capsule)):  # one beside the other, so that there is no gap
        size = 2.0 * shape.radius if isinstance(shape, Capsule) else min(shape.size)
        length = float(np.linalg.norm(way))
        count = min(math.ceil(length / size), _COPIES)
        rotation, origin = frame_of(shape)
        for k in range(1, count + 1):
            there = put(shape, rotation, origin + way * min(k * size / length, 1.0))
            yield replace(there, name=f'{shape.name} (in a moment, {k})')
