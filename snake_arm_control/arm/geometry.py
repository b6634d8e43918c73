# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The geometry of a serial chain as arrays, for whatever computes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm.link import Link
from snake_arm_control.arm.placement import Placement


class Geometry(NamedTuple):
    """
    A serial chain: where its joints are, and how they move; the arrays are read-only.

    The joint of link j lies at `steps[j]` in link j - 1, turned by `turns[j]`; link 0 is the base,
    and the tip lies at `steps[joints]`, turned by `turns[joints]`, in the last link. The value of
    an axis is ``ratios * angles.flat[drivers] + biases``; where a joint has fewer axes than the
    array is wide, direction, ratio and bias are 0.
    """

    turns: np.ndarray  # (joints + 1, 3, 3)
    steps: np.ndarray  # (joints + 1, 3) [m]
    directions: np.ndarray  # (joints, axes, 3), unit vectors in the frame of the joint
    slides: np.ndarray  # (joints, axes) bool: along its direction instead of about it
    drivers: np.ndarray  # (joints, axes) int, which of all angles moves it
    ratios: np.ndarray  # (joints, axes)
    biases: np.ndarray  # (joints, axes) [rad or m]
    moved_by_own: bool  # whether the value of each axis is its own angle, as it is
    turning: np.ndarray  # (joints, 3 ** axes, 9), what the turns of links are linear in

    @classmethod
    def of(cls, links: Sequence[Link], tool: Placement) -> Geometry:
        """Return the geometry of links in series, and of a tool on the last."""
        width = max(len(link.axes) for link in links)
        shape = len(links), width
        placements = np.array([*(link.placement.matrix for link in links), tool.matrix])
        geometry = cls(placements[:, :3, :3].copy(), placements[:, :3, 3].copy(),
                       np.zeros((*shape, 3)), np.zeros(shape, bool),
                       np.arange(shape[0] * shape[1]).reshape(shape), np.zeros(shape),
                       np.zeros(shape), True, np.empty((len(links), 3 ** width, 9)))
        place = {axis.name: j * width + k for j, link in enumerate(links)
                 for k, axis in enumerate(link.axes) if not axis.follows}
        for j, link in enumerate(links):
            for k, axis in enumerate(link.axes):
                geometry.directions[j, k] = axis.direction
                geometry.slides[j, k] = axis.slides
                geometry.drivers[j, k] = place[axis.follows or axis.name]
                geometry.ratios[j, k], geometry.biases[j, k] = axis.ratio, axis.offset
        own = np.arange(geometry.ratios.size).reshape(shape)
        geometry = geometry._replace(moved_by_own=bool(
            (geometry.drivers == own).all() and not geometry.biases.any()
            and np.isin(geometry.ratios, (0.0, 1.0)).all()))
        for j in range(len(links)):
            geometry.turning[j] = _turning(geometry, j)
        for array in geometry:
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
        return geometry

    @property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """What compiled kinematics take."""
        return (self.turns, self.steps, self.directions, self.slides, self.drivers, self.ratios,
                self.biases)

    @property
    def lengths(self) -> np.ndarray:
        """Lengths (joints,) [m] of the ways from each joint to the next, and to the tip."""
        return np.linalg.norm(self.steps[1:], axis=1)

    def stretched(self, lengths: np.ndarray) -> Geometry:
        """Return the chain with other such lengths (joints,) [m]; a way of none stays so."""
        own = self.lengths
        steps = self.steps.copy()
        steps[1:] *= np.divide(lengths, own, out=np.zeros_like(own), where=own > 0.0)[:, None]
        steps.setflags(write=False)
        return self._replace(steps=steps)

    def values(self, angles: np.ndarray) -> np.ndarray:
        """Return the values of the axes at angles, both (*batch, joints, axes)."""
        if self.moved_by_own:
            return angles
        flat = angles.reshape(*angles.shape[:-2], -1)
        return flat[..., self.drivers] * self.ratios + self.biases


def turn_terms(axis: np.ndarray) -> np.ndarray:
    """Return what 1, sine and cosine multiply (3, 3, 3) in a turn about an axis (Rodrigues)."""
    along = np.outer(axis, axis)
    return np.stack((along, np.cross(np.eye(3), axis), np.eye(3) - along))


def _turning(geometry: Geometry, j: int) -> np.ndarray:
    """Return what the products multiply (3 ** axes, 9) in the turn of link j."""
    terms = geometry.turns[j][None]
    for axis, slides in zip(geometry.directions[j], geometry.slides[j]):
        turn = turn_terms(np.zeros(3) if slides else axis)
        if not turn[0].any():  # no turn at all
            turn = np.stack((np.eye(3), np.zeros((3, 3)), np.zeros((3, 3))))
        terms = (terms[:, None] @ turn).reshape(-1, 3, 3)
    return terms.reshape(-1, 9)
