# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Tendons that bend an arm, each wound up by a pulley."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
import math

import numpy as np

from snake_arm_control.arm.link import Axis, is_number
from snake_arm_control.errors import ArmError


@dataclass(frozen=True)
class Tendons:
    """
    Tendons that pull at joints, which are springs; an arm rests where their energy is least.

    A tendon can only pull. It is taken up by its pulley, which sets how far it is pulled, and by
    every joint that it passes: by a lever times the joint's angle. What is left stretches it. So
    sections are coupled through those before them, and a tendon that is let go is slack.

    :param pulleys: of the tendons; the value of such an axis is how far its tendon is pulled [m]:
        the ratio is the radius [m], the offset what it is pulled by at zero [m], less than zero
        for a slack one
    :param levers: (tendons, joints' own angles) [m/rad]
    :param stiffness: (joints' own angles,) [m^2/rad^2], in stiffnesses of a tendon, which are all
        alike
    :param softness: stretch over which a tendon becomes taut [m]
    :raises ArmError: if a number can't be, with the name of the tendon
    """

    pulleys: tuple[Axis, ...]
    levers: tuple[tuple[float, ...], ...]
    stiffness: tuple[float, ...]
    softness: float

    def __post_init__(self):
        if not self.pulleys or len(self.pulleys) != len(self.levers):
            raise ArmError(f'{len(self.pulleys)} tendons have the levers of {len(self.levers)}, '
                           'expected those of each, and at least one')
        for pulley, levers in zip(self.pulleys, self.levers):
            if pulley.slides or pulley.follows or math.isinf(pulley.upper):
                raise ArmError(f'the tendon {pulley.name} has no pulley with limits that turns '
                               'on its own')
            if len(levers) != len(self.stiffness) or not all(
                    is_number(lever) and math.isfinite(lever) for lever in levers):
                raise ArmError(f'the levers of {pulley.name} are {levers}, expected '
                               f'{len(self.stiffness)} finite numbers')
        for name, value in (('a stiffness', min(self.stiffness)), ('softness', self.softness)):
            if not (is_number(value) and 0.0 < value < math.inf):
                raise ArmError(f'{name} of the tendons is {value!r}, expected a positive number')

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        return tuple(np.array(each, dtype=float) for each in (
            self.levers, self.stiffness, [pulley.ratio for pulley in self.pulleys],
            [pulley.offset for pulley in self.pulleys]))

    def moments(self, values: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """
        Return what turns joints that are at angles: nothing where they rest.

        :param values: (*batch, tendons) [rad], of the pulleys
        :param angles: (*batch, own angles) [rad]
        :return: (*batch, own angles) [m^2/rad], in stiffnesses of a tendon
        """
        levers, stiffness, radii, slack = self._arrays
        stretch = radii * values + slack - angles @ levers.T
        pull = 0.5 * (stretch + np.sqrt(stretch ** 2 + 4.0 * self.softness ** 2))
        return pull @ levers - stiffness * angles

    def bend(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return where the joints come to rest.

        :param values: (*batch, tendons) [rad], of the pulleys
        :return: angles (*batch, own angles) [rad], and how they change by the pulleys
            (*batch, own angles, tendons)
        """
        # Not at the top: most of what knows an arm needs no compiler.
        from snake_arm_control.arm.kernels import springs
        levers, stiffness, radii, slack = self._arrays
        pulled = (radii * values + slack).reshape(-1, len(radii))
        angles, slopes = springs.settle(levers, stiffness, self.softness, pulled)
        batch = values.shape[:-1]
        return (angles.reshape(*batch, len(stiffness)),
                (slopes * radii).reshape(*batch, len(stiffness), len(radii)))
