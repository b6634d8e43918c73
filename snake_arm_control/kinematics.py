# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact forward kinematics: the truth that the forward model learns."""

from __future__ import annotations

import numpy as np

from snake_arm_control import pose
from snake_arm_control.arm import Arm, AXES
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


def jacobian(arm: Arm, chain: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """
    Return the exact Jacobian of a pose chain by its angles.

    A turn about an axis through a point moves what lies beyond it: the derivative of a position is
    axis x lever, that of an axis vector is axis x vector.

    :param chain: (*batch, joints, 9), the chain of those angles
    :param angles: (*batch, joints, 2) [rad]
    :return: (*batch, joints, 9, joints, 2); zero where the joint lies beyond the chain element
    """
    chain, angles = np.asarray(chain, dtype=float), np.asarray(angles, dtype=float)
    rotations, positions = pose.to_matrix(chain)
    base = np.broadcast_to(np.eye(3), rotations[..., :1, :, :].shape)
    before = np.concatenate((base, rotations[..., :-1, :, :]), axis=-3)
    hinges = np.concatenate((np.zeros_like(positions[..., :1, :]), positions[..., :-1, :]),
                            axis=-2)
    # The first axis is the x axis before the joint turns, the second the y axis after it did.
    turned = np.stack((before[..., 0], rotations[..., 1]), axis=-2)  # (*batch, joints, 2, 3)
    axes = turned[..., None, :, :, :]  # (*batch, 1, joints, 2, 3)
    lever = (positions[..., :, None, :] - hinges[..., None, :, :])[..., None, :]
    moved = np.concatenate((np.cross(axes, lever),
                            np.cross(axes, chain[..., :, None, None, pose.FORWARD]),
                            np.cross(axes, chain[..., :, None, None, pose.UP])), axis=-1)
    beyond = np.arange(arm.joints)[:, None] < np.arange(arm.joints)
    moved[..., beyond, :, :] = 0.0
    return np.moveaxis(moved, -1, -3)


class ExactModel:
    """Exact kinematics in the form of a differentiable model, in place of a learned one."""

    def __init__(self, arm: Arm):
        self.arm = arm

    def linearize(self, angles: np.ndarray) -> ExactLinearization:
        """Return the kinematics at angles (*batch, joints, 2) [rad]."""
        return ExactLinearization(self.arm, angles)


class ExactLinearization:
    """Exact kinematics at configurations, with derivatives from `jacobian`."""

    def __init__(self, arm: Arm, angles: np.ndarray):
        self.chain = forward_kinematics(arm, angles)
        self._jacobian = jacobian(arm, self.chain, angles)

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (*batch, joints, 2) for dL/dchain (*batch, joints, 9)."""
        return np.einsum('...jc,...jckm->...km', chain_gradient, self._jacobian)

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray) -> np.ndarray:
        """Return rows (*batch, rows, joints, 2) of dchain/dangles."""
        return self._jacobian[..., joints, components, :, :]
