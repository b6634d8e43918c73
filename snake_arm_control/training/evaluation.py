# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of a forward model on shapes that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.network import Network
from snake_arm_control.model.normal_form import NormalForm
from snake_arm_control.training import engine, plots
from snake_arm_control.training.samples import Samples
from snake_arm_control.training.sampling import HELD_OUT, Sampler, segments

LENGTHS = (1, 10, 20, 60, 80, 120)  # joints of other arms that the same weights are tried on
SAMPLES = 4000  # shapes of each distribution
JACOBIANS = 400  # of these at most have their Jacobian measured
SHOWN = 200  # of these at most are kept in the result, to be drawn
PIECE = 100  # shapes at a time

Truth = Callable[[Arm, np.ndarray], np.ndarray]  # angles of an arm to its chains


class Predictor(Protocol):
    """Anything that predicts pose chains."""

    def predict(self, angles: np.ndarray) -> np.ndarray:
        """Return pose chains (*batch, joints, 9) of angles (*batch, joints, 2) [rad]."""


class Model(Predictor, Protocol):
    """Anything that predicts pose chains with their derivatives."""

    def jacobian_rows(self, angles: np.ndarray, joints: np.ndarray,
                      components: np.ndarray) -> np.ndarray:
        """Return derivatives (*batch, rows, joints, 2) of components of the joints' poses."""


class TorchPredictor:
    """
    The torch network, for numpy arrays of arms of any number of joints.

    :param form: of the arm, if the network reads its geometry
    """

    def __init__(self, network: Network, form: NormalForm | None = None):
        self.network, self.form = network, form

    @torch.no_grad()
    def predict(self, angles: np.ndarray) -> np.ndarray:
        """Return pose chains (*batch, joints, 9) of angles (*batch, joints, axes) [rad or m]."""
        read = angles if self.form is None else self.form.read(angles)
        inputs = torch.as_tensor(np.asarray(read)).to(self.network.readout)
        pieces = inputs.flatten(0, -3).split(1024)
        chain = torch.cat([engine.predict(self.network, piece) for piece in pieces])
        predicted = chain.cpu().numpy().reshape(*angles.shape[:-2], -1, pose.SIZE)
        return predicted if self.form is None else self.form.place(predicted, angles)


def evaluate(model: Model, arm: Arm, seed: int = 0, samples: int = SAMPLES,
             lengths: Sequence[int] = LENGTHS,
             truth: Truth = forward_kinematics) -> dict[str, Any]:
    """
    Measure the errors of a model on shapes that it hasn't seen.

    :param seed: of the shapes; not one that the model was trained with
    :param samples: shapes of each distribution; a tenth of them for each other length
    :param lengths: numbers of joints of other arms of the same segments
    :param truth: gives the true chains (samples, joints, 9) of an arm at angles, where the arm
        is not the one that was assumed
    :return: what JSON can hold. `distributions` has an entry for each held-out distribution:
        `tool_position` and `chain_position` [m], `tool_axes` and `chain_axes` [rad], each with
        mean, p95, max; `tool_jacobian`, of all nine rows, of positions and of axes, relative
        Frobenius errors, likewise; `position_by_joint` [m] and `axes_by_joint` [rad], means;
        `tools`, true and predicted poses of a few.
        `lengths` has, by number of joints and distribution, `tool_position` and `tool_axes`
    """
    if isinstance(model, ForwardModel) and model.angle_offset is not None:
        lengths = ()  # it belongs to one arm
    if arm.segment is None:
        lengths = ()
    result: dict[str, Any] = {'arm': arm.summary, 'seed': seed, 'samples': samples,
                              'distributions': {}, 'lengths': {}}
    for name, draw in HELD_OUT.items():
        angles = held_out(draw, arm, samples, seed)
        errors = _pose_errors(model, angles, truth(arm, angles))
        result['distributions'][name] = {
            **_summary(errors),
            'tool_jacobian': _jacobian_errors(model, arm, angles[:JACOBIANS], truth),
            **{name + '_by_joint': error.mean(0).tolist() for name, error in errors.items()},
            'tools': {kind: np.round(chain[:, -1].astype(float), 6).tolist() for kind, chain in (
                ('true', truth(arm, angles[:SHOWN])),
                ('predicted', model.predict(angles[:SHOWN])))}}
    for joints in lengths:
        other = Arm.uniform(**segments(arm) | {'joints': joints})
        served = (ForwardModel.from_bytes(model.to_bytes(), other)
                  if isinstance(model, ForwardModel) else model)
        result['lengths'][str(joints)] = summaries = {}
        for name, draw in HELD_OUT.items():
            angles = held_out(draw, other, math.ceil(samples / 10), seed)
            summaries[name] = _summary(_pose_errors(served, angles, truth(other, angles)),
                                       kinds=('tool',))
    return result


def evaluate_recording(model: Predictor, recording: Samples) -> dict[str, Any]:
    """
    Measure the errors of a model on recorded samples.

    :return: what JSON can hold: `samples`, `duration` [s], and as far as it was tracked
        `tool_position` and `chain_position` [m], `tool_axes` and `chain_axes` [rad], each with
        mean, p95, max
    """
    errors = _pose_errors(model, recording.angles, recording.chains)
    return {'samples': len(recording), 'duration': recording.duration, **_summary(errors)}


def held_out(draw: Sampler, arm: Arm, samples: int, seed: int) -> np.ndarray:
    """Return the angles (samples, joints, 2) [rad] of a distribution to measure on."""
    return draw(arm, samples, torch.Generator().manual_seed(seed)).double().numpy()


