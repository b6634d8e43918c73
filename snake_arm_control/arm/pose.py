# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nine components of a pose: their order, and conversions from and to frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from transforms3d.euler import euler2mat

from snake_arm_control.errors import ShapeError

COMPONENTS = ('x', 'y', 'z',
              'forward_x', 'forward_y', 'forward_z',
              'up_x', 'up_y', 'up_z')
SIZE = len(COMPONENTS)
POSITION = slice(0, 3)  # [m], in base_link
FORWARD = slice(3, 6)  # unit vector: the frame's z axis, the way the tool points
UP = slice(6, 9)  # unit vector: the frame's y axis
AXES = (FORWARD, UP)
_ROUNDING = 1e-14  # by which the axes of a frame may be off
_SWAPPED = np.r_[POSITION, UP, FORWARD]


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
    up = _unit(pose[..., UP], lambda: np.zeros(3))
    forward = _unit(pose[..., FORWARD], lambda: _orthogonal(up))
    up = _unit(up - _dot(up, forward) * forward, lambda: _orthogonal(forward))
    return _rotation(forward, up), pose[..., POSITION].copy()


def to_frame(pose: np.ndarray, keeps_up: bool = False) -> np.ndarray:
    """
    Return poses (*batch, 9) with their axes made those of a frame; see `to_matrix`.

    :param keeps_up: whether up keeps its direction, and forward is turned
    """
    order = _SWAPPED if keeps_up else slice(None)
    return from_matrix(*to_matrix(pose[..., order]))[..., order]


def from_euler(roll: float, pitch: float, yaw: float, position: np.ndarray) -> np.ndarray:
    """
    Return the pose of a frame turned by roll, pitch, yaw about the fixed axes x, y, z (REP 103).

    :param roll, pitch, yaw: [rad]
    :param position: (3,) [m]
    :return: (9,)
    """
    return from_matrix(euler2mat(roll, pitch, yaw, 'sxyz'), np.asarray(position, dtype=float))


def from_quaternion(xyzw: np.ndarray, position: np.ndarray) -> np.ndarray:
    """
    Return the poses of frames given as quaternions, as in ROS messages.

    :param xyzw: (*batch, 4), not necessarily of length 1, not zero
    :param position: (*batch, 3) [m]
    :return: (*batch, 9)
    """
    from snake_arm_control.arm.kernels.quaternions import from_quaternions
    poses = from_quaternions(*(
        np.array(part, dtype=float).reshape(-1, size)
        for part, size in ((xyzw, 4), (position, 3))))
    return poses.reshape(*np.shape(xyzw)[:-1], SIZE)


def to_quaternion(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the quaternions and positions of poses, as in ROS messages.

    :param pose: (*batch, 9)
    :return: quaternion xyzw (*batch, 4) of length 1, position (*batch, 3) [m]
    """
    # Not at the top: most of what knows poses needs no compiler.
    from snake_arm_control.arm.kernels.quaternions import to_quaternions
    pose = check(pose)
    flat = np.array(pose.reshape(-1, SIZE), order='C')
    xyzw, are_frames = to_quaternions(flat, _ROUNDING)
    if not are_frames:
        xyzw, _ = to_quaternions(from_matrix(*to_matrix(flat)), _ROUNDING)
    return xyzw.reshape(*pose.shape[:-1], 4), pose[..., POSITION].copy()


def moved(poses: np.ndarray, rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    """
    Return poses (*batch, 9) of one frame in another one.

    :param rotation: (3, 3), from the one frame to the other
    :param position: (3,) [m], of the one frame in the other
    """
    parts = np.asarray(poses, dtype=float).reshape(*np.shape(poses)[:-1], 3, 3) @ rotation.T
    parts[..., 0, :] += position
    return parts.reshape(np.shape(poses))


def check(pose: np.ndarray) -> np.ndarray:
    """Return poses as a float array, or raise ShapeError unless the last axis is 9."""
    pose = np.asarray(pose, dtype=float)
    if pose.ndim < 1 or pose.shape[-1] != SIZE:
        raise ShapeError('pose', pose.shape, f'(..., {SIZE})')
    return pose


def _rotation(forward: np.ndarray, up: np.ndarray) -> np.ndarray:
    side = (up[..., _NEXT] * forward[..., _LAST]  # np.cross takes thrice as long
            - up[..., _LAST] * forward[..., _NEXT])
    return np.stack((side, up, forward), axis=-1)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum('...i,...i->...', a, b)[..., None]


def _orthogonal(axis: np.ndarray) -> np.ndarray:
    """Return some unit vectors orthogonal to axes of length 1, or of length 0."""
    spare = np.eye(3)[np.argmin(np.abs(axis), axis=-1)]
    return _unit(spare - _dot(spare, axis) * axis, lambda: spare)


def _unit(vector: np.ndarray, fallback: Callable[[], np.ndarray]) -> np.ndarray:
    length = np.sqrt(_dot(vector, vector))
    short = ~(length > 1e-9)  # of no length, or not a number
    if short.any():
        return np.where(short, fallback(), vector / np.where(short, 1.0, length))
    return vector / length


_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
