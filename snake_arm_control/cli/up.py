# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm up: run the nodes of an arm."""

from __future__ import annotations

import argparse
from pathlib import Path

from snake_arm_control.cli import arguments
from snake_arm_control.experiments.scenarios import ALL
from snake_arm_control.extras import require


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'up', help='run the three nodes',
        description='Run the forward model, controller and simulator nodes.')
    arguments.add_namespace(parser)
    arguments.add_arm(parser)
    parser.add_argument('--scenario', default='', metavar='NAME',
                        help='publish the goals of one of the experiments of the paper: '
                        + ', '.join(ALL))
    parser.add_argument('--until-converged', action='store_true',
                        help='end when the goal is reached on the true poses')
    parser.add_argument('--timeout', type=float, default=180.0, metavar='S',
                        help='with --until-converged: give up after this time '
                        '(default %(default)s s)')
    parser.add_argument('--processes', action='store_true',
                        help='run each node in its own process')
    parser.add_argument('--no-simulator', dest='simulator', action='store_false',
                        help='do not start the simulator: a real arm answers')
    parser.add_argument('--view', action=argparse.BooleanOptionalAction, default=False,
                        help='show the arm on a page in the browser')
    parser.add_argument('--params-file', type=Path, metavar='FILE', help='ROS parameter file')
    parser.add_argument('--set', action='append', default=[], metavar='NODE.NAME=VALUE',
                        dest='settings', help='set a parameter of controller, simulator, '
                        'forward_model or viewer, for instance simulator.length_error=0.05')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the nodes until interrupted, or until the goal is reached if so asked."""
    arguments.check_at_least(0, timeout=options.timeout)
    require('rclpy', *['viser'] * options.view)
    from snake_arm_control.nodes import up  # rclpy is slow to import, and not all need it
    return up.up(up.Options(
        arm=options.arm, base_link=options.base_link, tip_link=options.tip_link,
        joints=options.joints, joint_prefix=options.joint_prefix,
        frame_prefix=options.frame_prefix, namespace=options.namespace, scenario=options.scenario,
        until_converged=options.until_converged, timeout=options.timeout,
        processes=options.processes, simulator=options.simulator, view=options.view,
        params_file=options.params_file, settings=tuple(options.settings)))
