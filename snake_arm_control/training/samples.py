# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Samples of an arm: its angles, with the poses that were measured at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.errors import RecordingError, ShapeError

_MOVED = math.radians(0.5)  # by which an angle must change before the arm counts as moved
_STRETCHES = 4  # of time, in each fold of samples whose motions are not known


@dataclass(frozen=True, eq=False)
class Samples:
    """
    Samples of an arm over time.

    :param times: (samples,) [s], growing
    :param angles: (samples, joints, axes) [rad]
    :param chains: (samples, joints, 9), NaN where nothing was measured
    :param motions: (samples,) number of the motion that each is of, where that is known: samples
        of one motion are neighbours, and never parted into those to learn from and others
    :param branch: (samples, joints, axes), angles of another arm that hangs on this one, if any
    :raises ShapeError: if they don't fit each other
    """

    times: np.ndarray
    angles: np.ndarray
    chains: np.ndarray
    motions: np.ndarray | None = None
    branch: np.ndarray | None = None

    def __post_init__(self):
        if self.angles.ndim != 3 or len(self.angles) != len(self.times):
            raise ShapeError('angles', self.angles.shape, f'({len(self.times)}, joints, axes)')
        expected = (*self.angles.shape[:2], pose.SIZE)
        if self.chains.shape != expected:
            raise ShapeError('chains', self.chains.shape, str(expected))
        if self.motions is not None and self.motions.shape != self.times.shape:
            raise ShapeError('motions', self.motions.shape, f'({len(self.times)},)')

    def __len__(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> float:
        """Time from the first sample to the last [s]."""
        return float(self.times[-1] - self.times[0]) if len(self) else 0.0

    def part(self, which: slice | np.ndarray) -> Samples:
        """Return some of the samples."""
        return Samples(self.times[which], self.angles[which], self.chains[which], *(
            None if each is None else each[which] for each in (self.motions, self.branch)))

    def split(self, fraction: float) -> tuple[Samples, Samples]:
        """Return the samples before the last fraction of the time, and the motions in it."""
        begin = self.times[-1] - fraction * self.duration
        late = np.arange(len(self)) >= np.searchsorted(self.times, begin)
        if self.motions is not None:
            of_late = np.isin(self.motions, self.motions[late])
            late = late if of_late.all() else of_late
        return self.part(~late), self.part(late)

    def folds(self, count: int, generator: np.random.Generator
              ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """
        Yield which samples to learn from and which to measure on, (samples,) bool, for each fold.

        Whole motions are drawn; of samples without, stretches of time.

        :raises RecordingError: if there are fewer motions than folds
        """
        motions = self.motions
        if motions is None:
            motions = np.arange(len(self)) * _STRETCHES * count // max(len(self), 1)
        numbers = generator.permutation(np.unique(motions))
        if not 2 <= count <= len(numbers):
            raise RecordingError(f'there are {len(numbers)} motions, expected at least {count}, '
                                 'one for each of two or more folds')
        for fold in range(count):
            held_out = np.isin(motions, numbers[fold::count])
            yield ~held_out, held_out

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
    times, motions, end, count = [], [], 0.0, 0
    for each in parts:
        times.append(each.times - each.times[:1] + end)
        end += each.duration
        if each.motions is not None:
            motions.append(each.motions + count)
            count = motions[-1].max(initial=count) + 1
    return Samples(np.concatenate(times), np.concatenate([each.angles for each in parts]),
                   np.concatenate([each.chains for each in parts]),
                   np.concatenate(motions) if parts and len(motions) == len(parts) else None)
