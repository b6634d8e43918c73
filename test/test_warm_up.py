# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The law of warming up: no tick of the loop has to compile."""

from pathlib import Path
import subprocess
import sys

import pytest

PROGRAM = """
import sys

from numba.core.dispatcher import Dispatcher
import numpy as np

from snake_arm_control import Arm, ForwardModel, Goal
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.loop import ControlSettings, State
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Sphere
from snake_arm_control.control.warm_up import warm_up


def compiled():
    return {f'{module.__name__}.{name}': len(thing.signatures)
            for module in list(sys.modules.values())
            if module.__name__.startswith('snake_arm_control')
            for name, thing in vars(module).items() if isinstance(thing, Dispatcher)}


import snake_arm_control.arm.kernels.quaternions

model = MODEL
warm_up(model)
before = compiled()
sys.path.append('test')
from rig import Rig
for method in 'levenberg_marquardt', 'momentum':
    rig = Rig(model, ControlSettings(method=method), SimulationSettings(
        length_error=0.05, servo_lag=0.05, feedback_latency=0.03, feedback_stamps='arrival'))
    rig.loop.avoid(Scene((Sphere((0.06, 0.0, 0.9), 0.04),
                          Box((0.0, 0.1, 0.8), (0.1, 0.15, 0.1)), HalfSpace((0, 0, 1), 0.0),
                          Capsule((0.3, 0.2, 0.0), (0.3, 0.2, 0.5), 0.02))), own_body=True)
    rig.loop.set_goal(Goal.tool(position=(0.3, 0.2, 0.6), up=(0, 0, 1), joints=model.arm.joints))
    rig.rest(0.5)
    for goal in (Goal.joint(5, position=(0.01, None, None), joints=model.arm.joints),
                 Goal.preferring({model.arm.joint_names[0]: 0.1}, model.arm.joints)):
        rig.loop.set_goal(goal)
        rig.rest(0.5)
    rig.loop.reset()
    rig.rest(0.5)
    rig.loop.set_goal(Goal.tool(position=(0.3, 0.2, 0.6), joints=model.arm.joints))
    rig.rest(0.5)
    rig.arm.stop()
    rig.rest(0.8)
    rig.loop.hold(True)
    rig.rest(0.5)
assert rig.loop.iterations > 50
from snake_arm_control.arm import pose
pose.from_quaternion(*pose.to_quaternion(rig.loop.estimated_chain))
print({name: count for name, count in compiled().items() if before.get(name) != count})
"""


@pytest.mark.parametrize('model', ('ForwardModel.load()', 'ForwardModel.exact(Arm())',
                                   "ForwardModel.exact(Arm.from_file('alternating'))"))
def test_once_it_is_warm_a_loop_compiles_nothing(model):
    program = subprocess.run((sys.executable, '-c', PROGRAM.replace('MODEL', model)),
                             capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert program.returncode == 0, program.stderr
    assert program.stdout.strip() == '{}'
