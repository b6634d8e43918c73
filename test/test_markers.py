# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Markers show what is asked, what is free and what is lacking, at no more cost than is needed."""

import math
import time

from hypothesis import given, strategies
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.conditions import Distance
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Sphere
from snake_arm_control.ros import topics
from snake_arm_control.ros.markers import contact_to_markers, goal_to_markers, GoalMarkers

JOINTS = 8
LENGTH = Arm.uniform(joints=JOINTS).length  # [m]


def random_chain(seed, joints=JOINTS):
    angles = np.random.default_rng(seed).uniform(-0.7, 0.7, (joints, 2))
    return forward_kinematics(Arm.uniform(joints=joints), angles)


def drawn(goal, chain):
    """Return the markers of a goal by namespace and number."""
    markers = goal_to_markers(goal, chain, LENGTH)
    by_name = {(marker.ns, marker.id): marker for marker in markers}
    assert len(by_name) == len(markers)
    return by_name


def points(marker):
    return np.array([(p.x, p.y, p.z) for p in marker.points])


def test_a_goal_for_nothing_is_drawn_as_nothing():
    assert not goal_to_markers(Goal.free(JOINTS), random_chain(0), LENGTH)


def test_the_nearest_pair_is_a_line_as_long_as_its_clearance_with_that_in_words():
    clearances = Clearances(Scene((Sphere((0.2, 0.1, 0.1), 0.05, name='ball'),)),
                            ArmBody.of(Arm.uniform(joints=JOINTS)), own_body=False)
    contact = clearances.nearest(random_chain(3))
    line, text = contact_to_markers(contact, LENGTH)
    assert {line.ns, text.ns} == {'nearest'} and line.id != text.id
    start, end = points(line)
    assert np.linalg.norm(start - end) == pytest.approx(contact.clearance)
    assert text.text == f'{1e3 * contact.clearance:.1f} mm: {contact.link} to ball'
    assert text.pose.position.z > points(line)[:, 2].mean()  # where the arm would hide it


def test_conditions_are_drawn_as_their_outlines():
    goal = Goal.where(Distance(3, (0.1, 0.0, 0.1), 0.0, 0.02), joints=JOINTS)
    chain = random_chain(4)
    drawn_of_it = drawn(goal, chain)
    assert set(drawn_of_it) == {('condition', 0), ('error', 0)}
    np.testing.assert_allclose(points(drawn_of_it['condition', 0]),
                               [(0.1, 0.0, 0.1), chain[2, pose.POSITION]])


def test_a_full_pose_is_a_point_and_two_arrows_at_it():
    target = random_chain(1)[-1]
    goal = Goal.tool(target[pose.POSITION], target[pose.FORWARD], target[pose.UP], JOINTS)
    markers = drawn(goal, random_chain(2))
    assert set(markers) == {('position', 0), ('forward', JOINTS), ('up', JOINTS),
                            ('distance', 0), ('error', 0)}
    np.testing.assert_allclose(points(markers['position', 0]), [target[pose.POSITION]])
    for name, axis in (('forward', pose.FORWARD), ('up', pose.UP)):
        start, end = points(markers[name, JOINTS])
        np.testing.assert_allclose(start, target[pose.POSITION])
        np.testing.assert_allclose((end - start) / np.linalg.norm(end - start), target[axis])


def test_what_is_free_is_drawn_where_the_arm_is():
    chain = random_chain(3)
    markers = drawn(Goal.joint(4, position=(0.5, None, None), joints=JOINTS), chain)
    np.testing.assert_allclose(points(markers['position', 0]), [(0.5, *chain[3, 1:3])])
    along = np.diff(points(markers['free position', 4]).reshape(-1, 2, 3), axis=1)[:, 0]
    assert (along != 0.0).tolist() == [[False, True, False], [False, False, True]]
    assert set(drawn(Goal.joint(4, up=(0, 0, 1), joints=JOINTS), chain)) == {
        ('up', 4), ('error', 0)}


def test_an_axis_of_which_one_component_is_asked_has_the_circle_that_it_may_take():
    """Its arrow ends on it."""
    markers = drawn(Goal.tool(forward=(None, 0.6, None), joints=JOINTS), random_chain(4))
    start, end = points(markers['forward', JOINTS])
    rim = points(markers['free forward', JOINTS]) - start
    length = np.linalg.norm(end - start)
    np.testing.assert_allclose(np.linalg.norm(rim, axis=1), length)
    np.testing.assert_allclose(rim[:, 1], 0.6 * length)
    assert np.linalg.norm(rim - (end - start), axis=1).min() <= math.sin(math.pi / 32) * length
    assert ('free forward', JOINTS) not in drawn(
        Goal.tool(forward=(0, 0, 1), joints=JOINTS), random_chain(4))


@pytest.mark.parametrize('joints', (1, 5, 6, 40))
def test_lines_and_words_show_the_error_of_the_goal(joints):
    """Of each joint while there are few, of the worst where there are many."""
    chain, target = random_chain(5, joints), random_chain(6, joints)
    goal = Goal.from_array(target)
    markers = drawn(goal, chain)
    lines = points(markers['distance', 0]).reshape(-1, 2, 3)
    errors = goal.position_errors(chain)
    np.testing.assert_allclose(np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1), errors)
    np.testing.assert_allclose(lines[:, 0], chain[:, pose.POSITION])
    said = [marker.text for (name, _), marker in markers.items() if name == 'error']
    words = [f'{1e3 * error:.1f} mm  {math.degrees(axes.max()):.1f} deg'
             for error, axes in zip(errors, goal.axis_errors(chain))]
    assert said == (words if joints <= 5 else [words[errors.argmax()]])


