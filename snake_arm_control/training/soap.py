# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Adam in the eigenbasis of Shampoo's preconditioner (SOAP), for a network of small matrices."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

SIDES = ('left', 'right')


class Soap(torch.optim.Optimizer):
    """
    SOAP, after Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam" (2024).

    A gradient G, a matrix, is turned into the eigenbases of the running means of G G^T and G^T G.
    There Adam divides it by the root of the running mean of its squares, and the step is turned
    back. The bases are updated by one QR iteration every few steps. Unlike in the paper, a
    parameter that isn't a matrix is taken as one column with a full left side: these are biases
    and peepholes of at most a few hundred numbers, which then learn as fast as the matrices. The
    first step only initialises.
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 1e-2,
                 betas: tuple[float, float] = (0.95, 0.95), basis_beta: float = 0.95,
                 basis_every: int = 10, eps: float = 1e-8):
        super().__init__(params, {'lr': lr, 'betas': betas, 'basis_beta': basis_beta,
                                  'basis_every': basis_every, 'eps': eps})

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step along the gradients of all parameters that have one."""
        if closure is not None:
            raise ValueError('closure is not supported, expected None')
        for group in self.param_groups:
            for parameter in group['params']:
                if parameter.grad is not None:
                    gradient = parameter.grad
                    if gradient.ndim != 2:
                        gradient = gradient.reshape(-1, 1)
                    self._learn(parameter, gradient, self.state[parameter], group)

    def _learn(self, parameter: Tensor, gradient: Tensor, state: dict, group: dict):
        if not state:
            state.update(step=0, mean=torch.zeros_like(gradient),
                         square=torch.zeros_like(gradient))
            for side, other in zip(SIDES, (gradient @ gradient.T, gradient.T @ gradient)):
                if len(other) > 1:
                    state[side] = (1.0 - group['basis_beta']) * other
                    state[side + '_basis'] = torch.linalg.eigh(other).eigenvectors.flip(1)
            return
        state['step'] += 1
        beta_1, beta_2 = group['betas']
        state['mean'].lerp_(gradient, 1.0 - beta_1)
        turned = _turn(gradient, state)
        state['square'].mul_(beta_2).addcmul_(turned, turned, value=1.0 - beta_2)
        mean = _turn(state['mean'], state) / (1.0 - beta_1 ** state['step'])
        root = (state['square'] / (1.0 - beta_2 ** state['step'])).sqrt_()
        update = _turn_back(mean / (root + group['eps']), state)
        parameter.sub_(update.view_as(parameter), alpha=group['lr'])
        for side, seen in zip(SIDES, (gradient @ gradient.T, gradient.T @ gradient)):
            if side in state:
                state[side].lerp_(seen, 1.0 - group['basis_beta'])
                if state['step'] % group['basis_every'] == 0:
                    _follow(side, state)


def _turn(matrix: Tensor, state: dict) -> Tensor:
    """Turn a matrix into the eigenbases."""
    matrix = state['left_basis'].T @ matrix if 'left' in state else matrix
    return matrix @ state['right_basis'] if 'right' in state else matrix


def _turn_back(matrix: Tensor, state: dict) -> Tensor:
    """Turn a matrix out of the eigenbases."""
    matrix = state['left_basis'] @ matrix if 'left' in state else matrix
    return matrix @ state['right_basis'].T if 'right' in state else matrix


def _follow(side: str, state: dict):
    """Improve the eigenbasis of a side by one step of orthogonal iteration, greatest first."""
    covariance, basis = state[side], state[side + '_basis']
    order = ((covariance @ basis) * basis).sum(0).argsort(descending=True, stable=True)
    state['square'] = state['square'].index_select(SIDES.index(side), order)
    state[side + '_basis'] = torch.linalg.qr(covariance @ basis[:, order]).Q
