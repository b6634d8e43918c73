# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm goal: publish a goal to a running controller."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from snake_arm_control.arm.description import Arm
from snake_arm_control.cli import arguments
from snake_arm_control.errors import GoalError
from snake_arm_control.extras import require


class _Entry(argparse.Action):
    """Collects --joint and what follows it into one entry of a goal."""

    def __call__(self, parser, options, values, option_string=None):
        entries = list(options.entries)
        if self.dest == 'joint':
            entries.append({'joint': values})
        else:
            if not entries:
                entries.append({'joint': 'tool'})
            entry = dict(entries.pop())
            if self.dest in entry:
                parser.error(f'{option_string} is given twice for joint {entry["joint"]}')
            words = [word.strip() for word in values]
            try:
                entry[self.dest] = [math.nan if word == '-' else float(word) for word in words]
            except ValueError:
                parser.error(f'{option_string} is {" ".join(words)}, expected three numbers, '
                             'or - for a free one')
            entries.append(entry)
        options.entries = entries


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'goal', help='publish a goal to a running controller',
        description='Publish a pose-chain goal. Components not given, and those given as -, '
        'are free. Several joints: repeat --joint, each followed by what it shall do.')
    arguments.add_arm(parser)
    arguments.add_namespace(parser)
    parser.add_argument('--joint', action=_Entry, metavar='J',
                        help='joint number from 1, link, or tool (default: tool)')
    for name, metavar, text in (('position', ('X', 'Y', 'Z'), 'in base_link [m]'),
                                ('forward', ('X', 'Y', 'Z'), 'unit vector of the z axis'),
                                ('up', ('X', 'Y', 'Z'), 'unit vector of the y axis'),
                                ('rpy', ('R', 'P', 'Y'), 'orientation [rad], sets both axes')):
        parser.add_vector(f'--{name}', action=_Entry, metavar=metavar, help=text)
    parser.add_argument('--file', type=Path, help='goal in YAML instead')
    parser.add_argument('--drop', action='store_true', help='drop the goal: the arm holds')
    parser.add_argument('--wait', action='store_true',
                        help='wait until the goal is reached, or known not to be')
    parser.add_argument('--timeout', type=float, default=5.0, metavar='S',
                        help='how long to wait for a controller (default %(default)s s)')
    parser.set_defaults(run=run, entries=[])


def run(options: argparse.Namespace) -> int:
    """Publish a goal once."""
    from snake_arm_control.control.goal import combine, Goal
    arm = arguments.arm(options)
    joints = arm.joints
    arguments.check_at_least(0, timeout=options.timeout)
    if options.drop + bool(options.file) + bool(options.entries) > 1:
        raise GoalError('give a goal, or --file, or --drop, and not two of them')
    if options.drop:
        goal = Goal.free(joints)
    elif options.file:
        goal = Goal.from_yaml(_read(options.file), joints, arm.goal_numbers)
    else:
        goal = combine((_entry_goal(entry, arm) for entry in options.entries), joints)
        if goal.is_free:
            raise GoalError('nothing is asked for; give --position, --forward, --up or --rpy, '
                            'or --drop to drop the goal')
    require('rclpy')
    from snake_arm_control.nodes.goal import send_goal
    return send_goal(goal, options.namespace, options.timeout, options.wait)


def _entry_goal(entry: dict, arm: Arm):
    import numpy as np

    from snake_arm_control.arm import pose
    from snake_arm_control.control.goal import Goal
    entry = dict(entry)
    name = entry.pop('joint')
    try:
        number = {'tool': arm.joints, **arm.goal_numbers}.get(name) or int(name)
    except ValueError:
        raise GoalError(f'joint is {name!r}, expected a number from 1 to {arm.joints}, a link of '
                        'the arm, or tool') from None
    rpy = entry.pop('rpy', None)
    if rpy is not None:
        if {'forward', 'up'} & set(entry) or not all(map(math.isfinite, rpy)):
            raise GoalError('--rpy takes three finite numbers, and no --forward or --up beside it')
        roll, pitch, yaw = rpy
        target = pose.from_euler(roll, pitch, yaw, np.zeros(3))
        entry.update(forward=target[pose.FORWARD], up=target[pose.UP])
    return Goal.joint(number, **entry, joints=arm.joints)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise GoalError(f'{path} can not be read: {error}') from error
