# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact kinematics of any serial chain behind the door of the learned model, compiled."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kernels import serial_chain
from snake_arm_control.errors import ShapeError
from snake_arm_control.model import functionals
from snake_arm_control.model.driven import DrivenLinearization


class ExactModel:
    """What an arm's description says, in the form of a differentiable model."""

    dtype: type = np.float64

    def __init__(self, arm: Arm):
        self.arm = arm
        self._geometry = arm.geometry.numbers

    def predict(self, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at angles (*batch, joints, axes)."""
        return self.linearize(angles).chain

    def linearize(self, angles: np.ndarray) -> ExactLinearization | DrivenLinearization:
        """
        Return the kinematics at configurations.

        :param angles: (*batch, joints, axes) [rad or m]
        :raises ShapeError: if they are not of this shape
        """
        angles = np.array(angles, dtype=float, order='C')
        if angles.shape[-2:] != (self.arm.joints, self.arm.axes):
            raise ShapeError('angles', angles.shape,
                             f'(*batch, {self.arm.joints}, {self.arm.axes})')
        if self.arm.tendons is None:
            return ExactLinearization(self._geometry, angles)
        bent, slopes = self.arm.bent_by_tendons(angles)
        return DrivenLinearization(self.arm, ExactLinearization(self._geometry, bent), slopes)


class ExactLinearization(functionals.Differentiated):
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

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """See `functionals.Differentiated`."""
        entries = functionals.checked(rows, joints, coefficients, self.chain.shape[-2], first)
        batch = len(self._placed[1])
        found = serial_chain.functional_rows(self._placed, *entries.of_each(batch), first)
        return entries.by_configuration(found, self._shape[:-2])

    def lane_rows(self, entries: functionals.Entries) -> np.ndarray:
        """See `functionals.Differentiated`."""
        return serial_chain.functional_rows(self._placed, *entries, 0)


def compile_all() -> None:
    """Compile every kernel, or load it from numba's cache, so that no later call has to."""
    here = ExactModel(Arm.uniform(joints=1)).linearize(np.zeros((1, 2)))
    here.gradient(here.chain)
    here.jacobian_rows(np.zeros(1, int), np.zeros(1, int))
