# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A few ticks ahead of the first one: what a loop runs is compiled then, and not in a tick."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop
from snake_arm_control.model.differentiable import DifferentiableModel

_TICKS = 10
_PERIOD = 10_000_000  # [ns]
_BEND = 0.1  # [rad or m]


def warm_up(model: DifferentiableModel) -> None:
    """
    Compile what a control loop with a model runs, or load it where it was compiled before.

    To compile in a tick would stop the arm for seconds.
    """
    arm = model.arm
    bent = model.linearize(arm.clip(arm.rest + _BEND))
    bent.gradient(np.zeros(bent.chain.shape))  # of the paper's rule
    loop, angles = ControlLoop(model), arm.rest
    loop.set_goal(Goal.tool(position=bent.chain[-1, pose.POSITION], joints=arm.joints))
    for stamp in range(_PERIOD, (_TICKS + 1) * _PERIOD, _PERIOD):
        loop.report(stamp, angles)
        loop.receive(stamp, model.linearize(angles).chain)
        command = loop.iterate(1e-9 * stamp, stamp)
        if command is not None:
            angles = command.positions
