# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes over a real DDS: this process talks to an arm that runs in processes of its own."""

from dataclasses import replace
import math
import re
import subprocess

from arms import NAMES as OTHER_NAMES, URDFS
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PointStamped, PoseArray, PoseStamped
from harness import (
    ARM,
    assert_held,
    CONTRACT,
    node_process,
    observing,
    running,
    settled,
    snake_arm,
)
import numpy as np
from patience import PATIENCE
import pytest
from rcl_interfaces.msg import Log
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, Float64MultiArray, MultiArrayDimension, String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.control.conditions import Cone, Distance, LookAt
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import State
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.ros import (
    chain_messages,
    goal_messages,
    joint_messages,
    message_stamps,
    pose_messages,
    topics,
)

pytestmark = pytest.mark.usefixtures('ros')

NAN = math.nan
FIG2 = scenario('fig2').goal_at(ARM, 0.0)
REACHABLE = (0.4, -0.3, 0.5)


@pytest.fixture(scope='module')
def shared_arm():
    """One arm for all tests that leave it as they found it."""
    with running(), observing() as observer:
        observer.wait(lambda: observer.state() == 'IDLE', 'an idle controller')
        yield observer


@pytest.fixture
def arm(shared_arm):
    """Return an observer of an arm that stands at rest without a goal."""
    response = shared_arm.call(Trigger, 'controller/reset', Trigger.Request())
    assert response.success
    shared_arm.wait(lambda: shared_arm.state() == 'IDLE', 'the arm at rest')
    commands = shared_arm.commands
    shared_arm.wait(lambda: not commands or not any(commands[-1].position), 'the last command')
    commands.clear()
    shared_arm.watch.judge()
    shared_arm.markers = None
    return shared_arm


@pytest.fixture
def slow_arm(arm):
    """Return an arm that is seconds away from its goals."""
    assert arm.set_parameter('controller', 'speed_limit', 0.1).successful
    yield arm
    assert arm.set_parameter('controller', 'speed_limit', 1.0).successful


def test_every_iteration_makes_one_command_and_only_what_brakes_or_holds_is_none(arm):
    before = {key: int(arm.detail(key)) for key in ('commands', 'iterations')}
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')
    settled(arm)
    arm.catch_up()
    counts = {key: int(arm.detail(key)) - before[key] for key in before}
    assert len(arm.commands) == counts['commands']
    assert 10 < counts['iterations'] < counts['commands']  # the first holds
    stamps = [message_stamps.time_to_stamp(command.header.stamp) for command in arm.commands]
    assert np.all(np.diff(stamps) > 0)
    assert all(tuple(command.name) == ARM.joint_names for command in arm.commands)


def test_a_reached_goal_is_reported_as_reached(arm):
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.state() == 'REACHED', 'the word of the controller')
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')


def test_a_late_subscriber_gets_the_goal_that_is_pursued(arm):
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')
    received = []
    late = arm.node.create_subscription(Float64MultiArray, topics.PURSUED_GOAL, received.append,
                                        topics.LATCHED)
    try:
        arm.wait(lambda: received, 'the goal that is pursued')
        assert goal_messages.message_to_goal(received.pop(), ARM.joints) == FIG2
        arm.publish(topics.GOAL, Float64MultiArray(data=[1.0]))  # rejected
        assert arm.call(Trigger, 'controller/reset', Trigger.Request()).success
        arm.wait(lambda: received, 'the goal dropped')
        dropped, = received
        assert goal_messages.message_to_goal(dropped, ARM.joints).is_free
    finally:
        arm.node.destroy_subscription(late)


def test_only_the_controller_subscribes_to_goals(arm):
    """Who publishes once, to the first subscriber, must not meet another: here `up` looks on."""
    arm.wait(lambda: arm.node.count_subscribers(topics.GOAL), 'the controller')
    for topic in (topics.GOAL, topics.GOAL_YAML, topics.GOAL_POSE, topics.CLICKED_POINT):
        subscribers = arm.node.get_subscriptions_info_by_topic(arm.node.resolve_topic_name(topic))
        assert [info.node_name for info in subscribers] == ['controller']


