# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Families of goals that an arm can reach, each the masked chain of a random configuration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal

FAMILIES = {
    'A': 'tool position',
    'B': 'tool position and up axis',
    'C': 'full tool pose',
    'D': 'full tool pose, and x and y half-way along the arm',
    'E': 'tool position, and the last quarter of the arm straight behind the tool',
    'F': 'every pose of the whole chain',
}
_LEAST_RANGE = 0.1  # [joint limits], of the configurations bent least
_WAVES = 3  # in a smooth bend, from half a wave along the arm


def configurations(arm: Arm, count: int, generator: np.random.Generator) -> np.ndarray:
    """
    Return random configurations within the joint limits, crooked and smooth ones by turns.

    In a crooked one every angle is drawn by itself, in a smooth one the angles of either axis
    follow a sum of slow waves along the arm. How far each may bend from rest is drawn too.

    :return: (count, joints, axes) [rad or m]
    """
    along = (np.arange(arm.joints) + 0.5) / arm.joints  # [arm lengths]
    waves = np.pi * along[:, None] * np.arange(_WAVES)
    bends = np.empty((count, *arm.rest.shape))
    for index in range(count):
        largest = generator.uniform(_LEAST_RANGE, 1.0)
        if index % 2:
            sizes = generator.standard_normal((_WAVES, arm.axes))
            phases = generator.uniform(0.0, 2.0 * np.pi, (_WAVES, arm.axes))
            bend = np.sum(sizes * np.cos(waves[:, :, None] + phases), axis=1)
            bends[index] = bend * (largest / np.abs(bend).max())
        else:
            bends[index] = generator.uniform(-largest, largest, arm.rest.shape)
    return arm.bent(bends)


def goals(family: str, arm: Arm, count: int, generator: np.random.Generator,
          chain_of: Callable[[np.ndarray], np.ndarray] | None = None) -> list[Goal]:
    """
    Return goals of a family; each is reached by some configuration within the limits.

    :param family: one of `FAMILIES`
    :param chain_of: angles (joints, axes) to poses (joints, 9), of an arm not quite like this one
    """
    angles = configurations(arm, count, generator)
    straight = max(arm.joints // 4, 1)
    if family == 'E':
        angles[:, arm.joints - straight + 1:] = arm.rest[arm.joints - straight + 1:]
    cared = mask(family, arm.joints)
    chains = forward_kinematics(arm, angles) if chain_of is None else map(chain_of, angles)
    return [Goal.from_array(np.where(cared, chain, np.nan)) for chain in chains]


def mask(family: str, joints: int) -> np.ndarray:
    """Return which components (joints, 9) of the chain a family cares for."""
    cared = np.zeros((joints, pose.SIZE), dtype=bool)
    if family == 'F':
        cared[:] = True
        return cared
    cared[-1, pose.POSITION] = True
    if family == 'B':
        cared[-1, pose.UP] = True
    elif family in ('C', 'D'):
        cared[-1] = True
        if family == 'D':
            cared[max(joints // 2, 1) - 1, pose.POSITION.start:pose.POSITION.start + 2] = True
    elif family == 'E':
        cared[-max(joints // 4, 1):, pose.FORWARD] = True
    return cared
