# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A model of an arm that gives way: its angles are corrected, then another makes the poses."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.kernels import statics
from snake_arm_control.errors import ShapeError
from snake_arm_control.model import functionals
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization


class CompensatedModel:
    """
    What joints that give way do to an arm.

    From the tip to the base, each joint gets to know the weight and the moment of what lies beyond
    it. That, times the joint's compliance, and by the law that was learned beyond it, corrects its
    angles; the core makes the chain of the corrected ones. So lengths, limits and axes keep their
    meaning, and without compliance and law the model is its core.

    :param core: predicts poses of the angles at which joints come to rest
    :param angle_offset: (joints, axes) [rad or m], by which angles exceed what their encoders say
    """

    def __init__(self, core: DifferentiableModel, compliance: Compliance,
                 angle_offset: np.ndarray | None = None):
        self.core, self.compliance, self.arm = core, compliance, core.arm
        self.dtype: type = getattr(core, 'dtype', np.float64)
        self.angle_offset = angle_offset
        self._geometry = compliance.arm.geometry.numbers
        self._learned, self._sweeps = compliance.learned, compliance.sweeps

    def with_payload(self, weight: float) -> CompensatedModel:
        """Return the model of the arm with more weight [N] at its tip."""
        return CompensatedModel(self.core, self.compliance.with_payload(weight),
                                self.angle_offset)

    def predict(self, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at angles (*batch, joints, axes)."""
        return self.linearize(angles).chain

    def linearize(self, angles: np.ndarray) -> CompensatedLinearization:
        """
        Return the model at configurations.

        :param angles: (*batch, joints, axes) [rad or m]
        :raises ShapeError: if they are not those of the arm
        """
        angles = np.array(angles, dtype=float, order='C')
        if angles.shape[-2:] != self.arm.rest.shape:
            raise ShapeError('angles', angles.shape,
                             f'(*batch, {self.arm.joints}, {self.arm.axes})')
        if self.angle_offset is not None:
            angles += self.angle_offset
        bent, *tapes = statics.give_way(self._geometry, self.compliance.load, self._learned,
                                        angles.reshape(-1, *angles.shape[-2:]), self._sweeps)
        return CompensatedLinearization(self._geometry, self.compliance, tapes,
                                        self.core.linearize(bent.reshape(angles.shape)))


class CompensatedLinearization(functionals.Differentiated):
    """The chain of the corrected angles; derivatives pass through the core, then the statics."""

    def __init__(self, geometry: tuple[np.ndarray, ...], compliance: Compliance,
                 tapes: list[np.ndarray], core: Linearization):
        self._geometry, self._compliance, self._core = geometry, compliance, core
        self._tapes = tapes  # of the statics, and of the law
        self.chain = core.chain

    @property
    def sag_by_payload(self) -> np.ndarray:
        """
        By how much angles give way for each newton at the tip, (*batch, joints, axes) [rad/N].

        It counts before the statics do: times a row, it is that row's derivative by the payload.
        """
        pull = np.zeros_like(self.chain)
        pull[..., -1, pose.POSITION] = self._compliance.down
        by_torque = self._compliance.give
        if self._tapes[1].size:
            by_torque = by_torque + self._tapes[1][0, -1].reshape(self.chain.shape[:-1] + (-1,))
        return by_torque * self._core.gradient(pull)

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (*batch, joints, axes) for dL/dchain (*batch, joints, 9)."""
        slopes = self._core.gradient(chain_gradient)
        return self._pulled_back(slopes[..., None, :, :])[..., 0, :, :]

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """See `functionals.Differentiated`."""
        if not 0 <= first <= self.chain.shape[-2]:
            raise IndexError(f'first is joint {first}, expected 0 to {self.chain.shape[-2]}')
        slopes = self._core.functional_rows(rows, joints, coefficients)
        return self._pulled_back(slopes)[..., first:, :]

    def _pulled_back(self, slopes: np.ndarray) -> np.ndarray:
        """Return slopes (*batch, functionals, joints, axes) by angles before they give way."""
        flat = np.array(slopes, dtype=float, order='C').reshape(-1, *slopes.shape[-3:])
        return statics.pull_back(self._geometry, self._compliance.give, *self._tapes,
                                 flat).reshape(slopes.shape)
