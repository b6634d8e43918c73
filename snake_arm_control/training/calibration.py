# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How a real arm differs from the one that was assumed: what a recording says of its geometry."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm, AXES
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.samples import Samples

SAMPLES = 400  # of a recording that are looked at, at most
ITERATIONS = 20
_PIECE = 20  # samples at a time
# What is likely before anything was seen. It matters where a recording is short, or tracks little.
_OFFSET = math.radians(5.0)  # [rad]
_LENGTH = 0.1  # of the segment length, for all segments together
_UNEVEN = 0.03  # of the segment length, for each beside that
_PARTS = {'position': (pose.POSITION, 1e-4),  # components, and the least noise [m]
          'axes': (slice(pose.FORWARD.start, pose.UP.stop), 1e-3)}  # and [rad]
_LARGEST_REST = 0.1  # RMS of what is left, of positions [arm lengths] and axes
_CONVERGED = 1e-7  # [rad], and part of the segment length


class Calibration(NamedTuple):
    """
    A geometry that explains a recording.

    :param angle_offset: (joints, 2), by which the angles are off from what encoders say [rad]
    :param segment_lengths: (joints,) [m]
    """

    angle_offset: np.ndarray
    segment_lengths: np.ndarray

    def chain(self, arm: Arm, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at what encoders say (*batch, joints, 2)."""
        return forward_kinematics(arm, angles + self.angle_offset, self.segment_lengths)


def calibrate(arm: Arm, recording: Samples) -> Calibration:
    """
    Return the likeliest geometry of an arm, by Gauss-Newton on poses of a recording.

    What is left of the errors of positions, and of axes, tells how noisy each are.

    :param arm: as it was assumed
    :raises RecordingError: if the recording has no pose, or no likely geometry explains it
    """
    known = ~np.isnan(recording.chains).all(axis=(1, 2))
    rows = np.flatnonzero(known)
    if not len(rows):
        raise RecordingError('the recording has no pose to learn from')
    rows = rows[np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)]
    seen = recording.part(rows)
    size = arm.joints * len(AXES)
    prior = np.repeat((_OFFSET, _LENGTH, _UNEVEN), (size, 1, arm.joints)) ** -2.0
    found = np.zeros(len(prior))  # offsets, how much longer all segments are, and each beside that
    for _ in range(ITERATIONS):
        normal, slope = np.diag(prior), -prior * found
        guess = _calibration(arm, found)
        pieces = [_equations(arm, guess, seen.part(slice(begin, begin + _PIECE)))
                  for begin in range(0, len(seen), _PIECE)]
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
    off = seen.chains - calibration.chain(arm, seen.angles)
    off[..., pose.POSITION] /= arm.length
    rest = math.sqrt(np.nanmean(off ** 2))
    if not rest < _LARGEST_REST:  # or not a number
        raise RecordingError(f'no likely geometry explains the recording: at best, positions [arm '
                             f'lengths] and axes are off by {rest:.2g}, expected less than '
                             f'{_LARGEST_REST}')
    return calibration


def _calibration(arm: Arm, found: np.ndarray) -> Calibration:
    offset, longer, uneven = np.split(found, np.cumsum((arm.joints * len(AXES), 1)))
    return Calibration(offset.reshape(arm.joints, len(AXES)),
                       arm.segment_length * (1.0 + longer + uneven))


def _equations(arm: Arm, guess: Calibration, seen: Samples) -> dict[str, tuple]:
    """
    Return the normal equations of some samples.

    :return: of each of `_PARTS`: matrix, right-hand side, sum of squares, count
    """
    chain = guess.chain(arm, seen.angles)
    by_length = np.zeros((*chain.shape, arm.joints))
    steps = np.swapaxes(arm.segment_length * chain[..., pose.FORWARD], -1, -2)[:, None]
    reached = np.tri(arm.joints)[:, None]  # a position by the lengths of the segments up to it
    by_length[..., pose.POSITION, :] = steps * reached
    slopes = np.concatenate((
        jacobian(arm, chain, seen.angles).reshape(*chain.shape, -1),
        by_length.sum(-1, keepdims=True), by_length), axis=-1)
    equations = {}
    for name, (part, _) in _PARTS.items():
        residual = (seen.chains - chain)[..., part]
        known = ~np.isnan(residual)
        rows, residual = slopes[..., part, :][known], residual[known]
        equations[name] = (rows.T @ rows, rows.T @ residual, np.sum(residual ** 2), len(residual))
    return equations
