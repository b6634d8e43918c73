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

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """
        Return the derivatives of linear functionals of the chain by angles[first:].

        Functional i is the sum of ``coefficients[e] . chain[joints[e]]`` over the entries e that
        have ``rows[e] = i``.

        :param rows: (entries,) numbers of the functionals, from 0
        :param joints: (entries,) indices from 0 along the chain
        :param coefficients: (entries, 9)
        :return: (max(rows) + 1, joints - first, axes)
        """


class DifferentiableModel(Protocol):
    """Whatever maps angles to a pose chain and can be differentiated."""

    arm: Arm

    def linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles (joints, axes) [rad or m]."""
