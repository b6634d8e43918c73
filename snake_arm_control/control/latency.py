# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The latency of a tracker: how much older a pose chain is than its stamp says."""

from __future__ import annotations

from collections import deque

import numpy as np

from snake_arm_control.control.history import JointHistory

_DRIFT = 5e-3  # [s/s] at which two clocks may drift apart
_UNKNOWN = 0.1  # [s] standard deviation before anything is known
_SURE = 1e-3  # [s] the standard deviation is never less
_MOST = 0.5  # [s] on either side of zero
_SPACING = 20_000_000  # [ns] between two samples
_SAMPLES = 30
_EVERY = 5  # samples between two estimates
_REGRESSIONS = 4  # at most, for one estimate
_CLOSE = 5e-3  # [s] a change of the latency over which the motion is about even
_HALF = 10_000_000  # [ns] the rate of a prediction is a difference over twice this
_UNMODELLED = 0.2  # fraction of the predicted motion by which the true one may differ
_FASTEST = 0.02  # [m/s] root mean square by which the rates must differ, to show anything


class Latency:
    """
    A latency, given or estimated while the arm moves.

    A chain that is paired with joint states too young for it lags behind the prediction, by the
    rate of the prediction times the missing latency: the model error is regressed on that rate.
    That is linear in a small missing latency only, so the regression is repeated about what it
    said. What the error changes by for another reason goes with the prediction itself, which is
    the second regressor. At rest nothing can be seen; there the estimate becomes less certain by
    what two clocks may drift apart.

    :param given: the latency [s]; None to estimate it
    """

    def __init__(self, given: float | None = None):
        self._given = given
        self.reset()

    def reset(self) -> None:
        """Forget what was estimated."""
        self.value = self._given or 0.0  # [s]
        self._variance = _UNKNOWN ** 2  # [s^2], as of the latest estimate
        self._seen_at: int | None = None  # [ns], when something could be seen last
        self._samples: deque[tuple[int, np.ndarray]] = deque(maxlen=_SAMPLES)
        self._since = 0  # samples since the latest estimate

    def deviation(self, stamp: int) -> float:
        """Return the standard deviation of the latency at a time [ns], in seconds."""
        if self._given is not None:
            return 0.0
        age = 0.0 if self._seen_at is None else max(stamp - self._seen_at, 0) * 1e-9
        return min((self._variance + (_DRIFT * age) ** 2) ** 0.5, _UNKNOWN)

    def observe(self, stamp: int, true_chain: np.ndarray, history: JointHistory) -> None:
        """
        Take a measured chain (joints, 9) as it is stamped [ns], and estimate now and then.

        :param history: of the joints, with the model's predictions
        """
        if self._given is not None or (
                self._samples and 0 <= stamp - self._samples[-1][0] < _SPACING):
            return
        if self._samples and stamp < self._samples[-1][0]:
            self._samples.clear()
        self._samples.append((stamp, true_chain[:, :3]))
        self._since += 1
        if self._since >= _EVERY:
            self._since = 0
            self._estimate(history)

    def _estimate(self, history: JointHistory) -> None:
        """Correct the estimate by what the latest samples say."""
        shift, variance = self.value, None
        for _ in range(_REGRESSIONS):
            regressed = self._regress(shift, history)
            if regressed is None:
                break
            missing, variance = regressed
            variance += missing * missing  # by so much the linear law may still be off
            shift = float(np.clip(shift + missing, -_MOST, _MOST))
            if abs(missing) < _CLOSE:
                break
        if variance is None:
            return
        latest_stamp = self._samples[-1][0]
        prior = self.deviation(latest_stamp) ** 2
        gain = prior / (prior + variance)
        self.value += gain * (shift - self.value)
        self._variance = max((1.0 - gain) * prior, _SURE ** 2)
        self._seen_at = latest_stamp

    def _regress(self, latency: float, history: JointHistory) -> tuple[float, float] | None:
        """
        Return what is missing of a latency [s] and its variance [s^2]; None if nothing shows.

        :param history: see `observe`
        """
        shift = round(1e9 * latency)
        rows = []
        for stamp, measured in self._samples:
            before, now, after = (history.at(stamp - shift + offset)
                                  for offset in (-_HALF, 0, _HALF))
            latest = history.latest
            if before is None or latest is None or stamp - shift + _HALF > latest.stamp:
                continue
            assert now is not None and after is not None
            predicted = now.chain[:, :3]
            rate = (after.chain[:, :3] - before.chain[:, :3]) / (2e-9 * _HALF)
            rows.append((predicted - measured, predicted, rate))
        if len(rows) < 2 * _EVERY:
            return None
        error, predicted, rate = (np.array(part).reshape(len(rows), -1) for part in zip(*rows))
        known = ~np.isnan(error).any(axis=0)
        error, predicted, rate = (part[:, known] - part[:, known].mean(axis=0)
                                  for part in (error, predicted, rate))
        moved = float(np.sum(predicted * predicted))
        cross = float(np.sum(predicted * rate))
        unexplained = float(np.sum(rate * rate)) - cross * cross / max(moved, 1e-12)
        if unexplained < rate.size * _FASTEST ** 2:
            return None
        # What the error changes by for another reason is a small part of what the arm moves by.
        of_motion, of_rate = (float(np.sum(part * error)) for part in (predicted, rate))
        missing = (of_rate - cross * of_motion / max(moved, 1e-12)) / unexplained
        by_motion = float(np.clip((of_motion - missing * cross) / max(moved, 1e-12),
                                  -_UNMODELLED, _UNMODELLED))
        missing = (of_rate - by_motion * cross) / float(np.sum(rate * rate))
        rest = error - by_motion * predicted - missing * rate
        # As if all components had one common error: they hang together.
        variance = float(np.sum(rest * rest)) / unexplained + _SURE ** 2
        return missing, variance
