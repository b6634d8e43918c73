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
    Add ``x @ weight`` to the first columns of out: here the time goes.

    :param x: (lanes, depth or more)
    :param weight: (depth, columns)
    :param out: (lanes, columns or more)
    """
    depth, columns = weight.shape
    lanes, tripled = len(x), len(x) - len(x) % 3
    by_four, by_eight = depth - depth % 4, depth - depth % 8
    for a in range(0, tripled, 3):  # three share what is read of the weights
        b, c = a + 1, a + 2
        for k in range(0, by_four, 4):
            a0, a1, a2, a3 = x[a, k], x[a, k + 1], x[a, k + 2], x[a, k + 3]
            b0, b1, b2, b3 = x[b, k], x[b, k + 1], x[b, k + 2], x[b, k + 3]
            c0, c1, c2, c3 = x[c, k], x[c, k + 1], x[c, k + 2], x[c, k + 3]
            for n in range(columns):
                w0, w1 = weight[k, n], weight[k + 1, n]
                w2, w3 = weight[k + 2, n], weight[k + 3, n]
                out[a, n] += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3
                out[b, n] += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3
                out[c, n] += c0 * w0 + c1 * w1 + c2 * w2 + c3 * w3
        for k in range(by_four, depth):
            a0, b0, c0 = x[a, k], x[b, k], x[c, k]
            for n in range(columns):
                out[a, n] += a0 * weight[k, n]
                out[b, n] += b0 * weight[k, n]
                out[c, n] += c0 * weight[k, n]
    for a in range(tripled, lanes):
        for k in range(0, by_eight, 8):
            a0, a1, a2, a3 = x[a, k], x[a, k + 1], x[a, k + 2], x[a, k + 3]
            a4, a5, a6, a7 = x[a, k + 4], x[a, k + 5], x[a, k + 6], x[a, k + 7]
            for n in range(columns):
                out[a, n] += (a0 * weight[k, n] + a1 * weight[k + 1, n]
                              + a2 * weight[k + 2, n] + a3 * weight[k + 3, n]
                              + a4 * weight[k + 4, n] + a5 * weight[k + 5, n]
                              + a6 * weight[k + 6, n] + a7 * weight[k + 7, n])
        for k in range(by_eight, depth):
            a0 = x[a, k]
            for n in range(columns):
                out[a, n] += a0 * weight[k, n]
