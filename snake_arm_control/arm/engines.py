# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The true arm that settings ask for."""

from __future__ import annotations

from collections.abc import Callable

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.mujoco_arm import MujocoArm
from snake_arm_control.arm.mujoco_tendons import MujocoTendonArm
from snake_arm_control.arm.simulation import MUJOCO, SimulatedArm, SimulationSettings, TrueArm


def make_true_arm(arm: Arm, settings: SimulationSettings = SimulationSettings()) -> TrueArm:
    """
    Return a true arm at rest, of the engine that the settings name.

    :raises MissingPackageError: if that needs a package that is not installed
    :raises ArmError: if it refuses the arm
    """
    kind: Callable[[Arm, SimulationSettings], TrueArm] = SimulatedArm
    if settings.engine == MUJOCO:
        kind = MujocoArm if arm.tendons is None else MujocoTendonArm
    return kind(arm, settings)
