# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of shapes: where a shape is, and the same shape elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from transforms3d.euler import mat2euler

from snake_arm_control.arm import pose
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Mesh, Shape, Sphere


def frame_of(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the rotation (3, 3) and the origin (3,) [m] of a shape's frame, in the base.

    It is at the middle of the shape, of a half-space on its surface; z runs along a capsule, and
    out of a half-space.
    """
    if isinstance(shape, Sphere):
        return np.eye(3), np.array(shape.center)
    if isinstance(shape, Box):
        return shape.rotation, np.array(shape.center)
    if isinstance(shape, Mesh):
        return shape.pose.matrix[:3, :3], np.array(shape.pose.xyz)
    if isinstance(shape, Capsule):
        start, end = np.array(shape.start), np.array(shape.end)
        return turned_to(end - start), (start + end) / 2.0
    assert isinstance(shape, HalfSpace)
    normal = np.array(shape.normal)
    return turned_to(normal), shape.offset * normal


def put(shape: Shape, rotation: np.ndarray, origin: np.ndarray) -> Shape:
    """Return a shape whose frame is elsewhere; see `frame_of`."""
    where, turn = tuple(map(float, origin)), tuple(map(float, mat2euler(rotation, 'sxyz')))
    if isinstance(shape, Sphere):
        return replace(shape, center=where)
    if isinstance(shape, Box):
        return replace(shape, center=where, orientation=turn)
    if isinstance(shape, Mesh):
        return replace(shape, pose=Placement(where, turn))
    if isinstance(shape, Capsule):
        half = 0.5 * shape.length * rotation[:, 2]
        return replace(shape, start=tuple(origin - half), end=tuple(origin + half))
    assert isinstance(shape, HalfSpace)
    return replace(shape, normal=tuple(rotation[:, 2]), offset=float(rotation[:, 2] @ origin))


def turned_to(axis: np.ndarray) -> np.ndarray:
    """Return a rotation (3, 3) whose z axis is along this one (3,); of no length, some one."""
    return pose.to_matrix(np.concatenate((np.zeros(3), axis, np.zeros(3))))[0]
