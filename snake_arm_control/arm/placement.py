# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Where one frame is in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np
from transforms3d.euler import euler2mat

from snake_arm_control.errors import ArmError

_ZERO = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Placement:
    """
    Where a frame is in another, as in the origin element of URDF.

    :param xyz: (3,) [m], its position
    :param rpy: (3,) [rad], its turn by roll, pitch, yaw about the fixed axes x, y, z (REP 103)
    :raises ArmError: if either is not three finite numbers
    """

    xyz: tuple[float, ...] = _ZERO
    rpy: tuple[float, ...] = _ZERO

    def __post_init__(self):
        for name in ('xyz', 'rpy'):
            object.__setattr__(self, name, three_numbers(name, getattr(self, name)))

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> Placement:
        """Return the placement of a transform (4, 4) whose rotation is proper."""
        matrix = np.asarray(matrix, dtype=float)
        r = matrix[:3, :3]
        pitch = math.atan2(-r[2, 0], math.hypot(r[0, 0], r[1, 0]))
        yaw = math.atan2(r[1, 0], r[0, 0])
        # The roll that is left once yaw is undone: right where pitch leaves yaw undefined, too.
        sine, cosine = math.sin(yaw), math.cos(yaw)
        roll = math.atan2(sine * r[0, 2] - cosine * r[1, 2], cosine * r[1, 1] - sine * r[0, 1])
        return cls(tuple(matrix[:3, 3]), (roll, pitch, yaw))

    @cached_property
    def matrix(self) -> np.ndarray:
        """The transform (4, 4) from the placed frame to the other, read-only."""
        matrix = np.eye(4)
        if self.rpy != _ZERO:
            matrix[:3, :3] = euler2mat(*self.rpy, 'sxyz')
        matrix[:3, 3] = self.xyz
        matrix.setflags(write=False)
        return matrix

    def __matmul__(self, inner: Placement) -> Placement:
        """Return where a frame is that is placed in this one; exact if either is not turned."""
        if self.rpy == _ZERO:
            return Placement(tuple(a + b for a, b in zip(self.xyz, inner.xyz)), inner.rpy)
        if inner.rpy == _ZERO:
            xyz = self.xyz if inner.xyz == _ZERO else tuple(
                self.matrix[:3, :3] @ inner.xyz + self.xyz)
            return Placement(xyz, self.rpy)
        return Placement.from_matrix(self.matrix @ inner.matrix)


def three_numbers(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """Return three finite numbers, or raise ArmError; a negative zero is zero."""
    try:
        found = tuple(float(value) + 0.0 for value in values)
    except (TypeError, ValueError):
        found = ()
    if len(found) != 3 or not all(map(math.isfinite, found)):
        raise ArmError(f'{name} is {values!r}, expected three finite numbers')
    return found
