# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
What the nodes do when the world is not as it should be, each fault over a real DDS.

The arm is played by this process. Whatever happens, every command is within the limits and a
bounded step from the one before, no node ends, and the arm reaches its goal once all is well.
"""

from contextlib import contextmanager, ExitStack
import math
import signal
import time

from geometry_msgs.msg import Point, Pose, PoseArray, Quaternion
from harness import assert_held, ErringArm, node_process, observing, running, settled
import numpy as np
import pytest
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, Float64MultiArray, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from snake_arm_control.control.goal import Goal
from snake_arm_control.model.forward_model import ForwardModel, SHIPPED
from snake_arm_control.ros import conversions, topics

NAN = math.nan
HOUR = 3600 * 10 ** 9  # [ns]
HERE = Goal.tool(position=(0.4, -0.3, 0.5), up=(0.0, 0.0, 1.0))
THERE = Goal.tool(position=(-0.3, 0.3, 0.6))


@pytest.fixture(scope='module', autouse=True)
def ros():
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@contextmanager
def erring(namespace, start=None):
    """Play the arm of a namespace; at the end, no command may have broken a bound."""
    with observing(namespace) as observer:
        arm = ErringArm(observer, start=start)
        yield arm
        assert arm.guard.checked and not arm.guard.violations


@pytest.fixture(scope='module')
def shared_arm():
    with running('--namespace', 'faults', '--no-simulator'), erring('faults') as arm:
        arm.observer.wait(lambda: arm.observer.state() == 'IDLE', 'the controller', 60.0)
        yield arm


@pytest.fixture
def arm(shared_arm):
    """Return an arm on its way to HERE, seconds away."""
    observer = shared_arm.observer
    shared_arm.fault = shared_arm.states_fault = None
    assert observer.call(Trigger, 'controller/reset', Trigger.Request()).success
    observer.wait(lambda: observer.state() == 'IDLE', 'the arm at rest')
    observer.publish_goal(HERE)
    observer.wait(lambda: len(observer.commands) > 3, 'commands')
    return shared_arm


def assert_held_and_recovered(arm, fault, why):
    """Assert that the arm holds and says why with a fault, and goes on without it."""
    observer = arm.observer
    arm.fault = fault
    observer.wait(lambda: observer.state() == 'NO_FEEDBACK', 'the hold')
    assert_held(observer)
    observer.wait(lambda: why in observer.detail('feedback trouble'), why)
    arm.fault = None
    observer.wait(lambda: arm.is_at(HERE), 'the goal')


def assert_ridden_out(arm, fault):
    """Assert that the goal is reached with a fault."""
    arm.fault = fault
    arm.observer.wait(lambda: arm.is_at(HERE), 'the goal')
    arm.observer.wait(lambda: arm.observer.state() == 'REACHED', 'the word for it')


def chains(change):
    """Return a fault that changes the chain or its stamp."""
    return lambda stamp, chain: [conversions.serialize_chain(*change(stamp, chain))]


def poses(change):
    """Return a fault that changes the tool's pose in a message."""
    def fault(stamp, chain):
        positions, quaternions = chain[:, :3], np.tile((0.0, 0.0, 0.0, 1.0), (len(chain), 1))
        message = PoseArray(poses=[
            Pose(position=Point(x=p[0], y=p[1], z=p[2]),
                 orientation=Quaternion(x=q[0], y=q[1], z=q[2], w=q[3]))
            for p, q in zip(positions.tolist(), quaternions.tolist())])
        message.header.stamp = conversions.stamp_to_time(stamp)
        change(message)
        return [serialize_message(message)]
    return fault


def all_nan(message):
    for each in message.poses:
        for part, names in ((each.position, 'xyz'), (each.orientation, 'xyzw')):
            for name in names:
                setattr(part, name, NAN)


