# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The shapes of a scene: what an arm shall not touch, in the frame of its base."""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from pathlib import Path
from typing import Any

import numpy as np

from snake_arm_control.arm.link import is_number
from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import SceneError

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Shape:
    """
    Base of all shapes.

    :param name: by which messages call it, empty for none
    """

    name: str = field(default='', kw_only=True)

    def _keep(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _vector(self, name: str, length: int = 3) -> Vector:
        """Make an attribute a tuple of finite floats, or raise SceneError."""
        value = getattr(self, name)
        try:
            found = tuple(float(each) + 0.0 for each in value)
        except (TypeError, ValueError, OverflowError):
            found = ()
        if len(found) != length or not all(map(math.isfinite, found)):
            raise SceneError(f'{name} of {self.title} is {value!r}, expected {length} finite '
                             'numbers')
        self._keep(**{name: found})
        return found

    def _size(self, name: str) -> None:
        """Make an attribute a positive finite float, or raise SceneError."""
        value = getattr(self, name)
        if not (is_number(value) and 0.0 < value < math.inf):
            raise SceneError(f'{name} of {self.title} is {value!r}, expected a positive finite '
                             'number')
        self._keep(**{name: float(value)})

    @property
    def title(self) -> str:
        """What an error calls it: its kind, and its name if it has one."""
        kind = KINDS_BY_CLASS[type(self)]
        return f'{kind} {self.name!r}' if self.name else f'a {kind}'

    def __post_init__(self):
        name = self.name
        if not isinstance(name, str):
            self._keep(name='')
            raise SceneError(f'the name of {self.title} is {name!r}, expected text')


@dataclass(frozen=True)
class Sphere(Shape):
    """
    A solid ball.

    :param center: (3,) [m]
    :param radius: [m]
    :raises SceneError: if it can't be, as all shapes do
    """

    center: Vector
    radius: float

    def __post_init__(self):
        super().__post_init__()
        self._vector('center')
        self._size('radius')


@dataclass(frozen=True)
class Capsule(Shape):
    """
    All points no farther than a radius from a straight way.

    :param start, end: (3,) [m], of the way
    :param radius: [m]
    """

    start: Vector
    end: Vector
    radius: float

    def __post_init__(self):
        super().__post_init__()
        self._vector('start')
        self._vector('end')
        self._size('radius')

    @property
    def length(self) -> float:
        """Length of the way [m]; the round ends come on top."""
        return math.dist(self.start, self.end)


@dataclass(frozen=True)
class Box(Shape):
    """
    A solid box.

    :param center: (3,) [m]
    :param size: (3,) [m], of its whole edges
    :param orientation: (3,) [rad], its turn by roll, pitch, yaw about the fixed axes x, y, z (REP
        103); None for none
    """

    center: Vector
    size: Vector
    orientation: Vector = None  # type: ignore[assignment]

    def __post_init__(self):
        super().__post_init__()
        if self.orientation is None:
            self._keep(orientation=(0.0, 0.0, 0.0))
        for name in ('center', 'size', 'orientation'):
            self._vector(name)
        if min(self.size) <= 0.0:
            raise SceneError(f'size of {self.title} is {self.size}, expected three positive '
                             'numbers')

    @property
    def rotation(self) -> np.ndarray:
        """The rotation (3, 3) from the box to the base."""
        return Placement(rpy=self.orientation).matrix[:3, :3]


@dataclass(frozen=True)
class HalfSpace(Shape):
    """
    Solid where ``normal . x < offset``; the normal points out of it.

    :param normal: (3,), not zero; normal and offset are divided by its length
    :param offset: [m], of its surface along the normal
    """

    normal: Vector
    offset: float

    def __post_init__(self):
        super().__post_init__()
        length = math.hypot(*self._vector('normal'))
        if not length:
            raise SceneError(f'normal of {self.title} is {self.normal}, expected not zero')
        if not (is_number(self.offset) and math.isfinite(self.offset)):
            raise SceneError(f'offset of {self.title} is {self.offset!r}, expected a finite '
                             'number')
        self._keep(normal=tuple(value / length for value in self.normal),
                   offset=float(self.offset) / length + 0.0)


@dataclass(frozen=True)
class Mesh(Shape):
    """
    The surface of a mesh: what is inside of it is free.

    :param path: a file that trimesh reads, such as STL, OBJ or PLY; metres
    :param pose: where its frame is in that of the base
    """

    path: str
    pose: Placement = field(default=Placement())

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.path, (str, Path)) or not str(self.path):
            raise SceneError(f'path of {self.title} is {self.path!r}, expected that of a file')
        self._keep(path=str(self.path))
        if not isinstance(self.pose, Placement):
            raise SceneError(f'pose of {self.title} is {self.pose!r}, expected a Placement')


KINDS: dict[str, type[Shape]] = {'sphere': Sphere, 'box': Box, 'capsule': Capsule,
                                 'half_space': HalfSpace, 'mesh': Mesh}
KINDS_BY_CLASS = {shape: kind.replace('_', '-') for kind, shape in KINDS.items()}
