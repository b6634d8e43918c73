# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Linear functionals of a pose chain, of which models return the derivatives.

Functional i is the sum of ``coefficients[e] . chain[joints[e]]`` over the entries e that have
``rows[e] = i``: a component of a pose, a turn about an axis, the way of a point inside a link
along an obstacle's normal, the distance of two links.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snake_arm_control.arm import pose
from snake_arm_control.arm.kernels.serial_chain import lowest_and_highest
from snake_arm_control.errors import ShapeError

COMPONENTS = np.eye(pose.SIZE)  # the coefficients of each component


class Differentiated:
    """A model at configurations, which knows how functionals of its chain change."""

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """
        Return the derivatives of functionals of the chain by angles[first:].

        :param rows, joints, coefficients: of the entries, see above
        :param first: joint from which on angles are differentiated by
        :return: (*batch, functionals, joints - first, axes)
        :raises ShapeError: if the entries are misshapen
        :raises IndexError: if a number is out of range
        """
        raise NotImplementedError

    def lane_rows(self, entries: Entries) -> np.ndarray:
        """
        Return the derivatives (functionals, joints, axes), each of one configuration.

        :param entries: which are not checked; lanes are indices into the batch as one axis
        """
        raise NotImplementedError

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """Return rows (*batch, rows, joints - first, axes) of dchain/dangles[first:]."""
        return self.functional_rows(*of_components(joints, components), first)


class Entries(NamedTuple):
    """Functionals in the form that kernels take."""

    rows: np.ndarray  # (entries,) numbers of the functionals, from 0
    joints: np.ndarray  # (entries,) indices from 0 along the chain
    coefficients: np.ndarray  # (entries, 9)
    lanes: np.ndarray  # (functionals,) the configuration of each

    def of_each(self, batch: int) -> Entries:
        """Return these functionals, of one configuration, for each of a batch in turn."""
        if batch == 1:
            return self
        each = np.arange(batch)
        return Entries((self.rows[:, None] * batch + each).ravel(), self.joints.repeat(batch),
                       self.coefficients.repeat(batch, axis=0), np.tile(each, len(self.lanes)))

    def by_configuration(self, found: np.ndarray, batch: tuple[int, ...]) -> np.ndarray:
        """Return as (*batch, functionals, ...) what was found for `of_each` of a batch."""
        count, shape = len(self.lanes), found.shape[1:]
        each = found.reshape(count, math.prod(batch), *shape).swapaxes(0, 1)
        return each.reshape(*batch, count, *shape)


def checked(rows: ArrayLike, joints: ArrayLike, coefficients: ArrayLike, length: int, first: int,
            dtype: type = np.float64) -> Entries:
    """
    Return functionals of a chain, checked, for kernels look at nothing.

    :param rows: (entries,) numbers of the functionals, from 0 and below the number of entries
    :param joints: (entries,) indices from 0 along the chain
    :param coefficients: (entries, 9)
    :param length: joints of the chain
    :param first: joint from which on angles are differentiated by
    :raises ShapeError: if the entries are misshapen
    :raises IndexError: if a number is out of range
    """
    rows, joints = np.array(rows, np.int64), np.array(joints, np.int64)
    coefficients = np.array(coefficients, dtype, order='C')
    if rows.ndim != 1 or rows.shape != joints.shape:
        raise ShapeError('joints', joints.shape, f'(entries,), and so rows {rows.shape}')
    if coefficients.shape != (len(rows), pose.SIZE):
        raise ShapeError('coefficients', coefficients.shape, f'({len(rows)}, {pose.SIZE})')
    check_within('joint', joints, length)
    last = check_within('number', rows, len(rows))
    if not 0 <= first <= length:
        raise IndexError(f'first is joint {first}, expected 0 to {length}')
    return Entries(rows, joints, coefficients, np.zeros(last + 1, np.int64))


def of_components(joints: ArrayLike, components: ArrayLike
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return the functionals that are components of the chain, as rows, joints and coefficients.

    :param joints, components: (rows,) indices into the chain
    :raises ShapeError: if they are not both (rows,)
    :raises IndexError: if a component is out of range
    """
    joints, components = np.array(joints, np.int64), np.array(components, np.int64)
    if components.ndim != 1 or joints.shape != components.shape:
        raise ShapeError('components', components.shape, f'(rows,), and so joints {joints.shape}')
    check_within('component', components, pose.SIZE)
    return np.arange(components.size), joints, COMPONENTS[components]


def check_within(name: str, indices: np.ndarray, end: int) -> int:
    """Return the highest index, -1 of none, or raise IndexError unless all are below the end."""
    lowest, highest = lowest_and_highest(indices)
    if lowest < 0 or highest >= end:
        raise IndexError(f'the rows have {name} {lowest} to {highest}, expected 0 to {end - 1}')
    return highest
