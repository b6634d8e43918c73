# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Training a forward model."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
import json
import math
from pathlib import Path
import time
from typing import Any

import numpy as np
import torch
from torch import nn, Tensor
from tqdm import tqdm

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import TrainingError, WeightsError
from snake_arm_control.model import weights_file
from snake_arm_control.model.network import Network
from snake_arm_control.model.normal_form import NormalForm, SPAN
from snake_arm_control.processes import asked_to_end
from snake_arm_control.training import chains, engine, evaluation, sampling
from snake_arm_control.training.batches import Batches
from snake_arm_control.training.lesson import Lesson
from snake_arm_control.training.presets import TrainingSettings
from snake_arm_control.training.run_folder import RunFolder, WEIGHTS
from snake_arm_control.training.soap import Soap
from snake_arm_control.training.start import reading_inwards, Start
from snake_arm_control.training.team import joined, Team

STOP_EVERY = 10  # iterations between looks at whether any process is asked to end
FINAL_SAMPLES = 4000  # shapes of each held-out distribution for the errors in the weights' record
HELD_OUT_SEED = 1_000_000


def _optimiser(settings: TrainingSettings, network: Network) -> torch.optim.Optimizer:
    if settings.optimiser == 'adam':
        return torch.optim.Adam(network.parameters(), lr=settings.rate, fused=True)
    return Soap(network.parameters(), lr=settings.rate, basis_every=settings.basis_every)


def train(arm: Arm, settings: TrainingSettings, out_dir: str | Path, resume: bool = False,
          progress: bool = True, device: str | None = None, lesson: Lesson | None = None,
          start: Start | None = None) -> Path:
    """
    Train a forward model; under torchrun, together with its other processes.

    The folder holds the run: `config.json`, `metrics.jsonl`, `curves.png`, checkpoints, and
    `weights.safetensors`, which is the newest checkpoint's network.

    :param arm: of equal segments, unless the network reads geometry
    :param resume: go on from the newest checkpoint in out_dir, to the same end bit by bit on the
        same kind of device with as many processes
    :param device: None takes CUDA where there is one
    :param lesson: recordings of a real arm, for settings with recorded shapes; the weights then
        belong to that arm
    :param start: whose weights a network that reads geometry starts from; None to start at random
    :return: path of the weights
    :raises TrainingError: if out_dir holds a run and resume isn't asked for, or has nothing to
        resume or another run; if the loss is no longer finite
    :raises CheckpointError: if there's something to resume, but all of it is damaged
    :raises KeyboardInterrupt: on Ctrl-C, SIGTERM or SIGHUP, after a checkpoint
    """
    if settings.is_recorded != (lesson is not None):
        raise TrainingError(f'the preset {settings.preset} learns from '
                            f'{"recordings" if lesson is None else "drawn shapes alone"}, '
                            f'and there are {"none" if lesson is None else "recordings"}')
    with joined(device) as team, asked_to_end(grace=None) as request:
        config = {'arm': arm.summary if settings.is_geometric else sampling.segments(arm),
                  'settings': json.loads(json.dumps(asdict(settings))),
                  'lesson': lesson.record if lesson else {},
                  'start': {'fingerprint': start.fingerprint} if start else {},
                  'processes': team.size}
        folder = RunFolder(Path(out_dir), config, resume, team.leads, team.device)
        run = _Run(arm, settings, folder, team, lesson, start)
        with tqdm(total=settings.iterations, initial=run.iteration, unit='it', smoothing=0.05,
                  disable=not (progress and team.leads)) as bar:
            while run.iteration < settings.iterations:
                run.advance()
                bar.update()
                if run.iteration % STOP_EVERY == 0:
                    bar.set_postfix_str(run.status(), refresh=False)
                    if team.agree(request.is_made):
                        run.save()
                        raise KeyboardInterrupt(f'stopped at iteration {run.iteration}, '
                                                f'which is saved in {out_dir}')
        run.save(finished=True)
    return folder.path / WEIGHTS


