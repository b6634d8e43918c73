# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The controller node: goals and feedback in, a joint command out at each BPTT iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import time

from geometry_msgs.msg import PoseArray
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.control.mesh_distances import check_meshes
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.warm_up import warm_up
from snake_arm_control.errors import FeedbackError, SettingsError, SnakeArmError, WeightsError
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.ros import (
    chain_messages,
    goal_messages,
    joint_messages,
    topics,
    weight_messages,
)
from snake_arm_control.ros.controller_report import ControllerReport
from snake_arm_control.ros.convergence import Convergence
from snake_arm_control.ros.frames import Frames
from snake_arm_control.ros.goal_wait import GoalWait
from snake_arm_control.ros.hardware import Hardware, KINDS, NONE
from snake_arm_control.ros.joint_states import JointStates
from snake_arm_control.ros.markers import GoalMarkers
from snake_arm_control.ros.memory import release_compiler
from snake_arm_control.ros.model_loader import ModelLoader
from snake_arm_control.ros.parameters import ArmSettings, Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.ros.scene_topics import SceneTopics
from snake_arm_control.ros.tool_pose import ToolPose
from snake_arm_control.ros.true_frames import TrueFrames
from snake_arm_control.settings import part, setting

_NEWS_PERIOD = 10.0  # [s], of a model that is still being compiled
_OTHER_CLOCK = 10**9  # [ns] from now: joint states that are further off count as of now
_LATE = 1.5  # a tick that comes after this many periods has missed its deadline
_LAST_WAIT = Duration(seconds=0.5)  # for the last command to arrive


@dataclass(frozen=True)
class ControllerSettings(ControlSettings, ArmSettings):
    """Parameters of the controller node."""

    rate: float = setting(200.0, 'iterations per second', 'Hz', low=1.0, high=5000.0)
    lockstep: bool = setting(
        False, 'iterate as soon as the last command is answered, and at least at the rate')
    wait_for_joint_states: bool = setting(
        True, 'wait for the joint states of the arm; else it is taken to start at rest, and to do '
        'what it is commanded as long as no joint states come',
        read_only=True)
    scene: str = setting(
        '', 'YAML file of the shapes that the arm keeps clear of, beside those that come on '
        'obstacles')
    own_body: bool = setting(True, 'keep the links clear of each other')
    tracked_joints: tuple[int, ...] = setting(
        (), 'numbers of the joints whose poses pose_chain holds, in its order, such as [20, 40]; '
        'empty if it holds all')
    true_frames: str = setting(
        '', 'what the names of the frames of TF begin with that show where pose_chain has the '
        'links, such as true/; empty for no such frames', read_only=True)
    adapted_weights: str = setting(
        'adapted.safetensors', 'file that the service save writes: the forward model with what it '
        'learned while running')
    hardware: str = setting(
        NONE, 'controller of ros2_control that gets the commands too', choices=KINDS,
        read_only=True)

    def __post_init__(self):
        super().__post_init__()
        numbers = self.tracked_joints
        if numbers and not (len(set(numbers)) == len(numbers) and min(numbers) >= 1
                            and max(numbers) <= self.make_arm().joints):
            raise SettingsError(f'tracked_joints is {list(numbers)}, expected different numbers '
                                f'from 1 to {self.make_arm().joints}')
        self.make_scene()

    def make_scene(self) -> Scene:
        """
        Return the scene of the file, or an empty one.

        :raises SceneError: if the file can't be read, or describes no scene, or that of a mesh
        """
        scene = Scene.from_file(self.scene) if self.scene else Scene()
        check_meshes(scene.shapes)
        return scene


