# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A URDF as a tree of links and joints, checked; shapes and meshes are left to others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
import math
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import ArmError, DescriptionError

KINDS = ('revolute', 'continuous', 'prismatic', 'fixed', 'floating', 'planar')
MOVING = ('revolute', 'continuous', 'prismatic')  # that have one axis
_LONGEST = 2**23  # [characters], of a text; its elements take a hundred times as much memory


class Mimic(NamedTuple):
    """What a joint copies: ratio times the position of the source, plus offset."""

    source: str
    ratio: float
    offset: float


class UrdfJoint(NamedTuple):
    """A joint as its element says; None where it says nothing."""

    name: str
    kind: str
    parent: str
    child: str
    placement: Placement
    axis: tuple[float, ...] | None  # not necessarily of length 1
    lower: float | None
    upper: float | None
    velocity: float | None
    acceleration: float | None
    mimic: Mimic | None

    @property
    def moves(self) -> bool:
        """Whether it has an axis to turn about or to slide along."""
        return self.kind in MOVING


@dataclass(frozen=True)
class UrdfTree:
    """The links of a robot, and the joints, each after those between it and the root."""

    root: str
    links: tuple[str, ...]
    joints: tuple[UrdfJoint, ...]

    @classmethod
    def parse(cls, robot: Element) -> UrdfTree:
        """
        Return the tree of a `robot` element.

        :raises DescriptionError: if it is no tree with one root, or an element can't be read, with
            the name of the link or joint
        """
        links = tuple(_name(each, 'link') for each in robot.iterfind('link'))
        if not links:
            raise DescriptionError('the robot description has no links')
        joints = [_joint(each) for each in robot.iterfind('joint')]
        _check_unique('links', links)
        _check_unique('joints', [joint.name for joint in joints])
        known = set(links)
        for joint in joints:
            for end in joint.parent, joint.child:
                if end not in known:
                    raise DescriptionError(f'joint {joint.name} is on the link {end}, which the '
                                           'robot description does not have')
        parents = Counter(joint.child for joint in joints)
        for link, count in parents.items():
            if count > 1:
                raise DescriptionError(f'link {link} is the child of {count} joints, expected of '
                                       'one at most')
        roots = [link for link in links if link not in parents]
        if len(roots) != 1:
            found = ', '.join(roots) if roots else 'none, the joints run in a circle'
            raise DescriptionError(f'the links are no tree with one root: {found}')
        ordered = _from_the_root(roots[0], joints)
        if len(ordered) != len(joints):
            lost = next(joint.name for joint in joints if joint not in ordered)
            raise DescriptionError(f'joint {lost} is in a circle of joints, expected a tree')
        return cls(roots[0], links, tuple(ordered))

    def children(self, link: str) -> list[UrdfJoint]:
        """Return the joints whose parent a link is."""
        return [joint for joint in self.joints if joint.parent == link]

    def path(self, base: str, tip: str) -> list[UrdfJoint]:
        """
        Return the joints from base to tip.

        :raises DescriptionError: if there is no such link, or the tip is not beyond the base
        """
        for what, link in (('base', base), ('tip', tip)):
            if link not in self.links:
                raise DescriptionError(f'the {what} is {link!r}, expected a link of the robot '
                                       f'description: {", ".join(self.links)}')
        above = {joint.child: joint for joint in self.joints}
        path: list[UrdfJoint] = []
        link = tip
        while link != base:
            if link not in above:
                raise DescriptionError(f'the tip {tip} is not beyond the base {base}')
            path.append(above[link])
            link = above[link].parent
        return path[::-1]


