# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The geometry of a real arm, fitted to recorded poses."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.samples import Samples

SAMPLES = 400  # of a recording that are used, at most
ITERATIONS = 20
_PIECE = 20  # samples at a time
# Standard deviations of the prior. They matter where a recording is short, or few joints tracked.
_OFFSET = math.radians(5.0)  # [rad]
_LENGTH = 0.1  # of the segment length, for all segments together
_UNEVEN = 0.03  # of the segment length, for each segment in addition
_PARTS = {'position': (pose.POSITION, 1e-4),  # components, and the least noise [m]
          'axes': (slice(pose.FORWARD.start, pose.UP.stop), 1e-3)}  # and [rad]
_LARGEST_RESIDUAL = 0.1  # RMS, of positions [arm lengths] and axes
_CONVERGED = 1e-7  # [rad], and part of the segment length


class Calibration(NamedTuple):
    """
    How a real arm differs from the one that was assumed.

    :param angle_offset: (joints, axes) [rad], true angles less those of the encoders
    :param segment_lengths: (joints,) [m]
    """

    angle_offset: np.ndarray
    segment_lengths: np.ndarray

    def chain(self, arm: Arm, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at angles of the encoders."""
        return forward_kinematics(arm, angles + self.angle_offset, self.segment_lengths)


def calibrate(arm: Arm, recording: Samples) -> Calibration:
    """
    Return the most likely geometry of an arm, by Gauss-Newton on the poses of a recording.

    The noise of positions, and that of axes, are estimated from the residuals.

    :param arm: as it was assumed
    :raises RecordingError: if the recording has no pose, or no likely geometry explains it
    """
    known = ~np.isnan(recording.chains).all(axis=(1, 2))
    rows = np.flatnonzero(known)
    if not len(rows):
        raise RecordingError('the recording has no pose to learn from')
    rows = rows[np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)]
    used = recording.part(rows)
    size = arm.joints * arm.axes
    prior = np.repeat((_OFFSET, _LENGTH, _UNEVEN), (size, 1, arm.joints)) ** -2.0
    found = np.zeros(len(prior))  # offsets, how much longer all segments are, and each of them
    for _ in range(ITERATIONS):
        normal, slope = np.diag(prior), -prior * found
        guess = _calibration(arm, found)
        pieces = [_equations(arm, guess, used.part(slice(begin, begin + _PIECE)))
                  for begin in range(0, len(used), _PIECE)]
        for name, (_, least) in _PARTS.items():
            product, pull, squares, count = map(sum, zip(*(piece[name] for piece in pieces)))
            precision = 1.0 / max(squares / max(count, 1), least ** 2)
            normal += precision * product
            slope += precision * pull
        step = np.linalg.solve(normal, slope)
        found += step
        if np.abs(step).max() < _CONVERGED:
            break
    calibration = _calibration(arm, found)
    off = used.chains - calibration.chain(arm, used.angles)
    off[..., pose.POSITION] /= arm.length
    residual = math.sqrt(np.nanmean(off ** 2))
    if not residual < _LARGEST_RESIDUAL:  # or not a number
        raise RecordingError(f'no likely geometry explains the recording: at best, positions [arm '
                             f'lengths] and axes are off by {residual:.2g}, expected less than '
                             f'{_LARGEST_RESIDUAL}')
    return calibration


def _calibration(arm: Arm, found: np.ndarray) -> Calibration:
    offset, longer, uneven = np.split(found, np.cumsum((arm.joints * arm.axes, 1)))
    return Calibration(offset.reshape(arm.joints, arm.axes),
                       arm.segment_length * (1.0 + longer + uneven))


def _equations(arm: Arm, guess: Calibration, used: Samples) -> dict[str, tuple]:
    """
    Return the normal equations of some samples.

    :return: of each of `_PARTS`: matrix, right-hand side, sum of squares, count
    """
    chain = guess.chain(arm, used.angles)
    by_length = np.zeros((*chain.shape, arm.joints))
    steps = np.swapaxes(arm.segment_length * chain[..., pose.FORWARD], -1, -2)[:, None]
    reached = np.tri(arm.joints)[:, None]  # a position depends on the segments up to it
    by_length[..., pose.POSITION, :] = steps * reached
    slopes = np.concatenate((
        jacobian(arm, chain, used.angles).reshape(*chain.shape, -1),
        by_length.sum(-1, keepdims=True), by_length), axis=-1)
    equations = {}
    for name, (part, _) in _PARTS.items():
        residual = (used.chains - chain)[..., part]
        known = ~np.isnan(residual)
        rows, residual = slopes[..., part, :][known], residual[known]
        equations[name] = (rows.T @ rows, rows.T @ residual, np.sum(residual ** 2), len(residual))
    return equations
