# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How a parameter of a running node is offered to a person: as a slider, a tick, a choice."""

from __future__ import annotations

import math
from typing import NamedTuple

_WIDE = 100.0  # a slider over more than this ratio can't be set finely
_STEPS = 100
_NOTHING = 1e-12  # a value that is no larger says nothing of what is usual


class Tunable(NamedTuple):
    """A parameter as its node describes it."""

    name: str
    value: bool | int | float | str
    description: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def slider(tunable: Tunable) -> tuple[float, float, float]:
    """
    Return low, high and step of a slider for a number.

    A range that spans decades is narrowed to one on each side of the value.
    """
    value = float(tunable.value)
    low = -math.inf if tunable.low is None else tunable.low
    high = math.inf if tunable.high is None else tunable.high
    scale = abs(value) if abs(value) > _NOTHING else 0.1 * min(high, 10.0)
    if not high <= _WIDE * max(low, scale / 10.0):
        high = min(high, max(10.0 * scale, low))
        low = max(low, 0.0 if value >= 0.0 else -10.0 * scale)
    if isinstance(tunable.value, int):
        return math.ceil(low), math.floor(high), 1
    return low, high, 10.0 ** math.floor(math.log10((high - low) / _STEPS))
