# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm: its links and joints in series, their limits, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
import hashlib
import math
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from snake_arm_control.arm import arm_file, urdf_chain
from snake_arm_control.arm.arm_checks import check_arm, unusual_rest
from snake_arm_control.arm.findings import Description
from snake_arm_control.arm.geometry import Geometry
from snake_arm_control.arm.joint_space import frozen, JointSpace
from snake_arm_control.arm.link import Link, TURN_ACCELERATION, TURN_VELOCITY
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.tendons import Tendons
from snake_arm_control.arm.uniform import (
    ANGLE_LIMIT,
    JOINTS,
    SEGMENT_LENGTH,
    segment_of,
    uniform_links,
)
from snake_arm_control.errors import ArmError, DescriptionError


@dataclass(frozen=True, init=False)
class Arm(JointSpace):
    """
    Links in series, each moved by a joint of up to two axes; `Arm()` is the default arm.

    Link j lies at ``L_j = L_{j-1} placement_j motion_j1 motion_j2``, where a motion turns about
    or slides along an axis of the joint, and ``L_0 = I`` at the base. Element j of the pose chain
    is the frame of link j, moved to where the next joint is; the last is the tip itself,
    ``L_n tool``.

    :param links: from base to tip; None for those and the tool of the default arm
    :param tool: where the tip is in the last link
    :param mount: where the base is in the world
    :param base, tip: names of their frames
    :param rest: positions [rad or m] by name of joint where the arm's rest pose is not zero, or,
        where the limits exclude zero, not the middle between them
    :param tendons: what bends the arm, and whose pulleys its angles then are; None where each
        joint moves on its own
    :raises ArmError: if the links are no arm, with the name and the value of what can't be
    """

    links: tuple[Link, ...]
    tool: Placement
    mount: Placement
    base: str
    tip: str
    rest_positions: tuple[tuple[str, float], ...]
    tendons: Tendons | None = field(default=None, repr=False)

    def __init__(self, links: Sequence[Link] | None = None, tool: Placement = Placement(),
                 mount: Placement = Placement(), base: str = 'base_link', tip: str = 'tool0',
                 rest: Mapping[str, float] | None = None, tendons: Tendons | None = None):
        if links is None:
            links, tool = uniform_links()
        for name, value in (('links', tuple(links)), ('tool', tool), ('mount', mount),
                            ('base', base), ('tip', tip), ('rest_positions', ()),
                            ('tendons', tendons)):
            object.__setattr__(self, name, value)
        check_arm(self.links, tool, mount, base, tip, tendons)
        drives = [axis for row in self.drives for axis in row if axis]
        object.__setattr__(self, 'rest_positions', unusual_rest(drives, rest or {}))
        if not self.length:
            raise ArmError('the arm has no length: its joints and its tip are all in one place')

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
        Return the arm that a URDF describes between two links.

        :param base: None for the root, or what is fixed to it if that is called `world`
        :param tip: None for the end of the longest chain of moving joints, before a gripper
        :raises DescriptionError: if the text is no URDF, or there is no such chain; with the name
            of the joint or link
        """
        return _described(urdf_chain.read(text, base, tip)[0])

    @classmethod
    def from_file(cls, path: str | Path, base: str | None = None, tip: str | None = None) -> Arm:
        """
        Return the arm of a URDF, of a file in our YAML, or of a description that ships.

        :param path: the file, or the name of a description; see `arm_file`
        :param base, tip: ends of the chain in a URDF; see `from_urdf`
        :raises DescriptionError: if it can't be read, or describes no arm
        """
        return _described(arm_file.read(path, base, tip)[0])

    @cached_property
    def geometry(self) -> Geometry:
        """Where the joints are and how they move, as arrays."""
        return Geometry.of(self.links, self.tool)

    @cached_property
    def jointed(self) -> Arm:
        """The arm whose angles are those of its joints, whatever bends them."""
        return self if self.tendons is None else Arm(self.links, self.tool, self.mount, self.base,
                                                     self.tip)

    def joint_angles(self, angles: np.ndarray) -> np.ndarray:
        """Return the angles of the joints at the arm's angles, both (*batch, joints, axes)."""
        return angles if self.tendons is None else self.bent_by_tendons(angles)[0]

    def bent_by_tendons(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return where tendons bend the joints.

        :param angles: (*batch, joints, axes) [rad], of their pulleys
        :return: angles of the joints, of the same shape, and how those that move on their own
            change (*batch, dof of `jointed`, dof)
        """
        assert self.tendons is not None
        own, slopes = self.tendons.bend(self.flat(np.asarray(angles, dtype=float)))
        return self.jointed.shaped(own), slopes

    def by_pulleys(self, by_joints: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """
        Return derivatives by the angles of pulleys, of those by the angles of joints.

        :param by_joints: (*batch, n, joints, axes)
        :param slopes: of `bent_by_tendons`
        """
        return self.shaped(self.jointed.flat(by_joints) @ slopes)

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
    def working_range(self) -> tuple[np.ndarray, np.ndarray]:
        """
        Lower and upper ends (joints, axes) [rad or m] of what configurations are drawn from.

        They are the limits; without, a hinge turns half way round to each side of zero, and a
        slide goes as far as the arm is long.
        """
        reach = np.where(self.geometry.slides, self.length, math.pi)
        return (frozen(np.where(np.isinf(self.lower), -reach, self.lower)),
                frozen(np.where(np.isinf(self.upper), reach, self.upper)))

    def bent(self, fractions: np.ndarray) -> np.ndarray:
        """
        Return the angles (*batch, joints, axes) at fractions of the way from rest to the limits.

        :param fractions: (*batch, joints, axes), from -1 at the lower to 1 at the upper end of the
            working range
        """
        lower, upper = self.working_range
        return self.rest + fractions * np.where(fractions < 0.0, self.rest - lower,
                                                upper - self.rest)

    @cached_property
    def goal_numbers(self) -> Mapping[str, int]:
        """The numbers, from 1, by which goals mean the elements of the chain, by name of link."""
        return MappingProxyType({**{name: j for j, name in enumerate(self.link_names, 1)},
                                 self.tip: self.joints})

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the whole description: equal arms have the same, others another."""
        return _digest(repr(self) + (repr(self.tendons) if self.tendons else ''))

    @property
    def summary(self) -> dict[str, Any]:
        """What records say of the arm, as JSON has it."""
        segment = dict(zip(('segment_length', 'angle_limit'), self.segment or ()))
        return {'joints': self.joints, 'dof': self.dof, 'length': self.length, **segment,
                'fingerprint': self.fingerprint}

    @cached_property
    def segment(self) -> tuple[float, float] | None:
        """Length [m] and angle limit [rad] of every segment of a uniform arm; None of others."""
        return None if self.tendons else segment_of(self.links, self.tool)

    @property
    def segment_length(self) -> float:
        """Mean length of a segment [m]."""
        return self.segment[0] if self.segment else self.length / self.joints

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

    def __hash__(self):
        return hash(self.fingerprint)

    def __reduce__(self):
        return Arm, (self.links, self.tool, self.mount, self.base, self.tip,
                     dict(self.rest_positions), self.tendons)


def _described(description: Description) -> Arm:
    try:
        return Arm(*description)
    except ArmError as error:
        raise DescriptionError(f'the description is of no arm: {error}') from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
