# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Which arms a network serves that reads the geometry of the joints."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Link
from snake_arm_control.errors import WeightsError
from snake_arm_control.model.architecture import ANGLES
from snake_arm_control.model.normal_form import LENGTH, NormalForm, OFFSET, TURN

_ROLLS = 0.9  # of an axis along its link, from which on it turns the link about itself
_ROUNDING = 1e-3  # what a number may be out of its range: measures in files are rounded


def check(arm: Arm, form: NormalForm, ranges: np.ndarray) -> None:
    """
    Raise WeightsError unless all joints are of the geometry that a network serves.

    :param ranges: lowest and highest (6, 2) of the numbers that are read of a joint's geometry
    """
    steps = arm.geometry.steps[1:]
    for j, link in enumerate(arm.links):
        for axis in link.axes:
            along = abs(np.dot(axis.direction, steps[j])) / max(np.linalg.norm(steps[j]), 1e-12)
            if axis.slides:
                raise WeightsError(f'{axis.name} slides, expected hinges')
            if along > _ROLLS and j < arm.joints - 1:
                raise WeightsError(f'{axis.name} rolls its link about itself, expected joints '
                                   'that bend')
        outside = np.flatnonzero((form.constants[j, ANGLES:] < ranges[:, 0] - _ROUNDING)
                                 | (form.constants[j, ANGLES:] > ranges[:, 1] + _ROUNDING))
        if len(outside):
            raise WeightsError(_reason(link, form.constants[j], int(outside[0]), ranges))


def _reason(link: Link, read: np.ndarray, number: int, ranges: np.ndarray) -> str:
    low, high = ranges[number]
    place = ANGLES + number
    name = link.axes[0].name if link.axes else link.name
    if place in range(TURN.start, TURN.stop):
        low, high, value = np.degrees((low, high, read[place]))
        what = f'the joint after {name} is turned by {value:.0f} degrees about ' \
               f'{"xyz"[place - TURN.start]}'
        return f'{what}, expected {low:.0f} to {high:.0f}'
    if place in range(OFFSET.start, OFFSET.stop):
        return (f'the joint after {name} is {abs(read[place]):.2f} of a mean segment off the '
                f'line, expected at most {high:.2f}')
    assert place == LENGTH
    return (f'the segment of {name} has {1.0 + read[place]:.2f} of the mean length, expected '
            f'{1.0 + low:.2f} to {1.0 + high:.2f}')
