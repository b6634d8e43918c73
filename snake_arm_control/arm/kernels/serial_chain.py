# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled loops of the exact kinematics: along a serial chain of any geometry."""

import numpy as np

from snake_arm_control.compiling import compiled


@compiled
def lowest_and_highest(indices):
    lowest, highest = 0, -1
    for index in indices:
        lowest, highest = min(lowest, index), max(highest, index)
    return lowest, highest


@compiled
def place(geometry, angles):
    """
    Return where chains are at angles (batch, joints, axes).

    :return: poses (batch, joints, 9), and of all axes points on them and their directions, both
        (batch, joints, axes, 3)
    """
    turns, steps, directions, slides, drivers, ratios, biases = geometry
    batch, joints, width = angles.shape
    chain = np.empty((batch, joints, 9))
    points = np.empty((batch, joints, width, 3))
    axes = np.empty((batch, joints, width, 3))
    rotation = np.empty((3, 3))
    for lane in range(batch):
        flat = angles[lane].ravel()
        x, y, z = steps[0]
        rotation[:] = turns[0]
        for j in range(joints):
            for k in range(width):
                dx, dy, dz = directions[j, k]
                ax = rotation[0, 0] * dx + rotation[0, 1] * dy + rotation[0, 2] * dz
                ay = rotation[1, 0] * dx + rotation[1, 1] * dy + rotation[1, 2] * dz
                az = rotation[2, 0] * dx + rotation[2, 1] * dy + rotation[2, 2] * dz
                axes[lane, j, k, 0], axes[lane, j, k, 1], axes[lane, j, k, 2] = ax, ay, az
                points[lane, j, k, 0], points[lane, j, k, 1], points[lane, j, k, 2] = x, y, z
                if ratios[j, k] == 0.0:
                    continue
                value = ratios[j, k] * flat[drivers[j, k]] + biases[j, k]
                if slides[j, k]:
                    x, y, z = x + value * ax, y + value * ay, z + value * az
                    continue
                sine, cosine = np.sin(value), np.cos(value)
                rest = 1.0 - cosine
                # By the axis in the joint's own frame, so that rounding doesn't add up.
                turn = ((cosine + rest * dx * dx, rest * dx * dy - sine * dz,
                         rest * dx * dz + sine * dy),
                        (rest * dx * dy + sine * dz, cosine + rest * dy * dy,
                         rest * dy * dz - sine * dx),
                        (rest * dx * dz - sine * dy, rest * dy * dz + sine * dx,
                         cosine + rest * dz * dz))
                _turn(rotation, turn)
            sx, sy, sz = steps[j + 1]
            x += rotation[0, 0] * sx + rotation[0, 1] * sy + rotation[0, 2] * sz
            y += rotation[1, 0] * sx + rotation[1, 1] * sy + rotation[1, 2] * sz
            z += rotation[2, 0] * sx + rotation[2, 1] * sy + rotation[2, 2] * sz
            last = turns[j + 1]
            turn = ((last[0, 0], last[0, 1], last[0, 2]), (last[1, 0], last[1, 1], last[1, 2]),
                    (last[2, 0], last[2, 1], last[2, 2]))
            if j == joints - 1:
                _turn(rotation, turn)
            chain[lane, j, 0], chain[lane, j, 1], chain[lane, j, 2] = x, y, z
            for row in range(3):
                chain[lane, j, 3 + row] = rotation[row, 2]
                chain[lane, j, 6 + row] = rotation[row, 1]
            if j < joints - 1:
                _turn(rotation, turn)
    return chain, points, axes


@compiled
def _turn(rotation, turn):
    """Multiply a rotation by another from the right, in place."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = turn
    for row in range(3):
        x, y, z = rotation[row]
        rotation[row, 0] = x * xx + y * yx + z * zx
        rotation[row, 1] = x * xy + y * yy + z * zy
        rotation[row, 2] = x * xz + y * yz + z * zz


@compiled
def _wrench(at, pull):
    """Return the force, and the moment about the base, with which slopes (9,) pull at a pose."""
    mx = at[1] * pull[2] - at[2] * pull[1]
    my = at[2] * pull[0] - at[0] * pull[2]
    mz = at[0] * pull[1] - at[1] * pull[0]
    for i in (3, 6):
        mx += at[i + 1] * pull[i + 2] - at[i + 2] * pull[i + 1]
        my += at[i + 2] * pull[i] - at[i] * pull[i + 2]
        mz += at[i] * pull[i + 1] - at[i + 1] * pull[i]
    return pull[0], pull[1], pull[2], mx, my, mz


@compiled
def _work(point, axis, slides, fx, fy, fz, mx, my, mz):
    """Return the slope of a wrench's work by the turn about an axis, or the slide along it."""
    if slides:
        return axis[0] * fx + axis[1] * fy + axis[2] * fz
    return (axis[0] * (mx - (point[1] * fz - point[2] * fy))
            + axis[1] * (my - (point[2] * fx - point[0] * fz))
            + axis[2] * (mz - (point[0] * fy - point[1] * fx)))


@compiled
def angle_gradient(placed, pulls):
    """Sum up what pulls beyond each joint, from the tip to the base."""
    geometry, chain, points, axes = placed
    _, _, _, slides, drivers, ratios, _ = geometry
    batch, joints, width = points.shape[:3]
    gradient = np.zeros((batch, joints, width))
    for lane in range(batch):
        fx = fy = fz = mx = my = mz = 0.0
        flat = gradient[lane].ravel()
        for j in range(joints - 1, -1, -1):
            ax, ay, az, bx, by, bz = _wrench(chain[lane, j], pulls[lane, j])
            fx, fy, fz, mx, my, mz = fx + ax, fy + ay, fz + az, mx + bx, my + by, mz + bz
            for k in range(width):
                if ratios[j, k] != 0.0:
                    flat[drivers[j, k]] += ratios[j, k] * _work(
                        points[lane, j, k], axes[lane, j, k], slides[j, k], fx, fy, fz, mx, my, mz)
    return gradient


@compiled
def functional_rows(placed, rows, ends, coefficients, lanes, first):
    """Add up what each entry of a functional says of the joints before its pose."""
    geometry, chain, points, axes = placed
    _, _, _, slides, drivers, ratios, _ = geometry
    joints, width = points.shape[1:3]
    found = np.zeros((len(lanes), joints - first, width))
    for entry in range(len(rows)):
        lane = lanes[rows[entry]]
        fx, fy, fz, mx, my, mz = _wrench(chain[lane, ends[entry]], coefficients[entry])
        flat = found[rows[entry]].ravel()
        for j in range(ends[entry] + 1):
            for k in range(width):
                place = drivers[j, k] - first * width
                if place >= 0 and ratios[j, k] != 0.0:
                    flat[place] += ratios[j, k] * _work(
                        points[lane, j, k], axes[lane, j, k], slides[j, k],
                        fx, fy, fz, mx, my, mz)
    return found