def test_who_comes_late_learns_the_state_and_then_each_change_of_it(arm):
    states = []
    late = arm.node.create_subscription(String, topics.STATE, lambda message: states.append(
        message.data), topics.LATCHED)
    try:
        arm.wait(lambda: states == ['IDLE'], 'the state')
        arm.publish_goal(FIG2)
        arm.wait(lambda: states[-1] == 'REACHED', 'the goal')
        assert states[:2] == ['IDLE', 'TRACKING']
        assert all(State[one] for one in states)
        assert all(one != other for one, other in zip(states, states[1:]))
    finally:
        arm.node.destroy_subscription(late)


def test_the_pose_of_the_tool_is_the_true_one(arm):
    poses = []
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')
    settled(arm)
    subscription = arm.node.create_subscription(PoseStamped, topics.TOOL_POSE, poses.append, 10)
    try:
        arm.wait(lambda: len(poses) > 1, 'the pose')
        stamp, chain = chain_messages.deserialize_chain(arm.chain)
        assert poses[-1].header.frame_id == topics.BASE_FRAME
        assert message_stamps.time_to_stamp(poses[-1].header.stamp) == stamp
        np.testing.assert_allclose(pose_messages.message_to_pose(poses[-1].pose), chain[-1],
                                   atol=1e-9)
    finally:
        arm.node.destroy_subscription(subscription)


def test_predictions_and_true_poses_describe_the_same_arm(arm):
    """The learned model is a few centimetres off at worst at a shape that an arm takes."""
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')

    def farthest():
        true, predicted = (chain_messages.deserialize_chain(each)[1][:, pose.POSITION]
                           for each in (arm.chain, arm.predicted))
        return np.linalg.norm(true - predicted, axis=1).max()

    arm.wait(lambda: arm.predicted and 0.0 < farthest() < 0.05, 'a prediction that is near')


def test_the_description_is_the_generated_urdf(arm):
    arm.wait(lambda: arm.description, 'robot_description')
    assert arm.description.data == urdf_text(ARM)


def test_a_goal_of_nine_numbers_is_for_the_tool(arm):
    arm.publish(topics.GOAL, Float64MultiArray(data=[*REACHABLE, *[NAN] * 6]))
    goal = Goal.tool(position=REACHABLE)
    arm.wait(lambda: arm.is_at(goal), 'the goal')


def test_a_goal_of_a_whole_chain_without_a_layout(arm):
    chain = np.full((40, 9), NAN)
    chain[39, :3] = REACHABLE
    chain[19, 0] = 0.1
    arm.publish(topics.GOAL, Float64MultiArray(data=chain.ravel().tolist()))
    goal = Goal.from_array(chain)
    arm.wait(lambda: arm.is_at(goal), 'the goal')


def test_the_command_line_publishes_goals(arm):
    """Components given as - are free, several joints go in one command."""
    sent = subprocess.run(
        snake_arm('goal', '--joint', '20', '--position', '0.1', '-', '-',
                  '--joint', 'tool', '--position', *map(str, REACHABLE), '--up', '0', '0', '1'),
        capture_output=True, text=True, timeout=PATIENCE)
    assert sent.returncode == 0, sent.stderr
    goal = (Goal.tool(position=REACHABLE, up=(0, 0, 1))
            & Goal.joint(20, position=(0.1, None, None)))
    arm.wait(lambda: arm.is_at(goal), 'the goal')


