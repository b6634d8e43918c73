# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Other libraries that solve goals, for the bench; each is given the exact kinematics.

Each starts at rest. Where a library offers that, it stops at the first iterate that reaches the
goal. A function that needs a package imports it, and raises ImportError without it.
"""

from __future__ import annotations

from collections.abc import Callable
import importlib
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel

Solver = Callable[[Goal], tuple[np.ndarray, int]]  # to angles (joints, 2) [rad], and iterations

_SETTINGS = InverseSettings()
_QP_ITERATIONS = 100
_QP_DAMPING = 1e-3  # [m^2]; from 1e-4 to 1e-2 as many goals are reached
_TORCH_ITERATIONS = 2000
_TORCH_RATE = 0.02  # [rad], a step of Adam
_SCIPY_EVALUATIONS = 200
_IKPY_EVALUATIONS = 30


def package(name: str) -> Any:
    """Return a package that only the bench needs, or raise ImportError."""
    return importlib.import_module(name)


class PinocchioModel:
    """Exact kinematics of Pinocchio, in the form of a differentiable model."""

    def __init__(self, arm: Arm):
        self.arm = arm
        self.pinocchio = package('pinocchio')
        # A joint without limits would have two numbers, its sine and cosine.
        text = urdf_text(arm).replace('type="continuous"', 'type="revolute"')
        self.model = self.pinocchio.buildModelFromXML(text)
        ways = [*(Placement(link.placement.xyz) for link in arm.links[1:]), arm.tool]
        self.frames = [self._add_frame(link.name, way.matrix)
                       for link, way in zip(arm.links, ways)]
        self.data = self.model.createData()
        self.free = None if arm.free.all() else arm.free  # its angles are these only

    def _add_frame(self, link: str, end: np.ndarray) -> int:
        of_link = self.model.frames[self.model.getFrameId(link)]
        return self.model.addFrame(self.pinocchio.Frame(
            f'end of {link}', of_link.parentJoint, of_link.placement * self.pinocchio.SE3(end),
            self.pinocchio.FrameType.OP_FRAME))

    def linearize(self, angles: np.ndarray) -> PinocchioLinearization:
        """Return the kinematics at angles (joints, axes) [rad or m]."""
        angles = np.ravel(angles if self.free is None else angles[self.free])
        self.pinocchio.computeJointJacobians(self.model, self.data, angles)
        return PinocchioLinearization(self, self.data)


class PinocchioLinearization:
    """Kinematics of Pinocchio at a configuration; valid until its data change."""

    def __init__(self, model: PinocchioModel, data: Any):
        self._model, self._data = model, data

    @property
    def chain(self) -> np.ndarray:
        """Pose chain, an array (joints, 9)."""
        placements = [self._placement(j) for j in range(self._model.arm.joints)]
        return pose.from_matrix(np.array([each.rotation for each in placements]),
                                np.array([each.translation for each in placements]))

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (joints, axes) for dL/dchain (joints, 9)."""
        cared = np.nonzero(chain_gradient)
        return np.tensordot(chain_gradient[cared], self.jacobian_rows(cared[0], cared[1]), 1)

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """Return the derivatives (functionals, joints - first, axes) of sums of such entries."""
        own = self._jacobians(joints)
        found = np.zeros((int(rows.max(initial=-1)) + 1, own.shape[-1]))
        np.add.at(found, rows, np.einsum('ec,eca->ea', coefficients, own))
        return self._shaped(found)[:, first:]

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """Return rows (rows, joints - first, axes) of dchain/dangles[first:]."""
        rows = self._jacobians(joints)[np.arange(len(joints)), components]
        return self._shaped(rows)[:, first:]

    def _jacobians(self, joints: np.ndarray) -> np.ndarray:
        """Return the derivatives of these joints' poses, (joints, 9, angles that are free)."""
        m = self._model
        elements, places = np.unique(joints, return_inverse=True)
        twists = np.array([m.pinocchio.getFrameJacobian(
            m.model, self._data, m.frames[j], m.pinocchio.LOCAL_WORLD_ALIGNED)
            for j in elements])
        rotations = np.array([self._placement(j).rotation for j in elements])
        return _of_twists(twists, rotations)[places]

    def _shaped(self, rows: np.ndarray) -> np.ndarray:
        """Return rows by free angles as (rows, joints, axes)."""
        m = self._model
        if m.free is not None:
            rows, own = np.zeros((len(rows), m.free.size)), rows
            rows[:, m.free.ravel()] = own
        return rows.reshape(len(rows), -1, m.arm.axes)

    def _placement(self, j: int) -> Any:
        return self._model.pinocchio.updateFramePlacement(
            self._model.model, self._data, self._model.frames[j])


class _MujocoLinearization:
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
        rows = _of_twists(twists, self._rotations[elements])[places, components]
        return rows.reshape(len(joints), *self._shape)


