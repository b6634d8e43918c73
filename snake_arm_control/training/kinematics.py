# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Exact forward kinematics in torch, for batches on any device and for autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from snake_arm_control.arm.description import Arm


def forward_kinematics(arm: Arm, angles: Tensor, segment_lengths: Tensor | None = None) -> Tensor:
    """
    Return the pose chains of an arm, as `arm.kinematics.forward_kinematics` does.

    :param angles: (*batch, joints, 2) [rad]
    :param segment_lengths: (joints,) [m] where the real segments differ from the arm's
    :return: (*batch, joints, 9) in base_link, on the device of the angles
    """
    lengths = arm.segment_length if segment_lengths is None else segment_lengths[:, None]
    rotations: list[Tensor] = []
    for rotation in _joint_rotation(angles).unbind(-3):
        rotations.append(rotations[-1] @ rotation if rotations else rotation)
    _, up, forward = torch.stack(rotations, -3).unbind(-1)
    return torch.cat((torch.cumsum(lengths * forward, -2), forward, up), -1)


def _joint_rotation(angles: Tensor) -> Tensor:
    """Return ``Rx(a) Ry(b)`` for angles (*batch, 2) [rad]: (*batch, 3, 3)."""
    (sa, sb), (ca, cb) = torch.sin(angles).unbind(-1), torch.cos(angles).unbind(-1)
    rows = (cb, torch.zeros_like(sa), sb, sa * sb, ca, -sa * cb, -ca * sb, sa, ca * cb)
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
