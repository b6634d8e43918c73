# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The shape of the network: its layers, gates and sizes."""

from __future__ import annotations

from dataclasses import dataclass

from snake_arm_control.arm import pose

ANGLES = 2  # of each joint: inputs of one recurrent step
GEOMETRY = 3  # of each joint: inputs beside the angles of a network for arms of any geometry
LAYERS = ('first', 'second')
FIRST, SECOND = range(len(LAYERS))
GATES = 3  # of each block
INPUT, FORGET, OUTPUT = range(GATES)


@dataclass(frozen=True)
class Architecture:
    """Size of the network: the same in both hidden layers."""

    blocks: int = 24
    cells: int = 3  # in each block, sharing its gates
    geometry: int = 0  # numbers read of each joint beside its angles: none, or `GEOMETRY`

    @property
    def reads(self) -> int:
        """Numbers that one recurrent step reads of its joint."""
        return ANGLES + self.geometry

    @property
    def width(self) -> int:
        """Outputs of a hidden layer."""
        return self.blocks * self.cells

    @property
    def columns(self) -> int:
        """Net inputs of a hidden layer: the three gates of all blocks, then their cells."""
        return (GATES + self.cells) * self.blocks

    @property
    def states(self) -> int:
        """Numbers of a hidden layer's state: the nets, squashed, then the cells and their tanh."""
        return self.columns + 2 * self.width

    def inputs(self, layer: int) -> int:
        """Return how many inputs a hidden layer has: the first reads the joint too."""
        return self.reads + self.width if layer == FIRST else self.width

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter by name."""
        shapes: dict[str, tuple[int, ...]] = {
            'readout': (self.width, pose.SIZE), 'readout_bias': (pose.SIZE,)}
        for layer, name in enumerate(LAYERS):
            shapes |= {f'{name}.weight': (self.inputs(layer), self.columns),
                       f'{name}.bias': (self.columns,),
                       f'{name}.peephole': (GATES, self.blocks, self.cells),
                       f'{name}.lateral': (GATES, GATES, self.blocks)}
        return shapes
