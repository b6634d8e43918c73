# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the links of an arm weigh, by the inertial elements of its URDF."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_space import frozen
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.arm.urdf_body import Body, to_transforms
from snake_arm_control.arm.urdf_tree import placement, robot_element
from snake_arm_control.errors import ArmError, DescriptionError, ShapeError


@dataclass(frozen=True, eq=False)
class Masses:
    """
    The mass of each link, with all that rides on it; arrays are copied and frozen.

    :param arm: whose links they are
    :param masses: (joints,) [kg]
    :param moments: (joints, 3) [kg m], mass times where its centre is in the link's element of
        the pose chain
    :raises ShapeError: if these do not fit the arm
    :raises ArmError: if a number is not finite
    """

    arm: Arm
    masses: np.ndarray
    moments: np.ndarray

    def __post_init__(self):
        for name, shape in ('masses', (self.arm.joints,)), ('moments', (self.arm.joints, 3)):
            array = np.array(getattr(self, name), dtype=float)
            if array.shape != shape:
                raise ShapeError(name, array.shape, str(shape))
            if not np.isfinite(array).all():
                raise ArmError(f'{name} of the links are not all finite')
            object.__setattr__(self, name, frozen(array))

    @classmethod
    def of(cls, arm: Arm) -> Masses:
        """Return the masses of an arm as its generated URDF has them."""
        return cls.from_urdf(urdf_text(arm))

    @classmethod
    def from_urdf(cls, text: str, base: str | None = None, tip: str | None = None) -> Masses:
        """
        Return the masses that a URDF gives the links of an arm, grippers included.

        A tree beside the arm hangs as it does where all its joints are at rest.

        :param base, tip: ends of the arm; see `Arm.from_urdf`
        :raises DescriptionError: if it is no URDF, describes no arm, or a mass can't be read
        """
        robot = Body(text, base, tip)
        masses, moments = np.zeros(robot.joints), np.zeros((robot.joints, 3))
        placed = robot.place({})
        frames = to_transforms(robot.chain(placed))
        index = {name: i for i, name in enumerate(robot.links)}
        for link in robot_element(text).iterfind('link'):
            inertial = link.find('inertial')
            at = index[link.get('name', '')]
            element = int(robot.carried_by(np.array(at))) - 1
            if inertial is None or element < 0:
                continue
            try:
                mass = _mass(inertial)
                centre = placed[at] @ placement(inertial).matrix[:, 3]
            except (ValueError, ArmError) as error:
                raise DescriptionError(f'the mass of {link.get("name")}: {error}') from error
            masses[element] += mass
            moments[element] += mass * (np.linalg.inv(frames[element]) @ centre)[:3]
        return cls(robot.arm, masses, moments)

    def with_payload(self, mass: float) -> Masses:
        """Return the masses with one more [kg] at the tip."""
        masses = self.masses.copy()
        masses[-1] += mass
        return Masses(self.arm, masses, self.moments)


def _mass(inertial) -> float:
    element = inertial.find('mass')
    mass = float(element.get('value', '')) if element is not None else 0.0
    if not 0.0 <= mass < float('inf'):
        raise ValueError(f'it is {mass}, expected a finite number that is not negative')
    return mass
