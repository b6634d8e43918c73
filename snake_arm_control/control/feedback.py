# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The watch over feedback: which commands were answered, how old answers are, what is wrong."""

from __future__ import annotations

from collections import deque
import math

from snake_arm_control.errors import FeedbackError

_SET_BACK = 10**9  # [ns] a clock that goes back by more was set back


class FeedbackWatch:
    """
    Keeps the commands that wait for an answer, and when the last answer came.

    Stamps [ns] are those of commands and measurements, times [s] those of a clock that never
    jumps.
    """

    def __init__(self):
        self.stamp = 0  # [ns], of the latest command
        self.received_at = -math.inf
        self.commanded_at = -math.inf
        self._unanswered: deque[tuple[int, float]] = deque()  # stamp [ns], time [s]
        self._received_stamp = 0
        self._received = False  # since the last call of `tick`
        self._behind = 0  # [ns], the latest feedback, if older than what waits for an answer
        self._probed_at = -math.inf

    @property
    def answered(self) -> bool:
        """Whether the latest command was answered."""
        return not self._unanswered

    def tick(self, now: float) -> None:
        """Take note of the time at which feedback that came since the last call was there."""
        if self._received:
            self._received, self.received_at = False, now

    def next_stamp(self, wanted: int) -> int:
        """Return the stamp of the next command: the wanted one, or a later one."""
        return max(wanted, self.stamp + 1)

    def command(self, stamp: int, now: float, expects_answer: bool) -> None:
        """Take note of a command."""
        self.stamp, self.commanded_at = stamp, now
        if expects_answer:
            self._unanswered.append((stamp, now))

    def receive(self, stamp: int) -> None:
        """
        Take note of feedback.

        :raises FeedbackError: if it is older than what was received
        """
        if 0 < stamp < self._received_stamp:
            raise FeedbackError('the pose chain is older than the one before it')
        # A stamp ahead of the latest command must not outdate the answers to come.
        self._received_stamp = max(min(stamp, self.stamp), self._received_stamp)
        self._received = True
        self._behind = self._unanswered[0][0] - stamp if self._unanswered else 0
        while self._unanswered and self._unanswered[0][0] <= stamp:
            self._unanswered.popleft()

    def was_set_back(self, stamp: int) -> bool:
        """Return whether the clock of the stamps was set back."""
        return stamp < self.stamp - _SET_BACK

    def forget(self) -> None:
        """Forget all stamps: they mean nothing any more."""
        self.stamp = self._received_stamp = 0
        self._unanswered.clear()

    def age(self, now: float) -> float:
        """Return how long the oldest unanswered command has been waiting [s]."""
        return now - self._unanswered[0][1] if self._unanswered else 0.0

    def silence(self, now: float) -> float:
        """Return how long neither a command nor feedback has been on its way [s]."""
        return now - max(self.received_at, self.commanded_at)

    def must_probe(self, now: float, period: float) -> bool:
        """
        Return whether the last command is to be repeated, so that returning feedback answers it.

        :param period: of probes [s]
        """
        if now - self._probed_at < period:
            return False
        self._probed_at = now
        while len(self._unanswered) > 1:  # the first gives the age; probes may go on for ever
            self._unanswered.pop()
        return True

    def trouble(self, now: float, timeout: float) -> str:
        """Return why there is no feedback within a time-out [s]."""
        if now - self.received_at > timeout:
            return f'no usable pose chain has come for {now - self.received_at:.1f} s'
        if self._behind <= 0:
            return 'pose chains come, but later than the time-out'
        return (f'pose chains come, but the latest is stamped {1e-9 * self._behind:.3f} s '
                'before the command that waits for it: their clock is behind, or not set')
