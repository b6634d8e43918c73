# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled conversions of poses from and to quaternions, in ROS's order xyzw."""

import math

import numpy as np

from snake_arm_control.compiling import compiled


@compiled
def to_quaternions(poses, tolerance):
    """
    Return quaternions (n, 4) of poses (n, 9), of length 1.

    :return: also whether all axes are orthogonal and of length 1 within a tolerance, without which
        the quaternions mean nothing
    """
    quaternions = np.empty((len(poses), 4))
    are_frames = True
    q = np.empty(4)
    for n in range(len(poses)):
        fx, fy, fz, ux, uy, uz = poses[n, 3:]
        off = max(abs(fx * fx + fy * fy + fz * fz - 1.0), abs(ux * ux + uy * uy + uz * uz - 1.0),
                  abs(fx * ux + fy * uy + fz * uz))
        are_frames &= off < tolerance
        sx, sy, sz = uy * fz - uz * fy, uz * fx - ux * fz, ux * fy - uy * fx
        # The largest of 4 q q' on the diagonal, and its row, which is never short.
        x, y, z, w = sx - uy - fz, uy - sx - fz, fz - sx - uy, sx + uy + fz
        if w >= max(x, y, z):
            q[0], q[1], q[2], q[3] = uz - fy, fx - sz, sy - ux, 1.0 + w
        elif x >= max(y, z):
            q[0], q[1], q[2], q[3] = 1.0 + x, ux + sy, fx + sz, uz - fy
        elif y >= z:
            q[0], q[1], q[2], q[3] = ux + sy, 1.0 + y, fy + uz, fx - sz
        else:
            q[0], q[1], q[2], q[3] = fx + sz, fy + uz, 1.0 + z, sy - ux
        length = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        for i in range(4):
            quaternions[n, i] = q[i] / length
    return quaternions, are_frames


@compiled
def from_quaternions(quaternions, positions):
    """Return poses (n, 9) of quaternions (n, 4) of any length but 0, and positions (n, 3)."""
    poses = np.empty((len(quaternions), 9))
    for n in range(len(quaternions)):
        x, y, z, w = quaternions[n]
        scale = 2.0 / (x * x + y * y + z * z + w * w)
        poses[n, :3] = positions[n]
        poses[n, 3] = scale * (x * z + w * y)
        poses[n, 4] = scale * (y * z - w * x)
        poses[n, 5] = 1.0 - scale * (x * x + y * y)
        poses[n, 6] = scale * (x * y - w * z)
        poses[n, 7] = 1.0 - scale * (x * x + z * z)
        poses[n, 8] = scale * (y * z + w * x)
    return poses
