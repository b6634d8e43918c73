# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
What the nodes do when what they receive is not as it should be, each fault over a real DDS.

The arm is played by this process. Whatever happens, every command keeps the contract of motion, no
node ends, and the arm reaches its goal once all is well.
"""

import math

import falsified
from geometry_msgs.msg import Point, Pose, PoseArray, Quaternion
from harness import assert_held, begin, erring
import numpy as np
import pytest
from rclpy.serialization import serialize_message
from std_msgs.msg import Float64, Float64MultiArray, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger

from snake_arm_control.control.goal import Goal
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.weights_file import SHIPPED
from snake_arm_control.ros import chain_messages, message_stamps, topics, weight_messages

pytestmark = pytest.mark.usefixtures('ros')

NAN = math.nan
HOUR = 3600 * 10**9  # [ns]
HERE = Goal.tool(position=(0.4, -0.3, 0.5), up=(0.0, 0.0, 1.0))
THERE = Goal.tool(position=(-0.3, 0.3, 0.6))


@pytest.fixture(scope='module')
def shared_arm():
    with erring('faults') as arm:
        yield arm


@pytest.fixture
def arm(shared_arm):
    """Return an arm on its way to HERE."""
    begin(shared_arm, HERE)
    return shared_arm


def assert_held_and_recovered(arm, why):
    """Assert that the arm holds and says why with the present fault, and goes on without it."""
    observer = arm.observer
    observer.wait(lambda: observer.state() == 'NO_FEEDBACK', 'the hold')
    assert_held(observer)
    observer.wait(lambda: why in observer.detail('feedback trouble'), why)
    arm.heal()
    observer.wait(lambda: arm.is_at(HERE), 'the goal')


def assert_ridden_out(arm):
    """Assert that the goal is reached with the present fault."""
    arm.observer.wait(lambda: arm.is_at(HERE), 'the goal')
    arm.observer.wait(lambda: arm.observer.state() == 'REACHED', 'the word for it')


def poses(change):
    """Return a fault that changes the message of a straight arm."""
    def fault(stamp, chain):
        message = PoseArray(poses=[
            Pose(position=Point(z=0.025 * (j + 1)), orientation=Quaternion(w=1.0))
            for j in range(len(chain))])
        message.header.stamp = message_stamps.stamp_to_time(stamp)
        change(message)
        return [serialize_message(message)]
    return fault


def all_nan(message):
    for each in message.poses:
        for part, names in ((each.position, 'xyz'), (each.orientation, 'xyzw')):
            for name in names:
                setattr(part, name, NAN)


def lying(message):
    for each in message.poses:
        each.position.x, each.position.z = each.position.z, 0.0
        each.orientation = Quaternion(y=math.sqrt(0.5), w=math.sqrt(0.5))  # z to x


HOLDING = {
    'lost': (falsified.lost, 'no usable pose chain has come for'),
    'of another arm': (falsified.chains(lambda stamp, chain: (stamp, chain[:12])),
                       'has 12 poses, expected 40'),
    'of no poses': (falsified.chains(lambda stamp, chain: (stamp, chain[:0])),
                    'has 0 poses, expected 40'),
    'not measured': (poses(all_nan), 'not finite'),
    'NaN in part': (poses(lambda m: setattr(m.poses[39].position, 'y', NAN)), 'NaN in part'),
    'infinite': (poses(lambda m: setattr(m.poses[7].position, 'x', math.inf)), 'infinite'),
    'orientation of no length': (poses(lambda m: setattr(m.poses[0].orientation, 'w', 0.0)),
                                 'orientation of no length'),
    'in another frame': (poses(lambda m: setattr(m.header, 'frame_id', 'camera')),
                         "the frame is 'camera', expected 'base_link'"),
    'cut off': (lambda stamp, chain: [chain_messages.serialize_chain(chain, stamp)[:-9]],
                'no whole message'),
    'never stamped': (falsified.chains(lambda stamp, chain: (0, chain)),
                      'clock show another time?'),
    'stamped an hour before': (falsified.chains(lambda stamp, chain: (stamp - HOUR, chain)),
                               's before it came'),
    'stamped an hour ahead': (falsified.chains(lambda stamp, chain: (stamp + HOUR, chain)),
                              's after it came'),
    'in millimetres': (falsified.in_millimetres, 'expected 0.025 m: millimetres?'),
    'y up in place of z': (falsified.y_up, 'axes in another order'),
    'elements swapped': (falsified.of_swapped_joints, 'm apart, expected 0.025 m'),
    'a metre off': (falsified.a_metre_off, 'm from the base, expected at most'),
    # Not upright: that is what a tracker shows that stopped when the arm was at rest.
    'straight': (poses(lying), 'against its joint state, expected at most'),
}


@pytest.mark.parametrize('name', HOLDING)
def test_a_pose_chain_of_no_use_holds_the_arm(arm, name):
    arm.fault, why = HOLDING[name]
    assert_held_and_recovered(arm, why)


def test_an_arm_that_must_not_resume_waits_for_its_release_and_says_why(arm):
    observer = arm.observer
    assert observer.set_parameter('controller', 'resume', False).successful
    try:
        arm.fault = falsified.lost
        observer.wait(lambda: observer.state() == 'WAITING_FOR_RELEASE', 'the interruption')
        assert 'no usable pose chain has come' in observer.detail('interrupted by')
        assert_held(observer)
        arm.heal()
        assert_held(observer)
        assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=False)).success
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
    finally:
        assert observer.set_parameter('controller', 'resume', True).successful


def test_the_same_pose_chain_again_and_again_holds_the_arm(arm):
    stuck = chain_messages.serialize_chain(arm.arm.true_chain(), arm.clock())
    arm.fault = lambda stamp, chain: [stuck]
    assert_held_and_recovered(arm, 'no usable pose chain has come for')


RIDDEN_OUT = {
    'late': falsified.late(10),
    'lost half of the time': falsified.sometimes(0.5, falsified.lost),
    'a metre off now and then': falsified.sometimes(0.2, falsified.a_metre_off),
    'of swapped joints now and then': falsified.sometimes(0.2, falsified.of_swapped_joints),
    'repeated': lambda stamp, chain: 3 * falsified.sound(stamp, chain),
    'out of order': falsified.shuffled(),
    'with garbage between': lambda stamp, chain: [
        b'', b'\0\1\0\0', *falsified.sound(stamp, chain),
        chain_messages.serialize_chain(1e300 * chain, stamp)[:200]],
}


@pytest.mark.parametrize('name', RIDDEN_OUT)
def test_feedback_that_is_poor_is_ridden_out(arm, name):
    arm.fault = RIDDEN_OUT[name]
    assert_ridden_out(arm)


def test_pose_chains_that_were_overtaken_are_counted(arm):
    before = int(arm.observer.detail('rejected feedback'))
    arm.fault = falsified.shuffled(1)
    assert_ridden_out(arm)
    arm.observer.wait(lambda: int(arm.observer.detail('rejected feedback')) > before, 'the count')


BAD_STATES = {
    'of other joints': (falsified.named(lambda m: ['elbow'], lambda m: [0.1]),
                        'no joint states have come for'),
    'none': (lambda m: [], 'no joint states have come for'),
    'NaN': (falsified.named(lambda m: m.name, lambda m: [NAN] * 80),
            'expected a finite position'),
    'too few positions': (falsified.named(lambda m: m.name, lambda m: [0.1] * 7),
                          'name 80 joints and have 7 positions, expected as many'),
    'one name twice': (falsified.with_one_twice, 'name joint_4_x twice, expected it once'),
    'without the last joint': (falsified.without_the_last, 'joint_40_y was last named'),
}


@pytest.mark.parametrize('name', BAD_STATES)
def test_joint_states_of_no_use_hold_the_arm(arm, name):
    arm.states_fault, why = BAD_STATES[name]
    assert_held_and_recovered(arm, why)


@pytest.mark.parametrize('form', (falsified.in_parts, falsified.among_others))
def test_joint_states_are_merged_by_name(arm, form):
    rejected = arm.observer.detail('rejected feedback')
    arm.states_fault = form
    assert_ridden_out(arm)
    assert arm.observer.detail('rejected feedback') == rejected


GARBAGE = {
    'too many numbers': [0.1] * 1001,
    'one number': [0.0],
    'infinity': [math.inf] * 9,
    'a joint far beyond': [1e300, *[NAN] * 9],
    'a joint that is NaN': [NAN] * 10,
    'axes of no length': [NAN, NAN, NAN, 0.0, 0.0, 0.0, NAN, NAN, NAN],
}


@pytest.mark.parametrize('name', GARBAGE)
def test_a_goal_that_is_garbage_is_rejected_and_the_one_before_reached(arm, name):
    observer = arm.observer
    rejected = int(observer.detail('rejected goals'))
    observer.publish(topics.GOAL, Float64MultiArray(data=GARBAGE[name]))
    observer.wait(lambda: int(observer.detail('rejected goals')) == rejected + 1, 'the rejection')
    assert 'expected' in observer.detail('last rejected goal')
    observer.wait(lambda: arm.is_at(HERE), 'the goal')


@pytest.mark.parametrize('position', ((1e300, -1e300, 0.0), (1e9, 0.0, 0.0), (0.0, 0.0, -3.0)))
def test_a_goal_out_of_all_reach_leaves_the_next_one_reachable(arm, position):
    observer = arm.observer
    observer.publish_goal(Goal.tool(position=position))
    observer.catch_up()
    observer.publish_goal(THERE)
    observer.wait(lambda: arm.is_at(THERE), 'the goal')


def test_a_flood_of_goals_ends_with_the_last_one(arm):
    observer, generator = arm.observer, np.random.default_rng(0)
    for k in range(500):
        data = generator.uniform(-0.5, 0.5, generator.integers(0, 12)).tolist()
        if k % 3:
            data = [*generator.uniform(-0.4, 0.4, 3), *[NAN] * 6]
        observer.publishers[topics.GOAL].publish(Float64MultiArray(data=data))
        observer.executor.spin_once(timeout_sec=0.0)
    observer.publish_goal(THERE)
    observer.wait(lambda: arm.is_at(THERE), 'the last goal')


def other_weights(name):
    """Return weights that are none of this arm's."""
    whole = SHIPPED.read_bytes()
    if name == 'empty':
        return b''
    if name == 'truncated':
        return whole[:len(whole) // 2]
    if name == 'of another arm':
        fingerprint = ForwardModel.load().metadata['arm_fingerprint'].encode()
        return whole.replace(fingerprint, fingerprint[::-1])
    assert name == 'of another architecture'
    return whole.replace(b'first.peephole', b'third.peephole')


def publish_weights(observer, name):
    """Publish weights that are none of this arm's, until they are refused."""
    publisher = observer.node.create_publisher(UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)
    observer.wait(lambda: publisher.get_subscription_count(), 'the controller')
    publisher.publish(weight_messages.bytes_to_message(other_weights(name)))
    observer.wait(lambda: observer.detail('refused weights'), 'the refusal')
    observer.node.destroy_publisher(publisher)


@pytest.mark.parametrize('name', ('empty', 'truncated', 'of another arm',
                                  'of another architecture'))
def test_weights_that_can_not_be_are_refused_in_motion(arm, name):
    """The weights before stay, and the diagnostics are an error until good ones come."""
    observer = arm.observer
    publish_weights(observer, name)
    assert observer.diagnostics['/faults/controller'].level == b'\2'
    assert observer.detail('model fingerprint')
    observer.wait(lambda: arm.is_at(HERE), 'the goal')
    observer.wait(lambda: observer.state() == 'REACHED', 'the state')
    assert observer.call(Trigger, 'forward_model/reload', Trigger.Request()).success
    observer.wait(lambda: not observer.detail('refused weights'), 'good weights')


def test_an_arm_on_hold_whose_new_weights_were_refused_is_still_on_hold(arm):
    """The state says what the controller does, and the refusal stands beside it."""
    observer = arm.observer
    publish_weights(observer, 'truncated')
    assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=True)).success
    observer.wait(lambda: observer.state() == 'HOLDING', 'the hold')
    assert 'whole safetensors file' in observer.detail('refused weights')
    assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=False)).success
    observer.wait(lambda: arm.is_at(HERE), 'the goal')
    assert observer.call(Trigger, 'forward_model/reload', Trigger.Request()).success


def test_the_convergence_is_published_as_plain_numbers(arm):
    observer, published = arm.observer, {}
    for name in ('position_error', 'axis_error', 'iteration_rate'):
        observer.node.create_subscription(
            Float64, f'controller/{name}',
            lambda message, name=name: published.setdefault(name, []).append(message.data), 100)
    observer.wait(lambda: arm.is_at(HERE) and len(published) == 3, 'the numbers')
    observer.wait(lambda: published['position_error'][-1] <= 1e-3
                  and published['axis_error'][-1] <= math.radians(1.0), 'the last errors')
    assert published['iteration_rate'][-1] > 0.0


def test_missed_deadlines_are_counted(arm):
    """At a rate that nothing keeps up with."""
    observer, before = arm.observer, int(arm.observer.detail('deadline misses'))
    assert observer.set_parameter('controller', 'rate', 5000.0).successful
    observer.wait(lambda: int(observer.detail('deadline misses')) > before + 10, 'the count')
    assert observer.set_parameter('controller', 'rate', 200.0).successful
    observer.wait(lambda: arm.is_at(HERE), 'the goal')
