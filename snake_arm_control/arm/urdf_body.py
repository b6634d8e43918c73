# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The body of a robot as its URDF describes it: shapes on links, and where the links are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
import math
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from transforms3d.euler import euler2mat

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import ArmError, DescriptionError

SHAPES = ('sphere', 'cylinder', 'box')
_GREY = (0.6, 0.6, 0.6, 1.0)


class Shapes(NamedTuple):
    """All shapes of one kind, each a unit shape that is scaled and placed on its link."""

    links: np.ndarray  # (n,), indices of the links that carry them
    placements: np.ndarray  # (n, 4, 4), in the link's frame
    scales: np.ndarray  # (n, 3) [m], diameters, or the length along z
    colours: np.ndarray  # (n, 3) [0..1]


class _Joint(NamedTuple):
    name: str
    kind: str
    parent: str
    child: str
    origin: np.ndarray  # (4, 4)
    axis: np.ndarray  # (3,), of length 1
    limit: float  # [rad], the larger of both sides
    velocity: float  # [rad/s]


class Body:
    """
    A tree of links with shapes; the pose chain's elements are found by the names of their links.

    Element j of the chain is the far end of `link_j`, where the next joint sits, or `tool0`.

    :param text: the URDF
    :raises DescriptionError: if it is no URDF, no tree, or has a joint that is neither revolute,
        continuous, prismatic nor fixed
    """

    def __init__(self, text: str):
        try:
            robot = ElementTree.fromstring(text)
            materials = {each.get('name'): _colour(each, {}) for each in robot.iter('material')
                         if each.find('color') is not None}
            joints = [_joint(each) for each in robot.iterfind('joint')]
            shapes = {link.get('name'): [_shape(visual, materials)
                                         for visual in link.iterfind('visual')]
                      for link in robot.iterfind('link')}
        except (ElementTree.ParseError, ValueError, TypeError) as error:
            raise DescriptionError(f'the robot description is no URDF: {error}') from error
        self._joints = _from_the_root(joints, set(shapes))
        roots = set(shapes) - {joint.child for joint in joints}
        self.links: tuple[str, ...] = (*roots, *(joint.child for joint in self._joints))
        index = {name: i for i, name in enumerate(self.links)}
        self._parents = [index[joint.parent] for joint in self._joints]
        self._origins = np.array([j.origin for j in self._joints]).reshape(-1, 4, 4)
        self._axes = np.array([j.axis for j in self._joints]).reshape(-1, 3)
        self._slides = np.array([j.kind == 'prismatic' for j in self._joints], dtype=bool)
        self._moving = {j.name: i for i, j in enumerate(self._joints) if j.kind != 'fixed'}
        self.shapes: dict[str, Shapes] = {}
        for kind in SHAPES:
            found = [(index[link], *shape[1:]) for link, of_link in shapes.items()
                     for shape in of_link if shape is not None and shape[0] == kind]
            if found:
                self.shapes[kind] = Shapes(*map(np.array, zip(*found)))
        self.undrawn: int = sum(shape is None for of_link in shapes.values() for shape in of_link)
        self._place_elements(index)

    def _place_elements(self, index: Mapping[str, int]) -> None:
        """Find the links whose far ends are the elements, and what each link rides on."""
        ends = {joint.parent: joint.origin for joint in reversed(self._joints)}
        names = []
        while (name := f'link_{len(names) + 1}') in ends:
            names.append(name)
        self.joints: int = len(names)
        self._element_links = np.array([index[name] for name in names], dtype=int)
        self._ends = np.array([ends[name] for name in names]).reshape(-1, 4, 4)
        number = {name: j for j, name in enumerate(names, 1)}
        rides_on = [0] * len(self.links)  # 0: the base
        for joint, parent in zip(self._joints, self._parents):
            rides_on[index[joint.child]] = number.get(joint.child, rides_on[parent])
        self._rides_on = np.array(rides_on)

    @cached_property
    def arm(self) -> Arm:
        """
        The arm that the URDF describes.

        :raises DescriptionError: if the names of the links are not those of such an arm, or its
            measures can't be
        """
        if not self.joints:
            raise DescriptionError('the robot description has no link_1 with a joint at its far '
                                   'end, expected an arm of link_1, link_2, ...')
        revolute = [j for j in self._joints if j.kind == 'revolute']
        if not revolute:
            raise DescriptionError('the robot description has no revolute joint')
        try:
            return Arm(self.joints, float(np.linalg.norm(self._ends[0, :3, 3])),
                       min(j.limit for j in revolute), min(j.velocity for j in revolute))
        except ArmError as error:
            raise DescriptionError(f'the robot description is of no arm: {error}') from error

    def carried_by(self, links: np.ndarray) -> np.ndarray:
        """Return the elements that links ride on, as numbers; 0 is the base."""
        return self._rides_on[links]

    def place(self, positions: Mapping[str, float], chain: np.ndarray | None = None) -> np.ndarray:
        """
        Return where the links are, (links, 4, 4) in the root's frame.

        :param positions: of joints by name [rad or m]; one that is missing is at 0
        :param chain: (joints, 9), measured poses of the elements; given, each link is moved along
            with the element that carries it, so that a body of wrong measures is where the arm is
        """
        placed = np.empty((len(self.links), 4, 4))
        placed[:] = np.eye(4)
        steps = self._origins @ self._motions(positions)
        first = len(self.links) - len(steps)
        for i, (parent, step) in enumerate(zip(self._parents, steps), first):
            placed[i] = placed[parent] @ step
        if chain is None or len(chain) != self.joints:
            return placed
        expected = placed[self._element_links] @ self._ends
        corrections = np.concatenate((np.eye(4)[None], to_transforms(chain) @ _inverse(expected)))
        return corrections[self._rides_on] @ placed

    def chain(self, placed: np.ndarray) -> np.ndarray:
        """Return the poses (joints, 9) of the elements of links that are so placed."""
        ends = placed[self._element_links] @ self._ends
        return pose.from_matrix(ends[:, :3, :3], ends[:, :3, 3])

    def _motions(self, positions: Mapping[str, float]) -> np.ndarray:
        """Return what the joints' positions do, (joints, 4, 4)."""
        values = np.zeros(len(self._joints))
        for name, i in self._moving.items():
            values[i] = positions.get(name, 0.0)
        motions = np.zeros((len(values), 4, 4))
        motions[:] = np.eye(4)
        turns = np.where(self._slides, 0.0, values)[:, None, None]
        cross = np.cross(np.eye(3), self._axes[:, None])  # the matrix of each axis' cross product
        motions[:, :3, :3] += np.sin(turns) * cross + (1.0 - np.cos(turns)) * (cross @ cross)
        motions[:, :3, 3] = np.where(self._slides, values, 0.0)[:, None] * self._axes
        return motions


