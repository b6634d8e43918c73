# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Use your own forward model: whatever maps angles to poses and can be differentiated."""

import numpy as np

from snake_arm_control import Arm, Goal, solve
from snake_arm_control.arm.kinematics import forward_kinematics


class TaperedArm:
    """An arm whose segments get shorter towards the tool."""

    arm = Arm.uniform(joints=10, segment_length=0.1)  # the solver takes the limits from here
    step = 1e-5  # [rad], of the finite differences
    lengths = np.linspace(0.15, 0.05, 10)  # [m]

    def linearize(self, angles):
        steps = self.step * np.eye(angles.size).reshape(-1, *angles.shape)
        chain, ahead, behind = (forward_kinematics(self.arm, each, self.lengths)
                                for each in (angles, angles + steps, angles - steps))
        columns = np.moveaxis((ahead - behind) / (2.0 * self.step), 0, -1)
        return Linearization(chain, columns.reshape(*chain.shape, *angles.shape))


class Linearization:
    def __init__(self, chain, jacobian):
        self.chain, self.jacobian = chain, jacobian  # (joints, 9), (joints, 9, joints, 2)

    def gradient(self, chain_gradient):  # (joints, 9), of a loss; that by the angles is returned
        return np.tensordot(chain_gradient, self.jacobian, 2)

    def functional_rows(self, rows, joints, coefficients, first=0):
        found = np.einsum('ec,ecja->eja', coefficients, self.jacobian[joints])
        return np.tensordot(np.eye(max(rows) + 1)[:, rows], found, 1)[:, first:]  # from a joint on


goal = Goal.tool(position=(0.5, 0.2, 0.5), up=(0.0, 0.0, 1.0), joints=10)
solution = solve(goal, np.zeros((10, 2)), TaperedArm())
print(f'reached: {solution.converged}, after {solution.iterations} iterations')
