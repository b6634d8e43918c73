# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The joints of an arm: their names, limits and rest pose, as arrays and by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
import math
from typing import Any

import numpy as np

from snake_arm_control.arm.link import Axis, is_number, Link, TURN_ACCELERATION, TURN_VELOCITY
from snake_arm_control.arm.tendons import Tendons
from snake_arm_control.errors import ArmError, ShapeError


class JointSpace:
    """
    What the angles of an arm are: an array (joints, axes), as wide as the joint of the most axes.

    What it holds beyond a joint's own axes, or for an axis that follows another, counts for
    nothing. An arm is one of these. Where tendons bend it, its angles are those of their pulleys:
    they fill such an array row by row, whatever joints they bend.
    """

    links: tuple[Link, ...]
    tendons: Tendons | None
    rest_positions: tuple[tuple[str, float], ...]

    @property
    def joints(self) -> int:
        """Number of joints, of links, and of elements of the pose chain."""
        return len(self.links)

    @cached_property
    def axes(self) -> int:
        """Width of an angles array (joints, axes): the most axes that a joint has."""
        return max(len(link.axes) for link in self.links)

    @property
    def dof(self) -> int:
        """Number of angles that move on their own."""
        return len(self.joint_names)

    @cached_property
    def drives(self) -> tuple[tuple[Axis | None, ...], ...]:
        """What moves on its own at each place of an angles array; None where nothing does."""
        if self.tendons is None:
            rows = [[None if axis.follows else axis for axis in link.axes] for link in self.links]
        else:
            pulleys, width = self.tendons.pulleys, self.axes
            rows = [list(pulleys[j * width:(j + 1) * width]) for j in range(self.joints)]
        return tuple((*row, *[None] * (self.axes - len(row))) for row in rows)

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the angles, in the order of an angles array read row by row."""
        return tuple(axis.name for row in self.drives for axis in row if axis)

    @cached_property
    def link_names(self) -> tuple[str, ...]:
        """Names of the links, base to tip; chain element j is link j where the next joint is."""
        return tuple(link.name for link in self.links)

    @cached_property
    def free(self) -> np.ndarray:
        """Which of an angles array (joints, axes) move on their own, read-only."""
        return self._array(lambda axis: True, False)

    @cached_property
    def lower(self) -> np.ndarray:
        """Lower limits (joints, axes) [rad or m], infinite where there are none, read-only."""
        return self._array(lambda axis: axis.lower, 0.0)

    @cached_property
    def upper(self) -> np.ndarray:
        """Upper limits (joints, axes) [rad or m], infinite where there are none, read-only."""
        return self._array(lambda axis: axis.upper, 0.0)

    @cached_property
    def velocity_limits(self) -> np.ndarray:
        """Velocity limits (joints, axes) [rad/s or m/s], read-only."""
        return self._array(lambda axis: axis.velocity, TURN_VELOCITY)

    @cached_property
    def acceleration_limits(self) -> np.ndarray:
        """Acceleration limits (joints, axes) [rad/s^2 or m/s^2], read-only."""
        return self._array(lambda axis: axis.acceleration, TURN_ACCELERATION)

    @cached_property
    def rest(self) -> np.ndarray:
        """
        Angles (joints, axes) [rad or m] of the arm at rest, read-only.

        Zero where the limits allow it, else the middle, unless the description says another.
        """
        said = dict(self.rest_positions)
        return self._array(lambda axis: said.get(axis.name, usual_rest(axis)), 0.0)

    def clip(self, angles: np.ndarray) -> np.ndarray:
        """Return angles (*batch, joints, axes) brought within the limits."""
        return np.clip(angles, self.lower, self.upper)

    def angles_from(self, values: Mapping[str, float]) -> np.ndarray:
        """
        Return the angles (joints, axes) of positions by name; a joint not named is at rest.

        The position of a joint that follows another, or tendons, is not needed, and not looked at.

        :raises ArmError: if the arm has no joint of such a name, or a value is not finite
        """
        positions = dict(zip(self.joint_names, self.flat(self.rest)))
        followers = {axis.name for link in self.links for axis in link.axes} - {*positions}
        for name, value in values.items():
            if name not in positions and name not in followers:
                raise ArmError(f'the arm has no joint {name!r}, expected of '
                               f'{self.joint_names[0]} to {self.joint_names[-1]}')
            if not (is_number(value) and math.isfinite(value)):
                raise ArmError(f'{name} is {value!r}, expected a finite number')
            if name in positions:
                positions[name] = value
        return self.shaped(np.array(list(positions.values()), dtype=float))

    def flat(self, angles: np.ndarray) -> np.ndarray:
        """Return angles (*batch, joints, axes) as (*batch, dof), in the order of `joint_names`."""
        if self._is_full:
            return angles.reshape(*angles.shape[:-2], -1)
        return angles[..., self.free]

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """Return values (*batch, dof), as `flat` has them, as angles (*batch, joints, axes)."""
        shape = *values.shape[:-1], self.joints, self.axes
        if self._is_full:
            return values.reshape(shape)
        angles = np.zeros(shape)
        angles[..., self.free] = values
        return angles

    @cached_property
    def _is_full(self) -> bool:
        return bool(self.free.all())

    def named(self, angles: np.ndarray) -> dict[str, float]:
        """
        Return angles (joints, axes) by name, in the order of `joint_names`.

        :raises ShapeError: if angles are not (joints, axes)
        """
        angles = np.asarray(angles, dtype=float)
        if angles.shape != self.free.shape:
            raise ShapeError('angles', angles.shape, str(self.free.shape))
        return dict(zip(self.joint_names, self.flat(angles).tolist()))

    def _array(self, value: Callable[[Axis], Any], absent: Any) -> np.ndarray:
        """Return a value of each axis that moves on its own, read-only (joints, axes)."""
        return frozen(np.array([[absent if axis is None else value(axis) for axis in row]
                                for row in self.drives]))


def usual_rest(axis: Axis) -> float:
    """Return where an axis rests by default: at zero, or in the middle of its limits."""
    return 0.0 if axis.lower <= 0.0 <= axis.upper else (axis.lower + axis.upper) / 2


def frozen(array: np.ndarray) -> np.ndarray:
    """Return an array that nobody can change any more."""
    array.setflags(write=False)
    return array
