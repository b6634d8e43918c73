# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm's body: a capsule for each link, where it is in the frames of the pose chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_space import frozen
from snake_arm_control.arm.link import is_number
from snake_arm_control.arm.urdf_solids import SEGMENT_RADIUS
from snake_arm_control.errors import ArmError, ShapeError

BASE = -1  # in place of an element: what does not move


@dataclass(frozen=True, eq=False)
class ArmBody:
    """
    Capsules that stand for the links of an arm; each moves with one element of the pose chain.

    Arrays are copied and frozen.

    :param arm: whose body it is
    :param elements: (links,) index of the chain element that carries each capsule; -1 for the base
    :param starts, ends: (links, 3) [m], ends of its axis in the frame of that element
    :param radii: (links,) [m]
    :param names: of the links
    :raises ShapeError: if these do not fit together
    :raises ArmError: if a number is not finite, a radius not positive, or an element none of the
        arm's
    """

    arm: Arm
    elements: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self):
        names = tuple(self.names)
        object.__setattr__(self, 'names', names)
        for name, shape, kind in (('elements', (len(names),), np.int64),
                                  ('starts', (len(names), 3), float),
                                  ('ends', (len(names), 3), float),
                                  ('radii', (len(names),), float)):
            array = np.array(getattr(self, name), dtype=kind)
            if array.shape != shape:
                raise ShapeError(name, array.shape, f'{shape}')
            if not np.isfinite(array).all():
                raise ArmError(f'{name} of the body are not all finite')
            object.__setattr__(self, name, frozen(array))
        if not (self.radii > 0.0).all():
            raise ArmError(f'a radius of the body is {self.radii.min()}, expected positive ones')
        if not ((self.elements >= BASE) & (self.elements < self.arm.joints)).all():
            raise ArmError(f'an element of the body is not of 0 to {self.arm.joints - 1}, or -1 '
                           'for the base')

    @classmethod
    def of(cls, arm: Arm, radius: float | None = None) -> ArmBody:
        """
        Return the body of straight links, each from its joint to the next; the base has one too.

        :param radius: [m]; None for a quarter of a mean segment, as the arm's URDF draws it
        """
        if radius is None:
            radius = SEGMENT_RADIUS * arm.segment_length
        if not is_number(radius):
            raise ArmError(f'the radius of the body is {radius!r}, expected a number')
        first = arm.geometry.steps[0]
        base = [arm.base] if first.any() else []
        elements = [BASE] * len(base) + list(range(arm.joints))
        starts = np.concatenate((np.zeros((len(base), 3)), joints_in_elements(arm)))
        ends = np.zeros_like(starts)
        ends[:len(base)] = first
        return cls(arm, np.array(elements), starts, ends, np.full(len(elements), radius),
                   (*base, *arm.link_names))

    @property
    def links(self) -> int:
        """How many capsules there are."""
        return len(self.names)

    @property
    def begins_at_base(self) -> np.ndarray:
        """Whether a capsule begins where no joint can move it (links,), as the first link does."""
        first = np.linalg.norm(self.arm.geometry.steps[0])
        moving = np.append(False, self.arm.reaches[:-1] > first)
        joints = joints_in_elements(self.arm)
        return np.array([
            element != BASE and not moving[element] and np.allclose(start, joints[element])
            for element, start in zip(self.elements, self.starts)])


def joints_in_elements(arm: Arm) -> np.ndarray:
    """Return where the joint of each link is in the frame of its chain element (joints, 3) [m]."""
    places = -arm.geometry.steps[1:]
    places[-1] = arm.geometry.turns[-1].T @ places[-1]
    return places
