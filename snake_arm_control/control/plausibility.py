# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a measured pose chain can be that of the arm: nothing impossible is believed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.compiling import compiler
from snake_arm_control.control.history import Moment
from snake_arm_control.errors import FeedbackError
from snake_arm_control.settings import setting, Settings

_AXES, _LINK, _ASIDE, _REACH, _JOINT = range(1, 6)  # the laws, in their order
_UNITS = {1e3: 'millimetres', 1e2: 'centimetres', 1e3 / 25.4: 'inches', 1e-3: 'kilometres'}
_UNIT_TOLERANCE = 0.3  # of the ratio of units
_AXIS_TOLERANCE = 0.1  # of an axis' length, and of the cosine of two axes
_BASE = 0.05  # [arm lengths] by which the tracker's base may be off
_RIGID = 1e-6  # [m]
_SPACING = 50_000_000  # [ns] between two chains that later ones are compared with
_BASELINE = 100  # of them are kept
_UNLIKE = 3.0  # predicted motions by which the true one may differ: it may be turned
_SEEN = 0.4  # fraction of the predicted motion that the true one has at least, if it is short
_SEEN_FAR = 0.25  # and in any case


@dataclass(frozen=True)
class PlausibilitySettings(Settings):
    """How far a measured chain may be from the described arm and from its joint states."""

    length_tolerance: float = setting(
        0.2, 'fraction by which the distance of two neighbours in the pose chain may differ from '
        'the description', low=0.0, high=10.0)
    angle_tolerance: float = setting(
        0.26, 'angle by which a joint of the pose chain may differ from its joint state', 'rad',
        low=0.0, high=4.0)
    jump_tolerance: float = setting(
        0.01, 'distance by which the pose chain may move while its joints do not, and by which '
        'neighbours may be off by noise, as a fraction of the length of the arm',
        low=0.0, high=10.0)


class _Sample(NamedTuple):
    stamp: int  # [ns]
    predicted: np.ndarray  # (joints, 3) [m]
    measured: np.ndarray  # (joints, 3) [m]
    late: float  # [m] by which the uncertain latency may have made them differ


