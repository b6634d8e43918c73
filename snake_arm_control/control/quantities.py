# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What quantities of conditions are made of: values of the chain, and how they change with it."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.condition import Measure
from snake_arm_control.control.term import Functionals

TINY = 1e-12


def from_point(chain: np.ndarray, joint: int, point: np.ndarray, axes: np.ndarray, least: float,
               most: float) -> Measure:
    """Return how far a joint is from a point along axes (k, 3): the length, or all for none."""
    way = axes @ (chain[joint - 1, pose.POSITION] - point)
    if not most:
        return Measure(of_vector(joint, pose.POSITION, way, axes), *2 * (np.zeros(len(way)),))
    length = float(np.linalg.norm(way))
    row = (way / length if length > TINY else np.eye(len(way))[0]) @ axes
    return Measure(of_vector(joint, pose.POSITION, np.array([length]), row[None]),
                   np.array([least or -math.inf]), np.array([most]))


def of_vector(joint: int, part: slice, values: np.ndarray, axes: np.ndarray) -> Functionals:
    """Return values (k,) that change by axes (k, 3) with a part of a joint's pose."""
    rows = np.zeros((len(axes), pose.SIZE))
    rows[:, part] = axes
    return of_rows(joint, rows, values)


def of_rows(joint: int, rows: np.ndarray, values: np.ndarray | None = None) -> Functionals:
    """Return values (k,) that change by rows (k, 9) with a joint's pose."""
    count = len(rows)
    return Functionals(np.zeros(count) if values is None else values, np.arange(count),
                       np.full(count, joint - 1), rows)


def joined(first: Functionals, second: Functionals) -> Functionals:
    """Return the values of the first, which change with the entries of both."""
    return Functionals(first.values, *(np.concatenate(parts)
                                       for parts in zip(first[1:4], second[1:4])))


def unit(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the unit vector of a vector (3,), or where it is none some vector across an axis."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > TINY else across(axis)[0]


def across(axis: np.ndarray) -> np.ndarray:
    """Return two unit vectors (2, 3) across an axis (3,), and across each other."""
    least = np.eye(3)[int(np.abs(axis).argmin())]
    first = np.cross(axis, least)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    return np.stack((first, second / np.linalg.norm(second)))
