# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Bounds of components: of a joint's pose, in base_link or as another joint sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.condition import checked_joint, Condition, Measure, PARTS, Vector
from snake_arm_control.control.quantities import joined, of_rows, of_vector
from snake_arm_control.errors import GoalError


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
            return Measure(of_vector(self.joint, part, vector[numbers], np.eye(3)[numbers]),
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
        return Measure(joined(of_vector(self.joint, part, axes @ vector, axes),
                               of_rows(self.relative_to, turns[numbers])), lower, upper)

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """Return the edges of the box of positions; see `Condition`."""
        if self.which != 'position':
            return super().outline(chain, size)
        origin, axes = np.zeros(3), np.eye(3)
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
