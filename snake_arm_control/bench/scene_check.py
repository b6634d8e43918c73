# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The bench's own check that a path touches nothing, by other means than control has.

Configurations are looked at between which no joint moves more than a millimetre, by the kinematics
in numpy; distances along an axis are convex, and their least is found by golden sections.
"""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Shape, Sphere

TRAVEL = 1e-3  # [m], of any joint between two configurations that are looked at
_SECTIONS = 40
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
_AT_ONCE = 200  # configurations
_LOOKED_AT = 0.01  # [m], what is farther apart is not measured exactly


def least_clearance(scene: Scene, body: ArmBody, path: np.ndarray, own_body: bool = True) -> float:
    """
    Return the least clearance on a path [m], no more than 1 cm; negative where it touches.

    The first link and the shapes that it stands in are left aside, and so are links that a joint
    connects or that are in each other at rest.

    :param path: (n, joints, axes); between two, joints move linearly
    """
    arm, least = body.arm, _LOOKED_AT
    rest = _ends(body, forward_kinematics(arm, arm.rest[None]))
    pairs = np.stack(np.triu_indices(body.links, 2))
    pairs = pairs[:, _from_links(body, rest, pairs) > 0.0]
    between = _refined(arm, path)
    for first in range(0, len(between), _AT_ONCE):
        chains = forward_kinematics(arm, between[first:first + _AT_ONCE])
        ends = _ends(body, chains)
        for shape in scene.shapes:
            least = min(least, _from_shape(shape, body, ends, scene.margin))
        if own_body:
            least = min(least, _from_links(body, ends, pairs).min(initial=least))
    return float(least)


def _refined(arm, path: np.ndarray) -> np.ndarray:
    """Return more configurations of a path, so that no joint travels far between two."""
    places = forward_kinematics(arm, path)[..., pose.POSITION]
    ways = np.linalg.norm(np.diff(places, axis=0), axis=2).max(axis=1)
    parts = [path[:1]]
    for before, after, way in zip(path[:-1], path[1:], ways):
        # Half as far again, as places do not move linearly.
        steps = int(np.ceil(1.5 * way / TRAVEL)) + 1
        parts.append(before + np.linspace(0.0, 1.0, steps + 1)[1:, None, None] * (after - before))
    return np.concatenate(parts)


def _ends(body: ArmBody, chains: np.ndarray) -> np.ndarray:
    """Return the ends of all links' axes (n, links, 2, 3)."""
    rotation, position = pose.to_matrix(chains[:, body.elements])
    rotation[:, body.elements < 0], position[:, body.elements < 0] = np.eye(3), 0.0
    return np.stack([position + np.einsum('nlab,lb->nla', rotation, ends)
                     for ends in (body.starts, body.ends)], axis=2)


def _along_axes(distance, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the least value (n,) of a convex distance along segments (n, 3)."""
    low, high = np.zeros(len(start)), np.ones(len(start))

    def at(fraction: np.ndarray) -> np.ndarray:
        return distance(start + fraction[:, None] * (end - start))

    for _ in range(_SECTIONS):
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        left = at(first) < at(second)
        high, low = np.where(left, second, high), np.where(left, low, first)
    ends = np.minimum(distance(start), distance(end))
    return np.minimum(ends, at(0.5 * (low + high)))


def _from_shape(shape: Shape, body: ArmBody, ends: np.ndarray, margin: float) -> float:
    """Return the least clearance of links and a shape."""
    links = np.flatnonzero(body.elements >= 0)
    fixed = ends[:1, links[0], 0]
    if _point_distance(shape, fixed)[0] - body.radii[links[0]] < margin:
        links = links[1:]  # the arm stands in it
    start, end = (ends[:, links, side].reshape(-1, 3) for side in range(2))
    radii = np.tile(body.radii[links], len(ends))
    middle, half = 0.5 * (start + end), 0.5 * np.linalg.norm(end - start, axis=1)
    near = _point_distance(shape, middle) - half - radii < _LOOKED_AT
    if not near.any():
        return _LOOKED_AT
    found = _along_axes(lambda points: _point_distance(shape, points), start[near], end[near])
    return float((found - radii[near]).min())


def _from_links(body: ArmBody, ends: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the least clearances (n,) of pairs (2, n) of links, none more than 1 cm."""
    first, second = pairs
    start, end = ends[:, :, 0], ends[:, :, 1]
    middle, half = 0.5 * (start + end), 0.5 * np.linalg.norm(end - start, axis=2)
    apart = np.linalg.norm(middle[:, first] - middle[:, second], axis=2)
    reach = half[:, first] + half[:, second] + body.radii[first] + body.radii[second]
    case, pair = np.nonzero(apart - reach < _LOOKED_AT)
    a, b = (case, first[pair]), (case, second[pair])

    def distance(points: np.ndarray) -> np.ndarray:
        return _from_segment(points, start[b], end[b])

    least = np.full(len(first), _LOOKED_AT)
    found = _along_axes(distance, start[a], end[a]) - body.radii[a[1]] - body.radii[b[1]]
    np.minimum.at(least, pair, found)
    return least


def _from_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return distances (n,) of points (n, 3) from segments, one each or one for all."""
    way = end - start
    square = np.maximum(np.sum(way * way, axis=-1), 1e-30)
    t = np.clip(np.sum((points - start) * way, axis=-1) / square, 0.0, 1.0)
    return np.linalg.norm(points - start - t[..., None] * way, axis=-1)


def _point_distance(shape: Shape, points: np.ndarray) -> np.ndarray:
    """Return distances (n,) of points (n, 3) from a shape, negative inside."""
    if isinstance(shape, Sphere):
        return np.linalg.norm(points - shape.center, axis=1) - shape.radius
    if isinstance(shape, Capsule):
        return _from_segment(points, np.array(shape.start), np.array(shape.end)) - shape.radius
    if isinstance(shape, HalfSpace):
        return points @ shape.normal - shape.offset
    assert isinstance(shape, Box)
    beyond = np.abs((points - shape.center) @ shape.rotation) - np.array(shape.size) / 2.0
    return (np.linalg.norm(np.maximum(beyond, 0.0), axis=1)
            + np.minimum(beyond.max(axis=1), 0.0))
