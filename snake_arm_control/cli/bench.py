# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm bench: measure speed, beside other libraries."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from snake_arm_control.arm.description import Arm
from snake_arm_control.cli import arguments
from snake_arm_control.errors import SettingsError
from snake_arm_control.extras import require
from snake_arm_control.output import check_file
from snake_arm_control.processes import Children


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'bench', help='measure speed, beside other libraries where they are installed',
        description='Measure what an iteration costs and how long goals take, in one thread and '
        'one run, beside torch and every other library that is installed (extra: bench).')
    parser.add_argument('--only',
                        choices=('cost', 'goals', 'throughput', 'wrong', 'robustness', 'scenes',
                                 'loop', 'sag', 'tendons'),
                        help='one part: iterations, ways to goals, goals a second, ways to goals '
                        'on a wrong arm, control of an arm unlike the model, goals among '
                        'obstacles, rate and cost of the loop through DDS, and, which take '
                        'minutes and only on demand, what calibration is worth of an arm that '
                        'sags, and of a measured robot with tendons (of --data)')
    parser.add_argument('--data', type=Path, metavar='DIR', help='train.csv and val.csv of the '
                        'tendon-driven robot v4 of OpenCR')
    parser.add_argument('--goals', type=int, default=200, metavar='N',
                        help='goals of each family (default %(default)s; slow methods get fewer)')
    parser.add_argument('--families', metavar='LETTERS', help='such as ABF (default: all)')
    parser.add_argument('--methods', metavar='NAME,...', help='such as lm,pink (default: all)')
    arguments.add_arm(parser)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--compile', action='store_true',
                        help='torch.compile the network too, which takes minutes')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures there')
    parser.add_argument('--page', type=Path, metavar='FILE',
                        help='write what is measured of speed there, as Markdown, with a picture')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure speed."""
    from snake_arm_control.bench import page, run as benchmark
    arguments.check_at_least(1, goals=options.goals)
    arguments.check_at_least(0, seed=options.seed)
    if (options.only == 'tendons') != bool(options.data):
        raise SettingsError(f'--only is {options.only} and --data is {options.data}, expected '
                            'tendons with the folder of its data, or neither')
    arm = arguments.arm(options)
    if arm != Arm() and options.only != 'goals':
        raise SettingsError(f'--only is {options.only}, expected goals: of an arm other than the '
                            'default one nothing else is measured')
    if options.json:
        check_file(options.json)
    if options.page:
        require('matplotlib')
        check_file(options.page)
    threads = dict.fromkeys(benchmark.THREADS, '1')
    if not threads.items() <= os.environ.items():  # which numpy has read when it was imported
        words = [f'--{name.replace("_", "-")}={value}' for name, value in vars(options).items()
                 if name not in ('command', 'run', 'compile') and value is not None]
        with Children() as children:
            return children.start('bench', 'snake_arm_control.cli', 'bench', *words,
                                  *['--compile'] * options.compile,
                                  env=os.environ | threads).wait()

    def report(line: str) -> None:
        print(line, flush=True)

    usual = [*(page.PARTS if options.page else benchmark.PARTS), 'loop']
    parts = [options.only] if options.only else usual
    chosen = {'families': options.families,
              'methods': options.methods and options.methods.split(',')}
    result = benchmark.run(
        arm, goals=options.goals, seed=options.seed, compile_torch=options.compile, report=report,
        parts=[part for part in parts if part in benchmark.PARTS],
        **{name: value for name, value in chosen.items() if value})
    if 'sag' in parts:
        from snake_arm_control.bench import sagging
        result['sag'] = sagging.measure(count=min(options.goals, sagging.GOALS), report=report)
    if 'tendons' in parts:
        from snake_arm_control.bench import tendons
        result['tendons'] = tendons.measure(options.data, report)
    if 'loop' in parts:
        try:
            from snake_arm_control.bench import loop_cost, loop_rate
        except ModuleNotFoundError as error:
            report(f'\nClosed loop through DDS: {error}')
        else:
            result['loop'] = loop_rate.measure(report=report)
            result['loop_cost'] = loop_cost.measure(report=report)
    if options.json:
        benchmark.save(result, options.json)
    if options.page:
        page.write(result, options.page)
    return 0
