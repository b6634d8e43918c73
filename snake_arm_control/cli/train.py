# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm train: train a forward model."""

from __future__ import annotations

import argparse
from pathlib import Path

from snake_arm_control.cli import arguments
from snake_arm_control.errors import SettingsError
from snake_arm_control.extras import require
from snake_arm_control.output import check_folder


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'train', help='train a forward model',
        description='Train a forward model on drawn shapes of an arm as it is described, or on '
        'recordings of a real one, starting from weights that were trained before.')
    arguments.add_arm(parser)
    arguments.add_namespace(parser)
    arguments.add_tracked_joints(parser)
    arguments.add_columns(parser)
    parser.add_argument('--preset', help='paper or shipped (default) for equal segments; general '
                        'for any arm of bends; described (default) for the one arm of --arm; with '
                        '--data finetune (default), or scratch, which starts from nothing')
    parser.add_argument('--data', type=Path, nargs='+', metavar='FILE',
                        help='recordings of snake-arm record, or of ros2 bag record -s mcap; the '
                        'last fifth of each is held out')
    parser.add_argument('--weights', type=Path, metavar='FILE',
                        help='weights that general, described and finetune start from (default: '
                        'those that ship)')
    parser.add_argument('--inward', action='store_true',
                        help='with --data: a network that also reads the joints from the tip to '
                        'the base, and so can learn what hangs on each')
    parser.add_argument('--out', type=Path, default=Path('runs/train'), metavar='DIR',
                        help='run folder (default %(default)s)')
    parser.add_argument('--resume', action='store_true', help='resume the run in DIR')
    parser.add_argument('--seed', type=int, help='another seed than that of the preset')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train a forward model."""
    require('torch', *arguments.reader_packages(options.data))
    from snake_arm_control.model.forward_model import ForwardModel
    from snake_arm_control.training import lesson as lessons
    from snake_arm_control.training.presets import inwards, preset
    from snake_arm_control.training.start import nearest_weights
    from snake_arm_control.training.trainer import train
    arm = arguments.arm(options)
    usual = 'finetune' if options.data else 'described' if arm.segment is None else 'shipped'
    settings = preset(options.preset or usual, seed=options.seed)
    if options.inward:
        if not options.data:
            raise SettingsError('--inward is for what an arm carries, expected with --data')
        settings = inwards(settings)
    start = geometric = lesson = None
    if settings.preset == 'finetune' and options.data:
        start = ForwardModel.load(options.weights, arm)
        if start.parameters.architecture.inward:
            settings = inwards(settings, start.parameters.architecture.inward)
    elif settings.is_geometric and not options.data:
        geometric = nearest_weights(settings, options.weights)
    elif options.weights:
        raise SettingsError('--weights are where general, described and finetune with --data '
                            f'start from, expected one of them and not {settings.preset}')
    check_folder(options.out)
    if options.data:
        lesson = lessons.prepare(arm, arguments.recordings(options, arm), start)
        print(lessons.table(lesson), flush=True)
    path = train(arm, settings, options.out, resume=options.resume, lesson=lesson,
                 start=geometric)
    if lesson:
        print(lessons.outcome(lesson, start, ForwardModel.load(path, arm)))
    print(path)
    return 0