HOLDING = {
    'lost': (lambda stamp, chain: [], 'no usable pose chain has come for'),
    'of another arm': (chains(lambda stamp, chain: (chain[:12], stamp)),
                       'has 12 poses, expected 40'),
    'of no poses': (chains(lambda stamp, chain: (chain[:0], stamp)), 'has 0 poses, expected 40'),
    'not measured': (poses(all_nan), 'not finite'),
    'NaN in part': (poses(lambda m: setattr(m.poses[39].position, 'y', NAN)), 'NaN in part'),
    'infinite': (poses(lambda m: setattr(m.poses[7].position, 'x', math.inf)), 'infinite'),
    'orientation of no length': (poses(lambda m: setattr(m.poses[0].orientation, 'w', 0.0)),
                                 'orientation of no length'),
    'in another frame': (poses(lambda m: setattr(m.header, 'frame_id', 'camera')),
                         "frame 'camera', expected 'base_link'"),
    'cut off': (lambda stamp, chain: [conversions.serialize_chain(chain, stamp)[:-9]],
                'no whole message'),
    'never stamped': (chains(lambda stamp, chain: (chain, 0)), 'clock is behind, or not set'),
}


@pytest.mark.parametrize('name', HOLDING)
def test_feedback_that_is_of_no_use_holds_the_arm(arm, name):
    fault, why = HOLDING[name]
    assert_held_and_recovered(arm, fault, why)


def test_the_same_answer_again_and_again_holds_the_arm(arm):
    stuck = conversions.serialize_chain(arm.arm.true_chain(), 1)
    assert_held_and_recovered(arm, lambda stamp, chain: [stuck], '')


def test_a_clock_an_hour_behind_holds_the_arm(arm):
    """A tracker's own clock, which is not set; its stamps increase."""
    assert_held_and_recovered(arm, chains(lambda stamp, chain: (chain, stamp - HOUR)), '')


def later(count):
    """Return a fault that keeps messages back."""
    waiting = []

    def fault(stamp, chain):
        waiting.append(conversions.serialize_chain(chain, stamp))
        return [waiting.pop(0)] if len(waiting) > count else []
    return fault


def shuffled(seed=0):
    """Return a fault that swaps messages with older ones."""
    generator, waiting = np.random.default_rng(seed), []

    def fault(stamp, chain):
        waiting.append(conversions.serialize_chain(chain, stamp))
        return [waiting.pop(generator.integers(len(waiting)))] if len(waiting) > 4 else []
    return fault


def sometimes(share, seed=0):
    generator = np.random.default_rng(seed)
    return lambda stamp, chain: ([conversions.serialize_chain(chain, stamp)]
                                 if generator.random() < share else [])


RIDDEN_OUT = {
    'late': later(10),
    'half of it lost': sometimes(0.5),
    'repeated': lambda stamp, chain: 3 * [conversions.serialize_chain(chain, stamp)],
    'out of order': shuffled(),
    'stamped by a clock an hour ahead': chains(lambda stamp, chain: (chain, stamp + HOUR)),
    'with garbage between': lambda stamp, chain: [
        b'', b'\0\1\0\0', conversions.serialize_chain(chain, stamp),
        conversions.serialize_chain(1e300 * chain, stamp)[:200]],
}


@pytest.mark.parametrize('name', RIDDEN_OUT)
def test_feedback_that_is_poor_is_ridden_out(arm, name):
    assert_ridden_out(arm, RIDDEN_OUT[name])


def test_answers_that_were_overtaken_are_counted(arm):
    before = int(arm.observer.detail('rejected feedback'))
    assert_ridden_out(arm, shuffled(1))
    arm.observer.wait(lambda: int(arm.observer.detail('rejected feedback')) > before, 'the count')


BAD_STATES = {
    'of other joints': lambda m: [JointState(name=['elbow'], position=[0.1])],
    'NaN': lambda m: [JointState(header=m.header, name=m.name, position=[NAN] * 80)],
    'too few positions': lambda m: [JointState(header=m.header, name=m.name, position=[0.1] * 7)],
    'none': lambda m: [],
}


@pytest.mark.parametrize('name', BAD_STATES)
def test_joint_states_of_no_use_do_not_disturb_a_moving_arm(arm, name):
    arm.states_fault = BAD_STATES[name]
    arm.observer.wait(lambda: arm.is_at(HERE), 'the goal')


def test_an_arm_that_was_moved_by_hand_on_hold_goes_on_from_there(arm):
    """No command asks for the pose of before."""
    observer = arm.observer
    assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=True)).success
    observer.wait(lambda: observer.state() == 'HOLDING', 'the hold')
    observer.catch_up()
    moved = np.full((40, 2), -0.3)
    arm.arm.command(moved, time.monotonic())
    observer.catch_up()
    observer.commands.clear()
    assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=False)).success
    observer.wait(lambda: observer.commands, 'a command')
    first = np.reshape(observer.commands[0].position, (40, 2))
    assert np.abs(first - moved).max() <= 0.1
    observer.wait(lambda: arm.is_at(HERE), 'the goal')


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


