# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Goals: what is asked of the pose chain, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
import math
from numbers import Real
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import is_number
from snake_arm_control.arm.uniform import JOINTS
from snake_arm_control.control import goal_yaml
from snake_arm_control.control.condition import bounds_of, Condition, PARTS
from snake_arm_control.control.conditions import Within
from snake_arm_control.errors import GoalError, ShapeError

ROW = 1 + pose.SIZE  # a row of a sparse goal: the joint's number, then its components
_UNIT_TOLERANCE = 0.01
_ROUNDING = 1e-12
_ORTHOGONAL_TOLERANCE = math.sin(math.radians(2.0))  # two axes, each a degree off
_NUMBER_OF = {name: number for number, name in enumerate(PARTS)}

Vector = Sequence[Any] | np.ndarray  # of three numbers, pairs of bounds, or None


@dataclass(frozen=True, eq=False)
class Goal:
    """
    A target pose chain and how much each of its components counts, and further conditions.

    All components are those of the world frame (base_link), so a mask needs no frame of its own.
    Arrays are copied and frozen; the target of a don't-care component is stored as zero, hence
    whatever the user gave there can't reach a command.

    :param target: (joints, 9), positions [m] and unit axes
    :param weight: (joints, 9), not negative; 0 = don't care (section 3 of the paper)
    :param conditions: bounds, cones and the like; see `Condition`
    :param posture: angles by the names of joints, those not named at rest, that the arm takes as
        far as all else leaves a choice; None for no posture
    :raises GoalError: if a cared target is not finite or can't be part of a unit axis
    """

    target: np.ndarray
    weight: np.ndarray
    conditions: tuple[Condition, ...] = ()
    posture: tuple[tuple[str, float], ...] | None = None

    def __post_init__(self):
        target = np.array(self.target, dtype=float)
        weight = np.array(self.weight, dtype=float)
        if target.ndim != 2 or target.shape[1] != pose.SIZE or len(target) < 1:
            raise ShapeError('goal', target.shape, f'(joints, {pose.SIZE})')
        if weight.shape != target.shape:
            raise ShapeError('goal weight', weight.shape, str(target.shape))
        if not (np.isfinite(weight).all() and (weight >= 0.0).all()):
            raise GoalError('a weight of the goal is negative or not finite')
        target[weight == 0.0] = 0.0
        _check(target, weight > 0.0)
        target.flags.writeable = weight.flags.writeable = False
        object.__setattr__(self, 'target', target)
        object.__setattr__(self, 'weight', weight)
        for number in (number for condition in self.conditions for number in condition.joints):
            _index(number, len(target))

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies be made as goals are: the arrays of others could be written."""
        return Goal, (self.target, self.weight, self.conditions, self.posture)

    @classmethod
    def free(cls, joints: int = JOINTS) -> Goal:
        """Return the goal that cares for nothing."""
        return cls(np.zeros((joints, pose.SIZE)), np.zeros((joints, pose.SIZE)))

    @classmethod
    def from_array(cls, chain: np.ndarray) -> Goal:
        """
        Return the goal of a whole pose chain.

        :param chain: (joints, 9), NaN = don't care
        """
        chain = np.asarray(chain, dtype=float)
        cared = ~np.isnan(chain)
        return cls(np.where(cared, chain, 0.0), cared.astype(float))

    @classmethod
    def from_rows(cls, rows: np.ndarray, joints: int = JOINTS) -> Goal:
        """
        Return the goal of a few joints.

        :param rows: (k, 10), each a joint's number 1..joints and its components, NaN = don't care
        :raises GoalError: if a joint's number is out of range or given twice
        """
        rows = np.asarray(rows, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != ROW:
            raise ShapeError('goal rows', rows.shape, f'(k, {ROW})')
        chain = np.full((joints, pose.SIZE), np.nan)
        seen = set()
        for number, *components in rows:
            index = _index(number, joints)
            if index in seen:
                raise GoalError(f'joint {index + 1} is given twice')
            seen.add(index)
            chain[index] = components
        return cls.from_array(chain)

    @classmethod
    def joint(cls, number: int, position: Vector | None = None, forward: Vector | None = None,
              up: Vector | None = None, joints: int = JOINTS) -> Goal:
        """
        Return a goal for one joint; what is not given, and what is None or NaN in it, is free.

        In place of a number there may be a pair, its bounds; None in it for no bound.

        :param number: 1..joints, counted from the base
        :param position: x, y, z in base_link [m]
        :param forward: direction of the frame's z axis, of length 1
        :param up: direction of the frame's y axis, of length 1
        """
        chain, ranges = np.full((joints, pose.SIZE), np.nan), []
        index = _index(number, joints)
        for name, vector in (('position', position), ('forward', forward), ('up', up)):
            if vector is None:
                continue
            lower, upper = np.array(bounds_of(name, vector))
            pairs = np.array([isinstance(each, (tuple, list)) for each in vector])
            is_free = np.isneginf(lower) & np.isposinf(upper)
            chain[index, PARTS[name]] = np.where(pairs | is_free, np.nan, lower)
            if pairs.any():
                ranges.append(Within(index + 1, name, tuple(np.where(pairs, lower, -np.inf)),
                                     tuple(np.where(pairs, upper, np.inf))))
        goal = cls.from_array(chain)
        return goal & cls.where(*ranges, joints=joints) if ranges else goal

    @classmethod
    def where(cls, *conditions: Condition, joints: int = JOINTS) -> Goal:
        """Return the goal that asks for conditions alone."""
        none = np.zeros((joints, pose.SIZE))
        return cls(none, none, conditions)

    @classmethod
    def preferring(cls, posture: Mapping[str, float], joints: int = JOINTS) -> Goal:
        """
        Return the goal that prefers a posture, and asks for nothing.

        :param posture: angles by the names of joints [rad or m], those not named at rest
        :raises GoalError: if an angle is no finite number
        """
        for name, angle in posture.items():
            if not (isinstance(name, str) and is_number(angle) and math.isfinite(angle)):
                raise GoalError(f'the posture has {name!r} at {angle!r}, expected the name of a '
                                'joint and a finite number')
        none = np.zeros((joints, pose.SIZE))
        return cls(none, none, (), tuple((name, float(posture[name])) for name in sorted(posture)))

    @classmethod
    def tool(cls, position: Vector | None = None, forward: Vector | None = None,
             up: Vector | None = None, joints: int = JOINTS) -> Goal:
        """Return a goal for the tool; see `joint`."""
        return cls.joint(joints, position, forward, up, joints)

    @classmethod
    def from_yaml(cls, text: str, joints: int = JOINTS,
                  numbers: Mapping[str, int] | None = None) -> Goal:
        """
        Return the goal that a YAML list describes; see `goal_yaml`.

        Each entry names a joint (a number, a link, or ``tool``) and what is asked of it.

        :param numbers: of links by name, as `Arm.goal_numbers` has them
        :raises GoalError: if the text is not of that form
        """
        entries = goal_yaml.read(text, {**(numbers or {}), 'tool': joints})
        return combine((cls.joint(entry.joint, **entry.parts, joints=joints)
                        & cls.where(*entry.conditions, joints=joints)
                        if entry.posture is None else cls.preferring(entry.posture, joints)
                        for entry in entries), joints)

    def to_yaml(self) -> str:
        """Return the text that `from_yaml` reads; weights are lost."""
        return goal_yaml.write(self.to_array(), self.conditions, self.posture)

    def to_array(self) -> np.ndarray:
        """Return the chain (joints, 9) with NaN where the goal doesn't care."""
        return np.where(self.cared, self.target, np.nan)

    def __and__(self, other: Goal) -> Goal:
        """
        Return the goal that cares for whatever either cares for.

        :raises GoalError: if they ask different things of the same component
        """
        if self.joints != other.joints:
            raise GoalError(f'a goal for {self.joints} joints and one for {other.joints} '
                            'can not be combined')
        both = self.cared & other.cared
        differ = np.argwhere(both & (self.target != other.target))
        if len(differ):
            j, c = differ[0]
            raise GoalError(f'joint {j + 1} {pose.COMPONENTS[c]} shall be both '
                            f'{self.target[j, c]:g} and {other.target[j, c]:g}')
        if None not in (self.posture, other.posture) and self.posture != other.posture:
            raise GoalError('two postures are preferred, expected one')
        more = tuple(each for each in other.conditions if each not in self.conditions)
        return Goal(np.where(other.cared, other.target, self.target),
                    np.maximum(self.weight, other.weight), self.conditions + more,
                    other.posture if self.posture is None else self.posture)

    def __eq__(self, other: object) -> bool:
        """Goals are equal when they ask the same with the same weights."""
        return (isinstance(other, Goal) and np.array_equal(self.target, other.target)
                and np.array_equal(self.weight, other.weight)
                and set(self.conditions) == set(other.conditions)
                and self.posture == other.posture)

    def is_near(self, other: Goal, most: float, length: float) -> bool:
        """
        Return whether another goal asks the same with all numbers as near as that.

        :param most: [arm lengths] for positions, else of a unit axis
        :param length: of the arm [m]
        """
        near = np.full(pose.SIZE, most)
        near[pose.POSITION] *= length
        return (np.array_equal(self.weight, other.weight) and self.posture == other.posture
                and len(self.conditions) == len(other.conditions)
                and bool((np.abs(self.target - other.target) <= near).all())
                and all(each.is_near(another, float(near[PARTS[each.part]][0]))
                        for each, another in zip(self.conditions, other.conditions)))

    @property
    def joints(self) -> int:
        """Number of joints of the arm that the goal is for."""
        return len(self.target)

    @cached_property
    def cared(self) -> np.ndarray:
        """Mask (joints, 9) of the components that count."""
        cared = self.weight > 0.0
        cared.flags.writeable = False
        return cared

    @cached_property
    def asked(self) -> np.ndarray:
        """Mask (joints, 3) of position, forward and up: whether anything is asked of them."""
        asked = np.any(self.cared.reshape(self.joints, 3, 3), axis=2)
        for condition in self.conditions:
            asked[condition.joint - 1, _NUMBER_OF[condition.part]] = True
        asked.flags.writeable = False
        return asked

    @property
    def is_free(self) -> bool:
        """Whether nothing is asked, and no posture preferred."""
        return not (self.weight.any() or self.conditions or self.posture is not None)

    @property
    def is_plain(self) -> bool:
        """Whether components are all that is asked."""
        return not self.conditions and self.posture is None

    @property
    def beside_components(self) -> Goal:
        """The goal without its components: conditions and posture."""
        none = np.zeros(self.target.shape)
        return Goal(none, none, self.conditions, self.posture)

    def of_joints(self, part: slice) -> Goal:
        """Return the goal that asks nothing of joints but a part, and prefers no posture."""
        weight = np.zeros(self.weight.shape)
        weight[part] = self.weight[part]
        weight.flags.writeable = False
        goal = object.__new__(Goal)  # nothing is to be checked again
        object.__setattr__(goal, 'target', self.target)
        object.__setattr__(goal, 'weight', weight)
        object.__setattr__(goal, 'conditions', tuple(
            each for each in self.conditions
            if part.start < each.joint and max(each.joints) <= part.stop))
        object.__setattr__(goal, 'posture', None)
        return goal

    def check(self, arm: Arm) -> None:
        """
        Check that a goal is one for an arm.

        :raises ShapeError: if it is for another number of joints
        :raises ArmError: if it prefers a posture of joints that the arm does not have
        """
        if self.joints != arm.joints:
            raise ShapeError('goal', self.target.shape, f'({arm.joints}, {pose.SIZE})')
        if self.posture is not None:
            arm.angles_from(dict(self.posture))

    def discrepancy(self, chain: np.ndarray) -> np.ndarray:
        """
        Return chain minus target, exactly zero where the goal doesn't care.

        :param chain: (*batch, joints, 9)
        """
        return np.where(self.cared, chain - self.target, 0.0)

    def nearest(self, chain: np.ndarray) -> np.ndarray:
        """
        Return the chain that the goal allows, its free components as near as may be to a chain's.

        What is free of an axis is scaled, so that the axis has the length 1.

        :param chain: (joints, 9)
        """
        allowed = np.where(self.cared, self.target, chain)
        for axis in pose.AXES:
            cared, parts = self.cared[:, axis], allowed[:, axis]
            there = np.sum(np.where(cared, parts, 0.0)**2, axis=1)
            free = np.where(cared, 0.0, parts)
            free[~free.any(axis=1)] = 1.0  # any direction will do
            free[cared] = 0.0
            length = np.linalg.norm(free, axis=1)
            length[length == 0.0] = 1.0  # nothing is free
            scaled = free * (np.sqrt(np.maximum(1.0 - there, 0.0)) / length)[:, None]
            allowed[:, axis] = np.where(cared, parts, scaled)
        return allowed

    def errors(self, chain: np.ndarray) -> tuple[float, float]:
        """Return the position error [m] and the axis error [rad] of a chain (joints, 9)."""
        positions, axes = self._errors(chain)
        return float(positions.max()), float(axes.max())

    def position_error(self, chain: np.ndarray) -> np.ndarray:
        """Return the largest distance of a joint from its cared position [m], (*batch,)."""
        return self.position_errors(chain).max(axis=-1)

    def axis_error(self, chain: np.ndarray) -> np.ndarray:
        """Return the largest angle of an axis to its cared direction [rad], (*batch,)."""
        return self.axis_errors(chain).max(axis=(-2, -1))

    def position_errors(self, chain: np.ndarray) -> np.ndarray:
        """Return each joint's error over all that is asked of it [m], (*batch, joints)."""
        return self._errors(chain)[0]

    def axis_errors(self, chain: np.ndarray) -> np.ndarray:
        """
        Return the angles of each joint's forward and up axis [rad], (*batch, joints, 2).

        The angle is that of the chord over the cared components: of two unit vectors that is the
        angle between them, of a partly free axis at most the angle to any axis that is allowed. An
        axis of which only ``up_z = 1`` is asked may lean by 10 degrees at an error of 1; ask for
        the whole ``up = (0, 0, 1)``.
        """
        return self._errors(chain)[1]

    def _errors(self, chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from snake_arm_control.control import goal_rows  # with numba, which takes its time
        chains = np.array(chain, float, order='C')
        batch, shape = chains.shape[:-2], chains.shape[-2:]
        if shape != self.target.shape:
            raise ShapeError('chain', chains.shape, f'(*batch, {self.joints}, {pose.SIZE})')
        chains = chains.reshape(-1, *shape)
        positions, axes = goal_rows.errors(chains, self.target, self.weight)
        for condition in self.conditions:
            errors = (axes[:, :, _NUMBER_OF[condition.part] - 1] if condition.part != 'position'
                      else positions)[:, condition.joint - 1]
            np.maximum(errors, [condition.error(chain) for chain in chains], out=errors)
        return positions.reshape(*batch, self.joints), axes.reshape(*batch, self.joints, 2)


def combine(goals: Iterable[Goal], joints: int = JOINTS) -> Goal:
    """Return the goal that cares for whatever any of the goals cares for."""
    combined = Goal.free(joints)
    for goal in goals:
        combined = combined & goal
    return combined


def _check(target: np.ndarray, cared: np.ndarray) -> None:
    infinite = np.argwhere(~np.isfinite(target))
    if len(infinite):
        j, c = infinite[0]
        raise GoalError(f'joint {j + 1} {pose.COMPONENTS[c]} is {target[j, c]}, expected a finite '
                        "number, or NaN for don't care")
    for name in ('forward', 'up'):
        axis, mask = target[:, PARTS[name]], cared[:, PARTS[name]]
        whole = mask.all(axis=1)
        length = np.linalg.norm(axis, axis=1)
        bad = np.flatnonzero((length > 1.0 + _UNIT_TOLERANCE)
                             | (whole & (length < 1.0 - _UNIT_TOLERANCE)))
        if len(bad):
            j = bad[0]
            shown = ' '.join(f'{v:g}' if m else '-' for v, m in zip(axis[j], mask[j]))
            raise GoalError(f'joint {j + 1} {name} is ({shown}) of length {length[j]:.3g}, '
                            'expected a unit vector')
        # Not twice: normalizing again moves the last digit, and a goal would conflict with itself.
        rough = whole & (np.abs(length - 1.0) > _ROUNDING)
        axis[rough] /= length[rough, None]
    both = cared[:, pose.FORWARD].all(axis=1) & cared[:, pose.UP].all(axis=1)
    cosine = np.sum(target[:, pose.FORWARD] * target[:, pose.UP], axis=1)
    bad = np.flatnonzero(both & (np.abs(cosine) > _ORTHOGONAL_TOLERANCE))
    if len(bad):
        angle = math.degrees(math.acos(np.clip(cosine[bad[0]], -1.0, 1.0)))
        raise GoalError(f'joint {bad[0] + 1} forward and up are {angle:.1f} degrees apart, '
                        'expected 90')


def _index(number: Any, joints: int) -> int:
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    if not (is_number and 1 <= number <= joints and number == int(number)):
        raise GoalError(f'joint number is {number}, expected an integer from 1 to {joints}')
    return int(number) - 1
