# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What stands between the nodes and the simulator of their arm, and disturbs both."""

from geometry_msgs.msg import PoseArray
from harness import ARM, EVERYTHING
import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from snake_arm_control.ros import chain_messages, joint_messages, topics

BEHIND = 'arm/'  # before the topics of the simulator
REMAPPED = tuple(word for topic in (topics.JOINT_COMMAND, topics.JOINT_STATES, topics.POSE_CHAIN)
                 for word in ('-r', f'{topic}:={BEHIND}{topic}'))  # for the simulator


class Relay:
    """
    Passes on commands, joint states and pose chains, as long as nothing is the matter.

    :ivar fault: of the tracker, and `states_fault` of the driver, as in `falsified`; None for none
    :ivar chain: stamp [ns] and chain (joints, 9), the latest of the simulator, before any fault
    :ivar has_gripper: whether a gripper reports at 500 Hz on the same topic
    """

    def __init__(self, node):
        self.fault = self.states_fault = self.chain = None
        self.has_gripper = False
        self._angles = ARM.rest  # (joints, axes) [rad], as the simulator reports them
        self._is_stopped = False
        self._commands = node.create_publisher(JointState, BEHIND + topics.JOINT_COMMAND,
                                               topics.STREAM)
        self._states = node.create_publisher(JointState, topics.JOINT_STATES, topics.STREAM)
        self._chains = node.create_publisher(PoseArray, topics.POSE_CHAIN, topics.STREAM)
        for kind, topic, take in (
                (JointState, topics.JOINT_COMMAND, self._command),
                (JointState, BEHIND + topics.JOINT_STATES, self._report),
                (PoseArray, BEHIND + topics.POSE_CHAIN, self._measure)):
            node.create_subscription(kind, topic, take, EVERYTHING, raw=True)
        node.create_timer(0.002, self._grip)

    def stop(self):
        """Let the arm stand where it is, whatever is commanded."""
        self._is_stopped = True
        self.push(0.0)

    def push(self, delta):
        """Move the joints of an arm that is stopped by (joints, axes) [rad]."""
        self._commands.publish(joint_messages.serialize_joint_state(ARM, 0, self._angles + delta))

    def release(self):
        """Let the arm follow the commands that come from now on."""
        self._is_stopped = False

    def heal(self):
        """Report what is."""
        self.fault = self.states_fault = None

    def _command(self, data):
        if not self._is_stopped:
            self._commands.publish(data)

    def _report(self, data):
        self._angles = joint_messages.deserialize_joint_state(ARM, data)[1].copy()
        if self.states_fault is None:
            self._states.publish(data)
            return
        for message in self.states_fault(deserialize_message(data, JointState)):
            self._states.publish(message)

    def _measure(self, data):
        self.chain = chain_messages.deserialize_chain(data)
        for message in [data] if self.fault is None else self.fault(*self.chain):
            self._chains.publish(message)

    def _grip(self):
        if self.has_gripper:
            self._states.publish(JointState(name=['finger'], position=[0.01], velocity=[np.nan]))
