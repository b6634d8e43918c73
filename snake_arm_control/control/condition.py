# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Conditions: what a goal asks beyond components, each a quantity of the chain and its bounds.

A quantity is a few functionals of the pose chain; a bound that is equal on both sides is a target.
All else follows from that, the same for every kind: the error is how far the quantity is beyond
its bounds, a descent wants that to be zero, and within the bounds they are kept as limits are; see
`ConditionTerm`. To add a kind, derive from `Condition` and define `measure`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
import math
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.link import is_number
from snake_arm_control.control.term import Functionals, Term
from snake_arm_control.errors import GoalError

Vector = tuple[float, ...]
PARTS = {'position': pose.POSITION, 'forward': pose.FORWARD, 'up': pose.UP}
_ROUNDING = 1e-12
_NEAR = 0.03  # [arm lengths] beyond its bounds a quantity is drawn back; nearer, they are kept
_STEP = 0.5  # [arm lengths], as far as a step of a descent may lead


class Measure(NamedTuple):
    """A quantity at a chain, and what it may be."""

    functionals: Functionals  # (k,) values, all [m] or all [1 or rad]
    lower: np.ndarray  # (k,)
    upper: np.ndarray  # (k,)

    @property
    def excess(self) -> np.ndarray:
        """How far each value is beyond its bounds (k,), zero within them."""
        values = self.functionals.values
        return values - np.clip(values, self.lower, self.upper)


