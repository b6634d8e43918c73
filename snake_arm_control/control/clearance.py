# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Clearances: how far an arm's links are from the shapes of a scene, and from each other."""

from __future__ import annotations

from functools import cached_property
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm.body import ArmBody, joints_in_elements
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.kernels import clearances, travel
from snake_arm_control.control.mesh_distances import MeshDistances
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Mesh, Shape, Sphere
from snake_arm_control.control.term import Functionals
from snake_arm_control.errors import ShapeError

_TOUCHING = 1e-3  # sums of radii, the clearance at rest of links that touch
_AT_REST = 0.9  # fraction of its clearance at rest below which a pair of links can be near


class Near(NamedTuple):
    """Pairs of a link and something else that are near each other."""

    numbers: np.ndarray  # (near, 3), kind, link, and shape or pair of links
    values: np.ndarray  # (near, 6), clearance [m], normal to the link, fractions of both axes

    @property
    def clearances(self) -> np.ndarray:
        """Clearances (near,) [m], negative where they touch."""
        return self.values[:, 0]


class Contact(NamedTuple):
    """The nearest pair of all."""

    clearance: float  # [m], negative where they touch; infinite where there is nothing
    link: str
    other: str  # name of a shape or a link
    points: np.ndarray  # (2, 3) [m], on the surfaces of the link and of the other


