# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm: how many joints, how long, how far they bend, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
import hashlib
import math
from numbers import Real

import numpy as np

from snake_arm_control.errors import ArmError, ShapeError

AXES = ('x', 'y')  # each joint turns about its local x, then its local y


@dataclass(frozen=True)
class Arm:
    """
    A chain of equal segments, each on a universal joint; at rest it stands up the base's z.

    Joint j turns about local x, then local y, and carries a segment along local z:
    ``A_j = A_{j-1} Rx(phi_j1) Ry(phi_j2) Tz(segment_length)``, with ``A_0 = I`` at base_link.

    :raises ArmError: if a value is not positive and finite, or the angle limit exceeds 90 degrees
    """

    joints: int = 40
    segment_length: float = 0.025  # [m]
    angle_limit: float = math.radians(45.0)  # [rad], on each side, for each angle
    velocity_limit: float = 2.0  # [rad/s], for each angle
    acceleration_limit: float = 20.0  # [rad/s^2], for each angle

    def __post_init__(self):
        joints = self.joints
        if not _is_number(joints) or not 1 <= joints < math.inf or joints != int(joints):
            raise ArmError(f'joints is {joints!r}, expected an integer of at least 1')
        object.__setattr__(self, 'joints', int(joints))
        for name in ('segment_length', 'angle_limit', 'velocity_limit', 'acceleration_limit'):
            value = getattr(self, name)
            if not (_is_number(value) and 0.0 < value < math.inf):
                raise ArmError(f'{name} is {value!r}, expected a positive finite number')
        if self.angle_limit > math.pi / 2:
            raise ArmError(f'angle_limit is {self.angle_limit!r} rad, expected at most pi/2: '
                           'two segments would fold through each other')

    @property
    def axes(self) -> int:
        """Width of an angles array (joints, axes): the most axes that a joint has."""
        return len(AXES)

    @property
    def dof(self) -> int:
        """Number of angles that move on their own."""
        return self.axes * self.joints

    @cached_property
    def lower(self) -> np.ndarray:
        """Lower limits (joints, axes) [rad], read-only."""
        return self._filled(-self.angle_limit)

    @cached_property
    def upper(self) -> np.ndarray:
        """Upper limits (joints, axes) [rad], read-only."""
        return self._filled(self.angle_limit)

    @cached_property
    def velocity_limits(self) -> np.ndarray:
        """Velocity limits (joints, axes) [rad/s], read-only."""
        return self._filled(self.velocity_limit)

    @cached_property
    def acceleration_limits(self) -> np.ndarray:
        """Acceleration limits (joints, axes) [rad/s^2], read-only."""
        return self._filled(self.acceleration_limit)

    @cached_property
    def rest(self) -> np.ndarray:
        """Angles (joints, axes) [rad] of the arm at rest, read-only."""
        return self._filled(0.0)

    def clip(self, angles: np.ndarray) -> np.ndarray:
        """Return angles (*batch, joints, axes) brought within the limits."""
        return np.clip(angles, self.lower, self.upper)

    def angles_from(self, values: Mapping[str, float]) -> np.ndarray:
        """
        Return the angles (joints, axes) of values by name; a joint that is not named is at rest.

        :raises ArmError: if the arm has no joint of such a name, or a value is not finite
        """
        angles, place = self.rest.copy(), {name: i for i, name in enumerate(self.joint_names)}
        for name, value in values.items():
            if name not in place:
                raise ArmError(f'the arm has no joint {name!r}, expected of '
                               f'{self.joint_names[0]} to {self.joint_names[-1]}')
            if not (_is_number(value) and math.isfinite(value)):
                raise ArmError(f'{name} is {value!r}, expected a finite number')
            angles.flat[place[name]] = value
        return angles

    def named(self, angles: np.ndarray) -> dict[str, float]:
        """
        Return angles (joints, axes) by name, in the order of `joint_names`.

        :raises ShapeError: if angles are not (joints, axes)
        """
        angles = np.asarray(angles, dtype=float)
        if angles.shape != self.rest.shape:
            raise ShapeError('angles', angles.shape, str(self.rest.shape))
        return dict(zip(self.joint_names, angles.ravel().tolist()))

    @property
    def length(self) -> float:
        """Length of the stretched arm [m]."""
        return self.joints * self.segment_length

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the angles, in the order of an angles array read row by row."""
        return tuple(f'joint_{j}_{axis}' for j in range(1, self.joints + 1) for axis in AXES)

    @property
    def link_names(self) -> tuple[str, ...]:
        """Names of the segments' links, base to tip; chain element j is link j's far end."""
        return tuple(f'link_{j}' for j in range(1, self.joints + 1))

    @property
    def fingerprint(self) -> str:
        """
        Digest of what a forward model learns: one segment and the range of its angles.

        The number of joints is not part of it: the same weights serve any.
        """
        learned = f'Rx Ry Tz; {self.segment_length:.9g} m; {self.angle_limit:.9g} rad'
        return hashlib.sha256(learned.encode()).hexdigest()[:16]

    def _filled(self, value: float) -> np.ndarray:
        array = np.full((self.joints, self.axes), value)
        array.setflags(write=False)
        return array


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
