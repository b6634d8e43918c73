# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Solve a goal: the tool at a position and upright, and joint 20 on a plane."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, solve

arm = Arm()  # the default arm: 40 universal joints, 1 m
model = ForwardModel.load(arm=arm)  # the weights that ship with the package

# Positions are in metres and axes are unit vectors, all in base_link. What is not given is free.
goal = (Goal.tool(position=(0.45, 0.2, 0.55), up=(0.0, 0.0, 1.0))
        & Goal.joint(20, position=(0.1, None, None)))
start = np.zeros((arm.joints, 2))  # [rad], the arm stands up
solution = solve(goal, start, model)

print(f'reached: {solution.converged}, after {solution.iterations} iterations')
print(f'errors: {1e3 * solution.position_error:.2f} mm, '
      f'{np.degrees(solution.axis_error):.2f} degrees')
x, y, z = model.predict(solution.angles)[-1, :3]
print(f'the tool is at x = {x:.3f} m, y = {y:.3f} m, z = {z:.3f} m')
print(f'joint 1 turns by {np.degrees(solution.angles[0]).round(1)} degrees about its x and y')
