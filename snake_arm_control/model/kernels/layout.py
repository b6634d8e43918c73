# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
How arrays lie in memory for the kernels of `bptt`.

A lane is one configuration of the arm, one row of a Jacobian in the backward sweep, or one column
in the forward sweep. The cells of all blocks are put together, the first cell of each, then the
second, so that loops run over contiguous memory.
"""

from typing import NamedTuple

import numpy as np


class Weights(NamedTuple):
    """The parameters; the first axis of most is the layer."""

    hidden: np.ndarray  # (2, width, columns), from the output of a layer to the nets of the other
    back: np.ndarray  # (2, columns, width), its transpose
    angles: np.ndarray  # (joints or 1, axes, columns), to the nets of the first layer
    bias: np.ndarray  # (2, joints or 1, columns)
    peephole: np.ndarray  # (2, 3, cells, blocks)
    lateral: np.ndarray  # (2, 3, 3, blocks)
    readout: np.ndarray  # (9, width)
    readout_bias: np.ndarray  # (9,)


class Tape(NamedTuple):
    """
    A forward pass: its result, kept with what derivatives need.

    On the axis of joints + 1, element 0 is the state before the first joint.
    """

    angles: np.ndarray  # (batch, joints, axes) [rad or m]
    chain: np.ndarray  # (batch, joints, 9)
    net: np.ndarray  # (2, joints + 1, batch, 3 + cells, blocks): gates, then tanh of the nets
    cell: np.ndarray  # (2, joints + 1, batch, cells, blocks)
    squashed: np.ndarray  # (2, joints + 1, batch, cells, blocks): tanh of the cells
    output: np.ndarray  # (2, joints + 1, batch, width)


class Slope(NamedTuple):
    """Derivatives at a joint, of or by its elements, for each lane; `tangents` has lanes last."""

    output: np.ndarray  # (2, lanes, width)
    cell: np.ndarray  # (2, lanes, cells, blocks)
    gates: np.ndarray  # (2, lanes, 3, blocks)
    net: np.ndarray  # (2, joints or 1, lanes, 3 + cells, blocks): of all joints, or of this one
