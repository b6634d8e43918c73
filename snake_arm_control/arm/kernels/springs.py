# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Where springs that tendons pull at come to rest, compiled.

Bends b of stiffness K, and tendons of stiffness 1 that are stretched by ``s = pulled - L b``,
have the energy ``b' K b / 2 + sum f(s)``. A taut tendon pulls by its stretch, a slack one not at
all; in between, ``f' = (s + sqrt(s^2 + 4 w^2)) / 2`` with the softness w. This is convex, so that
Newton's steps, halved while the energy rises, end in its only minimum. There the bends change with
what is pulled by ``(K + L' F L)^-1 L' F``, with the diagonal ``F = f''(s)``.
"""

import math

import numpy as np

from snake_arm_control.arm.kernels.cholesky import cholesky, solve
from snake_arm_control.compiling import compiled

_STEPS = 60
_LEAST = 1e-6  # part of a step
_NEAR, _THERE = 1e-8, 1e-24  # twice the decrease of the energy by a step, relative


@compiled
def settle(levers, stiffness, softness, pulled):
    """
    Return bends at rest, and how they change with what is pulled.

    :param levers: (tendons, bends) [m/rad]
    :param stiffness: (bends,) [m^2/rad^2], in stiffnesses of a tendon
    :param softness: [m]
    :param pulled: (batch, tendons) [m]
    :return: (batch, bends) [rad], (batch, bends, tendons) [rad/m]
    """
    tendons, count = levers.shape
    bends = np.zeros((len(pulled), count))
    slopes = np.empty((len(pulled), count, tendons))
    forces, gains = np.empty(tendons), np.empty(tendons)
    for lane in range(len(pulled)):
        at = bends[lane]
        energy = _energy(levers, stiffness, softness, pulled[lane], at)
        for _ in range(_STEPS):
            factor = _linearize(levers, stiffness, softness, pulled[lane], at, forces, gains)
            pull = -stiffness * at
            for i in range(tendons):
                pull += forces[i] * levers[i]
            step = solve(factor, pull)
            gain = (pull * step).sum()
            part, before = 1.0, energy
            while gain > _NEAR * before and part > _LEAST:
                energy = _energy(levers, stiffness, softness, pulled[lane], at + part * step)
                if energy <= before:
                    break
                part *= 0.5
            at += part * step
            if gain <= _THERE * energy:
                break
        factor = _linearize(levers, stiffness, softness, pulled[lane], at, forces, gains)
        for i in range(tendons):
            slopes[lane, :, i] = solve(factor, gains[i] * levers[i])
    return bends, slopes


@compiled
def _stretch(levers, pulled, bends, i):
    stretch = pulled[i]
    for n in range(len(bends)):
        stretch -= levers[i, n] * bends[n]
    return stretch


@compiled
def _energy(levers, stiffness, softness, pulled, bends):
    energy = 0.0
    for n in range(len(bends)):
        energy += 0.5 * stiffness[n] * bends[n] * bends[n]
    for i in range(len(pulled)):
        s = _stretch(levers, pulled, bends, i)
        energy += (0.25 * s * (s + math.sqrt(s * s + 4.0 * softness * softness))
                   + softness * softness * math.asinh(0.5 * s / softness))
    return energy


@compiled
def _linearize(levers, stiffness, softness, pulled, bends, forces, gains):
    """Put in the tendons' forces and gains; return the energy's curvature as Cholesky factor."""
    matrix = np.diag(stiffness)
    for i in range(len(pulled)):
        s = _stretch(levers, pulled, bends, i)
        root = math.sqrt(s * s + 4.0 * softness * softness)
        forces[i], gains[i] = 0.5 * (s + root), 0.5 * (1.0 + s / root)
        for a in range(len(bends)):
            for b in range(a + 1):
                matrix[a, b] += gains[i] * levers[i, a] * levers[i, b]
    return cholesky(matrix)
