# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The interface of a forward model: any object with it serves `solve` and the control loop."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from snake_arm_control.arm.description import Arm


class Linearization(Protocol):
    """A forward model at one configuration."""

    @property
    def chain(self) -> np.ndarray:
        """The predicted pose chain, (joints, 9)."""

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (joints, axes) for dL/dchain (joints, 9)."""

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """
        Return rows of dchain/dangles[first:] for indices into the chain.

        :return: (rows, joints - first, axes)
        """


class DifferentiableModel(Protocol):
    """Whatever maps angles to a pose chain and can be differentiated."""

    arm: Arm

    def linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles (joints, axes) [rad or m]."""
