# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Find out which part of a plane the tool reaches, pointing forward, by solving many goals."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, solve_many


def main() -> None:
    """Print a map: an # where the tool gets to, from the side."""
    arm = Arm()
    across, up = np.linspace(0.1, 0.9, 17), np.linspace(0.9, 0.1, 9)
    goals = [Goal.tool(position=(x, 0.0, z), forward=(1.0, 0.0, 0.0)) for z in up for x in across]
    # With many thousands of goals, processes=None, for all cores, is sooner done.
    found = solve_many(goals, arm.rest, ForwardModel.exact(arm), restarts=1)
    reached = np.array([solution.converged for solution in found]).reshape(len(up), len(across))
    for height, row in zip(up, reached):
        print(f'{height:.1f} m  ' + ''.join('#' if each else '.' for each in row))


if __name__ == '__main__':  # other processes import this file
    main()
