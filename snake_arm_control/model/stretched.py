# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A pose chain whose links are longer, or shorter, than its model knows."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.model import functionals
from snake_arm_control.model.differentiable import Linearization


def parts_of(stretch: np.ndarray) -> np.ndarray:
    """
    Return by how much each position of the core counts in each of a stretched chain.

    Position j is the sum of (1 + stretch) (position k - position k-1) over k up to j.

    :param stretch: (joints,) by which fraction of it each way is longer, the first from the base
    :return: (joints, joints)
    """
    change = np.append(stretch[:-1] - stretch[1:], 0.0)
    return np.tril(np.tile(change, (len(stretch), 1)), -1) + np.diag(1.0 + stretch)


class Stretched(functionals.Differentiated):
    """
    A model at configurations, each way from an element to the next longer by a fraction.

    That is linear in the chain: so are its derivatives, whatever the model is.

    :param core: the model without it
    :param parts: what each position takes of those of the core, see `parts_of`
    """

    def __init__(self, core: Linearization, parts: np.ndarray):
        self._core, self._parts = core, parts
        self.chain = np.array(core.chain)
        self.chain[..., pose.POSITION] = parts @ core.chain[..., pose.POSITION]

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """Return dL/dangles (*batch, joints, axes) for dL/dchain (*batch, joints, 9)."""
        slopes = np.array(chain_gradient, dtype=float)
        slopes[..., pose.POSITION] = self._parts.T @ slopes[..., pose.POSITION]
        return self._core.gradient(slopes)

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """See `functionals.Differentiated`."""
        entries = functionals.checked(rows, joints, coefficients, len(self._parts), first)
        parts = self._parts[entries.joints]
        of, elements = np.nonzero(parts)
        spread = entries.coefficients[of]
        spread[:, pose.POSITION] *= parts[of, elements, None]
        spread[elements != entries.joints[of], pose.POSITION.stop:] = 0.0
        return self._core.functional_rows(entries.rows[of], elements, spread, first)
