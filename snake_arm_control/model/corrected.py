# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A forward model with what was learned of its arm while it ran, as a weights file."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save as save_arrays

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.model import weights_file
from snake_arm_control.model.forward_model import COMPLIANCE, ForwardModel
from snake_arm_control.model.weights_file import ANGLE_OFFSET, COMPENSATED, EXACT, STRETCH


def corrected(model: ForwardModel, offset: np.ndarray, payload: float = 0.0,
              stretch: np.ndarray | float = 0.0) -> ForwardModel:
    """
    Return a model with more offset of its angles, a payload, and longer links.

    The one of an exact model is of the kind compensated, without compliance.

    :param offset: (joints, axes) [rad or m], true angles less those of the encoders
    :param payload: weight at the tip [N]; it counts where the arm gives way
    :param stretch: (joints,) by which fraction of it each link is longer, from the base on
    """
    metadata, arrays = weights_file.parse(model.to_bytes())
    if model.kind == EXACT:
        metadata['kind'] = COMPENSATED
        rigid = Compliance.uniform(model.arm, 0.0)
        arrays = {name: np.array(getattr(rigid, name)) for name in COMPLIANCE}
    if payload and model.kind == COMPENSATED:
        arrays['weights'] = arrays['weights'] + payload * np.eye(model.arm.joints)[-1]
    arrays[ANGLE_OFFSET] = np.asarray(arrays.get(ANGLE_OFFSET, 0.0) + offset, float)
    if np.any(stretch):
        arrays[STRETCH] = np.asarray(arrays.get(STRETCH, 0.0) + stretch, float)
    return ForwardModel.from_bytes(save_arrays(arrays, metadata), model.arm)
