# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a network learns of one real arm: recordings of it, and the geometry that they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.errors import RecordingError
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.training import evaluation, kinematics
from snake_arm_control.training.calibration import calibrate, Calibration
from snake_arm_control.training.samples import join, Samples

HELD_OUT = 0.2  # share of each recording's time, at its end, that is measured and not learned
_LEAST = 10  # samples to learn from


@dataclass(frozen=True, eq=False)
class Lesson:
    """
    Recordings whose angles are the true ones, and where to begin.

    :param arm: as it was assumed
    :param start: parameters of the network by name; None to begin at random
    :param record: what it is made of, as JSON can hold it
    """

    arm: Arm
    calibration: Calibration
    taught: Samples
    held_out: Samples
    start: Mapping[str, np.ndarray] | None
    record: dict[str, Any]

    def exact_chain(self, angles: Tensor) -> Tensor:
        """Return the pose chains (count, joints, 9) of the geometry at true angles."""
        lengths = torch.as_tensor(self.calibration.segment_lengths).to(angles)
        return kinematics.forward_kinematics(self.arm, angles, lengths)

    def truth(self, arm: Arm, angles: np.ndarray) -> np.ndarray:
        """Return the same for arrays."""
        return forward_kinematics(arm, angles, self.calibration.segment_lengths)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """
        Return recorded samples, each drawn by itself.

        :return: angles (count, joints, 2) [rad], chains (count, joints, 9) with NaN
        """
        rows = torch.randint(len(self.taught), (count,), generator=generator,
                             device=generator.device).cpu().numpy()
        angles, chains = (
            torch.as_tensor(each[rows], dtype=torch.float32, device=generator.device)
            for each in (self.taught.angles, self.taught.chains))
        return angles, chains


def prepare(arm: Arm, recordings: Sequence[Samples], start: ForwardModel | None = None
            ) -> Lesson:
    """
    Return the lesson of recordings; the last part of each is held out.

    The angle offsets and the lengths of the segments are fitted first. A network to start from
    then needs only its positions scaled to be that of an arm of such segments, if all are equal.

    :param arm: as it was assumed
    :raises RecordingError: if there are too few samples on the move
    """
    parts = [each.split(HELD_OUT) for each in recordings]
    taught, held_out = (join([part[i].moving() for part in parts]) for i in range(2))
    for name, part in (('learn from', taught), ('measure', held_out)):
        if len(part) < _LEAST:
            raise RecordingError(f'there are {len(part)} samples on the move to {name}, expected '
                                 f'at least {_LEAST}')
    calibration = calibrate(arm, taught)
    digest = hashlib.sha256(b''.join(array.tobytes() for array in (taught.angles, taught.chains)))
    factor = float(calibration.segment_lengths.mean() / arm.segment_length)
    record = {'seconds': [round(each.duration, 3) for each in recordings],
              'samples': len(taught), 'digest': digest.hexdigest()[:16],
              'start': start.fingerprint if start else None,
              'length_factor': factor}
    true_taught, true_held_out = (replace(part, angles=part.angles + calibration.angle_offset)
                                  for part in (taught, held_out))
    return Lesson(arm, calibration, true_taught, true_held_out,
                  _scaled(start, factor) if start else None, record)


def table(lesson: Lesson) -> str:
    """Return what a lesson is made of as lines of text."""
    offset = np.degrees(np.abs(lesson.calibration.angle_offset))
    factors = lesson.calibration.segment_lengths / lesson.arm.segment_length
    return (f'{len(lesson.taught)} samples to learn from, {len(lesson.held_out)} held out, of '
            f'{sum(lesson.record["seconds"]):.1f} s\n'
            f'segments {factors.mean():.4f} times as long as assumed, '
            f'{factors.min():.4f} to {factors.max():.4f}\n'
            f'angles off by {offset.mean():.2f} degrees on average, {offset.max():.2f} at most')


def outcome(lesson: Lesson, before: ForwardModel | None, after: ForwardModel) -> str:
    """Return how well models predict what was held out as lines of text."""
    encoders = lesson.held_out.angles - lesson.calibration.angle_offset
    held_out = replace(lesson.held_out, angles=encoders)
    lines = []
    for name, model in ('before', before), ('after', after):
        if model is not None:
            result = evaluation.evaluate_recording(model, held_out)
            lines.append(f'{name}: {evaluation.recording_table(result)}')
    return '\n'.join(lines)


def _scaled(model: ForwardModel, length_factor: float) -> dict[str, np.ndarray]:
    """Return a network's parameters with its positions scaled to another segment length."""
    before = model.training_record.get('lesson', {}).get('length_factor', 1.0)
    arrays = {name: array.copy() for name, array in model.parameters.arrays.items()}
    arrays['readout'][:, pose.POSITION] *= length_factor / before
    arrays['readout_bias'][pose.POSITION] *= length_factor / before
    return arrays
