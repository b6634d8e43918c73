# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact forward kinematics: the truth that the forward model learns."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm, AXES
from snake_arm_control.errors import ShapeError


def forward_kinematics(arm: Arm, angles: np.ndarray,
                       segment_lengths: np.ndarray | None = None) -> np.ndarray:
    """
    Return the pose chain of an arm (equation 1).

    :param angles: (*batch, joints, 2) [rad]
    :param segment_lengths: (joints,) [m] where the real segments differ from the arm's
    :return: (*batch, joints, 9) in base_link; element j at the far end of link j
    :raises ShapeError: if angles are not (*batch, joints, 2)
    """
    angles = np.asarray(angles, dtype=float)
    if angles.shape[-2:] != (arm.joints, len(AXES)):
        raise ShapeError('angles', angles.shape, f'(*batch, {arm.joints}, {len(AXES)})')
    lengths = arm.segment_length
    if segment_lengths is not None:
        lengths = np.broadcast_to(segment_lengths, (arm.joints,))[:, None]
    rotations = joint_rotation(angles)
    span = 1  # each rotation is the product of this many joints' up to its own
    while span < arm.joints:
        rotations[..., span:, :, :] = rotations[..., :-span, :, :] @ rotations[..., span:, :, :]
        span *= 2
    steps = rotations[..., :, 2] * lengths
    return pose.from_matrix(rotations, np.cumsum(steps, axis=-2))


def joint_rotation(angles: np.ndarray) -> np.ndarray:
    """Return ``Rx(a) Ry(b)`` for angles (*batch, 2) [rad]: (*batch, 3, 3)."""
    sine, cosine = np.sin(angles), np.cos(angles)
    sa, sb, ca, cb = sine[..., 0], sine[..., 1], cosine[..., 0], cosine[..., 1]
    rotation = np.empty((*angles.shape[:-1], 3, 3))
    rotation[..., 0, 0], rotation[..., 0, 1], rotation[..., 0, 2] = cb, 0.0, sb
    rotation[..., 1, 0], rotation[..., 1, 1], rotation[..., 1, 2] = sa * sb, ca, -sa * cb
    rotation[..., 2, 0], rotation[..., 2, 1], rotation[..., 2, 2] = -ca * sb, sa, ca * cb
    return rotation


def jacobian(arm: Arm, chain: np.ndarray, angles: np.ndarray,
             elements: np.ndarray | None = None) -> np.ndarray:
    """
    Return the exact Jacobian of a pose chain by its angles.

    A turn about an axis through a point moves what lies beyond it: the derivative of a position is
    axis x lever, that of an axis vector is axis x vector.

    :param chain: (*batch, joints, 9), the chain of those angles
    :param angles: (*batch, joints, 2) [rad]
    :param elements: (elements,) indices into the chain, of which poses; None for all
    :return: (*batch, elements, 9, joints, 2); zero where the joint lies beyond the chain element
    """
    chain, angles = np.asarray(chain, dtype=float), np.asarray(angles, dtype=float)
    elements = np.arange(arm.joints) if elements is None else np.asarray(elements)
    hinges, axes = _turns(chain)
    axes = axes[..., None, :, :, :]  # (*batch, 1, joints, 2, 3)
    seen = chain[..., elements, None, None, :]  # (*batch, elements, 1, 1, 9)
    lever = seen[..., pose.POSITION] - hinges[..., None, :, None, :]
    moved = np.concatenate((_cross(axes, lever), _cross(axes, seen[..., pose.FORWARD]),
                            _cross(axes, seen[..., pose.UP])), axis=-1)
    beyond = elements[:, None] < np.arange(arm.joints)
    moved[..., beyond, :, :] = 0.0
    return np.moveaxis(moved, -1, -3)


def _turns(chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return what the joints turn about.

    :return: points (*batch, joints, 3) [m] and unit axes (*batch, joints, 2, 3), in base_link
    """
    before = np.zeros_like(chain)  # of each joint
    before[..., 0, pose.FORWARD.stop - 1] = before[..., 0, pose.UP.start + 1] = 1.0
    before[..., 1:, :] = chain[..., :-1, :]
    # The first axis is the x axis before the joint turns, the second the y axis after it did.
    axes = np.stack((_cross(before[..., pose.UP], before[..., pose.FORWARD]),
                     chain[..., pose.UP]), axis=-2)
    return before[..., pose.POSITION], axes


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a x b: np.cross takes three times as long for a single arm."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    x = ay * bz - az * by
    product = np.empty((*x.shape, 3))
    product[..., 0], product[..., 1], product[..., 2] = x, az * bx - ax * bz, ax * by - ay * bx
    return product


class ExactModel:
    """Exact kinematics in the form of a differentiable model, in place of a learned one."""

    def __init__(self, arm: Arm):
        self.arm = arm

    def linearize(self, angles: np.ndarray) -> ExactLinearization:
        """Return the kinematics at angles (*batch, joints, 2) [rad]."""
        return ExactLinearization(self.arm, angles)


class ExactLinearization:
    """Exact kinematics at configurations, with derivatives by the same law as `jacobian`'s."""

    def __init__(self, arm: Arm, angles: np.ndarray):
        self._arm, self._angles = arm, angles
        self.chain = forward_kinematics(arm, angles)

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """
        Return dL/dangles (*batch, joints, 2) for dL/dchain (*batch, joints, 9).

        The chain beyond a joint pulls on it with a force and a moment: the slope of the loss is
        the moment about the joint's axis.
        """
        hinges, axes = _turns(self.chain)
        force = chain_gradient[..., pose.POSITION]
        moment = sum(_cross(self.chain[..., part], chain_gradient[..., part])
                     for part in (pose.POSITION, *pose.AXES))  # about the base
        force, moment = (np.cumsum(pull[..., ::-1, :], axis=-2)[..., ::-1, :]
                         for pull in (force, moment))
        about_joint = moment - _cross(hinges, force)
        return np.sum(axes * about_joint[..., None, :], axis=-1)

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """Return rows (*batch, rows, joints - first, 2) of dchain/dangles[first:]."""
        elements, places = np.unique(joints, return_inverse=True)
        rows = jacobian(self._arm, self.chain, self._angles, elements)
        return rows[..., places, components, first:, :]
