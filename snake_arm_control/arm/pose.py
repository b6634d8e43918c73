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

    Written for whole chains at once: a call of transforms3d for each frame costs more than an
    iteration of the controller. The tests hold it against transforms3d.

    :param xyzw: (*batch, 4), not necessarily of length 1, not zero
    :param position: (*batch, 3) [m]
    :return: (*batch, 9)
    """
    xyzw = np.asarray(xyzw, dtype=float)
    products = xyzw[..., :, None] * xyzw[..., None, :]
    products *= (2.0 / np.einsum('...i,...i->...', xyzw, xyzw))[..., None, None]
    axes = products.reshape(*xyzw.shape[:-1], 16) @ _FROM_PRODUCTS + _IDENTITY_AXES
    return np.concatenate((position, axes), axis=-1)


def to_quaternion(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the quaternions and positions of poses, as in ROS messages.

    :param pose: (*batch, 9)
    :return: quaternion xyzw (*batch, 4) of length 1, position (*batch, 3) [m]
    """
    pose = check(pose)
    if _are_orthonormal(pose):
        rotation = _rotation(pose[..., FORWARD], pose[..., UP])
        position = pose[..., POSITION].copy()
    else:
        rotation, position = to_matrix(pose)
    products = (rotation.reshape(-1, 9) @ _PRODUCTS + _IDENTITY).reshape(-1, 4, 4)
    # Each row is the quaternion up to length; the one with the largest diagonal is never short.
    largest = np.argmax(np.einsum('naa->na', products), axis=-1)
    xyzw = products[np.arange(len(products)), largest]
    xyzw /= np.sqrt(_dot(xyzw, xyzw))
    return xyzw.reshape(*rotation.shape[:-2], 4), position


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


def _are_orthonormal(pose: np.ndarray) -> bool:
    axes = pose[..., FORWARD.start:].reshape(*pose.shape[:-1], len(AXES), 3)
    products = np.einsum('...ai,...bi->...ab', axes, axes)
    return bool((np.abs(products - _ORTHONORMAL) < 1e-14).all())


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


def _axes_of_products() -> np.ndarray:
    """Return what maps 2 q q' (16,) of a quaternion xyzw to its axes (6,), less a constant."""
    x, y, z, w = range(4)
    terms = (((x, z, 1), (w, y, 1)), ((y, z, 1), (w, x, -1)), ((x, x, -1), (y, y, -1)),
             ((x, y, 1), (w, z, -1)), ((x, x, -1), (z, z, -1)), ((y, z, 1), (w, x, 1)))
    axes = np.zeros((4, 4, len(terms)))
    for component, pairs in enumerate(terms):
        for a, b, sign in pairs:
            axes[a, b, component] = sign
    return axes.reshape(16, -1)


def _quaternion_products() -> np.ndarray:
    """
    Return what maps a rotation (9,), row by row, to 4 q q' - I of its quaternion (16,).

    The quaternion's order is x y z w.
    """
    r = np.eye(9).reshape(3, 3, 9)
    products = np.empty((4, 4, 9))
    products[:3, :3] = r + np.swapaxes(r, 0, 1)
    trace = r[0, 0] + r[1, 1] + r[2, 2]
    for i, (j, k) in enumerate(((2, 1), (0, 2), (1, 0))):
        products[i, i] -= trace
        products[i, 3] = products[3, i] = r[j, k] - r[k, j]
    products[3, 3] = trace
    return products.reshape(16, 9).T.copy()


_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
_PRODUCTS = _quaternion_products()
_IDENTITY = np.eye(4).ravel()
_ORTHONORMAL = np.eye(len(AXES))
_FROM_PRODUCTS = _axes_of_products()
_IDENTITY_AXES = np.array((0.0, 0.0, 1.0, 0.0, 1.0, 0.0))
