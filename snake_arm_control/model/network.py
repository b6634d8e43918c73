# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's recurrent network as a torch module: the reference of the compiled core."""

from __future__ import annotations

import math

import torch
from torch import nn, Tensor

from snake_arm_control.arm import pose
from snake_arm_control.model.architecture import Architecture, FIRST, GATES


class LstmLayer(nn.Module):
    """
    LSTM blocks with peepholes and connections between the gates of a block.

    In block k with cells q, at step j (weights are named as the parameters below)::

        i = sigmoid(net_i + peephole_i . c[j-1] + lateral_i . gates[j-1])
        f = sigmoid(net_f + peephole_f . c[j-1] + lateral_f . gates[j-1])
        c = f c[j-1] + i tanh(net_c)
        o = sigmoid(net_o + peephole_o . c[j]  + lateral_o . gates[j-1])
        h = o tanh(c)

    where net = x @ weight + bias, and gates = (i, f, o) of the same block. A layer that reads
    outwards isn't connected to its own output (section 4 of the paper); the inward one is.
    """

    def __init__(self, inputs: int, architecture: Architecture, generator: torch.Generator | None):
        super().__init__()
        blocks, cells = architecture.blocks, architecture.cells
        self.architecture = architecture
        scale = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(_uniform((inputs, architecture.columns), scale, generator))
        self.bias = nn.Parameter(torch.zeros(architecture.columns))
        self.peephole = nn.Parameter(_uniform((GATES, blocks, cells), 0.1, generator))
        self.lateral = nn.Parameter(_uniform((GATES, GATES, blocks), 0.1, generator))

    def forward(self, x: Tensor, cell: Tensor, gates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """
        Take one step.

        :param x: (batch, inputs)
        :param cell: (batch, blocks, cells), state of the step before
        :param gates: (batch, 3, blocks), activations of the step before
        :return: output (batch, blocks * cells), the new cell and gates
        """
        net = torch.addmm(self.bias, x, self.weight)
        return self.squash(net, cell, gates, self.peephole, self.lateral)

    @staticmethod
    def squash(net: Tensor, cell: Tensor, gates: Tensor, peephole: Tensor, lateral: Tensor
               ) -> tuple[Tensor, Tensor, Tensor]:
        """Do what follows on the net (batch, columns) in a step."""
        _, blocks, cells = peephole.shape
        net_gates = net[:, :GATES * blocks].unflatten(1, (GATES, blocks))
        net_cell = net[:, GATES * blocks:].unflatten(1, (blocks, cells))
        net_gates = net_gates + (lateral * gates[:, None]).sum(2)
        seen = (peephole[:2] * cell[:, None]).sum(3)
        i, f = torch.sigmoid(net_gates[:, :2] + seen).unbind(1)
        cell = f[..., None] * cell + i[..., None] * torch.tanh(net_cell)
        o = torch.sigmoid(net_gates[:, 2] + (peephole[2] * cell).sum(2))
        output = (o[..., None] * torch.tanh(cell)).flatten(1)
        return output, cell, torch.stack((i, f, o), 1)


class InwardLayer(LstmLayer):
    """A layer that reads the joints from the last to the first, and its own output before."""

    def __init__(self, architecture: Architecture, generator: torch.Generator | None):
        super().__init__(architecture.reads + architecture.beyond, architecture.of_inward,
                         generator)

    def told(self, angles: Tensor) -> Tensor:
        """
        Return what it tells of what lies beyond each joint.

        :param angles: (batch, joints, 2 or 5), as they are read
        :return: (batch, joints, outputs)
        """
        a, rows = self.architecture, len(angles)
        output = angles.new_zeros(rows, a.width)
        cell = angles.new_zeros(rows, a.blocks, a.cells)
        gates = angles.new_zeros(rows, GATES, a.blocks)
        outputs = []
        for phi in reversed(angles.unbind(1)):
            output, cell, gates = self(torch.cat((phi, output), 1), cell, gates)
            outputs.append(output)
        return torch.stack(outputs[::-1], 1)


class Network(nn.Module):
    """
    Two hidden layers of LSTM blocks and a linear read-out: joint angles in, pose chain out.

    One joint is one recurrent step. The first layer reads the joint, its angles and perhaps its
    geometry, and the second layer's previous output; the second reads the first's current output.

    With an inward layer, this reads the joints before, from the last to the first: each joint, and
    its own output of the joint beyond. The first layer reads its output of the joint as well,
    which can tell what hangs on the joint.
    """

    def __init__(self, architecture: Architecture = Architecture(),
                 generator: torch.Generator | None = None):
        super().__init__()
        self.architecture = architecture
        width = architecture.width
        self.first = LstmLayer(architecture.inputs(FIRST), architecture, generator)
        self.second = LstmLayer(width, architecture, generator)
        scale = 1.0 / math.sqrt(width)
        self.readout = nn.Parameter(_uniform((width, pose.SIZE), scale, generator))
        self.readout_bias = nn.Parameter(torch.zeros(pose.SIZE))
        # The last, so that the others begin as they do without.
        self.inward = InwardLayer(architecture, generator) if architecture.inward else None

    def forward(self, angles: Tensor) -> Tensor:
        """
        Return the predicted pose chain (equation 1).

        :param angles: (*batch, joints, 2) [rad], or (*batch, joints, 5) with the geometry
        :return: (*batch, joints, 9)
        """
        batch = angles.shape[:-2]
        angles = angles.reshape(-1, *angles.shape[-2:])
        if self.inward is not None:
            angles = torch.cat((angles, self.inward.told(angles)), 2)
        output, *state = self.initial_state(angles)
        outputs = []
        for phi in angles.unbind(1):
            output, *state = self.step(phi, output, *state)
            outputs.append(output)
        chain = torch.stack(outputs, 1) @ self.readout + self.readout_bias
        return chain.unflatten(0, batch)

    def initial_state(self, like: Tensor) -> tuple[Tensor, ...]:
        """Return the zero output, cells and gates for a batch of angles (batch, joints, ...)."""
        a = self.architecture
        rows = len(like)
        return (like.new_zeros(rows, a.width),
                like.new_zeros(rows, a.blocks, a.cells),
                like.new_zeros(rows, GATES, a.blocks),
                like.new_zeros(rows, a.blocks, a.cells),
                like.new_zeros(rows, GATES, a.blocks))

    def step(self, phi: Tensor, output: Tensor, cell_1: Tensor, gates_1: Tensor,
             cell_2: Tensor, gates_2: Tensor) -> tuple[Tensor, ...]:
        """
        Take one joint's step.

        :param phi: (batch, inputs), what is read of the joint and of what lies beyond
        :return: the next state
        """
        hidden, cell_1, gates_1 = self.first(torch.cat((phi, output), 1), cell_1, gates_1)
        output, cell_2, gates_2 = self.second(hidden, cell_2, gates_2)
        return output, cell_1, gates_1, cell_2, gates_2


def _uniform(shape: tuple[int, ...], scale: float, generator: torch.Generator | None) -> Tensor:
    return (2.0 * torch.rand(shape, generator=generator) - 1.0) * scale
