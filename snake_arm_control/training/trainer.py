# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Training a forward model: the loop, and the folder that a run lives in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import contextlib
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
import importlib
import itertools
import json
import logging
import math
import os
from pathlib import Path
import time
from typing import Any

import numpy as np
import torch
from torch import distributed, nn, Tensor
from tqdm import tqdm

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import SnakeArmError, WeightsError
from snake_arm_control.model import forward_model
from snake_arm_control.model.network import Network
from snake_arm_control.processes import asked_to_end
from snake_arm_control.training import checkpoint, engine, evaluation, plots, sampling
from snake_arm_control.training.kinematics import forward_kinematics
from snake_arm_control.training.lesson import Lesson
from snake_arm_control.training.presets import Phase, TrainingSettings
from snake_arm_control.training.soap import Soap

WEIGHTS = 'weights.safetensors'
METRICS = 'metrics.jsonl'
CONFIG = 'config.json'
CURVES = 'curves.png'
STOP_EVERY = 10  # iterations between looks at whether any process was told to stop
FINAL_SAMPLES = 4000  # shapes of each held-out distribution for the errors in the weights' record
HELD_OUT_SEED = 1_000_000

_log = logging.getLogger(__name__)


class TrainingError(SnakeArmError):
    """A run can't begin or go on."""