class ControllerNode(Node):
    """Wires a control loop to its topics, services and timer."""

    def __init__(self, **node_options):
        super().__init__('controller', **node_options)
        self._settings = Parameters(self, ControllerSettings, self._change)
        self._arm = self._settings.value.make_arm()
        self._body = self._settings.value.make_body()
        self._loop: ControlLoop | None = None  # until there is a model
        self._joint_states, self._frames = JointStates(self._arm), Frames(self, self._arm.base)
        self._loader = ModelLoader(warm_up)
        self._early_goal: Goal | None = None
        self._ticked_at = math.inf

        self._commands = self.create_publisher(JointState, topics.JOINT_COMMAND, topics.STREAM)
        self._pursued = self.create_publisher(Float64MultiArray, topics.PURSUED_GOAL,
                                              topics.LATCHED)
        self._pursued_text = self.create_publisher(String, topics.PURSUED_GOAL_YAML,
                                                   topics.LATCHED)
        self._hardware = Hardware(self, self._arm, self._settings.value.hardware)
        self._convergence = Convergence(self)
        self._tool = ToolPose(self, self._arm.base)
        self._true_frames = TrueFrames(self, self._arm, self._settings.value.true_frames)
        self._report = ControllerReport(self, self._convergence, self._joint_states)
        self._wait = GoalWait(self)
        self._markers = GoalMarkers(
            self, lambda: self._loop.estimated_chain if self._loop else None, self._arm.length,
            self._arm.base, lambda: self._loop.contact if self._loop else None)
        self._scene = SceneTopics(self, self._arm.base, self._frames.placement, self._avoid,
                                  self._report.reject_obstacles)
        self._scene.use(self._settings.value.make_scene())
        subscribe = self.create_subscription
        subscribe(UInt8MultiArray, topics.WEIGHTS, self._take_weights, topics.LATCHED_BY_ANY)
        for kind, topic, take in (
                (JointState, topics.JOINT_STATES, self._take_joint_states),
                (PoseArray, topics.POSE_CHAIN, self._take_pose_chain)):
            subscribe(kind, topic, take, topics.SENSOR, raw=True,  # read in place
                      qos_overriding_options=QoSOverridingOptions.with_default_policies())
        for kind, topic, convert in goal_messages.GOALS:
            subscribe(kind, topic, self._goal_callback(topic, convert), 10)
        self.create_service(SetBool, 'controller/hold', self._hold)
        self.create_service(Trigger, 'controller/reset', self._reset)
        self.create_service(Trigger, 'controller/save', self._save)
        # Of the steady clock, so that the watchdogs run on where the ROS clock is slow or stopped.
        self._timer = self.create_timer(1.0 / self._settings.value.rate, self._tick,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _change(self, settings: ControllerSettings) -> None:
        if self._loop:
            self._loop.settings = part(ControlSettings, settings)
        self._scene.use(settings.make_scene())
        self._avoid()
        self._ticked_at = math.inf
        self._timer.timer_period_ns = round(1e9 / settings.rate)

    def _take_weights(self, message: UInt8MultiArray) -> None:
        try:
            model = ForwardModel.from_bytes(weight_messages.message_to_bytes(message), self._arm)
        except WeightsError as error:
            self._report.refuse_weights(error)
            return
        self.get_logger().info('loading the forward model; where nothing compiled it before, '
                               'this takes a minute or two')
        self._loader.load(model)

    def _look_for_model(self) -> None:
        """Use a model that is ready."""
        model = self._loader.take()
        if model is None:
            if self._loader.is_busy:
                self.get_logger().info('still compiling; the next start will be quick',
                                       throttle_duration_sec=_NEWS_PERIOD, skip_first=True)
            return
        if self._loop is None:
            self._loop = ControlLoop(model, part(ControlSettings, self._settings.value))
            self._avoid()
            if not self._settings.value.wait_for_joint_states:
                self._loop.start(self._arm.rest)
            if self._early_goal is not None:
                self._loop.set_goal(self._early_goal)
        else:
            self._loop.use_model(model)
        release_compiler()
        self._report.accept_weights(model.fingerprint)
        self._report.update(self._loop, time.monotonic())

    def _avoid(self) -> None:
        """Keep clear of what there is now."""
        if self._loop is not None:
            scene = self._scene.scene
            self._loop.avoid(scene if scene.shapes else None, self._settings.value.own_body,
                             self._body)

    def _take_joint_states(self, data: bytes) -> None:
        if self._loop is None:
            return
        try:
            reported = self._joint_states.take(data)
        except FeedbackError as error:
            self._report.reject_feedback(topics.JOINT_STATES, error)
            return
        if reported is not None:
            stamp, angles = reported
            now = self.get_clock().now().nanoseconds
            # Drivers that do not stamp, or by another clock: they report what they have just read.
            self._loop.report(stamp if abs(now - stamp) < _OTHER_CLOCK else now, angles)
            self._answer()

    def _take_pose_chain(self, data: bytes) -> None:
        if self._loop is None:
            return
        try:
            stamp, chain = chain_messages.deserialize_chain(
                data, self._frames.placement, self._arm.base)
            chain = chain_messages.whole_chain(
                chain, self._settings.value.tracked_joints, self._arm.joints)
            self._loop.receive(stamp, chain)
        except FeedbackError as error:
            self._report.reject_feedback(topics.POSE_CHAIN, error)
            return
        self._tool.measure(self._loop, time.monotonic(), stamp, chain[-1])
        self._true_frames.publish(stamp, chain)
        self._answer()

    def _answer(self) -> None:
        """In lockstep, go on as soon as the latest command was answered."""
        if self._settings.value.lockstep and self._loop is not None and self._loop.answered:
            self._timer.reset()
            self._ticked_at = math.inf
            self._iterate()

    def _goal_callback(self, topic: str, convert: Callable) -> Callable:
        def take_goal(message) -> None:
            try:
                self._set_goal(convert(self._frames.in_base(message), self._arm))
            except SnakeArmError as error:
                self._report.reject_goal(topic, error)
        return take_goal

    def _set_goal(self, goal: Goal) -> None:
        if self._loop is None:
            goal.check(self._arm)
            self._early_goal = goal
        else:
            self._loop.set_goal(goal)
        self._show_goal(goal)

    def _show_goal(self, goal: Goal) -> None:
        """Publish and draw the goal that is pursued from now on."""
        self._pursued.publish(goal_messages.goal_to_message(goal))
        self._pursued_text.publish(goal_messages.goal_to_text(goal))
        self._wait.pursue(goal)
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
            self._show_goal(self._loop.goal)
            response.success, response.message = True, 'returning to rest'
        return response

    def _save(self, _, response: Trigger.Response) -> Trigger.Response:
        adapted = self._loop.adapted if self._loop else None
        try:
            if adapted is None:
                raise SettingsError('nothing was learned: adapt is 0, or no true chain came')
            path = adapted.save(self._settings.value.adapted_weights)
        except SnakeArmError as error:
            response.success, response.message = False, str(error)
        else:
            response.success, response.message = True, f'saved {path}'
        return response

    def _tick(self) -> None:
        self._look_for_model()
        now = time.monotonic()
        if now - self._ticked_at > _LATE / self._settings.value.rate:
            self._report.deadline_misses += 1
        self._ticked_at = now
        self._iterate()

    def _iterate(self) -> None:
        if self._loop is None:
            return
        now, stamp = time.monotonic(), self.get_clock().now().nanoseconds
        self._scene.expire(now)
        command = self._loop.iterate(now, stamp)
        if command is not None:
            self._commands.publish(joint_messages.serialize_joint_state(
                self._arm, command.stamp, command.positions, command.velocities))
            self._hardware.command(command.positions, command.period)
        self._convergence.take(self._loop, now, command is not None)
        self._tool.predict(self._loop, now, stamp, command is not None)
        self._report.update(self._loop, now)
        self._wait.update(self._loop, now)

    def finish(self) -> bool:
        """Brake, and return whether the commands are at rest, and the last one has arrived."""
        if self._loop is None:
            return True
        self._loop.hold(True)
        if self._loop.is_moving:
            return False
        self._commands.wait_for_all_acked(_LAST_WAIT)  # it would get lost with its publisher
        return True

    def destroy_node(self) -> None:
        """Let nobody wait any longer, then end the node."""
        if hasattr(self, '_wait'):  # a context also destroys a node that could not be made
            self._wait.close()
            self._loader.close()
        super().destroy_node()


def main(args: list[str] | None = None) -> int:
    """Run the controller node."""
    return run(ControllerNode, args)
