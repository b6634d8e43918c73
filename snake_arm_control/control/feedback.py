# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Feedback: true chains paired with what the joints did at the time of their measurement."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.correction import mean_square_difference, TargetCorrection
from snake_arm_control.control.history import JointHistory, Moment
from snake_arm_control.control.latency import Latency
from snake_arm_control.control.plausibility import Plausibility, PlausibilitySettings
from snake_arm_control.errors import FeedbackError

_MOST = 2000  # chains that wait for the joint states of their time
_OLDEST = 2.0  # [s] a chain whose stamp is further from the clock is of another clock


class Feedback:
    """
    Keeps what the joints did, and corrects the model's error by each true chain that is believed.

    Stamps [ns] are those of the ROS clock; times [s] are those of a clock that never jumps, by
    which silence is judged.

    :param chain_of: predicts the pose chain (joints, 9) of angles (joints, axes)
    """

    def __init__(self, arm: Arm, chain_of: Callable[[np.ndarray], np.ndarray],
                 latency: float | None = None):
        self.history = JointHistory()
        self.correction = TargetCorrection(arm.joints)
        self.latency = Latency(latency)
        self.rejected = 0  # chains that were not believed
        self.reason = ''  # why the latest of them was not
        self.received_at = -math.inf  # [s], the latest chain that was believed
        self.reported_at = -math.inf  # [s], the latest joint states
        self.rejected_at = -math.inf  # [s]
        self.received_stamp = 0  # [ns], of the latest chain, by the tracker
        self._arm, self._chain_of = arm, chain_of
        self._plausibility = Plausibility(arm)
        self._arrived: list[tuple[int, np.ndarray]] = []  # since the latest tick
        self._waiting: deque[tuple[int, np.ndarray]] = deque(maxlen=_MOST)
        self._used_stamp: int | None = None  # [ns], of the latest chain that was looked at
        self._reported = False
        self.believed: tuple[np.ndarray, np.ndarray] | None = None  # latest angles, true chain

    def report(self, stamp: int, angles: np.ndarray) -> None:
        """Take what the joints did: angles (joints, axes) [rad] measured at a time [ns]."""
        latest = self.history.latest
        if latest is None or stamp > latest.stamp:
            same = latest is not None and np.array_equal(latest.angles, angles)
            self.history.add(latest._replace(stamp=stamp) if latest is not None and same
                             else Moment(stamp, angles, self._chain_of(angles).astype(float)))
        self._reported = True

    def receive(self, stamp: int, chain: np.ndarray) -> None:
        """
        Take a true chain; it is used once the joint states of its time are there.

        :param stamp: of the tracker's clock [ns]
        :param chain: (joints, 9), NaN where nothing was measured
        :raises FeedbackError: if it is misshapen or infinite
        """
        if chain.shape != (self._arm.joints, pose.SIZE):
            raise FeedbackError(f'the pose chain has the shape {chain.shape}, expected '
                                f'({self._arm.joints}, {pose.SIZE})')
        if np.isinf(chain).any() or np.isnan(chain).all():
            raise FeedbackError('the pose chain is not finite')
        self.received_stamp = stamp
        self._arrived.append((stamp, chain))

    def work(self, stamp: int, now: float, settings: PlausibilitySettings, gain: float) -> bool:
        """
        Use the chains that have waited for their joint states.

        :param stamp: of the ROS clock [ns]
        :param now: [s]
        :param gain: see `TargetCorrection.update`
        :return: whether any was believed
        """
        if self._reported:
            self._reported, self.reported_at = False, now
        for chain_stamp, chain in self._arrived:
            off = 1e-9 * (chain_stamp - stamp)
            if abs(off) > _OLDEST:
                self._reject(f'the pose chain is stamped {abs(off):.3f} s '
                             f'{"before" if off < 0.0 else "after"} it came: does '
                             "the tracker's clock show another time?", now)
            else:
                self._waiting.append((chain_stamp, chain))
        self._arrived.clear()
        believed = False
        while self._waiting and (latest := self.history.latest) is not None:
            chain_stamp, chain = self._waiting[0]
            measured = chain_stamp - round(1e9 * self.latency.value)
            if measured > latest.stamp:
                break
            self._waiting.popleft()
            moment = self.history.at(measured)
            if chain_stamp == self._used_stamp or moment is None:
                continue  # a repetition, or from before the first joint states
            try:
                self._use(chain_stamp, moment, chain, settings, gain)
            except FeedbackError as error:
                self._reject(str(error), now)
            else:
                believed, self.received_at = True, now
        return believed

    def _reject(self, reason: str, now: float) -> None:
        self.rejected += 1
        self.reason, self.rejected_at = reason, now

    def _use(self, stamp: int, moment: Moment, chain: np.ndarray,
             settings: PlausibilitySettings, gain: float) -> None:
        if self._used_stamp is not None and stamp < self._used_stamp:
            raise FeedbackError('the pose chain is older than the one before it')
        self._used_stamp = stamp
        measured = moment.stamp
        gap = self.history.gap(measured)
        around = self.history.around(measured, self.latency.deviation(stamp))
        others = [other for other in (*around, *gap)
                  if other.chain is not moment.chain]  # else they were stationary
        self._plausibility.check(measured, chain, moment, others, settings)
        if not gap:
            self.latency.observe(stamp, chain, self.history)
        late = max((mean_square_difference(other.chain, moment.chain) for other in others),
                   default=0.0)
        self.correction.update(moment.chain, chain, gain, math.sqrt(late))
        self.believed = moment.angles, chain

    def adapt_model(self) -> None:
        """Predict anew: the model has changed a little, and so has its error."""
        latest = self.history.latest
        if latest is None:
            return
        change = self._chain_of(latest.angles).astype(float) - latest.chain
        self.history.shift(change)
        self.correction.error = self.correction.error + change

    def believe_anew(self) -> None:
        """Believe the next chain even if it is not where the ones before were."""
        self._plausibility.reset()

    def use_model(self) -> None:
        """Predict anew: the model is another, and its error is not known."""
        latest = self.history.latest
        self.history.clear()
        self.correction = TargetCorrection(self._arm.joints)
        self._plausibility.reset()
        if latest is not None:
            self.history.add(latest._replace(
                chain=self._chain_of(latest.angles).astype(float)))

    def forget_stamps(self) -> None:
        """Forget all stamps: the clock was set back."""
        latest = self.history.latest
        self.history.clear()
        if latest is not None:
            self.history.add(latest._replace(stamp=0))
        self._arrived.clear()
        self._waiting.clear()
        self.received_stamp, self._used_stamp = 0, None
        self.latency.reset()
        self._plausibility.reset()
        self.correction.reset()

    def silence(self, now: float, timeout: float, uses_chains: bool = True,
                uses_joint_states: bool = True) -> str:
        """Return why feedback can't be used at a time [s], '' if it can."""
        if uses_joint_states and now - self.reported_at > timeout:
            return f'no joint states have come for {now - self.reported_at:.1f} s'
        if not uses_chains or now - self.received_at <= timeout:
            return ''
        if now - self.rejected_at <= timeout:
            return self.reason
        if math.isinf(self.received_at):
            return 'no usable pose chain has come yet'
        return f'no usable pose chain has come for {now - self.received_at:.1f} s'
