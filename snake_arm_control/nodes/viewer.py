# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer node: a running arm on a page in the browser, where its goal can be dragged."""

from __future__ import annotations

from dataclasses import dataclass
import os
import time
import webbrowser

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from snake_arm_control.errors import FeedbackError, GoalError
from snake_arm_control.extras import require
from snake_arm_control.ros import conversions, topics
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.parameters import Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.ros.seen_markers import SeenMarkers
from snake_arm_control.ros.tuner import Tuner
from snake_arm_control.settings import setting, Settings
from snake_arm_control.viewer.session import Session
from snake_arm_control.viewer.status import Said

_REFRESH_PERIOD = 0.2  # [s], of the panel
_TUNING_PERIOD = 2.0  # [s], between two looks at the controller's parameters
_GRACE = 3.0  # [s] that a page may be away, as when it is loaded anew


@dataclass(frozen=True)
class ViewerSettings(Settings):
    """Parameters of the viewer node."""

    host: str = setting('127.0.0.1', 'address that the page is served on; 0.0.0.0 serves it to '
                        'the whole network, and whoever opens it can move the arm',
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
        self._page = page_class()(self._session, self, settings.host, settings.port)
        self._streams: list = []
        self._latest: dict[str, bytes] = {}
        self._pursued: Float64MultiArray | None = None
        self._markers, self._markers_changed = SeenMarkers(), False
        self._watched_at = self._refreshed_at = self._tuned_at = time.monotonic()
        self._goals = GoalPublisher(self)
        self._holding = self.create_client(SetBool, 'controller/hold')
        self._resetting = self.create_client(Trigger, 'controller/reset')
        self._tuner = Tuner(self, 'controller')
        subscribe = self.create_subscription
        subscribe(String, topics.ROBOT_DESCRIPTION, self._take_description, topics.LATCHED)
        subscribe(DiagnosticArray, topics.DIAGNOSTICS, self._take_diagnostics, 10)
        subscribe(Float64MultiArray, topics.PURSUED_GOAL, self._take_pursued, topics.LATCHED)
        for kind, topic, convert in conversions.GOALS:
            subscribe(kind, topic, self._goal_callback(convert), 10)
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

    # What the topics say.

    def _watch(self, watched: bool) -> None:
        """Subscribe to the streams, or leave them: the model predicts only for who listens."""
        for stream in self._streams:
            self.destroy_subscription(stream)
        self._latest.clear()
        self._streams = [] if not watched else [
            self.create_subscription(kind, topic, self._keeper(topic), topics.LATEST, raw=True)
            for kind, topic in ((JointState, topics.JOINT_STATES), (PoseArray, topics.POSE_CHAIN),
                                (PoseArray, topics.PREDICTED_POSE_CHAIN))]
        if watched:
            self._streams.append(self.create_subscription(
                MarkerArray, topics.MARKERS, self._take_markers, topics.LATCHED))

    def _keeper(self, topic: str):
        def keep(data: bytes) -> None:
            self._latest[topic] = data
        return keep

    def _take_description(self, message: String) -> None:
        self._session.describe(message.data)
        self._catch_up()

    def _take_pursued(self, message: Float64MultiArray) -> None:
        self._pursued = message
        self._catch_up()

    def _catch_up(self) -> None:
        """Go on from what the controller pursues, where no goal was seen on its way to it."""
        if self._pursued is None or self._session.editor is None:
            return
        message, self._pursued = self._pursued, None
        if self._session.goal is None:
            self._goal_callback(conversions.message_to_goal)(message)

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        prefix = self.get_namespace().rstrip('/') + '/'
        for status in message.status:
            if status.name in (prefix + 'controller', prefix + 'forward_model'):
                said = Said(status.message, status.level == DiagnosticStatus.ERROR,
                            {pair.key: pair.value for pair in status.values})
                self._session.hear_said(time.monotonic(), status.name.removeprefix(prefix), said)

    def _goal_callback(self, convert):
        def take_goal(message) -> None:
            if self._session.editor is not None:
                try:
                    self._session.hear_goal(convert(message, self._session.editor.joints))
                except GoalError:
                    pass  # the controller says why it rejects it
        return take_goal

    def _take_markers(self, message: MarkerArray) -> None:
        self._markers.take(message)
        self._markers_changed = True

    def _decode(self, now: float) -> None:
        """Take those messages that came since the last frame; bad ones are not shown."""
        session, latest, self._latest = self._session, self._latest, {}
        try:
            if topics.JOINT_STATES in latest:
                states = deserialize_message(latest[topics.JOINT_STATES], JointState)
                session.hear_angles(now, dict(zip(states.name, states.position)))
            for topic, hear in ((topics.POSE_CHAIN, session.hear_chain),
                                (topics.PREDICTED_POSE_CHAIN, session.hear_prediction)):
                if topic in latest:
                    hear(now, conversions.deserialize_chain(latest[topic])[1])
        except FeedbackError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)

    # What happens at each frame.

    def _frame(self) -> None:
        now, session, page = time.monotonic(), self._session, self._page
        watched = page.is_watched
        if watched != bool(self._streams):
            self._watch(watched)
        if watched:
            self._watched_at = now
        elif now - self._watched_at > _GRACE:
            session.stop()  # nobody would see what it does
        page.carry_out()
        self._decode(now)
        goal = session.outgoing(now)
        if goal is not None:
            self._goals.publish(goal)
        if watched:
            self._show(now)

    def _show(self, now: float) -> None:
        session, page = self._session, self._page
        picture = session.picture(now)
        if picture is not None:
            page.draw(picture)
            if self._markers_changed:
                self._markers_changed = False
                page.draw_asked(self._markers.asked())
        if session.record(now):
            page.plot(session.errors.columns(now))
        if now - self._refreshed_at >= _REFRESH_PERIOD:
            self._refreshed_at = now
            page.refresh(now)
        if now - self._tuned_at >= _TUNING_PERIOD:
            self._tuned_at = now
            self._tuner.read(page.offer_tuning)

    # What the page asks for.

    def hold(self, holding: bool) -> None:
        """Let the arm stand, or go on."""
        self._ask(self._holding, SetBool.Request(data=holding))

    def reset(self) -> None:
        """Let the arm return to rest."""
        if self._ask(self._resetting, Trigger.Request()):
            self._session.forget_goal()

    def tune(self, name: str, value: object) -> None:
        """Set a parameter of the controller."""
        self._tuner.write(name, value, lambda reason: self._page.complain(
            f'{name} stays as it is', reason))

    def _ask(self, client, request) -> bool:
        """Call a service; return whether anybody offers it."""
        if not client.service_is_ready():
            self._page.complain('Nobody listens', f'There is no service {client.srv_name}: is the '
                                'controller running?')
            return False

        def tell(future: Future) -> None:
            answer = future.result()
            if answer is not None and not answer.success:
                self._page.complain('The controller refuses', answer.message)
        client.call_async(request).add_done_callback(tell)
        return True


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
