# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Samples of an arm: its angles, with the poses that were measured at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.errors import ShapeError

_MOVED = math.radians(0.5)  # by which an angle must change before the arm counts as moved


@dataclass(frozen=True, eq=False)
class Samples:
    """
    Samples of an arm over time.

    :param times: (samples,) [s], growing
    :param angles: (samples, joints, axes) [rad]
    :param chains: (samples, joints, 9), NaN where nothing was measured
    :raises ShapeError: if they don't fit each other
    """

    times: np.ndarray
    angles: np.ndarray
    chains: np.ndarray

    def __post_init__(self):
        if self.angles.ndim != 3 or len(self.angles) != len(self.times):
            raise ShapeError('angles', self.angles.shape, f'({len(self.times)}, joints, axes)')
        expected = (*self.angles.shape[:2], pose.SIZE)
        if self.chains.shape != expected:
            raise ShapeError('chains', self.chains.shape, str(expected))

    def __len__(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> float:
        """Time from the first sample to the last [s]."""
        return float(self.times[-1] - self.times[0]) if len(self) else 0.0

    def part(self, which: slice | np.ndarray) -> Samples:
        """Return some of the samples."""
        return Samples(self.times[which], self.angles[which], self.chains[which])

    def split(self, fraction: float) -> tuple[Samples, Samples]:
        """Return the samples before the last fraction of the time, and those in it."""
        begin = self.times[-1] - fraction * self.duration
        at = int(np.searchsorted(self.times, begin))
        return self.part(slice(at)), self.part(slice(at, None))

    def moving(self) -> Samples:
        """Return the samples at which the arm has moved on: of a stationary arm, the first."""
        kept, last = [], None
        for index, angles in enumerate(self.angles):
            if last is None or np.abs(angles - last).max() >= _MOVED:
                kept.append(index)
                last = angles
        return self.part(np.array(kept, dtype=int))


def join(parts: Sequence[Samples]) -> Samples:
    """Return the samples of several recordings, one after the other."""
    times, end = [], 0.0
    for each in parts:
        times.append(each.times - each.times[:1] + end)
        end += each.duration
    return Samples(np.concatenate(times), np.concatenate([each.angles for each in parts]),
                   np.concatenate([each.chains for each in parts]))
