# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Conditions of axes: a cone round a direction, and a point to look at, in base_link."""

from __future__ import annotations

from dataclasses import dataclass, field
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.condition import Condition, Measure, PARTS, Vector
from snake_arm_control.control.quantities import across, of_rows, TINY, unit
from snake_arm_control.errors import GoalError

_NONE = np.zeros(3)
_TURN = np.linspace(0.0, 2.0 * np.pi, 25)[:, None]  # [rad]


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
            return Measure(of_rows(self.joint, rows, axis - wanted), _NONE, _NONE)
        turn = wanted - (wanted @ axis) * axis / (axis @ axis)
        angle = math.atan2(np.linalg.norm(np.cross(axis, wanted)), axis @ wanted)
        rows = np.zeros((1, pose.SIZE))
        rows[0, part] = -unit(turn, axis) / np.linalg.norm(axis)
        rows[0, pose.POSITION] = -unit(axis - (axis @ wanted) * wanted, wanted) @ turns
        return Measure(of_rows(self.joint, rows, np.array([angle])),
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
        first, second = across(np.array(self.direction))
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
        distance = max(float(np.linalg.norm(way)), TINY)
        wanted = way / distance
        return self._measure(chain, wanted, (np.outer(wanted, wanted) - np.eye(3)) / distance)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the line of sight; see `Condition`."""
        return np.array([[chain[self.joint - 1, pose.POSITION], self.point]])
