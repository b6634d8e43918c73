# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from snake_arm_control.arm.arm_file import read_text, shipped_arms
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.prefix import prefixed
from snake_arm_control.arm.uniform import JOINTS
from snake_arm_control.errors import SettingsError


def add_arm(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which arm is meant."""
    parser.add_argument('--arm', default='', metavar='FILE',
                        help='description of the arm: URDF, YAML, or the name of one that ships: '
                        + ', '.join(shipped_arms()))
    parser.add_argument('--base-link', default='', metavar='LINK',
                        help='link of a URDF where the arm begins')
    parser.add_argument('--tip-link', default='', metavar='LINK',
                        help='link of a URDF where the arm ends')
    parser.add_argument('--joints', type=int, metavar='N',
                        help=f'number of joints of an arm of equal segments (default {JOINTS})')
    parser.add_argument('--joint-prefix', default='', metavar='TEXT',
                        help='what the names of all joints begin with')
    parser.add_argument('--frame-prefix', default='', metavar='TEXT',
                        help='what the names of all links begin with')


def arm(options: argparse.Namespace) -> Arm:
    """
    Return the arm that is meant.

    :raises ArmError: if there can be no such arm
    :raises DescriptionError: if a description can't be read
    :raises SettingsError: if two arms are meant
    """
    return prefixed(_unprefixed(options), options.joint_prefix, options.frame_prefix)


def _unprefixed(options: argparse.Namespace) -> Arm:
    if not options.arm:
        return Arm.uniform(JOINTS if options.joints is None else options.joints)
    if options.joints is not None:
        raise SettingsError(f'--joints is {options.joints} and --arm is {options.arm}, expected '
                            'one of the two')
    return Arm.from_file(options.arm, options.base_link or None, options.tip_link or None)


def masses(options: argparse.Namespace, arm: Arm) -> Masses:
    """
    Return the masses of the links of an arm that `arm` returned: those of its URDF, if it has one.

    :raises DescriptionError: if they can't be read
    """
    text, is_urdf = read_text(options.arm) if options.arm else ('', False)
    if not is_urdf:
        return Masses.of(arm)
    found = Masses.from_urdf(text, options.base_link or None, options.tip_link or None)
    return Masses(arm, found.masses, found.moments)


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
                        help='numbers of the joints that are tracked, or of those to use '
                        '(default: all)')


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add the file that says what the columns of tables are."""
    parser.add_argument('--columns', type=Path, metavar='FILE',
                        help='YAML that names the columns of the tables of --data')


def reader_packages(paths: Sequence[Path] | None) -> list[str]:
    """Return the packages that are needed to read recordings."""
    from snake_arm_control.training.tables import SUFFIXES
    return ['mcap_ros2'] * any(path.suffix not in SUFFIXES for path in paths or ())


def recordings(options: argparse.Namespace, arm: Arm, paths: Sequence[Path] | None = None,
               any_frame: bool = False) -> list:
    """
    Return the recordings of --data, or of other paths.

    :param any_frame: whether their poses may be in another frame than the base
    :raises RecordingError: if one can't be used
    """
    from snake_arm_control.training import recordings
    from snake_arm_control.training.columns import Columns
    columns = Columns.from_file(options.columns) if options.columns else None
    return [recordings.read(path, arm, options.tracked_joints, options.namespace or None,
                            any_frame, columns)
            for path in (options.data if paths is None else paths)]