def test_a_goal_of_yaml_says_all_that_goals_can_and_comes_back_whole(arm):
    """Links by their names; what follows the pursued goal judges it by all that it says."""
    received = []
    late = arm.node.create_subscription(String, topics.PURSUED_GOAL_YAML, received.append,
                                        topics.LATCHED)
    text = """
    - {joint: tool0, position: [[0.3, 0.5], ~, 0.5], look_at: [0.6, 0.2, 0.1]}
    - {joint: link_20, distance: {to: [0, 0, 0.4], most: 0.2}}
    - {posture: rest}
    """
    goal = (Goal.tool(position=((0.3, 0.5), None, 0.5))
            & Goal.where(LookAt(40, (0.6, 0.2, 0.1)), Distance(20, (0.0, 0.0, 0.4), most=0.2))
            & Goal.preferring({}))
    arm.publish(topics.GOAL_YAML, String(data=text))
    arm.wait(lambda: received and Goal.from_yaml(received[-1].data) == goal, 'the pursued goal')
    arm.wait(lambda: arm.is_at(goal) and arm.state() == 'REACHED', 'the goal')
    for bad, reason in (('[{joint: elbow, position: [0, 0, 1]}]', 'joint number is elbow'),
                        ('[{posture: {elbow: 1}}]', "no joint 'elbow'")):
        arm.publish(topics.GOAL_YAML, String(data=bad))
        arm.wait(lambda: reason in arm.detail('last rejected goal'), 'the rejection')
    assert Goal.from_yaml(received[-1].data) == goal
    arm.node.destroy_subscription(late)


def test_the_command_line_publishes_what_a_file_says_and_waits_for_it(arm, tmp_path):
    (tmp_path / 'goal.yaml').write_text('[{joint: tool, position: [0.4, [0, 0.1], ~], '
                                        'up: {direction: [0, 0, 1], angle: 0.1}}]')
    sent = subprocess.run(snake_arm('goal', '--file', str(tmp_path / 'goal.yaml'), '--wait'),
                          capture_output=True, text=True, timeout=PATIENCE)
    assert sent.returncode == 0, sent.stderr
    goal = (Goal.tool(position=(0.4, (0.0, 0.1), None))
            & Goal.where(Cone(40, (0, 0, 1), angle=0.1, axis='up')))
    arm.wait(lambda: arm.is_at(goal), 'the goal')


def test_the_arm_keeps_clear_of_obstacles_that_come_and_goes_on_when_they_are_gone(arm):
    """An obstacle at the goal bars the way; what bars it is said, and drawn."""
    x, y, z = REACHABLE
    obstacle = Marker(ns='ball', id=1, type=Marker.SPHERE)
    obstacle.pose.position.x, obstacle.pose.position.y, obstacle.pose.position.z = x, y, z
    obstacle.scale.x = obstacle.scale.y = obstacle.scale.z = 0.1
    clearances, drawn = [], []
    subscriptions = [
        arm.node.create_subscription(Float64, 'controller/clearance',
                                     lambda message: clearances.append(message.data), 100),
        arm.node.create_subscription(MarkerArray, topics.SCENE_MARKERS, drawn.append,
                                     topics.LATCHED)]
    publisher = arm.node.create_publisher(MarkerArray, topics.OBSTACLES, topics.LATCHED)
    assert arm.set_parameter('controller', 'restarts', 0).successful
    publisher.publish(MarkerArray(markers=[obstacle]))
    arm.wait(lambda: drawn, 'the scene')
    arm.publish_goal(Goal.tool(position=REACHABLE))
    arm.wait(lambda: arm.state() == 'STALLED', 'the end before the obstacle')
    assert min(clearances) > 0.0
    assert 'mm from ball/1' in arm.detail('in the way')
    obstacle.action = Marker.DELETE
    publisher.publish(MarkerArray(markers=[obstacle]))
    arm.wait(lambda: arm.is_at(Goal.tool(position=REACHABLE)), 'the goal')
    bad = Marker(ns='ball', id=2, type=Marker.ARROW)
    publisher.publish(MarkerArray(markers=[bad]))
    arm.wait(lambda: arm.detail('rejected obstacles') == '1', 'the rejection')
    assert 'ball/2 is a marker of type 0' in arm.detail('last rejected obstacle')
    assert arm.set_parameter('controller', 'restarts', 5).successful
    for subscription in subscriptions:
        arm.node.destroy_subscription(subscription)
    arm.node.destroy_publisher(publisher)


