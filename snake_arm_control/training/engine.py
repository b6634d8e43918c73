# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The network as a function of torch, by the engine that is fastest on the device.

On a CPU that is the compiled network, to learn on CUDA a graph of it, and elsewhere, or with an
inward layer on CUDA, the torch module itself. Tests hold that they agree.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snake_arm_control.model import batched, bptt
from snake_arm_control.model.network import Network
from snake_arm_control.model.parameters import NetworkParameters
from snake_arm_control.training import unrolled

FEW = 24  # samples that bptt is faster for


def predict(network: Network, angles: Tensor) -> Tensor:
    """
    Return the predicted pose chains, as the network does.

    :param angles: (batch, joints, 2) [rad], or (batch, joints, 5) with the geometry, on the
        network's device
    :return: (batch, joints, 9), which can be differentiated once
    :raises WeightsError: on a CPU, if the parameters are no longer finite
    """
    outwards = not network.architecture.inward
    if angles.device.type == 'cuda' and torch.is_grad_enabled() and outwards:
        return unrolled.graph(network, angles)(angles)
    if angles.device.type != 'cpu':
        return network(angles)
    names, parameters = zip(*network.named_parameters())
    return _Compiled.apply(names, angles, *parameters)


class _Compiled(torch.autograd.Function):
    """The bridge between autograd and the compiled kernels."""

    @staticmethod
    def forward(ctx: Any, names: tuple[str, ...], angles: Tensor, *parameters: Tensor) -> Tensor:
        arrays = {name: p.detach().numpy() for name, p in zip(names, parameters)}
        ctx.names, ctx.parameters = names, NetworkParameters.from_arrays(arrays)
        architecture = ctx.parameters.architecture
        few = len(angles) <= FEW and not (architecture.geometry or architecture.inward)
        ctx.kernels = bptt if few else batched
        ctx.tape = ctx.kernels.forward(ctx.parameters, angles.detach().numpy())
        return torch.from_numpy(ctx.tape.chain)

    @staticmethod
    def backward(ctx: Any, chain_gradient: Tensor) -> tuple[Tensor | None, ...]:
        by_parameters, by_angles = ctx.kernels.parameter_gradient(
            ctx.parameters, ctx.tape, chain_gradient.numpy())
        return (None, torch.from_numpy(by_angles),
                *(torch.from_numpy(by_parameters[name]) for name in ctx.names))
