# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share."""

from __future__ import annotations

import argparse

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.uniform import JOINTS
from snake_arm_control.errors import SettingsError


def add_arm(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which arm is meant."""
    parser.add_argument('--joints', type=int, default=JOINTS, metavar='N',
                        help='number of joints of the arm (default %(default)s)')


def arm(options: argparse.Namespace) -> Arm:
    """
    Return the arm that is meant.

    :raises ArmError: if there can be no such arm
    """
    return Arm(joints=options.joints)


def add_namespace(parser: argparse.ArgumentParser) -> None:
    """Add the ROS namespace: left, /left and left/ are the same."""
    parser.add_argument('--namespace', type=full_namespace, default='', metavar='NAME',
                        help='ROS namespace of the arm')


def full_namespace(name: str) -> str:
    """Return the full name of a namespace."""
    return '/' + name.strip('/')


def check_at_least(low: float, **values: float) -> None:
    """
    Check numbers by the names of their arguments.

    :raises SettingsError: if one is smaller, or is no number
    """
    for name, value in values.items():
        if not value >= low:
            raise SettingsError(f'--{name} is {value}, expected a number of at least {low}')


def add_tracked_joints(parser: argparse.ArgumentParser) -> None:
    """Add the joints whose poses are measured."""
    parser.add_argument('--tracked-joints', type=int, nargs='+', default=(), metavar='J',
                        help='numbers of the joints whose poses there are, or which of them to '
                        'look at (default: all)')


def recordings(options: argparse.Namespace, arm: Arm) -> list:
    """
    Return the recordings of --data.

    :raises RecordingError: if one can't be used
    """
    from snake_arm_control.training import recordings
    return [recordings.read(path, arm, options.tracked_joints, options.namespace or None)
            for path in options.data]