def test_a_scene_that_is_none_is_refused_and_the_one_before_stays(arm, tmp_path):
    (tmp_path / 'scene.yaml').write_text('shapes: [{sphere: {center: [0, 0, 2], radius: -1}}]')
    result = arm.set_parameter('controller', 'scene', str(tmp_path / 'scene.yaml'))
    assert not result.successful and 'radius' in result.reason and '-1' in result.reason
    (tmp_path / 'scene.yaml').write_text('shapes: [{mesh: {path: part.stl}}]')
    result = arm.set_parameter('controller', 'scene', str(tmp_path / 'scene.yaml'))
    assert not result.successful and 'part.stl can not be read' in result.reason


def test_a_moving_goal_that_is_reached_and_left_again_and_again_fills_no_log(arm):
    log, states = [], []
    subscriptions = [
        arm.node.create_subscription(Log, '/rosout', lambda message: log.append(message.msg), 100),
        arm.node.create_subscription(
            String, topics.STATE, lambda message: states.append(message.data), topics.LATCHED)]
    arm.publish_goal(FIG2)
    arm.wait(lambda: states and states[-1] == 'REACHED', 'the goal')
    log.clear()
    for k in range(1000):  # a hundred, unless the machine is slow
        goal = Goal.tool(position=np.array(REACHABLE) + (0.0, 0.0, 3e-3 * (k % 2)))
        arm.publishers[topics.GOAL].publish(goal_messages.goal_to_message(goal))
        arm.listen(0.03)
        if k >= 100 and states.count('TRACKING') > 10:
            break
    arm.wait(lambda: states[-1] == 'REACHED', 'the last goal')
    assert states.count('TRACKING') > 10
    arm.wait(lambda: State.REACHED.value in log, 'the end in the log')
    assert len(log) < 0.2 * len(states)
    for subscription in subscriptions:
        arm.node.destroy_subscription(subscription)


@pytest.mark.parametrize(('position', 'code', 'said'), (
    (REACHABLE, 0, 'reached: '), ((2.0, 0.0, 2.0), 1, 'not reached: another goal is pursued now')))
