# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact kinematics of any serial chain behind the door of the learned model, compiled."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kernels import serial_chain
from snake_arm_control.errors import ShapeError

_COMPONENTS = np.eye(pose.SIZE)


class ExactModel:
    """What an arm's description says, in the form of a differentiable model."""

    dtype: type = np.float64

    def __init__(self, arm: Arm):
        self.arm = arm
        self._geometry = arm.geometry.numbers

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
        chain, points, axes = serial_chain.place(
            geometry, angles.reshape(-1, *angles.shape[-2:]))
        self._placed, self._shape = (geometry, chain, points, axes), angles.shape
        self.chain = chain.reshape(*angles.shape[:-1], pose.SIZE)

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """
        Return dL/dangles (*batch, joints, axes) for dL/dchain (*batch, joints, 9).

        The chain beyond a joint pulls on it with a force and a moment: the slope of the loss is
        the moment about the joint's axis, or the force along it.
        """
        pulls = np.array(np.broadcast_to(chain_gradient, self.chain.shape), float, order='C')
        pulls = pulls.reshape(-1, *self.chain.shape[-2:])
        return serial_chain.angle_gradient(self._placed, pulls).reshape(self._shape)

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
        count = serial_chain.lowest_and_highest(rows)[1] + 1
        found = serial_chain.functional_rows(self._placed, rows, joints, coefficients, count,
                                             first)
        return found.reshape(*self._shape[:-2], *found.shape[1:])


def _check_within(name: str, indices: np.ndarray, end: int) -> None:
    """Raise IndexError unless all indices are from 0 to below the end: kernels look at none."""
    lowest, highest = serial_chain.lowest_and_highest(indices)
    if lowest < 0 or highest >= end:
        raise IndexError(f'the rows have {name} {lowest} to {highest}, expected 0 to {end - 1}')


def compile_all() -> None:
    """Compile every kernel, or load it from numba's cache, so that no later call has to."""
    here = ExactModel(Arm.uniform(joints=1)).linearize(np.zeros((1, 2)))
    here.gradient(here.chain)
    here.jacobian_rows(np.zeros(1, int), np.zeros(1, int))