@dataclass(frozen=True)
class Team:
    """The processes that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device('cpu')

    @property
    def leads(self) -> bool:
        """Tell whether this process is the one that writes."""
        return self.rank == 0

    def agree(self, flag: bool) -> bool:
        """Tell whether the flag is up in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor(int(flag), device=self.device)
        distributed.all_reduce(flags, distributed.ReduceOp.MAX)
        return bool(flags)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Put the average over the processes in the place of each tensor."""
        if self.size == 1:
            return
        # Not by DistributedDataParallel, which would keep the group alive as long as the run.
        tensors = list(tensors)
        joined = nn.utils.parameters_to_vector(tensors)
        distributed.all_reduce(joined)
        nn.utils.vector_to_parameters(joined / self.size, tensors)


def train(arm: Arm, settings: TrainingSettings, out_dir: str | Path, resume: bool = False,
          progress: bool = True, device: str | None = None, lesson: Lesson | None = None) -> Path:
    """
    Train a forward model; under torchrun, together with its other processes.

    The folder holds the run: `config.json`, `metrics.jsonl`, `curves.png`, checkpoints, and
    `weights.safetensors`, which is the newest checkpoint's network.

    :param resume: go on from the newest checkpoint in out_dir, to the same end bit by bit on the
        same kind of device with as many processes
    :param device: None takes CUDA where there is one
    :param lesson: recordings of a real arm, for settings with recorded shapes; the weights then
        belong to that arm
    :return: path of the weights
    :raises TrainingError: if out_dir holds a run and resume isn't asked for, or has nothing to
        resume or another run; if the loss is no longer finite
    :raises CheckpointError: if there's something to resume, but all of it is damaged
    :raises KeyboardInterrupt: on Ctrl-C, SIGTERM or SIGHUP, after a checkpoint
    """
    folder = Path(out_dir)
    with _team(device) as team, asked_to_end(grace=None) as request:
        run = _Run(arm, settings, folder, team, resume, lesson)
        bar = tqdm(total=settings.iterations, initial=run.iteration, unit='it', smoothing=0.05,
                   disable=not (progress and team.leads))
        with bar:
            for _ in run.advance():
                bar.update()
                if run.iteration % STOP_EVERY == 0:
                    bar.set_postfix_str(run.status(), refresh=False)
                    if team.agree(request.is_made):
                        run.save()
                        raise KeyboardInterrupt(f'stopped at iteration {run.iteration}, '
                                                f'which is saved in {folder}')
        run.save(finished=True)
    return folder / WEIGHTS


class _Run:
    """A run between its beginning and its end: all that a checkpoint keeps."""

    def __init__(self, arm: Arm, settings: TrainingSettings, folder: Path, team: Team,
                 resume: bool, lesson: Lesson | None):
        if settings.is_recorded != (lesson is not None):
            raise TrainingError(f'the preset {settings.preset} learns from '
                                f'{"recordings" if lesson is None else "drawn shapes alone"}, '
                                f'and there are {"none" if lesson is None else "recordings"}')
        self.arm, self.settings, self.folder, self.team = arm, settings, folder, team
        self.lesson = lesson
        self.network = Network(settings.architecture,
                               torch.Generator().manual_seed(settings.seed)).to(team.device)
        if lesson and lesson.start:
            self.network.load_state_dict({name: torch.from_numpy(array)
                                          for name, array in lesson.start.items()})
        make = {'adam': partial(torch.optim.Adam, fused=True), 'soap': Soap}[settings.optimiser]
        self.optimiser = make(self.network.parameters(), lr=settings.rate)
        self.iteration, self.samples, self.seconds = 0, 0, 0.0
        self.loss_sum, self.loss_count = torch.zeros((), device=team.device), 0
        self.metrics: list[dict[str, Any]] = []
        self.begun = time.monotonic()
        self.config = {'arm': json.loads(json.dumps(asdict(arm))),
                       'settings': json.loads(json.dumps(asdict(settings))),
                       'lesson': lesson.record if lesson else {}, 'processes': team.size}
        found = checkpoint.exists(folder)
        if found and not resume:
            raise TrainingError(f'{folder} holds a run: resume it, or choose another folder')
        if resume and not found:
            raise TrainingError(f'{folder} holds no checkpoint to resume')
        if found:
            self._restore()
        if team.leads:
            folder.mkdir(parents=True, exist_ok=True)
            _write_text(folder / CONFIG, json.dumps(self.config, indent=1))
        # The engine that is fastest on the device.
        self.predict = (partial(engine.predict, self.network) if team.device.type == 'cpu'
                        else self.network)

    def advance(self) -> Iterator[None]:
        """Train to the end; yield after each iteration."""
        settings = self.settings
        for examples in itertools.islice(self._batches(), self.iteration, None):
            self._learn(*examples())
            if self.iteration % settings.evaluate_every == 0:
                self._measure()
            if self.iteration % settings.checkpoint_every == 0:
                self.save()
            yield

    def status(self) -> str:
        """Return what to show beside the progress bar."""
        parts = [f'{self.samples / max(self.elapsed, 1e-9):.0f} samples/s']
        if self.loss_count:
            parts.append(f'loss {float(self.loss_sum) / self.loss_count:.2e}')
        if self.metrics:
            parts.append('tool [mm] ' + '/'.join(
                f'{1e3 * error:.1f}' for error in self.metrics[-1]['tool_position'].values()))
        return ', '.join(parts)

    @property
    def elapsed(self) -> float:
        """Time spent on the run, interruptions left out [s]."""
        return self.seconds + time.monotonic() - self.begun

    def save(self, finished: bool = False) -> None:
        """Write a checkpoint and its weights; a disk that's full costs a warning, not the run."""
        if finished and self.loss_count:
            self._measure()
        if not self.team.leads:
            return
        if not all(bool(parameter.isfinite().all()) for parameter in self.network.parameters()):
            raise TrainingError(f'the weights are no longer finite at iteration '
                                f'{self.iteration}: lower the rate')
        state = {
            'config': json.dumps(self.config), 'iteration': self.iteration,
            'samples': self.samples, 'seconds': self.elapsed,
            'loss_sum': self.loss_sum, 'loss_count': self.loss_count,
            'network': self.network.state_dict(), 'optimiser': self.optimiser.state_dict()}
        try:
            checkpoint.save(self.folder, state)
            self._write_weights(finished)
        except OSError as error:
            if finished:
                raise
            _log.warning('iteration %d is not saved, %s; the checkpoint before is still there',
                         self.iteration, error)
        if self.metrics:
            with _tolerated('picture'):
                checkpoint.write_whole(self.folder / CURVES, lambda path: plots.training_curves(
                    self.metrics, path))

    def _restore(self) -> None:
        state = checkpoint.load(self.folder, self.team.device)
        saved = json.loads(state['config'])
        for part in ('arm', 'settings', 'lesson'):
            before = saved.get(part, {})
            differing = {key: (before.get(key), value)
                         for key, value in self.config[part].items() if before.get(key) != value}
            if differing:
                raise TrainingError(
                    f'{self.folder} holds another run: ' + '; '.join(
                        f'{part} {key} was {old}, now {new}'
                        for key, (old, new) in differing.items()))
        if saved['processes'] != self.team.size:
            _log.warning('the run was begun by %d processes and goes on with %d: its end will '
                         'not be the same bit by bit', saved['processes'], self.team.size)
        self.network.load_state_dict(state['network'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.iteration, self.samples = state['iteration'], state['samples']
        self.seconds = state['seconds']
        self.loss_sum, self.loss_count = state['loss_sum'], state['loss_count']
        self.metrics = [line for line in _read_metrics(self.folder / METRICS)
                        if line['iteration'] <= self.iteration]
        if self.team.leads:
            _write_text(self.folder / METRICS, ''.join(
                json.dumps(line) + '\n' for line in self.metrics))

    def _batches(self) -> Iterator[Any]:
        """
        Yield, for each iteration of the run, a function that draws this process's examples.

        They are angles (count, joints, 2) [rad] and exact chains (count, joints, 9).

        What it draws depends on the seed, the iteration and the rank alone, so that a resumed
        run needs no memory of what came before.
        """
        settings, iteration = self.settings, itertools.count()
        for number, phase in enumerate(settings.phases):
            arm = Arm(phase.joints or self.arm.joints, segment_length=self.arm.segment_length,
                      angle_limit=self.arm.angle_limit)
            if not phase.examples:
                for i in itertools.islice(iteration, phase.iterations):
                    yield lambda i=i, phase=phase, arm=arm: self._draw(
                        phase, arm, self._share(), self._generator(1, i, self.team.rank))
            else:
                yield from self._epochs(number, phase, arm, iteration)

    def _epochs(self, number: int, phase: Phase, arm: Arm, iteration: Iterator[int]
                ) -> Iterator[Any]:
        """Yield the batches of a phase of fixed examples, in a new order in each epoch."""
        settings, kept = self.settings, {}
        per_epoch = math.ceil(phase.examples / settings.batch)

        def batch(epoch: int, place: int) -> tuple[Tensor, ...]:
            if 'examples' not in kept:
                kept['examples'] = self._draw(phase, arm, phase.examples,
                                              self._generator(2, number))
            if kept.get('epoch') != epoch:
                generator = self._generator(3, number, epoch)
                kept.update(epoch=epoch, order=torch.randperm(
                    phase.examples, generator=generator, device=generator.device))
            chosen = kept['order'][place * settings.batch:(place + 1) * settings.batch]
            return tuple(part[chosen[self.team.rank::self.team.size]]
                         for part in kept['examples'])

        for epoch in range(phase.epochs):
            for place in range(per_epoch):
                next(iteration)
                yield lambda epoch=epoch, place=place: batch(epoch, place)

    def _draw(self, phase: Phase, arm: Arm, count: int, generator: torch.Generator
              ) -> tuple[Tensor, Tensor]:
        if phase.distribution == 'recorded':
            return self.lesson.draw(count, generator)
        if phase.distribution == 'rehearsed':
            recorded = self.lesson.draw(count // 2, generator)
            angles = sampling.mixed(arm, count - count // 2, generator)
            return tuple(map(torch.cat, zip(
                recorded, (angles, self.lesson.exact_chain(angles)))))
        draw = {'independent': sampling.independent, 'mixed': sampling.mixed}[phase.distribution]
        angles = phase.range * draw(arm, count, generator)
        return angles, forward_kinematics(arm, angles)

    def _share(self) -> int:
        """Return this process's part of a batch."""
        return len(range(self.team.rank, self.settings.batch, self.team.size))

    def _generator(self, *key: int) -> torch.Generator:
        seed = np.random.SeedSequence((self.settings.seed, *key)).generate_state(1, np.uint64)
        return torch.Generator(self.team.device).manual_seed(int(seed[0]))

    def _learn(self, angles: Tensor, chain: Tensor) -> None:
        """Take one step of the optimiser."""
        settings = self.settings
        for group in self.optimiser.param_groups:
            group['lr'] = settings.rate_at(self.iteration)
        try:
            error = self.predict(angles) - chain
        except WeightsError as weights:  # the engine for small batches looks at them
            raise TrainingError(f'iteration {self.iteration}: {weights}; lower the rate') \
                from weights
        weight = error.new_ones(pose.SIZE)
        weight[pose.POSITION] = settings.position_weight
        if self.lesson:  # each sample counts the same, however little of it was tracked
            known = ~chain.isnan()
            square = weight * torch.where(known, error, 0.0).square()
            loss = (square.sum((1, 2)) / known.sum((1, 2)).clamp_min(1)).mean()
        else:
            loss = (weight * error.square()).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.team.average(parameter.grad for parameter in self.network.parameters())
        if math.isfinite(settings.clip):
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.optimiser.step()
        self.iteration += 1
        self.samples += settings.batch
        self.loss_sum += loss.detach()
        self.loss_count += 1

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
        line = {'iteration': self.iteration, 'samples': self.samples,
                'seconds': round(self.elapsed, 3), 'loss': loss,
                'rate': self.optimiser.param_groups[0]['lr'], 'tool_position': errors}
        self.metrics.append(line)
        with _tolerated(METRICS), open(self.folder / METRICS, 'a') as file:
            file.write(json.dumps(line) + '\n')

    def _errors(self, samples: int) -> dict[str, float]:
        """Return the mean position error of the tool [m] on each held-out distribution."""
        model = evaluation.TorchModel(self.network)
        seed = HELD_OUT_SEED + self.settings.seed
        if not self.lesson:
            return evaluation.tool_errors(model, self.arm, seed, samples)
        errors = evaluation.tool_errors(model, self.arm, seed, samples, self.lesson.truth)
        seen = evaluation.evaluate_recording(model, self.lesson.held_out)
        if 'tool_position' in seen:
            errors['recorded'] = seen['tool_position']['mean']
        return errors

    def _write_weights(self, finished: bool) -> None:
        arrays = {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}
        if self.lesson:
            arrays[forward_model.ANGLE_OFFSET] = np.float32(self.lesson.calibration.angle_offset)
        record = {
            'preset': self.settings.preset, 'settings': self.config['settings'],
            'processes': self.team.size, 'device': self.team.device.type,
            'iterations': self.iteration, 'samples': self.samples,
            'seconds': round(self.elapsed, 1), 'finished': finished,
            'torch': str(torch.__version__),
            'tool_position': self._errors(FINAL_SAMPLES if finished else
                                          self.settings.evaluation_samples),
            'date': datetime.now(timezone.utc).date().isoformat(),
            **({'lesson': self.lesson.record} if self.lesson else {})}
        checkpoint.write_whole(self.folder / WEIGHTS, lambda path: forward_model.save(
            path, arrays, self.arm, record))


@contextlib.contextmanager
def _team(device: str | None) -> Iterator[Team]:
    """Join the processes that torchrun started, if it did."""
    size, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
    cuda = torch.cuda.is_available() if device is None else torch.device(device).type == 'cuda'
    if size == 1:
        yield Team(device=torch.device(device or ('cuda' if cuda else 'cpu')))
        return
    where = torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0))) if cuda \
        else torch.device('cpu')
    if cuda:
        torch.cuda.set_device(where)
    # Its functions keep the group that there is when it is first imported, which optimisers do:
    # that group's threads would go on, and now and then abort the process at its end.
    importlib.import_module('torch.distributed.nn.functional')
    distributed.init_process_group('nccl' if cuda else 'gloo')
    try:
        yield Team(rank, size, where)
    finally:
        distributed.destroy_process_group()


@contextlib.contextmanager
def _tolerated(what: str) -> Iterator[None]:
    """Log an error of the disk, for what a run can do without."""
    try:
        yield
    except OSError as error:
        _log.warning('%s is not written: %s', what, error)


def _read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a metrics file; the last one may have been cut."""
    lines = []
    with contextlib.suppress(OSError):
        for text in path.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                lines.append(json.loads(text))
    return lines


def _write_text(path: Path, text: str) -> None:
    with _tolerated(path.name):
        checkpoint.write_whole(path, lambda draft: draft.write_text(text))
