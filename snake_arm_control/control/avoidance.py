# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Avoidance: a term that keeps an arm clear of a scene, and of itself."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.term import Functionals, Term

INFLUENCE = 0.04  # [m]


class Avoidance(Term):
    """
    Clearances less their margins, kept from being negative.

    A pair is asleep while its clearance exceeds the distance of influence; what is asleep costs
    next to nothing.

    :param scene: what to keep clear of, None for nothing
    :param body: the arm's; see `ArmBody`
    :param own_body: whether links keep clear of each other, too
    :param influence: clearance below which a pair wakes up [m]
    """

    def __init__(self, scene: Scene | None, body: ArmBody, own_body: bool = True,
                 influence: float = INFLUENCE):
        self.clearances = Clearances(scene, body, own_body)
        self.influence = influence

    def inequalities(self, chain: np.ndarray, angles: np.ndarray) -> Functionals | None:
        """Return the clearances of what is awake, less their margins [m]; see `Term`."""
        return self.clearances.awake(chain, self.influence)
