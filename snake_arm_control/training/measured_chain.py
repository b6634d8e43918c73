# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""An arm whose every transform may be a little off, and how its chain changes by them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement

TWIST = 6  # numbers of a small transform: a step [m] along x, y, z, then a turn [rad] about them


@dataclass(frozen=True, eq=False)
class MeasuredChain:
    """
    An arm as a tracker sees it.

    Transform 0 places the first joint in the frame of the tracker, transform j joint j + 1 in the
    link before, and the last the tip in the last link. The offset of a joint's only axis is a turn
    of the transform before it; of a second axis it is a number of its own.

    :param transforms: (joints + 1, 4, 4)
    :param offsets: (joints,) [rad], true angles of second axes less those of the encoders
    """

    arm: Arm
    transforms: np.ndarray
    offsets: np.ndarray

    @classmethod
    def described(cls, arm: Arm) -> MeasuredChain:
        """Return the chain as the description has it, the tracker measuring in the base."""
        transforms = np.tile(np.eye(4), (arm.joints + 1, 1, 1))
        transforms[:, :3, :3], transforms[:, :3, 3] = arm.geometry.turns, arm.geometry.steps
        return cls(arm, transforms, np.zeros(arm.joints))

    @property
    def size(self) -> int:
        """Number of unknowns: a small transform for each, then the offsets of second axes."""
        return self.transforms.shape[0] * TWIST + len(self.second_axes)

    @property
    def second_axes(self) -> np.ndarray:
        """Indices of the joints that have two axes."""
        return np.flatnonzero([len(link.axes) == 2 for link in self.arm.links])

    def moved(self, unknowns: np.ndarray) -> MeasuredChain:
        """Return the chain with each transform followed by a small one; see `size`."""
        count = len(self.transforms)
        twists = unknowns[:count * TWIST].reshape(count, TWIST)
        small = np.tile(np.eye(4), (count, 1, 1))
        small[:, :3, :3], small[:, :3, 3] = _turns(twists[:, 3:]), twists[:, :3]
        offsets = self.offsets.copy()
        offsets[self.second_axes] += unknowns[count * TWIST:]
        return replace(self, transforms=self.transforms @ small, offsets=offsets)

    def seen_from(self, base: np.ndarray) -> MeasuredChain:
        """Return the chain with its base elsewhere in the frame of the tracker, (4, 4)."""
        first = self.described(self.arm).transforms[0]
        return replace(self, transforms=np.concatenate(((base @ first)[None],
                                                        self.transforms[1:])))

    @property
    def base(self) -> np.ndarray:
        """Where the base is in the frame of the tracker (4, 4), the first joint as described."""
        return self.transforms[0] @ np.linalg.inv(self.described(self.arm).transforms[0])

    def place(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """
        Return where the arm is in the frame of the tracker.

        :param angles: (samples, joints, axes) [rad or m]
        :return: the chain (samples, joints, 9), the frames behind each transform
            (samples, joints + 1, 4, 4), and the second axes (samples, joints, 3)
        """
        g, joints = self.arm.geometry, self.arm.joints
        values = g.values(angles)
        if values.shape[-1] == 2:
            values = values + np.stack((np.zeros(joints), self.offsets), axis=-1)
        frames = np.empty((len(angles), joints + 1, 4, 4))
        frames[:, 0] = self.transforms[0]
        chain = np.empty((len(angles), joints, pose.SIZE))
        seconds = np.empty((len(angles), joints, 3))
        for j in range(joints):
            link = frames[:, j] @ _motions(values[:, j], g.directions[j], g.slides[j])
            frames[:, j + 1] = link @ self.transforms[j + 1]
            # An element is its link, moved to where the next joint is; the last is the tip.
            turned = frames[:, j + 1] if j == joints - 1 else link
            chain[:, j] = pose.from_matrix(turned[:, :3, :3], frames[:, j + 1, :3, 3])
            seconds[:, j] = link[:, :3, :3] @ g.directions[j, -1]
        return chain, frames, seconds

    def chain(self, angles: np.ndarray) -> np.ndarray:
        """Return the chain (samples, joints, 9) in the frame of the tracker."""
        return self.place(angles)[0]

    def derivatives(self, chain: np.ndarray, frames: np.ndarray, seconds: np.ndarray
                    ) -> np.ndarray:
        """
        Return how the chain changes by the unknowns.

        :param chain, frames, seconds: of `place`
        :return: (samples, joints, 9, unknowns)
        """
        joints = chain.shape[1]
        by_twist = np.zeros((*chain.shape, joints + 1, TWIST))
        for t in range(joints + 1):
            beyond = slice(max(t - 1, 0), None)  # elements whose position the transform moves
            turned = slice(min(t, joints - 1), None)  # and whose axes: a link ends with its own
            for k in range(3):
                axis = frames[:, t, None, :3, k]
                lever = chain[:, beyond, pose.POSITION] - frames[:, t, None, :3, 3]
                by_twist[:, beyond, pose.POSITION, t, k] = axis
                by_twist[:, beyond, pose.POSITION, t, 3 + k] = np.cross(axis, lever)
                for part in pose.AXES:
                    by_twist[:, turned, part, t, 3 + k] = np.cross(axis, chain[:, turned, part])
        second = self.second_axes
        by_offset = np.zeros((*chain.shape, len(second)))
        for place, j in enumerate(second):
            axis, beyond = seconds[:, j, None], slice(j, None)
            lever = chain[:, beyond, pose.POSITION] - frames[:, j, None, :3, 3]
            by_offset[:, beyond, pose.POSITION, place] = np.cross(axis, lever)
            for part in pose.AXES:
                by_offset[:, beyond, part, place] = np.cross(axis, chain[:, beyond, part])
        return np.concatenate((by_twist.reshape(*chain.shape, -1), by_offset), axis=-1)

    def calibrated(self, base: bool = True, tip: bool = True) -> Arm:
        """
        Return the arm with these transforms and offsets.

        :param base: whether the first joint is where it was found; else where it is described
        :param tip: likewise the tip
        """
        arm = self.arm
        places = [Placement.from_matrix(each) for each in self.transforms]
        if not base:
            places[0] = arm.links[0].placement
        if not tip:
            places[-1] = arm.tool
        links = [Link(link.name, place, _offset(link.axes, float(offset)), link.mass)
                 for link, place, offset in zip(arm.links, places, self.offsets)]
        return Arm(links, places[-1], arm.mount, arm.base, arm.tip, dict(arm.rest_positions))


def _offset(axes: tuple[Axis, ...], offset: float) -> tuple[Axis, ...]:
    """Return the axes of a joint, the second with another offset."""
    if not offset:
        return axes
    return axes[0], replace(axes[1], offset=axes[1].offset + offset)


def _motions(values: np.ndarray, directions: np.ndarray, slides: np.ndarray) -> np.ndarray:
    """Return the motions (samples, 4, 4) of a joint's axes at their values (samples, axes)."""
    moved = np.tile(np.eye(4), (len(values), 1, 1))
    for value, direction, slide in zip(values.T, directions, slides):
        motion = np.tile(np.eye(4), (len(values), 1, 1))
        if slide:
            motion[:, :3, 3] = value[:, None] * direction
        else:
            motion[:, :3, :3] = _turns(value[:, None] * direction)
        moved = moved @ motion
    return moved


def _turns(vectors: np.ndarray) -> np.ndarray:
    """Return the rotations (*batch, 3, 3) of rotation vectors (*batch, 3) [rad] (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    cross = np.cross(np.eye(3), vectors[..., None, :])
    return (np.eye(3) + np.sinc(angle / np.pi) * cross
            + 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2 * (cross @ cross))
