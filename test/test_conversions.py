# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Messages to arrays and back; malformed goals are tested over the wire in test_nodes."""

import math
import struct

from arms import ARMS, RANDOM, random_angles
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseArray
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, MultiArrayDimension

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import FeedbackError, GoalError
from snake_arm_control.ros import conversions

STAMP = 12_345_678_901_234_567


def random_chain(joints, seed=0):
    angles = np.random.default_rng(seed).uniform(-0.7, 0.7, (joints, 2))
    return forward_kinematics(Arm.uniform(joints=joints), angles)


@pytest.mark.parametrize('joints', (1, 2, 40))
def test_a_serialized_chain_is_what_ros_makes_of_it(joints):
    """It is as long as rclpy's own, and rclpy reads it as the poses of the chain."""
    chain = random_chain(joints)
    data = conversions.serialize_chain(chain, STAMP)
    message = deserialize_message(data, PoseArray)
    assert len(serialize_message(message)) == len(data)  # padding may hold anything
    assert conversions.time_to_stamp(message.header.stamp) == STAMP
    assert message.header.frame_id == 'base_link'
    assert [(p.position.x, p.position.y, p.position.z) for p in message.poses] == [
        tuple(row) for row in chain[:, :3].tolist()]


@pytest.mark.parametrize('frame', ('', 'a', 'ab', 'abc', 'base_link', 'a_longer_frame'))
@pytest.mark.parametrize('joints', (1, 2, 40))
def test_a_chain_survives_the_way_through_a_message(frame, joints):
    """Wherever the length of the frame's name puts the numbers."""
    chain = random_chain(joints)
    message = deserialize_message(conversions.serialize_chain(chain, STAMP, frame), PoseArray)
    assert message.header.frame_id == frame
    stamp, received = conversions.deserialize_chain(serialize_message(message), base=frame)
    assert stamp == STAMP
    np.testing.assert_allclose(received, chain, atol=1e-14)


