# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What is compiled ahead of time: for a loop before its first tick, for all at installation."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.control.optimiser import InverseSettings, METHODS
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Sphere
from snake_arm_control.control.solve import solve
from snake_arm_control.control.solve_many import solve_many
from snake_arm_control.model.bptt import compile_all
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

_TICKS = 10
_PERIOD = 10_000_000  # [ns]
_BEND = 0.1  # [rad or m]
_STEPS, _SHORT_STEP = 5, 1e-3  # [rad or m], of a solution that is not found


def warm_up(model: DifferentiableModel) -> None:
    """
    Compile what a control loop with a model runs, or load it where it was compiled before.

    So it does with what reads and writes the chains of messages. To compile in a tick would stop
    the arm for seconds.
    """
    arm = model.arm
    rest = model.linearize(arm.rest).chain
    pose.from_quaternion(*pose.to_quaternion(rest))
    goal = _goal(model)
    scene = _scene(rest[-1, pose.POSITION], arm.length)
    solve(goal, arm.rest, model, max_iterations=_STEPS, restarts=1, scene=scene, own_body=True,
          settings=InverseSettings(max_step=_SHORT_STEP))
    for method in METHODS:
        loop = ControlLoop(model, ControlSettings(method=method))
        loop.avoid(scene, own_body=True)
        loop.set_goal(goal)
        _run(loop)


def compile_everything() -> None:
    """Compile what the package runs, so that no first start has to."""
    compile_all()
    model: DifferentiableModel
    for model in ForwardModel.load(), ExactModel(Arm()):
        warm_up(model)
        solve_many(2 * [_goal(model)], model.arm.rest, model, max_iterations=_STEPS, restarts=0)


def _goal(model: DifferentiableModel) -> Goal:
    """Return a position of the tool that the arm reaches by bending a little."""
    bent = model.linearize(model.arm.clip(model.arm.rest + _BEND)).chain
    return Goal.tool(position=bent[-1, pose.POSITION], joints=model.arm.joints)


def _run(loop: ControlLoop) -> None:
    """Let a loop move an arm that follows at once, and is measured between its joint states."""
    angles = loop.arm.rest
    for stamp in range(_PERIOD, (_TICKS + 1) * _PERIOD, _PERIOD):
        loop.report(stamp, angles)
        loop.receive(stamp - _PERIOD // 2, loop.model.linearize(angles).chain)
        command = loop.iterate(1e-9 * stamp, stamp)
        if command is not None:
            angles = command.positions


def _scene(tool: np.ndarray, length: float) -> Scene:
    """Return a scene of shapes beside the tool (3,), all of which are near."""
    near = tuple(tool + (0.04 * length, 0.0, 0.0))
    ball = 0.02 * length
    return Scene((Sphere(near, ball), Capsule(near, near, ball), Box(near, 3 * (ball,)),
                  HalfSpace((1.0, 0.0, 0.0), tool[0] - 0.04 * length)))