@pytest.mark.parametrize('name', ('empty', 'truncated', 'of another arm',
                                  'of another architecture'))
def test_weights_that_can_not_be_are_refused_in_motion(arm, name):
    """The weights before stay, and the diagnostics are an error until good ones come."""
    observer = arm.observer
    publisher = observer.node.create_publisher(UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)
    observer.wait(lambda: publisher.get_subscription_count(), 'the controller')
    publisher.publish(conversions.bytes_to_message(other_weights(name)))
    observer.wait(lambda: observer.detail('refused weights'), 'the refusal')
    assert observer.diagnostics['/faults/controller'].level == b'\2'
    assert observer.detail('model fingerprint')
    observer.wait(lambda: arm.is_at(HERE), 'the goal')
    observer.wait(lambda: observer.state() == 'REACHED', 'the state')
    assert observer.call(Trigger, 'forward_model/reload', Trigger.Request()).success
    observer.wait(lambda: not observer.detail('refused weights'), 'good weights')
    observer.node.destroy_publisher(publisher)


def test_an_arm_on_hold_whose_new_weights_were_refused_is_still_on_hold(arm):
    """The state says what the controller does, and the refusal stands beside it."""
    observer = arm.observer
    publisher = observer.node.create_publisher(UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)
    observer.wait(lambda: publisher.get_subscription_count(), 'the controller')
    publisher.publish(conversions.bytes_to_message(other_weights('truncated')))
    observer.wait(lambda: observer.detail('refused weights'), 'the refusal')
    assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=True)).success
    observer.wait(lambda: observer.state() == 'HOLDING', 'the hold')
    assert 'whole safetensors file' in observer.detail('refused weights')
    assert observer.call(SetBool, 'controller/hold', SetBool.Request(data=False)).success
    observer.wait(lambda: arm.is_at(HERE), 'the goal')
    assert observer.call(Trigger, 'forward_model/reload', Trigger.Request()).success
    observer.node.destroy_publisher(publisher)


def test_the_convergence_is_published_as_plain_numbers(arm):
    observer, heard = arm.observer, {}
    for name in ('position_error', 'axis_error', 'iteration_rate'):
        observer.node.create_subscription(
            Float64, f'controller/{name}',
            lambda message, name=name: heard.setdefault(name, []).append(message.data), 100)
    observer.wait(lambda: arm.is_at(HERE) and len(heard) == 3, 'the numbers')
    observer.wait(lambda: heard['position_error'][-1] <= 1e-3
                  and heard['axis_error'][-1] <= math.radians(1.0), 'the last errors')
    assert heard['iteration_rate'][-1] > 0.0


def test_missed_deadlines_are_counted(arm):
    """At a rate that nothing keeps up with."""
    observer, before = arm.observer, int(arm.observer.detail('deadline misses'))
    assert observer.set_parameter('controller', 'rate', 5000.0).successful
    observer.wait(lambda: int(observer.detail('deadline misses')) > before + 10, 'the count')
    assert observer.set_parameter('controller', 'rate', 200.0).successful
    observer.wait(lambda: arm.is_at(HERE), 'the goal')


@pytest.mark.parametrize('kind', ('joint_trajectory_controller', 'forward_command_controller'))
def test_ros2_control_gets_every_command(kind):
    namespace = kind[:5]
    message, topic = ((JointTrajectory, 'joint_trajectory') if kind[0] == 'j'
                      else (Float64MultiArray, 'commands'))
    with (running('--namespace', namespace, '--no-simulator',
                  '--set', f'controller.hardware={kind}'), erring(namespace) as arm):
        observer, passed = arm.observer, []
        observer.node.create_subscription(message, f'{kind}/{topic}', passed.append, 1000)
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller', 60.0)
        observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        settled(observer)
        observer.wait(lambda: len(passed) >= len(observer.commands), 'each of the commands')
    passed = [(each.points[0].positions if kind[0] == 'j' else each.data).tolist()
              for each in passed]
    assert passed == [command.position.tolist() for command in observer.commands]


