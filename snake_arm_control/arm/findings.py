# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What is found in a file: the parts of an arm, and what there is to say of them."""

from __future__ import annotations

from typing import NamedTuple

from snake_arm_control.arm.link import Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.tendons import Tendons


class Description(NamedTuple):
    """What an arm is made of; see `Arm`."""

    links: tuple[Link, ...]
    tool: Placement
    mount: Placement
    base: str
    tip: str
    rest: dict[str, float]
    tendons: Tendons | None = None


class Report(NamedTuple):
    """What was taken from a file, what else there was, and what is strange."""

    base: str
    tip: str
    other_tips: tuple[tuple[str, int], ...] = ()  # links, each with the moving joints before it
    warnings: tuple[str, ...] = ()
