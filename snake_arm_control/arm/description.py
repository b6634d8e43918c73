# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm: how many joints, how long, how far they bend, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import hashlib
import math
from numbers import Real

from snake_arm_control.errors import ArmError

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

    def __post_init__(self):
        joints = self.joints
        if not _is_number(joints) or not 1 <= joints < math.inf or joints != int(joints):
            raise ArmError(f'joints is {joints!r}, expected an integer of at least 1')
        object.__setattr__(self, 'joints', int(joints))
        for name in ('segment_length', 'angle_limit', 'velocity_limit'):
            value = getattr(self, name)
            if not (_is_number(value) and 0.0 < value < math.inf):
                raise ArmError(f'{name} is {value!r}, expected a positive finite number')
        if self.angle_limit > math.pi / 2:
            raise ArmError(f'angle_limit is {self.angle_limit!r} rad, expected at most pi/2: '
                           'two segments would fold through each other')

    @property
    def dof(self) -> int:
        """Number of angles: two a joint."""
        return len(AXES) * self.joints

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


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
