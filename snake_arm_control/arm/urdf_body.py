# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The body of a robot as its URDF describes it: shapes on links, and where the links are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf_chain import source_of
from snake_arm_control.arm.urdf_tree import numbers, placement, robot_element, UrdfTree
from snake_arm_control.errors import DescriptionError

SHAPES = ('sphere', 'cylinder', 'box')
_GREY = (0.6, 0.6, 0.6, 1.0)
_ROD = 0.4  # [mean segment lengths], the diameter of what stands for a link
_THICKEST = 0.05  # [arm lengths], the most of it


class Shapes(NamedTuple):
    """All shapes of one kind, each a unit shape that is scaled and placed on its link."""

    links: np.ndarray  # (n,), indices of the links that carry them
    placements: np.ndarray  # (n, 4, 4), in the link's frame
    scales: np.ndarray  # (n, 3) [m], diameters, or the length along z
    colours: np.ndarray  # (n, 3) [0..1]


class Body:
    """
    A tree of links with shapes, and the arm that is part of it.

    A link of the arm that has no shape, or only meshes, is drawn as a rod.

    :param text: the URDF
    :param base, tip: ends of the arm; see `Arm.from_urdf`
    :raises DescriptionError: if it is no URDF, or describes no arm
    """

    def __init__(self, text: str, base: str | None = None, tip: str | None = None):
        robot = robot_element(text)
        tree, looks = UrdfTree.parse(robot), shapes_of(robot, 'visual')
        self.arm = Arm.from_urdf(text, base, tip)
        self.joints: int = self.arm.joints
        self.links: tuple[str, ...] = (tree.root, *(joint.child for joint in tree.joints))
        index = {name: i for i, name in enumerate(self.links)}
        self._base = index[self.arm.base]
        self._parents = [index[joint.parent] for joint in tree.joints]
        self._origins = np.array([j.placement.matrix for j in tree.joints]).reshape(-1, 4, 4)
        axes = np.array([j.axis or (1.0, 0.0, 0.0) for j in tree.joints]).reshape(-1, 3)
        self._axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
        self._slides = np.array([j.kind == 'prismatic' for j in tree.joints], dtype=bool)
        by_name = {joint.name: joint for joint in tree.joints}
        self._sources = [(i, source_of(by_name, joint)) for i, joint in enumerate(tree.joints)
                         if joint.moves]
        self._place_elements(tree, index)
        self.undrawn: int = sum(look is None for _, look in looks)
        self.shapes: dict[str, Shapes] = self._shapes(
            [(index[link], *look) for link, look in looks if look is not None])

    def _place_elements(self, tree: UrdfTree, index: Mapping[str, int]) -> None:
        """Find the links of the chain's elements, where these are on them, and what they carry."""
        links = self.arm.links
        self._element_links = np.array([index[link.name] for link in links])
        self._ends = np.array([*(Placement(link.placement.xyz).matrix for link in links[1:]),
                               self.arm.tool.matrix])
        number = {link.name: j for j, link in enumerate(links, 1)}
        rides_on = [0] * len(self.links)  # 0: the base
        for joint, parent in zip(tree.joints, self._parents):
            rides_on[index[joint.child]] = number.get(joint.child, rides_on[parent])
        self._rides_on = np.array(rides_on)

    def _shapes(self, drawn: list[tuple]) -> dict[str, Shapes]:
        """Return shapes by kind, given each with its link; bare links of the arm get a rod."""
        ways = [(self._base, np.array(self.arm.links[0].placement.xyz)),
                *zip(self._element_links, self._ends[:, :3, 3])]
        bare = {link for link, _ in ways} - {link for link, *_ in drawn}
        thickness = min(_ROD * self.arm.segment_length, _THICKEST * self.arm.length)
        drawn = drawn + [(link, *_rod(way, thickness)) for link, way in ways
                         if link in bare and (link != self._base or way.any())]
        shapes = {}
        for kind in SHAPES:
            of_kind = [(link, *look) for link, found, *look in drawn if found == kind]
            if of_kind:
                shapes[kind] = Shapes(*map(np.array, zip(*of_kind)))
        return shapes

    def carried_by(self, links: np.ndarray) -> np.ndarray:
        """Return the elements that links ride on, as numbers; 0 is the base."""
        return self._rides_on[links]

    def place(self, positions: Mapping[str, float], chain: np.ndarray | None = None) -> np.ndarray:
        """
        Return where the links are, (links, 4, 4) in the frame of the arm's base.

        :param positions: of joints by name [rad or m]; one of the arm that is missing is at rest
        :param chain: (joints, 9), measured poses of the elements; given, each link is moved along
            with the element that carries it, so that a body of wrong measures is where the arm is
        """
        placed: np.ndarray = np.empty((len(self.links), 4, 4))
        placed[0] = np.eye(4)
        steps = self._origins @ self._motions(positions)
        for i, (parent, step) in enumerate(zip(self._parents, steps), 1):
            placed[i] = placed[parent] @ step
        placed = _inverse(placed[self._base][None]) @ placed
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
        known = {**self.arm.named(self.arm.rest), **positions}
        values = np.zeros(len(self._origins))
        for i, (source, ratio, offset) in self._sources:
            values[i] = ratio * known.get(source, 0.0) + offset
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


