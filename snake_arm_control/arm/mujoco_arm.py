# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The true arm as MuJoCo simulates it: with weight, limits, and servos that give way."""

from __future__ import annotations

from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.arm.stepped_arm import STEP, SteppedArm
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import ArmError

_ROTOR_INERTIA = 0.01  # [kg m^2], of a motor as a joint feels it through its gear


class MujocoArm(SteppedArm):
    """
    An arm that bends under its own weight; see `TrueArm` for what it can do.

    Its servos have set-points that move as the angles of a `SimulatedArm` do, and pull the joints
    there as springs with dampers, up to the effort of the URDF.

    :param start: (joints, axes) [rad], the arm's rest pose if None
    :raises MissingPackageError: if mujoco is not installed
    :raises ArmError: if MuJoCo refuses the arm, or the start is beyond its limits
    """

    def __init__(self, arm: Arm, settings: SimulationSettings = SimulationSettings(),
                 start: np.ndarray | None = None):
        super().__init__(arm, settings, start)
        if (self._servos.angles != arm.clip(self._servos.angles)).any():
            raise ArmError('the start is beyond the joint limits, where the stops of the arm in '
                           'MuJoCo are')
        self.settings = settings

    @property
    def settings(self) -> SimulationSettings:
        """How it differs from the ideal arm; may be replaced at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: SimulationSettings) -> None:
        angles = self._servos.angles if self._data is None else self.angles
        velocity = 0.0 if self._data is None else self._data.qvel.copy()
        self._settings = self._servos.settings = settings
        self._model, self._data, self._places = _compiled(
            self.arm, settings, self._servos.joint_offsets)
        self._data.qpos[self._places] = self._true(angles)
        self._data.qvel = velocity

    @property
    def angles(self) -> np.ndarray:
        """Angles (joints, axes) [rad], as the encoders read them."""
        angles = np.zeros_like(self.arm.rest)
        angles[self.arm.free] = self._data.qpos[self._places]
        return angles - self._servos.joint_offsets

    def true_chain(self, angles: np.ndarray | None = None) -> np.ndarray:
        """Return the true pose chain (joints, 9) at angles (joints, axes), now if None."""
        return self._servos.true_chain(self.angles if angles is None else angles)

    def push(self, delta: np.ndarray) -> None:
        """Move the joints by angles (joints, axes) [rad]; servos at work will move them back."""
        self._data.qpos[self._places] += delta[self.arm.free]

    def _step(self) -> None:
        import mujoco
        self._data.ctrl = self._true(self._servos.angles)
        mujoco.mj_step(self._model, self._data)

    def _true(self, angles: np.ndarray) -> np.ndarray:
        """Return the true positions (dof,) where the encoders read angles (joints, axes)."""
        return (angles + self._servos.joint_offsets)[self.arm.free]


def _compiled(arm: Arm, settings: SimulationSettings, joint_offsets: np.ndarray
              ) -> tuple[Any, Any, np.ndarray]:
    """
    Return MuJoCo's model of an arm, with an actuator a joint in their order, and a state.

    :return: and where the positions of the joints are in that state, (dof,)
    """
    import mujoco
    try:
        spec = mujoco.MjSpec.from_string(urdf_text(arm))
        spec.option.timestep = STEP
        spec.option.gravity = (0.0, 0.0, -settings.gravity)
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        for name, offset in arm.named(joint_offsets).items():
            joint = spec.joint(name)
            joint.armature = _ROTOR_INERTIA
            if joint.range[0] < joint.range[1]:  # else it has no limits
                joint.range = np.array(joint.range) + offset
            spec.add_actuator(
                name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT
            ).set_to_position(kp=settings.servo_stiffness, kv=settings.servo_damping)
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = int(settings.contact)
        for body in spec.bodies[1:]:
            if body.parent.joints:  # what stands before the first joint is no segment
                body.pos = np.array(body.pos) * (1.0 + settings.length_error)
            for other in _neighbours(body):
                spec.add_exclude(bodyname1=body.name, bodyname2=other)
        _load(spec.body(arm.links[-1].name), np.array(arm.tool.xyz), settings.payload)
        model = spec.compile()
    except ValueError as error:
        raise ArmError(f'MuJoCo refuses the arm: {error}') from error
    places = [model.joint(name).qposadr[0] for name in arm.joint_names]
    return model, mujoco.MjData(model), np.array(places)


def _load(body: Any, place: np.ndarray, mass: float) -> None:
    """Put a payload [kg] on a body at a place (3,) [m]."""
    way, whole = place - body.ipos, body.mass + mass
    more = body.mass * mass / whole * (way @ way * np.eye(3) - np.outer(way, way))
    body.fullinertia = body.fullinertia + more[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)]
    body.ipos = body.ipos + mass / whole * way
    body.mass = whole


def _neighbours(body: Any) -> list[str]:
    """Return the names of the links that one or two joints towards the base connect to a link."""
    names = []
    for _ in range(2):
        body = body.parent
        if body is None:
            break
        names.append(body.name)
    return names
