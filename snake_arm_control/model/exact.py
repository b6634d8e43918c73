# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact kinematics of any serial chain behind the door of the learned model, compiled."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import ShapeError
from snake_arm_control.model.compiling import compiler

_compiled = compiler(error_model='numpy', fastmath={'contract', 'nsz', 'arcp'})
_COMPONENTS = np.eye(pose.SIZE)


class ExactModel:
    """What an arm's description says, in the form of a differentiable model; in float64."""

    def __init__(self, arm: Arm):
        self.arm = arm
        g = arm.geometry
        self._geometry = (g.turns, g.steps, g.directions, g.slides, g.drivers, g.ratios, g.biases)

    def predict(self, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at angles (*batch, joints, axes)."""
        return self.linearize(angles).chain

    def linearize(self, angles: np.ndarray) -> ExactLinearization:
        """
        Return the kinematics at configurations.

        :param angles: (*batch, joints, axes) [rad or m]
        :raises ShapeError: if they are not of this shape
        """
        angles = np.array(angles, dtype=float, order='C')
        if angles.shape[-2:] != (self.arm.joints, self.arm.axes):
            raise ShapeError('angles', angles.shape,
                             f'(*batch, {self.arm.joints}, {self.arm.axes})')
        return ExactLinearization(self._geometry, angles)


class ExactLinearization:
    """Exact kinematics at configurations: the chain, and its derivatives as they are asked."""

    def __init__(self, geometry: tuple[np.ndarray, ...], angles: np.ndarray):
        self._geometry, self._shape = geometry, angles.shape
        chain, self._points, self._axes = _place(geometry, angles.reshape(-1, *angles.shape[-2:]))
        self.chain = chain.reshape(*angles.shape[:-1], pose.SIZE)

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """
        Return dL/dangles (*batch, joints, axes) for dL/dchain (*batch, joints, 9).

        The chain beyond a joint pulls on it with a force and a moment: the slope of the loss is
        the moment about the joint's axis, or the force along it.
        """
        pulls = np.array(np.broadcast_to(chain_gradient, self.chain.shape), float, order='C')
        flat = (-1, *self.chain.shape[-2:])
        return _gradient(self._geometry, self.chain.reshape(flat), self._points, self._axes,
                         pulls.reshape(flat)).reshape(self._shape)

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """
        Return rows of dchain/dangles[first:].

        :param joints: (rows,) indices from 0 along the chain
        :param components: (rows,) indices into the nine pose components
        :param first: joint from which on angles are differentiated by
        :return: (*batch, rows, joints - first, axes)
        :raises ShapeError: if joints and components are not both (rows,)
        :raises IndexError: if one is out of range
        """
        components = np.array(components, np.int64)
        if components.ndim != 1:
            raise ShapeError('components', components.shape, '(rows,)')
        _check_within('component', components, pose.SIZE)
        return self.functional_rows(np.arange(components.size), joints, _COMPONENTS[components],
                                    first)

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """
        Return the derivatives of linear functionals of the chain by angles[first:].

        Functional i is the sum of ``coefficients[e] . chain[joints[e]]`` over the entries e that
        have ``rows[e] = i``.

        :param rows: (entries,) numbers of the functionals, from 0 and below the number of entries
        :param joints: (entries,) indices from 0 along the chain
        :param coefficients: (entries, 9)
        :param first: joint from which on angles are differentiated by
        :return: (*batch, functionals, joints - first, axes)
        :raises ShapeError: if the entries are misshapen
        :raises IndexError: if a number is out of range
        """
        rows, joints = np.array(rows, np.int64), np.array(joints, np.int64)
        coefficients = np.array(coefficients, float, order='C')
        if rows.ndim != 1 or rows.shape != joints.shape:
            raise ShapeError('joints', joints.shape, f'(entries,), and so rows {rows.shape}')
        if coefficients.shape != (len(rows), pose.SIZE):
            raise ShapeError('coefficients', coefficients.shape, f'({len(rows)}, {pose.SIZE})')
        length = self.chain.shape[-2]
        _check_within('joint', joints, length)
        _check_within('number', rows, len(rows))
        if not 0 <= first <= length:
            raise IndexError(f'first is joint {first}, expected 0 to {length}')
        found = _functionals(self._geometry, self.chain.reshape(-1, length, pose.SIZE),
                             self._points, self._axes, rows, joints, coefficients,
                             _range(rows)[1] + 1, first)
        return found.reshape(*self._shape[:-2], *found.shape[1:])


def _check_within(name: str, indices: np.ndarray, end: int) -> None:
    """Raise IndexError unless all indices are from 0 to below the end: kernels look at none."""
    lowest, highest = _range(indices)
    if lowest < 0 or highest >= end:
        raise IndexError(f'the rows have {name} {lowest} to {highest}, expected 0 to {end - 1}')


@_compiled
def _range(indices):
    lowest, highest = 0, -1
    for index in indices:
        lowest, highest = min(lowest, index), max(highest, index)
    return lowest, highest


@_compiled
def _place(geometry, angles):
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


@_compiled
def _turn(rotation, turn):
    """Multiply a rotation by another from the right, in place."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = turn
    for row in range(3):
        x, y, z = rotation[row]
        rotation[row, 0] = x * xx + y * yx + z * zx
        rotation[row, 1] = x * xy + y * yy + z * zy
        rotation[row, 2] = x * xz + y * yz + z * zz


@_compiled
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


@_compiled
def _work(point, axis, slides, fx, fy, fz, mx, my, mz):
    """Return the slope of a wrench's work by the turn about an axis, or the slide along it."""
    if slides:
        return axis[0] * fx + axis[1] * fy + axis[2] * fz
    return (axis[0] * (mx - (point[1] * fz - point[2] * fy))
            + axis[1] * (my - (point[2] * fx - point[0] * fz))
            + axis[2] * (mz - (point[0] * fy - point[1] * fx)))


@_compiled
def _gradient(geometry, chain, points, axes, pulls):
    """Sum up what pulls beyond each joint, from the tip to the base."""
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


@_compiled
def _functionals(geometry, chain, points, axes, rows, ends, coefficients, count, first):
    """Add up what each entry of a functional says of the joints before its pose."""
    _, _, _, slides, drivers, ratios, _ = geometry
    batch, joints, width = points.shape[:3]
    found = np.zeros((batch, count, joints - first, width))
    for lane in range(batch):
        for entry in range(len(rows)):
            fx, fy, fz, mx, my, mz = _wrench(chain[lane, ends[entry]], coefficients[entry])
            flat = found[lane, rows[entry]].ravel()
            for j in range(ends[entry] + 1):
                for k in range(width):
                    place = drivers[j, k] - first * width
                    if place >= 0 and ratios[j, k] != 0.0:
                        flat[place] += ratios[j, k] * _work(
                            points[lane, j, k], axes[lane, j, k], slides[j, k],
                            fx, fy, fz, mx, my, mz)
    return found


def compile_all() -> None:
    """Compile every kernel, or load it from numba's cache, so that no later call has to."""
    here = ExactModel(Arm.uniform(joints=1)).linearize(np.zeros((1, 2)))
    here.gradient(here.chain)
    here.jacobian_rows(np.zeros(1, int), np.zeros(1, int))
