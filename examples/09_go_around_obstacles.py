# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Go around obstacles: into a shelf, without contact on the way."""

from snake_arm_control import Arm, Box, ForwardModel, Goal, HalfSpace, Scene, solve, Sphere

scene = Scene((
    HalfSpace((0, 0, 1), 0.0, name='floor'),  # solid below z = 0
    Box((0.45, 0.0, 0.3), (0.5, 0.5, 0.016), name='lower plate'),
    Box((0.45, 0.0, 0.5), (0.5, 0.5, 0.016), name='upper plate'),
    Sphere((0.1, 0.3, 0.6), 0.1, name='ball'),
), margin=0.005)  # [m], at which the arm comes to rest

arm = Arm()
goal = Goal.tool(position=(0.5, 0.1, 0.4))  # between the plates
solution = solve(goal, arm.rest, ForwardModel.exact(arm), scene=scene, own_body=True,
                 stride=0.01,  # [m], of any joint from one configuration to the next
                 restarts=10, keep_path=True)

assert solution.path is not None  # for it was to be kept
print(f'reached: {solution.converged}, by {len(solution.path)} configurations, '
      f'never nearer than {1e3 * solution.clearance:.1f} mm')
