# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Differential inverse kinematics of other libraries, each step of which is a quadratic program.

Each step is shortened as ours are, and the first configuration that reaches the goal ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.bench.peer import is_reached, package, Residual, SETTINGS, Solver
from snake_arm_control.bench.pinocchio_model import (
    of_twists,
    PinocchioLinearization,
    PinocchioModel,
)
from snake_arm_control.control.goal import Goal

ITERATIONS = 100
DAMPING = 1e-3  # [m^2]; from 1e-4 to 1e-2 as many goals are reached


class MujocoLinearization:
    """Kinematics of MuJoCo at the configuration of its data."""

    def __init__(self, arm: Arm, model: Any, data: Any):
        self._mujoco = package('mujoco')
        self._model, self._data, self._shape = model, data, arm.rest.shape
        self._bodies = [model.body(f'link_{j}').id for j in range(1, arm.joints + 1)]
        rotations = data.xmat[self._bodies].reshape(-1, 3, 3)
        positions = data.xpos[self._bodies] + arm.segment_length * rotations[:, :, 2]
        self._rotations, self._positions = rotations, positions
        self.chain = pose.from_matrix(rotations, positions)

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray) -> np.ndarray:
        """Return rows (rows, joints, 2) of dchain/dangles."""
        elements, places = np.unique(joints, return_inverse=True)
        twists = np.empty((len(elements), 6, self._model.nv))
        for j, twist in zip(elements, twists):
            self._mujoco.mj_jac(self._model, self._data, twist[:3], twist[3:],
                                self._positions[j], self._bodies[j])
        rows = of_twists(twists, self._rotations[elements])[places, components]
        return rows.reshape(len(joints), *self._shape)


def pink(arm: Arm) -> Solver:
    """Differential inverse kinematics of pink, its quadratic programs solved by DAQP."""
    pink, task_of = package('pink'), package('pink.tasks')
    limits_of = package('pink.limits')
    package('daqp')
    pinocchio = PinocchioModel(arm)

    class ChainTask(task_of.Task):  # type: ignore[name-defined]
        def __init__(self, goal: Goal):
            super().__init__(cost=1.0)
            self.residual = Residual(goal, arm)

        def compute_error(self, configuration):
            return self.residual(PinocchioLinearization(pinocchio, configuration.data).chain)

        def compute_jacobian(self, configuration):
            return self.residual.jacobian(PinocchioLinearization(pinocchio, configuration.data))

        def __repr__(self):
            return 'ChainTask()'

    limits = [limits_of.ConfigurationLimit(pinocchio.model, 1.0)]

    def velocity(configuration: Any, task: Any) -> np.ndarray:
        return pink.solve_ik(configuration, [task], 1.0, 'daqp', damping=DAMPING,
                             limits=limits, safety_break=False)

    def configure(flat: np.ndarray) -> Any:
        return pink.Configuration(pinocchio.model, pinocchio.data, flat, copy_data=False)

    return _by_quadratic_programs(arm, ChainTask, configure, velocity)


def mink(arm: Arm) -> Solver:
    """Differential inverse kinematics of mink on MuJoCo, its programs solved by DAQP."""
    mink, mujoco = package('mink'), package('mujoco')
    package('daqp')
    model = mujoco.MjModel.from_xml_string(urdf_text(arm))

    class ChainTask(mink.Task):  # type: ignore[name-defined]
        def __init__(self, goal: Goal):
            self.residual = Residual(goal, arm)
            super().__init__(cost=np.ones(len(self.residual.scale)))

        def compute_error(self, configuration):
            return self.residual(MujocoLinearization(arm, model, configuration.data).chain)

        def compute_jacobian(self, configuration):
            return self.residual.jacobian(MujocoLinearization(arm, model, configuration.data))

    limits = [mink.ConfigurationLimit(model, gain=1.0)]
    configuration = mink.Configuration(model)

    def velocity(configuration: Any, task: Any) -> np.ndarray:
        return mink.solve_ik(configuration, [task], 1.0, 'daqp', damping=DAMPING,
                             limits=limits)

    def configure(flat: np.ndarray) -> Any:
        configuration.update(flat)
        return configuration

    return _by_quadratic_programs(arm, ChainTask, configure, velocity)


def placo(arm: Arm) -> Solver:
    """Differential inverse kinematics of PlaCo by its own tasks, programs by EiQuadProg."""
    placo = package('placo')
    robot = placo.RobotWrapper('', placo.Flags.ignore_collisions, _with_ends(arm))

    def tasks_of(goal: Goal) -> Any:
        solver = placo.KinematicsSolver(robot)
        solver.mask_fbase(True)
        solver.enable_joint_limits(True)
        solver.add_regularization_task(DAMPING)
        for j in np.flatnonzero(goal.cared.any(axis=1)).tolist():
            for task, gain in _tasks(solver, f'end_{j + 1}', goal.target[j], goal.cared[j]):
                task.configure(task.name, 'soft', gain)
        return solver

    def configure(flat: np.ndarray) -> None:
        robot.state.q = np.concatenate((robot.state.q[:7], flat))  # after those of a free base
        robot.update_kinematics()

    def velocity(_: None, solver: Any) -> np.ndarray:
        return solver.solve(False)[6:]

    return _by_quadratic_programs(arm, tasks_of, configure, velocity)


def _tasks(solver: Any, frame: str, target: np.ndarray, cared: np.ndarray
           ) -> Iterator[tuple[Any, float]]:
    """Yield the tasks of PlaCo for a pose (9,) of a frame, and their weights."""
    axes = ''.join(name for name, each in zip('xyz', cared[pose.POSITION]) if each)
    if axes:
        task = solver.add_position_task(frame, target[pose.POSITION])
        task.mask.set_axises(axes, 'task')
        yield task, SETTINGS.position_gain
    if cared[pose.FORWARD].all() and cared[pose.UP].all():
        yield solver.add_orientation_task(frame, pose.to_matrix(target)[0]), SETTINGS.axis_gain
        return
    for part, own in ((pose.FORWARD, (0.0, 0.0, 1.0)), (pose.UP, (0.0, 1.0, 0.0))):
        if cared[part].all():
            yield solver.add_axisalign_task(frame, np.array(own), target[part]), SETTINGS.axis_gain


def _with_ends(arm: Arm) -> str:
    """Return the URDF of an arm of equal segments, with a link at the end of each."""
    ends = ''.join(
        f'<link name="end_{j}" /><joint name="to_end_{j}" type="fixed"><parent link="link_{j}" />'
        f'<child link="end_{j}" /><origin xyz="0 0 {arm.segment_length}" /></joint>'
        for j in range(1, arm.joints + 1))
    return urdf_text(arm).replace('</robot>', f'{ends}</robot>')


def _by_quadratic_programs(arm: Arm, task_of: Callable[[Goal], Any],
                           configure: Callable[[np.ndarray], Any],
                           velocity: Callable[[Any, Any], np.ndarray]) -> Solver:
    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        task, angles = task_of(goal), arm.rest
        for iteration in range(ITERATIONS + 1):
            if is_reached(goal, forward_kinematics(arm, angles), arm):
                break
            change = velocity(configure(angles.ravel()), task).reshape(angles.shape)
            change *= min(1.0, SETTINGS.max_step / np.abs(change).max())
            angles = arm.clip(angles + change)
        return angles, iteration

    return solve
