# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact kinematics by Pinocchio, for the bench."""

from __future__ import annotations

from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.bench.peer import package
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel


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
        return of_twists(twists, rotations)[places]

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


def of_twists(twists: np.ndarray, rotations: np.ndarray) -> np.ndarray:
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
