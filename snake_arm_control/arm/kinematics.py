# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact forward kinematics of any serial chain."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.geometry import Geometry
from snake_arm_control.errors import ShapeError


def forward_kinematics(arm: Arm, angles: np.ndarray,
                       segment_lengths: np.ndarray | None = None) -> np.ndarray:
    """
    Return the pose chain of an arm (equation 1).

    :param angles: (*batch, joints, axes) [rad or m]
    :param segment_lengths: (joints,) [m] where the distances from joint to joint are not those
        described
    :return: (*batch, joints, 9) in the base; element j is link j where the next joint is
    :raises ShapeError: if angles are not (*batch, joints, axes)
    """
    angles = np.asarray(angles, dtype=float)
    if angles.shape[-2:] != (arm.joints, arm.axes):
        raise ShapeError('angles', angles.shape, f'(*batch, {arm.joints}, {arm.axes})')
    geometry, angles = arm.geometry, arm.joint_angles(angles)
    if segment_lengths is not None:
        geometry = geometry.stretched(np.broadcast_to(segment_lengths, (arm.joints,)))
    # Not at the top: most of what knows an arm needs no compiler.
    from snake_arm_control.arm.kernels import serial_chain
    chain, *_ = serial_chain.place(geometry.numbers,
                                   np.ascontiguousarray(angles.reshape(-1, *angles.shape[-2:])))
    return chain.reshape(*angles.shape[:-1], pose.SIZE)


def _turns(geometry: Geometry, values: np.ndarray, k: int) -> np.ndarray:
    """Return how the joints' axes number k turn (*batch, joints, 3, 3) where they have values."""
    axes = geometry.directions[:, k]
    turns = np.where(geometry.slides[:, k], 0.0, values[..., k])[..., None, None]
    cross = np.cross(np.eye(3), axes[:, None])
    return np.eye(3) + np.sin(turns) * cross + (1.0 - np.cos(turns)) * (cross @ cross)


def _before(rotations: np.ndarray) -> np.ndarray:
    """Return the rotations (*batch, joints, 3, 3) of the links before those of these."""
    before = np.empty_like(rotations)
    before[..., 0, :, :] = np.eye(3)
    before[..., 1:, :, :] = rotations[..., :-1, :, :]
    return before


def jacobian(arm: Arm, chain: np.ndarray, angles: np.ndarray,
             elements: np.ndarray | None = None) -> np.ndarray:
    """
    Return the exact Jacobian of a pose chain by its angles.

    A turn about an axis through a point moves what lies beyond it: the derivative of a position is
    axis x lever, that of an axis vector is axis x vector. A slide moves positions only.

    :param chain: (*batch, joints, 9), the chain of those angles
    :param angles: (*batch, joints, axes) [rad or m]
    :param elements: (elements,) indices into the chain, of which poses; None for all
    :return: (*batch, elements, 9, joints, axes); zero where the joint lies beyond the element
    """
    chain, angles = np.asarray(chain, dtype=float), np.asarray(angles, dtype=float)
    if arm.tendons is not None:
        angles, slopes = arm.bent_by_tendons(angles)
        by_joints = jacobian(arm.jointed, chain, angles, elements)
        return arm.by_pulleys(by_joints, slopes[..., None, :, :])
    elements = np.arange(arm.joints) if elements is None else np.asarray(elements)
    geometry = arm.geometry
    points, axes = _axes(geometry, chain, geometry.values(angles))
    axes = axes[..., None, :, :, :]  # (*batch, 1, joints, axes, 3)
    seen = chain[..., elements, None, None, :]  # (*batch, elements, 1, 1, 9)
    lever = seen[..., pose.POSITION] - points[..., None, :, :, :]
    moved = np.concatenate((_cross(axes, lever), _cross(axes, seen[..., pose.FORWARD]),
                            _cross(axes, seen[..., pose.UP])), axis=-1)
    slides = geometry.slides
    if slides.any():
        moved[..., slides, :] = 0.0
        moved[..., slides, pose.POSITION] = axes[..., slides, :]
    moved *= geometry.ratios[..., None]
    beyond = elements[:, None] < np.arange(arm.joints)
    moved[..., beyond, :, :] = 0.0
    by_value = np.moveaxis(moved, -1, -3)
    own = np.arange(slides.size).reshape(slides.shape)
    if (geometry.drivers == own).all():
        return by_value
    by_angle = np.zeros((*by_value.shape[:-2], slides.size))
    for driver, (joint, axis) in zip(geometry.drivers.flat, np.ndindex(slides.shape)):
        by_angle[..., driver] += by_value[..., joint, axis]
    return by_angle.reshape(by_value.shape)


def _axes(geometry: Geometry, chain: np.ndarray, values: np.ndarray
          ) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the axes of the joints where the arm is.

    :return: points on them (*batch, joints, axes, 3) [m] and unit vectors of the same shape, in
        the base
    """
    rotations, positions = pose.to_matrix(chain)
    before = _before(rotations)
    first = np.broadcast_to(geometry.steps[0], positions[..., :1, :].shape)
    joints = np.concatenate((first, positions[..., :-1, :]), axis=-2)
    frames = before @ geometry.turns[:-1]
    axes = np.empty((*values.shape, 3))
    points = np.empty_like(axes)
    for k in range(values.shape[-1]):
        axes[..., k, :] = np.einsum('...jab,jb->...ja', frames, geometry.directions[:, k])
        points[..., k, :] = joints
        slid = np.where(geometry.slides[:, k], values[..., k], 0.0)[..., None] * axes[..., k, :]
        joints = joints + slid
        frames = frames @ _turns(geometry, values, k)
    return points, axes


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a x b: np.cross takes three times as long for a single arm."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    x = ay * bz - az * by
    product = np.empty((*x.shape, 3))
    product[..., 0], product[..., 1], product[..., 2] = x, az * bx - ax * bz, ax * by - ay * bx
    return product
