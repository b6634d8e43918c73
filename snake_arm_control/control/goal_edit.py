# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A goal for one joint, edited by hand: dragged about, its components ticked on and off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import GoalError, ShapeError

_POSITION, _FORWARD, _UP = (pose.COMPONENTS[part]
                            for part in (pose.POSITION, pose.FORWARD, pose.UP))
# What a menu offers, by its label: the components that count.
PRESETS = {
    'position': _POSITION,
    'position + forward': _POSITION + _FORWARD,
    'position + up': _POSITION + _UP,
    'full pose': pose.COMPONENTS,
}


@dataclass(frozen=True, eq=False)
class GoalEdit:
    """
    A whole target pose of one joint, of which only some components count.

    What doesn't count is remembered: ticked on again, it is where it was. The axes are made those
    of a frame, so whatever is ticked, the goal is a good one.

    :param joint: 1..joints, counted from the base
    :param target: (9,), position [m] and axes, all finite
    :param cared: the names of the components that count
    :raises GoalError: if a component does not exist or is not finite
    """

    joint: int
    target: np.ndarray
    cared: frozenset[str] = frozenset(PRESETS['position'])

    def __post_init__(self):
        target = np.array(self.target, dtype=float)
        if target.shape != (pose.SIZE,):
            raise ShapeError('edited target', target.shape, f'({pose.SIZE},)')
        if not np.isfinite(target).all():
            raise GoalError(f'the edited target is {target.tolist()}, expected finite numbers')
        cared = frozenset(self.cared)
        unknown = cared.difference(pose.COMPONENTS)
        if unknown:
            raise GoalError(f'there are no components {", ".join(sorted(unknown))}, expected some '
                            f'of {", ".join(pose.COMPONENTS)}')
        # An axis is turned to be orthogonal to the other: the one of which less counts.
        target = pose.to_frame(target, len(cared & {*_UP}) > len(cared & {*_FORWARD}))
        target.flags.writeable = False
        object.__setattr__(self, 'target', target)
        object.__setattr__(self, 'cared', cared)

    def moved(self, target: np.ndarray) -> GoalEdit:
        """Return the edit with another target pose (9,), which counts as before."""
        return replace(self, target=target)

    def caring(self, components: Iterable[str]) -> GoalEdit:
        """Return the edit in which these components count, and no others."""
        return replace(self, cared=frozenset(components))

    def toggled(self, component: str) -> GoalEdit:
        """Return the edit in which one component counts if it did not, and is free if it did."""
        return self.caring(self.cared ^ {component})

    def asking(self, goal: Goal) -> GoalEdit:
        """Return the edit that asks what a goal asks of the joint; what is free stays in place."""
        index = self.joint - 1
        whole = goal.nearest(np.tile(self.target, (goal.joints, 1)))
        cared = np.array(pose.COMPONENTS)[goal.cared[index]].tolist()
        return replace(self, target=whole[index], cared=frozenset(cared))

    def goal(self, joints: int) -> Goal:
        """Return the goal for an arm of so many joints; caring for nothing, it drops the goal."""
        cared = [name in self.cared for name in pose.COMPONENTS]
        row = np.where(cared, self.target, np.nan)
        return Goal.joint(self.joint, row[pose.POSITION], row[pose.FORWARD], row[pose.UP], joints)
