# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Controls of the page: what is done with them, and what they show meanwhile."""

from __future__ import annotations

from collections.abc import Callable
import math
import time
from typing import Any

import numpy as np

_TOUCH_TIME = 1.0  # [s]
_VISIBLE = 1e-3  # [m], or of a unit axis: numbers that differ by less are not written anew


class Controls:
    """
    Hands on what persons do with controls, and leaves alone what they have only just changed.

    :param do: takes an action, to be carried out in the thread of the session; it is called in
        another thread
    """

    def __init__(self, do: Callable[[Callable[[], object]], None]):
        self._do = do
        self._touched: dict[int, float] = {}  # when somebody last changed a control [s]

    def on_click(self, button: Any, action: Callable[[], object]) -> None:
        """Carry out an action when a button is clicked."""
        @button.on_click
        async def _(_) -> None:  # async: in the order in which they were clicked
            self._do(action)

    def on_change(self, control: Any, action: Callable[[Any], object]) -> None:
        """Carry out an action with the new value when somebody changes a control."""
        @control.on_update
        async def _(event) -> None:
            if event.client_id is not None:  # not what the program itself has set
                self._touched[id(control)] = time.monotonic()
                value = control.value
                self._do(lambda: action(value))

    def show(self, control: Any, value: object) -> None:
        """Show another value, unless somebody has only just changed it and it is not taken yet."""
        if time.monotonic() - self._touched.get(id(control), -math.inf) > _TOUCH_TIME:
            control.value = value

    def show_vector(self, control: Any, value: np.ndarray) -> None:
        """Show other numbers; those that look the same stay, as somebody may be typing."""
        if np.abs(value - control.value).max() > _VISIBLE:
            self.show(control, tuple(np.round(value, 3).tolist()))
