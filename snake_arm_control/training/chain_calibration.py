# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The geometry of any serial chain, fitted to what was measured of it.

Every transform from joint to joint may be off by a small one, and every joint by an offset. They
are found by Levenberg-Marquardt with the exact derivatives; so is, on request, how joints give way
under the weight of the links. What the measurements do not determine
stays as it is described: a step is taken only along those directions of the unknowns of which they
say more than the description.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.masses import Masses
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.branch import Branch
from snake_arm_control.training.measured_chain import MeasuredChain
from snake_arm_control.training.sagging_chain import SaggingChain
from snake_arm_control.training.samples import Samples

Chain = MeasuredChain | SaggingChain
SAMPLES, NUMBERS = 1000, 100_000  # that are used, at most: samples, and what was measured of them
ITERATIONS = 60
_AT_ONCE = 4_000_000  # derivatives that are computed together
# How far the arm may be from its description: standard deviations of what is expected.
_STEP = 0.1  # [mean segment lengths]
_TURN = math.radians(5.0)  # [rad]
_FAR = 3.0  # [arm lengths], of a base in the frame of a tracker, and of a marker
_PARTS = ((pose.POSITION, 1e-4), (slice(pose.FORWARD.start, pose.UP.stop), 1e-3))  # least noise
_GAIN, _PATIENCE = 0.01, 3  # by which cost or noise must fall within so many steps, relative
_OUTLYING, _REJECTED = 3.0, 10.0  # residuals [standard deviations] that count less, and not at all
_CONVERGED = 1e-5  # of the decrease of the cost, relative
_DEVIATION = 1.4826  # of a normal distribution, in medians of its distances from the mean
_LARGEST = 0.1  # residual of a calibrated arm [arm lengths, and rad]


@dataclass(frozen=True, eq=False)
class ChainCalibration:
    """
    What the measurements say of an arm.

    :param start: the arm as it is described, its base where the positions put it
    :param chain: the arm as it was found
    :param change: (unknowns,) [m, rad], small transforms and offsets from start to chain
    :param known: (unknowns,) from 0 to 1, the part of each that the measurements determine
    :param directions: how many combinations of the unknowns they determine
    :param tracker, marker: as they were given
    """

    start: Chain
    chain: Chain
    change: np.ndarray
    known: np.ndarray
    directions: int
    tracker: bool = False
    marker: bool = False

    @property
    def arm(self) -> Arm:
        """The calibrated arm: its base and its tip stay where only tracker and marker moved."""
        return self.chain.calibrated(base=not self.tracker, tip=not self.marker)

    @property
    def compliance(self) -> Compliance | None:
        """How the joints of the calibrated arm give way; None where that was not fitted."""
        return self.chain.compliance(self.arm) if isinstance(self.chain, SaggingChain) else None

    def errors(self, held_out: Samples) -> tuple[float, float]:
        """Return the mean distances [m] of measured positions from those before and after."""
        before, after = (np.linalg.norm(
            (held_out.chains - chain.chain(held_out.angles))[..., pose.POSITION], axis=-1)
            for chain in (_at(each, held_out) for each in (self.start, self.chain)))
        return float(np.nanmean(before)), float(np.nanmean(after))


