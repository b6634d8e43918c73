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

from snake_arm_control.control.clearance import Contact
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_shape import COLOURS, Freedom, goal_shape, JointError
from snake_arm_control.ros import topics

_PERIOD = 0.1  # [s]
_OPACITY, _FREE_OPACITY = 0.9, 0.35
_WHITE = (1.0, 1.0, 1.0)
# [arm lengths]
_SHAFT_WIDTH, _HEAD_WIDTH, _HEAD_LENGTH = 0.006, 0.014, 0.02  # of an arrow
_FREE_LENGTH = 0.15  # on each side
_LINE_WIDTH = 0.004
_NEAR = 0.15  # beyond it, the nearest pair is not drawn
_TEXT_HEIGHT, _TEXT_RISE = 0.03, 0.13  # above what is drawn of one joint
_ABOVE = 0.05  # the nearest pair, which the arm would hide


class GoalMarkers:
    """
    Publishes the markers of a node's goal, not too often.

    They follow the arm while somebody looks.

    :param chain: returns where the arm is, (joints, 9), None if that is not known
    :param length: of the arm [m], which what is drawn is in proportion to
    :param base: name of the frame of its base
    :param contact: returns what is nearest to the arm, None for nothing
    """

    def __init__(self, node: Node, chain: Callable[[], np.ndarray | None], length: float,
                 base: str = topics.BASE_FRAME,
                 contact: Callable[[], Contact | None] = lambda: None):
        self._chain, self._length, self._base, self._contact = chain, length, base, contact
        self._goal: Goal | None = None
        self._drawn: tuple[Goal, np.ndarray | None, np.ndarray | None] | None = None
        self._publisher = node.create_publisher(MarkerArray, topics.MARKERS, topics.LATCHED)
        node.create_timer(_PERIOD, self._draw)

    def show(self, goal: Goal) -> None:
        """Draw a goal soon, in the place of the one before."""
        self._goal = goal

    def _draw(self) -> None:
        """Draw all anew if anything changed: who misses a message then keeps nothing of old."""
        if self._goal is None:
            return
        is_watched = self._publisher.get_subscription_count() > 0
        chain, contact = self._chain(), self._contact() if is_watched else None
        if contact is not None and contact.clearance > self._length * _NEAR:
            contact = None
        ends = None if contact is None else contact.points
        if self._drawn is not None and self._goal is self._drawn[0] and (
                not is_watched or np.array_equal(ends, self._drawn[2])
                and (self._goal.is_free or np.array_equal(chain, self._drawn[1]))):
            return
        self._drawn = self._goal, chain, ends
        markers = goal_to_markers(self._goal, chain, self._length)
        if contact is not None:
            markers += contact_to_markers(contact, self._length)
        for marker in markers:
            marker.header.frame_id = self._base
        self._publisher.publish(MarkerArray(markers=[Marker(action=Marker.DELETEALL), *markers]))


def goal_to_markers(goal: Goal, chain: np.ndarray | None, length: float) -> list[Marker]:
    """
    Return markers for what a goal asks, what it leaves free, and what the arm lacks of it.

    :param chain: (joints, 9), where the arm is; None if that is not known
    :param length: of the arm [m], which what is drawn is in proportion to
    """
    shape, markers = goal_shape(goal, chain), []
    if len(shape.places):
        markers.append(_spheres('position', shape.places, length * shape.point_size))
    if len(shape.distances):
        markers.append(_lines('distance', shape.distances, length))
    if len(shape.outlines):
        markers.append(_lines('condition', shape.outlines, length))
    for name, axes in shape.axes.items():
        lines = axes.lines(length * shape.axis_length)
        if shape.few:
            markers += [_arrow(name, joint, line, length)
                        for joint, line in zip(axes.joints.tolist(), lines)]
        elif len(lines):
            markers.append(_lines(name, lines, length))
    markers += [_freedom(freedom, length, length * shape.axis_length)
                for freedom in shape.freedoms]
    markers += [_error(number, error, length) for number, error in enumerate(shape.errors)]
    return markers


