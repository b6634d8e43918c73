# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The controller node: goals and feedback in, a joint command out at each BPTT iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import time

from geometry_msgs.msg import PointStamped, PoseArray, PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from snake_arm_control.control_loop import ControlLoop, ControlSettings, State
from snake_arm_control.errors import FeedbackError, SnakeArmError, WeightsError
from snake_arm_control.forward_model import ForwardModel
from snake_arm_control.goal import Goal
from snake_arm_control.nodes import conversions, topics
from snake_arm_control.nodes.diagnostics import Diagnostics, Level
from snake_arm_control.nodes.parameters import ArmSettings, Parameters
from snake_arm_control.nodes.running import run
from snake_arm_control.settings import part, setting


@dataclass(frozen=True)
class ControllerSettings(ControlSettings, ArmSettings):
    """Parameters of the controller node."""

    rate: float = setting(200.0, 'iterations per second', 'Hz', low=1.0, high=5000.0)
    lockstep: bool = setting(
        False, 'iterate as soon as the last command is answered, and at least at the rate')
    wait_for_joint_states: bool = setting(
        True, 'start from the first joint states of the arm, not from the zero angles',
        read_only=True)


class ControllerNode(Node):
    """Wires a control loop to its topics, services and timer."""

    def __init__(self, **node_options):
        super().__init__('controller', **node_options)
        self._settings = Parameters(self, ControllerSettings, self._change)
        self._arm = self._settings.value.arm()
        self._loop: ControlLoop | None = None
        self._first_angles = None if self._settings.value.wait_for_joint_states else (
            [[0.0, 0.0]] * self._arm.joints)
        self._early_goal: Goal | None = None
        self._weights_trouble = ''
        self._rejected_goals = self._rejected_feedback = 0
        self._goal_trouble = self._feedback_trouble = ''
        self._reported = State.WAITING
        self._counted_at, self._counted = time.monotonic(), 0

        self._commands = self.create_publisher(JointState, topics.JOINT_COMMAND, topics.STREAM)
        self._markers = self.create_publisher(MarkerArray, topics.MARKERS, topics.LATCHED)
        subscribe = self.create_subscription
        subscribe(UInt8MultiArray, topics.WEIGHTS, self._take_weights, topics.LATCHED)
        subscribe(JointState, topics.JOINT_STATES, self._take_joint_states, topics.STREAM)
        subscribe(PoseArray, topics.POSE_CHAIN, self._take_pose_chain, topics.STREAM, raw=True)
        for kind, topic, convert in (
                (Float64MultiArray, topics.GOAL, conversions.message_to_goal),
                (PoseStamped, topics.GOAL_POSE, conversions.pose_stamped_to_goal),
                (PointStamped, topics.CLICKED_POINT, conversions.point_stamped_to_goal)):
            subscribe(kind, topic, self._goal_callback(topic, convert), 10)
        self.create_service(SetBool, '~/hold', self._hold)
        self.create_service(Trigger, '~/reset', self._reset)
        self._timer = self.create_timer(1.0 / self._settings.value.rate, self._iterate)
        self._diagnostics = Diagnostics(self, self._describe)

    def _change(self, settings: ControllerSettings) -> None:
        if self._loop:
            self._loop.settings = part(ControlSettings, settings)
        self._timer.timer_period_ns = round(1e9 / settings.rate)

    def _take_weights(self, message: UInt8MultiArray) -> None:
        self.get_logger().info('loading the forward model; where nothing compiled it before, '
                               'this takes some seconds')
        try:
            model = ForwardModel.from_bytes(conversions.message_to_bytes(message), self._arm)
        except WeightsError as error:
            self._weights_trouble = str(error)
            self.get_logger().error(f'{error}; the weights before stay')
            return
        self._weights_trouble = ''
        if self._loop is None:
            self._loop = ControlLoop(model, part(ControlSettings, self._settings.value))
            if self._first_angles is not None:
                self._loop.start(self._first_angles)
            if self._early_goal is not None:
                self._loop.set_goal(self._early_goal)
        else:
            self._loop.use_model(model)
        self.get_logger().info(f'controlling with the weights {model.fingerprint}')

    def _take_joint_states(self, message: JointState) -> None:
        if self._loop is not None and self._loop.angles is not None:
            return
        try:
            self._first_angles = conversions.joint_state_to_angles(self._arm, message)
        except FeedbackError as error:
            self._reject_feedback(error)
            return
        if self._loop is not None:
            self._loop.start(self._first_angles)

    def _take_pose_chain(self, data: bytes) -> None:
        if self._loop is None:
            return
        try:
            self._loop.receive(*conversions.deserialize_chain(data))
        except FeedbackError as error:
            self._reject_feedback(error)
            return
        if self._settings.value.lockstep and self._loop.answered:
            self._timer.reset()
            self._iterate()

    def _reject_feedback(self, error: FeedbackError) -> None:
        self._rejected_feedback += 1
        self._feedback_trouble = str(error)
        self.get_logger().warning(f'feedback ignored: {error}', throttle_duration_sec=5.0)

    def _goal_callback(self, topic: str, convert: Callable) -> Callable:
        def take_goal(message) -> None:
            try:
                self._set_goal(convert(message, self._arm.joints))
            except SnakeArmError as error:
                self._rejected_goals += 1
                self._goal_trouble = f'{topic}: {error}'
                self.get_logger().error(f'goal on {topic} rejected: {error}; '
                                        'the goal before stays')
                self._diagnostics.publish()
        return take_goal

    def _set_goal(self, goal: Goal) -> None:
        if self._loop is None:
            self._early_goal = goal
        else:
            self._loop.set_goal(goal)
        self._mark(goal)

    def _mark(self, goal: Goal) -> None:
        chain = self._loop.true_chain if self._loop else None
        self._markers.publish(conversions.goal_to_markers(
            goal, chain, self.get_clock().now().nanoseconds))

    def _hold(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if self._loop is None:
            response.success, response.message = False, 'there is no forward model yet'
        else:
            self._loop.hold(request.data)
            response.success = True
            response.message = 'holding' if request.data else 'going on'
        return response

    def _reset(self, _, response: Trigger.Response) -> Trigger.Response:
        if self._loop is None:
            response.success, response.message = False, 'there is no forward model yet'
        else:
            self._loop.reset()
            self._mark(self._loop.goal)
            response.success, response.message = True, 'returning to rest'
        return response

    def _iterate(self) -> None:
        if self._loop is None:
            return
        now = time.monotonic()
        command = self._loop.iterate(now, self.get_clock().now().nanoseconds)
        if command is not None:
            self._commands.publish(conversions.angles_to_joint_state(self._arm, *command))
        state = self._loop.state(now)
        if state is not self._reported:
            self._reported = state
            if state in (State.NO_FEEDBACK, State.SEARCHING, State.STALLED):
                self.get_logger().warning(state.value)
            else:
                self.get_logger().info(state.value)
            self._diagnostics.publish()

    def _describe(self):
        now = time.monotonic()
        loop = self._loop
        iterations = loop.iterations if loop else 0
        rate = (iterations - self._counted) / max(now - self._counted_at, 1e-6)
        if now - self._counted_at > 0.2:
            self._counted, self._counted_at = iterations, now
        state = loop.state(now).value if loop else 'waiting for the weights'
        position_error, axis_error = loop.errors() if loop else (math.nan, math.nan)
        level = Level.OK
        if self._weights_trouble:
            level, state = Level.ERROR, f'{state}; {self._weights_trouble}'
        elif loop is None or loop.state(now) in (
                State.WAITING, State.NO_FEEDBACK, State.SEARCHING, State.STALLED):
            level = Level.WARN
        return level, state, {
            'iterations': iterations, 'iterations per second': rate,
            'position error [m]': position_error, 'axis error [rad]': axis_error,
            'feedback age [s]': loop.feedback_age(now) if loop else 0.0,
            'rejected goals': self._rejected_goals, 'last rejected goal': self._goal_trouble,
            'rejected feedback': self._rejected_feedback,
            'last rejected feedback': self._feedback_trouble,
            'model fingerprint': loop.model.fingerprint if loop else ''}


def main(args: list[str] | None = None) -> int:
    """Run the controller node."""
    return run(ControllerNode, args)
