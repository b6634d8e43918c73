# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
What a network for arms of any geometry reads of an arm, and how its predictions lie in the arm.

A chain of joints is brought into the form ``N_j = N_{j-1} Rx(a_j) Ry(b_j) Tr(t_j) Exp(w_j)``,
with ``N_0 = I``, in mean segment lengths. Of each joint the network reads the eight numbers
``a, b, w, t - (0, 0, 1)``: two angles, the rotation vector of its turn to the next, two offsets,
and the relative length less one. Of a straight arm of equal segments on universal joints, all
but the angles are zero. It predicts the poses N_j; where the arm begins, how its links' own
frames are turned and where its tool is are applied outside.
"""

from __future__ import annotations

from itertools import product
import math
from typing import NamedTuple

import numpy as np
from transforms3d.quaternions import mat2quat

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import WeightsError
from snake_arm_control.model.architecture import ANGLES, GEOMETRY

READS = ANGLES + GEOMETRY
TURN, OFFSET, LENGTH = slice(2, 5), slice(5, 7), 7  # places in what is read; the angles are first
SPAN = 40  # segments: the network's positions are in as many, so that they are of the size of axes
_SQUARE = 0.02  # axes of a joint may be this far from a right angle [rad]
_ACROSS = 0.1  # sine of the least angle to an axis, from which on a direction is across it


class NormalForm(NamedTuple):
    """An arm as the network reads it, and what lies between its predictions and the arm."""

    constants: np.ndarray  # (joints, 8), what is read of each joint where its angles are zero
    slopes: np.ndarray  # (joints, axes, 8), by how much each angle changes it
    scale: float  # mean length of a segment [m]
    begin: np.ndarray  # (3,) [m], where the first joint is in the base
    turn: np.ndarray  # (3, 3), how it is turned there
    turns: np.ndarray  # (joints, 3, 3), of the chain's elements against N_j
    steps: np.ndarray  # (joints, 3) [m], of the chain's elements against N_j

    @classmethod
    def of(cls, arm: Arm) -> NormalForm:
        """
        Return the form of an arm.

        :raises WeightsError: if it has none, with the name of the joint
        """
        _check(arm)
        g, n = arm.geometry, arm.joints
        ways = np.linalg.norm(g.steps[1:-1], axis=1)
        scale = float(ways.mean()) if ways.any() else arm.length
        frames = _frames(arm)  # of the form, in the links
        constants, slopes = np.zeros((n, READS)), np.zeros((n, arm.axes, READS))
        for j, link in enumerate(arm.links):
            inward = frames[j].T
            for k, axis in enumerate(link.axes):
                along = inward @ axis.direction
                if axis.slides:
                    slopes[j, k, OFFSET.start:] = along * axis.ratio / scale
                    constants[j, OFFSET.start:] += along * axis.offset / scale
                else:
                    place = int(abs(along[1]) > abs(along[0]))
                    slopes[j, k, place] = np.sign(along[place]) * axis.ratio
                    constants[j, place] += np.sign(along[place]) * axis.offset
            if j < n - 1:
                constants[j, TURN] = _rotation_vector(inward @ g.turns[j + 1] @ frames[j + 1])
                constants[j, OFFSET.start:] += inward @ g.steps[j + 1] / scale - (0.0, 0.0, 1.0)
        turns = np.stack([g.turns[j + 1] @ frames[j + 1] for j in range(n - 1)]
                         + [frames[-1]]).swapaxes(1, 2)
        turns[-1] = turns[-1] @ g.turns[-1]
        steps = np.zeros((n, 3))
        steps[-1] = frames[-1].T @ g.steps[-1] - (0.0, 0.0, scale)
        steps[np.abs(steps) < 1e-12 * scale] = 0.0
        return cls(constants, slopes, scale, g.steps[0], g.turns[0] @ frames[0], turns, steps)

    def read(self, angles: np.ndarray) -> np.ndarray:
        """Return what is read (*batch, joints, 8) at angles (*batch, joints, axes)."""
        return self.constants + np.einsum('...jk,jkr->...jr', angles, self.slopes)

    @property
    def is_plain(self) -> bool:
        """Whether what the network predicts is the arm's chain as it is."""
        eye = np.eye(3)
        return (abs(self.scale * SPAN - 1.0) < 1e-12 and not self.begin.any()
                and not self.steps.any() and bool((self.turn == eye).all())
                and bool((self.turns == eye).all()))

    def place(self, predicted: np.ndarray) -> np.ndarray:
        """Return the arm's chain (*batch, joints, 9) for predicted poses of the same shape."""
        axes = self.turn @ _matrices(predicted)
        way = np.einsum('...jab,jb->...ja', axes, self.steps)
        placed = np.empty(predicted.shape)
        placed[..., pose.POSITION] = (
            self.begin + self.scale * SPAN * predicted[..., pose.POSITION] @ self.turn.T + way)
        turned = axes @ self.turns
        placed[..., pose.FORWARD], placed[..., pose.UP] = turned[..., 2], turned[..., 1]
        return placed

    def pull(self, predicted: np.ndarray, joints: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """
        Return slopes by predicted poses, of slopes by the arm's.

        :param predicted: (*batch, entries, 9), the poses that were predicted
        :param joints: (entries,), of which joints
        :param slopes: (*batch, entries, 9)
        :return: (*batch, entries, 9)
        """
        position, forward, up = (slopes[..., part] @ self.turn
                                 for part in (pose.POSITION, pose.FORWARD, pose.UP))
        pulls = (forward[..., None] * self.turns[joints, None, :, 2]
                 + up[..., None] * self.turns[joints, None, :, 1]
                 + position[..., None] * self.steps[joints, None, :])
        left = pulls[..., 0]  # the left axis is predicted as the product of the other two
        pulled = np.empty(np.broadcast_shapes(predicted.shape, slopes.shape))
        pulled[..., pose.POSITION] = self.scale * SPAN * position
        pulled[..., pose.UP] = pulls[..., 1] + np.cross(predicted[..., pose.FORWARD], left)
        pulled[..., pose.FORWARD] = pulls[..., 2] + np.cross(left, predicted[..., pose.UP])
        return pulled


def _matrices(poses: np.ndarray) -> np.ndarray:
    """Return the axes (*batch, 3, 3), in columns, of poses as they are."""
    up, forward = poses[..., pose.UP], poses[..., pose.FORWARD]
    return np.stack((np.cross(up, forward), up, forward), axis=-1)


def _check(arm: Arm) -> None:
    if arm.tendons is not None:
        raise WeightsError('the arm is bent by tendons, which the network does not read')
    own = np.arange(arm.geometry.drivers.size).reshape(arm.geometry.drivers.shape)
    for j, link in enumerate(arm.links):
        for k, axis in enumerate(link.axes):
            if arm.geometry.drivers[j, k] != own[j, k]:
                raise WeightsError(f'{axis.name} follows {axis.follows}, which the network does '
                                   'not read')
        if len(link.axes) == 2:
            first, second = (np.array(axis.direction) for axis in link.axes)
            if abs(first @ second) > _SQUARE:
                raise WeightsError(
                    f'the axes of {link.axes[0].name} and {link.axes[1].name} meet at '
                    f'{np.degrees(np.arccos(abs(first @ second))):.0f} degrees, expected a right '
                    'angle')


def _frames(arm: Arm) -> list[np.ndarray]:
    """
    Return the frames of the form in the links, as matrices (3, 3).

    The first axis of a joint is x or y, its second is y, and z is as far along the link as it can
    be. Of the frames that are left, each is the one that is turned the least against the last.
    """
    g, frames = arm.geometry, []
    before = np.eye(3)
    for j, link in enumerate(arm.links):
        step = g.steps[j + 1]
        directions = [np.array(axis.direction) for axis in link.axes if not axis.slides]
        candidates = _candidates(directions, step, before)
        frames.append(candidates[int(np.argmax(_likeness(candidates, before)))])
        before = g.turns[j + 1].T @ frames[-1]  # in the link that follows
    return frames


def _likeness(frames: list[np.ndarray], before: np.ndarray) -> np.ndarray:
    """Return numbers (frames,) that fall with the turn against a frame; rounding decides none."""
    return np.round([np.trace(before.T @ frame) for frame in frames], 9)


def _candidates(directions: list[np.ndarray], step: np.ndarray, before: np.ndarray
                ) -> list[np.ndarray]:
    if len(directions) == 2:
        second = directions[1] - (directions[1] @ directions[0]) * directions[0]
        second /= np.linalg.norm(second)
        z = np.cross(directions[0], second)
        side = np.sign(z @ step) if abs(z @ step) > 1e-9 * np.linalg.norm(step) else (
            1.0 if z @ before[:, 2] >= 0.0 else -1.0)
        return [np.stack((sign * directions[0], sign * side * second, side * z), axis=1)
                for sign in (1.0, -1.0)]
    if not directions:
        z = _across(np.zeros(3), step, before)
        x = _across(z, before[:, 0], before)
        return [np.stack((x, np.cross(z, x), z), axis=1)]
    axis = directions[0]
    z = _across(axis, step, before)
    side = np.cross(z, axis)
    return [np.stack((sign * x, sign * y, z), axis=1)
            for (x, y), sign in product(((axis, side), (-side, axis)), (1.0, -1.0))]


def _across(axis: np.ndarray, wanted: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the unit vector at a right angle to an axis that is the nearest to the wanted one."""
    for vector in (wanted, before[:, 2], before[:, 0]):
        across = vector - (vector @ axis) * axis
        length = np.linalg.norm(across)
        if length > _ACROSS * np.linalg.norm(vector):
            return across / length
    raise AssertionError('three axes of a frame are not all along one')


def _rotation_vector(rotation: np.ndarray) -> np.ndarray:
    real, *imaginary = mat2quat(rotation)
    sine = float(np.linalg.norm(imaginary))
    if sine < 1e-12:
        return np.zeros(3)
    return 2.0 * math.atan2(sine, real) / sine * np.array(imaginary)