@dataclass(frozen=True)
class Condition:
    """
    Base of all conditions.

    :param joint: number from 1 of the joint that it is about
    :raises GoalError: if a value can't be, as all conditions do
    """

    joint: int

    part = 'position'  # of the joint, whose error it is: position [m], forward or up [rad]

    def __post_init__(self):
        self._keep(joint=checked_joint(self.joint))

    def measure(self, chain: np.ndarray) -> Measure:
        """
        Return the quantity and its bounds.

        :param chain: (joints, 9)
        """
        raise NotImplementedError

    def error(self, chain: np.ndarray) -> float:
        """Return how far a chain (joints, 9) is from what is asked, [m] or [rad]."""
        excess = self.measure(chain).excess
        size = float(np.linalg.norm(excess))
        if self.part == 'position' or len(excess) == 1:
            return size
        return 2.0 * math.asin(min(0.5 * size, 1.0))  # the angle of a chord

    def outline(self, chain: np.ndarray, size: float) -> np.ndarray:
        """
        Return lines (n, 2, 3) [m] that show what is asked.

        :param chain: (joints, 9), where the arm is
        :param size: of what has no end [m]
        """
        return np.zeros((0, 2, 3))

    @property
    def joints(self) -> tuple[int, ...]:
        """Numbers of all joints that the quantity depends on."""
        return (self.joint,)

    def is_near(self, other: Condition, most: float) -> bool:
        """Return whether another one is of the same kind and all its numbers as near as that."""
        if type(self) is not type(other):
            return False
        (words, numbers), (others, other_numbers) = _sorted(astuple(self)), _sorted(astuple(other))
        return (words == others and len(numbers) == len(other_numbers)
                and all(a == b or abs(a - b) <= most for a, b in zip(numbers, other_numbers)))

    def _keep(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _what(self, name: str) -> str:
        return f'{name} of a condition on joint {self.joint}'

    def _vector(self, name: str, is_direction: bool = False) -> None:
        """Make an attribute a tuple of three finite numbers, of a direction of length 1."""
        vector = checked_vector(self._what(name), getattr(self, name))
        length = math.hypot(*vector)
        if is_direction:
            if not length:
                raise GoalError(f'{self._what(name)} is {vector}, expected a direction')
            if abs(length - 1.0) > _ROUNDING:  # not twice: it moves the last digit
                vector = tuple(value / length for value in vector)
        self._keep(**{name: vector})

    def _size(self, name: str, most: float = math.inf, least: float = 0.0) -> None:
        """Make an attribute a number from a least to a largest."""
        value = getattr(self, name)
        if not (is_number(value) and least <= value <= most):
            raise GoalError(f'{self._what(name)} is {value!r}, expected a number from {least:g} '
                            f'to {most:g}')
        self._keep(**{name: float(value)})


class ConditionTerm(Term):
    """
    A condition as a term.

    Beyond its bounds by far, a quantity has a residual, how far that is. Nearer, and inside, its
    bounds are inequalities: an arm that has come there keeps them before all else, and well within
    them they are asleep. A target has a residual only.

    Inequalities are in metres, residuals in arm lengths as those of a goal.

    :param gains: (9,), gamma of equation 4
    :param length: of the arm [m]
    """

    approach = 0.9

    def __init__(self, condition: Condition, gains: np.ndarray, length: float):
        self._condition, self._length = condition, length
        self._scale = math.sqrt(gains[PARTS[condition.part]][0])
        self.influence = _STEP * length

    def residuals(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return how far the quantity is beyond its bounds, where that is far; see `Term`."""
        measure = self._condition.measure(chain)
        wanted = ~self._is_kept(measure)
        if not self._scale or not wanted.any():
            return None
        return _scaled(measure.functionals, measure.excess, self._scale).picked(wanted)

    def inequalities(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return how far the quantity is within its bounds; see `Term`."""
        measure = self._condition.measure(chain)
        kept, found = self._is_kept(measure), []
        values = measure.functionals.values
        for sign, beyond in ((1.0, values - measure.lower), (-1.0, values - measure.upper)):
            mask = kept & np.isfinite(beyond)
            if mask.any() and self._scale:
                found.append(_scaled(measure.functionals, beyond,
                                     sign * self._scale * self._length).picked(mask))
        return Functionals.stacked(found, angles) if found else None

    def _is_kept(self, measure: Measure) -> np.ndarray:
        """Return which values (k,) are within their bounds, or nearly so."""
        return ((measure.lower < measure.upper)
                & (self._scale * np.abs(measure.excess) <= _NEAR))


def _scaled(functionals: Functionals, values: np.ndarray, scale: float) -> Functionals:
    """Return other values (k,) that change as those of functionals, both scaled."""
    return functionals._replace(values=scale * values,
                                coefficients=scale * functionals.coefficients)


def checked_joint(number: Any) -> int:
    """
    Return the number of a joint.

    :raises GoalError: if it is no positive integer
    """
    if not (is_number(number) and 1 <= number < math.inf and number == int(number)):
        raise GoalError(f'joint number is {number!r}, expected an integer from 1')
    return int(number)


def checked_vector(what: str, vector: Any) -> tuple[float, ...]:
    """
    Return three finite numbers.

    :raises GoalError: if they are not, with what they are
    """
    try:
        found = tuple(float(each) for each in vector)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if len(found) != 3 or not all(map(math.isfinite, found)):
        raise GoalError(f'{what} is {vector!r}, expected three finite numbers')
    return found


def bounds_of(name: str, vector: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """
    Return three lower and three upper bounds, infinite where there are none.

    :param vector: three numbers, pairs of bounds, or None or NaN for free
    :raises GoalError: if it is none
    """
    try:
        pairs = [each if isinstance(each, (list, tuple)) else (each, each) for each in vector]
        lower, upper = zip(*((_bound(low, -math.inf), _bound(high, math.inf))
                             for low, high in pairs))
        if len(pairs) != 3:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise GoalError(f'{name} is {vector!r}, expected three numbers') from error
    return lower, upper


def _bound(value: Any, none: float) -> float:
    number = math.nan if value is None else float(value)
    return none if math.isnan(number) else number


def _sorted(values: Iterable[Any]) -> tuple[list[Any], list[float]]:
    """Return what is no number, and all numbers, of tuples within tuples."""
    others: list[Any] = []
    numbers: list[float] = []
    for value in values:
        if isinstance(value, tuple):
            more, found = _sorted(value)
            others += [len(value), *more]
            numbers += found
        elif isinstance(value, float):
            numbers.append(value)
        else:
            others.append(value)
    return others, numbers
