# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What solvers of other libraries share: a goal as a residual, and when it is reached."""

from __future__ import annotations

from collections.abc import Callable
import importlib
from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings

Solver = Callable[[Goal], tuple[np.ndarray, int]]  # to angles (joints, 2) [rad], and iterations

SETTINGS = InverseSettings()


def package(name: str) -> Any:
    """Return a package that only the bench needs, or raise ImportError."""
    return importlib.import_module(name)


class Residual:
    """A goal as the residual of a least-squares problem, weighted as our own descent does."""

    def __init__(self, goal: Goal, arm: Arm):
        self._goal = goal
        importance = goal.weight * SETTINGS.gains(arm.length)
        self.cared = np.nonzero(importance)
        self.scale = np.sqrt(importance[self.cared])

    def __call__(self, chain: np.ndarray) -> np.ndarray:
        return self.scale * self._goal.discrepancy(chain)[self.cared]

    def jacobian(self, linearization: Any) -> np.ndarray:
        """Return its derivatives (rows, 2 joints) by the angles."""
        rows = linearization.jacobian_rows(*self.cared)
        return self.scale[:, None] * rows.reshape(len(rows), -1)


def is_reached(goal: Goal, chain: np.ndarray, arm: Arm) -> bool:
    """Return whether a chain (joints, 9) of an arm reaches a goal."""
    return SETTINGS.tolerances(arm.length).are_met(*goal.errors(chain))
