# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the arm follows its commands, and by what its joints stay behind at rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.compiling import compiler

_MOVED = 1e-3  # [rad] a joint that moves by less is stationary
_STEADY = 0.1  # [s] after which an arm that has not moved counts as stationary
_KNOWN = 1.0  # [s] after which an offset that has not changed is known
_FILTER = 0.1  # [s] time constant of the offset
_RATE = 0.1  # [rad/s] of the offset at most
_RATES = 0.05  # [s] time constant of the rates of the joints, and of what they stay behind by
_CATCHING_UP = 0.05  # [rad/s] a joint whose lead falls faster is under way
_LONGEST_LAG = 0.5  # [s] a joint that would catch up within this time only lags
_COMMANDED = 0.25  # fraction of the following error by which a moving command must have gone on
_PUSHED = 0.25  # fraction of it by which an arm that was pushed is further away than it may lag
_PROBE = 0.25  # fraction of the following error by which an arm that stopped is led
_compiled = compiler(error_model='numpy')


class Following:
    """
    Compares commands and joint states.

    Two things make them differ. While the arm moves, its servos lag; that is no error, and bounds
    how far the command may run ahead. At rest they sag under a load or stick; this offset is
    filtered while the command is near its end, for joints that are not under way, and the command
    adds it. An arm that does not move at all while the command does is stopped.
    """

    def __init__(self, arm: Arm):
        self._arm = arm
        self.offset = np.zeros_like(arm.rest)  # (joints, axes) [rad], command less reported
        self._known_offset = self.offset  # as it was when it did not change
        self.is_stopped = False
        self.reported: np.ndarray | None = None  # (joints, axes) [rad], the latest joint states
        self.reset()

    def reset(self) -> None:
        """Watch from here on: the arm was set back, or is not driven."""
        self._anchor: np.ndarray | None = None  # where the arm was when it moved last
        self._command_then = self.offset
        self._still_for = 0.0  # [s]
        self._steady_at, self._steady_for = self.offset, 0.0  # [s] that the offset stays there
        self._commanded_for = 0.0  # [s] of that since the command went on
        self._is_new, self._elapsed = False, 0.0  # [s] since the latest joint states that counted
        self._before: np.ndarray | None = None  # [rad], joint states and leads of the tick before
        self._rates = np.zeros((2, *self._arm.rest.shape))  # [rad/s] of both, filtered

    def report(self, angles: np.ndarray) -> None:
        """Take joint states (joints, axes) [rad]."""
        self.reported, self._is_new = angles, True

    @property
    def is_stationary(self) -> bool:
        """Whether the arm has not moved for a moment."""
        return self._still_for >= _STEADY

    def lead(self, command: np.ndarray) -> np.ndarray | None:
        """Return by what a command is ahead of the arm, (joints, axes) [rad]; None if unknown."""
        return None if self.reported is None else command - self.reported

    def update(self, command: np.ndarray, period: float, most: float, is_near: bool) -> None:
        """
        Take note of a tick; it counts where joint states have come since the one before.

        :param command: (joints, axes) [rad], as last published
        :param period: since the tick before [s]
        :param most: the following error [rad]
        :param is_near: whether the command is next to where it is to be: one that has still far to
            go is away from the arm because the arm is slow or stopped, and not because it sags
        """
        self._elapsed += period
        if self.reported is None or not self._is_new:
            return
        period, self._elapsed, self._is_new = self._elapsed, 0.0, False
        if self._before is None:
            self._before = np.array((self.reported, command - self.reported))
        _filter_rates(self._rates, self._before, self.reported, command, period)
        if is_near and not self.is_stopped:
            self._filter_offset(command, period, most)
        if self._anchor is None or np.abs(self.reported - self._anchor).max() > _MOVED:
            if self._anchor is not None:
                self.is_stopped = False
            self._anchor, self._command_then = self.reported, command
            self._still_for = self._commanded_for = 0.0
            return
        self._still_for += period
        if np.abs(command - self._command_then).max() > _MOVED:
            self._commanded_for += period

    def _filter_offset(self, command: np.ndarray, period: float, most: float) -> None:
        """Let the offset follow what joints stay behind by, but for those that are under way."""
        self.offset, is_steady = _filtered_offset(self.offset, self._steady_at, command,
                                                  self.reported, self._rates, period, most)
        if not is_steady:
            self._steady_at, self._steady_for = self.offset, 0.0
        else:
            self._steady_for += period
            if self._steady_for >= _KNOWN:
                self._known_offset = self.offset

    def has_stopped(self, command: np.ndarray, most: float, patience: float) -> bool:
        """Return whether the arm has not moved at all for a time [s] while the command went on."""
        return (self._anchor is not None and self._commanded_for > patience
                and np.abs(command - self._command_then).max() > _COMMANDED * most)

    def was_pushed(self, command: np.ndarray, most: float,
                   braking: Callable[[], np.ndarray]) -> bool:
        """
        Return whether the arm was moved away from the command, far beyond the way to brake.

        :param braking: returns that way (joints, axes) [rad]
        """
        lead = self.lead(command)
        if lead is None or np.abs(lead).max() <= (1.0 + _PUSHED) * most:
            return False
        return bool((np.abs(lead) > (1.0 + _PUSHED) * most + braking()).any())

    def start_anew(self) -> np.ndarray:
        """
        Return the command at which the arm stays where it is, no further beyond its limits.

        What the offset has become while the arm was stopped or pushed is no sag, and is forgotten.
        """
        assert self.reported is not None
        self.offset = self._known_offset
        self.reset()
        return np.clip(self.reported + self.offset, np.minimum(self._arm.lower, self.reported),
                       np.maximum(self._arm.upper, self.reported))

    def was_moved(self, command: np.ndarray, most: float) -> bool:
        """Return whether an idle arm is elsewhere than its command, with or without the offset."""
        lead = self.lead(command)
        return lead is not None and self.is_stationary and bool(
            np.minimum(np.abs(lead), np.abs(lead - self.offset)).max() > most)

    def set_back(self) -> np.ndarray:
        """Return the command at which the arm stays where it is, and count it as stopped."""
        command = self.start_anew()
        self.is_stopped = True
        self._anchor, self._command_then = self.reported, command
        return command

    def most_lead(self, most: float) -> float:
        """Return how far the command may be ahead [rad]: a stopped arm is only probed."""
        return _PROBE * most if self.is_stopped else most


