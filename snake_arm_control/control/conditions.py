# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of conditions that goals know."""

from __future__ import annotations

from snake_arm_control.control.axis_conditions import Cone, LookAt
from snake_arm_control.control.condition import Condition
from snake_arm_control.control.place_conditions import Along, Distance, OnLine, OnPlane
from snake_arm_control.control.within import Within

__all__ = ['Along', 'Cone', 'Distance', 'KINDS', 'LookAt', 'OnLine', 'OnPlane', 'Within']

# By their keys in YAML, where Cone and Within are said in place of numbers.
KINDS: dict[str, type[Condition]] = {
    'look_at': LookAt, 'on_line': OnLine, 'on_plane': OnPlane, 'distance': Distance,
    'along': Along}
