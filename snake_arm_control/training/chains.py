# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Random arms of bends in random shapes, in the form that the general network reads.

Each sample is an arm of its own: two axes a joint or one, in turn, in one plane or each turned
against the last; straight or bent at rest. Lengths and offsets of its links are applied outside.
"""

from __future__ import annotations

from functools import lru_cache
import math

import torch
from torch import Tensor

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.model.architecture import ANGLES
from snake_arm_control.model.normal_form import READS, SPAN, TURN
from snake_arm_control.training import sampling

ONE_AXIS, TWO_AXES = math.radians(90.0), math.radians(45.0)  # limits of most arms [rad]
TILT = 0.25  # turn across the arm from joint to joint at most [rad]
AZIMUTH = math.radians(45.0)  # turn about the arm of hinges at most: another slot is nearer then
TWIST = math.radians(90.0)  # and of joints of two axes [rad]
# Fractions of arms: two axes to 45 degrees, two to 90, one in turn, in a plane, any, any mixture.
_AXES = (0.40, 0.05, 0.25, 0.12, 0.13, 0.05)
_TWO, _TWO_WIDE, _IN_TURN, _PLANAR, _ANY, _MIXED = range(len(_AXES))
_TWISTED = 0.15  # of the arms of two axes
_SMALLER_LIMITS = 0.35
_TILTED = 0.12


def ranges() -> list[list[float]]:
    """Return from where to where the five numbers that are read of a joint are drawn."""
    bounds = (ONE_AXIS, ONE_AXIS, TILT, TILT, TWIST)
    return [[-bound, bound] for bound in bounds]


def draw(count: int, joints: int, generator: torch.Generator) -> Tensor:
    """Return what is read (count, joints, 5) of random arms in random shapes."""
    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=generator.device)

    axes, reach = _axes(count, joints, uniform, generator)
    readings = torch.zeros((count, joints, READS), device=generator.device)
    readings[..., :ANGLES] = reach * sampling.mixed(_unit_arm(joints), count, generator)
    twisted = (axes <= _TWO_WIDE) & (uniform(count) < _TWISTED)
    about = torch.where(twisted, TWIST, torch.where(axes >= _ANY, AZIMUTH, 0.0))
    some = ((2.0 * uniform(count, 1) - 1.0).expand(count, joints),
            2.0 * uniform(count, joints) - 1.0)  # alike along the arm, or each its own
    readings[..., TURN.stop - 1] = about[:, None] * _either(some, uniform)
    size = TILT * uniform(count) * (uniform(count) < _TILTED)
    angle = math.pi * (2.0 * uniform(count, joints) - 1.0)
    alike = uniform(count, 1) < 0.5
    angle = torch.where(alike, angle[:, :1], angle)
    size = size[:, None] * torch.where(alike, 1.0, uniform(count, joints))
    readings[..., TURN.start] = size * torch.cos(angle)
    readings[..., TURN.start + 1] = size * torch.sin(angle)
    readings[:, -1, TURN] = 0.0  # the tool is applied outside
    return readings


@lru_cache(maxsize=4)
def _unit_arm(joints: int) -> Arm:
    return Arm.uniform(joints, angle_limit=1.0)


def _axes(count: int, joints: int, uniform, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the kinds of axes (count,), and how far the angles go (count, joints, 2) [rad]."""
    axes = _choice(_AXES, count, generator)
    slot = torch.zeros((count, joints), dtype=torch.long, device=generator.device)
    begin = (2 * uniform(count, 1)).long()
    along = torch.arange(joints, device=generator.device)
    slot = torch.where((axes == _IN_TURN)[:, None], (begin + along) % 2, begin.expand_as(slot))
    at_random = (axes >= _ANY)[:, None]
    slot = torch.where(at_random, (2 * uniform(count, joints)).long(), slot)
    one = torch.nn.functional.one_hot(slot, ANGLES) * ONE_AXIS
    both = (axes == _TWO) | (axes == _TWO_WIDE)
    mixed = (axes == _MIXED)[:, None] & (uniform(count, joints) < 0.5)
    wide = torch.where((axes == _TWO_WIDE), ONE_AXIS, TWO_AXES)[:, None, None]
    reach = torch.where((both[:, None] | mixed)[..., None], wide, one)
    smaller = torch.where(uniform(count) < _SMALLER_LIMITS, 0.1 + 0.9 * uniform(count), 1.0)
    return axes, reach * smaller[:, None, None]


def _either(alternatives: tuple[Tensor, Tensor], uniform) -> Tensor:
    first, second = alternatives
    return torch.where(uniform(len(first), 1) < 0.5, first, second)


def _choice(fractions: tuple[float, ...], count: int, generator: torch.Generator) -> Tensor:
    weights = torch.tensor(fractions, device=generator.device)
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def forward_kinematics(readings: Tensor) -> Tensor:
    """Return the poses N_j (*batch, joints, 9) of chains in the normal form; see `normal_form`."""
    flat = readings.reshape(-1, *readings.shape[-2:])
    bends = _bends(flat[..., 0], flat[..., 1])
    links = bends @ _turns(flat[..., TURN])
    before = [torch.eye(3).to(flat).expand(len(flat), 3, 3)]
    for j in range(flat.shape[1]):
        before.append(before[-1] @ links[:, j])
    rotations = torch.stack(before, 1)
    steps = (rotations[:, :-1] @ bends)[..., 2]
    chain = torch.empty((*flat.shape[:-1], pose.SIZE)).to(flat)
    chain[..., pose.POSITION] = torch.cumsum(steps, 1) / SPAN
    chain[..., pose.FORWARD], chain[..., pose.UP] = rotations[:, 1:, :, 2], rotations[:, 1:, :, 1]
    return chain.reshape(*readings.shape[:-1], pose.SIZE)


def _bends(a: Tensor, b: Tensor) -> Tensor:
    """Return Rx(a) Ry(b), (*batch, 3, 3)."""
    sa, ca, sb, cb = torch.sin(a), torch.cos(a), torch.sin(b), torch.cos(b)
    rows = (cb, torch.zeros_like(a), sb, sa * sb, ca, -sa * cb, -ca * sb, sa, ca * cb)
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def _turns(vectors: Tensor) -> Tensor:
    """Return the rotations (*batch, 3, 3) of rotation vectors (*batch, 3) [rad] (Rodrigues)."""
    angle = torch.linalg.vector_norm(vectors, dim=-1)[..., None, None]
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).unflatten(-1, (3, 3))
    sine = torch.sinc(angle / math.pi)
    rest = 0.5 * torch.sinc(angle / (2.0 * math.pi)) ** 2
    return torch.eye(3).to(vectors) + sine * cross + rest * cross @ cross
