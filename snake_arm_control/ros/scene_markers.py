# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The scene as RViz draws it."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Mesh, Shape, Sphere
from snake_arm_control.ros import pose_messages, topics

_COLOUR = ColorRGBA(r=0.55, g=0.55, b=0.6, a=0.6)
_PLANE = 3.0  # [m], edge of what is drawn of a half-space
_THIN = 0.002  # [m]
_UNTURNED = np.eye(3)


class SceneMarkers:
    """Publishes markers of what the arm keeps clear of, whenever that changes."""

    def __init__(self, node: Node, base: str = topics.BASE_FRAME):
        self._base, self._scene = base, Scene()
        self._publisher = node.create_publisher(MarkerArray, topics.SCENE_MARKERS, topics.LATCHED)

    def show(self, scene: Scene) -> None:
        """Draw a scene in the place of the one before."""
        if scene == self._scene:
            return
        self._scene = scene
        markers = [marker for shape in scene.shapes for marker in _markers(shape)]
        for number, marker in enumerate(markers):
            marker.ns, marker.id, marker.color = 'scene', number, _COLOUR
            marker.header.frame_id = self._base
        self._publisher.publish(MarkerArray(markers=[Marker(action=Marker.DELETEALL), *markers]))


def _markers(shape: Shape) -> list[Marker]:
    """Return what draws a shape."""
    if isinstance(shape, Sphere):
        return [_marker(Marker.SPHERE, shape.center, 3 * (2.0 * shape.radius,))]
    if isinstance(shape, Box):
        return [_marker(Marker.CUBE, shape.center, shape.size, shape.rotation)]
    if isinstance(shape, Mesh):
        mesh = _marker(Marker.MESH_RESOURCE, shape.pose.xyz, (1.0, 1.0, 1.0),
                       shape.pose.matrix[:3, :3])
        mesh.mesh_resource = f'file://{shape.path}'
        return [mesh]
    if isinstance(shape, Capsule):
        start, end, width = np.array(shape.start), np.array(shape.end), 2.0 * shape.radius
        ends = [_marker(Marker.SPHERE, each, 3 * (width,)) for each in (start, end)]
        length = float(np.linalg.norm(end - start))
        if not length:
            return ends[:1]
        return [*ends, _marker(Marker.CYLINDER, (start + end) / 2.0, (width, width, length),
                               _turned_to((end - start) / length))]
    assert isinstance(shape, HalfSpace)
    normal = np.array(shape.normal)
    return [_marker(Marker.CUBE, (shape.offset - _THIN / 2.0) * normal, (_PLANE, _PLANE, _THIN),
                    _turned_to(normal))]


def _marker(kind: int, center: tuple[float, ...] | np.ndarray, size: tuple[float, ...],
            rotation: np.ndarray = _UNTURNED) -> Marker:
    marker = Marker(type=kind, action=Marker.ADD)
    marker.pose = pose_messages.pose_to_message(pose.from_matrix(rotation, np.array(center)))
    marker.scale.x, marker.scale.y, marker.scale.z = map(float, size)
    return marker


def _turned_to(axis: np.ndarray) -> np.ndarray:
    """Return a rotation (3, 3) whose z axis is this unit vector."""
    return pose.to_matrix(np.concatenate((np.zeros(3), axis, np.zeros(3))))[0]
