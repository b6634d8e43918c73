# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The true arm that tendons bend, as MuJoCo simulates it: joints with weight, and tendons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.arm.stepped_arm import STEP, SteppedArm
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import ArmError, ShapeError

_STIFFNESS = 1e5  # [N/m], of a tendon; joints have the arm's stiffness in these
_TENDON_DAMPING = 50.0  # [N s/m]
_LIGHT = 0.1  # of the mass of links in a URDF, which have motors
_INERTIA, _DAMPING = 2e-4, 1.5  # [kg m^2], [N m s/rad], of each joint


class MujocoTendonArm(SteppedArm):
    """
    An arm whose joints, each a spring of its own, are pulled at by tendons; see `TrueArm`.

    It is not what `Tendons` say: its joints are not alike, they bend under weight, and tendons run
    straight from link to link. The servos are those of its pulleys.

    :param start: (joints, axes) [rad] of the pulleys, the arm's rest pose if None
    :raises MissingPackageError: if mujoco is not installed
    :raises ArmError: if MuJoCo refuses the arm
    """

    def __init__(self, arm: Arm, settings: SimulationSettings = SimulationSettings(),
                 start: np.ndarray | None = None):
        super().__init__(arm, settings, start)
        self._compiled_for: tuple[float, float, float] | None = None
        self.settings = settings

    @property
    def settings(self) -> SimulationSettings:
        """How it differs from the ideal arm; may be replaced at any time."""
        return self._settings

    @settings.setter
    def settings(self, settings: SimulationSettings) -> None:
        self._settings = self._servos.settings = settings
        key = settings.length_error, settings.gravity, settings.payload
        if key == self._compiled_for:
            return
        before = None if self._data is None else self._data.qpos.copy()
        self._compiled_for = key
        self._free = _with_free_joints(self.arm)
        self._model, self._data, self._places, self._lengths = _compiled(
            self.arm, self._free, settings)
        if before is None:
            self._settle()
        else:
            self._data.qpos = before

    @property
    def angles(self) -> np.ndarray:
        """Angles (joints, axes) [rad] of the pulleys, as their encoders read them."""
        return self._servos.angles

    def true_chain(self, angles: np.ndarray | None = None) -> np.ndarray:
        """
        Return the true pose chain (joints, 9) as it is now.

        :raises ShapeError: if other angles of the pulleys are given, at which it is not
        """
        if angles is not None and not np.array_equal(angles, self.angles):
            raise ShapeError('angles', np.shape(angles), 'None: it is simulated where it is')
        joints = self._free.shaped(self._data.qpos[self._places])
        lengths = self.arm.geometry.lengths * (1.0 + self._settings.length_error)
        return forward_kinematics(self._free, joints, lengths)

    def push(self, delta: np.ndarray) -> None:
        """Turn the pulleys by angles (joints, axes) [rad]; servos at work will turn them back."""
        self._servos.push(delta)

    def _step(self) -> None:
        import mujoco
        tendons = self.arm.tendons
        assert tendons is not None
        values = self.arm.flat(self._servos.angles + self._servos.joint_offsets)
        pulled = [pulley.ratio * value + pulley.offset
                  for pulley, value in zip(tendons.pulleys, values)]
        self._data.ctrl = self._lengths - pulled
        mujoco.mj_step(self._model, self._data)

    def _settle(self) -> None:
        """Let the arm come to rest where it starts."""
        for _ in range(2000):
            self._step()
        self._data.qvel = 0.0


def _with_free_joints(arm: Arm) -> Arm:
    """Return the arm of the same joints, of which none follows another or a tendon."""
    return Arm([replace(link, axes=tuple(Axis(axis.name, axis.direction) for axis in link.axes))
                for link in arm.links], arm.tool, arm.mount, arm.base, arm.tip)


def _compiled(arm: Arm, free: Arm, settings: SimulationSettings
              ) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """
    Return MuJoCo's model of an arm, with an actuator a tendon in their order, and a state.

    :return: and where the positions of the joints are in that state (dof of `free`,), and the
        lengths of the tendons of the straight arm [m]
    """
    import mujoco
    tendons = arm.tendons
    assert tendons is not None
    try:
        spec = mujoco.MjSpec.from_string(urdf_text(free))
        spec.option.timestep = STEP
        spec.option.gravity = tuple(settings.gravity * down for down in -arm.mount.matrix[2, :3])
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = 0
        for body in spec.bodies[1:]:
            body.mass *= _LIGHT
            body.fullinertia = _LIGHT * body.fullinertia
            if body.parent.joints:
                body.pos = np.array(body.pos) * (1.0 + settings.length_error)
        own = {axis.name: n for n, axis in enumerate(
            axis for link in arm.links for axis in link.axes if not axis.follows)}
        driver = [own[axis.follows or axis.name] for link in arm.links for axis in link.axes]
        turns = np.bincount(driver)
        for name, n in zip(free.joint_names, driver):
            joint = spec.joint(name)
            joint.armature, joint.damping[0] = _INERTIA, _DAMPING
            # What all that turn alike resist together is shared out.
            joint.stiffness[0] = _STIFFNESS * tendons.stiffness[n] / turns[n]
        spec.body(arm.links[-1].name).mass += settings.payload
        _add_tendons(spec, arm, driver, turns)
        model = spec.compile()
    except ValueError as error:
        raise ArmError(f'MuJoCo refuses the arm: {error}') from error
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    places = [model.joint(name).qposadr[0] for name in free.joint_names]
    return model, data, np.array(places), data.ten_length.copy()


def _add_tendons(spec: Any, arm: Arm, driver: list[int], turns: np.ndarray) -> None:
    """Let each tendon pass the joints that it has a lever at, and put an actuator on it."""
    import mujoco
    tendons = arm.tendons
    assert tendons is not None
    directions = np.array([axis.direction[:2] for link in arm.links for axis in link.axes])
    of_link = np.repeat(np.arange(arm.joints), [len(link.axes) for link in arm.links])
    ends = [*(np.array(link.placement.xyz) for link in arm.links[1:]), np.array(arm.tool.xyz)]
    for i, pulley in enumerate(tendons.pulleys):
        levers = np.array([tendons.levers[i][n] / turns[n] for n in driver])
        passed = [j for j in range(arm.joints) if levers[of_link == j].any()]
        tendon = spec.add_tendon(name=pulley.name)
        for j in [passed[0] - 1, *passed]:
            # A lever about an axis d is x d_y - y d_x.
            axes = of_link == max(j, 0)
            across = np.stack((directions[axes, 1], -directions[axes, 0]), axis=-1)
            x, y = np.linalg.lstsq(across, levers[axes], rcond=None)[0]
            body = spec.body(arm.links[j].name) if j >= 0 else spec.worldbody
            z = 0.5 * ends[j][2] if j >= 0 else (
                arm.links[0].placement.xyz[2] - 0.5 * arm.segment_length)
            site = body.add_site(name=f'{pulley.name}_{j + 1}', pos=(x, y, z))
            tendon.wrap_site(site.name)
        actuator = spec.add_actuator(name=pulley.name, target=pulley.name,
                                     trntype=mujoco.mjtTrn.mjTRN_TENDON)
        actuator.set_to_position(kp=_STIFFNESS, kv=_TENDON_DAMPING)
        actuator.forcelimited, actuator.forcerange = True, (-1e4, 0.0)
