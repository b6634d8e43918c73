# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The markers of a goal as they were seen: what the controller is asked for."""

from __future__ import annotations

import numpy as np
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.viewer.session import Asked

_DRAWN = ('position', 'forward', 'up', 'distance')  # and not what is free


class SeenMarkers:
    """Keeps markers as RViz does, by namespace and number."""

    def __init__(self):
        self._markers: dict[tuple[str, int], Marker] = {}

    def take(self, message: MarkerArray) -> None:
        """Take markers in the place of those of the same name, and forget what is deleted."""
        for marker in message.markers:
            if marker.action == Marker.DELETEALL:
                self._markers.clear()
            elif marker.action == Marker.DELETE:
                self._markers.pop((marker.ns, marker.id), None)
            elif marker.ns in _DRAWN:
                self._markers[marker.ns, marker.id] = marker

    def asked(self) -> Asked:
        """Return what they draw."""
        points, arrows, lines = [], [], []
        for marker in self._markers.values():
            colour = marker.color.r, marker.color.g, marker.color.b
            if marker.type == Marker.SPHERE:
                points.append((_xyz(marker.pose.position), marker.scale.x, colour))
            elif marker.type == Marker.SPHERE_LIST:
                points += [(_xyz(point), marker.scale.x, colour) for point in marker.points]
            elif marker.type == Marker.ARROW:
                arrows.append(([_xyz(point) for point in marker.points[:2]], colour))
            elif marker.type == Marker.LINE_LIST:
                ends = [_xyz(point) for point in marker.points]
                lines += [(pair, colour) for pair in zip(ends[::2], ends[1::2])]
        return Asked(_array(points, 0, 3), _array(points, 1), _array(points, 2, 3),
                     _array(arrows, 0, 2, 3), _array(arrows, 1, 3),
                     _array(lines, 0, 2, 3), _array(lines, 1, 3))


def _xyz(point) -> tuple[float, float, float]:
    return point.x, point.y, point.z


def _array(rows: list[tuple], column: int, *shape: int) -> np.ndarray:
    return np.array([row[column] for row in rows], dtype=float).reshape(-1, *shape)
