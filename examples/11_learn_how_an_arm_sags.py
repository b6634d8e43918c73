# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Learn how an arm sags from measured poses, and reach a goal without measuring any more."""

import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal, solve
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.training.chain_calibration import calibrate_chain
from snake_arm_control.training.samples import Samples

arm = Arm.uniform(joints=10, segment_length=0.1)
# The true arm: each joint gives way by half a degree for each newton metre.
true_arm = SimulatedArm(arm, SimulationSettings(compliance=np.radians(0.5)))

angles = np.random.default_rng(0).uniform(-0.7, 0.7, (60, arm.joints, arm.axes))
poses = np.array([true_arm.true_chain(each) for each in angles])  # as a tracker would see them
found = calibrate_chain(arm, Samples(np.arange(60.0), angles, poses), masses=Masses.of(arm))
assert found.compliance is not None  # as masses were given

goal = Goal.tool(position=(0.5, 0.2, 0.3), joints=arm.joints)
errors = {}
for name, model in (('as described', ForwardModel.exact(arm)),
                    ('compensated', ForwardModel.compensated(found.compliance))):
    solution = solve(goal, arm.rest, model)
    errors[name] = goal.position_error(true_arm.true_chain(solution.angles))
    print(f'{name}: {1e3 * errors[name]:.2f} mm off')