class BigEndian:
    """Writes a message as CDR says it for a big-endian machine, field by field."""

    def __init__(self):
        self.body = b''  # behind the four bytes that name the encoding

    def write(self, code, *numbers):
        """Append numbers of a struct code, each at a multiple of its size."""
        for number in numbers:
            self.body += bytes(-len(self.body) % struct.calcsize(code))
            self.body += struct.pack('>' + code, number)
        return self

    def text(self, text):
        """Append a string: its length with the zero at its end, then both."""
        self.write('I', len(text) + 1)
        self.body += text.encode() + b'\0'
        return self

    def header(self, frame=''):
        """Append a std_msgs/Header of `STAMP`."""
        return self.write('i', STAMP // 10**9).write('I', STAMP % 10**9).text(frame)

    def message(self):
        return b'\0\0\0\0' + self.body


@pytest.mark.parametrize('joints', (0, 1, 3))
def test_a_big_endian_pose_chain_is_read_as_it_was_written(joints):
    chain = random_chain(3)[:joints]
    quaternions, positions = pose.to_quaternion(chain)
    writer = BigEndian().header('base_link').write('I', joints)
    for position, quaternion in zip(positions, quaternions):
        writer.write('d', *position, *quaternion)
    stamp, received = conversions.deserialize_chain(writer.message())
    assert stamp == STAMP
    np.testing.assert_allclose(received, chain, atol=1e-14)


@pytest.mark.parametrize('frame', ('', 'a', 'base_link', 'somewhere'))
def test_big_endian_joint_states_are_read_as_they_were_written(frame):
    arm = Arm.uniform(joints=2)
    angles = np.random.default_rng(0).uniform(-0.7, 0.7, (2, 2))
    writer = BigEndian().header(frame).write('I', arm.dof)
    for name in arm.joint_names:
        writer.text(name)
    writer.write('I', arm.dof).write('d', *angles.ravel())
    writer.write('I', 1).write('d', 9.0).write('I', 0)  # a velocity, which is not read; no effort
    stamp, received = conversions.deserialize_joint_state(arm, writer.message())
    assert stamp == STAMP
    np.testing.assert_array_equal(received, angles)


def test_an_empty_chain_is_read():
    stamp, chain = conversions.deserialize_chain(serialize_message(PoseArray()))
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
        conversions.deserialize_chain(serialize_message(message))


def test_what_was_not_measured_is_nan():
    """A marker that is hidden, and one whose position alone is seen."""
    hidden, point, whole = Pose(), pose_at(x=0.3), pose_at(x=0.4)
    for name in 'xyz':
        setattr(hidden.position, name, math.nan)
    for each in (hidden, point):
        for name in 'xyzw':
            setattr(each.orientation, name, math.nan)
    _, chain = conversions.deserialize_chain(
        serialize_message(PoseArray(poses=[hidden, point, whole])))
    np.testing.assert_array_equal(chain, [
        [math.nan] * 9, [0.3, 0, 0, *[math.nan] * 6], [0.4, 0, 0, 0, 0, 1, 0, 1, 0]])


def test_a_chain_of_some_joints_is_put_in_its_place():
    chain = np.arange(18.0).reshape(2, 9)
    whole = conversions.whole_chain(chain, (4, 2), 5)
    np.testing.assert_array_equal(whole[[3, 1]], chain)
    assert np.isnan(whole[[0, 2, 4]]).all()
    assert conversions.whole_chain(chain, (), 2) is chain
    for tracked in (), (1, 2, 3):
        with pytest.raises(FeedbackError, match='has 2 poses, expected [53]'):
            conversions.whole_chain(chain, tracked, 5)


def test_a_trajectory_is_one_point_that_does_not_move_on():
    arm = Arm.uniform(joints=2)
    angles = np.array([[0.1, 0.2], [0.3, -0.4]])
    message = conversions.angles_to_trajectory(arm, angles, 1.25)
    assert tuple(message.joint_names) == arm.joint_names
    point, = message.points
    assert point.positions.tolist() == [0.1, 0.2, 0.3, -0.4] and not point.velocities
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (1, 250_000_000)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (0, 0)


def test_joints_of_fewer_axes_have_fewer_numbers():
    arm = RANDOM[0]
    angles = np.where(arm.free, random_angles(arm), 0.0)
    expected = list(arm.named(angles).values())
    assert conversions.angles_to_numbers(arm, angles).data.tolist() == expected
    trajectory = conversions.angles_to_trajectory(arm, angles, 1.0)
    assert trajectory.points[0].positions.tolist() == expected
    assert len(expected) == len(trajectory.joint_names) < angles.size


def test_an_orientation_of_no_length_is_refused():
    unturned = pose_at(x=1.0)
    unturned.orientation.w = 0.0
    with pytest.raises(FeedbackError, match='orientation of no length'):
        conversions.deserialize_chain(serialize_message(PoseArray(poses=[unturned])))


def test_a_chain_in_another_frame_is_refused():
    message = PoseArray(poses=[pose_at(x=1.0)])
    message.header.frame_id = 'map'
    with pytest.raises(FeedbackError, match="in the frame 'map', expected 'base_link'"):
        conversions.deserialize_chain(serialize_message(message))


@pytest.mark.parametrize('encoding', (b'\0\1', b'\0\0'), ids=('little-endian', 'big-endian'))
def test_a_chain_that_is_cut_off_is_refused(encoding):
    """Any publisher may send any bytes, and none may end a node."""
    whole = encoding + conversions.serialize_chain(random_chain(2), STAMP)[2:]
    for length in range(len(whole)):
        with pytest.raises(FeedbackError, match='no whole message'):
            conversions.deserialize_chain(whole[:length])


def test_every_stamp_that_comes_can_be_sent_back():
    """The last second that a message knows stays within it, whatever its nanoseconds say."""
    time = Time(sec=2**31 - 1, nanosec=2**32 - 1)
    stamp = conversions.time_to_stamp(time)
    chain = conversions.serialize_chain(random_chain(1), stamp)
    assert conversions.deserialize_chain(chain)[0] == stamp
    assert conversions.stamp_to_time(stamp) == Time(sec=2**31 - 1, nanosec=10**9 - 1)


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
def test_joint_states_are_matched_by_name(arm):
    """In any order, and beside joints that are not the arm's."""
    rng = np.random.default_rng(arm.dof)
    angles = np.where(arm.free, random_angles(arm), 0.0)
    message = conversions.angles_to_joint_state(arm, STAMP, angles)
    np.testing.assert_array_equal(conversions.joint_state_to_angles(arm, message), angles)
    order = rng.permutation(arm.dof + 1)
    names, positions = [*message.name, 'gripper'], [*message.position, 9.0]
    message.name = [names[i] for i in order]
    message.position = [positions[i] for i in order]
    np.testing.assert_array_equal(conversions.joint_state_to_angles(arm, message), angles)


@pytest.mark.parametrize('arm', (*map(Arm.uniform, (1, 3, 12, 40)), *ARMS.values()),
                         ids=lambda arm: f'{arm.joint_names[0]}-{arm.dof}')
def test_serialized_joint_states_are_what_ros_makes_of_them(arm):
    """With velocities and without, there and back, whatever the length of the names."""
    angles, velocities = np.where(arm.free, random_angles(arm, (2,)), 0.0)
    for moving in (None, velocities):
        message = conversions.angles_to_joint_state(arm, STAMP, angles, moving)
        data = conversions.serialize_joint_state(arm, STAMP, angles, moving)
        assert deserialize_message(data, JointState) == message
        for whole in data, serialize_message(message):
            stamp, read = conversions.deserialize_joint_state(arm, whole)
            assert stamp == STAMP
            np.testing.assert_array_equal(read, angles)


def test_joint_states_of_others_are_read_as_well():
    """In a frame, in another order, in another encoding."""
    arm = Arm.uniform(joints=2)
    angles = np.arange(4.0).reshape(2, 2)
    message = conversions.angles_to_joint_state(arm, STAMP, angles)
    message.header.frame_id = 'somewhere'
    framed = serialize_message(message)
    message.header.frame_id = ''
    message.name, message.position = message.name[::-1], message.position[::-1]
    for data in framed, serialize_message(message):
        stamp, read = conversions.deserialize_joint_state(arm, data)
        assert stamp == STAMP
        np.testing.assert_array_equal(read, angles)


@pytest.mark.parametrize('length', (0, 3, 12, 40, -8, -1))
def test_joint_states_that_are_cut_off_are_refused(length):
    arm = Arm.uniform(joints=2)
    data = conversions.serialize_joint_state(arm, STAMP, np.zeros((2, 2)))[:length]
    if length in (-8, -1):  # velocities and efforts are not read
        conversions.deserialize_joint_state(arm, data)
    else:
        with pytest.raises(FeedbackError, match='no whole message'):
            conversions.deserialize_joint_state(arm, data)


def test_joint_states_that_lack_a_joint_are_refused():
    arm = Arm.uniform(joints=3)
    message = conversions.angles_to_joint_state(Arm.uniform(joints=2), STAMP, np.zeros((2, 2)))
    with pytest.raises(FeedbackError, match='lack 2 of the 6 joints, expected joint_3_x, '):
        conversions.joint_state_to_angles(arm, message)


def test_joint_states_with_too_few_positions_are_refused():
    arm = Arm.uniform(joints=3)
    message = conversions.angles_to_joint_state(arm, STAMP, np.zeros((3, 2)))
    message.position = message.position[:-1]
    with pytest.raises(FeedbackError, match='name 6 joints and have 5 positions'):
        conversions.joint_state_to_angles(arm, message)


@pytest.mark.parametrize('goal', (
    Goal.free(40),
    Goal.tool(position=(0.3, None, 0.5), up=(0, 0, 1)),
    Goal.tool(forward=(1, 0, 0)) & Goal.joint(1, position=(0, 0, 0.025)),
    Goal.from_array(random_chain(40)),
), ids=('free', 'tool', 'two joints', 'chain'))
def test_a_goal_survives_the_way_through_a_message(goal):
    message = serialize_message(conversions.goal_to_message(goal))
    received = conversions.message_to_goal(deserialize_message(message, Float64MultiArray), 40)
    np.testing.assert_array_equal(received.cared, goal.cared)
    np.testing.assert_allclose(received.target, goal.target, atol=1e-15)


def test_a_goal_for_the_tool_is_understood_by_an_arm_of_any_length():
    goal = Goal.tool(position=(0.1, None, 0.2), up=(0, 0, 1), joints=40)
    received = conversions.message_to_goal(conversions.goal_to_message(goal), 7)
    assert received == Goal.tool(position=(0.1, None, 0.2), up=(0, 0, 1), joints=7)


def test_the_layout_decides_where_the_length_does_not():
    """90 numbers are a chain of 10 joints, unless the layout says that they are 9 rows."""
    rows = np.full((9, 10), np.nan)
    rows[:, 0], rows[:, 1] = range(1, 10), 0.5
    message = Float64MultiArray(data=rows.ravel().tolist())
    message.layout.dim = [MultiArrayDimension(size=9), MultiArrayDimension(size=10)]
    goal = conversions.message_to_goal(message, 10)
    np.testing.assert_array_equal(np.argwhere(goal.cared), [[j, 0] for j in range(9)])
    message.layout.dim = []
    with pytest.raises(GoalError, match='expected a unit vector'):  # for rows are no axes
        conversions.message_to_goal(message, 10)


def test_a_goal_without_the_numbers_of_its_layout_is_refused():
    message = Float64MultiArray()
    message.layout.dim = [MultiArrayDimension(size=40), MultiArrayDimension(size=9)]
    with pytest.raises(GoalError, match=r'0 numbers, its layout says \(40, 9\)'):
        conversions.message_to_goal(message, 40)


def test_a_pose_survives_the_way_through_a_message():
    target = random_chain(1)[0]
    message = deserialize_message(serialize_message(conversions.pose_to_message(target)), Pose)
    np.testing.assert_allclose(conversions.message_to_pose(message), target, atol=1e-14)


def test_a_message_is_stamped_anew():
    arm = Arm.uniform(joints=2)
    chain = forward_kinematics(arm, np.zeros((2, 2)))
    data = conversions.restamped(conversions.serialize_chain(chain, 1), STAMP)
    assert conversions.stamp_of(data) == STAMP
    stamp, read = conversions.deserialize_chain(data)
    assert stamp == STAMP
    np.testing.assert_allclose(read, chain, atol=1e-15)


@pytest.mark.parametrize('filling', (b'\0', b'\xff', b'j'))
def test_joint_states_are_read_alike_whatever_fills_the_gaps_behind_strings(filling):
    """ROS leaves there what was in memory, up to the next multiple of four."""
    arm, angles = Arm.uniform(joints=6), np.arange(12.0).reshape(6, 2)
    data = bytearray(conversions.serialize_joint_state(arm, STAMP, angles))
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
    stamp, read = conversions.deserialize_joint_state(arm, bytes(data))
    assert stamp == STAMP
    np.testing.assert_array_equal(read, angles)
