# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The goal as RViz draws it: what is asked, what is free, and how far the arm is from it."""

from __future__ import annotations

from collections.abc import Callable
import math

from geometry_msgs.msg import Point
import numpy as np
from rclpy.node import Node
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import topics

_PERIOD = 0.1  # [s]
_FEW = 5  # beyond so many joints, markers of each of them would hide each other, and cost time
_COLORS = {'position': ColorRGBA(r=0.95, g=0.55, b=0.1, a=0.9),
           'forward': ColorRGBA(r=0.3, g=0.5, b=1.0, a=0.9),
           'up': ColorRGBA(r=0.2, g=0.75, b=0.25, a=0.9),
           'distance': ColorRGBA(r=1.0, g=0.9, b=0.4, a=0.9),
           'error': ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0),
           'free position': ColorRGBA(r=0.95, g=0.55, b=0.1, a=0.35),
           'free forward': ColorRGBA(r=0.3, g=0.5, b=1.0, a=0.35),
           'free up': ColorRGBA(r=0.2, g=0.75, b=0.25, a=0.35)}
_AXES = {'forward': pose.FORWARD, 'up': pose.UP}
_POINT_SIZE, _POINT_SIZE_OF_MANY = 0.024, 0.012  # [m]
_AXIS_LENGTH, _AXIS_LENGTH_OF_MANY = 0.1, 0.03  # [m]
_FREE_LENGTH = 0.15  # [m], on each side
_LINE_WIDTH = 0.004  # [m]
_TEXT_HEIGHT, _TEXT_RISE = 0.03, 0.13  # [m], above what is drawn of one joint
_TURN = np.linspace(0.0, 2.0 * math.pi, 33)[:, None]  # [rad]


class GoalMarkers:
    """
    Publishes the markers of a node's goal, not too often.

    They follow the arm while somebody looks.

    :param chain: returns where the arm is, (joints, 9), None if that is not known
    """

    def __init__(self, node: Node, chain: Callable[[], np.ndarray | None]):
        self._chain = chain
        self._goal: Goal | None = None
        self._drawn: tuple[Goal, np.ndarray | None] | None = None
        self._publisher = node.create_publisher(MarkerArray, topics.MARKERS, topics.LATCHED)
        node.create_timer(_PERIOD, self._draw)

    def show(self, goal: Goal) -> None:
        """Draw a goal soon, in the place of the one before."""
        self._goal = goal

    def _draw(self) -> None:
        """Draw all anew if anything changed: who misses a message then keeps nothing of old."""
        if self._goal is None:
            return
        chain = self._chain()
        if self._drawn is not None and self._goal is self._drawn[0] and (
                self._goal.is_free or not self._publisher.get_subscription_count()
                or np.array_equal(chain, self._drawn[1])):
            return
        self._drawn = self._goal, chain
        self._publisher.publish(MarkerArray(markers=[
            Marker(action=Marker.DELETEALL), *goal_to_markers(self._goal, chain)]))


def goal_to_markers(goal: Goal, chain: np.ndarray | None) -> list[Marker]:
    """
    Return markers for what a goal asks, what it leaves free, and what the arm lacks of it.

    :param chain: (joints, 9), where the arm is, and where free components are drawn; None draws
        these at the base, and no distances
    """
    cared = goal.cared
    joints = np.flatnonzero(cared.any(axis=1))
    if not len(joints):
        return []
    few = len(joints) <= _FEW
    there = goal.nearest(np.zeros_like(goal.target) if chain is None else chain)
    markers = []
    placed = joints[cared[joints, pose.POSITION].any(axis=1)]
    if len(placed):
        markers.append(_spheres('position', there[placed, pose.POSITION],
                                _POINT_SIZE if few else _POINT_SIZE_OF_MANY))
        if chain is not None:
            markers.append(_lines('distance', 0, np.stack(
                (chain[placed, pose.POSITION], there[placed, pose.POSITION]), axis=1)))
    for name, axis in _AXES.items():
        turned = joints[cared[joints, axis].any(axis=1)]
        start = there[turned, pose.POSITION]
        end = start + (_AXIS_LENGTH if few else _AXIS_LENGTH_OF_MANY) * there[turned, axis]
        arrows = np.stack((start, end), axis=1)
        if few:
            markers += [_arrow(name, j, arrow) for j, arrow in zip(turned.tolist(), arrows)]
        elif len(turned):
            markers.append(_lines(name, 0, arrows))
    if few:
        for j in joints.tolist():
            markers += _freedom(j, cared[j], there[j])
    if chain is not None:
        markers += _errors(goal, chain, there, joints if few else None)
    return markers


