# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm reproduce: run experiments of the paper and draw them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from snake_arm_control.arm.simulation import ENGINES, KINEMATIC
from snake_arm_control.cli import arguments
from snake_arm_control.experiments.scenarios import scenario, SCENARIOS
from snake_arm_control.extras import require
from snake_arm_control.output import check_folder


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'reproduce', help='run experiments of the paper and draw them',
        description='Run experiments of the paper, without ROS or over the nodes; write '
        'DIR/NAME/result.json and pictures. Exit code 1 if a goal that can be reached was not.')
    arguments.add_arm(parser)
    parser.add_argument('scenarios', nargs='+', metavar='NAME',
                        help=f'{", ".join(SCENARIOS)}, or all')
    parser.add_argument('--out', type=Path, default=Path('runs/reproduce'), metavar='DIR',
                        help='folder of the results (default %(default)s)')
    parser.add_argument('--nodes', action='store_true', help='run them over the real nodes')
    parser.add_argument('--wrong-arm', action='store_true',
                        help='the true arm has segments 5 %% longer than the model was '
                        'trained on, and its angles are off by 2 degrees')
    parser.add_argument('--engine', choices=ENGINES, default=KINEMATIC,
                        help='simulates the true arm; in mujoco it has weight '
                        '(default %(default)s)')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run experiments; 1 if a goal that can be reached was not."""
    from snake_arm_control.experiments import figures, runs
    from snake_arm_control.model.forward_model import ForwardModel
    names = SCENARIOS if 'all' in options.scenarios else options.scenarios
    scenarios = [scenario(name) for name in names]
    require('matplotlib')
    arm = arguments.arm(options)
    truth = replace(runs.WRONG_ARM if options.wrong_arm else runs.IDEAL_ARM,
                    engine=options.engine)
    perform: runs.Run
    if options.nodes:
        require('rclpy')
        from snake_arm_control.nodes.experiment import NodesRun
        perform = NodesRun(arm, truth)
    else:
        perform = runs.LibraryRun(ForwardModel.load(arm=arm), truth)
    check_folder(options.out)
    failed = False
    for each in scenarios:
        recording, result = runs.reproduce(each, perform)
        path = runs.write_result(result, options.out / each.name)
        figures.draw(recording, result, path.parent)
        print(f'{runs.table(result)}\n    {path.parent}', flush=True)
        failed |= each.reachable and not result['success']
    return int(failed)
