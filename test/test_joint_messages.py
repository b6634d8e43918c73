# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Joint states as messages: what is written is read, and what can not be some is refused."""

from arms import ARMS, random_angles
from big_endian import BigEndian
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import FeedbackError
from snake_arm_control.ros import joint_messages

STAMP = 12_345_678_901_234_567


@pytest.mark.parametrize('frame', ('', 'a', 'base_link', 'somewhere'))
def test_big_endian_joint_states_are_read_as_they_were_written(frame):
    arm = Arm.uniform(joints=2)
    angles = np.random.default_rng(0).uniform(-0.7, 0.7, (2, 2))
    writer = BigEndian().header(STAMP, frame).write('I', arm.dof)
    for name in arm.joint_names:
        writer.text(name)
    writer.write('I', arm.dof).write('d', *angles.ravel())
    writer.write('I', 1).write('d', 9.0).write('I', 0)  # a velocity, which is not read; no effort
    stamp, received = joint_messages.deserialize_joint_state(arm, writer.message())
    assert stamp == STAMP
    np.testing.assert_array_equal(received, angles)


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
def test_joint_states_are_matched_by_name(arm):
    """In any order, and beside joints that are not the arm's."""
    rng = np.random.default_rng(arm.dof)
    angles = np.where(arm.free, random_angles(arm), 0.0)
    message = joint_messages.angles_to_joint_state(arm, STAMP, angles)
    np.testing.assert_array_equal(joint_messages.joint_state_to_angles(arm, message), angles)
    order = rng.permutation(arm.dof + 1)
    names, positions = [*message.name, 'gripper'], [*message.position, 9.0]
    message.name = [names[i] for i in order]
    message.position = [positions[i] for i in order]
    np.testing.assert_array_equal(joint_messages.joint_state_to_angles(arm, message), angles)


@pytest.mark.parametrize('arm', (*map(Arm.uniform, (1, 3, 12, 40)), *ARMS.values()),
                         ids=lambda arm: f'{arm.joint_names[0]}-{arm.dof}')
def test_serialized_joint_states_are_what_ros_makes_of_them(arm):
    """With velocities and without, there and back, whatever the length of the names."""
    angles, velocities = np.where(arm.free, random_angles(arm, (2,)), 0.0)
    for moving in (None, velocities):
        message = joint_messages.angles_to_joint_state(arm, STAMP, angles, moving)
        data = joint_messages.serialize_joint_state(arm, STAMP, angles, moving)
        assert deserialize_message(data, JointState) == message
        for whole in data, serialize_message(message):
            stamp, read = joint_messages.deserialize_joint_state(arm, whole)
            assert stamp == STAMP
            np.testing.assert_array_equal(read, angles)


def test_joint_states_of_others_are_read_as_well():
    """In a frame, in another order, in another encoding."""
    arm = Arm.uniform(joints=2)
    angles = np.arange(4.0).reshape(2, 2)
    message = joint_messages.angles_to_joint_state(arm, STAMP, angles)
    message.header.frame_id = 'somewhere'
    framed = serialize_message(message)
    message.header.frame_id = ''
    message.name, message.position = message.name[::-1], message.position[::-1]
    for data in framed, serialize_message(message):
        stamp, read = joint_messages.deserialize_joint_state(arm, data)
        assert stamp == STAMP
        np.testing.assert_array_equal(read, angles)


@pytest.mark.parametrize('length', (0, 3, 12, 40, -8, -1))
def test_joint_states_that_are_cut_off_are_refused(length):
    arm = Arm.uniform(joints=2)
    data = joint_messages.serialize_joint_state(arm, STAMP, np.zeros((2, 2)))[:length]
    if length in (-8, -1):  # velocities and efforts are not read
        joint_messages.deserialize_joint_state(arm, data)
    else:
        with pytest.raises(FeedbackError, match='no whole message'):
            joint_messages.deserialize_joint_state(arm, data)


def test_joint_states_that_lack_a_joint_are_refused():
    arm = Arm.uniform(joints=3)
    message = joint_messages.angles_to_joint_state(Arm.uniform(joints=2), STAMP, np.zeros((2, 2)))
    with pytest.raises(FeedbackError, match='lack 2 of the 6 joints, expected joint_3_x, '):
        joint_messages.joint_state_to_angles(arm, message)


def test_joint_states_with_too_few_positions_are_refused():
    arm = Arm.uniform(joints=3)
    message = joint_messages.angles_to_joint_state(arm, STAMP, np.zeros((3, 2)))
    message.position = message.position[:-1]
    with pytest.raises(FeedbackError, match='name 6 joints and have 5 positions'):
        joint_messages.joint_state_to_angles(arm, message)


@pytest.mark.parametrize('filling', (b'\0', b'\xff', b'j'))
def test_joint_states_are_read_alike_whatever_fills_the_gaps_behind_strings(filling):
    """ROS leaves there what was in memory, up to the next multiple of four."""
    arm, angles = Arm.uniform(joints=6), np.arange(12.0).reshape(6, 2)
    data = bytearray(joint_messages.serialize_joint_state(arm, STAMP, angles))
    at, gaps = 12, 0
    for text in ('', *arm.joint_names):
        if text == arm.joint_names[0]:
            at += 4  # the number of names
        end = at + 4 + len(text) + 1
        assert data[at + 4:end] == text.encode() + b'\0'
        gap = -end % 4
        data[end:end + gap] = gap * filling
        at, gaps = end + gap, gaps + gap
    assert gaps > 3
    stamp, read = joint_messages.deserialize_joint_state(arm, bytes(data))
    assert stamp == STAMP
    np.testing.assert_array_equal(read, angles)
