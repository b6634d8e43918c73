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
from snake_arm_control.control.shape_frame import frame_of
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Mesh, Shape, Sphere
from snake_arm_control.ros import pose_messages, topics
from snake_arm_control.ros.obstacles import marker_to_shape

_COLOUR = ColorRGBA(r=0.85, g=0.87, b=0.95, a=0.6)  # of flat tops, RViz shows a third
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
        self._publisher.publish(MarkerArray(markers=[
            Marker(action=Marker.DELETEALL), *scene_to_markers(scene, self._base)]))


def scene_to_markers(scene: Scene, base: str) -> list[Marker]:
    """Return what draws a scene in a frame, each shape in a namespace of its name."""
    markers = []
    for shape in scene.shapes:
        for number, marker in enumerate(_markers(shape)):
            marker.ns, marker.id, marker.color = shape.name, number, _COLOUR
            marker.header.frame_id = base
            markers.append(marker)
    return markers


def markers_to_shapes(message: MarkerArray) -> tuple[Shape, ...]:
    """
    Return the shapes that a scene's markers draw; of half-spaces, the plates that show them.

    :raises SceneError: if one is no solid shape
    """
    main = {marker.ns: marker for marker in message.markers if marker.action == Marker.ADD
            and (marker.type != Marker.SPHERE or not marker.id)}
    return tuple(marker_to_shape(marker, name, None) for name, marker in main.items())


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
        rotation, middle = frame_of(shape)
        width, length = 2.0 * shape.radius, shape.length
        ends = [_marker(Marker.SPHERE, end, 3 * (width,)) for end in (shape.start, shape.end)]
        if not length:
            return ends[:1]
        return [*ends, _marker(Marker.CYLINDER, middle, (width, width, length), rotation)]
    assert isinstance(shape, HalfSpace)
    rotation, surface = frame_of(shape)
    return [_marker(Marker.CUBE, surface - _THIN / 2.0 * rotation[:, 2], (_PLANE, _PLANE, _THIN),
                    rotation)]


def _marker(kind: int, center: tuple[float, ...] | np.ndarray, size: tuple[float, ...],
            rotation: np.ndarray = _UNTURNED) -> Marker:
    marker = Marker(type=kind, action=Marker.ADD)
    marker.pose = pose_messages.pose_to_message(pose.from_matrix(rotation, np.array(center)))
    marker.scale.x, marker.scale.y, marker.scale.z = map(float, size)
    return marker