class Clearances:
    """
    All pairs of what may touch, with what is known of them once for all.

    Links that a joint connects touch, and so do those that are in each other at rest. A link that
    begins where no joint moves it may stand in a shape there: the pair is left aside, as is
    whatever the base touches.

    :param scene: None for an empty one
    :param own_body: whether the links shall keep clear of each other, too
    """

    def __init__(self, scene: Scene | None, body: ArmBody, own_body: bool = True):
        self.scene = scene or Scene()
        self.body = body
        shapes = self.scene.shapes
        round_shapes = [shape for shape in shapes if isinstance(shape, (Sphere, Capsule))]
        boxes = [shape for shape in shapes if isinstance(shape, Box)]
        planes = [shape for shape in shapes if isinstance(shape, HalfSpace)]
        meshes = [shape for shape in shapes if isinstance(shape, Mesh)]
        self.shapes: tuple[Shape, ...] = (*round_shapes, *boxes, *planes, *meshes)
        rounds = np.array([_round(shape) for shape in round_shapes]).reshape(-1, 7)
        box_rows = np.array([_box(shape) for shape in boxes]).reshape(-1, 15)
        self.solids = (rounds, _balls_round(rounds), box_rows, _balls_of_boxes(box_rows),
                       np.array([(*s.normal, s.offset) for s in planes]).reshape(-1, 4))
        self._meshes = MeshDistances(meshes)
        self._body = (body.elements, body.starts, body.ends)
        self._ignored = np.zeros((body.links, len(self.shapes)), bool)
        self._ignored[body.elements < 0] = True
        self._rest_pairs(own_body)
        self._rest_shapes()
        self._measures()

    def _rest_pairs(self, own_body: bool) -> None:
        """Find the pairs of links that may touch, and when they are nearer than at rest."""
        body = self.body
        apart = np.subtract.outer(body.elements, body.elements).T > 1
        self.pairs = np.argwhere(apart & own_body).astype(np.int64)
        self.pair_of = np.zeros((0, 0), np.int64)
        self._number_pairs()
        rest = forward_kinematics(body.arm, body.arm.rest)
        found = self._near(rest, -math.inf, np.full(len(self.pairs), np.inf))
        apart_at_rest = np.zeros(len(self.pairs))
        apart_at_rest[found.numbers[:, 2]] = found.clearances
        # Some touch there up to rounding, as do those that two hinges in one place connect.
        may_not = apart_at_rest > _TOUCHING * body.radii[self.pairs].sum(axis=1)
        self.pairs = self.pairs[may_not]
        self._number_pairs()
        self._pair_limits = _AT_REST * apart_at_rest[may_not]  # [m]
        self._latest = math.inf, self._pair_limits
        self.pair_margins = np.minimum(self.scene.margin, self._pair_limits)

    def _number_pairs(self) -> None:
        if not len(self.pairs):
            self.pair_of = np.zeros((0, 0), np.int64)
            return
        self.pair_of = np.full((self.body.links, self.body.links), -1)
        self.pair_of[tuple(self.pairs.T)] = np.arange(len(self.pairs))

    def _rest_shapes(self) -> None:
        """Leave aside what the first link stands in."""
        at_base = np.flatnonzero(self.body.begins_at_base)
        if not len(at_base):
            return
        rest = forward_kinematics(self.body.arm, self.body.arm.rest)
        placed = clearances.place(rest, *self._body)
        placed[:, 1] = placed[:, 0]  # but the points that never move
        none = np.full(len(self.pairs), -np.inf)
        for _, link, shape in self._near(rest, self.scene.margin, none, placed).numbers:
            if link in at_base:
                self._ignored[link, shape] = True

    def _measures(self) -> None:
        """Keep what bounds how far joints can carry links."""
        body, geometry = self.body, self.body.arm.geometry
        joints = joints_in_elements(body.arm)
        moved = body.elements >= 0
        self._reaches = np.zeros(body.links)
        self._reaches[moved] = np.maximum(*(
            np.linalg.norm(ends[moved] - joints[body.elements[moved]], axis=1)
            for ends in (body.starts, body.ends)))
        self._slides, self._lengths = geometry.slides, geometry.lengths

    @cached_property
    def covered_solids(self) -> tuple[np.ndarray, ...]:
        """The solids, and for meshes balls that hold their surfaces."""
        rounds = np.concatenate((self.solids[0], self._meshes.cover))
        return (rounds, _balls_round(rounds), *self.solids[2:])

    def near(self, chain: np.ndarray, within: float = math.inf) -> Near:
        """
        Return the pairs that are nearer than this.

        Links are near each other only where they are nearer than at rest.

        :param chain: (joints, 9)
        :param within: clearance [m]
        :raises ShapeError: if the chain is not that of the arm
        """
        return self._near(self._checked(chain), within, self._pairs_within(within))

    def nearest(self, chain: np.ndarray) -> Contact:
        """
        Return the nearest pair of all; of links only where they are nearer than at rest.

        :param chain: (joints, 9)
        :raises ShapeError: if the chain is not that of the arm
        """
        found = self.near(chain)
        if not len(found.numbers):
            return Contact(math.inf, '', '', np.full((2, 3), np.nan))
        index = int(np.argmin(found.clearances))
        return self._contact(self._checked(chain), found, index)

    def clearance(self, chain: np.ndarray) -> float:
        """Return the least clearance of all pairs [m], see `nearest`."""
        return self.nearest(chain).clearance

    def _contact(self, chain: np.ndarray, found: Near, index: int) -> Contact:
        kind, link, other = found.numbers[index]
        clearance, *normal, s, _ = found.values[index]
        start, end = clearances.place(chain, *self._body)[link]
        surface = start + s * (end - start) - self.body.radii[link] * np.array(normal)
        name = (self.body.names[self.pairs[other, 0]] if kind == clearances.OWN
                else self.shapes[other].name)
        return Contact(float(clearance), self.body.names[link], name,
                       np.stack((surface, surface - clearance * np.array(normal))))

    def margins(self, near: Near) -> np.ndarray:
        """Return the clearances (near,) [m] that these pairs shall keep."""
        margins = np.full(len(near.numbers), self.scene.margin)
        own = near.numbers[:, 0] == clearances.OWN
        margins[own] = self.pair_margins[near.numbers[own, 2]]
        return margins

    def functionals(self, chain: np.ndarray, near: Near
                    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """
        Return how the clearances of pairs change with the chain.

        :return: rows (entries,), joints (entries,), coefficients (entries, 9); see `Functionals`
        """
        chain = self._checked(chain)
        return clearances.functionals(chain, *self._body, self.pairs, *near)

    def awake(self, chain: np.ndarray, within: float) -> Functionals | None:
        """
        Return the clearances of the pairs that are nearer than this, less their margins.

        :param chain: (joints, 9)
        :raises ShapeError: if the chain is not that of the arm
        """
        chain, body = self._checked(chain), self.body
        if self._meshes:
            near = self.near(chain, within)
            found = near.clearances - self.margins(near), *self.functionals(chain, near)
        else:
            found = clearances.awake(
                chain, *self._body, body.radii, self.solids, self._ignored, self.pair_of,
                self.pairs, float(within), self._pairs_within(within), self.scene.margin,
                self.pair_margins)
        return Functionals(*found) if len(found[0]) else None

    def _pairs_within(self, within: float) -> np.ndarray:
        """Return the clearances (pairs,) below which links are near each other."""
        if within != self._latest[0]:
            self._latest = within, np.minimum(within, self._pair_limits)
        return self._latest[1]

    def _checked(self, chain: np.ndarray) -> np.ndarray:
        chain = np.ascontiguousarray(chain, dtype=float)
        if chain.shape != (self.body.arm.joints, 9):
            raise ShapeError('chain', chain.shape, f'({self.body.arm.joints}, 9)')
        return chain

    def _near(self, chain: np.ndarray, within: float, pairs_within: np.ndarray,
              placed: np.ndarray | None = None) -> Near:
        body = self.body
        if placed is None:
            placed = clearances.place(chain, *self._body)
        found = Near(*clearances.near(placed, body.radii, self.solids, self._ignored, self.pair_of,
                                     float(within), pairs_within))
        if not self._meshes:
            return found
        first = len(self.shapes) - len(self._meshes)
        more = self._meshes.near(placed, body.radii, self._ignored[:, first:], within, first)
        return Near(*(np.concatenate(parts) for parts in zip(found, more)))

    def judge(self, angles: np.ndarray, chain: np.ndarray, later_angles: np.ndarray,
              later: np.ndarray, least: float, unsure: float = 0.0) -> int:
        """
        Judge the way between configurations on which all joints move linearly.

        :param angles, later_angles: (joints, axes) [rad or m] of both
        :param chain, later: (joints, 9) of both
        :param least: clearance to keep [m], or half of the present one where that is less; what
            touches gets no deeper
        :param unsure: by how much a link may be nearer to anything later than it seems, as a
            fraction of how far it goes
        :return: `travel.FREE`, `travel.BLOCKED` if something is too near at the end, or
            `travel.UNSURE`: look at each half of the way
        """
        body, chain, later = self.body, self._checked(chain), self._checked(later)
        now, then = (body.arm.geometry.values(body.arm.joint_angles(each))
                     for each in (angles, later_angles))
        moves = travel.motion(now, then, self._slides, self._lengths)
        placed, then = (clearances.place(each, *self._body) for each in (chain, later))
        verdict = travel.way_between(
            chain, later, placed, then, body.elements, body.radii, self._reaches, self.solids,
            self._ignored, self.pair_of, moves, least, unsure)
        if verdict == travel.BLOCKED or not self._meshes:
            return verdict
        first = len(self.shapes) - len(self._meshes)
        return max(verdict, self._meshes.judge(
            placed, then, body, self._reaches, moves, self._ignored[:, first:], least, unsure))


def _round(shape: Sphere | Capsule) -> tuple[float, ...]:
    if isinstance(shape, Sphere):
        return (*shape.center, *shape.center, shape.radius)
    return (*shape.start, *shape.end, shape.radius)


def _box(shape: Box) -> tuple[float, ...]:
    return (*shape.center, *(value / 2.0 for value in shape.size), *shape.rotation.ravel())


def _balls_round(rounds: np.ndarray) -> np.ndarray:
    """Return center and radius (n, 4) of the balls round spheres and capsules (n, 7)."""
    start, end = rounds[:, :3], rounds[:, 3:6]
    radius = rounds[:, 6] + np.linalg.norm(end - start, axis=1) / 2.0
    return np.column_stack(((start + end) / 2.0, radius))


def _balls_of_boxes(boxes: np.ndarray) -> np.ndarray:
    return np.column_stack((boxes[:, :3], np.linalg.norm(boxes[:, 3:6], axis=1)))
