# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The network on a GPU: unrolled by hand, each step compiled by torch, the whole captured as a graph.

Autograd would sum the gradients of the weights up over the joints, step by step. Here the way
back only carries what flows between joints; the gradients of the weights follow from all joints at
once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn, Tensor

from snake_arm_control.model.architecture import GATES, OUTPUT
from snake_arm_control.model.network import LstmLayer, Network

Step = Callable[..., tuple[Tensor, ...]]


class Unrolled(nn.Module):
    """
    A network with its gradient by the parameters, of what is read (batch, joints, ...).

    :param compiled: whether torch compiles the steps
    """

    def __init__(self, network: Network, compiled: bool = True):
        super().__init__()
        self.network = network
        steps: tuple[Step, ...] = LstmLayer.squash, _squash_back
        self.steps = tuple(map(torch.compile, steps)) if compiled else steps

    def forward(self, readings: Tensor) -> Tensor:
        """Return the chains (batch, joints, 9)."""
        names, parameters = zip(*self.network.named_parameters())
        return _Through.apply(self, names, readings, *parameters)


def graph(network: Network, readings: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the network as a graph of CUDA for readings of this shape, with its gradient."""
    graphs = network.__dict__.setdefault('graphs', {})  # as long as there is the network
    if readings.shape not in graphs:
        graphs[readings.shape] = torch.cuda.make_graphed_callables(
            Unrolled(network), (readings.clone(),))
    return graphs[readings.shape]


class _Through(torch.autograd.Function):
    """The pass forward, and back-propagation through time onto the parameters."""

    @staticmethod
    def forward(ctx: Any, unrolled: Unrolled, names: tuple[str, ...], readings: Tensor,
                *parameters: Tensor) -> Tensor:
        network, (squash, _) = unrolled.network, unrolled.steps
        layers = network.first, network.second
        output, *states = network.initial_state(readings)
        state = [states[:2], states[2:]]
        tapes: tuple[list[tuple[Tensor, ...]], ...] = ([], [])
        for reading in readings.unbind(1):
            for k, layer in enumerate(layers):
                given = output if k else torch.cat((reading, output), 1)
                net = torch.addmm(layer.bias, given, layer.weight)
                before = state[k]
                output, *state[k] = squash(net, *before, layer.peephole, layer.lateral)
                tapes[k].append((given, net, *before, state[k][0], output))
        ctx.unrolled, ctx.names = unrolled, names
        ctx.tapes = [[torch.stack(part) for part in zip(*tape)] for tape in tapes]
        outputs = ctx.tapes[1][-1]
        return (outputs @ network.readout + network.readout_bias).swapaxes(0, 1)

    @staticmethod
    def backward(ctx: Any, by_chain: Tensor) -> tuple[Tensor | None, ...]:
        network, (_, squash_back) = ctx.unrolled.network, ctx.unrolled.steps
        layers = network.first, network.second
        by_chain = by_chain.swapaxes(0, 1)
        by_outputs = by_chain @ network.readout.T
        reads = network.architecture.reads
        carried = [tuple(torch.zeros_like(tape[part][0]) for part in (2, 3)) for tape in ctx.tapes]
        following = torch.zeros_like(by_outputs[0])
        nets: tuple[list[Tensor], ...] = ([], [])
        for j in range(len(by_outputs) - 1, -1, -1):
            by_output = by_outputs[j] + following
            for k in (1, 0):
                _, net, cell, gates, _, _ = (part[j] for part in ctx.tapes[k])
                by_net, *carried[k] = squash_back(
                    net, cell, gates, layers[k].peephole, layers[k].lateral, by_output,
                    *carried[k])
                nets[k].append(by_net)
                by_output = by_net @ layers[k].weight.T
            following = by_output[:, reads:]
        found = {'readout': _product(ctx.tapes[1][-1], by_chain),
                 'readout_bias': by_chain.sum((0, 1))}
        for k, name in enumerate(('first', 'second')):
            by_net = torch.stack(nets[k][::-1])
            found |= {f'{name}.{key}': value
                      for key, value in _by_layer(layers[k], by_net, ctx.tapes[k]).items()}
        return (None, None, None, *(found[name] for name in ctx.names))


def _squash_back(net: Tensor, cell: Tensor, gates: Tensor, peephole: Tensor, lateral: Tensor,
                 by_output: Tensor, by_cell: Tensor, by_gates: Tensor) -> tuple[Tensor, ...]:
    """Return the slopes by the net, and by the cell and gates of the joint before."""
    pull = torch.func.vjp(lambda net, cell, gates: LstmLayer.squash(
        net, cell, gates, peephole, lateral), net, cell, gates)[1]
    return pull((by_output, by_cell, by_gates))


def _by_layer(layer: LstmLayer, by_net: Tensor, tape: list[Tensor]) -> dict[str, Tensor]:
    """Return the gradients of a layer's parameters, of slopes (joints, batch, columns)."""
    given, _, cell, gates, after, _ = tape
    blocks = layer.architecture.blocks
    by_gates = by_net[..., :GATES * blocks]

    def in_blocks(seen: Tensor) -> Tensor:
        """Return the products (3, blocks, ...) with what each gate sees (..., blocks, ...)."""
        size = seen.shape[2:]
        product = _product(by_gates, seen.flatten(2)).unflatten(1, size)
        return product.unflatten(0, (GATES, blocks)).diagonal(0, 1, 2 + size.index(blocks))

    peephole = in_blocks(cell).movedim(-1, 1)
    peephole = torch.cat((peephole[:OUTPUT], in_blocks(after).movedim(-1, 1)[OUTPUT:]))
    return {'weight': _product(given, by_net), 'bias': by_net.sum((0, 1)), 'peephole': peephole,
            'lateral': in_blocks(gates)}


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Sum the outer products of (joints, batch, ...) and (joints, batch, ...)."""
    return a.flatten(0, 1).T @ b.flatten(0, 1)
