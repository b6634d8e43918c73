# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The goal that is dragged in RViz: here messages drag it, as RViz would send them."""

import subprocess
import sys

from geometry_msgs.msg import PoseArray
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray, Header
from visualization_msgs.msg import (
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    InteractiveMarkerUpdate,
)

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_edit import GoalEdit, PRESETS
from snake_arm_control.nodes.interactive_goal import (
    handles,
    InteractiveGoalNode,
    InteractiveMarkerServer,
)
from snake_arm_control.ros import chain_messages, goal_messages, pose_messages, topics

_DEAF = 1.1  # [s] that a new marker belongs to nobody, so nobody may drag it
JOINTS = Arm().joints
CHAIN = forward_kinematics(Arm(), np.random.default_rng(0).uniform(-0.3, 0.3, (JOINTS, 2)))
TOOL = CHAIN[-1]
AWAY = pose.from_euler(0.2, 0.4, -0.3, (0.3, -0.2, 0.6))


def modes(edit):
    return sorted((control.name, control.interaction_mode) for control in handles(edit).controls)


def test_handles_are_as_large_as_befits_the_arm():
    small, large = (handles(GoalEdit(JOINTS, TOOL), length=length) for length in (0.034, 16.0))
    assert large.scale / small.scale == pytest.approx(16.0 / 0.034)
    balls = [each.controls[0].markers[0].scale.x for each in (small, large)]
    assert balls[0] < small.scale < 0.034 and balls[1] / balls[0] == pytest.approx(16.0 / 0.034)


def test_only_what_counts_has_handles():
    kind = InteractiveMarkerControl
    assert modes(GoalEdit(JOINTS, TOOL, ())) == [('ball', kind.MENU)]
    assert modes(GoalEdit(JOINTS, TOOL, {'x', 'z'})) == [
        ('ball', kind.MOVE_3D), ('move along x', kind.MOVE_AXIS),
        ('move along z', kind.MOVE_AXIS)]
    assert modes(GoalEdit(JOINTS, TOOL, {'up_z'})) == [
        ('ball', kind.MENU), *((f'turn about {axis}', kind.ROTATE_AXIS) for axis in 'xyz')]
    assert len(modes(GoalEdit(JOINTS, TOOL, PRESETS['full pose']))) == 7


@pytest.mark.parametrize('axis', range(3))
def test_a_handle_moves_along_its_axis(axis):
    """For RViz that is the x axis of the control."""
    name = f'move along {"xyz"[axis]}'
    control, = (c for c in handles(GoalEdit(JOINTS, TOOL)).controls if c.name == name)
    q = control.orientation
    rotation, _ = pose.to_matrix(pose.from_quaternion(np.array((q.x, q.y, q.z, q.w)), np.zeros(3)))
    np.testing.assert_allclose(rotation[:, 0], np.eye(3)[axis], atol=1e-12)


def test_without_its_package_the_node_logs_one_line_and_ends():
    ended = subprocess.run(
        (sys.executable, '-c', 'import sys; sys.modules["interactive_markers"] = None; '
         'from snake_arm_control.nodes.interactive_goal import main; sys.exit(main())'),
        capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    line, = ended.stderr.strip().splitlines()
    assert 'the ROS package interactive_markers is not installed' in line


class RViz:
    """A node that drags and ticks as RViz, and plays the controller; another that is dragged."""

    def __init__(self):
        self.goals, self.marker = [], None
        self.pursues = True  # what is asked for, at once
        self.node, self.dragged = Node('rviz'), InteractiveGoalNode()
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.dragged):
            self.executor.add_node(node)
        self.feedback = self.node.create_publisher(
            InteractiveMarkerFeedback, f'{topics.INTERACTIVE_GOAL}/feedback', 10)
        self.pursued = self.node.create_publisher(Float64MultiArray, topics.PURSUED_GOAL,
                                                  topics.LATCHED)
        self.node.create_subscription(InteractiveMarkerUpdate, f'{topics.INTERACTIVE_GOAL}/update',
                                      self._update, 100)
        self.node.create_subscription(Float64MultiArray, topics.GOAL, self._take_goal, 100)
        self.wait(lambda: self.pursued.get_subscription_count()
                  and self.feedback.get_subscription_count()
                  and self.node.count_publishers(topics.GOAL)
                  and self.node.count_publishers(f'{topics.INTERACTIVE_GOAL}/update'))
        self.wait(lambda: False, 0.3)  # known is not yet connected
        chain = self.node.create_publisher(PoseArray, topics.PREDICTED_POSE_CHAIN, 10)
        self.wait(chain.get_subscription_count)
        chain.publish(chain_messages.serialize_chain(CHAIN, 1))
        self.wait(lambda: self.marker)
        self.wait(lambda: False, _DEAF)

    def _update(self, update):
        for marker in update.markers:
            self.marker = marker
        for each in update.poses:
            self.marker.pose = each.pose

    def _take_goal(self, message):
        self.goals.append(goal_messages.message_to_goal(message, JOINTS))
        if self.pursues:
            self.pursued.publish(message)

    def pursue(self, goal):
        """Publish, as the controller, the goal that is pursued from now on."""
        self.pursued.publish(goal_messages.goal_to_message(goal))

    def wait(self, done, timeout=10.0):
        end = self.node.get_clock().now().nanoseconds + int(1e9 * timeout)
        while not done() and self.node.get_clock().now().nanoseconds < end:
            self.executor.spin_once(timeout_sec=0.02)
        return done()

    def send(self, **fields):
        self.feedback.publish(InteractiveMarkerFeedback(
            client_id='rviz', marker_name=self.marker.name, **fields))

    def drag(self, target):
        self.send(event_type=InteractiveMarkerFeedback.POSE_UPDATE, control_name='ball',
                  pose=pose_messages.pose_to_message(target))

    def titles(self):
        return [entry.title for entry in self.marker.menu_entries]

    def choose(self, title):
        entry, = (e for e in self.marker.menu_entries if e.title.split('] ')[-1] == title)
        self.send(event_type=InteractiveMarkerFeedback.MENU_SELECT, menu_entry_id=entry.id)

    def next_goal(self):
        self.goals.clear()
        assert self.wait(lambda: self.goals)
        return self.goals[-1]

    def shown(self):
        return pose_messages.message_to_pose(self.marker.pose)

    def ticked(self):
        return {title[4:] for title in self.titles() if title.startswith('[x] ')}


