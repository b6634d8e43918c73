# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Pose chains as messages: what is written is read, and what can not be one is refused."""

import math

from big_endian import BigEndian
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseArray
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.errors import FeedbackError
from snake_arm_control.ros import chain_messages, message_stamps

STAMP = 12_345_678_901_234_567


def random_chain(joints, seed=0):
    angles = np.random.default_rng(seed).uniform(-0.7, 0.7, (joints, 2))
    return forward_kinematics(Arm.uniform(joints=joints), angles)


@pytest.mark.parametrize('joints', (1, 2, 40))
def test_a_serialized_chain_is_what_ros_makes_of_it(joints):
    """It is as long as rclpy's own, and rclpy reads it as the poses of the chain."""
    chain = random_chain(joints)
    data = chain_messages.serialize_chain(chain, STAMP)
    message = deserialize_message(data, PoseArray)
    assert len(serialize_message(message)) == len(data)  # padding may hold anything
    assert message_stamps.time_to_stamp(message.header.stamp) == STAMP
    assert message.header.frame_id == 'base_link'
    assert [(p.position.x, p.position.y, p.position.z) for p in message.poses] == [
        tuple(row) for row in chain[:, :3].tolist()]


@pytest.mark.parametrize('frame', ('', 'a', 'ab', 'abc', 'base_link', 'a_longer_frame'))
@pytest.mark.parametrize('joints', (1, 2, 40))
def test_a_chain_survives_the_way_through_a_message(frame, joints):
    """Wherever the length of the frame's name puts the numbers."""
    chain = random_chain(joints)
    message = deserialize_message(chain_messages.serialize_chain(chain, STAMP, frame), PoseArray)
    assert message.header.frame_id == frame
    stamp, received = chain_messages.deserialize_chain(serialize_message(message), base=frame)
    assert stamp == STAMP
    np.testing.assert_allclose(received, chain, atol=1e-14)


@pytest.mark.parametrize('joints', (0, 1, 3))
def test_a_big_endian_pose_chain_is_read_as_it_was_written(joints):
    chain = random_chain(3)[:joints]
    quaternions, positions = pose.to_quaternion(chain)
    writer = BigEndian().header(STAMP, 'base_link').write('I', joints)
    for position, quaternion in zip(positions, quaternions):
        writer.write('d', *position, *quaternion)
    stamp, received = chain_messages.deserialize_chain(writer.message())
    assert stamp == STAMP
    np.testing.assert_allclose(received, chain, atol=1e-14)


def test_an_empty_chain_is_read():
    stamp, chain = chain_messages.deserialize_chain(serialize_message(PoseArray()))
    assert stamp == 0 and chain.shape == (0, 9)


def pose_at(**position):
    message = Pose()
    for axis, value in position.items():
        setattr(message.position, axis, value)
    return message


@pytest.mark.parametrize('value', (math.nan, math.inf, -math.inf))
def test_a_pose_that_is_infinite_or_nan_in_part_is_refused(value):
    message = PoseArray(poses=[pose_at(x=value)])
    with pytest.raises(FeedbackError, match='infinite, or NaN in part'):
        chain_messages.deserialize_chain(serialize_message(message))


def test_what_was_not_measured_is_nan():
    """A marker that is hidden, and one whose position alone is seen."""
    hidden, point, whole = Pose(), pose_at(x=0.3), pose_at(x=0.4)
    for name in 'xyz':
        setattr(hidden.position, name, math.nan)
    for each in (hidden, point):
        for name in 'xyzw':
            setattr(each.orientation, name, math.nan)
    _, chain = chain_messages.deserialize_chain(
        serialize_message(PoseArray(poses=[hidden, point, whole])))
    np.testing.assert_array_equal(chain, [
        [math.nan] * 9, [0.3, 0, 0, *[math.nan] * 6], [0.4, 0, 0, 0, 0, 1, 0, 1, 0]])


def test_a_chain_of_some_joints_is_put_in_its_place():
    chain = np.arange(18.0).reshape(2, 9)
    whole = chain_messages.whole_chain(chain, (4, 2), 5)
    np.testing.assert_array_equal(whole[[3, 1]], chain)
    assert np.isnan(whole[[0, 2, 4]]).all()
    assert chain_messages.whole_chain(chain, (), 2) is chain
    for tracked in (), (1, 2, 3):
        with pytest.raises(FeedbackError, match='has 2 poses, expected [53]'):
            chain_messages.whole_chain(chain, tracked, 5)


def test_an_orientation_of_no_length_is_refused():
    unturned = pose_at(x=1.0)
    unturned.orientation.w = 0.0
    with pytest.raises(FeedbackError, match='orientation of no length'):
        chain_messages.deserialize_chain(serialize_message(PoseArray(poses=[unturned])))


def test_a_chain_in_another_frame_is_refused():
    message = PoseArray(poses=[pose_at(x=1.0)])
    message.header.frame_id = 'map'
    with pytest.raises(FeedbackError, match="in the frame 'map', expected 'base_link'"):
        chain_messages.deserialize_chain(serialize_message(message))


@pytest.mark.parametrize('encoding', (b'\0\1', b'\0\0'), ids=('little-endian', 'big-endian'))
def test_a_chain_that_is_cut_off_is_refused(encoding):
    """Any publisher may send any bytes, and none may end a node."""
    whole = encoding + chain_messages.serialize_chain(random_chain(2), STAMP)[2:]
    for length in range(len(whole)):
        with pytest.raises(FeedbackError, match='no whole message'):
            chain_messages.deserialize_chain(whole[:length])


def test_every_stamp_that_comes_can_be_sent_back():
    """The last second that a message knows stays within it, whatever its nanoseconds say."""
    time = Time(sec=2**31 - 1, nanosec=2**32 - 1)
    stamp = message_stamps.time_to_stamp(time)
    chain = chain_messages.serialize_chain(random_chain(1), stamp)
    assert chain_messages.deserialize_chain(chain)[0] == stamp
    assert message_stamps.stamp_to_time(stamp) == Time(sec=2**31 - 1, nanosec=10**9 - 1)


def test_a_message_is_stamped_anew():
    arm = Arm.uniform(joints=2)
    chain = forward_kinematics(arm, np.zeros((2, 2)))
    data = message_stamps.restamped(chain_messages.serialize_chain(chain, 1), STAMP)
    assert message_stamps.stamp_of(data) == STAMP
    stamp, read = chain_messages.deserialize_chain(data)
    assert stamp == STAMP
    np.testing.assert_allclose(read, chain, atol=1e-15)