def test_the_command_line_waits_for_what_becomes_of_a_goal(arm, position, code, said):
    """It ends when the goal is reached, or is known not to be."""
    with subprocess.Popen(snake_arm('goal', '--position', *map(str, position), '--wait'),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sent:
        if code:
            far = Goal.tool(position=position)
            pursued = []
            subscription = arm.node.create_subscription(
                Float64MultiArray, topics.PURSUED_GOAL, pursued.append, topics.LATCHED)
            arm.wait(lambda: pursued and goal_messages.message_to_goal(pursued[-1], 40) == far,
                     'the goal that is pursued')
            arm.listen(1.0)
            assert sent.poll() is None
            arm.publish_goal(FIG2)
            arm.node.destroy_subscription(subscription)
        arm.wait(lambda: sent.poll() is not None, 'the end of the command')
        output = ''.join(sent.communicate())
        assert sent.returncode == code and said in output, output


def test_a_pose_from_rviz_is_a_full_tool_pose(arm):
    message = PoseStamped()
    message.header.frame_id = 'base_link'
    p, q = message.pose.position, message.pose.orientation
    p.x, p.y, p.z = 0.45, 0.1, 0.6
    q.y, q.w = math.sin(math.pi / 4), math.cos(math.pi / 4)  # forward along x
    arm.publish(topics.GOAL_POSE, message)
    goal = Goal.tool((0.45, 0.1, 0.6), (1, 0, 0), (0, 1, 0))
    arm.wait(lambda: arm.is_at(goal), 'the goal')


def test_a_clicked_point_is_a_tool_position(arm):
    message = PointStamped()
    message.point.x, message.point.y, message.point.z = REACHABLE
    arm.publish(topics.CLICKED_POINT, message)
    goal = Goal.tool(position=REACHABLE)
    arm.wait(lambda: arm.is_at(goal), 'the goal')


def goal_message(data, *sizes):
    message = Float64MultiArray(data=[float(v) for v in data])
    message.layout.dim = [MultiArrayDimension(label='', size=size, stride=0) for size in sizes]
    return message


MALFORMED = {
    'length': (goal_message([0.1] * 7), '7 numbers, expected 9'),
    'layout': (goal_message([NAN] * 9, 3, 4), r'9 numbers, its layout says \(3, 4\)'),
    'infinity': (goal_message([math.inf, *[NAN] * 8]), 'joint 40 x is inf'),
    'long axis': (goal_message([*[NAN] * 6, 0, 0, 2]), r'up is \(0 0 2\) of length 2'),
    'short axis': (goal_message([*[NAN] * 3, 0.1, 0, 0, *[NAN] * 3]), 'expected a unit vector'),
    'axes': (goal_message([*[NAN] * 3, 0, 0, 1, 0, 0, 1]), 'forward and up are 0.0 degrees'),
    'joint too high': (goal_message([41, *[NAN] * 9]), 'joint number is 41.0'),
    'joint zero': (goal_message([0, *[NAN] * 9]), 'joint number is 0.0'),
    'half a joint': (goal_message([1.5, *[NAN] * 9]), 'joint number is 1.5'),
    'joint twice': (goal_message([7, *[NAN] * 9] * 2, 2, 10), 'joint 7 is given twice'),
}


@pytest.mark.parametrize('name', MALFORMED)
def test_a_malformed_goal_is_rejected_with_its_reason(arm, name):
    """The reason stands in the diagnostics, the goal before stays, the node lives."""
    message, reason = MALFORMED[name]
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal before')
    rejected = int(arm.detail('rejected goals'))
    arm.publish(topics.GOAL, message)
    arm.wait(lambda: int(arm.detail('rejected goals')) == rejected + 1, 'the rejection')
    assert re.search(reason, arm.detail('last rejected goal'))
    settled(arm)
    assert arm.is_at(FIG2) and arm.state() == 'REACHED'
    another = Goal.tool(position=REACHABLE)
    arm.publish_goal(another)
    arm.wait(lambda: arm.is_at(another), 'the next goal')


def test_no_message_ends_a_node(arm):
    """Bytes that are no pose chain, joint states beyond all time, and joints of another arm."""
    beyond = joint_messages.angles_to_joint_state(ARM, 0, np.zeros((40, 2)))
    beyond.header.stamp = Time(sec=2**31 - 1, nanosec=2**32 - 1)
    whole = chain_messages.serialize_chain(np.tile(np.eye(1, 9, 5), (40, 1)), 0)
    for kind, topic, messages in (
            (PoseArray, topics.POSE_CHAIN, (whole[:2], whole[:100], PoseArray())),
            (JointState, topics.JOINT_STATES, (beyond, JointState(name=['a'], position=[0.0]),
                                               JointState(name=ARM.joint_names)))):
        arm.publishers[topic] = arm.node.create_publisher(kind, topic, 10)
        for message in messages:
            arm.publish(topic, message)
    arm.catch_up()
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')
    assert 'expected' in arm.detail('last rejected feedback')


def test_a_pose_in_another_frame_is_rejected(arm):
    message = PoseStamped()
    message.header.frame_id = 'map'
    rejected = int(arm.detail('rejected goals'))
    arm.publish(topics.GOAL_POSE, message)
    arm.wait(lambda: int(arm.detail('rejected goals')) == rejected + 1, 'the rejection')
    assert "frame is 'map', expected 'base_link'" in arm.detail('last rejected goal')


def test_the_empty_goal_drops_the_goal(slow_arm):
    slow_arm.publish_goal(FIG2)
    slow_arm.wait(lambda: len(slow_arm.commands) > 5, 'commands')
    slow_arm.publish(topics.GOAL, Float64MultiArray())
    slow_arm.wait(lambda: slow_arm.state() == 'IDLE', 'an idle controller')
    settled(slow_arm)
    assert not slow_arm.is_at(FIG2)


def test_hold_stops_the_arm_until_it_is_released(slow_arm):
    slow_arm.publish_goal(FIG2)
    slow_arm.wait(lambda: len(slow_arm.commands) > 5, 'commands')
    assert slow_arm.call(SetBool, 'controller/hold', SetBool.Request(data=True)).success
    settled(slow_arm)
    held = len(slow_arm.commands)
    slow_arm.catch_up()
    assert len(slow_arm.commands) == held and not slow_arm.is_at(FIG2)
    assert slow_arm.state() == 'HOLDING'
    assert slow_arm.call(SetBool, 'controller/hold', SetBool.Request(data=False)).success
    slow_arm.wait(lambda: slow_arm.is_at(FIG2), 'the goal')


def test_commands_go_on_at_rest_where_drives_want_them(arm):
    assert arm.set_parameter('controller', 'command_at_rest', True).successful
    try:
        arm.publish_goal(FIG2)
        arm.wait(lambda: arm.is_at(FIG2) and arm.state() == 'REACHED', 'the goal')
        arm.wait(lambda: not any(arm.commands[-1].velocity), 'the end of the motion')
        count, positions = len(arm.commands), arm.commands[-1].position
        arm.wait(lambda: len(arm.commands) > count + 50, 'commands at rest')
        assert arm.commands[-1].position == positions and not any(arm.commands[-1].velocity)
    finally:
        assert arm.set_parameter('controller', 'command_at_rest', False).successful
    settled(arm)


def test_who_waits_for_the_goal_keeps_no_other_service_waiting(arm):
    client = arm.node.create_client(Trigger, 'controller/wait')
    arm.wait(client.service_is_ready, 'the service')
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.commands, 'a command')
    future = client.call_async(Trigger.Request())
    assert arm.call(SetBool, 'controller/hold', SetBool.Request(data=True)).success
    arm.wait(lambda: arm.state() == 'HOLDING', 'the hold')
    arm.catch_up()
    assert not future.done()
    assert arm.call(SetBool, 'controller/hold', SetBool.Request(data=False)).success
    arm.wait(future.done, 'the answer')
    assert future.result().success
    arm.wait(lambda: arm.is_at(FIG2), 'the poses of that')
    arm.node.destroy_client(client)


