# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Other libraries that solve goals, for the bench; each is given the exact kinematics.

Each starts at rest. Where a library offers that, it stops at the first iterate that reaches the
goal. A function that needs a package imports it, and raises ImportError without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.bench.differential import DAMPING, ITERATIONS
from snake_arm_control.bench.peer import is_reached, package, Residual, SETTINGS, Solver
from snake_arm_control.bench.pinocchio_model import exact_model
from snake_arm_control.control.goal import Goal

_TORCH_ITERATIONS = 2000
_TORCH_RATE = 0.02  # [rad], a step of Adam
_SCIPY_EVALUATIONS = 200
_IKPY_EVALUATIONS = 30


def scipy_least_squares(arm: Arm) -> Solver:
    """Trust-region reflective, with exact derivatives."""
    least_squares = package('scipy.optimize').least_squares
    model = exact_model(arm)

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        residual = Residual(goal, arm)
        count, last = 0, arm.rest

        def error(flat: np.ndarray) -> np.ndarray:
            nonlocal count, last
            count, last = count + 1, flat.reshape(last.shape)
            chain = forward_kinematics(arm, last)
            if is_reached(goal, chain, arm):
                raise StopIteration
            return residual(chain)

        try:
            last = least_squares(
                error, last.ravel(), lambda flat: residual.jacobian(
                    model.linearize(flat.reshape(last.shape))),
                bounds=(arm.lower.ravel(), arm.upper.ravel()),
                max_nfev=_SCIPY_EVALUATIONS).x.reshape(last.shape)
        except StopIteration:
            pass
        return last, count

    return solve


def torch_exact(arm: Arm) -> Solver:
    """Adam on the gradients of autograd through exact kinematics."""
    torch = package('torch')
    from snake_arm_control.training import kinematics
    lower, upper = torch.tensor(arm.lower), torch.tensor(arm.upper)

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        target = torch.tensor(goal.target)
        importance = torch.tensor(goal.weight * SETTINGS.gains(arm.length))
        angles = torch.tensor(arm.rest, requires_grad=True)
        descent = torch.optim.Adam([angles], lr=_TORCH_RATE)
        for iteration in range(_TORCH_ITERATIONS + 1):
            chain = kinematics.forward_kinematics(arm, angles)
            if is_reached(goal, chain.detach().numpy(), arm):
                break
            descent.zero_grad()
            (0.5 * (importance * (chain - target) ** 2).sum()).backward()
            descent.step()
            with torch.no_grad():
                angles.clamp_(lower, upper)
        return angles.detach().numpy(), iteration

    return solve


def pytorch_kinematics(arm: Arm) -> Solver:
    """Damped pseudo-inverse of pytorch_kinematics; it knows goals for the tool's pose only."""
    torch, kinematics = package('torch'), package('pytorch_kinematics')
    chain = kinematics.build_serial_chain_from_urdf(urdf_text(arm).encode(), 'tool0')
    chain = chain.to(dtype=torch.float64)
    limits = torch.tensor(chain.get_joint_limits(), dtype=torch.float64).T
    tolerances = SETTINGS.tolerances(arm.length)

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        rotation, position = pose.to_matrix(goal.target[-1])
        solver = kinematics.PseudoInverseIK(
            chain, retry_configs=torch.zeros((1, 2 * arm.joints), dtype=torch.float64),
            joint_limits=limits, max_iterations=ITERATIONS,
            pos_tolerance=tolerances.position, rot_tolerance=tolerances.axis,
            early_stopping_any_converged=True, early_stopping_no_improvement=None,
            regularlization=DAMPING, lr=1.0, clamp_to_limits=True)
        found = solver.solve(kinematics.Transform3d(
            pos=torch.tensor(position), rot=torch.tensor(rotation), dtype=torch.float64))
        return (found.solutions[0, 0].numpy().reshape(arm.rest.shape),
                int(found.iterations))

    return solve


def ikpy(arm: Arm) -> Solver:
    """Least squares of ikpy on finite differences; it knows goals for the tool only."""
    chain_of, link_of = package('ikpy.chain'), package('ikpy.link')
    limits = (arm.lower[0, 0], arm.upper[0, 0])
    links: list[Any] = [link_of.OriginLink()]
    for j in range(arm.joints):
        offset = arm.segment_length if j else 0.0
        for axis, z in (((1, 0, 0), offset), ((0, 1, 0), 0.0)):
            links.append(link_of.URDFLink(
                f'{j}{axis}', np.array((0.0, 0.0, z)), np.zeros(3), np.array(axis),
                bounds=limits))
    links.append(link_of.URDFLink('tool', np.array((0.0, 0.0, arm.segment_length)), np.zeros(3),
                                  joint_type='fixed'))
    chain = chain_of.Chain(links, [False] + [True] * (2 * arm.joints) + [False])

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        tool = goal.target[-1]
        mode, orientation = None, None
        if goal.cared[-1, pose.FORWARD].all():
            mode, orientation = 'all', pose.to_matrix(tool)[0]
        elif goal.cared[-1, pose.UP].all():
            mode, orientation = 'Y', tool[pose.UP]
        found = chain.inverse_kinematics(
            tool[pose.POSITION], orientation, mode, optimizer_budget=_IKPY_EVALUATIONS)
        return np.asarray(found)[1:-1].reshape(arm.rest.shape), 0  # it does not report iterations

    return solve
