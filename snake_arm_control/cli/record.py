# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm record: record the topics of a running arm."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from snake_arm_control.cli import arguments
from snake_arm_control.extras import require


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'record', help='record a running arm, to learn from it',
        description='Record the topics of an arm into an MCAP file, as ros2 bag does, until '
        'Ctrl-C. snake-arm train --data learns from it.')
    arguments.add_arm(parser)
    arguments.add_namespace(parser)
    arguments.add_tracked_joints(parser)
    parser.add_argument('--out', type=Path, metavar='FILE',
                        help='the file (default: snake_arm_ and the present time)')
    parser.add_argument('--duration', type=float, default=math.inf, metavar='S',
                        help='stop after this time')
    parser.add_argument('--overwrite', action='store_true', help='replace FILE if it exists')
    parser.add_argument('--explore', type=float, default=0.0, metavar='S',
                        help='publish a random goal every S seconds: the arm will move anywhere '
                        'within its reach')
    parser.add_argument('--seed', type=int, default=0, help='of the goals of --explore')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Record until interrupted, or for the given duration."""
    require('rclpy', 'mcap_ros2')
    arguments.check_at_least(0, duration=options.duration, explore=options.explore,
                             seed=options.seed)
    from snake_arm_control.nodes import recorder
    return recorder.record(recorder.Options(
        out=options.out, duration=options.duration, namespace=options.namespace,
        arm=arguments.arm(options), tracked=tuple(options.tracked_joints),
        overwrite=options.overwrite, explore=options.explore, seed=options.seed))
