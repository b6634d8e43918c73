# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes among those of others, over a real DDS: drivers, trackers, grippers, and their own."""

from contextlib import contextmanager, ExitStack
import os
import signal
import subprocess
import sys

from geometry_msgs.msg import PoseArray
from harness import ARM, erring, ErringArm, node_process, observing, settled
import numpy as np
from patience import PATIENCE
import pytest
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import chain_messages, topics
from snake_arm_control.ros.latest import LatestMessages

pytestmark = pytest.mark.usefixtures('ros')

HERE = Goal.tool(position=(0.4, -0.3, 0.5), up=(0.0, 0.0, 1.0))
THERE = Goal.tool(position=(-0.3, 0.3, 0.6))
START = np.full(ARM.rest.shape, 0.3)  # [rad]


def of_gripper(message):
    """Return joint states of a gripper alone."""
    return [JointState(header=message.header, name=['gripper'], position=[0.02])]


def test_an_arm_starts_from_its_first_joint_states():
    with erring('start', start=START, states_fault=of_gripper) as arm:
        observer = arm.observer
        observer.wait(lambda: observer.state() == 'WAITING', 'the wait')
        observer.wait(lambda: 'no joint states of joint_1_x, joint_1_y, joint_2_x and 77 more'
                      in observer.detail('feedback trouble'), 'the reason')
        arm.heal()
        observer.wait(lambda: observer.state() == 'IDLE', 'the start')
        observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        np.testing.assert_allclose(observer.commands[0].position, START.ravel(), atol=1e-6)


def test_a_gripper_on_the_same_topic_at_500_hz_is_passed_over():
    """Predictions go on at their rate, control too, nothing is rejected, nobody is warned."""
    with erring('gripper', '--set', 'controller.feedback_timeout=60.0') as arm:
        observer, counts = arm.observer, {'gripper': 0, 'predicted': 0}
        publisher = observer.node.create_publisher(JointState, topics.JOINT_STATES, topics.STREAM)

        def grip():
            counts['gripper'] += 1
            message = JointState(name=['finger_left', 'finger_right'], position=[0.01, 0.02],
                                 velocity=[0.0, 0.0], effort=[0.5, 0.5])
            message.header.stamp = observer.node.get_clock().now().to_msg()
            publisher.publish(message)

        def count(_):
            counts['predicted'] += 1

        timer = observer.node.create_timer(0.002, grip)
        observer.node.create_subscription(PoseArray, topics.PREDICTED_POSE_CHAIN, count, 10,
                                          raw=True)
        observer.wait(lambda: counts['predicted'], 'a prediction')
        before = counts.copy()
        observer.publish_goal(HERE)
        observer.wait(lambda: counts['predicted'] - before['predicted'] >= 30, 'predictions')
        assert counts['gripper'] - before['gripper'] < 1000  # 500 while there are 30 of these
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        observer.catch_up()
        assert observer.detail('rejected feedback') == '0', (
            observer.detail('last rejected feedback'))
        observer.catch_up('forward_model')
        assert observer.detail('rejected joint states', 'forward_model') == '0'
        observer.node.destroy_timer(timer)
    assert 'WARN' not in arm.child.output


def test_best_effort_is_enough_for_everybody():
    """The controller, the forward model, the viewer's streams, and `up`, which sees the goal."""
    with erring('quiet', '--scenario', 'fig2', '--until-converged', qos=topics.SENSOR) as arm:
        observer, viewed = arm.observer, {}
        streams = LatestMessages(observer.node, {
            topics.JOINT_STATES: JointState, topics.POSE_CHAIN: PoseArray,
            topics.PREDICTED_POSE_CHAIN: PoseArray})
        streams.switch(True)

        def has_come():
            viewed.update(streams.take())
            return len(viewed) == 3

        observer.wait(has_come, 'the streams of the viewer')
        observer.wait(lambda: arm.child.poll() is not None, 'the end of up')
        streams.switch(False)
    assert arm.child.returncode == 0, arm.child.output
    assert 'reached: ' in arm.child.output.splitlines()[-1]


