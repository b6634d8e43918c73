# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How the joints of a simulated arm give way: by a law that need not be the one of the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.masses import Masses
from snake_arm_control.settings import setting, Settings

_SWEEPS = 8  # each leaves a tenth of the error or less


@dataclass(frozen=True)
class SagSettings(Settings):
    """What the joints of the true arm do behind their encoders, under the weight of the arm."""

    compliance: float = setting(
        0.0, 'angle by which a joint gives way under the weight beyond it, which its encoder does '
        'not see', 'rad/(N m)', low=0.0, high=1.0)
    stiffening: float = setting(
        0.0, 'by how much stiffer a joint gets for each radian that it is bent', '1/rad',
        low=0.0, high=100.0)
    backlash: float = setting(
        0.0, 'play of each joint, which lies on the side to which the weight turns it', 'rad',
        low=0.0, high=0.2)
    payload: float = setting(0.0, 'mass at the tip', 'kg', low=0.0, high=1000.0)
    gravity: float = setting(9.81, 'gravity', 'm/s^2', low=0.0, high=100.0)


def sagging(arm: Arm, angles: np.ndarray, settings: SagSettings) -> np.ndarray:
    """
    Return where joints come to rest under the weight of an arm.

    :param angles: (joints, axes) [rad or m], where its servos hold them
    """
    if not (settings.compliance or settings.backlash) or not settings.gravity:
        return angles
    masses = tuple(link.mass for link in arm.links)  # of which equal arms may have others
    compliance = _compliance(arm, masses, settings.compliance, settings.payload, settings.gravity)
    play: np.ndarray | float = 0.0
    bent = angles
    for with_play in (False, True) if settings.backlash else (False,):
        if with_play:
            play = 0.5 * settings.backlash * np.sign(compliance.torques(bent)) * arm.free
        for _ in range(_SWEEPS):
            stiffer = 1.0 + settings.stiffening * np.abs(bent)
            bent = angles + compliance.give * compliance.torques(bent) / stiffer + play
    return bent


@lru_cache(maxsize=16)
def _compliance(arm: Arm, masses: tuple[float | None, ...], give: float, payload: float,
                gravity: float) -> Compliance:
    return Compliance.uniform(arm, give, Masses.of(arm).with_payload(payload), gravity)