def test_what_is_drawn_is_in_proportion_to_the_arm():
    """Of an arm of twice the size, every point and every width is twice as far and as wide."""
    goal = Goal.tool((0.1, None, 0.1), forward=(None, 0.6, None), up=(0, 0, 1), joints=JOINTS)
    chain, twice = random_chain(4), np.r_[2.0, 2.0, 2.0, np.ones(6)]
    larger = Goal(twice * goal.target, goal.weight)
    for one, two in zip(goal_to_markers(goal, chain, LENGTH),
                        goal_to_markers(larger, twice * chain, 2.0 * LENGTH)):
        assert (one.ns, one.id) == (two.ns, two.id)
        np.testing.assert_allclose(points(two), 2.0 * points(one), atol=1e-12)
        for axis in 'xyz':
            assert getattr(two.scale, axis) == pytest.approx(2.0 * getattr(one.scale, axis))


def test_without_feedback_no_distance_is_drawn():
    names = {name for name, _ in drawn(Goal.from_array(random_chain(7)), None)}
    assert names == {'position', 'forward', 'up'}


@given(strategies.integers(0, 99), strategies.lists(
    strategies.booleans(), min_size=JOINTS * pose.SIZE, max_size=JOINTS * pose.SIZE),
    strategies.integers(1, JOINTS))
def test_every_marker_is_one_that_can_be_drawn(seed, ticks, joints):
    """Finite, of some size, not transparent, and of something: RViz complains of others."""
    cared = np.reshape(ticks, (JOINTS, pose.SIZE)) & (np.arange(JOINTS) < joints)[:, None]
    goal = Goal.from_array(np.where(cared, random_chain(seed), np.nan))
    for marker in drawn(goal, random_chain(seed + 1)).values():
        assert marker.header.frame_id == topics.BASE_FRAME
        assert marker.color.a > 0.0 and max(marker.scale.x, marker.scale.z) > 0.0
        assert marker.text or len(marker.points) and np.isfinite(points(marker)).all()


def test_a_whole_chain_takes_few_markers():
    """Messages are made in the process that controls the arm."""
    assert len(goal_to_markers(
        Goal.from_array(random_chain(8, 40)), random_chain(9, 40), LENGTH)) == 5


class Board:
    """A node that draws goals, one that looks on, and the chain that is drawn."""

    def __init__(self):
        self.chain = random_chain(0)
        self.seen = []
        self.artist, self.onlooker = Node('artist'), Node('onlooker')
        self.markers = GoalMarkers(self.artist, lambda: self.chain, LENGTH)
        self.executor = SingleThreadedExecutor()
        for node in (self.artist, self.onlooker):
            self.executor.add_node(node)

    def look(self):
        self.onlooker.create_subscription(MarkerArray, topics.MARKERS, self.seen.append,
                                          topics.LATCHED)
        assert self.wait(lambda: self.artist.count_subscribers(topics.MARKERS))
        self.wait(lambda: False, timeout=0.3)  # known is not yet connected

    def wait(self, done, timeout=10.0):
        end = time.monotonic() + timeout
        while not done() and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
        return done()

    def move(self, seconds):
        """Move the arm for a while, faster than can be drawn."""
        start = time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            self.chain = self.chain + 1e-6
            self.executor.spin_once(timeout_sec=0.001)
        return now - start


@pytest.fixture
def board():
    rclpy.init()
    board = Board()
    try:
        yield board
    finally:
        board.artist.destroy_node()  # its last message would be received in the next test
        board.onlooker.destroy_node()
        rclpy.shutdown()


GOAL = Goal.tool(position=(0.1, 0.0, 0.1), joints=JOINTS)


def test_who_comes_late_sees_the_goal(board):
    board.markers.show(GOAL)
    board.move(0.3)
    board.look()
    assert board.wait(lambda: board.seen)
    np.testing.assert_allclose(points(board.seen[0].markers[1]), [(0.1, 0.0, 0.1)])


def test_a_new_goal_takes_the_place_of_the_old_and_the_arm_is_followed_at_ten_hertz(board):
    board.look()
    board.markers.show(GOAL)
    assert board.wait(lambda: board.seen)
    board.seen.clear()
    taken = board.move(1.0)
    assert 3 <= len(board.seen) <= 1 + taken / 0.1
    board.markers.show(Goal.free(JOINTS))
    assert board.wait(lambda: len(board.seen[-1].markers) == 1)
    assert {message.markers[0].action for message in board.seen} == {Marker.DELETEALL}


def test_a_goal_that_moves_is_drawn_at_ten_hertz_too(board):
    board.look()
    start = time.monotonic()
    for x in np.linspace(0.0, 0.1, 100):
        board.markers.show(Goal.tool(position=(x, 0.0, 0.1), joints=JOINTS))
        board.move(0.005)
    drawn = len(board.seen)
    assert 3 <= drawn <= 1 + (time.monotonic() - start) / 0.1
    assert board.wait(lambda: points(board.seen[-1].markers[1])[0, 0] == 0.1)


def test_nothing_is_drawn_again_while_the_arm_stands(board):
    board.look()
    board.markers.show(GOAL)
    assert board.wait(lambda: board.seen)
    board.wait(lambda: len(board.seen) > 1, timeout=0.5)
    assert len(board.seen) == 1
