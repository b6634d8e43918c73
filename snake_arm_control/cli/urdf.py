# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm urdf: print the URDF of an arm."""

from __future__ import annotations

import argparse
import sys

from snake_arm_control.cli import arguments


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser('urdf', help='print the URDF of the arm',
                                 description='Print the URDF of the arm.')
    arguments.add_arm(parser)
    parser.add_argument('--no-world', dest='world', action='store_false',
                        help='let the base be the root, without the link world that Gazebo needs')
    parser.add_argument('--ros2-control', default='', metavar='PLUGIN',
                        help='add a ros2_control tag of position interfaces for all joints, with '
                        'this hardware plugin, for instance mock_components/GenericSystem')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the URDF."""
    from snake_arm_control.arm.urdf import urdf_text
    sys.stdout.write(urdf_text(arguments.arm(options), world=options.world,
                               plugin=options.ros2_control))
    return 0
