# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Terms: what is wanted of an arm, in the form that optimisers know. Add your own as a class."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose


class Functionals(NamedTuple):
    """
    Values at a configuration, and how they change with the pose chain and with the angles.

    While the chain changes by dC and the angles by dA, value i changes by the sum of
    ``coefficients[e] . dC[joints[e]]`` over the entries e that have ``rows[e] = i``, plus
    ``by_angles[i] . dA``. The forward model turns the former into a change by the angles, too: one
    back-propagated row for each value, however many entries it has.
    """

    values: np.ndarray  # (n,)
    rows: np.ndarray  # (entries,) numbers of values, from 0
    joints: np.ndarray  # (entries,) indices from 0 along the chain
    coefficients: np.ndarray  # (entries, 9)
    by_angles: np.ndarray | None = None  # (n, joints, axes), None: zero

    @classmethod
    def of_angles(cls, values: np.ndarray, by_angles: np.ndarray | None = None) -> Functionals:
        """
        Return values that depend on the angles alone.

        :param values: (n,)
        :param by_angles: (n, joints, axes), their derivatives
        """
        none = np.zeros(0, int)
        return cls(values, none, none, np.zeros((0, pose.SIZE)), by_angles)

    @classmethod
    def stacked(cls, parts: Sequence[Functionals], angles: np.ndarray) -> Functionals:
        """
        Return the values of all parts, one part after the other.

        :param angles: (joints, axes), at which they are
        """
        parts = [part for part in parts if len(part.values)]
        if len(parts) < 2:
            return parts[0] if parts else _NONE
        counts = [len(part.values) for part in parts]
        rows, offset, by_angles = [parts[0].rows], 0, None
        for part, count in zip(parts[1:], counts):
            offset += count
            rows.append(part.rows + offset)
        if any(part.by_angles is not None for part in parts):
            by_angles = np.concatenate([
                np.zeros((count, *angles.shape)) if part.by_angles is None else part.by_angles
                for part, count in zip(parts, counts)])
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate(rows),
            np.concatenate([part.joints for part in parts]),
            np.concatenate([part.coefficients for part in parts]), by_angles)

    def picked(self, mask: np.ndarray) -> Functionals:
        """Return the values of a mask (n,), in their order."""
        if mask.all():
            return self
        entries, numbers = mask[self.rows], np.cumsum(mask) - 1
        return Functionals(self.values[mask], numbers[self.rows[entries]], self.joints[entries],
                           self.coefficients[entries],
                           None if self.by_angles is None else self.by_angles[mask])


_NONE = Functionals.of_angles(np.zeros(0))


class Term:
    """
    One thing that is wanted of an arm; override what it has to say.

    - Residuals are to be zero. They are weighed against those of the other terms by their size, so
      that a position error in metres has the weight 1.
    - Inequalities are to be at least zero, and come before all residuals, as joint limits do. One
      is asleep while its value exceeds the influence: then it changes no step, not by a bit. When
      awake, it lets no step use up more than a fraction of its value (the approach), so that the
      arm comes to rest where it is zero. One that is negative pushes the arm out. Where
      inequalities contradict each other, the sum of the squares of what is missing is least.
    - A preference is how the angles should change where all else leaves a choice.

    A chain is the true one as it is expected (equation 4); derivatives are those of the model.

    :ivar influence: value of an inequality from which on it is asleep
    :ivar approach: fraction of its value that an inequality may lose in one step, from 0 to 1
    """

    influence: float = math.inf
    approach: float = 0.5

    def residuals(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """
        Return what is to be zero, None for nothing.

        :param chain: (joints, 9)
        :param angles: (joints, axes) [rad or m]
        """
        return None

    def inequalities(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """
        Return what is to be at least zero, [m] or what is as large as a metre, None for nothing.

        Those that are asleep may be left out.

        :param chain: (joints, 9)
        :param angles: (joints, axes) [rad or m]
        """
        return None

    def preference(self, angles: np.ndarray) -> np.ndarray | None:
        """
        Return the preferred change of the angles (joints, axes) [rad or m], None for none.

        :param angles: (joints, axes) [rad or m]
        """
        return None
