# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm evaluate: measure a forward model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from snake_arm_control.cli import arguments
from snake_arm_control.errors import SettingsError
from snake_arm_control.extras import require
from snake_arm_control.output import check_file, check_folder


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'evaluate', help='measure a forward model',
        description='Measure how far a forward model is from the true arm.')
    arguments.add_arm(parser)
    arguments.add_namespace(parser)
    arguments.add_tracked_joints(parser)
    arguments.add_columns(parser)
    parser.add_argument('--data', type=Path, nargs='+', metavar='FILE',
                        help='measure it on recordings instead of drawn shapes')
    parser.add_argument('--wrong-arm', action='store_true',
                        help='the true arm is that of snake-arm reproduce --wrong-arm')
    parser.add_argument('--weights', type=Path, help='weights file (default: the shipped one)')
    parser.add_argument('--samples', type=int, default=4000,
                        help='shapes of each distribution (default %(default)s)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the result there')
    parser.add_argument('--plots', type=Path, metavar='DIR', help='write pictures there')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure a forward model."""
    require('torch', *arguments.reader_packages(options.data),
            *['matplotlib'] * bool(options.plots))
    arguments.check_at_least(1, samples=options.samples)
    arguments.check_at_least(0, seed=options.seed)
    if options.json:
        check_file(options.json)
    if options.plots:
        check_folder(options.plots)
    from snake_arm_control.model.forward_model import ForwardModel
    from snake_arm_control.training import evaluation
    arm = arguments.arm(options)
    model = ForwardModel.load(options.weights, arm)
    if options.data and (options.wrong_arm or options.plots):
        raise SettingsError('--wrong-arm and --plots are of drawn shapes, expected neither with '
                            '--data')
    if options.data:
        from snake_arm_control.training.samples import join
        result = evaluation.evaluate_recording(model, join(arguments.recordings(options, arm)))
        table = evaluation.recording_table(result)
    else:
        from snake_arm_control.arm.simulation import SimulatedArm
        from snake_arm_control.experiments.runs import IDEAL_ARM, WRONG_ARM
        truth = WRONG_ARM if options.wrong_arm else IDEAL_ARM
        result = evaluation.evaluate(
            model, arm, options.seed, options.samples,
            truth=lambda arm, angles: SimulatedArm(arm, truth).true_chain(angles))
        table = evaluation.table(result)
    arguments.check_at_least(1, samples=options.samples)
    arguments.check_at_least(0, seed=options.seed)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + '\n')
    if options.plots:
        evaluation.write_report(result, options.plots)
    print(table)
    return 0
