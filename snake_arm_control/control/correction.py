# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Target correction: the forward model's error, from true chains and what the joints did."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.compiling import compiler

_WORST = 1.0  # [m^2], a measurement that is farther off is no worse: it is nonsense
_NOISE_GAIN = 0.2  # fraction of the latest feedback in the estimate of its noise
_CHANGE = 0.2  # [1] by which the error may change while the prediction changes by 1
_compiled = compiler(error_model='numpy')


class TargetCorrection:
    """
    The forward model's error, measured by feedback.

    Equation 4 pairs the true chain u and the prediction y of the same angles, which are those that
    the joints reported for the time of the measurement. Their difference ``y - u`` estimates the
    true chain of any other angles as their prediction less that difference.

    The error is filtered by a scalar Kalman filter. It may change by a fraction of what the
    prediction changes by, and its measurement is uncertain by noise, which is learned. What an
    uncertain latency may make of it is no noise: of an arm that moves, chain and prediction then
    belong to times that differ, always by as much. So that much of an error is left aside, and
    is taken in full where the arm is stationary.

    :ivar error: (joints, 9), what the model predicts too much
    """

    def __init__(self, joints: int):
        self.error: np.ndarray = np.zeros((joints, pose.SIZE))  # y - u, filtered
        self.reset()

    def reset(self) -> None:
        """Take the next measurement in full; the error stays until then."""
        self._prediction: np.ndarray | None = None  # (joints, 9), of the latest measurement
        self.surprise = np.zeros(len(self.error))  # [m], by which elements are not where expected
        self._variance = _WORST  # of the error, a mean over all components
        self._noise = 0.0  # variance of feedback, a mean over all components
        self._last_gain = 1.0

    def update(self, prediction: np.ndarray, true_chain: np.ndarray, gain: float = 1.0,
               late: float = 0.0) -> float:
        """
        Take the error from feedback.

        :param prediction: (joints, 9), for the angles of the measurement
        :param true_chain: (joints, 9), NaN where nothing was measured: the error stays as it was
        :param gain: least fraction of the new error that is taken over where there is noise; 1
            leaves noise as it is
        :param late: root mean square of what the prediction may be off by for the latency
        :return: the fraction that was taken over
        """
        error, off, moved = _measured(self.error, prediction, true_chain)
        taken = self._gain(prediction, min(off, _WORST), gain, late)
        self.surprise = (1.0 - taken) * moved
        self.error = error if taken == 1.0 else self.error + taken * (error - self.error)
        return taken

    def _gain(self, prediction: np.ndarray, off: float, least: float, late: float) -> float:
        """Return how much of a surprise of a mean square is taken, and learn how noisy it is."""
        before, self._prediction = self._prediction, prediction
        if before is not None:
            change = mean_square_difference(prediction, before)
            # Of an arm on the move, what is no noise may be as much as the prediction changes by.
            excess = max(off - change - late * late, 0.0) / (1.0 + self._last_gain)
            self._noise += _NOISE_GAIN * (excess - self._noise)
            # It is known no better than the last gain says, by the noise as it is known by now.
            self._variance = (max(self._variance, self._last_gain * self._noise)
                              + _CHANGE ** 2 * change)
        # Noise is never averaged over more measurements than the least gain says.
        variance = max(self._variance, self._noise * least / max(1.0 - least, 1e-9))
        gain = variance / (variance + self._noise) if self._noise > 0.0 else 1.0
        if late > 0.0:
            gain *= max(1.0 - late / math.sqrt(off), 0.0) if off > 0.0 else 0.0
        self._variance, self._last_gain = (1.0 - gain) * variance, gain
        return gain

    def estimate(self, prediction: np.ndarray) -> np.ndarray:
        """Return the true chain (joints, 9) that is to be expected where this is predicted."""
        return prediction - self.error


@_compiled
def _measured(error, prediction, true_chain):
    """
    Return the error by a true chain, kept where that is NaN.

    :return: also its mean square change, and by how much each position changes (joints,) [m]
    """
    measured, count, squares, moved = error.copy(), 0, 0.0, np.zeros(error.shape[0])
    for j in range(error.shape[0]):
        for c in range(error.shape[1]):
            if math.isnan(true_chain[j, c]):
                continue
            measured[j, c] = prediction[j, c] - true_chain[j, c]
            square = (measured[j, c] - error[j, c]) ** 2
            squares += square
            count += 1
            if c < 3:
                moved[j] += square
        moved[j] = math.sqrt(moved[j])
    return measured, squares / max(count, 1), moved


@_compiled
def mean_square_difference(a, b):
    """Return the mean square of what two chains (joints, 9) differ by."""
    squares = 0.0
    for j in range(a.shape[0]):
        for c in range(a.shape[1]):
            squares += (a[j, c] - b[j, c]) ** 2
    return squares / a.size
