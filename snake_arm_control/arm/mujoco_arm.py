# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The true arm as MuJoCo simulates it: with weight, limits, and servos that give way."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math
from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import ArmError
from snake_arm_control.extras import require
from snake_arm_control.settings import setting

_STEP = 0.001  # [s]
_LONGEST = 0.5  # [s] that a call of `advance` makes up for; of a longer pause the rest is lost
_ROTOR_INERTIA = 0.01  # [kg m^2], of a motor as a joint feels it through its gear


@dataclass(frozen=True)
class MujocoSettings(SimulationSettings):
    """How the arm in MuJoCo is driven, and how it differs from the ideal one."""

    servo_stiffness: float = setting(
        5000.0, 'torque by which a servo in MuJoCo answers an error of its joint', 'N m/rad',
        low=1.0, high=1e5)
    servo_damping: float = setting(
        200.0, 'torque by which a servo in MuJoCo brakes its joint', 'N m s/rad', low=0.0,
        high=1e5)
    gravity: float = setting(
        9.81, 'acceleration by which everything in MuJoCo falls', 'm/s^2', low=0.0, high=100.0)
    contact: bool = setting(
        False, 'let links in MuJoCo collide with each other, except for neighbours')


class MujocoArm:
    """
    An arm that bends under its own weight; see `TrueArm` for what it can do.

    Its servos have set-points that move as the angles of a `SimulatedArm` do, and pull the joints
    there as springs with dampers, up to the effort of the URDF. It is stepped to the caller's
    clock by steps of fixed length.

    :param start: (joints, axes) [rad], the arm's rest pose if None
    :raises MissingPackageError: if mujoco is not installed
    :raises ArmError: if MuJoCo refuses the arm, or the start is beyond its limits
    """

    def __init__(self, arm: Arm, settings: MujocoSettings = MujocoSettings(),
                 start: np.ndarray | None = None):
        require('mujoco')
        self.arm = arm
        self._servos = SimulatedArm(arm, settings, start)
        if (self._servos.angles != arm.clip(self._servos.angles)).any():
            raise ArmError('the start is beyond the joint limits, where the stops of the arm in '
                           'MuJoCo are')
        shape = arm.rest.shape
        numbered = arm.named(np.arange(math.prod(shape), dtype=float).reshape(shape))
        self._places = np.array(list(numbered.values()), dtype=int)  # of named joints, in angles
        self._data: Any = None  # MuJoCo's state
        self._now: float | None = None  # [s]
        self._stopped = False
        self.settings = settings

    @property
    def settings(self) -> MujocoSettings:
        """How it differs from the ideal arm; may be replaced at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: MujocoSettings) -> None:
        angles = self._servos.angles if self._data is None else self.angles
        velocity = 0.0 if self._data is None else self._data.qvel.copy()
        self._settings = self._servos.settings = settings
        self._model, self._data = _compiled(self.arm, settings, self._servos.joint_offsets)
        self._data.qpos = (angles + self._servos.joint_offsets).ravel()[self._places]
        self._data.qvel = velocity

    @property
    def angles(self) -> np.ndarray:
        """Angles (joints, axes) [rad], as the encoders read them."""
        angles = self.arm.rest.copy()
        angles.flat[self._places] = self._data.qpos
        return angles - self._servos.joint_offsets

    def command(self, positions: np.ndarray, now: float) -> None:
        """
        Let the servos go to angles from a time [s] on.

        :param positions: (joints, axes) [rad], clipped to the joint limits
        :raises ShapeError: if positions are misshapen or not finite; the command before stays
        """
        self.advance(now)
        self._servos.command(positions, now)

    def advance(self, now: float) -> None:
        """Step the simulation to a time [s]."""
        import mujoco
        if self._now is None or self._stopped or not now >= self._now:
            self._now = now
        self._now = max(self._now, now - _LONGEST)
        while self._now + _STEP <= now:
            self._now += _STEP
            self._servos.advance(self._now)
            self._data.ctrl = (self._servos.angles
                               + self._servos.joint_offsets).ravel()[self._places]
            mujoco.mj_step(self._model, self._data)

    def true_chain(self, angles: np.ndarray | None = None) -> np.ndarray:
        """Return the true pose chain (joints, 9) at angles (joints, axes), now if None."""
        return self._servos.true_chain(self.angles if angles is None else angles)

    def stop(self, stopped: bool = True) -> None:
        """Stop the arm where it is, as an emergency stop does by brakes, or release it."""
        self._stopped = stopped
        self._servos.stop(stopped)
        self._data.qvel = 0.0

    def push(self, delta: np.ndarray) -> None:
        """Move the joints by angles (joints, axes) [rad]; servos at work will move them back."""
        self._data.qpos += np.ravel(delta)[self._places]


def _compiled(arm: Arm, settings: MujocoSettings, joint_offsets: np.ndarray) -> tuple[Any, Any]:
    """Return MuJoCo's model of an arm, whose joints and actuators are in order, and a state."""
    import mujoco
    longer = replace(arm, segment_length=arm.segment_length * (1.0 + settings.length_error))
    try:
        spec = mujoco.MjSpec.from_string(urdf_text(longer))
        spec.option.timestep = _STEP
        spec.option.gravity = (0.0, 0.0, -settings.gravity)
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        for name, offset in arm.named(joint_offsets).items():
            joint = spec.joint(name)
            joint.armature = _ROTOR_INERTIA
            joint.range = np.array(joint.range) + offset
            spec.add_actuator(
                name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT
            ).set_to_position(kp=settings.servo_stiffness, kv=settings.servo_damping)
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = int(settings.contact)
        for body in spec.bodies[1:]:
            for other in _neighbours(body):
                spec.add_exclude(bodyname1=body.name, bodyname2=other)
        model = spec.compile()
    except ValueError as error:
        raise ArmError(f'MuJoCo refuses the arm: {error}') from error
    return model, mujoco.MjData(model)


def _neighbours(body: Any) -> list[str]:
    """Return the names of the links that one or two joints towards the base connect to a link."""
    names = []
    for _ in range(2):
        body = body.parent
        if body is None:
            break
        names.append(body.name)
    return names