def robot_element(text: str) -> Element:
    """
    Return the `robot` element of a URDF's text; no entity is expanded, and no file read.

    :raises DescriptionError: if it is no URDF
    """
    if len(text) > _LONGEST:
        raise DescriptionError(f'the robot description has {len(text)} characters, expected '
                               f'{_LONGEST} at most')
    if '<!DOCTYPE' in text or '<!ENTITY' in text:
        raise DescriptionError('the robot description declares a document type or entities, '
                               'expected plain URDF')
    try:
        robot = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DescriptionError(f'the robot description is no URDF: {error}') from error
    if robot.tag != 'robot':
        raise DescriptionError(f'the robot description is no URDF: it is of <{robot.tag}>, '
                               'expected <robot>')
    if any(isinstance(each.tag, str) and 'xacro' in each.tag for each in robot.iter()):
        raise DescriptionError('the robot description is xacro, expected URDF: expand it first, '
                               'as `xacro FILE > arm.urdf` does')
    return robot


def numbers(text: str | None, count: int) -> tuple[float, ...]:
    """Return the finite numbers of an attribute, or raise ValueError."""
    found = tuple(float(word) for word in (text or '').split())
    if len(found) != count or not all(map(math.isfinite, found)):
        raise ValueError(f'{text!r}, expected {count} finite numbers')
    return found


def placement(element: Element) -> Placement:
    """Return the placement that an element's origin says, or raise ValueError."""
    origin = element.find('origin')
    if origin is None:
        return Placement()
    return Placement(*(numbers(origin.get(name, '0 0 0'), 3) for name in ('xyz', 'rpy')))


def _joint(element: Element) -> UrdfJoint:
    name = _name(element, 'joint')
    try:
        kind = element.get('type')
        if kind not in KINDS:
            raise ValueError(f'its type is {kind!r}, expected of {", ".join(KINDS)}')
        parent, child = _end(element, 'parent'), _end(element, 'child')
        axis = element.find('axis') if kind in MOVING else None
        direction = None if axis is None else numbers(axis.get('xyz'), 3)
        if direction is not None and not any(direction):
            raise ValueError('its axis is 0 0 0, expected a direction')
        return UrdfJoint(name, kind, parent, child, placement(element), direction,
                         mimic=_mimic(element), **_limits(element))
    except (ValueError, ArmError) as error:
        raise DescriptionError(f'joint {name}: {error}') from error


def _end(element: Element, end: str) -> str:
    found = element.find(end)
    link = None if found is None else found.get('link')
    if not link:
        raise ValueError(f'it has no {end} link')
    return link


def _limits(element: Element) -> dict[str, float | None]:
    limit = element.find('limit')
    found: dict[str, float | None] = {}
    for name in 'lower', 'upper', 'velocity', 'acceleration':
        text = None if limit is None else limit.get(name)
        value = None if text is None else float(text)
        if value is not None and math.isnan(value):
            raise ValueError(f'its limit {name} is {text!r}, expected a number')
        found[name] = value if value is not None and math.isfinite(value) else None
    return found


def _mimic(element: Element) -> Mimic | None:
    mimic = element.find('mimic')
    if mimic is None:
        return None
    ratio, offset = (numbers(mimic.get(name, default), 1)[0]
                     for name, default in (('multiplier', '1'), ('offset', '0')))
    if not ratio:
        raise ValueError('its mimic multiplier is 0, expected another number')
    return Mimic(mimic.get('joint', ''), ratio, offset)


def _name(element: Element, what: str) -> str:
    name = element.get('name')
    if not name:
        raise DescriptionError(f'the robot description has a {what} without a name')
    return name


def _check_unique(what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DescriptionError(f'two {what} are called {twice[0]}, expected one')


def _from_the_root(root: str, joints: list[UrdfJoint]) -> list[UrdfJoint]:
    """Return the joints that hang on the root, each after those between it and the root."""
    children: dict[str, list[UrdfJoint]] = {}
    for joint in joints:
        children.setdefault(joint.parent, []).append(joint)
    ordered, reached = [], [root]
    for link in reached:  # grows as it goes
        ordered += children.get(link, [])
        reached += [joint.child for joint in children.get(link, [])]
    return ordered
