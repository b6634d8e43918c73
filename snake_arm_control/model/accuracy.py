# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How far a learned model is from the arm's description, measured on shapes drawn at random."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

SHAPES = 200  # of each kind
FARTHEST = math.radians(90.0)  # [rad] from rest, of joints without limits
_SCALED = 0.3


def tool_errors(model: ForwardModel, shapes: int = SHAPES, seed: int = 0) -> dict[str, float]:
    """
    Return the mean distances of the predicted tool from the described one, in arm lengths.

    :return: by kind of shape: `independent` angles within the limits, `scaled` ones over the
        middle 30 % of the range, and `limits`, each angle at one of its limits
    """
    arm, generator = model.arm, np.random.default_rng(seed)
    fractions = generator.uniform(-1.0, 1.0, (shapes, *arm.rest.shape))
    kinds = {'independent': fractions, 'scaled': _SCALED * fractions, 'limits': np.sign(fractions)}
    lower, upper = arm.working_range
    farthest = np.where(np.isinf(arm.upper) & ~arm.geometry.slides, FARTHEST, np.inf)
    below, above = (np.minimum(way, farthest) for way in (arm.rest - lower, upper - arm.rest))
    exact, errors = ExactModel(arm), {}
    for kind, drawn in kinds.items():
        angles = arm.rest + drawn * np.where(drawn < 0.0, below, above)
        off = (model.predict(angles) - exact.predict(angles))[:, -1, pose.POSITION]
        errors[kind] = float(np.linalg.norm(off, axis=-1).mean() / arm.length)
    return errors
