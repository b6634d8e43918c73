# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Goals: a target or "don't care" for each component of the pose chain; also read from YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
import math
from numbers import Real
from typing import Any

import numpy as np
import yaml

from snake_arm_control import yaml_text
from snake_arm_control.arm import pose
from snake_arm_control.arm.uniform import JOINTS
from snake_arm_control.errors import GoalError, ShapeError

ROW = 1 + pose.SIZE  # a row of a sparse goal: the joint's number, then its components
_UNIT_TOLERANCE = 0.01
_ROUNDING = 1e-12
_ORTHOGONAL_TOLERANCE = math.sin(math.radians(2.0))  # two axes, each a degree off
_PARTS = {'position': pose.POSITION, 'forward': pose.FORWARD, 'up': pose.UP}

Vector = Sequence[float | None] | np.ndarray


@dataclass(frozen=True, eq=False)
class Goal:
    """
    A target pose chain and how much each of its components counts.

    All components are those of the world frame (base_link), so a mask needs no frame of its own.
    Arrays are copied and frozen; the target of a don't-care component is stored as zero, hence
    whatever the user gave there can't reach a command.

    :param target: (joints, 9), positions [m] and unit axes
    :param weight: (joints, 9), not negative; 0 = don't care (section 3 of the paper)
    :raises GoalError: if a cared target is not finite or can't be part of a unit axis
    """

    target: np.ndarray
    weight: np.ndarray

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

        :param number: 1..joints, counted from the base
        :param position: x, y, z in base_link [m]
        :param forward: direction of the frame's z axis, of length 1
        :param up: direction of the frame's y axis, of length 1
        """
        row = np.full(pose.SIZE, np.nan)
        for name, vector in (('position', position), ('forward', forward), ('up', up)):
            if vector is not None:
                row[_PARTS[name]] = _vector(name, vector)
        chain = np.full((joints, pose.SIZE), np.nan)
        chain[_index(number, joints)] = row
        return cls.from_array(chain)

    @classmethod
    def tool(cls, position: Vector | None = None, forward: Vector | None = None,
             up: Vector | None = None, joints: int = JOINTS) -> Goal:
        """Return a goal for the tool; see `joint`."""
        return cls.joint(joints, position, forward, up, joints)

    @classmethod
    def from_yaml(cls, text: str, joints: int = JOINTS,
                  numbers: Mapping[str, int] | None = None) -> Goal:
        """
        Return the goal that a YAML list describes.

        Each entry names a joint (a number, a link, or ``tool``) and any of ``position``,
        ``forward`` and ``up``, each three numbers with ``~`` for a free component.

        :param numbers: of links by name, as `Arm.goal_numbers` has them
        :raises GoalError: if the text is not of that form
        """
        try:
            entries = yaml_text.read(text)
        except yaml.YAMLError as error:
            raise GoalError(f'the goal is not YAML: {error}') from error
        if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
            raise GoalError('the goal is not a YAML list of joints')
        return combine((cls._from_mapping(entry, joints, numbers or {}) for entry in entries),
                       joints)

    @classmethod
    def _from_mapping(cls, entry: Mapping[str, Any], joints: int, numbers: Mapping[str, int]
                      ) -> Goal:
        unknown = set(entry) - set(_PARTS) - {'joint'}
        if unknown or 'joint' not in entry:
            raise GoalError(f'a goal entry has the keys {sorted(map(str, entry))}, expected joint '
                            f'and any of {", ".join(_PARTS)}')
        number = entry['joint']
        if isinstance(number, str):
            number = {'tool': joints, **numbers}.get(number, number)
        return cls.joint(number, **{name: entry.get(name) for name in _PARTS}, joints=joints)

    def to_yaml(self) -> str:
        """Return the text that `from_yaml` reads; weights are lost."""
        entries = []
        for index, row in enumerate(self.to_array()):
            parts = {name: [None if math.isnan(v) else float(v) for v in row[part]]
                     for name, part in _PARTS.items() if not np.isnan(row[part]).all()}
            if parts:
                entries.append({'joint': index + 1, **parts})
        return yaml.safe_dump(entries, default_flow_style=None, sort_keys=False)

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
        return Goal(np.where(other.cared, other.target, self.target),
                    np.maximum(self.weight, other.weight))

    def __eq__(self, other: object) -> bool:
        """Goals are equal when they ask the same with the same weights."""
        return (isinstance(other, Goal) and np.array_equal(self.target, other.target)
                and np.array_equal(self.weight, other.weight))

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

    @property
    def is_free(self) -> bool:
        """Whether no component counts."""
        return not self.weight.any()

    def of_joints(self, part: slice) -> Goal:
        """Return the goal that cares for no joints but a part."""
        weight = np.zeros(self.weight.shape)
        weight[part] = self.weight[part]
        weight.flags.writeable = False
        goal = object.__new__(Goal)  # nothing is to be checked again
        object.__setattr__(goal, 'target', self.target)
        object.__setattr__(goal, 'weight', weight)
        return goal

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
        """Return each joint's distance over its cared components [m], (*batch, joints)."""
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
        positions, axes = goal_rows.errors(chains.reshape(-1, *shape), self.target, self.weight)
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
        axis, mask = target[:, _PARTS[name]], cared[:, _PARTS[name]]
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


def _vector(name: str, vector: Vector) -> np.ndarray:
    try:
        array = np.array([np.nan if v is None else v for v in vector], dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise GoalError(f'{name} is {vector!r}, expected three numbers') from error
    if array.shape != (3,):
        raise GoalError(f'{name} is {vector!r}, expected three numbers')
    return array