@pytest.fixture
def rviz():
    if InteractiveMarkerServer is None:
        pytest.skip('the package interactive_markers comes with a ROS distribution only')
    rclpy.init()
    rviz = RViz()
    try:
        yield rviz
    finally:
        rviz.node.destroy_node()
        rviz.dragged.destroy_node()
        rclpy.shutdown()


def test_the_handle_is_first_where_the_tool_is_and_asks_for_nothing(rviz):
    np.testing.assert_allclose(rviz.shown(), TOOL, atol=1e-12)
    assert rviz.ticked() == {'x', 'y', 'z'}
    assert not rviz.goals


def test_what_is_dragged_is_asked_for(rviz):
    rviz.drag(AWAY)
    goal = rviz.next_goal()
    assert goal.cared.sum() == 3
    np.testing.assert_allclose(goal.target[-1, pose.POSITION], AWAY[pose.POSITION], atol=1e-12)


def test_presets_and_ticks_ask_at_once(rviz):
    rviz.choose('full pose')
    assert rviz.next_goal().cared[-1].all()
    assert rviz.wait(lambda: len(rviz.ticked()) == 9)
    rviz.choose('y')
    goal = rviz.next_goal()
    assert rviz.wait(lambda: 'y' not in rviz.ticked())
    assert goal.cared[-1].tolist() == [name != 'y' for name in pose.COMPONENTS]
    np.testing.assert_allclose(goal.target[-1, pose.FORWARD], TOOL[pose.FORWARD], atol=1e-12)


def test_dropping_the_goal_brings_the_handle_back_to_the_tool(rviz):
    rviz.drag(AWAY)
    rviz.next_goal()
    rviz.choose('drop the goal')
    assert rviz.next_goal().is_free
    assert rviz.wait(lambda: not rviz.ticked())
    np.testing.assert_allclose(rviz.shown(), TOOL, atol=1e-12)


def test_the_goals_of_others_are_followed(rviz):
    asked = Goal.tool(position=(0.1, None, 0.8), up=(0, 0, 1))
    rviz.pursue(asked)
    assert rviz.wait(lambda: rviz.ticked() == {'x', 'z', 'up_x', 'up_y', 'up_z'})
    np.testing.assert_allclose(rviz.shown()[:3], (0.1, TOOL[1], 0.8), atol=1e-12)
    rviz.pursue(Goal.free())
    assert rviz.wait(lambda: np.allclose(rviz.shown(), TOOL))


def test_nobody_but_the_controller_subscribes_to_goals(rviz):
    for topic in (topics.GOAL, topics.GOAL_POSE, topics.CLICKED_POINT):
        subscribers = rviz.node.get_subscriptions_info_by_topic(f'/{topic}')
        assert {info.node_name for info in subscribers} <= {'rviz'}  # plays the controller


def test_own_goals_that_come_back_late_do_not_disturb_a_drag(rviz):
    """The handle has been dragged on meanwhile, and must not jump back."""
    steps = [TOOL + [0, 0, -0.01 * k, 0, 0, 0, 0, 0, 0] for k in range(1, 11)]
    rviz.pursues = False
    for step in steps:
        rviz.drag(step)
        rviz.wait(lambda: False, 0.02)
    assert rviz.wait(lambda: len(rviz.goals) == len(steps))
    assert [goal.target[-1, 2] for goal in rviz.goals] == pytest.approx(
        [step[2] for step in steps])
    for goal in rviz.goals:
        rviz.pursue(goal)
        rviz.wait(lambda: False, 0.02)
        np.testing.assert_allclose(rviz.shown(), steps[-1], atol=1e-12)
    rviz.pursue(Goal.tool(position=AWAY[pose.POSITION]))  # of another, after all these
    assert rviz.wait(lambda: np.allclose(rviz.shown()[pose.POSITION], AWAY[pose.POSITION]))
    np.testing.assert_allclose(rviz.shown(), [*AWAY[:3], *TOOL[3:]], atol=1e-12)


def test_a_pose_that_is_none_or_in_a_frame_that_nobody_resolves_is_ignored(rviz):
    rviz.drag(AWAY)
    rviz.next_goal()
    rviz.send(event_type=InteractiveMarkerFeedback.POSE_UPDATE)
    message = pose_messages.pose_to_message(AWAY)
    message.position.x = float('nan')
    rviz.send(event_type=InteractiveMarkerFeedback.POSE_UPDATE, pose=message)
    rviz.send(event_type=InteractiveMarkerFeedback.POSE_UPDATE, header=Header(frame_id='nowhere'),
              pose=pose_messages.pose_to_message(TOOL))
    rviz.drag(AWAY)
    assert rviz.next_goal().target[-1, 0] == pytest.approx(AWAY[0])
