# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Conditions of places: a line, a plane, a distance, a way, in base_link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.condition import (
    checked_joint,
    checked_vector,
    Condition,
    Measure,
    Vector,
)
from snake_arm_control.control.quantities import across, from_point, joined, of_vector, TINY
from snake_arm_control.errors import GoalError


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
        return from_point(chain, self.joint, np.array(self.point),
                          across(np.array(self.direction)), 0.0, self.distance)

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
        return Measure(of_vector(self.joint, pose.POSITION, height, normal),
                       np.array([-self.distance]), np.array([self.distance]))

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return a square beside the joint; see `Condition`."""
        normal, place = np.array(self.normal), chain[self.joint - 1, pose.POSITION]
        first, second = across(normal)
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
            return from_point(chain, self.joint, np.array(self.to), np.eye(3), self.least,
                              self.most)
        found = from_point(chain, self.joint, chain[self.to - 1, pose.POSITION], np.eye(3),
                           self.least, self.most)
        back = found.functionals._replace(
            joints=np.full(len(found.functionals.joints), self.to - 1),
            coefficients=-found.functionals.coefficients)
        return found._replace(functionals=joined(found.functionals, back))

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
        squares = np.maximum(np.sum(pieces ** 2, axis=1), TINY ** 2)
        parts = np.clip(np.sum((place - starts) * pieces, axis=1) / squares, 0.0, 1.0)
        points = starts + parts[:, None] * pieces
        nearest = points[np.argmin(np.sum((place - points) ** 2, axis=1))]
        return from_point(chain, self.joint, nearest, np.eye(3), 0.0, self.distance)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the way; see `Condition`."""
        starts, pieces = self._pieces
        return np.stack((starts, starts + pieces), axis=1)
