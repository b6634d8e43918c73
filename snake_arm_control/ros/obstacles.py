# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Obstacles that come as markers: what RViz shows is what is avoided."""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import NamedTuple
from urllib.parse import unquote, urlparse

import numpy as np
from transforms3d.euler import mat2euler
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.mesh_distances import check_meshes
from snake_arm_control.control.shapes import Box, Capsule, Mesh, Shape, Sphere
from snake_arm_control.errors import FrameError, SceneError
from snake_arm_control.ros import pose_messages

_MOST = 1000  # obstacles; with more, to draw them would take longer than a few ticks
_EQUAL = 1e-3  # fraction by which scales that shall be equal may differ


class _Obstacle(NamedTuple):
    shape: Shape
    until: float  # [s]


class Obstacles:
    """
    Shapes by namespace and id, as markers add, move and delete them.

    A cylinder counts as the capsule round it.

    :param placement: returns where a frame is; see `Frames.placement`
    """

    def __init__(self, placement: Callable[[str], tuple[np.ndarray, np.ndarray] | None]):
        self._placement = placement
        self._obstacles: dict[tuple[str, int], _Obstacle] = {}

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """What there is now."""
        return tuple(each.shape for each in self._obstacles.values())

    def take(self, message: MarkerArray, now: float) -> None:
        """
        Take markers, all or none of them.

        :param now: [s]
        :raises SceneError: if one is no solid shape, is in a frame that is not known, or is a mesh
            that can't be used, or if there are too many
        :raises MissingPackageError: if the library for meshes is not installed
        """
        after = dict(self._obstacles)
        for marker in message.markers:
            key = marker.ns, marker.id
            if marker.action == Marker.DELETEALL:
                after.clear()
            elif marker.action == Marker.DELETE:
                after.pop(key, None)
            elif marker.action == Marker.ADD:
                lifetime = marker.lifetime.sec + 1e-9 * marker.lifetime.nanosec
                after[key] = _Obstacle(self._shape(marker), now + (lifetime or math.inf))
            else:
                raise SceneError(f'obstacle {_name(marker)} has the action {marker.action}, '
                                 'expected to add or to delete')
        if len(after) > _MOST:
            raise SceneError(f'there would be {len(after)} obstacles, expected {_MOST} at most')
        check_meshes(each.shape for each in after.values())
        self._obstacles = after

    def expire(self, now: float) -> bool:
        """Drop those whose lifetime has ended at a time [s]; return whether there were any."""
        left = {key: each for key, each in self._obstacles.items() if each.until > now}
        if len(left) == len(self._obstacles):
            return False
        self._obstacles = left
        return True

    def _shape(self, marker: Marker) -> Shape:
        name = _name(marker)
        try:
            place = self._placement(marker.header.frame_id)
        except FrameError as error:
            raise SceneError(f'obstacle {name}: {error}') from error
        return marker_to_shape(marker, name, place)


def marker_to_shape(marker: Marker, name: str,
                    place: tuple[np.ndarray, np.ndarray] | None) -> Shape:
    """
    Return the shape of a marker; a cylinder counts as the capsule round it.

    :param place: rotation (3, 3) and position (3,) of its frame in the base, None for the base
    :raises SceneError: if it is no solid shape
    """
    x, y, z = marker.scale.x, marker.scale.y, marker.scale.z
    p, q = marker.pose.position, marker.pose.orientation
    if not any((q.x, q.y, q.z, q.w)):
        q.w = 1.0  # as RViz takes it
    numbers = p.x, p.y, p.z, q.x, q.y, q.z, q.w
    if not np.isfinite(numbers).all():
        raise SceneError(f'obstacle {name} has the pose {numbers}, expected finite numbers')
    placed = pose_messages.message_to_pose(marker.pose)
    if place is not None:
        placed = pose.moved(placed, *place)
    rotation, center = pose.to_matrix(placed)
    if marker.type == Marker.SPHERE:
        if max(x, y, z) - min(x, y, z) > _EQUAL * x:
            raise SceneError(f'obstacle {name} is a sphere of the scales {x:g} {y:g} {z:g}, '
                             'expected equal ones')
        return Sphere(tuple(center), x / 2.0, name=name)
    if marker.type == Marker.CUBE:
        return Box(tuple(center), (x, y, z), mat2euler(rotation, 'sxyz'), name=name)
    if marker.type == Marker.CYLINDER:
        half = 0.5 * z * rotation[:, 2]
        return Capsule(tuple(center - half), tuple(center + half), max(x, y) / 2.0, name=name)
    if marker.type == Marker.MESH_RESOURCE:
        url = urlparse(marker.mesh_resource)
        if url.scheme not in ('', 'file') or max(abs(s - 1.0) for s in (x, y, z)) > _EQUAL:
            raise SceneError(f'obstacle {name} is the mesh {marker.mesh_resource!r} of the '
                             f'scales {x:g} {y:g} {z:g}, expected file:// and the scale 1')
        return Mesh(unquote(url.path), Placement(tuple(center), mat2euler(rotation, 'sxyz')),
                    name=name)
    raise SceneError(f'obstacle {name} is a marker of type {marker.type}, expected a sphere, '
                     'a cube, a cylinder or a mesh')


def _name(marker: Marker) -> str:
    return f'{marker.ns}/{marker.id}'
