# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated tracker: noise, loss and latency between the true poses and the controller."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.settings import setting, Settings

MEASURED, ARRIVAL = 'measured', 'arrival'


@dataclass(frozen=True)
class TrackerSettings(Settings):
    """How measured pose chains differ from the true ones, and when they arrive."""

    position_noise: float = setting(
        0.0, 'standard deviation of measured positions', 'm', low=0.0, high=1.0)
    axis_noise: float = setting(
        0.0, 'standard deviation of measured axes', 'rad', low=0.0, high=1.0)
    feedback_latency: float = setting(
        0.0, 'time from the measurement of a pose chain to its arrival', 's', low=0.0, high=10.0)
    feedback_loss: float = setting(
        0.0, 'fraction of measured pose chains that get lost', low=0.0, high=1.0)
    feedback_frozen: bool = setting(
        False, 'repeat the last pose chain with new stamps, whatever the arm does')
    feedback_stamps: str = setting(
        MEASURED, 'time that pose chains are stamped with', choices=(MEASURED, ARRIVAL))
    clock_offset: float = setting(
        0.0, 'time by which the clock of the tracker is ahead', 's', low=-1e5, high=1e5)
    clock_drift: float = setting(
        0.0, 'rate at which the clock of the tracker gains', 's/s', low=-0.5, high=0.5)
    seed: int = setting(
        0, 'seed of the noise, the loss and the signs of the errors', low=0, read_only=True)


class Measurement(NamedTuple):
    """A measured pose chain and its stamp."""

    stamp: int  # [ns], by the tracker's clock
    chain: np.ndarray  # (joints, 9)


class _UnderWay(NamedTuple):
    measured_at: float  # [s]
    due: float  # [s]
    measurement: Measurement


class Tracker:
    """
    Measures pose chains, and delivers them late, in their order.

    The clock is the caller's, in seconds. If it is set back, measurements of later times are lost.

    :ivar settings: may be replaced at any time
    :ivar falsify: takes a measured chain (joints, 9) and returns the one to deliver, None to lose
        it; for tests
    """

    def __init__(self, settings: TrackerSettings = TrackerSettings(),
                 falsify: Callable[[np.ndarray], np.ndarray | None] = lambda chain: chain):
        self.settings, self.falsify = settings, falsify
        self._generator = np.random.default_rng(settings.seed)
        self._under_way: deque[_UnderWay] = deque()
        self._last: np.ndarray | None = None  # (joints, 9), as measured
        self._now: float | None = None
        self._drift = 0.0  # [s], gathered since the first call

    def observe(self, now: float, chain: np.ndarray, stamp: int | None = None) -> None:
        """
        Measure a pose chain.

        :param now: [s]
        :param chain: (joints, 9), the true one
        :param stamp: this time by the clock that stamps are from [ns], `now` if None
        """
        self._pass(now)
        s = self.settings
        if s.feedback_loss and self._generator.random() < s.feedback_loss:
            return
        if self._last is None or not s.feedback_frozen:
            self._last = self._noisy(chain)
        measured = self.falsify(self._last.copy())
        if measured is None:
            return
        shift = s.clock_offset + self._drift + (
            s.feedback_latency * (1.0 + s.clock_drift) if s.feedback_stamps == ARRIVAL else 0.0)
        stamp = (round(1e9 * now) if stamp is None else stamp) + round(1e9 * shift)
        self._under_way.append(
            _UnderWay(now, now + s.feedback_latency, Measurement(stamp, measured)))

    def arrived(self, now: float) -> list[Measurement]:
        """Return the measurements that have arrived by a time [s] since the last call."""
        self._pass(now)
        arrived = []
        while self._under_way and self._under_way[0].due <= now:
            arrived.append(self._under_way.popleft().measurement)
        return arrived

    @property
    def is_waiting(self) -> bool:
        """Whether measurements are under way."""
        return bool(self._under_way)

    def _pass(self, now: float) -> None:
        if self._now is not None:
            self._drift += self.settings.clock_drift * (now - self._now)
            if now < self._now:  # the clock was set back
                self._under_way = deque(
                    each for each in self._under_way if each.measured_at <= now)
        self._now = now

    def _noisy(self, chain: np.ndarray) -> np.ndarray:
        s, noisy = self.settings, np.array(chain, dtype=float)
        if s.position_noise:
            noisy[:, pose.POSITION] += self._draw(s.position_noise, len(noisy))
        if s.axis_noise:
            for axis in pose.AXES:
                noisy[:, axis] += self._draw(s.axis_noise, len(noisy))
                noisy[:, axis] /= np.linalg.norm(noisy[:, axis], axis=-1, keepdims=True)
        return noisy

    def _draw(self, deviation: float, joints: int) -> np.ndarray:
        return self._generator.normal(0.0, deviation, (joints, 3))
