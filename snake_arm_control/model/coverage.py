# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Which arms a network serves that reads the geometry of the joints."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import WeightsError
from snake_arm_control.model.architecture import ANGLES
from snake_arm_control.model.normal_form import NormalForm, TURN

_ROLLS = 0.9  # of an axis along its link, from which on it turns the link about itself
_ROUNDING = 1e-3  # what a number may be out of its range: measures in files are rounded


def check(arm: Arm, form: NormalForm, ranges: np.ndarray) -> None:
    """
    Raise WeightsError unless all joints are of the geometry that a network serves.

    Hinges without limits are served where they bend the arm: within the range of the others.

    :param ranges: lowest and highest (5, 2) of the numbers that are read of a joint
    """
    low, high = ranges.T + np.array([[-_ROUNDING], [_ROUNDING]])
    steps = arm.geometry.steps[1:]
    for j, link in enumerate(arm.links):
        for k, axis in enumerate(link.axes):
            if axis.slides:
                raise WeightsError(f'{axis.name} slides, expected hinges')
            along = abs(np.dot(axis.direction, steps[j])) / max(np.linalg.norm(steps[j]), 1e-12)
            if np.isinf(axis.upper):
                if along > _ROLLS and j < arm.joints - 1:
                    raise WeightsError(f'{axis.name} rolls its link about itself without limits, '
                                       'expected joints that bend')
                continue
            for angle in axis.lower, axis.upper:
                read = (form.constants[j] + angle * form.slopes[j, k])[:ANGLES]
                if (read < low[:ANGLES]).any() or (read > high[:ANGLES]).any():
                    raise WeightsError(f'{axis.name} turns to {np.degrees(angle):.0f} degrees, '
                                       f'expected at most {np.degrees(ranges[0, 1]):.0f}')
        turn = form.constants[j, TURN]
        outside = np.flatnonzero((turn < low[TURN]) | (turn > high[TURN]))
        if len(outside):
            number = int(outside[0])
            least, most = np.degrees(ranges[TURN][number])
            name = link.axes[0].name if link.axes else link.name
            raise WeightsError(
                f'the joint after {name} is turned by {np.degrees(turn[number]):.0f} degrees '
                f'about {"xyz"[number]}, expected {least:.0f} to {most:.0f}')
