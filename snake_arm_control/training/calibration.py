# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How a real arm differs from the one that was assumed: what a recording says of its geometry."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snake_arm_control import pose
from snake_arm_control.arm import Arm, AXES
from snake_arm_control.errors import RecordingError
from snake_arm_control.kinematics import forward_kinematics, jacobian
from snake_arm_control.recordings import Recording

SAMPLES = 400  # of a recording that are looked at, at most
ITERATIONS = 20
_PIECE = 20  # samples at a time
# What is likely before anything was seen. It matters where a recording is short, or tracks little.
_OFFSET = math.radians(5.0)  # [rad]
_LENGTH = 0.1  # of the segment length
_POSITION = 0.005  # [m], of what is left of the error of a position
_AXIS = 0.02  # [rad], and of an axis
_LARGEST_OFFSET = math.pi / 2  # [rad]
_LARGEST_ERROR = 0.5  # of the segment length
_CONVERGED = 1e-7  # [rad], and part of the segment length


class Calibration(NamedTuple):
    """
    A geometry that explains a recording.

    :param angle_offset: (joints, 2), by which the angles are off from what encoders say [rad]
    :param length_factor: true length of the segments, as a part of the assumed one
    """

    angle_offset: np.ndarray
    length_factor: float

    def arm(self, arm: Arm) -> Arm:
        """Return the arm with segments of the true length."""
        return Arm(arm.joints, self.length_factor * arm.segment_length, arm.angle_limit,
                   arm.velocity_limit)

    def chain(self, arm: Arm, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at what encoders say (*batch, joints, 2)."""
        return forward_kinematics(self.arm(arm), angles + self.angle_offset)


def calibrate(arm: Arm, recording: Recording) -> Calibration:
    """
    Return the likeliest geometry of an arm, by Gauss-Newton on poses of a recording.

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
    prior = np.append(np.full(size, _OFFSET), _LENGTH) ** -2.0
    found = np.zeros(size + 1)  # the offsets, and how much longer segments are
    for _ in range(ITERATIONS):
        normal, slope = np.diag(prior), -prior * found
        guess = _calibration(arm, found)
        for begin in range(0, len(seen), _PIECE):
            product, pull = _equations(arm, guess, seen.part(slice(begin, begin + _PIECE)))
            normal += product
            slope += pull
        step = np.linalg.solve(normal, slope)
        found += step
        offset, longer = np.abs(found[:-1]).max(), found[-1]
        if not (offset < _LARGEST_OFFSET and abs(longer) < _LARGEST_ERROR):  # or not a number
            raise RecordingError(
                f'no likely geometry explains the recording: segments would be {1.0 + longer:.3g} '
                f'times as long, angles off by {math.degrees(offset):.3g} degrees')
        if np.abs(step).max() < _CONVERGED:
            break
    return _calibration(arm, found)


def _calibration(arm: Arm, found: np.ndarray) -> Calibration:
    return Calibration(found[:-1].reshape(arm.joints, len(AXES)), float(1.0 + found[-1]))


def _equations(arm: Arm, guess: Calibration, seen: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal equations of some samples: their matrix and right-hand side."""
    angles = seen.angles + guess.angle_offset
    chain = forward_kinematics(guess.arm(arm), angles)
    by_length = np.zeros_like(chain)
    by_length[..., pose.POSITION] = chain[..., pose.POSITION] / guess.length_factor
    slopes = np.concatenate((jacobian(arm, chain, angles).reshape(*chain.shape, -1),
                             by_length[..., None]), axis=-1)
    weight = np.full(pose.SIZE, 1.0 / _AXIS)
    weight[pose.POSITION] = 1.0 / _POSITION
    residual = weight * (seen.chains - chain)
    known = ~np.isnan(residual)
    slopes = (weight[:, None] * slopes)[known]
    return slopes.T @ slopes, slopes.T @ residual[known]
