# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
How arrays lie in memory for the kernels of `bptt`.

A lane is one configuration of the arm, one row of a Jacobian in the backward sweep, or one column
in the forward sweep. The cells of all blocks are put together, the first cell of each, then the
second, so that loops run over contiguous memory. What an inner loop reads and writes lies in few
arrays, whose rows are the blocks: the compiler proves at run time that arrays do not overlap, and
gives up where there are many. With the number of blocks as a constant it needs no proof for the
rows of one array, so the kernels tell it those of the networks that ship.
"""

from typing import NamedTuple

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.model.architecture import Architecture, GATES

# Cells and blocks of the networks that ship: constants for the compiler.
CELLS, BLOCKS = Architecture().cells, Architecture().blocks


@compiled
def cells_and_blocks(weights):
    """Return how many cells a block has, and how many blocks there are."""
    columns, width = weights.back.shape[1:]
    blocks = (columns - width) // GATES
    return width // blocks, blocks


class Weights(NamedTuple):
    """The parameters; the first axis of most is the layer."""

    hidden: np.ndarray  # (2, width, columns), from the output of a layer to the nets of the other
    back: np.ndarray  # (2, columns, width), its transpose
    angles: np.ndarray  # (joints or 1, axes, columns), to the nets of the first layer
    bias: np.ndarray  # (2, joints or 1, columns)
    own: np.ndarray  # (2, 3 (cells + 3) blocks), from cells and gates of a block to its gates
    readout: np.ndarray  # (9, width)
    readout_bias: np.ndarray  # (9,)


class InwardWeights(NamedTuple):
    """The parameters of the inward layer, and of the way from it to the first one."""

    hidden: np.ndarray  # (outputs, columns), from its output of the joint beyond to its nets
    back: np.ndarray  # (columns, outputs), its transpose, with zeros that fill the last vector
    angles: np.ndarray  # (joints or 1, axes, columns), to its nets
    bias: np.ndarray  # (joints or 1, columns)
    own: np.ndarray  # (3 (cells + 3) blocks,), from cells and gates of a block to its gates
    beyond: np.ndarray  # (outputs, columns of the first layer), from its output to nets of that
    beyond_back: np.ndarray  # (columns of the first layer, outputs), its transpose, likewise


class Tape(NamedTuple):
    """
    A forward pass: its result, kept with what derivatives need.

    On the axis of joints + 1, element 0 is the state before the first joint.
    """

    angles: np.ndarray  # (batch, joints, axes) [rad or m]
    chain: np.ndarray  # (batch, joints, 9)
    # Gates, tanh of the nets of the cells, cells, tanh of these; of each, the blocks.
    state: np.ndarray  # (2, joints + 1, batch, (3 + 3 cells) blocks)
    output: np.ndarray  # (2, joints + 1, batch, width)


class InwardTape(NamedTuple):
    """
    What the inward layer did, kept with what derivatives need; it is shaped as a `Tape` is.

    On the axis of joints + 1, the last element is the state beyond the last joint.
    """

    state: np.ndarray  # (joints + 1, batch, (3 + 3 cells) blocks)
    output: np.ndarray  # (joints + 1, batch, outputs)


class Slopes(NamedTuple):
    """What is passed back from joint to joint: slopes of the elements of a layer, in lanes."""

    carried: np.ndarray  # (2, lanes, (2 cells + 3) blocks): of outputs, cells, gates
    net: np.ndarray  # (2, joints or 1, lanes, columns): of all joints, or of this one


class Tangents(NamedTuple):
    """What is passed on from joint to joint: changes of the elements of a layer, lanes last."""

    output: np.ndarray  # (2, width, lanes)
    cell: np.ndarray  # (2, cells, blocks, lanes)
    gates: np.ndarray  # (2, 3, blocks, lanes)
    net: np.ndarray  # (3 + cells, blocks, lanes)
