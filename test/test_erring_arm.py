# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
What the nodes do with an arm that does not do as it is commanded, over a real DDS.

The arm is played by this process. Whatever it does, every command keeps the contract of motion,
and once the arm can move and its tracker can be believed, it reaches its goal.
"""

import math

from harness import ARM, assert_held, begin, erring
import numpy as np
import pytest
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.goal import Goal

pytestmark = pytest.mark.usefixtures('ros')

HERE = Goal.tool(position=(0.4, -0.3, 0.5), up=(0.0, 0.0, 1.0))
THERE = Goal.tool(position=(-0.4, 0.3, 0.5), up=(0.0, 0.0, 1.0))
BENT = np.where(np.random.default_rng(0).random(ARM.rest.shape) < 0.5, -0.2, 0.2)  # [rad]


@pytest.fixture(scope='module')
def shared_arm():
    with erring('erring') as arm:
        yield arm


@pytest.fixture
def arm(shared_arm):
    """Return an arm on its way to HERE."""
    begin(shared_arm, HERE)
    return shared_arm


def new_starts(arm):
    return int(arm.observer.detail('new starts'))


def wait_for_goal(arm):
    arm.observer.wait(lambda: arm.is_at(HERE), 'the goal')
    arm.observer.wait(lambda: arm.observer.state() == 'REACHED', 'the word for it')


def hold(arm, holding):
    assert arm.observer.call(SetBool, 'controller/hold', SetBool.Request(data=holding)).success


@pytest.mark.parametrize('servos', ({'servo_velocity': 0.5}, {'servo_lag': 0.1},
                                    {'servo_sag': 0.015, 'servo_friction': 0.003}),
                         ids=('slow', 'lagging', 'sagging'))
def test_servos_that_do_not_keep_up_bring_the_arm_to_its_goal_later(arm, servos):
    arm.change(**servos)
    wait_for_goal(arm)


def test_an_arm_that_is_stopped_in_motion_goes_on_from_where_it_is(arm):
    observer, before = arm.observer, new_starts(arm)
    arm.stop()
    observer.wait(lambda: observer.state() == 'NOT_FOLLOWING', 'the word for it')
    assert new_starts(arm) > before
    observer.listen(2.0)
    assert observer.state() == 'NOT_FOLLOWING'
    assert not arm.is_at(HERE)
    arm.stop(False)
    wait_for_goal(arm)


def test_an_arm_that_is_pushed_at_its_goal_with_its_drives_off_goes_on_from_there(arm):
    observer = arm.observer
    wait_for_goal(arm)
    before = new_starts(arm)
    arm.stop()
    arm.push(1.5 * BENT)
    observer.wait(lambda: new_starts(arm) > before, 'the new start')
    arm.stop(False)
    wait_for_goal(arm)


def test_an_arm_that_was_moved_by_hand_on_hold_goes_on_from_there(arm):
    observer = arm.observer
    hold(arm, True)
    observer.wait(lambda: observer.state() == 'HOLDING', 'the hold')
    assert_held(observer)
    arm.stop()
    arm.push(1.5 * BENT)
    observer.catch_up()
    observer.commands.clear()
    hold(arm, False)
    observer.wait(lambda: observer.commands, 'a command')
    arm.stop(False)
    wait_for_goal(arm)


def test_a_tracker_that_freezes_in_motion_holds_the_arm(arm):
    observer = arm.observer
    arm.change(feedback_frozen=True)
    observer.wait(lambda: observer.state() == 'NO_FEEDBACK', 'the hold')
    assert_held(observer)
    assert 'did the tracker stop' in observer.detail('feedback trouble')
    assert not arm.is_at(HERE)
    arm.heal()
    wait_for_goal(arm)


def test_a_goal_that_is_not_published_again_in_time_no_longer_counts(arm):
    """The arm brakes and holds; the same goal again lets it go on."""
    observer = arm.observer
    arm.change(servo_velocity=0.02)  # many seconds away
    assert observer.set_parameter('controller', 'goal_timeout', 0.5).successful
    try:
        sent = len(observer.commands) + 200
        while len(observer.commands) < sent:
            observer.publish_goal(HERE)
            observer.listen(0.1)
            assert observer.state() != 'GOAL_TIMED_OUT'
        observer.wait(lambda: observer.state() == 'GOAL_TIMED_OUT', 'the hold')
        assert_held(observer)
        assert not arm.is_at(HERE)
        observer.publish_goal(HERE)
        observer.wait(lambda: observer.state() == 'TRACKING', 'the motion')
    finally:
        assert observer.set_parameter('controller', 'goal_timeout', 0.0).successful
    arm.heal()
    wait_for_goal(arm)


def test_a_tracker_that_stamps_on_arrival_is_found_out():
    """The joints are off by 2 degrees; once there, the tool stays within 20 mm."""
    late = SimulationSettings(feedback_latency=0.045, feedback_stamps='arrival',
                              joint_offset=math.radians(2.0))
    with erring('late', settings=late) as arm:
        observer, errors = arm.observer, []

        def has_settled():
            error = arm.errors(HERE)[0]
            if errors or error <= 2e-3:
                errors.append(error)
            return observer.state() == 'REACHED'

        observer.publish_goal(HERE)
        observer.wait(has_settled, 'the goal')
        wait_for_goal(arm)
        assert max(errors, default=0.0) <= 0.02
        observer.publish_goal(THERE)  # on a slow machine one way shows little
        observer.wait(lambda: arm.is_at(THERE), 'the next goal')
        observer.publish_goal(HERE)
        wait_for_goal(arm)
        assert abs(float(observer.detail('latency of the tracker [s]')) - 0.045) < 0.01


def test_an_arm_that_starts_beyond_its_limits_is_led_back():
    """And it is said; each command is no further beyond the limits than the one before."""
    beyond = np.zeros_like(ARM.rest)
    beyond[0, 0] = 1.3
    with erring('beyond', start=beyond, settings=SimulationSettings(servo_velocity=2.0)) as arm:
        observer = arm.observer
        observer.wait(lambda: 'joint_1_x is at 1.300 rad' in observer.detail('beyond the limits'),
                      'the word for it')
        observer.publish_goal(HERE)
        wait_for_goal(arm)
        observer.wait(lambda: not observer.detail('beyond the limits'), 'the word for it')


def test_joint_states_that_are_zero_at_first_move_nothing():
    """They contradict the pose chain; the first command is where the arm is."""
    def zeros(message):
        return [JointState(header=message.header, name=message.name, position=[0.0] * ARM.dof)]

    with erring('zeros', start=2.0 * BENT, states_fault=zeros) as arm:
        observer = arm.observer
        observer.publish_goal(HERE)
        observer.wait(lambda: 'against its joint state' in observer.detail('feedback trouble'),
                      'the contradiction')
        assert observer.commands == []
        arm.heal()
        wait_for_goal(arm)


def test_an_arm_whose_tracker_has_not_come_yet_waits_for_it():
    with erring('waiting', fault=lambda stamp, chain: []) as arm:
        observer = arm.observer
        observer.publish_goal(HERE)
        observer.wait(lambda: observer.state() == 'WAITING_FOR_CHAIN', 'the word for it')
        observer.catch_up()
        assert observer.commands == []
        arm.heal()
        wait_for_goal(arm)
