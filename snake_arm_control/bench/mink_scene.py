# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""mink among the shapes of a scene, with its own limit of collision avoidance."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.bench.differential import MujocoLinearization
from snake_arm_control.bench.peer import is_reached, package, Residual
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Shape, Sphere

_DETECTION = 0.04  # [m]
_STEPS = 400
_PATIENCE = 25  # steps without progress of a percent, as ours
_DAMPING = 1e-3  # [m^2], as in `differential`


class MinkAmong:
    """mink's differential inverse kinematics of a uniform arm among shapes."""

    def __init__(self, arm: Arm, scene: Scene, avoids: bool):
        self._mink, mujoco = package('mink'), package('mujoco')
        self._arm = arm
        self._model = mujoco.MjModel.from_xml_string(_mjcf(arm, scene))
        self._limits = [self._mink.ConfigurationLimit(self._model, gain=1.0)]
        links = [f'capsule_{j}' for j in range(1, arm.joints + 1)]
        pairs = [([first], links[j + 2:]) for j, first in enumerate(links) if links[j + 2:]]
        pairs += [(links[1:] if isinstance(shape, HalfSpace) else links, [f'shape_{k}'])
                  for k, shape in enumerate(scene.shapes)]
        if avoids:
            self._limits.append(self._mink.CollisionAvoidanceLimit(
                self._model, pairs, minimum_distance_from_collisions=scene.margin,
                collision_detection_distance=_DETECTION))

    def drive(self, goal: Goal, stride: float) -> tuple[np.ndarray, int]:
        """Return the path (n, joints, 2) from rest, and its steps."""
        arm, task = self._arm, self._task(goal)
        configuration = self._mink.Configuration(self._model)
        path, best, best_at = [arm.rest], np.inf, 0
        for step in range(_STEPS):
            chain = forward_kinematics(arm, path[-1])
            error = max(float(goal.position_error(chain)) / 1e-3,
                        float(goal.axis_error(chain)) / np.radians(1.0))
            if error < 0.99 * best:
                best, best_at = error, step
            if is_reached(goal, chain, arm) or step - best_at >= _PATIENCE:
                break
            configuration.update(path[-1].ravel())
            try:
                change = self._mink.solve_ik(configuration, [task], 1.0, 'daqp', damping=_DAMPING,
                                             limits=self._limits).reshape(arm.rest.shape)
            except self._mink.NoSolutionFound:
                break
            change *= min(1.0, 0.3 / np.abs(change).max())
            change *= min(1.0, stride / _way(arm, path[-1], change))
            path.append(arm.clip(path[-1] + change))
        return np.array(path), len(path) - 1

    def _task(self, goal: Goal) -> Any:
        residual, arm, model = Residual(goal, self._arm), self._arm, self._model

        class ChainTask(self._mink.Task):  # type: ignore[name-defined]
            def __init__(self):
                super().__init__(cost=np.ones(len(residual.scale)))

            def compute_error(self, configuration):
                return residual(MujocoLinearization(arm, model, configuration.data).chain)

            def compute_jacobian(self, configuration):
                return residual.jacobian(
                    MujocoLinearization(arm, model, configuration.data))

        return ChainTask()


def _way(arm: Arm, angles: np.ndarray, change: np.ndarray) -> float:
    """Return the longest way of a joint [m]."""
    before, after = (forward_kinematics(arm, each)[:, pose.POSITION]
                     for each in (angles, angles + change))
    return float(np.linalg.norm(after - before, axis=1).max())


def _mjcf(arm: Arm, scene: Scene) -> str:
    """Return a uniform arm of capsules among shapes as a model of MuJoCo."""
    root = Element('mujoco')
    SubElement(root, 'compiler', angle='radian')
    world = parent = SubElement(root, 'worldbody')
    assert arm.segment is not None
    body, (length, limit) = ArmBody.of(arm), arm.segment
    for j, radius in enumerate(body.radii.tolist(), 1):
        parent = SubElement(parent, 'body', name=f'link_{j}',
                            pos=f'0 0 {length if j > 1 else 0.0!r}')
        SubElement(parent, 'inertial', pos='0 0 0', mass='0.05', diaginertia='1e-5 1e-5 1e-5')
        for name, axis in zip('xy', ('1 0 0', '0 1 0')):
            SubElement(parent, 'joint', name=f'joint_{j}_{name}', axis=axis, limited='true',
                       range=f'{-limit!r} {limit!r}')
        SubElement(parent, 'geom', name=f'capsule_{j}', type='capsule', size=repr(radius),
                   fromto=f'0 0 0 0 0 {length!r}')
    for k, shape in enumerate(scene.shapes):
        SubElement(world, 'geom', {'name': f'shape_{k}', **_geom(shape)})
    return tostring(root, encoding='unicode')


def _geom(shape: Shape) -> dict[str, str]:
    def said(*values: float) -> str:
        return ' '.join(map(repr, map(float, values)))

    if isinstance(shape, Sphere):
        return {'type': 'sphere', 'size': said(shape.radius), 'pos': said(*shape.center)}
    if isinstance(shape, Capsule):
        return {'type': 'capsule', 'size': said(shape.radius),
                'fromto': said(*shape.start, *shape.end)}
    if isinstance(shape, Box):
        turn = shape.rotation
        return {'type': 'box', 'size': said(*(value / 2.0 for value in shape.size)),
                'pos': said(*shape.center), 'xyaxes': said(*turn[:, 0], *turn[:, 1])}
    assert isinstance(shape, HalfSpace)
    normal = np.array(shape.normal)
    return {'type': 'plane', 'size': '5 5 0.1', 'pos': said(*(shape.offset * normal)),
            'zaxis': said(*normal)}
