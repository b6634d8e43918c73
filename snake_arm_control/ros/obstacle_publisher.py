# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A publisher of obstacles, by namespace and id as anybody publishes them."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.control.shape_frame import frame_of
from snake_arm_control.control.shapes import Box, Capsule, Mesh, Shape, Sphere
from snake_arm_control.errors import SceneError
from snake_arm_control.ros import pose_messages, topics

_COLOUR = ColorRGBA(r=0.55, g=0.55, b=0.6, a=0.6)


class ObstaclePublisher:
    """
    Publishes obstacles of a node; who comes late gets all of them.

    :param base: name of the frame that they are in
    """

    def __init__(self, node: Node, base: str = topics.BASE_FRAME):
        self._publisher = node.create_publisher(MarkerArray, topics.OBSTACLES, topics.LATCHED)
        self._base, self._names = base, set[str]()

    def publish(self, shapes: Iterable[Shape]) -> None:
        """
        Publish shapes in the place of those before; each is called namespace/id.

        :raises SceneError: if one is called otherwise, or is a half-space
        """
        markers = {shape.name: shape_to_marker(shape) for shape in shapes}
        for marker in markers.values():
            marker.header.frame_id = self._base
        gone = [_named(name, Marker(action=Marker.DELETE)) for name in self._names - set(markers)]
        self._names |= set(markers)  # who comes late may know those that are gone
        if gone or markers:
            self._publisher.publish(MarkerArray(markers=[*gone, *markers.values()]))


def shape_to_marker(shape: Shape) -> Marker:
    """
    Return the marker that obstacles have for a shape; see `Obstacles`.

    :raises SceneError: if it is a half-space, or not called namespace/id
    """
    marker = _named(shape.name, Marker(action=Marker.ADD, color=_COLOUR))
    size: tuple[float, ...]
    if isinstance(shape, Sphere):
        marker.type, size = Marker.SPHERE, 3 * (2.0 * shape.radius,)
    elif isinstance(shape, Box):
        marker.type, size = Marker.CUBE, shape.size
    elif isinstance(shape, Capsule):
        width = 2.0 * shape.radius
        marker.type, size = Marker.CYLINDER, (width, width, shape.length)
    elif isinstance(shape, Mesh):
        marker.type, size = Marker.MESH_RESOURCE, (1.0, 1.0, 1.0)
        marker.mesh_resource = f'file://{shape.path}'
    else:
        raise SceneError(f'{shape.title} can not be published: there are no markers of it')
    marker.pose = pose_messages.pose_to_message(pose.from_matrix(*frame_of(shape)))
    marker.scale.x, marker.scale.y, marker.scale.z = size
    return marker


def _named(name: str, marker: Marker) -> Marker:
    """Return a marker with the namespace and id of a name."""
    marker.ns, slash, number = name.rpartition('/')
    if not slash or not number.isdecimal() or int(number) >= 2 ** 31:
        raise SceneError(f'the obstacle is called {name!r}, expected namespace/id')
    marker.id = int(number)
    return marker
