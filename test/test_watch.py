# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the observer of commands makes of messages."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from guard import Guard
from harness import Watch
import numpy as np
import pytest
import rclpy
from sensor_msgs.msg import JointState

from snake_arm_control.arm.description import Arm
from snake_arm_control.ros import joint_messages, message_stamps

ARM = Arm.uniform(joints=3)
START = 100 * 10**9  # [ns]
ZERO = np.zeros((3, 2))


@pytest.fixture
def watch():
    rclpy.init(args=[])
    node = rclpy.create_node('watch')
    yield Watch(node, Guard(ARM))
    node.destroy_node()
    rclpy.try_shutdown()


def laws(watch):
    watch.guard.finish()
    return [text.split(':')[0] for text in watch.guard.violations]


def states(names, positions, stamp=START):
    message = JointState(name=list(names), position=list(positions))
    message.header.stamp = message_stamps.stamp_to_time(stamp)
    return message


def test_a_command_far_from_the_joint_states_is_seen(watch):
    watch.take_states(states(reversed(ARM.joint_names), (0.5, 0.4, 0.3, 0.2, 0.1, 0.0)))
    expected = np.arange(6).reshape(3, 2) / 10.0
    watch.take_command(joint_messages.angles_to_joint_state(ARM, START + 1, expected, ZERO))
    assert laws(watch) == []
    watch.take_command(joint_messages.angles_to_joint_state(ARM, START + 2, ZERO, ZERO))
    assert 'step' in laws(watch)


def test_joint_states_in_parts_among_strangers_are_put_together(watch):
    for names in (ARM.joint_names[:2], ('gripper',), (*ARM.joint_names[2:], 'gripper')):
        watch.take_states(states(names, [0.5] * len(names)))
    watch.take_command(joint_messages.angles_to_joint_state(ARM, START + 1, ZERO, ZERO))
    assert laws(watch) == ['start']


@pytest.mark.parametrize('message', (
    states(ARM.joint_names[:4], [0.0] * 4), states(ARM.joint_names, [0.0] * 5),
    states(reversed(ARM.joint_names), [0.0] * 6),
    JointState(name=ARM.joint_names, position=[0.0] * 6, velocity=[0.0] * 5)),
    ids=('some', 'too few', 'another order', 'too few velocities'))
def test_a_command_that_does_not_name_each_joint_in_order_has_no_form(watch, message):
    watch.take_command(message)
    assert laws(watch) == ['form']


def diagnostics(started_at, name='/controller'):
    message = DiagnosticArray(status=[DiagnosticStatus(name=name, values=[
        KeyValue(key='latest start [ns]', value=str(started_at))])])
    message.header.stamp = message_stamps.stamp_to_time(START + 10**10)
    return message


def leap(watch, started_at, *name):
    """Let a command leap, a second after the one before, and a report come long thereafter."""
    later = START + 10**9
    for message in (joint_messages.angles_to_joint_state(ARM, START, ZERO, ZERO),
                    joint_messages.angles_to_joint_state(ARM, later, ZERO + 0.5, ZERO),
                    joint_messages.angles_to_joint_state(ARM, later + 10**9, ZERO + 0.5, ZERO)):
        watch.keep(watch.take_command, message)
    watch.keep(watch.take_diagnostics, diagnostics(started_at(later), *name))
    watch.judge()
    return laws(watch)


def test_a_new_start_is_the_command_that_the_controller_says(watch):
    assert leap(watch, lambda stamp: stamp) == []
    assert watch.guard.starts == 2


@pytest.mark.parametrize('started_at, name', (
    (lambda stamp: stamp - 1, ()), (lambda _: 0, ()),
    (lambda stamp: stamp, ('/left/controller',))),
    ids=('another command', 'no command yet', 'of another arm'))
def test_nothing_else_is_a_new_start(watch, started_at, name):
    assert 'step' in leap(watch, started_at, *name)
