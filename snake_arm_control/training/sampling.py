# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Random arm shapes for training and evaluation.

Every function takes the arm, how many shapes, and the generator that they are drawn from; angles
are (count, joints, axes) [rad or m] in float32 on the generator's device. They are drawn as
fractions of the way from rest to the limits, and within a working range where there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
import math
from typing import Any

import torch
from torch import Tensor

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import ArmError

Sampler = Callable[[Arm, int, torch.Generator], Tensor]

SCALED = 0.3  # of the way to the limits, in the distribution `scaled` that models are measured on
WAVES = 4  # cosines along the arm that make a smooth bend, the longest being constant
STEEPEST = math.exp(3.0)  # gain of a smooth bend at most, to stay at the limits over many joints


def independent(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return angles that are uniform within the limits, each on its own."""
    return _bent(arm, _fractions(arm, count, generator))


def scaled(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return independent angles over a fixed fraction of the range."""
    return _bent(arm, SCALED * _fractions(arm, count, generator))


def any_scale(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return independent angles over a fraction of the range that is drawn for each shape."""
    fractions = _fractions(arm, count, generator)
    return _bent(arm, fractions * _uniform((count, 1, 1), generator))


def smooth(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """
    Return bends that change slowly along the arm: a few long cosines about each axis.

    The largest angle of a shape is a fraction of the way to its limit that is drawn for it.
    """
    return _bent(arm, _waves(arm, count, generator))


def _waves(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    along = torch.linspace(0.0, math.pi, arm.joints, device=generator.device)
    wave = torch.arange(WAVES, device=generator.device)
    shape = (count, 1, arm.axes, WAVES)
    amplitude = torch.randn(shape, generator=generator, device=generator.device)
    phase = 2.0 * math.pi * _uniform(shape, generator)
    bend = (amplitude * torch.cos(along[:, None, None] * wave + phase)).sum(-1)
    bend = bend / bend.abs().amax((1, 2), keepdim=True).clamp_min(1e-9)
    return bend * _uniform((count, 1, 1), generator)


def limits(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return shapes with every angle at one of its limits."""
    side = _uniform((count, arm.joints, arm.axes), generator) < 0.5
    return _bent(arm, 1.0 - 2.0 * side)


def some_at_limits(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return independent angles; a fraction of them, drawn for each shape, is at the limits."""
    part = _uniform((count, 1, 1), generator).sqrt()
    at_limit = _uniform((count, arm.joints, arm.axes), generator) < part
    return torch.where(at_limit, limits(arm, count, generator),
                       independent(arm, count, generator))


def smooth_to_limits(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return smooth bends driven beyond the limits and stopped there, as a controller does."""
    gain = STEEPEST ** _uniform((count, 1, 1), generator)
    return _bent(arm, (_waves(arm, count, generator) * gain).clamp(-1.0, 1.0))


# What a model is measured on.
HELD_OUT: dict[str, Sampler] = {
    'independent': independent, 'scaled': scaled, 'smooth': smooth, 'limits': limits}

# What a model for control learns from: the fraction of each in a batch.
MIXED: dict[Sampler, float] = {
    independent: 0.3, any_scale: 0.2, smooth: 0.2, some_at_limits: 0.15, smooth_to_limits: 0.15}


def mixed(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    """Return shapes of all kinds, a fixed fraction of each."""
    ends = [0, *(round(count * end) for end in accumulate(MIXED.values()))]
    return torch.cat([draw(arm, last - first, generator)
                      for draw, first, last in zip(MIXED, ends, ends[1:])])


def segments(arm: Arm) -> dict[str, Any]:
    """
    Return what an arm of equal segments is made of, as arguments of `Arm.uniform`.

    :raises ArmError: if it is another arm
    """
    if arm.segment is None:
        raise ArmError('the arm is not of equal segments, expected that of one network')
    length, limit = arm.segment
    return {'joints': arm.joints, 'segment_length': length, 'angle_limit': limit}


def _fractions(arm: Arm, count: int, generator: torch.Generator) -> Tensor:
    return 2.0 * _uniform((count, arm.joints, arm.axes), generator) - 1.0


def _bent(arm: Arm, fractions: Tensor) -> Tensor:
    """Return the angles at fractions of the way from rest to the limits, as `Arm.bent` does."""
    rest, lower, upper = (torch.tensor(angles).to(fractions)
                          for angles in (arm.rest, *arm.working_range))
    return rest + fractions * torch.where(fractions < 0.0, rest - lower, upper - rest)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)
