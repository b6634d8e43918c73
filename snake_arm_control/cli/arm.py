# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm arm: print the description of an arm before it moves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import math

import numpy as np

from snake_arm_control.arm import arm_file
from snake_arm_control.arm.arm_file import shipped_arms
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.findings import Report
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.errors import WeightsError


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'arm', help='print the description of an arm',
        description='Print the chain of an arm with its numbers for goals, its limits, and what '
        'is strange about its description.')
    parser.add_argument('file', metavar='FILE', help='URDF, YAML, or the name of a description '
                        'that ships: ' + ', '.join(shipped_arms()))
    parser.add_argument('--base-link', default=None, metavar='LINK',
                        help='link of a URDF where the arm begins')
    parser.add_argument('--tip-link', default=None, metavar='LINK',
                        help='link of a URDF where the arm ends')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the arm."""
    which = options.file, options.base_link, options.tip_link
    arm, (_, report) = Arm.from_file(*which), arm_file.read(*which)
    print('\n'.join(lines(arm, report)))
    return 0


def lines(arm: Arm, report: Report) -> list[str]:
    """Return the description as lines of text."""
    return [f'{arm.joints} joints, {arm.dof} angles, {arm.length:.4g} m long, from {arm.base} to '
            f'{arm.tip}', '', *_chain(arm), '', *_tendons(arm), *_others(report), _model(arm)]


def _chain(arm: Arm) -> list[str]:
    """Return a line for each angle, the numbers for goals before the link that they mean."""
    rows: list[tuple[str, ...]] = [
        ('goal', 'link', 'length', 'joint', 'moves', 'limits', 'velocity', 'rest')]
    names = (*arm.link_names[:-1], arm.tip)
    for number, (link, name, length) in enumerate(
            zip(arm.links, names, arm.geometry.lengths), 1):
        before = (str(number), name, f'{length:.4g} m')
        for axis in link.axes:
            rows.append((*before, *_axis(arm, link, axis)))
            before = ('', '', '')
        if not link.axes:
            rows.append((*before, 'rigid', '', '', '', ''))
    return _in_columns(rows)


def _tendons(arm: Arm) -> list[str]:
    """Return a line for each tendon, whose pulley is commanded in place of the joints."""
    if arm.tendons is None:
        return []
    moved = [axis.name for link in arm.links for axis in link.axes if not axis.follows]
    rows: list[tuple[str, ...]] = [('tendon', 'pulley', 'limits', 'velocity', 'bends')]
    for pulley, levers in zip(arm.tendons.pulleys, arm.tendons.levers):
        bent = [name for name, lever in zip(moved, levers) if lever]
        rows.append((pulley.name, f'{1e3 * pulley.ratio:.4g} mm',
                     f'{_shown(pulley, pulley.lower)} to {_shown(pulley, pulley.upper)}',
                     f'{_shown(pulley, pulley.velocity)}/s', ' '.join(bent)))
    return [*_in_columns(rows), '']


def _in_columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ['  '.join(word.ljust(width) for word, width in zip(row, widths)).rstrip()
            for row in rows]


def _axis(arm: Arm, link: Link, axis: Axis) -> tuple[str, ...]:
    moves = 'along' if axis.slides else 'about'
    direction = ' '.join(f'{value:.3g}' for value in np.round(axis.direction, 4) + 0.0)
    if axis.follows:
        return (axis.name, f'{moves} {direction}', f'follows {axis.follows} by {axis.ratio:.4g}',
                '', '')
    limits = 'none'
    if math.isfinite(axis.upper):
        limits = f'{_shown(axis, axis.lower)} to {_shown(axis, axis.upper)}'
    j = arm.links.index(link)
    rest = arm.jointed.rest[j, link.axes.index(axis)]
    return (axis.name, f'{moves} {direction}', limits, f'{_shown(axis, axis.velocity)}/s',
            _shown(axis, rest))


def _shown(axis: Axis, value: float) -> str:
    return f'{value:.4g} m' if axis.slides else f'{math.degrees(value):.4g} deg'


def _others(report: Report) -> list[str]:
    other = [f'or to {name}: {count} joints' for name, count in report.other_tips]
    return [*other, *[''] * bool(other), *(f'warning: {each}' for each in report.warnings),
            *[''] * bool(report.warnings)]


def _model(arm: Arm) -> str:
    """Return which forward models serve the arm, and how well."""
    from snake_arm_control.model.accuracy import tool_errors
    from snake_arm_control.model.forward_model import ForwardModel
    try:
        model = ForwardModel.load(arm=arm)
    except WeightsError as error:
        reason = str(error).split(': ', 1)[-1]
        return f'forward model: the exact one; the learned one does not serve: {reason}'
    errors = tool_errors(model)
    return ('forward model: the exact one, or the learned one, whose tool is off by '
            f'{100 * errors["independent"]:.2g} % of the length on random shapes, '
            f'{100 * errors["scaled"]:.2g} % on slightly bent ones and '
            f'{100 * errors["limits"]:.2g} % at the limits')