def calibrate_chain(arm: Arm, samples: Samples, tracker: bool = False, marker: bool = False,
                    masses: Masses | None = None, branch: Branch | None = None,
                    law: bool = False) -> ChainCalibration:
    """
    Return the geometry of an arm that explains what was measured of it.

    :param arm: as it is described
    :param samples: chains with NaN where nothing was measured
    :param tracker: whether they are in the frame of a tracker, and the base anywhere in it
    :param marker: whether the tip's were measured of a marker, which sits anywhere on the tool
    :param masses: of links whose joints may give way under them; None for rigid joints
    :param branch: another arm on this one, whose weight they carry too
    :param law: whether to learn, where there are masses, what joints do beyond their compliance
    :raises RecordingError: if nothing was measured, or no likely geometry explains it
    """
    numbers = (~np.isnan(samples.chains)).sum(axis=(1, 2))
    rows = np.flatnonzero(numbers)
    if not len(rows):
        raise RecordingError('the recording has no pose to learn from')
    count = min(SAMPLES, len(rows), max(round(NUMBERS / numbers[rows].mean()), 1))
    used = samples.part(rows[np.linspace(0, len(rows) - 1, count).astype(int)])
    rigid, expected = MeasuredChain.described(arm), _expected(arm, tracker, marker)
    if tracker:
        rigid = rigid.seen_from(_base(rigid, used))
    start: Chain = rigid
    if masses is not None:
        start = sagging = SaggingChain.rigid(rigid, masses, tracker, marker, branch)
        if law:
            start = sagging = sagging.learning(used.angles)
        expected = sagging.expected(expected, used.angles)
    fit = _Fit(start, used, expected)
    fit.descend()
    largest = np.array((_LARGEST * arm.length, _LARGEST))
    if not np.all(fit.noise < largest):
        raise RecordingError(f'no likely geometry explains the recording: at best, positions are '
                             f'off by {fit.noise[0]:.2g} m and axes by {fit.noise[1]:.2g} rad, '
                             f'expected less than {largest[0]:.2g} m and {largest[1]:.2g} rad')
    return ChainCalibration(start, fit.chain, fit.change, fit.known, fit.directions, tracker,
                            marker)


