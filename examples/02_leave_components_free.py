# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Leave components of a goal free, and see that nothing moves for them."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, solve

arm = Arm()
model = ForwardModel.load(arm=arm)
start = np.full((arm.joints, 2), 0.02)  # [rad], slightly bent

# NaN is "don't care". Here only the height of the tool counts.
chain = np.full((arm.joints, 9), np.nan)  # x y z  forward x y z  up x y z, of every joint
chain[-1, 2] = 0.8  # [m]
goal = Goal.from_array(chain)
solution = solve(goal, start, model)
print(f'height of the tool: {model.predict(solution.angles)[-1, 2]:.4f} m')

# The gradient of a free component is exactly zero, so its target can be anything.
nonsense = np.where(goal.cared, goal.target, 1e6)
same = solve(Goal(nonsense, goal.weight), start, model)
print(f'same angles, bit for bit: {np.array_equal(same.angles, solution.angles)}')

# A goal that cares for nothing moves nothing.
idle = solve(Goal.free(arm.joints), start, model)
print(f'all free: {idle.iterations} iterations, moved: {not np.array_equal(idle.angles, start)}')