@_compiled
def _filter_rates(rates, before, reported, command, period):
    """Filter the rates of joint states and leads (2, joints, axes), and keep these as before."""
    share = min(period / _RATES, 1.0)
    for j in range(reported.shape[0]):
        for k in range(reported.shape[1]):
            now = reported[j, k], command[j, k] - reported[j, k]
            for i in range(2):
                rates[i, j, k] += share * ((now[i] - before[i, j, k]) / period - rates[i, j, k])
                before[i, j, k] = now[i]


@_compiled
def _filtered_offset(offset, steady_at, command, reported, rates, period, most):
    """Return the next offset, and whether this one is what all joints stay behind by."""
    following, is_steady = np.empty_like(offset), True
    share, fastest = period / (_FILTER + period), _RATE * period
    for j in range(offset.shape[0]):
        for k in range(offset.shape[1]):
            was = offset[j, k]
            off = command[j, k] - reported[j, k] - was
            if abs(off) > _MOVED or abs(was - steady_at[j, k]) > _MOVED:
                is_steady = False
            if abs(rates[0, j, k]) * _LONGEST_LAG > abs(off) or (
                    abs(rates[1, j, k]) > _CATCHING_UP):
                off = 0.0
            change = min(max(share * off, -fastest), fastest)
            following[j, k] = min(max(was + change, -most), most)
    return following, is_steady