def _spheres(name: str, points: np.ndarray, size: float) -> Marker:
    marker = _marker(name, 0, Marker.SPHERE_LIST)
    marker.points = _points(points)
    marker.scale.x = marker.scale.y = marker.scale.z = size
    return marker


def _arrow(name: str, joint: int, ends: np.ndarray) -> Marker:
    marker = _marker(name, joint + 1, Marker.ARROW)
    marker.points = _points(ends)
    marker.scale.x, marker.scale.y, marker.scale.z = 0.006, 0.014, 0.02  # shaft, head, its length
    return marker


def _lines(name: str, number: int, points: np.ndarray, kind: int = Marker.LINE_LIST) -> Marker:
    """Return a marker for the lines between pairs of points (lines, 2, 3) [m], or along them."""
    marker = _marker(name, number, kind)
    marker.points = _points(points.reshape(-1, 3))
    marker.scale.x = _LINE_WIDTH
    return marker


def _freedom(joint: int, cared: np.ndarray, there: np.ndarray) -> list[Marker]:
    """
    Return faint lines along the free directions of a position, and circles of free axes.

    An axis of which one component is asked may turn about the direction of that component.
    """
    markers = []
    position = there[pose.POSITION]
    free = np.eye(3)[~cared[pose.POSITION]]
    if 0 < len(free) < 3:
        markers.append(_lines('free position', joint + 1, np.stack(
            (position - _FREE_LENGTH * free, position + _FREE_LENGTH * free), axis=1)))
    for name, axis in _AXES.items():
        if np.count_nonzero(cared[axis]) == 1:
            first, second = np.eye(3)[~cared[axis]]
            kept = np.where(cared[axis], there[axis], 0.0)
            radius = math.sqrt(max(1.0 - kept @ kept, 0.0))
            rim = position + _AXIS_LENGTH * (
                kept + radius * (np.cos(_TURN) * first + np.sin(_TURN) * second))
            markers.append(_lines(f'free {name}', joint + 1, rim, Marker.LINE_STRIP))
    return markers


def _errors(goal: Goal, chain: np.ndarray, there: np.ndarray,
            joints: np.ndarray | None) -> list[Marker]:
    """Return the errors of joints in words; None for the joint that is worst off."""
    position_errors = goal.position_errors(chain)
    axis_errors = goal.axis_errors(chain).max(axis=1)
    if joints is None:
        joints = np.lexsort((axis_errors, position_errors))[-1:]
    markers = []
    for number, j in enumerate(joints.tolist()):
        marker = _marker('error', number, Marker.TEXT_VIEW_FACING)
        words = []
        if goal.cared[j, pose.POSITION].any():
            words.append(f'{1e3 * position_errors[j]:.1f} mm')
        if goal.cared[j, pose.POSITION.stop:].any():
            words.append(f'{math.degrees(axis_errors[j]):.1f} deg')
        marker.text = '  '.join(words)
        # The width of a space; without it, RViz makes it as wide for any height of the text.
        marker.scale.x = 0.5 * _TEXT_HEIGHT
        marker.scale.z = _TEXT_HEIGHT
        x, y, z = there[j, pose.POSITION].tolist()
        marker.pose.position = Point(x=x, y=y, z=z + _TEXT_RISE)
        markers.append(marker)
    return markers


def _marker(name: str, number: int, kind: int) -> Marker:
    """Return a marker without a stamp: RViz takes the latest transform."""
    marker = Marker(ns=name, id=number, type=kind, action=Marker.ADD, color=_COLORS[name])
    marker.header.frame_id = topics.BASE_FRAME
    marker.pose.orientation.w = 1.0
    return marker


def _points(array: np.ndarray) -> list[Point]:
    return [Point(x=x, y=y, z=z) for x, y, z in array.tolist()]
