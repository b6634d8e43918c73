# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A goal for some joints, edited one at a time: what is seen is what is asked."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import combine, Goal
from snake_arm_control.control.goal_edit import GoalEdit

_POSITION, _FORWARD, _UP = (pose.COMPONENTS[part]
                            for part in (pose.POSITION, pose.FORWARD, pose.UP))
# More than this was meant; a page has single precision.
_MOVED = {_POSITION: 1e-5, _FORWARD + _UP: 1e-3}  # [m], and of a unit axis
_NEAR = 1e-6  # [m], to look at


class GoalEditor:
    """
    The goal that a person edits.

    The pose that is shown of a joint has its target where it is cared for, and is where the arm is
    otherwise. A component that is ticked is asked for as it is shown.

    :param joints: of the arm
    """

    def __init__(self, joints: int):
        self.joints = joints
        self.selected = joints  # the tool
        self.look_point: np.ndarray | None = None  # (3,) [m], what the selected joint looks at
        self._edits: dict[int, GoalEdit] = {}
        self._beside: Goal = Goal.free(joints)  # conditions and posture

    @property
    def cared(self) -> frozenset[str]:
        """The components of the selected joint that count."""
        edit = self._edits.get(self.selected)
        return edit.cared if edit else frozenset()

    @property
    def edited(self) -> tuple[int, ...]:
        """Numbers of the joints of which something counts."""
        return tuple(sorted(self._edits))

    def goal(self) -> Goal:
        """Return the goal."""
        return combine((*(edit.goal(self.joints) for edit in self._edits.values()), self._beside),
                       self.joints)

    def shown(self, here: np.ndarray) -> np.ndarray:
        """
        Return the pose (9,) that is shown of the selected joint, its axes those of a frame.

        :param here: (9,), where that joint is
        """
        edit = self._edits.get(self.selected)
        if edit is None:
            return pose.to_frame(here)
        return _completed(edit.target, np.array([c in edit.cared for c in pose.COMPONENTS]), here)

    def select(self, joint: int) -> None:
        """Edit another joint; what is asked of the others stays."""
        self.selected = min(max(int(joint), 1), self.joints)
        self.look_point = None

    def care(self, components: frozenset[str] | tuple[str, ...], here: np.ndarray) -> None:
        """Ask of the selected joint these components, as they are shown, and no others."""
        edit = GoalEdit(self.selected, self.shown(here), frozenset(components))
        if edit.cared:
            self._edits[self.selected] = edit
        else:
            self._edits.pop(self.selected, None)
        if not edit.cared.issuperset(_FORWARD):
            self.look_point = None

    def move(self, target: np.ndarray, grabbed: np.ndarray, here: np.ndarray) -> None:
        """
        Ask the selected joint to go to a pose (9,).

        Of position and orientation, whichever is moved although nothing of it was asked is asked
        for from now on; a joint that looks at a point goes on looking at it.

        :param grabbed: (9,), the pose that was shown when the move began; the arm has moved since
        """
        target = pose.to_frame(target)
        cared = self.cared
        for group, least in _MOVED.items():
            part = [pose.COMPONENTS.index(name) for name in group]
            if not cared & set(group) and np.abs(target - grabbed)[part].max() > least:
                cared |= set(group)
        if cared:
            self._edits[self.selected] = GoalEdit(self.selected, target, cared)
            self._look(here)

    def put(self, part: slice, numbers: np.ndarray, here: np.ndarray) -> None:
        """
        Ask of the selected joint these numbers (3,) of its position, forward or up axis.

        What of that part is not cared for is from now on, unless some of it is.
        """
        target, names = self.shown(here), frozenset(pose.COMPONENTS[part])
        target[part] = numbers
        cared = self.cared if self.cared & names else self.cared | names
        self._edits[self.selected] = GoalEdit(
            self.selected, pose.to_frame(target, keeps_up=part == pose.UP), cared)
        self._look(here)

    def look_at(self, point: np.ndarray, here: np.ndarray) -> None:
        """Ask the selected joint to stay where it is shown and to point at a point (3,) [m]."""
        self.look_point = np.array(point, dtype=float)
        self.care(self.cared.union(_POSITION, _FORWARD), here)
        self._look(here)

    def _look(self, here: np.ndarray) -> None:
        if self.look_point is None:
            return
        target = self.shown(here)
        direction = self.look_point - target[pose.POSITION]
        if np.linalg.norm(direction) > _NEAR:
            target[pose.FORWARD] = direction  # up is turned as little as need be
            self._edits[self.selected] = self._edits[self.selected].moved(target)

    def release(self) -> None:
        """Ask nothing of any joint."""
        self._edits.clear()
        self._beside = Goal.free(self.joints)
        self.look_point = None

    def write(self, text: str, chain: np.ndarray) -> None:
        """
        Ask for what a YAML text says, and for nothing else; see `adopt`.

        :raises GoalError: if it says no goal
        """
        self.adopt(Goal.from_yaml(text, self.joints), chain)

    def adopt(self, goal: Goal, chain: np.ndarray) -> None:
        """
        Go on from a goal that someone else has set.

        :param chain: (joints, 9), where the arm is
        """
        self.release()
        for j in np.flatnonzero(goal.cared.any(axis=1)).tolist():
            target = _completed(goal.target[j], goal.cared[j], chain[j])
            cared = frozenset(np.array(pose.COMPONENTS)[goal.cared[j]].tolist())
            self._edits[j + 1] = GoalEdit(j + 1, target, cared)
        self._beside = goal.beside_components
        if self.selected not in self._edits and self._edits:
            self.selected = max(self._edits)


def _completed(target: np.ndarray, cared: np.ndarray, here: np.ndarray) -> np.ndarray:
    """
    Return the pose nearest to where a joint is that has the cared components of a target.

    Its axes are those of a frame; two axes of which both are partly free may have to give way.

    :param target, here: (9,)
    :param cared: (9,), mask
    """
    nearest = Goal(target[None], cared[None].astype(float)).nearest(here[None])[0]
    return pose.to_frame(nearest, keeps_up=cared[pose.UP].sum() > cared[pose.FORWARD].sum())
