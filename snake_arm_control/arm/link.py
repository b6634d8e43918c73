# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A link of an arm, and the joint that moves it."""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from numbers import Real
from typing import cast

from snake_arm_control.arm.placement import Placement, three_numbers
from snake_arm_control.errors import ArmError

MOST_AXES = 2
TURN_VELOCITY = 2.0  # [rad/s], where none is given
TURN_ACCELERATION = 20.0  # [rad/s^2]
SLIDE_VELOCITY = 0.5  # [m/s]
SLIDE_ACCELERATION = 5.0  # [m/s^2]
NO_LENGTH = 1e-12  # [m], two hinges no farther apart are one joint
_UNIT = 1e-12  # a direction is of length 1 within this


@dataclass(frozen=True)
class Axis:
    """
    A hinge or a slide: its value is ratio times its angle, plus offset.

    The angle is its own, or that of the axis that it follows (a mimic joint of URDF).

    :param name: of the joint, as in joint states
    :param direction: (3,), in the frame of the joint; it is made a unit vector
    :param slides: whether it moves along the direction instead of about it
    :param lower, upper: limits of its angle [rad or m], both finite or both infinite; none
        where it follows another
    :param velocity: limit [rad/s or m/s]; None for 2 rad/s, or 0.5 m/s
    :param acceleration: limit [rad/s^2 or m/s^2]; None for 20 rad/s^2, or 5 m/s^2
    :param follows: name of the axis whose angle it has; empty for its own
    :raises ArmError: if a value can't be, with the name of the joint
    """

    name: str
    direction: tuple[float, ...] = (0.0, 0.0, 1.0)
    slides: bool = False
    lower: float = -math.inf
    upper: float = math.inf
    velocity: float = cast(float, None)
    acceleration: float = cast(float, None)
    follows: str = ''
    ratio: float = 1.0
    offset: float = 0.0

    def __post_init__(self):
        check_name('the name of a joint', self.name)
        direction = three_numbers(f'the axis of {self.name}', self.direction)
        length = math.hypot(*direction)
        if not length:
            raise ArmError(f'the axis of {self.name} is {direction}, expected not zero')
        if abs(length - 1.0) > _UNIT:
            direction = tuple(value / length for value in direction)
        self._keep(direction=direction)
        if self.velocity is None:
            self._keep(velocity=SLIDE_VELOCITY if self.slides else TURN_VELOCITY)
        if self.acceleration is None:
            self._keep(acceleration=usual_acceleration(self.slides))
        for name in ('velocity', 'acceleration'):
            value = getattr(self, name)
            if not (is_number(value) and 0.0 < value < math.inf):
                raise ArmError(f'the {name} limit of {self.name} is {value!r}, expected a '
                               'positive finite number')
            self._keep(**{name: float(value)})
        for name in ('lower', 'upper', 'ratio', 'offset'):
            value = getattr(self, name)
            if not is_number(value) or math.isnan(value):
                raise ArmError(f'{name} of {self.name} is {value!r}, expected a number')
            self._keep(**{name: float(value) + 0.0})
        if not (self.lower <= self.upper
                and math.isfinite(self.lower) == math.isfinite(self.upper)):
            raise ArmError(f'the limits of {self.name} are {self.lower} to {self.upper}, expected '
                           'the lower one first, both finite or both infinite')
        if self.follows and math.isfinite(self.upper):
            raise ArmError(f'{self.name} follows {self.follows} and has limits of its own, '
                           'expected none')
        if not (self.ratio and math.isfinite(self.ratio) and math.isfinite(self.offset)):
            raise ArmError(f'{self.name} has the ratio {self.ratio} and the offset {self.offset}, '
                           'expected finite numbers and a ratio that is not zero')

    def _keep(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Link:
    """
    A rigid link and the joint that moves it.

    :param name: of the link
    :param placement: of the joint in the frame of the link before, or in the base
    :param axes: of the joint: none, a hinge or slide, or two hinges; the link turns by the first,
        then by the second, and its frame is that of the joint where all are at zero
    :param mass: [kg], in the middle of the way to the next joint; None for a usual one. Links that
        differ by it alone are equal: it moves nothing
    :raises ArmError: if there are others, or it is negative
    """

    name: str
    placement: Placement = Placement()
    axes: tuple[Axis, ...] = ()
    mass: float | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        check_name('the name of a link', self.name)
        object.__setattr__(self, 'axes', tuple(self.axes))
        if len(self.axes) > MOST_AXES or not all(isinstance(axis, Axis) for axis in self.axes):
            raise ArmError(f'{self.name} has the axes {self.axes!r}, expected at most '
                           f'{MOST_AXES} of Axis')
        if len(self.axes) > 1 and any(axis.slides for axis in self.axes):
            raise ArmError(f'{self.name} both slides and turns, expected a link for each')
        if self.mass is not None and not (is_number(self.mass) and 0.0 < self.mass < math.inf):
            raise ArmError(f'the mass of {self.name} is {self.mass!r}, expected a positive number')


def usual_acceleration(slides: bool) -> float:
    """Return the acceleration limit of an axis for which none is given [rad/s^2 or m/s^2]."""
    return SLIDE_ACCELERATION if slides else TURN_ACCELERATION


def check_name(what: str, name: object) -> None:
    """Raise ArmError unless a name is text that is not empty."""
    if not isinstance(name, str) or not name:
        raise ArmError(f'{what} is {name!r}, expected text')


def is_number(value: object) -> bool:
    """Return whether a value is a real number, and not True or False."""
    return isinstance(value, Real) and not isinstance(value, bool)