def test_reset_returns_exactly_to_rest(arm):
    """Without a jump, as every command is checked."""
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')
    settled(arm)
    assert arm.call(Trigger, 'controller/reset', Trigger.Request()).success
    arm.wait(lambda: not any(arm.commands[-1].position), 'rest')
    arm.wait(lambda: arm.state() == 'IDLE', 'the word for it')


def test_markers_show_what_is_cared_for(arm):
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.markers, 'markers')
    shown = [(marker.ns, marker.id) for marker in arm.markers.markers
             if marker.action == Marker.ADD]
    assert sorted(shown) == [('distance', 0), ('error', 0), ('position', 0), ('up', 40)]


def test_a_parameter_changes_live_and_a_bad_value_is_refused(arm):
    assert arm.set_parameter('controller', 'momentum', 0.25).successful
    assert arm.get_parameter('controller', 'momentum').double_value == 0.25
    refused = arm.set_parameter('controller', 'momentum', 1.5)
    assert not refused.successful and '1.5' in refused.reason
    assert arm.get_parameter('controller', 'momentum').double_value == 0.25
    assert not arm.set_parameter('controller', 'joints', 3).successful
    assert arm.set_parameter('controller', 'momentum', 0.5).successful


def test_weights_are_reloaded_only_if_they_are_good(arm, tmp_path):
    damaged = tmp_path / 'damaged.safetensors'
    damaged.write_bytes(b'not weights')
    assert arm.set_parameter('forward_model', 'weights', str(damaged)).successful
    response = arm.call(Trigger, 'forward_model/reload', Trigger.Request())
    assert not response.success and 'not a whole safetensors file' in response.message
    assert arm.set_parameter('forward_model', 'weights', '').successful
    assert arm.call(Trigger, 'forward_model/reload', Trigger.Request()).success
    arm.publish_goal(FIG2)
    arm.wait(lambda: arm.is_at(FIG2), 'the goal')


def test_an_unreachable_goal_ends_with_the_reason():
    """--until-converged exits with 1, and says what is left of the error."""
    with (running('--namespace', 'far', '--until-converged') as child,
          observing('far') as observer):
        observer.wait(lambda: observer.state() == 'IDLE', 'an idle controller')
        observer.publish_goal(Goal.tool(position=(0.0, 0.0, 1.5)))
        output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    last = output.strip().splitlines()[-1]
    assert re.search(r'not reached: \d+\.\d+ mm and 0.00 degrees; controller: stalled', last)


