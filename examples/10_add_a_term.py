# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Add a term of your own: a wall that no joint may pass, and a posture where there is a choice."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Functionals, Goal, Posture, solve, Term


class Wall(Term):
    """Keeps the far end of every link at normal . position >= offset."""

    influence = 0.05  # [m], further off it is asleep

    def __init__(self, normal, offset):
        self.normal, self.offset = np.array(normal), offset

    def inequalities(self, chain, angles):
        joints = np.arange(len(chain))
        coefficients = np.zeros((len(chain), 9))  # of x y z, forward and up of each joint
        coefficients[:, :3] = self.normal
        return Functionals(chain[:, :3] @ self.normal - self.offset, joints, joints, coefficients)


model = ForwardModel.load()
goal = Goal.tool(position=(0.45, 0.2, 0.4))
wall = Wall((0.0, 1.0, 0.0), -0.02)  # 2 cm beyond the middle of the arm at rest
curled = np.full(Arm().rest.shape, (-0.01, 0.05))  # [rad]
for terms in ((), (wall,), (wall, Posture(curled))):
    solution = solve(goal, Arm().rest, model, terms=terms)
    y = model.predict(solution.angles)[:, 1].min()
    print(f'reached: {solution.converged}, least y {y:.3f} m')
