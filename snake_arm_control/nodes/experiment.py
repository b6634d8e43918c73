# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The experiment node: an experiment as the topics show it, recorded as in the library."""

from __future__ import annotations

from dataclasses import fields
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.loop import ControlSettings
from snake_arm_control.errors import FeedbackError, SnakeArmError
from snake_arm_control.experiments.runs import about, IDEAL_ARM, Recorder, Recording, TIME_LIMIT
from snake_arm_control.experiments.scenarios import Scenario
from snake_arm_control.nodes.controller import ControllerSettings
from snake_arm_control.nodes.up import Options, running
from snake_arm_control.ros import chain_messages, goal_messages, topics
from snake_arm_control.ros.diagnostics import status_of

_START_TIME = 60.0  # [s] that the nodes may take to come up


class ExperimentNode(Node):
    """
    Takes the pursued goal, commands and true poses, each at the time when it comes.

    Goals and chains that are not those of the arm are counted and passed over.
    """

    def __init__(self, recorder: Recorder, **node_options):
        super().__init__('experiment', **node_options)
        self._recorder = recorder
        self.fingerprint = ''  # of the controller's model
        self.rejected = 0
        subscribe = self.create_subscription
        subscribe(Float64MultiArray, topics.PURSUED_GOAL, self._take_goal, topics.LATCHED)
        subscribe(JointState, topics.JOINT_COMMAND, self._take_command, topics.STREAM)
        subscribe(PoseArray, topics.POSE_CHAIN, self._take_chain, topics.SENSOR, raw=True)
        subscribe(DiagnosticArray, topics.DIAGNOSTICS, self._take_diagnostics, 10)
        self._controller = self.get_namespace().rstrip('/') + '/controller'

    def _take_goal(self, message: Float64MultiArray) -> None:
        try:
            goal = goal_messages.message_to_goal(message, self._recorder.arm.joints)
        except SnakeArmError:  # that of another arm
            self.rejected += 1
            return
        self._recorder.take_goal(time.monotonic(), goal)

    def _take_command(self, _: JointState) -> None:
        self._recorder.take_command()

    def _take_chain(self, data: bytes) -> None:
        try:
            _, chain = chain_messages.deserialize_chain(data, base=self._recorder.arm.base)
        except FeedbackError:
            chain = np.empty((0, pose.SIZE))
        if len(chain) == self._recorder.arm.joints:
            self._recorder.take_chain(time.monotonic(), chain)
        else:
            self.rejected += 1

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        status = status_of(self._controller, message)
        if status is not None:
            self.fingerprint = status.model


class NodesRun:
    """
    Runs experiments over the real nodes; see `experiments.runs.LibraryRun`.

    :param settings: of the nodes, each as node.name=value
    """

    def __init__(self, arm: Arm, truth: SimulationSettings = IDEAL_ARM, namespace: str = '',
                 settings: tuple[str, ...] = ()):
        self.arm, self.truth, self.namespace = arm, truth, namespace
        self.settings = settings

    def __call__(self, scenario: Scenario, period: float) -> Recording:
        """
        Bring up the nodes, let the arm follow a scenario, and record what the topics show.

        :param period: of a moving goal [s]
        :raises FeedbackError: if the nodes don't come up or say nothing any more
        :raises GoalError: if the arm has too few joints for the scenario
        """
        scenario.goal_at(self.arm, 0.0)
        recorder = Recorder(scenario, self.arm, period)
        settings = tuple(f'simulator.{each.name}={getattr(self.truth, each.name)}'
                         for each in fields(SimulationSettings)
                         if getattr(self.truth, each.name) != each.default)
        options = Options(joints=self.arm.joints, namespace=self.namespace,
                          scenario=scenario.name,
                          settings=(*settings, *self.settings, f'scenario.period={period}'))
        deadline = time.monotonic() + _START_TIME + 2.0 * max(period, TIME_LIMIT)
        with running(options, lambda **where: ExperimentNode(recorder, **where)) as (
                executor, node, _):
            while not (recorder.is_done() and node.fingerprint):
                if time.monotonic() > deadline:
                    raise FeedbackError(f'{scenario.name} has not ended over the nodes: no true '
                                        'poses come, or too slowly')
                executor.spin_once(timeout_sec=0.05)
        return recorder.recording({
            **about('nodes', node.fingerprint, self.truth, ControlSettings(),
                    ControllerSettings().rate), 'rejected_messages': node.rejected})
