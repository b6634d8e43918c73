# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Train weights for an arm with another segment, and use them; needs the extra `train`."""

from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, solve
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.training.presets import Phase, preset
from snake_arm_control.training.trainer import train

arm = Arm.uniform(joints=3, segment_length=0.1, angle_limit=np.radians(60.0))
# This takes seconds and learns little. preset('shipped') itself takes hours and learns well.
settings = replace(
    preset('shipped'), phases=(Phase('mixed', iterations=300),), restarts=(), batch=16, rate=2e-2,
    warm_up=10, position_weight=100.0)  # [1/m^2], of squared errors of positions to those of axes

with TemporaryDirectory() as folder:
    weights = train(arm, settings, folder)
    model = ForwardModel.load(weights, arm)  # any number of joints of such a segment

angles = np.random.default_rng(0).uniform(-arm.upper[0, 0], arm.upper[0, 0], (100, arm.joints, 2))
off = model.predict(angles) - forward_kinematics(arm, angles)
print(f'mean error of the tool: {1e3 * np.linalg.norm(off[:, -1, :3], axis=-1).mean():.0f} mm')

# Even so, true poses that are fed back lead the arm to its goal.
goal = Goal.tool(position=(0.1, 0.1, 0.2), joints=arm.joints)
solution = solve(goal, np.zeros((arm.joints, 2)), model,
                 true_chain=lambda angles: forward_kinematics(arm, angles))
print(f'reached: {solution.converged}, {1e3 * solution.position_error:.2f} mm off, '
      f'after {solution.iterations} iterations')
