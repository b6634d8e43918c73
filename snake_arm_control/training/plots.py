# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of training and of the errors that it left."""

from __future__ import annotations

from collections.abc import Sequence
import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

from snake_arm_control.arm import pose


def training_curves(metrics: Sequence[dict[str, Any]], path: Path) -> None:
    """
    Draw the loss and the tool's errors against the samples seen.

    :param metrics: lines of a run's metrics.jsonl
    """
    figure, (loss, error) = _figure(2)
    samples = [line['samples'] for line in metrics]
    loss.semilogy(samples, [line['loss'] for line in metrics])
    loss.set_ylabel('training loss')
    for name in metrics[0]['tool_position'] if metrics else ():
        error.semilogy(samples, [1e3 * line['tool_position'][name] for line in metrics],
                       label=name)
    error.set_ylabel('tool position error, mean [mm]')
    for axes in (loss, error):
        axes.set_xlabel('samples')
        axes.grid(True, which='both', alpha=0.3)
    if metrics:
        error.legend()
    _save(figure, path)


def error_along_arm(result: dict[str, Any], path: Path) -> None:
    """
    Draw the mean errors of each joint's pose.

    :param result: of `evaluation.evaluate`
    """
    figure, (position, axes) = _figure(2)
    for name, of in result['distributions'].items():
        joints = range(1, 1 + len(of['position_by_joint']))
        position.plot(joints, 1e3 * np.array(of['position_by_joint']), label=name)
        axes.plot(joints, np.degrees(of['axes_by_joint']), label=name)
    position.set_ylabel('position error, mean [mm]')
    axes.set_ylabel('axis error, mean [deg]')
    for each in (position, axes):
        each.set_xlabel('joint')
        each.set_ylim(bottom=0.0)
        each.grid(True, alpha=0.3)
        each.legend()
    _save(figure, path)


def truth_and_prediction(result: dict[str, Any], path: Path) -> None:
    """
    Draw each component of the tool's pose: predicted against true.

    :param result: of `evaluation.evaluate`
    """
    figure, grid = _figure(pose.SIZE)
    for axes, (component, title) in zip(grid, enumerate(pose.COMPONENTS)):
        for name, of in result['distributions'].items():
            truth, predicted = (np.array(of['tools'][kind])[:, component]
                                for kind in ('true', 'predicted'))
            axes.plot(truth, predicted, '.', markersize=2, label=name)
        axes.axline((0.0, 0.0), slope=1.0, color='black', linewidth=0.5)
        unit = ' [m]' if component in range(pose.SIZE)[pose.POSITION] else ''
        axes.set_title(title + unit)
        axes.set_xlabel('true')
        axes.set_ylabel('predicted')
    grid[0].legend(markerscale=4)
    _save(figure, path)


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    """Return a figure without a window, and its panels."""
    columns = min(panels, 3)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(4.5 * columns, 3.8 * rows), layout='constrained')
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, format='png')
