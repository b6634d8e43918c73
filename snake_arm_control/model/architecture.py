# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The shape of the network: its layers, gates and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from snake_arm_control.arm import pose

ANGLES = 2  # of each joint: inputs of one recurrent step
GEOMETRY = 3  # of each joint: inputs beside the angles of a network for arms of any geometry
LAYERS = ('first', 'second')
FIRST, SECOND = range(len(LAYERS))
INWARD = 'inward'  # the layer that reads the joints from the last to the first, if there is one
INWARD_BLOCKS = 12  # of it, where nobody says how many
GATES = 3  # of each block
INPUT, FORGET, OUTPUT = range(GATES)


@dataclass(frozen=True)
class Architecture:
    """Size of the network: the same in both layers that read the joints outwards."""

    blocks: int = 24
    cells: int = 3  # in each block, sharing its gates
    geometry: int = 0  # numbers read of each joint beside its angles: none, or `GEOMETRY`
    inward: int = 0  # blocks of the layer that reads the joints inwards; 0: there is none

    @property
    def reads(self) -> int:
        """Numbers that one recurrent step reads of its joint."""
        return ANGLES + self.geometry

    @cached_property
    def of_inward(self) -> Architecture:
        """The size of the inward layer."""
        return Architecture(self.inward, self.cells, self.geometry)

    @property
    def beyond(self) -> int:
        """Outputs of the inward layer, by which a joint knows what lies beyond it."""
        return self.inward * self.cells

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
        return self.reads + self.beyond + self.width if layer == FIRST else self.width

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter by name."""
        shapes: dict[str, tuple[int, ...]] = {
            'readout': (self.width, pose.SIZE), 'readout_bias': (pose.SIZE,)}
        for layer, name in enumerate(LAYERS):
            shapes |= self._layer(name, self.inputs(layer))
        if self.inward:
            shapes |= self.of_inward._layer(INWARD, self.reads + self.beyond)
        return shapes

    def _layer(self, name: str, inputs: int) -> dict[str, tuple[int, ...]]:
        return {f'{name}.weight': (inputs, self.columns),
                f'{name}.bias': (self.columns,),
                f'{name}.peephole': (GATES, self.blocks, self.cells),
                f'{name}.lateral': (GATES, GATES, self.blocks)}
