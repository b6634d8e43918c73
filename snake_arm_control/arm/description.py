# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm: its links and joints in series, their limits, and what they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
import hashlib
import math
from typing import Any

import numpy as np

from snake_arm_control.arm.geometry import Geometry
from snake_arm_control.arm.link import (
    Axis,
    check_name,
    is_number,
    Link,
    TURN_ACCELERATION,
    TURN_VELOCITY,
)
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.uniform import (
    ANGLE_LIMIT,
    JOINTS,
    SEGMENT_LENGTH,
    segment_of,
    uniform_links,
)
from snake_arm_control.arm.urdf_chain import read, Report
from snake_arm_control.errors import ArmError, DescriptionError, ShapeError

AXES = ('x', 'y')  # a universal joint turns about its local x, then its local y


@dataclass(frozen=True, init=False)
class Arm:
    """
    Links in series, each moved by a joint of up to two axes; `Arm()` is the default arm.

    Link j lies at ``L_j = L_{j-1} placement_j motion_j1 motion_j2``, where a motion turns about
    or slides along an axis of the joint, and ``L_0 = I`` at the base. Element j of the pose chain
    is the frame of link j, moved to where the next joint is; the last is the tip itself,
    ``L_n tool``. An array of angles is (joints, axes), as wide as the joint of the most axes; what
    it holds beyond a joint's own axes counts for nothing.

    :param links: from base to tip
    :param tool: where the tip is in the last link
    :param mount: where the base is in the world
    :param base, tip: names of their frames
    :param rest: positions [rad or m] by name of joint where the arm's rest pose is not zero, or,
        where the limits exclude zero, not the middle between them
    :raises ArmError: if the links are no arm, with the name and the value of what can't be
    """

    links: tuple[Link, ...]
    tool: Placement
    mount: Placement
    base: str
    tip: str
    rest_positions: tuple[tuple[str, float], ...]

    def __init__(self, links: Sequence[Link] | int | None = None, tool: Placement = Placement(),
                 mount: Placement = Placement(), base: str = 'base_link', tip: str = 'tool0',
                 rest: Mapping[str, float] | None = None, **uniform: Any):
        if not isinstance(links, Iterable):
            if links is not None:
                uniform['joints'] = links
            links, tool = uniform_links(**uniform)
        for name, value in (('links', tuple(links)), ('tool', tool), ('mount', mount),
                            ('base', base), ('tip', tip), ('rest_positions', ())):
            object.__setattr__(self, name, value)
        self._check()
        object.__setattr__(self, 'rest_positions', self._unusual(rest or {}))

    @classmethod
    def uniform(cls, joints: int = JOINTS, segment_length: float = SEGMENT_LENGTH,
                angle_limit: float = ANGLE_LIMIT, velocity_limit: float = TURN_VELOCITY,
                acceleration_limit: float = TURN_ACCELERATION) -> Arm:
        """
        Return an arm of equal segments, each on a universal joint; it stands up the base's z.

        ``A_j = A_{j-1} Rx(phi_j1) Ry(phi_j2) Tz(segment_length)``

        :param segment_length: [m]
        :param angle_limit: [rad], on each side, for each angle
        :param velocity_limit: [rad/s], for each angle
        :param acceleration_limit: [rad/s^2], for each angle
        :raises ArmError: if a value is not positive and finite, or the angle limit exceeds 90
            degrees
        """
        return cls(*uniform_links(joints, segment_length, angle_limit, velocity_limit,
                                  acceleration_limit))

    @classmethod
    def from_urdf(cls, text: str, base: str | None = None, tip: str | None = None) -> Arm:
        """
        Return the arm that a URDF describes between two links; see `read_urdf`.

        :raises DescriptionError: if the text is no URDF, or there is no such chain
        """
        return read_urdf(text, base, tip)[0]

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
    def geometry(self) -> Geometry:
        """Where the joints are and how they move, as arrays."""
        return Geometry.of(self.links, self.tool)

    @cached_property
    def length(self) -> float:
        """
        Length of the stretched arm from its first joint to the tip [m].

        Slides are drawn out as far as their limits; those without limits count nothing.
        """
        slides = self._slide_ways
        return math.fsum((*self.geometry.lengths, *slides[np.isfinite(slides)]))

    @property
    def reaches(self) -> np.ndarray:
        """How far from the base each chain element can be at most, (joints,) [m]."""
        first = np.linalg.norm(self.geometry.steps[0])
        return first + np.cumsum(self.geometry.lengths + self._slide_ways)

    @property
    def _slide_ways(self) -> np.ndarray:
        """How far the slides of each joint take its link at most, (joints,) [m]."""
        ways = np.maximum(np.abs(self.lower), np.abs(self.upper))
        return np.where(self.geometry.slides, ways, 0.0).sum(axis=1)

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the angles, in the order of an angles array read row by row."""
        return tuple(axis.name for link in self.links for axis in link.axes if not axis.follows)

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
        return self._array(lambda axis: said.get(axis.name, _usual_rest(axis)), 0.0)

    @cached_property
    def working_range(self) -> tuple[np.ndarray, np.ndarray]:
        """
        Lower and upper ends (joints, axes) [rad or m] of what configurations are drawn from.

        They are the limits; without, a hinge turns half way round to each side of zero, and a
        slide goes as far as the arm is long.
        """
        reach = np.where(self.geometry.slides, self.length, math.pi)
        return (_frozen(np.where(np.isinf(self.lower), -reach, self.lower)),
                _frozen(np.where(np.isinf(self.upper), reach, self.upper)))

    def clip(self, angles: np.ndarray) -> np.ndarray:
        """Return angles (*batch, joints, axes) brought within the limits."""
        return np.clip(angles, self.lower, self.upper)

    def angles_from(self, values: Mapping[str, float]) -> np.ndarray:
        """
        Return the angles (joints, axes) of positions by name; a joint not named is at rest.

        The position of a joint that follows another is not needed, and not looked at.

        :raises ArmError: if the arm has no joint of such a name, or a value is not finite
        """
        positions = dict(zip(self.joint_names, self.rest[self.free]))
        followers = {axis.name for link in self.links for axis in link.axes if axis.follows}
        for name, value in values.items():
            if name not in positions and name not in followers:
                raise ArmError(f'the arm has no joint {name!r}, expected of '
                               f'{self.joint_names[0]} to {self.joint_names[-1]}')
            if not (is_number(value) and math.isfinite(value)):
                raise ArmError(f'{name} is {value!r}, expected a finite number')
            if name in positions:
                positions[name] = value
        angles = np.zeros(self.free.shape)
        angles[self.free] = list(positions.values())
        return angles

    def named(self, angles: np.ndarray) -> dict[str, float]:
        """
        Return angles (joints, axes) by name, in the order of `joint_names`.

        :raises ShapeError: if angles are not (joints, axes)
        """
        angles = np.asarray(angles, dtype=float)
        if angles.shape != self.free.shape:
            raise ShapeError('angles', angles.shape, str(self.free.shape))
        return dict(zip(self.joint_names, angles[self.free].tolist()))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the whole description: equal arms have the same, others another."""
        return _digest(repr(self))

    @cached_property
    def segment(self) -> tuple[float, float] | None:
        """Length [m] and angle limit [rad] of every segment of a uniform arm; None of others."""
        return segment_of(self.links, self.tool)

    @property
    def segment_length(self) -> float:
        """Mean length of a segment [m]."""
        return self.segment[0] if self.segment else self.length / self.joints

    @property
    def angle_limit(self) -> float:
        """Limit of every angle of a uniform arm [rad]."""
        if self.segment is None:
            raise ArmError('the arm has no limit that all its angles share')
        return self.segment[1]

    @property
    def velocity_limit(self) -> float:
        """Smallest velocity limit of any joint [rad/s or m/s]."""
        return float(self.velocity_limits[self.free].min())

    @property
    def segment_fingerprint(self) -> str:
        """
        Digest of what the paper's network learns: one segment and the range of its angles.

        The number of joints is not part of it: the same weights serve any.
        """
        if self.segment is None:
            return self.fingerprint
        length, limit = self.segment
        return _digest(f'Rx Ry Tz; {length:.9g} m; {limit:.9g} rad')

    def _array(self, value: Callable[[Axis], Any], absent: Any) -> np.ndarray:
        """Return a value of each axis that moves on its own, read-only (joints, axes)."""
        return _frozen(np.array([
            [value(axis) if not axis.follows else absent for axis in link.axes]
            + [absent] * (self.axes - len(link.axes)) for link in self.links]))

    def __reduce__(self):
        return Arm, (self.links, self.tool, self.mount, self.base, self.tip,
                     dict(self.rest_positions))

    def _check(self) -> None:
        if not self.links or not all(isinstance(link, Link) for link in self.links):
            raise ArmError(f'the links are {self.links!r}, expected at least one, all of Link')
        check_name('the name of the base', self.base)
        check_name('the name of the tip', self.tip)
        axes = [axis for link in self.links for axis in link.axes]
        _check_unique('links', [self.base, *self.link_names])
        _check_unique('joints', [axis.name for axis in axes])
        if not self.joint_names:
            raise ArmError('the arm has no joint that moves on its own, expected at least one')
        for axis in axes:
            if axis.follows and axis.follows not in self.joint_names:
                raise ArmError(f'{axis.name} follows {axis.follows!r}, which is no joint that '
                               'moves on its own')
        if not self.length:
            raise ArmError('the arm has no length: its joints and its tip are all in one place')

    def _unusual(self, rest: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
        """Return the positions at rest that have to be said, in the order of the joints."""
        axes = {axis.name: axis for link in self.links for axis in link.axes if not axis.follows}
        for name, value in rest.items():
            if name not in axes:
                raise ArmError(f'the rest pose has {name!r}, which is no joint that moves on its '
                               'own')
            if not (is_number(value) and axes[name].lower <= value <= axes[name].upper):
                raise ArmError(f'the rest position of {name} is {value!r}, expected '
                               f'{axes[name].lower} to {axes[name].upper}')
        return tuple((name, float(rest[name])) for name, axis in axes.items()
                     if rest.get(name, _usual_rest(axis)) != _usual_rest(axis))


def read_urdf(text: str, base: str | None = None, tip: str | None = None) -> tuple[Arm, Report]:
    """
    Return the arm that a URDF describes between two links, and what there is to say of it.

    :param base: None for the root, or what is fixed to it if that is called `world`
    :param tip: None for the end of the longest chain of moving joints, before a gripper
    :raises DescriptionError: if the text is no URDF, or there is no such chain; with the name of
        the joint or link
    """
    description, report = read(text, base, tip)
    try:
        return Arm(*description), report
    except ArmError as error:
        raise DescriptionError(f'the robot description is of no arm: {error}') from error


def _usual_rest(axis: Axis) -> float:
    return 0.0 if axis.lower <= 0.0 <= axis.upper else (axis.lower + axis.upper) / 2


def _check_unique(what: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ArmError(f'two {what} are called {twice[0]!r}, expected one')


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
