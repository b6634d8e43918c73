# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Settings that carry their unit, range and meaning, so that ROS parameters follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, Field, field, fields
import math
from numbers import Integral, Real
from typing import Any, TypeVar

from snake_arm_control.errors import SettingsError

T = TypeVar('T', bound='Settings')


def setting(default: Any, description: str, unit: str = '', low: float | None = None,
            high: float | None = None, read_only: bool = False, choices: tuple = (),
            items: type = int) -> Any:
    """
    Return a dataclass field for one setting.

    :param default: a tuple for one that is a list
    :param low, high: inclusive range of a number
    :param read_only: whether it is fixed once a node runs
    :param choices: the allowed values of a string, empty for any
    :param items: type of what a list holds
    """
    return field(default=default, metadata={
        'description': f'{description} [{unit}]' if unit else description,
        'low': low, 'high': high, 'read_only': read_only, 'choices': choices, 'items': items})


@dataclass(frozen=True)
class Settings:
    """
    Base of all settings: a frozen dataclass of `setting` fields that checks itself.

    :raises SettingsError: if a value has another type than its default or is out of range
    """

    def __post_init__(self):
        for each in fields(self):
            object.__setattr__(self, each.name, checked(each, getattr(self, each.name)))


def checked(each: Field, value: Any) -> Any:
    """
    Return the value of a setting in the type of its default.

    :raises SettingsError: if it has another type or is out of range
    """
    expected: Any = type(each.default)
    if expected is tuple:
        return _items(each, value)
    if _is_number(value, expected):
        value = expected(value)
    if type(value) is not expected:
        raise SettingsError(f'{each.name} is {value!r}, expected a {expected.__name__}')
    low, high = each.metadata.get('low'), each.metadata.get('high')
    if expected in (int, float):
        above = low is None or value >= low
        below = high is None or value <= high
        if not (math.isfinite(value) and above and below):
            bounds = f'{"-inf" if low is None else low} to {"inf" if high is None else high}'
            raise SettingsError(f'{each.name} is {value!r}, expected a number from {bounds}')
    choices = each.metadata.get('choices')
    if choices and value not in choices:
        raise SettingsError(f'{each.name} is {value!r}, expected one of {", ".join(choices)}')
    return value


def _items(each: Field, value: Any) -> tuple:
    """Return the items of a list; a single one is a list of it."""
    kind = each.metadata['items']
    given = [value] if isinstance(value, Real) else value
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = [given]
    items = list(given)
    if not all(_is_number(item, kind) and math.isfinite(item) for item in items):
        raise SettingsError(f'{each.name} is {value!r}, expected a list of '
                            f'{"integers" if kind is int else "numbers"}')
    return tuple(map(kind, items))


def _is_number(value: Any, kind: type) -> bool:
    """Return whether a value is a number of a kind, int or float, also one of numpy's."""
    numbers = {float: Real, int: Integral}.get(kind)
    return numbers is not None and isinstance(value, numbers) and not isinstance(value, bool)


def part(kind: type[T], whole: Any) -> T:
    """Return those settings of a larger set that a smaller kind of settings has too."""
    return kind(**{each.name: getattr(whole, each.name) for each in fields(kind)})
