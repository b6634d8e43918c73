# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer node: a running arm on a page in the browser, where its goal can be dragged."""

from __future__ import annotations

from dataclasses import dataclass
import os
import time
import webbrowser

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import FeedbackError, GoalError, SceneError
from snake_arm_control.extras import require
from snake_arm_control.ros import chain_messages, topics
from snake_arm_control.ros.controller_client import ControllerClient
from snake_arm_control.ros.diagnostics import status_of
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.latest import LatestMessages
from snake_arm_control.ros.obstacle_publisher import ObstaclePublisher
from snake_arm_control.ros.parameters import Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.ros.scene_markers import markers_to_shapes
from snake_arm_control.settings import setting, Settings
from snake_arm_control.viewer.nearest import Nearest
from snake_arm_control.viewer.session import Session

_REFRESH_PERIOD = 0.2  # [s], of the panel
_TUNING_PERIOD = 2.0  # [s], between two looks at the controller's parameters
_GRACE = 3.0  # [s] that a page may be away, as when it is loaded anew


@dataclass(frozen=True)
class ViewerSettings(Settings):
    """Parameters of the viewer node."""

    host: str = setting('127.0.0.1', 'address that the page is served on; 0.0.0.0 serves it to '
                        'the whole network, and whoever knows the token in its address can move '
                        'the arm',
                        read_only=True)
    port: int = setting(8080, 'port of the page, or the next one that is free', low=1, high=65535,
                        read_only=True)
    frame_rate: float = setting(30.0, 'frames per second', 'Hz', low=1.0, high=120.0,
                                read_only=True)
    open_browser: bool = setting(False, 'open the page in a browser, where there is a screen',
                                 read_only=True)


