# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact forward kinematics in torch, for batches on any device and for autograd."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from snake_arm_control.arm.description import Arm


def forward_kinematics(arm: Arm, angles: Tensor, segment_lengths: Tensor | None = None) -> Tensor:
    """
    Return the pose chains of an arm, as `arm.kinematics.forward_kinematics` does.

    :param angles: (*batch, joints, axes) [rad or m]
    :param segment_lengths: (joints,) [m] where the ways from joint to joint are longer or shorter
        than the arm says
    :return: (*batch, joints, 9) in the base, on the device of the angles
    """
    def like(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.copy()).to(angles)

    g = arm.geometry
    steps = like(g.steps[1:])
    if segment_lengths is not None:
        steps = torch.nn.functional.normalize(steps, dim=-1) * segment_lengths[:, None]
    values = angles.reshape(-1, *angles.shape[-2:])
    if not g.moved_by_own:
        drivers = torch.from_numpy(g.drivers.copy()).to(angles.device)
        values = values.flatten(1)[:, drivers] * like(g.ratios) + like(g.biases)
    turned = _rotations(values, like(g.turning)).unbind(0)
    rotations = [turned[0]]
    for rotation in turned[1:]:
        rotations.append(rotations[-1] @ rotation)
    ways = (torch.stack(rotations) * steps[:, None, None]).sum(-1)  # (joints, batch, 3)
    if g.slides.any():
        slid = ((values * like(g.slides))[..., None] * like(g.directions)).sum(-2)
        before = torch.stack((torch.eye(3).to(angles).expand_as(turned[0]), *rotations[:-1]))
        turns = before @ like(g.turns[:-1])[:, None]
        ways = ways + (turns @ slid.transpose(0, 1)[..., None])[..., 0]
    positions = like(g.steps[0]) + torch.cumsum(ways, 0)
    rotations[-1] = rotations[-1] @ like(g.turns[-1])
    _, up, forward = torch.stack(rotations).unbind(-1)
    chain = torch.cat((positions, forward, up), -1).transpose(0, 1)
    return chain.reshape(*angles.shape[:-1], chain.shape[-1])


def _rotations(values: Tensor, turning: Tensor) -> Tensor:
    """Return how links are turned in those before (joints, batch, 3, 3); see `Geometry`."""
    factors = torch.stack((torch.ones_like(values), torch.sin(values), torch.cos(values)), -1)
    products = factors[..., 0, :]
    for axis in factors.unbind(-2)[1:]:
        products = (products[..., :, None] * axis[..., None, :]).flatten(-2)
    return (products.transpose(0, 1) @ turning).unflatten(-1, (3, 3))