def test_a_tracker_of_the_tool_alone_is_enough_for_a_goal_of_the_tool():
    """Best effort, on an arm that is not as the model has learned it."""
    with (node_process('forward_model', 'tool'),
          node_process('controller', 'tool', '-p', 'tracked_joints:=[40]'),
          observing('tool') as observer):
        arm = ErringArm(observer, SimulationSettings(length_error=0.05), qos=topics.SENSOR)
        arm.fault = lambda stamp, chain: [chain_messages.serialize_chain(chain[-1:], stamp)]
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller')
        observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        refused = observer.set_parameter('controller', 'tracked_joints', 41)
        assert not refused.successful and 'numbers from 1 to 40' in refused.reason


@pytest.mark.parametrize('kind', ('joint_trajectory_controller', 'forward_command_controller'))
def test_ros2_control_gets_every_command(kind):
    message, topic = ((JointTrajectory, 'joint_trajectory') if kind[0] == 'j'
                      else (Float64MultiArray, 'commands'))
    with erring(kind[:5], '--set', f'controller.hardware={kind}') as arm:
        observer, passed = arm.observer, []
        observer.node.create_subscription(message, f'{kind}/{topic}', passed.append, 1000)
        observer.wait(lambda: observer.node.count_publishers(f'{kind}/{topic}'), 'the controller')
        observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        settled(observer)
        observer.wait(lambda: len(passed) >= len(observer.commands), 'each of the commands')
    passed = [(each.points[0].positions if kind[0] == 'j' else each.data).tolist()
              for each in passed]
    assert passed == [command.position.tolist() for command in observer.commands]


@contextmanager
def nodes(namespace, stack):
    """Run controller and forward model in processes of their own, and play their arm."""
    with observing(namespace) as observer:
        arm = ErringArm(observer)
        arm.nodes = {name: stack.enter_context(node_process(name, namespace))
                     for name in ('forward_model', 'controller')}
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller')
        yield arm


@pytest.mark.parametrize('killed', ('controller', 'forward_model'))
def test_a_node_that_was_killed_is_started_again_beside_the_others(killed):
    """A controller starts from where the arm stands and has no goal; the model is not missed."""
    with ExitStack() as stack, nodes('killed', stack) as arm:
        observer = arm.observer
        observer.publish_goal(HERE)
        observer.wait(lambda: len(observer.commands) > 3, 'commands')
        arm.nodes[killed].send_signal(signal.SIGKILL)
        arm.nodes[killed].wait()
        observer.diagnostics.clear()
        stack.enter_context(node_process(killed, 'killed'))
        observer.wait(lambda: f'/killed/{killed}' in observer.diagnostics, 'the node')
        if killed == 'controller':
            observer.wait(lambda: observer.state() == 'IDLE', 'the controller')
            observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        observer.publish_goal(THERE)
        observer.wait(lambda: arm.is_at(THERE), 'the next goal')


@pytest.mark.parametrize(('asked_for', 'is_shared'), (
    ({}, False), ({'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT'}, True)),
    ids=('nothing', 'the default of Fast DDS'))
def test_a_node_shares_no_memory_that_a_killed_neighbour_may_leave_locked(asked_for, is_shared):
    """Publishers would stand still for seconds, the controller in mid-motion among them."""
    code = ('from snake_arm_control.ros.running import ros\n'
            'import rclpy\n'
            'with ros([]):\n'
            '    node = rclpy.create_node("alone")\n'
            '    print(open("/proc/self/maps").read())')
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(('FASTDDS_', 'FASTRTPS_'))}
    done = subprocess.run((sys.executable, '-c', code), env={**environment, **asked_for},
                          capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert ('/dev/shm/fast' in done.stdout) is is_shared
