# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of joint states as they come: in parts, in any order, among those of strangers."""

from arms import urdf_of
from hypothesis import given, strategies as st
import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import FeedbackError
from snake_arm_control.ros import message_stamps
from snake_arm_control.ros.joint_states import JointStates

ARM = Arm.uniform(joints=3)
NAMES = ARM.joint_names
ANGLES = np.arange(6).reshape(3, 2) / 10.0
START = 100 * 10**9  # [ns]
MILLISECOND = 10**6  # [ns]


def data(names=NAMES, positions=ANGLES.ravel(), stamp=START, frame='', **fields):
    """Return serialized joint states."""
    message = JointState(name=list(names), position=list(positions), **fields)
    message.header.stamp, message.header.frame_id = message_stamps.stamp_to_time(stamp), frame
    return bytes(serialize_message(message))


def assert_taken(taken, stamp, angles):
    assert taken[0] == stamp
    np.testing.assert_array_equal(taken[1], angles)


@given(st.permutations(range(6)), st.integers(0, 9), st.text('abc_/', max_size=9))
def test_joints_are_found_by_name_in_any_order_among_others(order, where, frame):
    states = JointStates(ARM)
    names, positions = [NAMES[i] for i in order], [ANGLES.flat[i] for i in order]
    names.insert(where, 'gripper')
    positions.insert(where, np.nan)
    for k in range(3):  # read as a message first, then in place
        taken = states.take(data(names, np.add(positions, 0.1 * k), START + k, frame))
        assert_taken(taken, START + k, ANGLES + 0.1 * k)