def _of_twists(twists: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """
    Return the derivatives of poses, given those of their frames.

    :param twists: (frames, 6, angles), linear and angular, in the axes of the world
    :param rotations: (frames, 3, 3)
    :return: (frames, 9, angles)
    """
    turning = twists[:, 3:]
    derivative = np.empty((len(twists), pose.SIZE, twists.shape[2]))
    derivative[:, pose.POSITION] = twists[:, :3]
    for part, column in ((pose.FORWARD, 2), (pose.UP, 1)):
        x, y, z = rotations[:, :, column].T[:, :, None]
        for row, (a, b, c, d) in enumerate(((1, z, 2, y), (2, x, 0, z), (0, y, 1, x))):
            derivative[:, part.start + row] = turning[:, a] * b - turning[:, c] * d
    return derivative


def exact_model(arm: Arm) -> DifferentiableModel:
    """Return Pinocchio's kinematics if it is there, else ours."""
    try:
        return PinocchioModel(arm)
    except ImportError:
        return ExactModel(arm)


class _Residual:
    """A goal as the residual of a least-squares problem, weighted as our own descent does."""

    def __init__(self, goal: Goal, arm: Arm):
        self._goal = goal
        importance = goal.weight * _SETTINGS.gains(arm.length)
        self.cared = np.nonzero(importance)
        self.scale = np.sqrt(importance[self.cared])

    def __call__(self, chain: np.ndarray) -> np.ndarray:
        return self.scale * self._goal.discrepancy(chain)[self.cared]

    def jacobian(self, linearization: Any) -> np.ndarray:
        """Return its derivatives (rows, 2 joints) by the angles."""
        rows = linearization.jacobian_rows(*self.cared)
        return self.scale[:, None] * rows.reshape(len(rows), -1)


def reached(goal: Goal, chain: np.ndarray, arm: Arm) -> bool:
    """Return whether a chain (joints, 9) of an arm reaches a goal."""
    return _SETTINGS.tolerances(arm.length).are_met(*goal.errors(chain))


def scipy_least_squares(arm: Arm) -> Solver:
    """Trust-region reflective, with exact derivatives."""
    least_squares = package('scipy.optimize').least_squares
    model = exact_model(arm)

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        residual = _Residual(goal, arm)
        count, last = 0, arm.rest

        def error(flat: np.ndarray) -> np.ndarray:
            nonlocal count, last
            count, last = count + 1, flat.reshape(last.shape)
            chain = forward_kinematics(arm, last)
            if reached(goal, chain, arm):
                raise StopIteration
            return residual(chain)

        try:
            last = least_squares(
                error, last.ravel(), lambda flat: residual.jacobian(
                    model.linearize(flat.reshape(last.shape))),
                bounds=(arm.lower.ravel(), arm.upper.ravel()),
                max_nfev=_SCIPY_EVALUATIONS).x.reshape(last.shape)
        except StopIteration:
            pass
        return last, count

    return solve


def torch_exact(arm: Arm) -> Solver:
    """Adam on the gradients of autograd through exact kinematics."""
    torch = package('torch')
    from snake_arm_control.training import kinematics
    lower, upper = torch.tensor(arm.lower), torch.tensor(arm.upper)

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        target = torch.tensor(goal.target)
        importance = torch.tensor(goal.weight * _SETTINGS.gains(arm.length))
        angles = torch.tensor(arm.rest, requires_grad=True)
        descent = torch.optim.Adam([angles], lr=_TORCH_RATE)
        for iteration in range(_TORCH_ITERATIONS + 1):
            chain = kinematics.forward_kinematics(arm, angles)
            if reached(goal, chain.detach().numpy(), arm):
                break
            descent.zero_grad()
            (0.5 * (importance * (chain - target) ** 2).sum()).backward()
            descent.step()
            with torch.no_grad():
                angles.clamp_(lower, upper)
        return angles.detach().numpy(), iteration

    return solve


def pink(arm: Arm) -> Solver:
    """Differential inverse kinematics of pink, its quadratic programs solved by DAQP."""
    pink, task_of = package('pink'), package('pink.tasks')
    limits_of = package('pink.limits')
    package('daqp')
    pinocchio = PinocchioModel(arm)

    class ChainTask(task_of.Task):
        def __init__(self, goal: Goal):
            super().__init__(cost=1.0)
            self.residual = _Residual(goal, arm)

        def compute_error(self, configuration):
            return self.residual(PinocchioLinearization(pinocchio, configuration.data).chain)

        def compute_jacobian(self, configuration):
            return self.residual.jacobian(PinocchioLinearization(pinocchio, configuration.data))

        def __repr__(self):
            return 'ChainTask()'

    limits = [limits_of.ConfigurationLimit(pinocchio.model, 1.0)]

    def velocity(configuration: Any, task: Any) -> np.ndarray:
        return pink.solve_ik(configuration, [task], 1.0, 'daqp', damping=_QP_DAMPING,
                             limits=limits, safety_break=False)

    def configure(flat: np.ndarray) -> Any:
        return pink.Configuration(pinocchio.model, pinocchio.data, flat, copy_data=False)

    return _by_quadratic_programs(arm, ChainTask, configure, velocity)


def mink(arm: Arm) -> Solver:
    """Differential inverse kinematics of mink on MuJoCo, its programs solved by DAQP."""
    mink, mujoco = package('mink'), package('mujoco')
    package('daqp')
    model = mujoco.MjModel.from_xml_string(urdf_text(arm))

    class ChainTask(mink.Task):
        def __init__(self, goal: Goal):
            self.residual = _Residual(goal, arm)
            super().__init__(cost=np.ones(len(self.residual.scale)))

        def compute_error(self, configuration):
            return self.residual(_MujocoLinearization(arm, model, configuration.data).chain)

        def compute_jacobian(self, configuration):
            return self.residual.jacobian(_MujocoLinearization(arm, model, configuration.data))

    limits = [mink.ConfigurationLimit(model, gain=1.0)]
    configuration = mink.Configuration(model)

    def velocity(configuration: Any, task: Any) -> np.ndarray:
        return mink.solve_ik(configuration, [task], 1.0, 'daqp', damping=_QP_DAMPING,
                             limits=limits)

    def configure(flat: np.ndarray) -> Any:
        configuration.update(flat)
        return configuration

    return _by_quadratic_programs(arm, ChainTask, configure, velocity)


def _by_quadratic_programs(arm: Arm, task_of: Callable[[Goal], Any],
                           configure: Callable[[np.ndarray], Any],
                           velocity: Callable[[Any, Any], np.ndarray]) -> Solver:
    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        task, angles = task_of(goal), arm.rest
        for iteration in range(_QP_ITERATIONS + 1):
            if reached(goal, forward_kinematics(arm, angles), arm):
                break
            change = velocity(configure(angles.ravel()), task).reshape(angles.shape)
            change *= min(1.0, _SETTINGS.max_step / np.abs(change).max())
            angles = arm.clip(angles + change)
        return angles, iteration

    return solve


def pytorch_kinematics(arm: Arm) -> Solver:
    """Damped pseudo-inverse of pytorch_kinematics; it knows goals for the tool's pose only."""
    torch, kinematics = package('torch'), package('pytorch_kinematics')
    chain = kinematics.build_serial_chain_from_urdf(urdf_text(arm).encode(), 'tool0')
    chain = chain.to(dtype=torch.float64)
    limits = torch.tensor(chain.get_joint_limits(), dtype=torch.float64).T
    tolerances = _SETTINGS.tolerances(arm.length)

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        rotation, position = pose.to_matrix(goal.target[-1])
        solver = kinematics.PseudoInverseIK(
            chain, retry_configs=torch.zeros((1, 2 * arm.joints), dtype=torch.float64),
            joint_limits=limits, max_iterations=_QP_ITERATIONS,
            pos_tolerance=tolerances.position, rot_tolerance=tolerances.axis,
            early_stopping_any_converged=True, early_stopping_no_improvement=None,
            regularlization=_QP_DAMPING, lr=1.0, clamp_to_limits=True)
        found = solver.solve(kinematics.Transform3d(
            pos=torch.tensor(position), rot=torch.tensor(rotation), dtype=torch.float64))
        return (found.solutions[0, 0].numpy().reshape(arm.rest.shape),
                int(found.iterations))

    return solve


def ikpy(arm: Arm) -> Solver:
    """Least squares of ikpy on finite differences; it knows goals for the tool only."""
    chain_of, link_of = package('ikpy.chain'), package('ikpy.link')
    limits = (arm.lower[0, 0], arm.upper[0, 0])
    links: list[Any] = [link_of.OriginLink()]
    for j in range(arm.joints):
        offset = arm.segment_length if j else 0.0
        for axis, z in (((1, 0, 0), offset), ((0, 1, 0), 0.0)):
            links.append(link_of.URDFLink(
                f'{j}{axis}', np.array((0.0, 0.0, z)), np.zeros(3), np.array(axis),
                bounds=limits))
    links.append(link_of.URDFLink('tool', np.array((0.0, 0.0, arm.segment_length)), np.zeros(3),
                                  joint_type='fixed'))
    chain = chain_of.Chain(links, [False] + [True] * (2 * arm.joints) + [False])

    def solve(goal: Goal) -> tuple[np.ndarray, int]:
        tool = goal.target[-1]
        mode, orientation = None, None
        if goal.cared[-1, pose.FORWARD].all():
            mode, orientation = 'all', pose.to_matrix(tool)[0]
        elif goal.cared[-1, pose.UP].all():
            mode, orientation = 'Y', tool[pose.UP]
        found = chain.inverse_kinematics(
            tool[pose.POSITION], orientation, mode, optimizer_budget=_IKPY_EVALUATIONS)
        return np.asarray(found)[1:-1].reshape(arm.rest.shape), 0  # it does not report iterations

    return solve
