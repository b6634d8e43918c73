# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a network learns from recordings of one real arm."""

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

HELD_OUT_FRACTION = 0.2  # of each recording's time, at its end: not learned from, but measured
_LEAST = 10  # samples of each kind


@dataclass(frozen=True, eq=False)
class Lesson:
    """
    Recorded samples of one arm at its true angles, with the parameters to start from.

    :param arm: as it was assumed
    :param training: samples to learn from
    :param held_out: samples to measure on
    :param start: parameters of the network by name; None to start at random
    :param record: where all this comes from, as JSON can hold it
    """

    arm: Arm
    calibration: Calibration
    training: Samples
    held_out: Samples
    start: Mapping[str, np.ndarray] | None
    record: dict[str, Any]

    def exact_chain(self, angles: Tensor) -> Tensor:
        """Return the pose chains (count, joints, 9) of the fitted geometry at true angles."""
        lengths = torch.as_tensor(self.calibration.segment_lengths).to(angles)
        return kinematics.forward_kinematics(self.arm, angles, lengths)

    def truth(self, arm: Arm, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains of an arm with the fitted segments at true angles, in numpy."""
        return forward_kinematics(arm, angles, self.calibration.segment_lengths)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """
        Draw recorded samples, with replacement.

        :return: angles (count, joints, 2) [rad], chains (count, joints, 9) with NaN
        """
        rows = torch.randint(len(self.training), (count,), generator=generator,
                             device=generator.device).cpu().numpy()
        angles, chains = (
            torch.as_tensor(each[rows], dtype=torch.float32, device=generator.device)
            for each in (self.training.angles, self.training.chains))
        return angles, chains


def prepare(arm: Arm, recordings: Sequence[Samples], start: ForwardModel | None = None
            ) -> Lesson:
    """
    Return what a network learns from recordings; the last part of each is held out.

    The angle offsets and the lengths of the segments are fitted first. The positions of a network
    to start from are scaled by the mean of these lengths: if all are equal, it then is that of the
    fitted arm.

    :param arm: as it was assumed
    :raises RecordingError: if there are too few samples on the move
    """
    parts = [each.split(HELD_OUT_FRACTION) for each in recordings]
    training, held_out = (join([part[i].moving() for part in parts]) for i in range(2))
    for name, part in (('learn from', training), ('measure', held_out)):
        if len(part) < _LEAST:
            raise RecordingError(f'there are {len(part)} samples on the move to {name}, expected '
                                 f'at least {_LEAST}')
    if start and start.parameters.architecture.geometry:
        raise RecordingError('the weights read the geometry of an arm: calibrate its description '
                             'by snake-arm calibrate, and train them for that')
    calibration = calibrate(arm, training)
    digest = hashlib.sha256(training.angles.tobytes() + training.chains.tobytes())
    factor = float(calibration.segment_lengths.mean() / arm.segment_length)
    record = {'seconds': [round(each.duration, 3) for each in recordings],
              'samples': len(training), 'digest': digest.hexdigest()[:16],
              'start': start.fingerprint if start else None,
              'length_factor': factor}
    training, held_out = (replace(part, angles=part.angles + calibration.angle_offset)
                          for part in (training, held_out))
    return Lesson(arm, calibration, training, held_out,
                  _scaled(start, factor) if start else None, record)


def table(lesson: Lesson) -> str:
    """Return the main numbers of a lesson as lines of text."""
    offset = np.degrees(np.abs(lesson.calibration.angle_offset))
    factors = lesson.calibration.segment_lengths / lesson.arm.segment_length
    return (f'{len(lesson.training)} samples to learn from, {len(lesson.held_out)} held out, of '
            f'{sum(lesson.record["seconds"]):.1f} s\n'
            f'segments {factors.mean():.4f} times as long as assumed, '
            f'{factors.min():.4f} to {factors.max():.4f}\n'
            f'angles off by {offset.mean():.2f} degrees on average, {offset.max():.2f} at most')


def outcome(lesson: Lesson, before: ForwardModel | None, after: ForwardModel) -> str:
    """Return the errors of models on the held-out samples as lines of text."""
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
