# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Correct a wrong arm: its true poses are measured, and the goal is reached all the same."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, solve
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings

arm = Arm()
model = ForwardModel.load(arm=arm)
# The true arm: its segments are 5 % longer, and its joints are mounted 2 degrees askew.
true_arm = SimulatedArm(arm, SimulationSettings(
    length_error=0.05, joint_offset=np.radians(2.0)))

goal = Goal.tool(position=(0.45, 0.2, 0.55), up=(0.0, 0.0, 1.0))
start = np.zeros((arm.joints, 2))
trusting = solve(goal, start, model)
# true_chain is any function from angles to measured poses (joints, 9), such as your tracker.
corrected = solve(goal, start, model, true_chain=true_arm.true_chain)

for name, solution in (('model alone', trusting), ('true poses fed back', corrected)):
    chain = true_arm.true_chain(solution.angles)
    print(f'{name}: {1e3 * goal.position_error(chain):.2f} mm and '
          f'{np.degrees(goal.axis_error(chain)):.2f} degrees off, '
          f'after {solution.iterations} iterations')