def test_a_goal_that_takes_too_long_ends_with_the_reason():
    done = subprocess.run(
        snake_arm('up', '--namespace', 'slow', '--scenario', 'fig2', '--until-converged',
                  '--timeout', '4', '--set', 'controller.speed_limit=0.02',
                  '--set', 'controller.stall_time=60.0'),
        capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert re.search(r'not reached within 4 s: \d+\.\d+ mm and \d+\.\d+ degrees; '
                     'controller: moving', done.stdout.strip().splitlines()[-1])


def test_no_goal_is_not_reached_and_no_signal_makes_it_so():
    """A goal that is dropped is none; only a goal that is reached ends with exit code 0."""
    with (running('--namespace', 'dropped', '--until-converged') as child,
          observing('dropped') as observer):
        observer.wait(lambda: observer.state() == 'IDLE', 'an idle controller')
        observer.publish(topics.GOAL, Float64MultiArray())
        observer.catch_up()
        assert child.poll() is None
        child.terminate()
        output, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, output


def test_figure_2_is_reached_in_processes_of_their_own_in_a_namespace():
    """Beside another arm, which does not move."""
    with running('--namespace', 'other'), observing('other') as other:
        other.wait(lambda: other.state() == 'IDLE', 'the other arm')
        done = subprocess.run(
            snake_arm('up', '--processes', '--namespace', 'mine', '--scenario', 'fig2',
                      '--until-converged'), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.strip().splitlines()[-1].startswith('reached: ')
        assert not other.commands


@pytest.mark.parametrize('name', OTHER_NAMES)
def test_an_arm_of_any_description_reaches_its_goal_by_exact_kinematics(name):
    finished = subprocess.run(
        snake_arm('up', '--arm', str(URDFS / f'{name}.urdf'), '--namespace', name, '--scenario',
                  'fig2', '--until-converged'), capture_output=True, text=True, timeout=PATIENCE)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert 'serving the exact kinematics' in finished.stdout + finished.stderr
    assert 'reached: 0.' in finished.stdout


def test_target_correction_reaches_the_goal_on_a_wrong_arm():
    """With 5 % longer segments and joints 2 degrees off; without feedback the error stays."""
    wrong = ('--namespace', 'wrong', '--set', 'simulator.length_error=0.05',
             '--set', f'simulator.joint_offset={math.radians(2.0)}')
    corrected = subprocess.run(snake_arm('up', '--scenario', 'fig2', '--until-converged', *wrong),
                               capture_output=True, text=True, timeout=PATIENCE)
    assert corrected.returncode == 0, corrected.stdout + corrected.stderr
    trusting = subprocess.run(
        snake_arm('up', '--scenario', 'fig2', '--until-converged', '--timeout', '5', *wrong,
                  '--set', 'controller.use_feedback=false'),
        capture_output=True, text=True, timeout=PATIENCE)
    assert trusting.returncode == 1
    remaining = float(re.search(r'not reached within 5 s: ([\d.]+) mm', trusting.stdout)[1])
    assert remaining > 10.0


def test_lost_feedback_brakes_the_arm_and_returning_feedback_lets_it_go_on():
    """
    The simulator is another process, which is killed and started again.

    Its last joint states may reach the controller and not the observer, so how far the command is
    ahead of them is judged where none can get lost: in the tests of the loop.
    """
    contract = replace(CONTRACT, following_error=math.pi)
    with (running('--namespace', 'lost', '--no-simulator'),
          observing('lost', contract) as observer):
        with node_process('simulator', 'lost'):
            observer.wait(lambda: observer.state() == 'IDLE', 'the controller')
            observer.publish_goal(FIG2)
            observer.wait(lambda: len(observer.commands) > 5, 'commands')
        observer.wait(lambda: observer.state() == 'NO_FEEDBACK', 'the hold')
        assert_held(observer)
        with node_process('simulator', 'lost'):
            observer.wait(lambda: observer.is_at(FIG2), 'the goal')
