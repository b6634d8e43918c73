# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The controller node: goals and feedback in, a joint command out at each BPTT iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import time

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.errors import FeedbackError, SettingsError, SnakeArmError, WeightsError
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.ros import conversions, topics
from snake_arm_control.ros.convergence import Convergence
from snake_arm_control.ros.diagnostics import Diagnostics, Level
from snake_arm_control.ros.hardware import Hardware, KINDS, NONE
from snake_arm_control.ros.markers import GoalMarkers
from snake_arm_control.ros.memory import release_compiler
from snake_arm_control.ros.parameters import ArmSettings, Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.settings import part, setting

_LATE = 1.5  # a tick that comes after this many periods has missed its deadline


@dataclass(frozen=True)
class ControllerSettings(ControlSettings, ArmSettings):
    """Parameters of the controller node."""

    rate: float = setting(200.0, 'iterations per second', 'Hz', low=1.0, high=5000.0)
    lockstep: bool = setting(
        False, 'iterate as soon as the last command is answered, and at least at the rate')
    wait_for_joint_states: bool = setting(
        True, 'start from the first joint states of the arm, not from the zero angles',
        read_only=True)
    tracked_joints: str = setting(
        '', 'numbers of the joints whose poses pose_chain holds, in its order, such as 20 40; '
        'empty if it holds all')
    hardware: str = setting(
        NONE, 'controller of ros2_control that gets the commands too', choices=KINDS,
        read_only=True)

    def __post_init__(self):
        super().__post_init__()
        self.tracked()

    def tracked(self) -> tuple[int, ...]:
        """
        Return the numbers of the tracked joints, from 1; none if all are tracked.

        :raises SettingsError: if one is no joint of the arm, or given twice
        """
        words = self.tracked_joints.replace(',', ' ').split()
        numbers = tuple(int(word) for word in words if word.isdecimal())
        if (len(set(numbers)) != len(words)
                or not all(1 <= number <= self.joints for number in numbers)):
            raise SettingsError(f'tracked_joints is {self.tracked_joints!r}, expected different '
                                f'numbers from 1 to {self.joints}, separated by spaces')
        return numbers


