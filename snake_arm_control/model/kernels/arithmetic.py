# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arithmetic that all kernels share."""

from snake_arm_control.compiling import compiled


@compiled
def tanh(x):
    """
    Return the hyperbolic tangent by arithmetic alone, which is done for many x at once.

    A continued fraction of x / 2^n, then tanh 2y = 2 tanh y / (1 + tanh^2 y) n times, with one
    division at the end. The error is a few units in the last place; beyond the limit tanh
    rounds to 1. Written so that a NaN stays one.
    """
    real = type(x)
    single = real(1) + real(1e-9) == real(1)
    limit, halvings = (real(9), 2) if single else (real(19), 4)
    x = -limit if x < -limit else limit if x > limit else x
    y = x / real(1 << halvings)
    square = y * y
    p = y * (real(945) + square * (real(105) + square))
    q = real(945) + square * (real(420) + square * real(15))
    for _ in range(halvings):
        p, q = real(2) * p * q, p * p + q * q
    return p / q


@compiled
def sigmoid(x):
    half = type(x)(0.5)
    return half + half * tanh(half * x)


@compiled
def flushed(x):
    """Return x, or 0 where a gradient has vanished: denormal numbers take twenty times as long."""
    return type(x)(0) if abs(x) < type(x)(1e-30) else x


@compiled
def add_product(x, weight, out):
    """
    Add ``x @ weight`` to out: here the time goes.

    Eight rows of the weights are read at a time, from the second cache for the first two lanes
    and from the first cache for all others.
    """
    (lanes, depth), columns = x.shape, out.shape[1]
    paired, tiled = lanes - lanes % 2, depth - depth % 8
    for k in range(0, tiled, 8):
        for a in range(0, paired, 2):
            b = a + 1
            a0, a1, a2, a3 = x[a, k], x[a, k + 1], x[a, k + 2], x[a, k + 3]
            a4, a5, a6, a7 = x[a, k + 4], x[a, k + 5], x[a, k + 6], x[a, k + 7]
            b0, b1, b2, b3 = x[b, k], x[b, k + 1], x[b, k + 2], x[b, k + 3]
            b4, b5, b6, b7 = x[b, k + 4], x[b, k + 5], x[b, k + 6], x[b, k + 7]
            for n in range(columns):
                w0, w1 = weight[k, n], weight[k + 1, n]
                w2, w3 = weight[k + 2, n], weight[k + 3, n]
                w4, w5 = weight[k + 4, n], weight[k + 5, n]
                w6, w7 = weight[k + 6, n], weight[k + 7, n]
                out[a, n] += (a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                              + a4 * w4 + a5 * w5 + a6 * w6 + a7 * w7)
                out[b, n] += (b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
                              + b4 * w4 + b5 * w5 + b6 * w6 + b7 * w7)
        for a in range(paired, lanes):
            a0, a1, a2, a3 = x[a, k], x[a, k + 1], x[a, k + 2], x[a, k + 3]
            a4, a5, a6, a7 = x[a, k + 4], x[a, k + 5], x[a, k + 6], x[a, k + 7]
            for n in range(columns):
                out[a, n] += (a0 * weight[k, n] + a1 * weight[k + 1, n]
                              + a2 * weight[k + 2, n] + a3 * weight[k + 3, n]
                              + a4 * weight[k + 4, n] + a5 * weight[k + 5, n]
                              + a6 * weight[k + 6, n] + a7 * weight[k + 7, n])
    for k in range(tiled, depth):
        for a in range(lanes):
            a0 = x[a, k]
            for n in range(columns):
                out[a, n] += a0 * weight[k, n]
