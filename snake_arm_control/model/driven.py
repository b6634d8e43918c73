# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The model of an arm whose joints are moved by tendons, by the model of its joints."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.model import functionals
from snake_arm_control.model.differentiable import Linearization


class DrivenLinearization(functionals.Differentiated):
    """
    A model of joints at configurations, differentiated by the pulleys of the tendons.

    :param core: by the angles of the joints
    :param slopes: of `Arm.bent_by_tendons`
    """

    def __init__(self, arm: Arm, core: Linearization, slopes: np.ndarray):
        self._arm, self._core, self._slopes = arm, core, slopes
        self.chain = core.chain

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (*batch, joints, axes) for dL/dchain (*batch, joints, 9)."""
        by_joints = self._core.gradient(chain_gradient)[..., None, :, :]
        return self._arm.by_pulleys(by_joints, self._slopes)[..., 0, :, :]

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """See `functionals.Differentiated`."""
        functionals.checked(rows, joints, coefficients, self.chain.shape[-2], first)
        by_joints = self._core.functional_rows(rows, joints, coefficients)
        return self._arm.by_pulleys(by_joints, self._slopes)[..., first:, :]