def test_joint_states_in_any_order_among_those_of_others_start_the_arm():
    """From where it stands, which is not the zero configuration."""
    def mixed(message):
        order = np.random.default_rng(0).permutation(80)
        return [JointState(name=['gripper', *(message.name[i] for i in order)],
                           position=[NAN, *(message.position[i] for i in order)])]
    start = np.full((40, 2), 0.3)
    with running('--namespace', 'mixed', '--no-simulator'), erring('mixed', start) as arm:
        observer = arm.observer
        arm.states_fault = lambda message: [JointState(name=['gripper'], position=[0.0])]
        observer.wait(lambda: observer.state() == 'WAITING', 'the wait', 60.0)
        observer.wait(lambda: 'lack 80 of the 80' in observer.detail('last rejected feedback'),
                      'the reason')
        arm.states_fault = mixed
        observer.wait(lambda: observer.state() == 'IDLE', 'the start')
        observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        first = np.reshape(observer.commands[0].position, (40, 2))
        assert np.abs(first - start).max() <= 0.25


def test_a_tracker_of_the_tool_alone_is_enough_for_a_goal_of_the_tool():
    """Best effort, by its own clock, on an arm that is not as the model has learned it."""
    reliability = 'qos_overrides./tool/pose_chain.subscription.reliability:=best_effort'
    with (node_process('forward_model', 'tool'),
          node_process('controller', 'tool', '-p', "tracked_joints:='40'", '-p', reliability),
          erring('tool') as arm):
        observer = arm.observer
        observer.node.destroy_publisher(arm.chains)
        arm.chains = observer.node.create_publisher(PoseArray, topics.POSE_CHAIN, QoSProfile(
            depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
        arm.arm.settings = type(arm.arm.settings)(length_error=0.05)
        arm.fault = lambda stamp, chain: [conversions.serialize_chain(
            chain[-1:], observer.node.get_clock().now().nanoseconds)]
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller', 60.0)
        observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        refused = observer.set_parameter('controller', 'tracked_joints', '40 41')
        assert not refused.successful and 'numbers from 1 to 40' in refused.reason


@pytest.mark.parametrize('killed', ('controller', 'forward_model'))
def test_a_node_that_was_killed_is_started_again_beside_the_others(killed):
    """A controller starts from where the arm stands and has no goal; the model is not missed."""
    with ExitStack() as stack, erring('killed') as arm:
        observer = arm.observer
        nodes = {name: stack.enter_context(node_process(name, 'killed'))
                 for name in ('forward_model', 'controller')}
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller', 60.0)
        observer.publish_goal(HERE)
        observer.wait(lambda: len(observer.commands) > 3, 'commands')
        nodes[killed].send_signal(signal.SIGKILL)
        nodes[killed].wait()
        observer.diagnostics.clear()
        stack.enter_context(node_process(killed, 'killed'))
        observer.wait(lambda: f'/killed/{killed}' in observer.diagnostics, 'the node', 60.0)
        if killed == 'controller':
            observer.wait(lambda: observer.state() == 'IDLE', 'the controller', 60.0)
            observer.publish_goal(HERE)
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        observer.publish_goal(THERE)
        observer.wait(lambda: arm.is_at(THERE), 'the next goal')


def test_a_clock_that_jumps_back_is_followed():
    """A simulated one, by an hour; the arm stamps by it too."""
    with (node_process('forward_model', 'jump'),
          node_process('controller', 'jump', '-p', 'use_sim_time:=true'), erring('jump') as arm):
        observer = arm.observer
        publisher = observer.node.create_publisher(Clock, '/clock', 10)
        time_before, offset = time.monotonic(), [2 * HOUR]

        def tick():
            elapsed = round(1e9 * (time.monotonic() - time_before))
            publisher.publish(Clock(clock=conversions.stamp_to_time(offset[0] + elapsed)))

        observer.node.create_timer(0.005, tick)
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller', 60.0)
        observer.publish_goal(HERE)
        observer.wait(lambda: len(observer.commands) > 10, 'commands')
        offset[0] -= HOUR
        observer.wait(lambda: arm.is_at(HERE), 'the goal')
        observer.publish_goal(THERE)
        observer.wait(lambda: arm.is_at(THERE), 'the next goal')
        stamps = [conversions.time_to_stamp(each.header.stamp) for each in observer.commands]
        assert (np.diff(stamps) < 0).sum() == 1
