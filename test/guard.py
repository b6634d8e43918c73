# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""An observer that checks each command against the contract of motion, whoever sent it."""

from collections import Counter, deque
from dataclasses import dataclass
import heapq

import numpy as np

from snake_arm_control.arm.kinematics import forward_kinematics

ROUNDING = 1e-9  # [rad], [m]
SET_BACK = 10**9  # [ns], a clock that goes back by more was set back


@dataclass(frozen=True)
class Contract:
    """What a command must keep; limits of the joints are the arm's."""

    following_error: float = 0.2  # [rad], how far a command may run ahead of the arm
    speed_limit: float = 1.0  # [m/s], of any element of the chain
    reaction: float = 0.02  # [s], joint states of the last so many seconds may be the latest known
    slack: float = 0.0  # [s], by which stamps may differ from the times that motion is made for
    pause: float = 0.1  # [s], a command after a longer silence starts from rest
    first_step: float = 0.02  # [s], and may use no more time than this
    start_tolerance: float = 0.02  # [rad], how far from the arm a new start may be
    patience: float = 0.5  # [s], after which a command is judged


class Guard:
    """
    Checks commands by their stamps, with the joint states of the same clock.

    Messages may come in any order: what is stamped at a time is judged once `patience` later
    stamps have come, or at `finish`. A command that leaps is a violation, unless it is marked as a
    new start; then it must start from rest where the arm stands. The first one of all must too.

    :param chain_at: angles (joints, axes) to the exact chain (joints, 9); the arm's if None
    :ivar violations: texts, each with the name of the law first
    :ivar checked: how many commands were judged
    :ivar starts: how many new starts were made, the first one included
    :ivar cut_short: how many silences began in motion
    :ivar worst: by law, the largest fraction of its limit that was used
    """

    def __init__(self, arm, contract=Contract(), chain_at=None):
        self.arm, self.contract = arm, contract
        self.chain_at = chain_at or (lambda angles: forward_kinematics(arm, angles))
        self.violations, self.worst = [], Counter()
        self.checked = self.starts = self.cut_short = 0
        self._waiting = []  # heap of (stamp [ns], number, judge, arguments)
        self._newest = self._number = 0
        self._marks = set()  # [ns], stamps of new starts
        self._states = deque()  # (stamp [ns], angles (joints, axes) [rad])
        self._before = None  # _Sent, the command before
        self._within = None  # _Sent by joint, the last that was within the following error

    def take_states(self, stamp, angles):
        """Take joint states (joints, axes) [rad], NaN for joints that they do not name."""
        self._take(stamp, self._judge_states, np.array(angles, dtype=float))

    def take_command(self, stamp, positions, velocities=None):
        """Take a command (joints, axes) [rad], [rad/s]; without velocities by its positions."""
        self._take(stamp, self._judge_command, np.array(positions, dtype=float),
                   None if velocities is None else np.array(velocities, dtype=float))

    def take_start(self, stamp):
        """Take the mark of a new start: the stamp of its command, before that is judged."""
        self._marks.add(stamp)

    def finish(self):
        """Judge all that is still waiting."""
        while self._waiting:
            self._judge_next()

    def _take(self, stamp, judge, *arguments):
        if stamp < self._newest - SET_BACK:
            self.finish()
            self._states.clear()
            self._newest = stamp
        self._newest, self._number = max(self._newest, stamp), self._number + 1
        heapq.heappush(self._waiting, (stamp, self._number, judge, arguments))
        while self._waiting[0][0] <= self._newest - 1e9 * self.contract.patience:
            self._judge_next()

    def _judge_next(self):
        stamp, _, judge, arguments = heapq.heappop(self._waiting)
        judge(stamp, *arguments)

    def _judge_states(self, stamp, angles):
        if self._states:
            angles = np.where(np.isnan(angles), self._states[-1][1], angles)
        self._states.append((stamp, angles))  # in part unknown until each joint was named
        while len(self._states) > 1 and self._states[1][0] <= stamp - 2e9 * self.contract.reaction:
            self._states.popleft()

    def _judge_command(self, stamp, positions, published):
        self.checked += 1
        for numbers in (positions,) if published is None else (positions, published):
            if numbers.shape != self.arm.rest.shape or not np.isfinite(numbers).all():
                self._report('form', stamp, f'numbers of shape {numbers.shape}, finite ones of '
                             f'{self.arm.rest.shape} are expected')
                return
        known, chain = self._known(stamp), self.chain_at(positions)
        checks = [] if self._before is None else self._motion(stamp, positions, published, chain)
        leaps = any(check.excess > ROUNDING for check in checks)
        is_start = self._before is None or leaps and stamp in self._marks
        if published is None:
            published = np.zeros_like(positions) if is_start else (
                positions - self._before.positions) / self._elapsed(stamp)
        if is_start:
            self.starts += 1
            self._marks.discard(stamp)
            self._before = self._within = None
            checks = self._start(positions, published, known)
        sent = _Sent(stamp, positions, published, chain)
        checks += self._limits(positions, known if is_start else None)
        checks += self._following(sent, known)
        for check in checks:
            self._note(stamp, check)
        self._before = sent

    def _known(self, stamp):
        """Return the joint states (states, joints, axes) that may be the latest known."""
        since = stamp - 1e9 * self.contract.reaction
        recent = [angles for at, angles in self._states if since <= at <= stamp]
        older = [angles for at, angles in self._states if at < since]
        known = [angles for angles in older[-1:] + recent if not np.isnan(angles).any()]
        return np.array(known) if known else None

    def _elapsed(self, stamp):
        """Return the time that a command may use since the one before [s]."""
        elapsed = 1e-9 * (stamp - self._before.stamp)
        if not 0.0 <= elapsed <= self.contract.pause:
            elapsed = self.contract.first_step
        return max(elapsed + self.contract.slack, 1e-9)

    def _motion(self, stamp, positions, published, chain):
        """Return the checks of a command against the one before."""
        before, arm = self._before, self.arm
        if stamp == before.stamp:
            return [_Check('stamp', np.ones(1), np.zeros(1), 'commands of one stamp')]
        elapsed = self._elapsed(stamp)
        change, was = positions - before.positions, before.velocities
        velocities = change / elapsed if published is None else published
        off = np.abs(change - velocities * elapsed)
        if stamp < before.stamp:  # the clock was set back: it may have gone on, or stopped
            was = np.clip(velocities, np.minimum(was, 0.0), np.maximum(was, 0.0))
            off = np.zeros_like(off)
        elif 1e-9 * (stamp - before.stamp) > self.contract.pause:
            self.cut_short += bool((np.abs(was) > arm.acceleration_limits * elapsed).any())
            was = np.zeros_like(was)
            off = np.maximum(np.abs(change) - np.abs(velocities) * elapsed, 0.0)
        speeds = np.linalg.norm(chain[:, :3] - before.chain[:, :3], axis=-1) / elapsed
        return [
            _Check('step', np.abs(change), arm.velocity_limits * elapsed, 'rad'),
            _Check('velocity', np.abs(velocities), arm.velocity_limits, 'rad/s'),
            _Check('acceleration', np.abs(velocities - was), arm.acceleration_limits * elapsed,
                   'rad/s'),
            _Check('speed', speeds, np.full(len(speeds), self.contract.speed_limit), 'm/s'),
            _Check('published velocity', off, np.abs(velocities) * self.contract.slack
                   + 0.5 * arm.acceleration_limits * elapsed ** 2, 'rad')]

    def _start(self, positions, velocities, known):
        """Return the checks of a command that goes on from where the arm stands."""
        contract, limits = self.contract, self.arm.acceleration_limits
        checks = [_Check('start', np.abs(velocities), limits * contract.first_step, 'rad/s')]
        if known is not None:
            off = np.min(np.abs(positions - known), axis=0)
            checks.append(_Check('start', off, np.full(off.shape, contract.start_tolerance),
                                 'rad from the arm'))
        return checks

    def _limits(self, positions, known):
        """Return the check that no joint is beyond its limits, or further than it was already."""
        allowed = np.zeros_like(positions)
        if known is not None:
            allowed = np.max(_beyond(self.arm, known), axis=0)
        elif self._before is not None:
            allowed = _beyond(self.arm, self._before.positions)
        return [_Check('limits', _beyond(self.arm, positions), allowed, 'rad beyond them')]

    def _following(self, sent, known):
        """Return the check that a joint too far ahead of the arm only goes on to brake."""
        if known is None:
            return []
        if self._within is None:
            self._within = sent.copy()
        last, ahead = self._within, sent.positions - known
        gap = np.min(np.abs(ahead), axis=0)
        last.take(sent, gap <= self.contract.following_error)
        brake_time = np.max(np.abs(last.velocities) / self.arm.acceleration_limits)  # one factor
        onward = (sent.positions - last.positions) * np.sign(ahead[-1])
        return [_Check('following', np.maximum(onward, 0.0),
                       np.abs(last.velocities) * (0.5 * brake_time + self.contract.reaction),
                       f'rad on, {gap.max():.4f} rad ahead of the arm')]

    def _note(self, stamp, check):
        """Keep how far a limit was used, and report it if by more than it allows."""
        if check.allowed[check.place] > 0.0:
            self.worst[check.law] = max(self.worst[check.law],
                                        check.value[check.place] / check.allowed[check.place])
        if check.excess <= ROUNDING:
            return
        where = (f'element {check.place[0] + 1}' if len(check.place) == 1 else
                 self.arm.joint_names[np.ravel_multi_index(check.place, self.arm.rest.shape)])
        self._report(check.law, stamp, f'{where}: {check.value[check.place]:.4f} {check.unit}, '
                     f'{check.allowed[check.place]:.4f} are allowed')

    def _report(self, law, stamp, text):
        self.violations.append(f'{law}: {text}; at {1e-9 * stamp:.4f} s')


class _Check:
    """Values beside what is allowed, and the place where they come closest to it or exceed it."""

    def __init__(self, law, value, allowed, unit):
        self.law, self.value, self.allowed, self.unit = law, value, allowed, unit
        self.place = np.unravel_index(np.argmax(value - allowed), value.shape)
        self.excess = (value - allowed)[self.place]


class _Sent:
    """A command that was sent; of `Guard._within`, each joint has its own."""

    def __init__(self, stamp, positions, velocities, chain):
        self.stamp, self.positions, self.velocities = stamp, positions, velocities
        self.chain = chain

    def copy(self):
        return _Sent(self.stamp, self.positions.copy(), self.velocities.copy(), self.chain)

    def take(self, other, places):
        """Take over those places (joints, axes) of another command."""
        self.positions[places] = other.positions[places]
        self.velocities[places] = other.velocities[places]


def _beyond(arm, angles):
    """Return by how much angles (*batch, joints, axes) are beyond the limits [rad]."""
    return np.abs(angles - arm.clip(angles))