class ViewerNode(Node):
    """
    Wires a session and its page to the topics and services of one arm.

    Streams are subscribed to while somebody has the page open, and decoded once a frame.

    :raises SnakeArmError: if the page can't be served
    """

    def __init__(self, **node_options):
        super().__init__('viewer', **node_options)
        settings = Parameters(self, ViewerSettings).value
        self._session = Session(self.get_namespace())
        self._controller = ControllerClient(self, self._complain)
        self._page = page_class()(self._session, self._controller, settings.host, settings.port)
        self._streams = LatestMessages(self, {
            topics.JOINT_STATES: JointState, topics.POSE_CHAIN: PoseArray,
            topics.PREDICTED_POSE_CHAIN: PoseArray, topics.MARKERS: MarkerArray})
        self._nearest: Nearest | None = None
        self._obstacles: ObstaclePublisher | None = None  # until the base is known
        self._pursued = ''  # the goal that is pursued, as YAML
        self._goal_is_new = False
        self._watched_at = self._refreshed_at = self._tuned_at = time.monotonic()
        self._goals = GoalPublisher(self)
        self._prefix = self.get_namespace().rstrip('/')
        subscribe = self.create_subscription
        subscribe(String, topics.ROBOT_DESCRIPTION, self._take_description, topics.LATCHED)
        subscribe(DiagnosticArray, topics.DIAGNOSTICS, self._take_diagnostics, 10)
        subscribe(String, topics.PURSUED_GOAL_YAML, self._take_goal, topics.LATCHED)
        subscribe(MarkerArray, topics.SCENE_MARKERS, self._take_scene, topics.LATCHED)
        self.create_timer(1.0 / settings.frame_rate, self._frame)
        taken = '' if self._page.port == settings.port else f' (port {settings.port} is taken)'
        self.get_logger().info(f'the arm is at {self._page.address}{taken}')
        if settings.open_browser and (os.environ.get('DISPLAY')
                                      or os.environ.get('WAYLAND_DISPLAY')):
            webbrowser.open(self._page.address)

    def destroy_node(self) -> None:
        """Close the page, then the node."""
        self._page.close()
        super().destroy_node()

    def _complain(self, title: str, reason: str) -> None:
        self._page.complain(title, reason)

    def _take_description(self, message: String) -> None:
        self._session.describe(message.data)
        self._goal_is_new |= self._session.goal is None and bool(self._pursued)

    def _take_goal(self, message: String) -> None:
        self._pursued, self._goal_is_new = message.data, True

    def _take_scene(self, message: MarkerArray) -> None:
        try:
            self._session.obstacles.receive(markers_to_shapes(message))
        except SceneError as error:
            self.get_logger().warning(f'the scene can not be shown: {error}',
                                      throttle_duration_sec=5.0)

    def _read_goal(self) -> None:
        """Take the goal that is pursued if it is another, once a frame, as reading takes time."""
        if not self._goal_is_new or self._session.editor is None:
            return  # until the description has come
        self._goal_is_new = False
        try:
            goal = Goal.from_yaml(self._pursued, self._session.editor.joints)
        except GoalError as error:  # that of an arm other than the one described
            self.get_logger().warning(f'the pursued goal can not be shown: {error}',
                                      throttle_duration_sec=5.0)
            return
        self._session.receive_goal(goal, self._goals.is_own(goal))

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for node in ('controller', 'forward_model'):
            status = status_of(f'{self._prefix}/{node}', message)
            if status is not None:
                self._session.receive_status(time.monotonic(), node, status)

    def _decode(self, now: float) -> None:
        """Take those messages that came since the last frame; bad ones are not shown."""
        view, latest = self._session.view, self._streams.take()
        try:
            if topics.JOINT_STATES in latest:
                states = deserialize_message(latest[topics.JOINT_STATES], JointState)
                view.receive_angles(now, dict(zip(states.name, states.position)))
            for topic, receive in ((topics.POSE_CHAIN, view.receive_chain),
                                   (topics.PREDICTED_POSE_CHAIN, view.receive_prediction)):
                if topic in latest:
                    base = view.body.arm.base if view.body else None
                    receive(now, chain_messages.deserialize_chain(latest[topic], base=base)[1])
            if topics.MARKERS in latest:
                self._nearest = _nearest(deserialize_message(latest[topics.MARKERS], MarkerArray))
        except FeedbackError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    def _publish_obstacles(self) -> None:
        body, shapes = self._session.view.body, self._session.obstacles.outgoing()
        if shapes is None or body is None:
            return
        if self._obstacles is None:
            self._obstacles = ObstaclePublisher(self, body.arm.base)
        self._obstacles.publish(shapes)

    def _frame(self) -> None:
        now, session, page = time.monotonic(), self._session, self._page
        watched = page.is_watched
        self._streams.switch(watched)
        if watched:
            self._watched_at = now
        elif now - self._watched_at > _GRACE:
            session.stop()  # nobody would see what it does
        page.carry_out()
        self._decode(now)
        self._read_goal()
        goal = session.outgoing(now)
        self._publish_obstacles()
        if goal is not None:
            self._goals.publish(goal)
        if watched:
            self._show(now)

    def _show(self, now: float) -> None:
        session, page = self._session, self._page
        picture = session.picture(now)
        if picture is not None:
            page.draw(picture, self._nearest)
        if session.record(now):
            page.plot(session.errors.columns(now))
        if now - self._refreshed_at >= _REFRESH_PERIOD:
            self._refreshed_at = now
            page.refresh(now)
        if now - self._tuned_at >= _TUNING_PERIOD:
            self._tuned_at = now
            self._controller.read_parameters(page.offer_tuning)


def _nearest(message: MarkerArray) -> Nearest | None:
    """Return what is nearest to the arm, as the controller's markers say."""
    found = {marker.type: marker for marker in message.markers if marker.ns == 'nearest'}
    if Marker.LINE_LIST not in found:
        return None
    points = np.array([(p.x, p.y, p.z) for p in found[Marker.LINE_LIST].points])
    return Nearest(points, found[Marker.TEXT_VIEW_FACING].text)


def page_class():
    """
    Return the class of the page, which needs a package that only viewing needs.

    :raises MissingPackageError: if viser is not installed
    """
    require('viser')
    from snake_arm_control.viewer.page import Page
    return Page


def main(args: list[str] | None = None) -> int:
    """Run the viewer node."""
    return run(ViewerNode, args)