@given(st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_parts_are_merged_and_are_as_old_as_the_oldest(parts):
    states = JointStates(ARM)
    for turn in range(3):
        for part in sorted(set(parts)):
            stamp = START + (10 * turn + part) * MILLISECOND
            mine = [i for i in range(6) if parts[i] == part]
            taken = states.take(data([NAMES[i] for i in mine], ANGLES.flat[mine] + turn, stamp))
        assert_taken(taken, START + (10 * turn + min(parts)) * MILLISECOND, ANGLES + turn)


def test_nothing_is_known_before_each_joint_was_named():
    states = JointStates(ARM)
    assert states.take(data(NAMES[:4], ANGLES.flat[:4])) is None
    assert states.trouble == 'no joint states of joint_3_x, joint_3_y have come'
    assert_taken(states.take(data(NAMES[4:], ANGLES.flat[4:])), START, ANGLES)
    assert states.trouble == ''


@pytest.mark.parametrize('fields', (
    {'names': ['elbow'], 'positions': [0.1]}, {'names': ['elbow'], 'positions': []},
    {'names': [], 'positions': []}, {'names': ['elbow'] * 2, 'positions': [0.1, 0.2]},
    {'names': ['elbow'], 'positions': [], 'velocity': [1.0]}),
    ids=('one joint', 'no positions', 'no joint', 'a name twice', 'velocities alone'))
def test_joint_states_of_strangers_are_passed_over(fields):
    """Whatever they are like: they are not the arm's."""
    states = JointStates(ARM)
    for k in range(3):
        assert states.take(data(**fields)) is None
        assert states.passed_over == k + 1
    assert_taken(states.take(data()), START, ANGLES)


def test_strangers_cost_no_reading_of_a_message(monkeypatch):
    """Only one of each form is; the others are known by their first bytes."""
    read = []
    monkeypatch.setattr('snake_arm_control.ros.joint_states.deserialize_message',
                        lambda *arguments: read.append(arguments) or JointState(name=['elbow']))
    states = JointStates(ARM)
    for k in range(100):
        states.take(data(['elbow'], [0.1 * k], START + k, effort=[1.0]))
    assert len(read) == 1


@pytest.mark.parametrize('bad, reason', (
    (data([*NAMES, NAMES[1]], [*ANGLES.flat, 9.0]), 'name joint_1_y twice, expected it once'),
    (data(positions=[0.0] * 5), 'name 6 joints and have 5 positions, expected as many'),
    (data(positions=[]), 'name 6 joints and have 0 positions'),
    (data(positions=[0.0] * 5 + [np.nan]), 'joint_3_y is at nan rad, expected a finite'),
    (data(positions=[np.inf] + [0.0] * 5), 'joint_1_x is at inf rad, expected a finite'),
    (data()[:-80], 'no whole message'), (b'', 'no whole message'), (b'\0\1', 'no whole message')),
    ids=('twice', 'too few', 'none', 'NaN', 'infinite', 'cut off', 'empty', 'four bytes'))
def test_bad_joint_states_are_rejected_and_those_before_stay(bad, reason):
    states = JointStates(ARM)
    states.take(data())
    for _ in range(2):
        with pytest.raises(FeedbackError, match=reason):
            states.take(bad)
    assert_taken(states.take(data(NAMES[:3], ANGLES.flat[:3] + 1.0)), START,
                 np.append(ANGLES.flat[:3] + 1.0, ANGLES.flat[3:]).reshape(3, 2))


def test_a_joint_that_is_named_no_more_is_missed():
    states = JointStates(ARM)
    states.take(data())
    rest = data(NAMES[1:], ANGLES.flat[1:], START + 400 * MILLISECOND)
    assert_taken(states.take(rest), START, ANGLES)
    with pytest.raises(FeedbackError, match='joint_1_x was last named 0.60 s before other joints'):
        states.take(data(NAMES[1:], ANGLES.flat[1:], START + 600 * MILLISECOND))
    assert_taken(states.take(data(stamp=START + 700 * MILLISECOND)), START + 700 * MILLISECOND,
                 ANGLES)


def test_a_clock_that_was_set_back_is_followed():
    states = JointStates(ARM)
    states.take(data(stamp=START))
    stamp = START // 2
    assert_taken(states.take(data(NAMES[:2], ANGLES.flat[:2] + 1.0, stamp)), stamp,
                 [ANGLES[0] + 1.0, *ANGLES[1:]])


def test_the_bytes_of_a_driver_of_another_make_are_read():
    """In big-endian, as a node on another kind of machine serializes."""
    def string(text):
        encoded = text.encode() + b'\0'
        return len(encoded).to_bytes(4, 'big') + encoded + bytes(-len(encoded) % 4)

    body = (START // 10**9).to_bytes(4, 'big') + bytes(4) + string('') + len(NAMES).to_bytes(
        4, 'big') + b''.join(map(string, NAMES)) + len(NAMES).to_bytes(4, 'big')
    body += bytes(-len(body) % 8) + ANGLES.ravel().astype('>f8').tobytes() + bytes(8)
    states = JointStates(ARM)
    for _ in range(2):
        assert_taken(states.take(b'\0\0\0\0' + body), START, ANGLES)


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_no_bytes_do_more_harm_than_to_be_rejected(noise, start, end):
    states, whole = JointStates(ARM), data()
    states.take(whole)
    try:
        states.take(whole[:start] + noise + whole[end:])
    except FeedbackError:
        pass
    assert_taken(states.take(data(stamp=2 * START)), 2 * START, ANGLES)


def test_more_forms_than_are_remembered_are_read_all_the_same():
    states = JointStates(ARM)
    for k in range(100):
        assert states.take(data([f'elbow_{k}'], [0.1])) is None
        assert_taken(states.take(data(frame=f'frame_{k}', stamp=START + k)), START + k, ANGLES)


def test_an_arm_whose_joints_have_one_axis_or_none_is_filled_in():
    arm = Arm.from_urdf(urdf_of('panda'))
    positions = np.arange(arm.dof) / 10.0
    states = JointStates(arm)
    for _ in range(2):
        _, angles = states.take(data(arm.joint_names, positions))
        np.testing.assert_array_equal(arm.flat(angles), positions)
        assert angles.shape == arm.rest.shape