def shapes_of(robot: Element, purpose: str) -> list[tuple[str, tuple | None]]:
    """
    Return the shapes of links: the name of the link, and kind, placement, scale and colour.

    :param purpose: `visual` or `collision`
    :return: None in place of a mesh
    :raises DescriptionError: if they can't be read
    """
    try:
        materials = {each.get('name', ''): _colour(each, {}) for each in robot.iter('material')
                     if each.find('color') is not None}
        return [(link.get('name', ''), _shape(visual, materials))
                for link in robot.iterfind('link') for visual in link.iterfind(purpose)]
    except (ValueError, TypeError, AttributeError) as error:
        raise DescriptionError(f'the looks of the robot description are no URDF: {error}'
                               ) from error


def _shape(visual: Element, materials: Mapping[str, tuple]) -> tuple | None:
    """Return kind, placement, scale and colour of a visual; None of a mesh."""
    colour = _colour(visual.find('material'), materials)[:3]
    geometry = visual.find('geometry')
    if geometry is None:
        raise ValueError('a visual has no geometry')
    for kind in SHAPES:
        element = geometry.find(kind)
        if element is None:
            continue
        if kind == 'box':
            scale = numbers(element.get('size'), 3)
        else:
            diameter = 2.0 * numbers(element.get('radius'), 1)[0]
            scale = (diameter, diameter, float(element.get('length', diameter)))
        return kind, placement(visual).matrix, scale, colour
    return None


def _colour(material: Element | None, materials: Mapping[str, tuple]) -> tuple:
    if material is None:
        return _GREY
    colour = material.find('color')
    if colour is None:
        return materials.get(material.get('name', ''), _GREY)
    return tuple(numbers(colour.get('rgba'), 4))


def _rod(way: np.ndarray, thickness: float) -> tuple:
    """Return kind, placement, scale and colour of what stands for a link to the next joint."""
    reach = float(np.linalg.norm(way))
    if reach < thickness:
        return 'sphere', np.eye(4), 3 * (thickness,), _GREY[:3]
    transform = np.eye(4)
    transform[:3, 2] = way / reach
    transform[:3, 1] = np.cross(transform[:3, 2], np.eye(3)[np.argmin(np.abs(way))])
    transform[:3, 1] /= np.linalg.norm(transform[:3, 1])
    transform[:3, 0] = np.cross(transform[:3, 1], transform[:3, 2])
    transform[:3, 3] = 0.5 * way
    return 'cylinder', transform, (thickness, thickness, reach), _GREY[:3]