def to_transforms(chain: np.ndarray) -> np.ndarray:
    """Return poses (n, 9) as transforms (n, 4, 4)."""
    transforms = np.zeros((len(chain), 4, 4))
    transforms[:, :3, :3], transforms[:, :3, 3] = pose.to_matrix(chain)
    transforms[:, 3, 3] = 1.0
    return transforms


def _inverse(transforms: np.ndarray) -> np.ndarray:
    inverse = transforms.copy()
    inverse[:, :3, :3] = np.swapaxes(transforms[:, :3, :3], 1, 2)
    inverse[:, :3, 3] = -np.einsum('nij,nj->ni', inverse[:, :3, :3], transforms[:, :3, 3])
    return inverse


def _from_the_root(joints: list[_Joint], links: set[str]) -> list[_Joint]:
    """Return the joints in an order in which every parent comes before its children."""
    ends = [link for joint in joints for link in (joint.parent, joint.child)]
    strangers = set(ends) - links
    if strangers:
        raise DescriptionError(f'the robot description has joints on links that it does not '
                               f'have: {", ".join(sorted(map(str, strangers)))}')
    children: dict[str, list[_Joint]] = {}
    for joint in joints:
        children.setdefault(joint.parent, []).append(joint)
    roots = links - {joint.child for joint in joints}
    ordered, reached = [], list(roots)
    for link in reached:  # grows as it goes
        ordered += children.get(link, [])
        reached += [joint.child for joint in children.get(link, [])]
    if len(roots) != 1 or len(ordered) != len(joints) or len(reached) != len(links):
        raise DescriptionError('the links of the robot description are no tree with one root')
    return ordered


def _joint(element: Element) -> _Joint:
    name, kind = element.get('name'), element.get('type')
    if kind not in ('revolute', 'continuous', 'prismatic', 'fixed'):
        raise DescriptionError(f'joint {name} is {kind}, expected revolute, continuous, prismatic '
                               'or fixed')
    axis_element, limit = element.find('axis'), element.find('limit')
    axis = np.array((1.0, 0.0, 0.0) if axis_element is None
                    else _numbers(axis_element.get('xyz'), 3))
    length = np.linalg.norm(axis)
    limit = {} if limit is None else limit.attrib
    return _Joint(name, kind, element.find('parent').get('link'),
                  element.find('child').get('link'), _origin(element),
                  axis / length if length else axis,
                  max(abs(float(limit.get('lower', 0.0))), abs(float(limit.get('upper', 0.0)))),
                  float(limit.get('velocity', math.inf)))


def _shape(visual: Element, materials: Mapping[str, tuple]) -> tuple | None:
    """Return kind, placement, scale and colour of a visual; None of a mesh."""
    colour = _colour(visual.find('material'), materials)[:3]
    geometry = visual.find('geometry')
    for kind in SHAPES:
        element = geometry.find(kind)
        if element is None:
            continue
        if kind == 'box':
            scale = _numbers(element.get('size'), 3)
        else:
            diameter = 2.0 * float(element.get('radius'))
            scale = (diameter, diameter, float(element.get('length', diameter)))
        return kind, _origin(visual), scale, colour
    return None


def _colour(material: Element | None, materials: Mapping[str, tuple]) -> tuple:
    if material is None:
        return _GREY
    colour = material.find('color')
    if colour is None:
        return materials.get(material.get('name'), _GREY)
    return tuple(_numbers(colour.get('rgba'), 4))


def _origin(element: Element) -> np.ndarray:
    origin = element.find('origin')
    transform = np.eye(4)
    if origin is not None:
        transform[:3, :3] = euler2mat(*_numbers(origin.get('rpy', '0 0 0'), 3), 'sxyz')
        transform[:3, 3] = _numbers(origin.get('xyz', '0 0 0'), 3)
    return transform


def _numbers(text: str | None, count: int) -> list[float]:
    numbers = [float(word) for word in (text or '').split()]
    if len(numbers) != count:
        raise ValueError(f'{text!r}, expected {count} numbers')
    return numbers
