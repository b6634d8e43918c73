# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a goal looks like where the arm is, as plain arrays for whoever draws it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal

# Red, green and blue [0..1] of what is drawn of a goal.
COLOURS = {'position': (0.95, 0.55, 0.1), 'forward': (0.3, 0.5, 1.0), 'up': (0.2, 0.75, 0.25),
           'distance': (1.0, 0.9, 0.4), 'condition': (0.85, 0.4, 0.85),
           'nearest': (0.9, 0.2, 0.2)}
_AXES = {'forward': pose.FORWARD, 'up': pose.UP}
_FEW = 5  # beyond so many joints, freedoms and errors of each would hide each other, and cost time
_OUTLINE = 0.15  # of what has no end, as a fraction of how far the tool is from the base
_TURN = np.linspace(0.0, 2.0 * np.pi, 33)[:, None]  # [rad]


class Axes(NamedTuple):
    """The axes of one name that a goal asks of joints."""

    joints: np.ndarray  # (a,), numbers from 1
    starts: np.ndarray  # (a, 3) [m]
    directions: np.ndarray  # (a, 3), unit vectors

    def lines(self, length: float) -> np.ndarray:
        """Return both ends (a, 2, 3) [m] of axes that are drawn so long [m]."""
        return np.stack((self.starts, self.starts + length * self.directions), axis=1)


class Freedom(NamedTuple):
    """
    What a goal leaves free of something that it asks of a joint.

    A position may move along the directions, both ways. An axis may turn to any of the
    directions, which are a closed circle.
    """

    part: str  # position, forward or up
    joint: int  # number from 1
    start: np.ndarray  # (3,) [m]
    directions: np.ndarray  # (n, 3), unit vectors


class JointError(NamedTuple):
    """How far a joint is from what a goal asks of it; NaN where it asks nothing."""

    place: np.ndarray  # (3,) [m], where the joint shall be
    position: float  # [m]
    axis: float  # [rad]


class GoalShape(NamedTuple):
    """What a goal looks like, in the frame of the chain."""

    few: bool  # whether so few joints are asked for something that each is drawn in detail
    places: np.ndarray  # (p, 3) [m], where joints shall be
    distances: np.ndarray  # (d, 2, 3) [m], from where these joints are; none if that is not known
    axes: dict[str, Axes]  # forward and up
    freedoms: tuple[Freedom, ...]  # none of many joints
    errors: tuple[JointError, ...]  # only the worst of many joints
    outlines: np.ndarray = np.empty((0, 2, 3))  # (n, 2, 3) [m], lines that show conditions

    @property
    def point_size(self) -> float:
        """Diameter of a place [arm lengths]."""
        return 0.024 if self.few else 0.012

    @property
    def axis_length(self) -> float:
        """Length of an axis [arm lengths]."""
        return 0.1 if self.few else 0.03


def goal_shape(goal: Goal, chain: np.ndarray | None) -> GoalShape:
    """
    Return what a goal looks like.

    :param chain: (joints, 9), where the arm is, and where free components are drawn; None draws
        these at the base, and neither distances nor errors
    """
    cared = goal.cared
    joints = np.flatnonzero(goal.asked.any(axis=1))
    few = len(joints) <= _FEW
    there = goal.nearest(np.zeros_like(goal.target) if chain is None else chain)
    places = there[:, pose.POSITION]
    placed = cared[:, pose.POSITION].any(axis=1)
    distances = np.empty((0, 2, 3))
    if chain is not None:
        distances = np.stack((chain[placed, pose.POSITION], places[placed]), axis=1)
    axes = {}
    for name, axis in _AXES.items():
        asked = np.flatnonzero(cared[:, axis].any(axis=1))
        axes[name] = Axes(asked + 1, places[asked], there[asked, axis])
    freedoms = tuple(freedom for j in joints.tolist()
                     for freedom in _freedoms(j + 1, cared[j], there[j])) if few else ()
    errors = () if chain is None else _errors(goal, chain, places, joints, few)
    outlines = [] if chain is None else [
        each.outline(chain, _OUTLINE * float(np.linalg.norm(chain[-1, pose.POSITION])))
        for each in goal.conditions]
    return GoalShape(few, places[placed], distances, axes, freedoms, errors,
                     np.concatenate([np.empty((0, 2, 3)), *outlines]))


def _freedoms(joint: int, cared: np.ndarray, there: np.ndarray) -> list[Freedom]:
    """
    Return the freedoms of a joint of which something is asked.

    An axis of which one component is asked may turn about the direction of that component.

    :param cared, there: (9,)
    """
    place, freedoms = there[pose.POSITION], []
    free = np.eye(3)[~cared[pose.POSITION]]
    if 0 < len(free) < 3:
        freedoms.append(Freedom('position', joint, place, free))
    for name, axis in _AXES.items():
        if np.count_nonzero(cared[axis]) == 1:
            first, second = np.eye(3)[~cared[axis]]
            kept = np.where(cared[axis], there[axis], 0.0)
            radius = np.sqrt(max(1.0 - float(kept @ kept), 0.0))
            circle = kept + radius * (np.cos(_TURN) * first + np.sin(_TURN) * second)
            freedoms.append(Freedom(name, joint, place, circle))
    return freedoms


def _errors(goal: Goal, chain: np.ndarray, places: np.ndarray, joints: np.ndarray,
            few: bool) -> tuple[JointError, ...]:
    """Return the errors of these joints (k,), indices; of many, only that of the worst."""
    positions, axes = goal.position_errors(chain), goal.axis_errors(chain).max(axis=1)
    if not few:
        joints = np.lexsort((axes, positions))[-1:]
    positions = np.where(goal.asked[:, 0], positions, np.nan)
    axes = np.where(goal.asked[:, 1:].any(axis=1), axes, np.nan)
    return tuple(JointError(places[j], float(positions[j]), float(axes[j])) for j in joints)
