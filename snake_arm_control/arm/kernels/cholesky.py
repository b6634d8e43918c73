# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Small positive definite systems of equations, compiled."""

import math

from snake_arm_control.compiling import compiled

_LEAST_PIVOT = 1e-14  # relative to the largest


@compiled
def cholesky(matrix):
    """Turn the lower triangle of a positive definite matrix into its Cholesky factor, in place."""
    least = 0.0
    for a in range(len(matrix)):
        least = max(least, _LEAST_PIVOT * matrix[a, a])
    for a in range(len(matrix)):
        for b in range(a + 1):
            value = matrix[a, b]
            for i in range(b):
                value -= matrix[a, i] * matrix[b, i]
            if b < a:
                matrix[a, b] = value / matrix[b, b]
            else:
                matrix[a, a] = math.sqrt(least if value < least else value)
    return matrix


@compiled
def solve(factor, vector):
    """Return the solution for a matrix of which the Cholesky factor is given."""
    result = vector.copy()
    for a in range(len(result)):
        value = result[a]
        for i in range(a):
            value -= factor[a, i] * result[i]
        result[a] = value / factor[a, a]
    for a in range(len(result) - 1, -1, -1):
        value = result[a] / factor[a, a]
        result[a] = value
        for i in range(a):
            result[i] -= factor[a, i] * value
    return result
