# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The folder that a training run lives in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import torch

from snake_arm_control.errors import TrainingError
from snake_arm_control.training import checkpoint, plots

WEIGHTS = 'weights.safetensors'
METRICS = 'metrics.jsonl'
CONFIG = 'config.json'
CURVES = 'curves.png'

_log = logging.getLogger(__name__)


class RunFolder:
    """
    The files of a run: its configuration, metrics with their curves, checkpoints, and weights.

    A disk that is full costs a warning, not the run.

    :param config: of the run; `arm`, `settings` and `lesson` make it the same run
    :param writes: whether this process is the one that writes
    :raises TrainingError: if the folder holds a run and resume isn't asked for, or has nothing to
        resume or another run
    :raises CheckpointError: if there is something to resume, but all of it is damaged
    """

    def __init__(self, path: Path, config: dict[str, Any], resume: bool, writes: bool = True,
                 device: torch.device | str = 'cpu'):
        self.path, self.config = path, config
        self.state: dict[str, Any] = {}  # of the checkpoint to go on from, empty at the beginning
        self.metrics: list[dict[str, Any]] = []
        found = checkpoint.exists(path)
        if found and not resume:
            raise TrainingError(f'{path} holds a run: resume it, or choose another folder')
        if resume and not found:
            raise TrainingError(f'{path} holds no checkpoint to resume')
        if found:
            self.state = checkpoint.load(path, device)
            self._check_config(json.loads(self.state['config']))
            self.metrics = [line for line in _read_metrics(path / METRICS)
                            if line['iteration'] <= self.state['iteration']]
        if writes:
            path.mkdir(parents=True, exist_ok=True)
            _write_text(path / CONFIG, json.dumps(config, indent=1))
            _write_text(path / METRICS, ''.join(map(_line, self.metrics)))

    def add_metrics(self, line: dict[str, Any]) -> None:
        """Add a line to the metrics."""
        self.metrics.append(line)
        with _tolerated(METRICS), open(self.path / METRICS, 'a') as file:
            file.write(_line(line))

    def save(self, state: dict[str, Any], write_weights: Callable[[Path], Any],
             finished: bool = False) -> None:
        """
        Write a checkpoint, then its weights, then the curves.

        :param state: what the run goes on from, with its `iteration`
        :param write_weights: writes them to the path that it's given
        :raises OSError: if they can't be written at the end of the run; before, that is a warning
        """
        try:
            checkpoint.save(self.path, {**state, 'config': json.dumps(self.config)})
            checkpoint.write_whole(self.path / WEIGHTS, write_weights)
        except OSError as error:
            if finished:
                raise
            _log.warning('iteration %d is not saved, %s; the checkpoint before is still there',
                         state['iteration'], error)
        if self.metrics:
            with _tolerated(CURVES):
                checkpoint.write_whole(self.path / CURVES, lambda path: plots.training_curves(
                    self.metrics, path))

    def _check_config(self, saved: dict[str, Any]) -> None:
        for part in ('arm', 'settings', 'lesson', 'start'):
            before = saved.get(part, {})
            differing = {key: (before.get(key), value)
                         for key, value in self.config.get(part, {}).items()
                         if before.get(key) != value}
            if differing:
                raise TrainingError(
                    f'{self.path} holds another run: ' + '; '.join(
                        f'{part} {key} was {old}, now {new}'
                        for key, (old, new) in differing.items()))
        if saved['processes'] != self.config['processes']:
            _log.warning('the run was begun by %d processes and goes on with %d: its end will '
                         'not be the same bit by bit', saved['processes'],
                         self.config['processes'])


@contextlib.contextmanager
def _tolerated(what: str) -> Iterator[None]:
    """Log an error of the disk, for what a run can do without."""
    try:
        yield
    except OSError as error:
        _log.warning('%s is not written: %s', what, error)


def _line(metrics: dict[str, Any]) -> str:
    return json.dumps(metrics) + '\n'


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