def contact_to_markers(contact: Contact, length: float) -> list[Marker]:
    """Return markers for the nearest pair: the line between both, and its length in words."""
    line = _lines('nearest', contact.points[None], length)
    text = _marker('nearest', 1, Marker.TEXT_VIEW_FACING, _WHITE, 1.0)
    text.text = f'{1e3 * contact.clearance:.1f} mm: {contact.link} to {contact.other}'
    text.scale.x, text.scale.z = 0.5 * length * _TEXT_HEIGHT, length * _TEXT_HEIGHT
    above = contact.points.mean(axis=0) + (0.0, 0.0, length * _ABOVE)
    text.pose.position, = _points(above[None])
    return [line, text]


def _spheres(name: str, points: np.ndarray, size: float) -> Marker:
    marker = _marker(name, 0, Marker.SPHERE_LIST, COLOURS[name])
    marker.points = _points(points)
    marker.scale.x = marker.scale.y = marker.scale.z = size
    return marker


def _arrow(name: str, joint: int, ends: np.ndarray, length: float) -> Marker:
    marker = _marker(name, joint, Marker.ARROW, COLOURS[name])
    marker.points = _points(ends)
    marker.scale.x, marker.scale.y = length * _SHAFT_WIDTH, length * _HEAD_WIDTH
    marker.scale.z = length * _HEAD_LENGTH
    return marker


def _lines(name: str, ends: np.ndarray, length: float) -> Marker:
    """Return a marker for the lines between pairs of points (lines, 2, 3) [m]."""
    marker = _marker(name, 0, Marker.LINE_LIST, COLOURS[name])
    marker.points = _points(ends.reshape(-1, 3))
    marker.scale.x = length * _LINE_WIDTH
    return marker


def _freedom(freedom: Freedom, length: float, radius: float) -> Marker:
    """Return faint lines along the free directions of a position, or the circle of an axis."""
    start, directions = freedom.start, freedom.directions
    if freedom.part == 'position':
        kind, way = Marker.LINE_LIST, length * _FREE_LENGTH * directions
        points = np.stack((start - way, start + way), axis=1).reshape(-1, 3)
    else:
        kind, points = Marker.LINE_STRIP, start + radius * directions
    marker = _marker(f'free {freedom.part}', freedom.joint, kind, COLOURS[freedom.part],
                     _FREE_OPACITY)
    marker.points = _points(points)
    marker.scale.x = length * _LINE_WIDTH
    return marker


def _error(number: int, error: JointError, length: float) -> Marker:
    """Return the error of a joint in words."""
    marker = _marker('error', number, Marker.TEXT_VIEW_FACING, _WHITE, 1.0)
    words = []
    if not math.isnan(error.position):
        words.append(f'{1e3 * error.position:.1f} mm')
    if not math.isnan(error.axis):
        words.append(f'{math.degrees(error.axis):.1f} deg')
    marker.text = '  '.join(words)
    # The width of a space; without it, RViz makes it as wide for any height of the text.
    marker.scale.x = 0.5 * length * _TEXT_HEIGHT
    marker.scale.z = length * _TEXT_HEIGHT
    x, y, z = error.place.tolist()
    marker.pose.position = Point(x=x, y=y, z=z + length * _TEXT_RISE)
    return marker


def _marker(name: str, number: int, kind: int, colour: tuple[float, float, float],
            opacity: float = _OPACITY) -> Marker:
    """Return a marker without a stamp: RViz takes the latest transform."""
    red, green, blue = colour
    marker = Marker(ns=name, id=number, type=kind, action=Marker.ADD,
                    color=ColorRGBA(r=red, g=green, b=blue, a=opacity))
    marker.header.frame_id = topics.BASE_FRAME
    marker.pose.orientation.w = 1.0
    return marker


def _points(array: np.ndarray) -> list[Point]:
    return [Point(x=x, y=y, z=z) for x, y, z in array.tolist()]