class ControllerNode(Node):
    """Wires a control loop to its topics, services and timer."""

    def __init__(self, **node_options):
        super().__init__('controller', **node_options)
        self._settings = Parameters(self, ControllerSettings, self._change)
        self._arm = self._settings.value.arm()
        self._tracked = self._settings.value.tracked()
        self._loop: ControlLoop | None = None
        self._first_angles = None if self._settings.value.wait_for_joint_states else (
            [[0.0, 0.0]] * self._arm.joints)
        self._early_goal: Goal | None = None
        self._weights_trouble = ''
        self._rejected_goals = self._rejected_feedback = 0
        self._goal_trouble = self._feedback_trouble = ''
        self._rejected_at = -math.inf  # [s], the latest feedback that was
        self._reported = State.WAITING
        self._ticked_at = math.inf
        self._deadline_misses = 0

        self._commands = self.create_publisher(JointState, topics.JOINT_COMMAND, topics.STREAM)
        self._pursued = self.create_publisher(Float64MultiArray, topics.PURSUED_GOAL,
                                              topics.LATCHED)
        self._hardware = Hardware(self, self._arm, self._settings.value.hardware)
        self._convergence = Convergence(self)
        self._markers = GoalMarkers(
            self, lambda: self._loop.estimated_chain if self._loop else None, self._arm.length)
        subscribe = self.create_subscription
        subscribe(UInt8MultiArray, topics.WEIGHTS, self._take_weights, topics.LATCHED)
        for kind, topic, take in (
                (JointState, topics.JOINT_STATES, self._take_joint_states),
                (PoseArray, topics.POSE_CHAIN, self._take_pose_chain)):
            subscribe(kind, topic, take, topics.STREAM, raw=True,  # most aren't worth reading
                      qos_overriding_options=QoSOverridingOptions.with_default_policies())
        for kind, topic, convert in conversions.GOALS:
            subscribe(kind, topic, self._goal_callback(topic, convert), 10)
        self.create_service(SetBool, '~/hold', self._hold)
        self.create_service(Trigger, '~/reset', self._reset)
        self._timer = self.create_timer(1.0 / self._settings.value.rate, self._tick)
        self._diagnostics = Diagnostics(self, self._describe)

    def _change(self, settings: ControllerSettings) -> None:
        if self._loop:
            self._loop.settings = part(ControlSettings, settings)
        self._tracked = settings.tracked()
        self._ticked_at = math.inf
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
        release_compiler()
        self.get_logger().info(f'controlling with the weights {model.fingerprint}')

    def _take_joint_states(self, data: bytes) -> None:
        if self._loop is not None and self._loop.is_driving:
            return
        try:
            _, self._first_angles = conversions.deserialize_joint_state(self._arm, data)
        except FeedbackError as error:
            self._reject_feedback(error)
            return
        if self._loop is not None:
            self._loop.start(self._first_angles)

    def _take_pose_chain(self, data: bytes) -> None:
        if self._loop is None:
            return
        try:
            stamp, chain = conversions.deserialize_chain(data)
            self._loop.receive(stamp, conversions.whole_chain(
                chain, self._tracked, self._arm.joints))
        except FeedbackError as error:
            self._reject_feedback(error)
            return
        if self._settings.value.lockstep and self._loop.answered:
            self._timer.reset()
            self._ticked_at = math.inf
            self._iterate()

    def _reject_feedback(self, error: FeedbackError) -> None:
        self._rejected_feedback += 1
        self._rejected_at = time.monotonic()
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
        self._tell(goal)

    def _tell(self, goal: Goal) -> None:
        """Tell and draw the goal that is pursued from now on."""
        self._pursued.publish(conversions.goal_to_message(goal))
        self._markers.show(goal)

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
            self._tell(self._loop.goal)
            response.success, response.message = True, 'returning to rest'
        return response

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked_at > _LATE / self._settings.value.rate:
            self._deadline_misses += 1
        self._ticked_at = now
        self._iterate()

    def _iterate(self) -> None:
        if self._loop is None:
            return
        now = time.monotonic()
        command = self._loop.iterate(now, self.get_clock().now().nanoseconds)
        if command is not None:
            self._commands.publish(conversions.serialize_joint_state(self._arm, *command))
            self._hardware.command(command.positions, 1.0 / self._settings.value.rate)
        self._convergence.take(self._loop, now, command is not None)
        state = self._loop.state(now)
        if state is not self._reported:
            self._reported = state
            report = f'{state.value}; {self._why_no_feedback(now)}'.removesuffix('; ')
            if state in (State.NO_FEEDBACK, State.SEARCHING, State.STALLED):
                self.get_logger().warning(report)
            else:
                self.get_logger().info(report)
            self._diagnostics.publish()

    def _why_no_feedback(self, now: float) -> str:
        why = self._loop.feedback_trouble(now)
        if why and now - self._rejected_at <= self._settings.value.feedback_timeout:
            why += f'; the latest was ignored: {self._feedback_trouble}'
        return why

    def _describe(self):
        now = time.monotonic()
        loop = self._loop
        state = loop.state(now).value if loop else 'waiting for the weights'
        position_error, axis_error = loop.errors() if loop else (math.nan, math.nan)
        level = Level.OK
        others = self.count_publishers(topics.JOINT_COMMAND) - 1
        if others:
            self.get_logger().warning(f'{others} more publish {topics.JOINT_COMMAND}: is another '
                                      'controller running?', throttle_duration_sec=30.0)
        if self._weights_trouble:
            level, state = Level.ERROR, f'{state}; {self._weights_trouble}'
        elif others or loop is None or loop.state(now) in (
                State.WAITING, State.NO_FEEDBACK, State.SEARCHING, State.STALLED):
            level = Level.WARN
        return level, state, {
            'iterations': loop.iterations if loop else 0,
            'iterations per second': self._convergence.rate,
            'others that publish joint_command': others,
            'deadline misses': self._deadline_misses,
            'position error [m]': position_error, 'axis error [rad]': axis_error,
            'feedback age [s]': loop.feedback_age(now) if loop else 0.0,
            'feedback trouble': self._why_no_feedback(now) if loop else '',
            'rejected goals': self._rejected_goals, 'last rejected goal': self._goal_trouble,
            'rejected feedback': self._rejected_feedback,
            'last rejected feedback': self._feedback_trouble,
            'model fingerprint': loop.model.fingerprint if loop else ''}


def main(args: list[str] | None = None) -> int:
    """Run the controller node."""
    return run(ControllerNode, args)
