# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of conditions that goals know; all places and directions are in base_link."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.condition import (
    checked_joint,
    checked_vector,
    Condition,
    Measure,
    PARTS,
)
from snake_arm_control.control.term import Functionals
from snake_arm_control.errors import GoalError

Vector = tuple[float, ...]
_NONE = np.zeros(3)
_TURN = np.linspace(0.0, 2.0 * np.pi, 25)[:, None]  # [rad]
_TINY = 1e-12


@dataclass(frozen=True)
class Within(Condition):
    """
    Keeps components of a joint's pose within bounds, also as another joint sees them.

    :param which: position [m], forward or up
    :param lower, upper: (3,), infinite for none
    :param relative_to: number of the joint in whose frame it is; 0 for base_link
    """

    which: str
    lower: Vector
    upper: Vector
    relative_to: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.which not in PARTS:
            raise GoalError(f'a part of joint {self.joint} is {self.which!r}, expected '
                            f'{", ".join(PARTS)}')
        for name in ('lower', 'upper'):
            bounds = tuple(float(each) for each in getattr(self, name))
            if len(bounds) != 3 or any(map(math.isnan, bounds)):
                raise GoalError(f'{self._what(name)} is {bounds}, expected three numbers')
            self._keep(**{name: bounds})
        for low, high in zip(self.lower, self.upper):
            if not (low <= high and low < math.inf and high > -math.inf):
                raise GoalError(f'{self.which} of joint {self.joint} shall be from {low:g} to '
                                f'{high:g}, expected the lower bound first')
        if self.relative_to:
            self._keep(relative_to=checked_joint(self.relative_to))
            if self.relative_to == self.joint:
                raise GoalError(f'joint {self.joint} is relative to itself, expected another')

    @cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Indices (k,) of the components that have bounds, lower and upper bounds (k,)."""
        lower, upper = np.array(self.lower), np.array(self.upper)
        numbers = np.flatnonzero(np.isfinite(lower) | np.isfinite(upper))
        return numbers, lower[numbers], upper[numbers]

    @property
    def part(self) -> str:  # type: ignore[override]
        """What its error is one of."""
        return self.which

    @property
    def joints(self) -> tuple[int, ...]:
        """Numbers of both joints."""
        return (self.joint, self.relative_to) if self.relative_to else (self.joint,)

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the components that have bounds; see `Condition`."""
        part, (numbers, lower, upper) = PARTS[self.which], self._bounds
        vector = chain[self.joint - 1, part]
        if not self.relative_to:
            return Measure(_of_vector(self.joint, part, vector[numbers], np.eye(3)[numbers]),
                           lower, upper)
        frame = chain[self.relative_to - 1]
        if self.which == 'position':
            vector = vector - frame[pose.POSITION]
        forward, up = frame[pose.FORWARD], frame[pose.UP]
        axes = np.stack((np.cross(up, forward), up, forward))[numbers]
        turns = np.zeros((3, pose.SIZE))
        turns[0, pose.UP], turns[0, pose.FORWARD] = np.cross(forward, vector), np.cross(vector, up)
        turns[1, pose.UP] = turns[2, pose.FORWARD] = vector
        if self.which == 'position':
            turns[numbers, pose.POSITION] = -axes
        return Measure(_joined(_of_vector(self.joint, part, axes @ vector, axes),
                               _of_rows(self.relative_to, turns[numbers])), lower, upper)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the edges of the box of positions; see `Condition`."""
        if self.which != 'position':
            return super().outline(chain, size)
        origin, axes = _NONE, np.eye(3)
        if self.relative_to:
            rotation, origin = pose.to_matrix(chain[self.relative_to - 1])
            axes = rotation.T
        here = axes @ (chain[self.joint - 1, pose.POSITION] - origin)
        ends = np.stack((np.maximum(self.lower, here - size), np.minimum(self.upper, here + size)))
        ends[~np.isfinite(ends)] = 0.0
        corners = np.stack(np.meshgrid(*ends.T, indexing='ij'), axis=-1)
        edges = [np.moveaxis(corners, axis, 0).reshape(2, 4, 3).swapaxes(0, 1)
                 for axis in range(3)]
        return origin + np.concatenate(edges) @ axes


@dataclass(frozen=True)
class _OfAxis(Condition):
    """
    Base of those that turn an axis of a joint, whose error it is.

    :param angle: [rad], by which the axis may be off at most; 0 for not at all
    :param axis: forward or up
    """

    angle: float = field(default=0.0, kw_only=True)
    axis: str = field(default='forward', kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._size('angle', math.pi)
        if self.axis not in ('forward', 'up'):
            raise GoalError(f'an axis of joint {self.joint} is {self.axis!r}, expected forward '
                            'or up')

    @property
    def part(self) -> str:  # type: ignore[override]
        """What its error is one of."""
        return self.axis

    def _measure(self, chain: np.ndarray, wanted: np.ndarray, turns: np.ndarray) -> Measure:
        """
        Return the angle to a direction, or for no angle the difference of both.

        :param wanted: (3,), a unit vector
        :param turns: (3, 3), by which it changes with the joint's position
        """
        part, axis = PARTS[self.axis], chain[self.joint - 1, PARTS[self.axis]]
        if not self.angle:
            rows = np.zeros((3, pose.SIZE))
            rows[:, part], rows[:, pose.POSITION] = np.eye(3), -turns
            return Measure(_of_rows(self.joint, rows, axis - wanted), _NONE, _NONE)
        across = wanted - (wanted @ axis) * axis / (axis @ axis)
        angle = math.atan2(np.linalg.norm(np.cross(axis, wanted)), axis @ wanted)
        rows = np.zeros((1, pose.SIZE))
        rows[0, part] = -_unit(across, axis) / np.linalg.norm(axis)
        rows[0, pose.POSITION] = -_unit(axis - (axis @ wanted) * wanted, wanted) @ turns
        return Measure(_of_rows(self.joint, rows, np.array([angle])),
                       np.array([-math.inf]), np.array([self.angle]))


@dataclass(frozen=True)
class Cone(_OfAxis):
    """
    Keeps an axis of a joint within an angle of a direction.

    :param direction: (3,), of any length
    """

    direction: Vector

    def __post_init__(self):
        super().__post_init__()
        self._vector('direction', is_direction=True)

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the angle to the direction; see `Condition`."""
        return self._measure(chain, np.array(self.direction), np.zeros((3, 3)))

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the rim of the cone, and four lines to it; see `Condition`."""
        first, second = _across(np.array(self.direction))
        rim = size * (math.cos(self.angle) * np.array(self.direction) + math.sin(self.angle)
                      * (np.cos(_TURN) * first + np.sin(_TURN) * second))
        lines = np.concatenate((np.stack((rim[:-1], rim[1:]), axis=1),
                                np.stack((0.0 * rim[::6], rim[::6]), axis=1)))
        return chain[self.joint - 1, pose.POSITION] + lines


@dataclass(frozen=True)
class LookAt(_OfAxis):
    """
    Points an axis of a joint at a point, wherever the joint is.

    :param point: (3,) [m]
    """

    point: Vector

    def __post_init__(self):
        super().__post_init__()
        self._vector('point')

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the angle to the direction of the point; see `Condition`."""
        way = np.array(self.point) - chain[self.joint - 1, pose.POSITION]
        distance = max(float(np.linalg.norm(way)), _TINY)
        wanted = way / distance
        return self._measure(chain, wanted, (np.outer(wanted, wanted) - np.eye(3)) / distance)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the line of sight; see `Condition`."""
        return np.array([[chain[self.joint - 1, pose.POSITION], self.point]])


@dataclass(frozen=True)
class OnLine(Condition):
    """
    Keeps a joint on a straight line, or no farther from it than a distance.

    :param point: (3,) [m], of the line
    :param direction: (3,), of any length
    :param distance: [m]
    """

    point: Vector
    direction: Vector
    distance: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        self._vector('point')
        self._vector('direction', is_direction=True)
        self._size('distance')

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the way from the line; see `Condition`."""
        across = _across(np.array(self.direction))
        return _from(chain, self.joint, np.array(self.point), across, 0.0, self.distance)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the line beside the joint; see `Condition`."""
        point, direction = np.array(self.point), np.array(self.direction)
        along = (chain[self.joint - 1, pose.POSITION] - point) @ direction
        middle = point + along * direction
        return np.array([[middle - size * direction, middle + size * direction]])


@dataclass(frozen=True)
class OnPlane(Condition):
    """
    Keeps a joint on a plane, or no farther from it than a distance.

    :param normal: (3,), of any length
    :param offset: [m], of the plane along the normal of length 1
    :param distance: [m]
    """

    normal: Vector
    offset: float = 0.0
    distance: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        self._vector('normal', is_direction=True)
        self._size('offset', 1e9, -1e9)
        self._size('distance')

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the height over the plane; see `Condition`."""
        normal = np.array(self.normal)[None]
        height = normal @ chain[self.joint - 1, pose.POSITION] - self.offset
        return Measure(_of_vector(self.joint, pose.POSITION, height, normal),
                       np.array([-self.distance]), np.array([self.distance]))

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return a square beside the joint; see `Condition`."""
        normal, place = np.array(self.normal), chain[self.joint - 1, pose.POSITION]
        first, second = _across(normal)
        middle = place - (normal @ place - self.offset) * normal
        corners = middle + size * np.array([first, second, -first, -second, first])
        return np.stack((corners[:-1], corners[1:]), axis=1)


@dataclass(frozen=True)
class Distance(Condition):
    """
    Keeps a joint at a distance from a point, or from another joint.

    :param to: (3,) [m], or the number of a joint
    :param least, most: [m]
    """

    to: Vector | int
    least: float = 0.0
    most: float = math.inf

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.to, (tuple, list, np.ndarray)):
            self._keep(to=checked_vector(self._what('to'), self.to))
        else:
            self._keep(to=checked_joint(self.to))
            if self.to == self.joint:
                raise GoalError(f'joint {self.joint} has a distance to itself, expected to '
                                'another')
        self._size('least')
        self._size('most', math.inf, self.least)
        if math.isinf(self.least):
            raise GoalError(f'{self._what("least")} is infinite, expected a finite number')

    @property
    def joints(self) -> tuple[int, ...]:
        """Numbers of the joints that it depends on."""
        return (self.joint,) if isinstance(self.to, tuple) else (self.joint, self.to)

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the distance; see `Condition`."""
        if isinstance(self.to, tuple):
            return _from(chain, self.joint, np.array(self.to), np.eye(3), self.least, self.most)
        found = _from(chain, self.joint, chain[self.to - 1, pose.POSITION], np.eye(3), self.least,
                      self.most)
        back = found.functionals._replace(
            joints=np.full(len(found.functionals.joints), self.to - 1),
            coefficients=-found.functionals.coefficients)
        return found._replace(functionals=_joined(found.functionals, back))

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the line between both; see `Condition`."""
        to = self.to if isinstance(self.to, tuple) else chain[self.to - 1, pose.POSITION]
        return np.array([[to, chain[self.joint - 1, pose.POSITION]]])


@dataclass(frozen=True)
class Along(Condition):
    """
    Keeps a joint near a way of straight pieces; of all joints, the body follows that way.

    :param way: (n, 3) [m], its points
    :param distance: [m], from the way at most
    """

    way: tuple[Vector, ...]
    distance: float

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.way, (tuple, list, np.ndarray)) or len(self.way) < 2:
            raise GoalError(f'{self._what("way")} is {self.way!r}, expected two points or more')
        self._keep(way=tuple(checked_vector(self._what('a point'), point) for point in self.way))
        self._size('distance', 1e9, 1e-6)

    @cached_property
    def _pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the pieces begin, and where they lead from there, both (n - 1, 3) [m]."""
        return np.array(self.way[:-1]), np.diff(np.array(self.way), axis=0)

    def measure(self, chain: np.ndarray) -> Measure:
        """Return the distance from the nearest point of the way; see `Condition`."""
        place, (starts, pieces) = chain[self.joint - 1, pose.POSITION], self._pieces
        squares = np.maximum(np.sum(pieces ** 2, axis=1), _TINY ** 2)
        parts = np.clip(np.sum((place - starts) * pieces, axis=1) / squares, 0.0, 1.0)
        points = starts + parts[:, None] * pieces
        nearest = points[np.argmin(np.sum((place - points) ** 2, axis=1))]
        return _from(chain, self.joint, nearest, np.eye(3), 0.0, self.distance)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the way; see `Condition`."""
        starts, pieces = self._pieces
        return np.stack((starts, starts + pieces), axis=1)


KINDS: dict[str, type[Condition]] = {
    'look_at': LookAt, 'on_line': OnLine, 'on_plane': OnPlane, 'distance': Distance,
    'along': Along}


def _from(chain: np.ndarray, joint: int, point: np.ndarray, axes: np.ndarray, least: float,
          most: float) -> Measure:
    """Return how far a joint is from a point along axes (k, 3): the length, or all for none."""
    way = axes @ (chain[joint - 1, pose.POSITION] - point)
    if not most:
        return Measure(_of_vector(joint, pose.POSITION, way, axes), *2 * (np.zeros(len(way)),))
    length = float(np.linalg.norm(way))
    row = (way / length if length > _TINY else np.eye(len(way))[0]) @ axes
    return Measure(_of_vector(joint, pose.POSITION, np.array([length]), row[None]),
                   np.array([least or -math.inf]), np.array([most]))


def _of_vector(joint: int, part: slice, values: np.ndarray, axes: np.ndarray) -> Functionals:
    """Return values (k,) that change by axes (k, 3) with a part of a joint's pose."""
    rows = np.zeros((len(axes), pose.SIZE))
    rows[:, part] = axes
    return _of_rows(joint, rows, values)


def _of_rows(joint: int, rows: np.ndarray, values: np.ndarray | None = None) -> Functionals:
    """Return values (k,) that change by rows (k, 9) with a joint's pose."""
    count = len(rows)
    return Functionals(np.zeros(count) if values is None else values, np.arange(count),
                       np.full(count, joint - 1), rows)


def _joined(first: Functionals, second: Functionals) -> Functionals:
    """Return the values of the first, which change with the entries of both."""
    return Functionals(first.values, *(np.concatenate(parts)
                                       for parts in zip(first[1:4], second[1:4])))


def _unit(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the unit vector of a vector (3,), or where it is none some vector across an axis."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > _TINY else _across(axis)[0]


def _across(axis: np.ndarray) -> np.ndarray:
    """Return two unit vectors (2, 3) across an axis (3,), and across each other."""
    least = np.eye(3)[int(np.abs(axis).argmin())]
    first = np.cross(axis, least)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    return np.stack((first, second / np.linalg.norm(second)))