class _Run:
    """A run in progress: its network, optimiser and counters, which a checkpoint holds."""

    def __init__(self, arm: Arm, settings: TrainingSettings, folder: RunFolder, team: Team,
                 lesson: Lesson | None, start: Start | None):
        self.arm, self.settings, self.folder, self.team = arm, settings, folder, team
        self.lesson, self.start = lesson, start
        self.batches = Batches(arm, settings, team, lesson)
        self.form = NormalForm.of(arm) if settings.is_geometric else None
        self.network = Network(settings.network,
                               torch.Generator().manual_seed(settings.seed)).to(team.device)
        arrays = start.reading_geometry() if start else lesson and lesson.start
        if arrays:
            arrays = reading_inwards(arrays, settings.network, self._of_network())
            self.network.load_state_dict({name: torch.from_numpy(array)
                                          for name, array in arrays.items()})
        self.optimiser = _optimiser(settings, self.network)
        state = folder.state
        if state:
            self.network.load_state_dict(state['network'])
            self.optimiser.load_state_dict(state['optimiser'])
        self.iteration, self.samples = state.get('iteration', 0), state.get('samples', 0)
        self.seconds, self.begun = state.get('seconds', 0.0), time.monotonic()
        self.loss_sum = state.get('loss_sum', torch.zeros((), device=team.device))
        self.loss_count = state.get('loss_count', 0)

    def advance(self) -> None:
        """Take an iteration, with the measurement and the checkpoint that are due after it."""
        self._learn(*self.batches.at(self.iteration))
        if self.iteration % self.settings.evaluate_every == 0:
            self._measure()
        if self.iteration % self.settings.checkpoint_every == 0:
            self.save()

    def status(self) -> str:
        """Return what to show beside the progress bar."""
        parts = [f'{self.samples / max(self._elapsed, 1e-9):.0f} samples/s']
        if self.loss_count:
            parts.append(f'loss {float(self.loss_sum) / self.loss_count:.2e}')
        if self.folder.metrics:
            errors = self.folder.metrics[-1]['tool_position'].values()
            parts.append('tool [mm] ' + '/'.join(f'{1e3 * error:.1f}' for error in errors))
        return ', '.join(parts)

    def save(self, finished: bool = False) -> None:
        """
        Write a checkpoint and its weights.

        :raises TrainingError: if the weights are no longer finite
        :raises OSError: if a finished run can't be written
        """
        if finished and self.loss_count:
            self._measure()
        if not self.team.leads:
            return
        if not all(bool(parameter.isfinite().all()) for parameter in self.network.parameters()):
            raise TrainingError(f'the weights are no longer finite at iteration '
                                f'{self.iteration}: lower the rate')
        self.folder.save(
            {'iteration': self.iteration, 'samples': self.samples, 'seconds': self._elapsed,
             'loss_sum': self.loss_sum, 'loss_count': self.loss_count,
             'network': self.network.state_dict(), 'optimiser': self.optimiser.state_dict()},
            lambda path: weights_file.save(path, self._arrays(), self.arm,
                                            self._record(finished), self._ranges), finished)

    @property
    def _elapsed(self) -> float:
        """Time spent on the run, without interruptions [s]."""
        return self.seconds + time.monotonic() - self.begun

    def _learn(self, angles: Tensor, chain: Tensor) -> None:
        """Take one step of the optimiser."""
        settings, parameters = self.settings, list(self.network.parameters())
        for group in self.optimiser.param_groups:
            group['lr'] = settings.rate_at(self.iteration)
        try:
            predicted = engine.predict(self.network, angles)
        except WeightsError as error:
            raise TrainingError(f'iteration {self.iteration}: {error}; lower the rate') from error
        loss = self._loss(predicted, chain)
        self.optimiser.zero_grad()
        loss.backward()
        self.team.average(parameter.grad for parameter in parameters
                          if parameter.grad is not None)
        if math.isfinite(settings.clip):
            nn.utils.clip_grad_norm_(parameters, settings.clip)
        self.optimiser.step()
        self.iteration += 1
        self.samples += settings.batch
        self.loss_sum += loss.detach()
        self.loss_count += 1

    def _loss(self, predicted: Tensor, chain: Tensor) -> Tensor:
        """Return the mean square of what is known of the error, positions weighted."""
        weight = predicted.new_ones(pose.SIZE)
        weight[pose.POSITION] = self._position_weight
        error = predicted - chain
        if not self.lesson:
            return (weight * error.square()).mean()
        known = ~chain.isnan()
        square = weight * torch.where(known, error, 0.0).square()
        # Each sample counts the same, however little of it was tracked.
        return (square.sum((1, 2)) / known.sum((1, 2)).clamp_min(1)).mean()

    @property
    def _position_weight(self) -> float:
        """The weight of a squared error of a position as the network has it."""
        one = any(phase.distribution == 'described' for phase in self.settings.phases)
        # A network for one arm may be of few joints, whose positions it has in 40 segments.
        return self.settings.position_weight * ((SPAN / self.arm.joints) ** 2 if one else 1.0)

    def _measure(self) -> None:
        """Add a line to the metrics."""
        loss = float(self.loss_sum) / max(self.loss_count, 1)
        self.loss_sum.zero_()
        self.loss_count = 0
        if not self.team.leads:
            return
        if not math.isfinite(loss):
            raise TrainingError(f'the loss is {loss} at iteration {self.iteration}: '
                                'lower the rate')
        errors = self._errors(self.settings.evaluation_samples)
        self.folder.add_metrics({
            'iteration': self.iteration, 'samples': self.samples,
            'seconds': round(self._elapsed, 3), 'loss': loss,
            'rate': self.optimiser.param_groups[0]['lr'], 'tool_position': errors})

    def _errors(self, samples: int) -> dict[str, float]:
        """Return the mean position error of the tool [m] on each held-out distribution."""
        model = evaluation.TorchPredictor(self.network, self.form)
        seed = HELD_OUT_SEED + self.settings.seed
        if not self.lesson:
            return evaluation.tool_errors(model, self.arm, seed, samples)
        errors = evaluation.tool_errors(model, self.arm, seed, samples, self.lesson.truth)
        seen = evaluation.evaluate_recording(model, self.lesson.held_out)
        if 'tool_position' in seen:
            errors['recorded'] = seen['tool_position']['mean']
        return errors

    def _arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the weights file."""
        arrays = self._of_network()
        if self.lesson:
            arrays[weights_file.ANGLE_OFFSET] = np.float32(self.lesson.calibration.angle_offset)
        return arrays

    def _of_network(self) -> dict[str, np.ndarray]:
        return {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}

    @property
    def _ranges(self) -> list[list[float]] | None:
        """The geometries that the weights serve, if they are not of one arm."""
        general = any(phase.distribution == 'general' for phase in self.settings.phases)
        return chains.ranges() if general else None

    def _record(self, finished: bool) -> dict[str, Any]:
        """Return how the weights came about."""
        samples = FINAL_SAMPLES if finished else self.settings.evaluation_samples
        return {
            'preset': self.settings.preset, 'settings': self.folder.config['settings'],
            'processes': self.team.size, 'device': self.team.device.type,
            'iterations': self.iteration, 'samples': self.samples,
            'seconds': round(self._elapsed, 1), 'finished': finished,
            'torch': str(torch.__version__), 'tool_position': self._errors(samples),
            'date': datetime.now(timezone.utc).date().isoformat(),
            **({'lesson': self.lesson.record} if self.lesson else {}),
            **({'start': self.start.record} if self.start else {})}
