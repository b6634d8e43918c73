# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nine components of a pose: the one place that knows their order."""

from __future__ import annotations

import numpy as np
from transforms3d.quaternions import mat2quat, quat2mat

from snake_arm_control.errors import ShapeError

COMPONENTS = ('x', 'y', 'z',
              'forward_x', 'forward_y', 'forward_z',
              'up_x', 'up_y', 'up_z')
SIZE = len(COMPONENTS)
POSITION = slice(0, 3)  # [m], in base_link
FORWARD = slice(3, 6)  # unit vector: the frame's z axis, the way the tool points
UP = slice(6, 9)  # unit vector: the frame's y axis
AXES = (FORWARD, UP)


def from_matrix(rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    """
    Return the poses of frames.

    :param rotation: (*batch, 3, 3), from the frame to base_link
    :param position: (*batch, 3) [m]
    :return: (*batch, 9)
    """
    return np.concatenate((position, rotation[..., :, 2], rotation[..., :, 1]), axis=-1)


def to_matrix(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the rotations and positions of poses, the inverse of `from_matrix`.

    The axes of a predicted pose are neither quite of length 1 nor quite orthogonal: forward keeps
    its direction, up is turned to be orthogonal to it. Axes of no length, or parallel ones, leave
    the rotation undefined; it then is some proper rotation that keeps what is defined.

    :param pose: (*batch, 9)
    :return: rotation (*batch, 3, 3) from the frame to base_link, position (*batch, 3) [m]
    :raises ShapeError: if the last axis is not 9
    """
    pose = check(pose)
    forward = _unit(pose[..., FORWARD], np.array([0.0, 0.0, 1.0]))
    up = pose[..., UP] - _dot(pose[..., UP], forward) * forward
    spare = np.eye(3)[np.argmin(np.abs(forward), axis=-1)]
    up = _unit(up, _unit(spare - _dot(spare, forward) * forward, np.array([0.0, 1.0, 0.0])))
    return np.stack((np.cross(up, forward), up, forward), axis=-1), pose[..., POSITION].copy()


def from_quaternion(xyzw: np.ndarray, position: np.ndarray) -> np.ndarray:
    """
    Return the pose of a frame given as ROS gives it.

    :param xyzw: (4,), not necessarily of length 1, not zero
    :param position: (3,) [m]
    :return: (9,)
    """
    x, y, z, w = np.asarray(xyzw, dtype=float)
    return from_matrix(quat2mat((w, x, y, z)), np.asarray(position, dtype=float))


def to_quaternion(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the orientations and positions of poses as ROS wants them.

    :param pose: (*batch, 9)
    :return: quaternion xyzw (*batch, 4) of length 1, position (*batch, 3) [m]
    """
    rotation, position = to_matrix(pose)
    wxyz = np.array([mat2quat(r) for r in rotation.reshape(-1, 3, 3)])
    return np.roll(wxyz, -1, axis=-1).reshape(*rotation.shape[:-2], 4), position


def check(pose: np.ndarray) -> np.ndarray:
    """Return poses as a float array, or raise ShapeError unless the last axis is 9."""
    pose = np.asarray(pose, dtype=float)
    if pose.ndim < 1 or pose.shape[-1] != SIZE:
        raise ShapeError('pose', pose.shape, f'(..., {SIZE})')
    return pose


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=-1, keepdims=True)


def _unit(vector: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    defined = length > 1e-9
    return np.where(defined, vector / np.where(defined, length, 1.0), fallback)
