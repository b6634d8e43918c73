# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The unrolled network, which learns on GPUs, beside autograd on the same network."""

import pytest

torch = pytest.importorskip('torch')
from snake_arm_control.model.architecture import Architecture, GEOMETRY  # noqa: E402
from snake_arm_control.model.network import Network  # noqa: E402
from snake_arm_control.training import chains, unrolled  # noqa: E402


@pytest.mark.parametrize('joints', (1, 2, 7))
def test_its_gradients_are_those_of_autograd(joints):
    network = Network(Architecture(4, 2, GEOMETRY), torch.Generator().manual_seed(1)).double()
    generator = torch.Generator().manual_seed(2)
    readings = chains.draw(5, joints, generator).double()
    slopes = torch.rand((5, joints, 9), generator=generator, dtype=torch.float64)

    def gradients(predict):
        network.zero_grad()
        chain = predict(readings)
        (slopes * chain).sum().backward()
        return chain, {name: value.grad.clone() for name, value in network.named_parameters()}

    chain, expected = gradients(network)
    ours, found = gradients(unrolled.Unrolled(network, compiled=False))
    torch.testing.assert_close(ours, chain)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='there is no GPU')
def test_a_graph_on_a_gpu_learns_what_the_module_does():
    network = Network(Architecture(geometry=GEOMETRY)).cuda()
    readings = chains.draw(64, 7, torch.Generator('cuda').manual_seed(0))
    network(readings).square().sum().backward()
    expected = {name: value.grad.clone() for name, value in network.named_parameters()}
    for _ in range(2):
        network.zero_grad()
        unrolled.graph(network, readings)(readings).square().sum().backward()
        for name, value in network.named_parameters():
            torch.testing.assert_close(value.grad, expected[name], rtol=1e-3, atol=1e-3)
