# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Target correction with feedback that arrives late: the model's error at the pose it answers."""

from __future__ import annotations

from collections import deque

import numpy as np

from snake_arm_control import pose


class TargetCorrection:
    """
    The forward model's error, as the latest feedback tells it.

    Equation 4 pairs the true chain u and the prediction y of the same angles. A true chain arrives
    some time after the command that it answers, so predictions are remembered by the command's
    stamp; the error ``y_k - u_k`` at that stamp estimates the true chain now as
    ``y - (y_k - u_k)``. Without delay this is u itself.

    :param memory: how many predictions to remember
    """

    def __init__(self, joints: int, memory: int = 1000):
        self.error = np.zeros((joints, pose.SIZE))  # y_k - u_k
        self.seen: np.ndarray | None = None  # u_k (joints, 9), freed of noise as far as asked for
        self._stamps: deque[int] = deque(maxlen=memory)  # increasing
        self._predictions: deque[np.ndarray] = deque(maxlen=memory)

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
        :param gain: share of the new error that is taken over, below 1 against noise
        :return: the stamp of the command that it answers; None if that is not remembered
        """
        if not self._stamps or stamp < self._stamps[0]:
            return None
        while len(self._stamps) > 1 and self._stamps[1] <= stamp:
            self._stamps.popleft()
            self._predictions.popleft()
        error = self._predictions[0] - true_chain
        share = 1.0 if self.seen is None else gain
        self.error = np.where(np.isnan(error), self.error,
                              (1.0 - share) * self.error + share * error)
        self.seen = np.where(np.isnan(error) | (share < 1.0), self._predictions[0] - self.error,
                             true_chain)
        return self._stamps[0]

    def estimate(self, prediction: np.ndarray) -> np.ndarray:
        """Return the true chain (joints, 9) that is to be expected where this is predicted."""
        return prediction - self.error
