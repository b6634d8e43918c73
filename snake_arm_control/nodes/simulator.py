# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The simulator node: follows commands and reports joint states and the true pose chain."""

from __future__ import annotations

from dataclasses import dataclass
import math

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

from snake_arm_control.arm.engines import make_true_arm
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.arm.tracker import Tracker
from snake_arm_control.errors import SnakeArmError
from snake_arm_control.ros import chain_messages, joint_messages, topics
from snake_arm_control.ros.diagnostics import Diagnostics, Level
from snake_arm_control.ros.parameters import ArmSettings, Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.settings import part, setting


@dataclass(frozen=True)
class SimulatorSettings(SimulationSettings, ArmSettings):
    """Parameters of the simulator node."""

    heartbeat: float = setting(30.0, 'rate at which an arm that is not commanded reports its pose',
                               'Hz', low=1.0, high=1000.0, read_only=True)
    publish_description: bool = setting(
        False, 'publish robot_description, where no robot_state_publisher does', read_only=True)


class SimulatorNode(Node):
    """
    Moves a simulated arm by the ROS clock, and publishes joint states and true pose chains.

    Both come at each command and at a heartbeat, and are of the same moment.
    """

    def __init__(self, **node_options):
        super().__init__('simulator', **node_options)
        self._settings = Parameters(self, SimulatorSettings, self._change)
        settings = self._settings.value
        self._arm = make_true_arm(settings.make_arm(), part(SimulationSettings, settings))
        # Compiled here: a callback would wait while others of this process compile for a minute.
        chain_messages.serialize_chain(self._arm.true_chain(), 0, self._arm.arm.base)
        self._tracker = Tracker(self._arm.settings)
        self._commands = self._rejected = 0
        self._stopped = False
        self._measured_at = -math.inf  # [s]
        self._states = self.create_publisher(JointState, topics.JOINT_STATES, topics.STREAM)
        self._chain = self.create_publisher(PoseArray, topics.POSE_CHAIN, topics.STREAM)
        self.create_subscription(JointState, topics.JOINT_COMMAND, self._command, topics.STREAM,
                                 raw=True)
        self.create_service(SetBool, 'simulator/stop', self._stop)
        if settings.publish_description:
            self._description = self.create_publisher(String, topics.ROBOT_DESCRIPTION,
                                                      topics.LATCHED)
            self._description.publish(String(data=settings.robot_description()))
        self._delivery = self.create_timer(0.001, self._deliver)
        self._delivery.cancel()
        self._period = 1.0 / settings.heartbeat
        self.create_timer(self._period, self._beat)
        Diagnostics(self, self._describe)

    def _change(self, settings: SimulatorSettings) -> None:
        self._arm.settings = self._tracker.settings = part(SimulationSettings, settings)

    def _stop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._arm.advance(1e-9 * self._stamp())
        self._arm.stop(request.data)
        self._stopped = request.data
        response.success, response.message = True, 'stopped' if request.data else 'released'
        return response

    def _command(self, data: bytes) -> None:
        stamp = self._stamp()
        try:
            _, positions = joint_messages.deserialize_joint_state(self._arm.arm, data)
            self._arm.command(positions, 1e-9 * stamp)
        except SnakeArmError as error:
            self._rejected += 1
            self.get_logger().warning(f'command rejected: {error}', throttle_duration_sec=5.0)
            return
        self._commands += 1
        self._measure(stamp)

    def _beat(self) -> None:
        stamp = self._stamp()
        if not 0.0 <= 1e-9 * stamp - self._measured_at < 0.5 * self._period:
            self._measure(stamp)

    def _measure(self, stamp: int) -> None:
        """Publish what the encoders and the tracker see at a time [ns]."""
        self._measured_at = now = 1e-9 * stamp
        self._arm.advance(now)
        self._states.publish(joint_messages.serialize_joint_state(
            self._arm.arm, stamp, self._arm.angles))
        self._tracker.observe(now, self._arm.true_chain(), stamp)
        self._deliver()

    def _deliver(self) -> None:
        """Publish the measurements that have arrived, and come back for the others."""
        for stamp, chain in self._tracker.arrived(1e-9 * self._stamp()):
            self._chain.publish(chain_messages.serialize_chain(
                chain, stamp, self._arm.arm.base))
        if not self._tracker.is_waiting:
            self._delivery.cancel()
        elif self._delivery.is_canceled():
            self._delivery.reset()

    def _stamp(self) -> int:
        return self.get_clock().now().nanoseconds

    def _describe(self):
        return Level.OK, 'stopped' if self._stopped else 'simulating', {
            'engine': self._arm.settings.engine, 'commands': self._commands,
            'rejected commands': self._rejected}


def main(args: list[str] | None = None) -> int:
    """Run the simulator node."""
    return run(SimulatorNode, args)
