# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What all arms in MuJoCo share: servos that move, and a simulation stepped to the clock."""

from __future__ import annotations

from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.extras import require

STEP = 0.001  # [s]
_LONGEST = 0.5  # [s] that a call of `advance` makes up for; of a longer pause the rest is lost


class SteppedArm:
    """
    An arm whose servos move as the angles of a `SimulatedArm` do, and MuJoCo does the rest.

    It is stepped to the caller's clock by steps of fixed length; a subclass says what a step is.

    :param start: (joints, axes) [rad] of the servos, the arm's rest pose if None
    :raises MissingPackageError: if mujoco is not installed
    """

    def __init__(self, arm: Arm, settings: SimulationSettings, start: np.ndarray | None):
        require('mujoco')
        self.arm = arm
        self._servos = SimulatedArm(arm, settings, start)
        self._data: Any = None  # MuJoCo's state
        self._now: float | None = None  # [s]
        self._stopped = False

    def command(self, positions: np.ndarray, now: float) -> None:
        """
        Let the servos go to angles from a time [s] on.

        :param positions: (joints, axes) [rad], clipped to the limits
        :raises ShapeError: if positions are misshapen or not finite; the command before stays
        """
        self.advance(now)
        self._servos.command(positions, now)

    def advance(self, now: float) -> None:
        """Step the simulation to a time [s]."""
        if self._now is None or self._stopped or not now >= self._now:
            self._now = now
        self._now = max(self._now, now - _LONGEST)
        while self._now + STEP <= now:
            self._now += STEP
            self._servos.advance(self._now)
            self._step()

    def stop(self, stopped: bool = True) -> None:
        """Stop the arm where it is, as an emergency stop does by brakes, or release it."""
        self._stopped = stopped
        self._servos.stop(stopped)
        self._data.qvel = 0.0

    def _step(self) -> None:
        """Take a step of MuJoCo."""
        raise NotImplementedError
