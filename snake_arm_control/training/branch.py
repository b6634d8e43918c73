# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What hangs on a link of an arm and moves on its own, as a second arm on the same torso does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics


@dataclass(frozen=True, eq=False)
class Branch:
    """
    Another arm, whose weight the joints before it carry.

    :param arm: its base is in the place of the chain element that carries it
    :param element: that, an index from 0
    :param loads: (4 joints,), of each of its links the weight [N] and the moment [N m]
    """

    arm: Arm
    element: int
    loads: np.ndarray

    @classmethod
    def unknown(cls, arm: Arm, element: int, weight: float) -> Branch:
        """Return a branch whose links all have some weight [N], each at its far end."""
        return cls(arm, element, np.tile((weight, 0.0, 0.0, 0.0), arm.joints))

    def parts(self, angles: np.ndarray) -> np.ndarray:
        """
        Return what each of its loads adds to the load of the element.

        :param angles: (samples, joints, axes) of the branch
        :return: (samples, 4 joints, 4), weight and moment for each unit of a load
        """
        turns, places = pose.to_matrix(forward_kinematics(self.arm, angles))
        parts = np.zeros((*places.shape[:2], 4, 4))
        parts[..., 0, 0] = 1.0
        parts[..., 0, 1:] = places
        parts[..., 1:, 1:] = np.swapaxes(turns, -1, -2)
        return parts.reshape(len(angles), -1, 4)
