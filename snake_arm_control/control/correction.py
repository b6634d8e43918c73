# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Target correction with feedback that arrives late: the model's error at the pose it answers."""

from __future__ import annotations

from collections import deque

import numpy as np

from snake_arm_control.arm import pose

_WORST = 1.0  # [m^2], a measurement that is farther off is no worse: it is nonsense
_NOISE_GAIN = 0.2  # fraction of the latest feedback in the estimate of its noise


class TargetCorrection:
    """
    The forward model's error, measured by feedback.

    Equation 4 pairs the true chain u and the prediction y of the same angles. A true chain arrives
    some time after the command that it answers, so predictions are remembered by the command's
    stamp; the error ``y_k - u_k`` at that stamp estimates the true chain now as
    ``y - (y_k - u_k)``. Without delay this is u itself.

    Noise is averaged away by a scalar Kalman filter: the error may change by as much as the
    prediction does, and what else it seems to change by is noise. Of an arm that moves, or whose
    feedback is free of noise, each measurement counts in full; of one that stands, all since then
    count alike.

    :param memory: how many predictions to remember
    """

    def __init__(self, joints: int, memory: int = 1000):
        self.error: np.ndarray = np.zeros((joints, pose.SIZE))  # y_k - u_k
        self.filtered: np.ndarray = np.full((joints, pose.SIZE), np.nan)  # u_k; NaN at first
        self._stamps: deque[int] = deque(maxlen=memory)  # increasing
        self._predictions: deque[np.ndarray] = deque(maxlen=memory)
        self._answered: np.ndarray | None = None  # y_k (joints, 9)
        self._last_gain = 1.0
        self._noise = 0.0  # variance of feedback, a mean over all components

    def remember(self, stamp: int, prediction: np.ndarray) -> None:
        """
        Keep the prediction (joints, 9) for the angles commanded at a stamp.

        :param stamp: [ns], later than those before
        """
        self._stamps.append(stamp)
        self._predictions.append(prediction)

    def forget(self) -> None:
        """Forget the predictions, whose stamps mean nothing any more; the error stays."""
        self._stamps.clear()
        self._predictions.clear()

    def update(self, stamp: int, true_chain: np.ndarray, gain: float = 1.0) -> int | None:
        """
        Take the error from feedback, and forget the predictions before it.

        Feedback answers the latest command that is not younger than itself: an arm that echoes the
        command's stamp and a tracker with a clock of its own are both understood.

        :param stamp: of the feedback [ns]
        :param true_chain: (joints, 9), NaN where nothing was measured: the error stays as it was
        :param gain: least fraction of the new error that is taken over; 1 leaves noise as it is
        :return: the stamp of the command that it answers; None if that is not remembered
        """
        if not self._stamps or stamp < self._stamps[0]:
            return None
        while len(self._stamps) > 1 and self._stamps[1] <= stamp:
            self._stamps.popleft()
            self._predictions.popleft()
        prediction = self._predictions[0]
        missing = np.isnan(true_chain)
        error = np.where(missing, self.error, prediction - true_chain)
        measured = int(np.count_nonzero(~missing))
        gain = max(self._kalman_gain(prediction, error - self.error, measured), gain)
        self._last_gain = gain
        self.error = (1.0 - gain) * self.error + gain * error
        self.filtered = np.where(missing | (gain < 1.0), prediction - self.error, true_chain)
        return self._stamps[0]

    def _kalman_gain(self, prediction: np.ndarray, surprise: np.ndarray, measured: int) -> float:
        """
        Return the fraction of a surprise (joints, 9) that is not noise, and learn how noisy it is.

        :param measured: how many components were
        """
        before, self._answered = self._answered, prediction
        if before is None:
            return 1.0
        change = _square_sum(prediction - before) / prediction.size
        off = min(_square_sum(surprise) / max(measured, 1), _WORST)
        noise = max(off - change, 0.0) / (1.0 + self._last_gain)
        self._noise += _NOISE_GAIN * (noise - self._noise)
        variance = self._last_gain * self._noise + change  # of the error as it is known
        return variance / (variance + self._noise) if self._noise > 0.0 else 1.0

    def estimate(self, prediction: np.ndarray) -> np.ndarray:
        """Return the true chain (joints, 9) that is to be expected where this is predicted."""
        return prediction - self.error


def _square_sum(values: np.ndarray) -> float:
    flat = values.ravel()
    return float(flat @ flat)
