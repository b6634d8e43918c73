# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the simulator node: stamps, clocks and engines."""

from contextlib import contextmanager
from importlib.util import find_spec
import math
import time

from geometry_msgs.msg import PoseArray
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.errors import SettingsError
from snake_arm_control.nodes.simulator import SimulatorNode
from snake_arm_control.ros import chain_messages, joint_messages, message_stamps, topics

pytestmark = pytest.mark.usefixtures('ros')

ARM = Arm.uniform(joints=6)
TARGET = np.full((6, 2), 0.5)
SECOND = 10**9  # [ns]
HOUR = 3600 * SECOND


class Bench:
    """A simulator node, and what it receives and publishes."""

    def __init__(self, namespace, **parameters):
        self.simulator = SimulatorNode(namespace=namespace, parameter_overrides=[
            Parameter(name, value=value) for name, value in {'joints': 6, **parameters}.items()])
        self.node = rclpy.create_node('bench', namespace=namespace)
        self.states, self.chains = [], []  # stamp [ns], angles; stamp [ns], chain
        self._commands = self.node.create_publisher(JointState, topics.JOINT_COMMAND,
                                                    topics.STREAM)
        self._clock = self.node.create_publisher(Clock, '/clock', 10)
        for kind, topic, read, kept in (
                (JointState, topics.JOINT_STATES, self._read_states, self.states),
                (PoseArray, topics.POSE_CHAIN, chain_messages.deserialize_chain, self.chains)):
            self.node.create_subscription(
                kind, topic, lambda data, read=read, kept=kept: kept.append(read(data)),
                topics.STREAM, raw=True)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.simulator)
        self.executor.add_node(self.node)

    @staticmethod
    def _read_states(data):
        stamp, angles = joint_messages.deserialize_joint_state(ARM, data)
        return stamp, angles.copy()

    def wait(self, condition, what, timeout=20.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f'waited {timeout} s in vain for {what}'
            self.executor.spin_once(timeout_sec=0.02)

    def set_clock(self, stamp):
        """Let the simulated clock show a stamp [ns], once the simulator has received it."""
        def shown():
            self._clock.publish(Clock(clock=message_stamps.stamp_to_time(stamp)))
            return self.simulator.get_clock().now().nanoseconds == stamp
        self.wait(shown, 'the clock')

    def command(self, positions):
        """Publish a command, return once its answer has come, and return its stamp [ns]."""
        self.wait(self._commands.get_subscription_count, 'the simulator')
        stamp = self.simulator.get_clock().now().nanoseconds
        before = self.simulator._commands
        self._commands.publish(joint_messages.angles_to_joint_state(ARM, stamp, positions))
        self.wait(lambda: self.simulator._commands > before, 'the command')
        self.wait(lambda: self.states and self.states[-1][0] >= stamp, 'the answer')
        return stamp

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
        self.simulator.destroy_node()


@contextmanager
def bench(namespace, **parameters):
    made = Bench(namespace, **parameters)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize('bad', (JointState(name=['a']), JointState(name=ARM.joint_names),
                                 JointState(name=ARM.joint_names, position=[math.nan] * 12)),
                         ids=('of another arm', 'without positions', 'not finite'))
def test_a_bad_command_is_rejected_and_the_one_before_stays(bad):
    with bench('bad') as arm:
        arm.command(TARGET)
        arm._commands.publish(bad)
        arm.wait(lambda: arm.simulator._rejected, 'the rejection')
        before = len(arm.states)
        arm.wait(lambda: len(arm.states) > before, 'a beat')
        np.testing.assert_allclose(arm.states[-1][1], TARGET)


def test_chains_carry_the_stamp_of_the_joint_states_of_their_moment():
    with bench('moment', servo_velocity=1.0) as arm:
        for k in range(20):
            arm.command(TARGET * (k % 3))
        arm.wait(lambda: len(arm.chains) >= 20, 'the chains')
        states = dict(arm.states)
        for stamp, chain in arm.chains[:20]:
            np.testing.assert_allclose(chain, forward_kinematics(ARM, states[stamp]), atol=1e-9)
        assert len({angles.tobytes() for angles in states.values()}) > 10


def test_an_answer_is_measured_after_the_command_and_late_by_the_latency():
    with bench('answer', feedback_latency=0.05) as arm:
        for _ in range(5):
            sent = arm.command(TARGET)
            arm.wait(lambda: arm.chains and arm.chains[-1][0] >= sent, 'the answer')
            assert arm.simulator.get_clock().now().nanoseconds - arm.chains[-1][0] >= 5 * 10**7


def test_a_tracker_without_a_clock_of_the_arm_stamps_on_arrival():
    with bench('arrival', feedback_latency=0.05, feedback_stamps='arrival',
               clock_offset=3600.0) as arm:
        arm.wait(lambda: len(arm.chains) >= 3, 'chains')
        states = [stamp for stamp, _ in arm.states]
        assert all(stamp - HOUR - 5 * 10**7 in states for stamp, _ in arm.chains)


@pytest.mark.parametrize('epoch', (100 * SECOND, 1_764_106_535 * SECOND))
def test_servos_are_as_fast_as_they_are_in_simulated_time(epoch):
    """However slowly or fast that passes, and not at all while it is paused."""
    with bench('slow', use_sim_time=True, servo_velocity=0.5) as arm:
        arm.set_clock(epoch)
        arm.command(TARGET)
        for elapsed in (0.0, 0.1, 0.1, 0.5, 10.0):
            stamp = epoch + round(1e9 * elapsed)
            arm.set_clock(stamp)
            arm.command(TARGET)
            stamped, angles = arm.states[-1]
            assert stamped == stamp
            np.testing.assert_allclose(angles, min(0.5 * elapsed, 0.5), atol=1e-6)


def test_after_a_clock_was_set_back_the_heart_beats_on():
    with bench('back', use_sim_time=True, servo_velocity=0.5) as arm:
        arm.set_clock(2 * HOUR)
        arm.command(TARGET)
        arm.set_clock(2 * HOUR + SECOND)
        arm.wait(lambda: arm.states[-1][0] == 2 * HOUR + SECOND, 'a beat')
        before = arm.states[-1][1]
        arm.set_clock(HOUR)
        clock = iter(range(HOUR, 2 * HOUR, SECOND // 100))
        def ticks(condition):
            arm.set_clock(next(clock))
            return condition()
        arm.wait(lambda: ticks(lambda: arm.states[-1][0] < 2 * HOUR), 'a beat')
        np.testing.assert_allclose(arm.states[-1][1], before, atol=0.1)
        arm.wait(lambda: ticks(lambda: len(arm.chains) and arm.chains[-1][0] < 2 * HOUR),
                 'a chain')


def test_a_frozen_tracker_is_a_parameter_that_changes_while_the_arm_moves():
    with bench('frozen') as arm:
        arm.wait(lambda: arm.chains, 'a chain')
        still = arm.chains[-1][1]
        arm.simulator.set_parameters([Parameter('feedback_frozen', value=True)])
        sent = arm.command(TARGET)
        arm.wait(lambda: arm.chains[-1][0] >= sent, 'a chain')
        np.testing.assert_array_equal(arm.chains[-1][1], still)
        np.testing.assert_allclose(arm.states[-1][1], TARGET)


def test_an_emergency_stop_is_a_service():
    """A stopped arm reports where it is, and goes for its last command when it is released."""
    with bench('stop') as arm:
        client = arm.node.create_client(SetBool, 'simulator/stop')
        arm.wait(client.service_is_ready, 'the service')
        for stopped in (True, False):
            future = client.call_async(SetBool.Request(data=stopped))
            arm.wait(future.done, 'the answer')
            assert future.result().success
            if stopped:
                arm.command(TARGET)
            sent = arm.simulator.get_clock().now().nanoseconds
            arm.wait(lambda: arm.states[-1][0] > sent, 'joint states')
            np.testing.assert_array_equal(arm.states[-1][1], 0.0 if stopped else TARGET)


@pytest.mark.skipif(find_spec('mujoco') is None, reason='mujoco is not installed')
def test_the_arm_in_mujoco_sags_over_the_same_topics():
    with bench('mujoco', engine='mujoco', servo_stiffness=50.0, servo_damping=5.0) as arm:
        arm.command(TARGET)
        arm.wait(lambda: np.abs(arm.states[-1][1]).max() > 0.4, 'the motion')
        arm.wait(lambda: len(arm.states) > 10 and np.ptp(
            [angles for _, angles in arm.states[-5:]], axis=0).max() < 1e-4, 'an arm that rests')
        assert 1e-3 < np.abs(arm.states[-1][1] - TARGET).max() < 0.1
        chain = forward_kinematics(ARM, dict(arm.states)[arm.chains[-1][0]])
        np.testing.assert_allclose(arm.chains[-1][1], chain, atol=1e-9)


def test_another_engine_is_refused():
    with pytest.raises(SettingsError, match="engine is 'bullet', expected one of"):
        bench('bullet', engine='bullet').__enter__()