class Plausibility:
    """
    Checks measured chains against what an arm of a description can do.

    By itself: distances of neighbours, unit and orthogonal axes, positions against orientations,
    reach. Against the joint states: the angle of each joint, and what the chain moved by since it
    was last believed.
    """

    def __init__(self, arm: Arm):
        self._arm = arm
        rest = forward_kinematics(arm, arm.rest)
        bent = forward_kinematics(arm, arm.clip(arm.rest + 0.1))
        self._steps = _steps(rest)  # (joints - 1, 3) [m], each in the frame of its end
        self._rigid = np.abs(self._steps - _steps(bent)).max(axis=1, initial=0.0) < _RIGID
        self._lengths = np.linalg.norm(self._steps, axis=1)
        self._reach = arm.reaches
        self.reset()

    def reset(self) -> None:
        """Believe the next chain whatever the ones before were."""
        self._believed: deque[_Sample] = deque(maxlen=_BASELINE)
        self._latest = 0.0  # [m], the largest `late` of these

    def check(self, stamp: int, chain: np.ndarray, moment: Moment, others: Sequence[Moment],
              settings: PlausibilitySettings) -> None:
        """
        Believe a chain, or raise the reason why it can't be the arm's.

        :param stamp: when it was measured [ns]
        :param chain: (joints, 9), NaN where nothing was measured
        :param moment: what the joints did at that time
        :param others: at times that it may have been instead, for the latency is uncertain
        :raises FeedbackError: what was expected, and what there is instead
        """
        length, slack = self._arm.length, settings.jump_tolerance * self._arm.length
        law, j = _broken_law(
            chain, moment.chain, self._steps, self._lengths, self._rigid, self._reach,
            settings.length_tolerance, slack, _BASE * length,
            math.cos(min(settings.angle_tolerance, math.pi)))
        if law == _JOINT:
            self._check_joints(chain, moment, others, settings)
        elif law:
            raise FeedbackError(self._reason(law, j, chain, settings))
        self._check_change(stamp, chain, moment, others, slack)

    def _reason(self, law: int, j: int, chain: np.ndarray, settings: PlausibilitySettings) -> str:
        """Return what is wrong with element j of a chain (joints, 9) that breaks a law."""
        position = chain[:, pose.POSITION]
        if law == _AXES:
            forward, up = chain[j, pose.FORWARD], chain[j, pose.UP]
            return (f'the axes of joint {j + 1} have the lengths {np.linalg.norm(forward):.3g} '
                    f'and {np.linalg.norm(up):.3g} and the product {forward @ up:.3g}, expected '
                    'orthogonal unit vectors')
        if law == _REACH:
            distance = float(np.linalg.norm(position[j]))
            return (f'joint {j + 1} is measured {distance:.4g} m from the base, expected at most '
                    f'{self._reach[j]:.4g} m{_unit(distance / self._reach[j])}')
        step, expected = position[j] - position[j - 1], self._lengths[j - 1]
        if law == _LINK:
            steps = np.linalg.norm(np.diff(position, axis=0), axis=1)
            ratio = float(np.nanmedian((steps / self._lengths)[self._rigid]))
            return (f'joints {j} and {j + 1} are measured {steps[j - 1]:.4g} m apart, expected '
                    f'{expected:.4g} m{_unit(ratio)}')
        return (f'joint {j + 1} is measured {_shown(step)} m from joint {j}, expected '
                f'{_shown(_turned(chain[1:], self._steps)[j - 1])} m by its orientation: are the '
                'axes in another order, or the joints?')

    def _check_joints(self, chain: np.ndarray, moment: Moment, others: Sequence[Moment],
                      settings: PlausibilitySettings) -> None:
        """Check angles against joint states, of which some may have moved unseen."""
        moved = np.zeros(len(chain))  # [rad]
        for other in others:
            moved = np.maximum(moved, np.abs(other.angles - moment.angles).sum(axis=1))
        cosine = _cosines(_joint_turns(chain), _joint_turns(moment.chain))
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        with np.errstate(invalid='ignore'):
            bad = np.flatnonzero(angle > settings.angle_tolerance + moved)
        if len(bad):
            j = bad[0]
            raise FeedbackError(
                f'joint {j + 1} is turned by {angle[j]:.2f} rad against its joint state, expected '
                f'at most {settings.angle_tolerance + moved[j]:.2f} rad: pose chain or joint '
                'states are false')

    def _check_change(self, stamp: int, chain: np.ndarray, moment: Moment,
                      others: Sequence[Moment], slack: float) -> None:
        """Check what the chain moved by against what the joints did."""
        measured, predicted = chain[:, pose.POSITION], moment.chain[:, pose.POSITION]
        late = max((_moved(predicted, other.chain[:, pose.POSITION], predicted, predicted)[0]
                    for other in others), default=0.0)
        sample = _Sample(stamp, predicted, measured, late)
        for other in self._baseline(late, slack):
            way, seen, unlike, widest, allowed = _compare(sample, other, slack)
            least, most = _least(way, slack, allowed), _UNLIKE * widest + allowed
            if unlike <= most and (seen >= least or self._moved_since(sample, other, least)):
                continue
            what = (f'in {1e-9 * (stamp - other.stamp):.2f} s the joints moved the arm by '
                    f'{way:.3f} m and the pose chain by {seen:.3f} m')
            if seen < least:
                self._forget_since_stop(sample, slack)
                raise FeedbackError(f'{what}, expected at least {least:.3f} m: did the tracker '
                                    'stop?')
            raise FeedbackError(f'{what}, {unlike:.3f} m unlike that, expected at most '
                                f'{most:.3f} m: did the tracker lose a marker?')
        if not self._believed or stamp - self._believed[-1].stamp >= _SPACING:
            self._believed.append(sample)
            self._latest = max(each.late for each in self._believed)

    def _moved_since(self, sample: _Sample, other: _Sample, least: float) -> bool:
        """
        Return whether the element that moved most was measured elsewhere between two samples.

        An arm that comes back otherwise bent has another error there, so that what the joints
        moved it by tells nothing; a tracker that has stopped shows no motion at all.

        :param least: how far from where it is now [m]
        """
        ways = np.linalg.norm(sample.predicted - other.predicted, axis=1)
        ways[np.isnan(sample.measured - other.measured).any(axis=1)] = -1.0
        moved = int(ways.argmax())
        return any(np.linalg.norm(each.measured[moved] - sample.measured[moved]) >= least
                   for each in self._believed if each.stamp > other.stamp)

    def _forget_since_stop(self, sample: _Sample, slack: float) -> None:
        """Forget what was believed of a tracker that had stopped, but was not found out yet."""
        for count, other in enumerate(self._believed, start=1):
            way, seen, _, _, allowed = _compare(sample, other, slack)
            if other.late <= slack and seen < _least(way, slack, allowed):
                break
        while len(self._believed) > count:
            self._believed.pop()

    def _baseline(self, late: float, slack: float) -> list[_Sample]:
        """
        Return a few chains that were believed, from the latest to the oldest.

        At rest none of those counts that were measured in motion and may have been late.
        """
        believed: Sequence[_Sample] = self._believed
        if self._latest > max(late, slack):
            believed = [each for each in believed if each.late <= max(late, slack)]
        count = len(believed)
        return [believed[i] for i in sorted({count - 1, count * 3 // 4, count // 2, 0})[::-1]
                if count]


def _compare(sample: _Sample, other: _Sample, slack: float
             ) -> tuple[float, float, float, float, float]:
    """Return what `_moved` does of two samples, and what they may differ by besides [m]."""
    return (*_moved(sample.predicted, other.predicted, sample.measured, other.measured),
            slack + sample.late + other.late)


def _least(way: float, slack: float, allowed: float) -> float:
    """
    Return how far an element goes at least if its tracker has not stopped [m].

    The errors of an arm whose joints are all off by a few degrees may take most of a way, but what
    has stopped shows no more than noise.
    """
    return max(min(_SEEN * way - allowed, 0.5 * slack), _SEEN_FAR * way - allowed)


def _steps(chain: np.ndarray) -> np.ndarray:
    """Return the way from each element to the next (joints - 1, 3) [m], in the next's frame."""
    rotation, position = pose.to_matrix(chain)
    return np.einsum('jki,jk->ji', rotation[1:], np.diff(position, axis=0))


def _sides(chain: np.ndarray) -> np.ndarray:
    """Return the third axis of each element, (joints, 3)."""
    return np.cross(chain[:, pose.UP], chain[:, pose.FORWARD])


def _turned(chain: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return vectors (joints, 3), each in the frame of its element, in the base's frame."""
    return (vectors[:, :1] * _sides(chain) + vectors[:, 1:2] * chain[:, pose.UP]
            + vectors[:, 2:] * chain[:, pose.FORWARD])


def _joint_turns(chain: np.ndarray) -> np.ndarray:
    """
    Return the rotation of each element against the one before (joints, 3, 3).

    Of axes that are a little longer or shorter than 1, predicted or measured, only the directions
    count: near no turn, an angle is the root of such an error.
    """
    rotation = pose.to_matrix(chain)[0]
    rotation[np.isnan(chain[:, pose.POSITION.stop:]).any(axis=1)] = np.nan
    turns = rotation.copy()
    turns[1:] = np.swapaxes(rotation[:-1], 1, 2) @ rotation[1:]
    return turns


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine of the angle between rotations (joints, 3, 3)."""
    return (np.einsum('jik,jik->j', a, b) - 1.0) / 2.0


def _unit(ratio: float) -> str:
    for factor, name in _UNITS.items():
        if abs(ratio / factor - 1.0) < _UNIT_TOLERANCE:
            return f': {name}?'
    return ''


def _shown(vector: np.ndarray) -> str:
    return '(' + ', '.join(f'{value:.3f}' for value in vector) + ')'


_compiled = compiler(error_model='numpy')  # a comparison with what was not measured is false


@_compiled
def _broken_law(chain, predicted, steps, lengths, rigid, reach, length_tolerance, slack, base,
                least_cosine):
    """Return the first law that a chain breaks, and at which element; 0, 0 if it breaks none."""
    joints = len(chain)
    for j in range(joints):
        forward, up = chain[j, 3:6], chain[j, 6:9]
        if (abs(_dot(forward, forward) - 1.0) > _AXIS_TOLERANCE
                or abs(_dot(up, up) - 1.0) > _AXIS_TOLERANCE
                or abs(_dot(forward, up)) > _AXIS_TOLERANCE):
            return _AXES, j
    step, side = np.empty(3), np.empty(3)
    for law in (_LINK, _ASIDE):
        for j in range(1, joints):
            allowed = length_tolerance * lengths[j - 1] + slack
            for i in range(3):
                step[i] = chain[j, i] - chain[j - 1, i]
            if law == _LINK:
                off = abs(math.sqrt(_dot(step, step)) - lengths[j - 1])
            else:
                allowed += _AXIS_TOLERANCE * lengths[j - 1]
                _side(chain[j], side)
                for i in range(3):
                    step[i] -= (steps[j - 1, 0] * side[i] + steps[j - 1, 1] * chain[j, 6 + i]
                                + steps[j - 1, 2] * chain[j, 3 + i])
                off = math.sqrt(_dot(step, step))
            if rigid[j - 1] and off > allowed:
                return law, j
    for j in range(joints - 1, -1, -1):
        distance = math.sqrt(_dot(chain[j, :3], chain[j, :3]))
        if distance > (1.0 + length_tolerance) * reach[j] + base:
            return _REACH, j
    before, now = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))  # of chain and prediction: axes
    for i in range(3):
        before[:, i, i] = 1.0
    for j in range(joints):
        trace = 0.0
        for which, each in enumerate((chain, predicted)):
            _frame(each[j], now[which])
        for a in range(3):
            for b in range(3):
                trace += (_dot(before[0, a], now[0, b]) * _dot(before[1, a], now[1, b]))
        if 0.5 * (trace - 1.0) < least_cosine:
            return _JOINT, j
        before[:] = now
    return 0, 0


@_compiled
def _moved(predicted, predicted_then, measured, measured_then):
    """
    Return how elements moved that were measured [m].

    That are the predicted and the measured way of the one that is predicted to have moved most,
    the largest by which any moved unlike that, and the longest predicted way, measured or not.
    """
    way, seen, unlike, widest = 0.0, 0.0, 0.0, 0.0
    for j in range(len(predicted)):
        square = square_seen = square_unlike = 0.0
        for i in range(3):
            by = predicted[j, i] - predicted_then[j, i]
            by_seen = measured[j, i] - measured_then[j, i]
            square += by * by
            square_seen += by_seen * by_seen
            square_unlike += (by - by_seen) ** 2
        widest = max(widest, square)
        if not math.isnan(square_seen):
            unlike = max(unlike, square_unlike)
            if square > way:
                way, seen = square, square_seen
    return math.sqrt(way), math.sqrt(seen), math.sqrt(unlike), math.sqrt(widest)


@_compiled
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@_compiled
def _frame(element, axes):
    """Set axes (3, 3), in rows, to the orthonormal ones of a chain element (9,)."""
    f, u = element[3:6], element[6:9]
    square, product = _dot(f, f), _dot(f, u)
    for i in range(3):
        axes[2, i] = f[i] / math.sqrt(square)
        axes[1, i] = u[i] - product / square * f[i]
    length = math.sqrt(_dot(axes[1], axes[1]))
    for i in range(3):
        axes[1, i] /= length
    for i in range(3):
        a, b = (i + 1) % 3, (i + 2) % 3
        axes[0, i] = axes[1, a] * axes[2, b] - axes[1, b] * axes[2, a]


@_compiled
def _side(element, side):
    """Set side to the third axis of a chain element (9,)."""
    f, u = element[3:6], element[6:9]
    side[0], side[1], side[2] = (u[1] * f[2] - u[2] * f[1], u[2] * f[0] - u[0] * f[2],
                                 u[0] * f[1] - u[1] * f[0])
