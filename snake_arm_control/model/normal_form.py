# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
What a network for arms of any geometry reads of an arm, and how its predictions lie in the arm.

A chain of joints is brought into the form ``N_j = N_{j-1} Rx(a_j) Ry(b_j) Tr(e_z) Exp(w_j)``,
with ``N_0 = I``. Of each joint the network reads the five numbers ``a, b, w``: two angles and the
rotation vector of its turn to the next. Of most arms all turns are zero, however long their
links are and wherever their axes lie. It predicts the poses N_j, of equal segments of length 1.
By how much the way to the next joint differs from such a segment is applied outside, along the
axes that it predicts; so are where the arm begins and how its links' own frames are turned.
"""

from __future__ import annotations

from itertools import product
import math
from typing import NamedTuple

import numpy as np
from transforms3d.quaternions import mat2quat

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Link
from snake_arm_control.errors import WeightsError
from snake_arm_control.model.architecture import ANGLES, GEOMETRY

READS = ANGLES + GEOMETRY
TURN = slice(ANGLES, READS)  # places in what is read; the angles are first
SPAN = 40  # segments: the network's positions are in as many, so that they are of the size of axes
_NEXT, _LAST = [1, 2, 0], [2, 0, 1]  # components, counted around
_SQUARE = 0.02  # axes of a joint may be this far from a right angle [rad]
_ALONG = 0.995  # cosine to an axis, from which on a direction is along it


class NormalForm(NamedTuple):
    """An arm as the network reads it, and what lies between its predictions and the arm."""

    constants: np.ndarray  # (joints, 5), what is read of each joint where its angles are zero
    slopes: np.ndarray  # (joints, axes, 5), by how much each angle changes it
    scale: float  # mean length of a segment [m]
    begin: np.ndarray  # (3,) [m], where the first joint is in the base
    turn: np.ndarray  # (3, 3), how it is turned there
    turns: np.ndarray  # (joints, 3, 3), of the chain's elements against N_j
    steps: np.ndarray  # (joints, 3) [m], the way along a segment less that of an equal one, in N_j
    slides: np.ndarray  # (joints, axes, 3), by how much each angle, of a slide [m], changes that

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
        after = [*(g.turns[j + 1] @ frames[j + 1] for j in range(n - 1)), frames[-1]]
        constants, slopes = np.zeros((n, READS)), np.zeros((n, arm.axes, READS))
        steps, slides = np.empty((n, 3)), np.zeros((n, arm.axes, 3))
        for j, link in enumerate(arm.links):
            inward, outward = frames[j].T, after[j].T
            steps[j] = outward @ (g.steps[j + 1] - scale * frames[j][:, 2])
            for k, axis in enumerate(link.axes):
                if axis.slides:
                    slides[j, k] = outward @ axis.direction * axis.ratio
                    steps[j] += outward @ axis.direction * axis.offset
                else:
                    along = inward @ axis.direction
                    place = int(abs(along[1]) > abs(along[0]))
                    slopes[j, k, place] = np.sign(along[place]) * axis.ratio
                    constants[j, place] += np.sign(along[place]) * axis.offset
            constants[j, TURN] = _rotation_vector(inward @ after[j])
        steps[np.abs(steps) < 1e-12 * scale] = 0.0
        turns = np.stack(after).swapaxes(1, 2)
        turns[-1] = turns[-1] @ g.turns[-1]
        return cls(constants, slopes, scale, g.steps[0], g.turns[0] @ frames[0], turns, steps,
                   slides)

    def read(self, angles: np.ndarray) -> np.ndarray:
        """Return what is read (*batch, joints, 5) at angles (*batch, joints, axes)."""
        return self.constants + np.einsum('...jk,jkr->...jr', angles, self.slopes)

    @property
    def is_plain(self) -> bool:
        """Whether what the network predicts is the arm's chain as it is."""
        eye = np.eye(3)
        return (abs(self.scale * SPAN - 1.0) < 1e-12 and not self.begin.any()
                and not self.steps.any() and not self.slides.any()
                and bool((self.turn == eye).all()) and bool((self.turns == eye).all()))

    def place(self, predicted: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """Return the arm's chain (*batch, joints, 9) for poses that were predicted at angles."""
        axes = self.turn @ _matrices(predicted)
        ways = np.cumsum((axes @ self._steps(angles)[..., None])[..., 0], axis=-2)
        placed = np.empty(predicted.shape)
        placed[..., pose.POSITION] = (
            self.begin + self.scale * SPAN * predicted[..., pose.POSITION] @ self.turn.T + ways)
        turned = axes @ self.turns
        placed[..., pose.FORWARD], placed[..., pose.UP] = turned[..., 2], turned[..., 1]
        return placed

    def pull(self, predicted: np.ndarray, angles: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """
        Return slopes by the poses that were predicted, of slopes by the arm's.

        :param predicted, slopes: (*batch, joints, 9)
        :param angles: (*batch, joints, axes)
        :return: (*batch, joints, 9)
        """
        position, forward, up = (slopes[..., part] @ self.turn
                                 for part in (pose.POSITION, pose.FORWARD, pose.UP))
        ways, steps = _from_tip(position), self._steps(angles)
        left, by_up, by_forward = (
            _weighted((forward, self.turns[:, k, 2]), (up, self.turns[:, k, 1]),
                      (ways, steps[..., k])) for k in range(3))
        pulled = np.empty(np.broadcast_shapes(predicted.shape, slopes.shape))
        pulled[..., pose.POSITION] = self.scale * SPAN * position
        pulled[..., pose.UP], pulled[..., pose.FORWARD] = by_up, by_forward
        if np.any(left):  # which is predicted as the product of the other two
            pulled[..., pose.UP] += _cross(predicted[..., pose.FORWARD], left)
            pulled[..., pose.FORWARD] += _cross(left, predicted[..., pose.UP])
        return pulled

    def slide(self, predicted: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """
        Return slopes (*batch, joints, axes) by slides, which the network does not read.

        :param predicted, slopes: (*batch, joints, 9), as `pull` takes them
        """
        along = np.einsum('...jab,jkb->...jka', self.turn @ _matrices(predicted), self.slides)
        return np.einsum('...ja,...jka->...jk', _from_tip(slopes[..., pose.POSITION]), along)

    def _steps(self, angles: np.ndarray) -> np.ndarray:
        """Return `steps` with what slides add (*batch, joints, 3)."""
        if not self.slides.any():
            return self.steps
        return self.steps + np.einsum('...jk,jka->...ja', angles, self.slides)


def _weighted(*parts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Sum vectors (*batch, joints, 3) by factors (*batch, joints), of which many are all zero."""
    found = [vectors * factors[..., None] for vectors, factors in parts if factors.any()]
    return sum(found[1:], found[0]) if found else np.zeros(3)


def _from_tip(slopes: np.ndarray) -> np.ndarray:
    """Return the sums (*batch, joints, ...) from each joint to the tip."""
    return np.cumsum(slopes[..., ::-1, :], axis=-2)[..., ::-1, :]


def _matrices(poses: np.ndarray) -> np.ndarray:
    """Return the axes (*batch, 3, 3), in columns, of poses as they are."""
    up, forward = poses[..., pose.UP], poses[..., pose.FORWARD]
    return np.stack((_cross(up, forward), up, forward), axis=-1)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cross products (*batch, 3): numpy's own takes a multiple of the time."""
    return a[..., _NEXT] * b[..., _LAST] - a[..., _LAST] * b[..., _NEXT]


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

    The first axis of a joint is x or y, its second is y. Of the frames that this leaves, each is
    the one that is turned the least against the last, wherever the links go. The first one is
    turned the least against the second: what is read doesn't depend on how an arm stands.
    """
    g, frames = arm.geometry, []
    before = _along(g.steps[1])
    for j, link in enumerate(arm.links):
        frames.append(_nearest(link, before))
        before = g.turns[j + 1].T @ frames[-1]  # in the link that follows
    if arm.joints > 1:
        frames[0] = _nearest(arm.links[0], g.turns[1] @ frames[1])
    return frames


def _nearest(link: Link, other: np.ndarray) -> np.ndarray:
    """Return the frame that a link may have that is turned the least against another."""
    candidates = _candidates([np.array(axis.direction) for axis in link.axes if not axis.slides],
                             other)
    # Rounding decides none.
    likeness = np.round([np.trace(other.T @ frame) for frame in candidates], 9)
    return candidates[int(np.argmax(likeness))]


def _candidates(directions: list[np.ndarray], before: np.ndarray) -> list[np.ndarray]:
    """Return the frames that a joint of these axes may have: no axis, one, or two."""
    if not directions:
        return [before]
    first = directions[0]
    if len(directions) == 2:
        second = _across(first, directions[1])
        return [np.stack((x, y, np.cross(x, y)), axis=1)
                for x, y in product((first, -first), (second, -second))]
    z = before[:, 2] if abs(first @ before[:, 2]) < _ALONG else before[:, 0]
    z = _across(first, z)
    side = np.cross(z, first)
    return [np.stack((sign * x, sign * y, z), axis=1)
            for (x, y), sign in product(((first, side), (-side, first)), (1.0, -1.0))]


def _along(step: np.ndarray) -> np.ndarray:
    """Return a frame of a link whose z is along a way, its x as near to the link's as can be."""
    length = np.linalg.norm(step)
    if not length:
        return np.eye(3)
    z = step / length
    x = _across(z, np.eye(3)[0 if abs(z[0]) < _ALONG else 1])
    return np.stack((x, np.cross(z, x), z), axis=1)


def _across(axis: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the unit vector at a right angle to an axis that is the nearest to the wanted one."""
    across = wanted - (wanted @ axis) * axis
    return across / np.linalg.norm(across)


def _rotation_vector(rotation: np.ndarray) -> np.ndarray:
    real, *imaginary = mat2quat(rotation)
    sine = float(np.linalg.norm(imaginary))
    if sine < 1e-12:
        return np.zeros(3)
    return 2.0 * math.atan2(sine, real) / sine * np.array(imaginary)
