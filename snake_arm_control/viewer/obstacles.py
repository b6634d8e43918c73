# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The obstacles that the page shows, and those that a person puts there."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.shape_frame import frame_of, put
from snake_arm_control.control.shapes import Box, Capsule, Shape, Sphere

OWN = 'page'  # namespace of what is added on the page
_SIZE = 0.05  # [arm lengths], half of what is added


class Obstacles:
    """
    Shapes by name: those that the controller keeps clear of, as it says, and changes to them.

    What has no number after a slash in its name is fixed.
    """

    def __init__(self) -> None:
        self.shapes: dict[str, Shape] = {}
        self.selected = ''
        self._own: dict[str, Shape] = {}  # what is published from here
        self._is_new = False

    def receive(self, shapes: Iterable[Shape]) -> None:
        """Take what the controller keeps clear of; what was just changed here counts as it is."""
        known = {shape.name: shape for shape in shapes}
        self.shapes = {**known, **self._own}
        if self.selected not in self.shapes:
            self.selected = ''

    def select(self, name: str) -> None:
        """Select an obstacle that can be moved; another name selects none."""
        _, slash, number = name.rpartition('/')
        self.selected = name if name in self.shapes and slash and number.isdecimal() else ''

    def add(self, kind: str, place: np.ndarray, size: float) -> None:
        """
        Add an obstacle of the page, and select it.

        :param kind: ball, box or column
        :param place: (3,) [m], of its middle
        :param size: of the arm [m], which it is in proportion to
        """
        name = next(name for name in (f'{OWN}/{n}' for n in count(1)) if name not in self.shapes)
        half, center = _SIZE * size, tuple(place.tolist())
        shape: Shape
        if kind == 'ball':
            shape = Sphere(center, half, name=name)
        elif kind == 'box':
            shape = Box(center, 3 * (2.0 * half,), name=name)
        else:
            x, y, _ = center
            shape = Capsule((x, y, 0.0), (x, y, size), 0.5 * half, name=name)
        self._take(shape)
        self.selected = name

    def move(self, target: np.ndarray) -> None:
        """Move the selected obstacle to a pose (9,)."""
        shape = self.shapes.get(self.selected)
        if shape is not None:
            self._take(put(shape, *pose.to_matrix(target)))

    def remove(self) -> None:
        """Remove the selected obstacle, if it was added or moved here."""
        if self._own.pop(self.selected, None) is not None:
            self.shapes.pop(self.selected)
            self.selected, self._is_new = '', True

    def replace(self, shapes: Iterable[Shape]) -> None:
        """Put these in the place of all that was published from here, but for what was added."""
        kept = {name: shape for name, shape in self._own.items() if name.startswith(f'{OWN}/')}
        after = {**kept, **{shape.name: shape for shape in shapes}}
        if after != self._own:
            for name in set(self._own) - set(after):
                self.shapes.pop(name, None)
            self._own, self._is_new = after, True
            self.shapes.update(after)

    def outgoing(self) -> tuple[Shape, ...] | None:
        """Return all that is to be published, None if nothing has changed."""
        if not self._is_new:
            return None
        self._is_new = False
        return tuple(self._own.values())

    @property
    def handle(self) -> np.ndarray | None:
        """Where the selected obstacle is (9,), None for none."""
        shape = self.shapes.get(self.selected)
        return None if shape is None else pose.from_matrix(*frame_of(shape))

    def _take(self, shape: Shape) -> None:
        self.shapes[shape.name] = self._own[shape.name] = shape
        self._is_new = True