def tool_errors(model: Predictor, arm: Arm, seed: int, samples: int,
                truth: Truth = forward_kinematics) -> dict[str, float]:
    """Return the mean position error of the tool [m] on each held-out distribution."""
    means = {}
    for name, draw in HELD_OUT.items():
        angles = held_out(draw, arm, samples, seed)
        errors = _pose_errors(model, angles, truth(arm, angles))
        means[name] = float(errors['position'][:, -1].mean())
    return means


def write_report(result: dict[str, Any], folder: Path) -> None:
    """
    Write a result as `evaluation.json`, with pictures beside it.

    :param result: of `evaluate`
    :param folder: made if it isn't there
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'evaluation.json').write_text(json.dumps(result, indent=1) + '\n')
    plots.error_along_arm(result, folder / 'error_along_arm.png')
    plots.truth_and_prediction(result, folder / 'truth_and_prediction.png')


def table(result: dict[str, Any]) -> str:
    """Return the main numbers of a result as lines of text."""
    lines = [f'{"":12} {"tool position [mm]":>26} {"chain [mm]":>10} {"tool axes [deg]":>16} '
             f'{"Jacobian [%]":>13}',
             f'{"":12} {"mean":>8} {"95 %":>8} {"max":>8} {"mean":>10} {"mean":>16} {"mean":>13}']
    for name, of in result['distributions'].items():
        tool = of['tool_position']
        lines.append(
            f'{name:12} {1e3 * tool["mean"]:8.2f} {1e3 * tool["p95"]:8.2f} '
            f'{1e3 * tool["max"]:8.2f} {1e3 * of["chain_position"]["mean"]:10.2f} '
            f'{math.degrees(of["tool_axes"]["mean"]):16.3f} '
            f'{100 * of["tool_jacobian"]["all"]["mean"]:13.2f}')
    for joints, of in result['lengths'].items():
        means = '  '.join(f'{name} {1e3 * error["tool_position"]["mean"]:.2f}'
                          for name, error in of.items())
        lines.append(f'{joints:>4} joints: tool position, mean [mm]: {means}')
    return '\n'.join(lines)


def recording_table(result: dict[str, Any]) -> str:
    """Return the main numbers of what `evaluate_recording` returns as lines of text."""
    lines = [f'{result["samples"]} samples over {result["duration"]:.1f} s   mean / 95 % / max']
    for name, scale, unit in (('tool_position', 1e3, 'mm'), ('chain_position', 1e3, 'mm'),
                              ('tool_axes', math.degrees(1.0), 'deg')):
        if name in result:
            values = ' / '.join(f'{scale * result[name][kind]:.2f}'
                                for kind in ('mean', 'p95', 'max'))
            lines.append(f'{name.replace("_", " "):15} {values} {unit}')
    return '\n'.join(lines)


def _pose_errors(model: Predictor, angles: np.ndarray, chains: np.ndarray
                 ) -> dict[str, np.ndarray]:
    """
    Return errors (samples, joints): of position [m], and the greater of both axes' [rad].

    :param chains: (samples, joints, 9), the truth; errors are NaN where it is
    """
    errors: dict[str, list[np.ndarray]] = {'position': [], 'axes': []}
    for piece, truth in zip(_pieces(angles), _pieces(chains)):
        predicted = model.predict(piece)
        errors['position'].append(np.linalg.norm(
            predicted[..., pose.POSITION] - truth[..., pose.POSITION], axis=-1))
        errors['axes'].append(np.maximum(*(_angle(predicted[..., axis], truth[..., axis])
                                           for axis in (pose.FORWARD, pose.UP))))
    return {name: np.concatenate(parts) for name, parts in errors.items()}


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between vectors (*batch, 3), well conditioned where it's small [rad]."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1))


def _jacobian_errors(model: Model, arm: Arm, angles: np.ndarray, chains: Truth
                     ) -> dict[str, dict[str, float]]:
    """Summarise relative Frobenius errors of the tool's rows: all, positions, axes."""
    parts = {'all': slice(None), 'position': pose.POSITION,
             'axes': slice(pose.FORWARD.start, pose.UP.stop)}
    errors: dict[str, list[np.ndarray]] = {part: [] for part in parts}
    tool = np.full(pose.SIZE, arm.joints - 1)
    for piece in _pieces(angles):
        truth = jacobian(arm, chains(arm, piece), piece)[:, -1]
        error = model.jacobian_rows(piece, tool, np.arange(pose.SIZE)) - truth
        for part, rows in parts.items():
            errors[part].append(_frobenius(error[:, rows]) / _frobenius(truth[:, rows]))
    return {part: _statistics(np.concatenate(error)) for part, error in errors.items()}


def _frobenius(matrices: np.ndarray) -> np.ndarray:
    return np.sqrt(np.sum(matrices ** 2, axis=(1, 2, 3)))


def _pieces(angles: np.ndarray) -> list[np.ndarray]:
    return np.split(angles, range(PIECE, len(angles), PIECE))


def _summary(errors: dict[str, np.ndarray], kinds: Sequence[str] = ('tool', 'chain')
             ) -> dict[str, dict[str, float]]:
    """Summarise errors (samples, joints) by kind and name, without those that are NaN."""
    by_kind = {f'{kind}_{name}': error[:, -1] if kind == 'tool' else error
               for name, error in errors.items() for kind in kinds}
    return {name: _statistics(error[~np.isnan(error)]) for name, error in by_kind.items()
            if not np.isnan(error).all()}


def _statistics(error: np.ndarray) -> dict[str, float]:
    return {'mean': float(np.mean(error)), 'p95': float(np.percentile(error, 95)),
            'max': float(np.max(error))}
