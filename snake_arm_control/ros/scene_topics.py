# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The scene of a node: that of its file, and what comes on the topic of obstacles."""

from __future__ import annotations

from collections.abc import Callable
import time

import numpy as np
from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from snake_arm_control.control.scene import Scene
from snake_arm_control.errors import SnakeArmError
from snake_arm_control.ros import topics
from snake_arm_control.ros.obstacles import Obstacles
from snake_arm_control.ros.scene_markers import SceneMarkers


class SceneTopics:
    """
    Takes obstacles, and draws all that there is.

    :param base: name of the frame of the arm's base
    :param placement: returns where a frame is; see `Frames.placement`
    :param changed: is called when there is another scene
    :param rejected: is called with the error of obstacles that can't be
    """

    def __init__(self, node: Node, base: str,
                 placement: Callable[[str], tuple[np.ndarray, np.ndarray] | None],
                 changed: Callable[[], None], rejected: Callable[[SnakeArmError], None]):
        self._changed, self._rejected = changed, rejected
        self._fixed = Scene()
        self._obstacles = Obstacles(placement)
        self._markers = SceneMarkers(node, base)
        # Either way of publishing markers is usual.
        for qos in (topics.LATCHED_BY_ANY, topics.STREAM):
            node.create_subscription(MarkerArray, topics.OBSTACLES, self._take, qos)

    @property
    def scene(self) -> Scene:
        """What there is now."""
        return self._fixed.with_shapes(*self._obstacles.shapes)

    def use(self, fixed: Scene) -> None:
        """Take the scene that obstacles come on top of; nobody is called."""
        self._fixed = fixed
        self._markers.show(self.scene)

    def expire(self, now: float) -> None:
        """Drop obstacles whose lifetime has ended at a time [s]."""
        if self._obstacles.expire(now):
            self._update()

    def _take(self, message: MarkerArray) -> None:
        try:
            self._obstacles.take(message, time.monotonic())
        except SnakeArmError as error:
            self._rejected(error)
        else:
            self._update()

    def _update(self) -> None:
        self._markers.show(self.scene)
        self._changed()