class _Fit:
    """A fit in progress; unknowns are in units of what is expected of them."""

    def __init__(self, start: Chain, used: Samples, expected: np.ndarray):
        self.start, self.used, self.expected = start, used, expected
        self.chain, self.change = start, np.zeros(start.size)
        self.known, self.directions = np.zeros(start.size), 0
        self.noise = self._noise(start)

    def descend(self) -> None:
        """Take steps as long as they explain more of what was measured."""
        damping, least, idle = 1e-3, self.noise, 0
        for _ in range(ITERATIONS):
            self.noise = self._noise(self.chain)
            idle = 0 if (self.noise < (1.0 - _GAIN) * least).any() else idle + 1
            least = np.minimum(least, self.noise)
            information, pull, cost = self._equations()
            for _ in range(8):
                step = self._step(information, pull, damping)
                change = self.change + self.expected * step
                chain = self.start.moved(change)
                new = self._cost(chain, change)
                if new <= cost:
                    break
                damping *= 10.0
            else:
                return
            self.chain, self.change, damping = chain, change, max(damping / 10.0, 1e-9)
            idle = 0 if cost - new > _GAIN * cost else idle
            if cost - new <= _CONVERGED * cost or idle >= _PATIENCE:
                return

    def _step(self, information: np.ndarray, pull: np.ndarray, damping: float) -> np.ndarray:
        """Return a step along the directions of which more is measured than expected."""
        values, vectors = np.linalg.eigh(information)
        told = vectors[:, values > 1.0]
        self.directions, self.known = told.shape[1], np.sum(told ** 2, axis=1)
        own = values[values > 1.0]
        return told @ ((told.T @ pull) / (own * (1.0 + damping) + 1.0))

    def _equations(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the information of the measurements, what pulls at the unknowns, and the cost."""
        size = self.start.size
        information, pull = np.zeros((size, size)), -self.change / self.expected
        for used in self._pieces():
            chain = _at(self.chain, used)
            placed = chain.place(used.angles)
            slopes = chain.derivatives(*placed) * self.expected
            for (part, _), noise in zip(_PARTS, self.noise):
                residual = (used.chains - placed[0])[..., part] / noise
                weight = np.sqrt(_weights(residual))[..., None]
                known = ~np.isnan(residual)
                rows = (weight[..., None] * slopes[..., part, :] / noise)[known]
                information += rows.T @ rows
                pull += rows.T @ (weight * residual)[known]
        return information, pull, self._cost(self.chain, self.change)

    def _cost(self, chain: Chain, change: np.ndarray) -> float:
        """Return the robust sum of squares, with that of the unknowns."""
        cost = float(np.sum((change / self.expected) ** 2))
        for used in self._pieces():
            off = used.chains - _at(chain, used).chain(used.angles)
            for (part, _), noise in zip(_PARTS, self.noise):
                cost += float(_losses(off[..., part] / noise).sum())
        return cost

    def _noise(self, chain: Chain) -> np.ndarray:
        """Return the deviations of each part's residuals (parts,), estimated without outliers."""
        off = np.abs(self.used.chains - _at(chain, self.used).chain(self.used.angles))
        noise = []
        for part, least in _PARTS:
            known = off[..., part][~np.isnan(off[..., part])]
            noise.append(max(_DEVIATION * float(np.median(known)), least) if len(known) else least)
        return np.array(noise)

    def _pieces(self) -> Iterator[Samples]:
        piece = max(_AT_ONCE // (self.used.chains[0].size * self.start.size), 1)  # samples
        for begin in range(0, len(self.used), piece):
            yield self.used.part(slice(begin, begin + piece))


def _at(chain: Chain, samples: Samples) -> Chain:
    """Return a chain with its branch, if it has one, where it was at samples."""
    return chain.carrying(samples.branch) if isinstance(chain, SaggingChain) else chain


def _sizes(residual: np.ndarray) -> np.ndarray:
    """Return the lengths of residuals (..., components) for each, as of one component."""
    known = ~np.isnan(residual)
    return np.sqrt(np.nansum(residual ** 2, axis=-1) / np.maximum(known.sum(axis=-1), 1))


def _weights(residual: np.ndarray) -> np.ndarray:
    """Return how much residuals (..., components) count: less where they lie outside."""
    size = _sizes(residual)
    return np.where(size < _REJECTED, np.minimum(1.0, _OUTLYING / np.maximum(size, 1e-12)), 0.0)


def _losses(residual: np.ndarray) -> np.ndarray:
    """Return the losses whose slopes the weights give, for each of (..., components)."""
    size = np.minimum(_sizes(residual), _REJECTED)
    count = (~np.isnan(residual)).sum(axis=-1)
    inner = np.minimum(size, _OUTLYING)
    return count * (inner ** 2 + 2.0 * _OUTLYING * (size - inner))


def _expected(arm: Arm, tracker: bool, marker: bool) -> np.ndarray:
    """Return how far each unknown may be from its description, (unknowns,) [m, rad]."""
    segment = arm.length / arm.joints
    twists = np.tile(np.repeat((_STEP * segment, _TURN), 3), (arm.joints + 1, 1))
    if tracker:
        twists[0] = np.repeat((_FAR * arm.length, math.pi), 3)
    if marker:
        twists[-1] = np.repeat((_FAR * arm.length, math.pi), 3)
    second = MeasuredChain.described(arm).size - twists.size
    return np.concatenate((twists.ravel(), np.full(second, _TURN)))


def _base(chain: MeasuredChain, used: Samples) -> np.ndarray:
    """Return where the base is in the frame of the tracker (4, 4), by the positions alone."""
    measured, there = used.chains[..., pose.POSITION], chain.chain(used.angles)[..., pose.POSITION]
    known = ~np.isnan(measured).any(axis=-1)
    measured, there = measured[known], there[known]
    if len(measured) < 3:
        raise RecordingError(f'{len(measured)} positions were measured, expected at least 3 to '
                             'find the base in the frame of the tracker')
    kept = np.ones(len(measured), bool)
    base = np.eye(4)
    for _ in range(10):
        centre, origin = measured[kept].mean(axis=0), there[kept].mean(axis=0)
        u, _, v = np.linalg.svd((there[kept] - origin).T @ (measured[kept] - centre))
        turn = (u @ np.diag((1.0, 1.0, np.sign(np.linalg.det(u @ v)))) @ v).T
        base[:3, :3], base[:3, 3] = turn, centre - turn @ origin
        off = np.linalg.norm(measured - there @ turn.T - base[:3, 3], axis=-1)
        kept = off <= _OUTLYING * np.median(off)
    return base
