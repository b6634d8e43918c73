# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Follow a moving goal: the tool draws a circle on a wall and points into it."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, InverseSettings, solve

arm = Arm()
model = ForwardModel.load(arm=arm)
settings = InverseSettings(position_tolerance=1e-4)  # [arm lengths]
center, radius = np.array((0.55, 0.0, 0.45)), 0.15  # [m]


def goal_at(phase: float) -> Goal:
    """Return the goal at a phase of the circle [rad]; the up axis is free."""
    position = center + radius * np.array((0.0, np.cos(phase), np.sin(phase)))
    return Goal.tool(position=position, forward=(1.0, 0.0, 0.0))


angles = solve(goal_at(0.0), np.zeros((arm.joints, 2)), model, settings=settings).angles
errors, steps = [], []
for phase in np.linspace(0.0, 2.0 * np.pi, 200):
    # From the solution before, a few iterations are enough.
    solution = solve(goal_at(phase), angles, model, settings=settings, max_iterations=5)
    errors.append(solution.position_error)
    steps.append(np.abs(solution.angles - angles).max())
    angles = solution.angles

print(f'largest error on the way: {1e3 * max(errors):.2f} mm')
print(f'largest step of any joint: {np.degrees(max(steps)):.2f} degrees')
