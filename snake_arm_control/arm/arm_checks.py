# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What links have to be to make an arm; errors name the link or joint, and the value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
import math

from snake_arm_control.arm.joint_space import usual_rest
from snake_arm_control.arm.link import Axis, check_name, is_number, Link, NO_LENGTH
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.tendons import Tendons
from snake_arm_control.arm.urdf_tip import WORLD
from snake_arm_control.errors import ArmError


def check_arm(links: Sequence[Link], tool: Placement, mount: Placement, base: str, tip: str,
              tendons: Tendons | None = None) -> None:
    """Raise ArmError unless links, a tool, a mount and tendons make an arm; see `Arm`."""
    if not links or not all(isinstance(link, Link) for link in links):
        raise ArmError(f'the links are {links!r}, expected at least one, all of Link')
    for what, placed in (('tool', tool), ('mount', mount)):
        if not isinstance(placed, Placement):
            raise ArmError(f'the {what} is {placed!r}, expected a Placement')
    check_name('the name of the base', base)
    check_name('the name of the tip', tip)
    names = [base, *(link.name for link in links)]
    _check_unique('links', names if tip == names[-1] and tool == Placement() else [*names, tip])
    if base == WORLD and mount != Placement():
        raise ArmError(f'the base is called {WORLD!r} and is mounted elsewhere in it')
    axes = [axis for link in links for axis in link.axes]
    pulleys = tendons.pulleys if tendons else ()
    _check_unique('joints', [axis.name for axis in (*axes, *pulleys)])
    own = {axis.name for axis in axes if not axis.follows}
    if not own:
        raise ArmError('the arm has no joint that moves on its own, expected at least one')
    for axis in axes:
        if axis.follows and axis.follows not in own:
            raise ArmError(f'{axis.name} follows {axis.follows!r}, which is no joint that moves '
                           'on its own')
    if tendons:
        _check_tendons(links, own, tendons)
    for before, link in zip(links, links[1:]):
        if (len(before.axes) == len(link.axes) == 1
                and math.hypot(*link.placement.xyz) <= NO_LENGTH
                and not (before.axes[0].slides or link.axes[0].slides)):
            raise ArmError(f'the hinges of {before.name} and {link.name} are in one place, '
                           'expected one joint of two axes')


def _check_tendons(links: Sequence[Link], own: Collection[str], tendons: Tendons) -> None:
    if len(tendons.stiffness) != len(own):
        raise ArmError(f'the tendons have the stiffness of {len(tendons.stiffness)} angles, '
                       f'expected of {len(own)}')
    slides = [axis.name for link in links for axis in link.axes if axis.slides]
    if slides:
        raise ArmError(f'{slides[0]} slides, expected hinges where tendons bend the arm')
    places = len(links) * max(len(link.axes) for link in links)
    if len(tendons.pulleys) > places:
        raise ArmError(f'there are {len(tendons.pulleys)} tendons, expected {places} at most for '
                       f'{len(links)} joints')


def unusual_rest(drives: Iterable[Axis], rest: Mapping[str, float]
                 ) -> tuple[tuple[str, float], ...]:
    """
    Return the positions at rest that have to be said, in the order of what moves on its own.

    :raises ArmError: if one is not of a joint that moves on its own, or beyond its limits
    """
    axes = {axis.name: axis for axis in drives}
    for name, value in rest.items():
        if name not in axes:
            raise ArmError(f'the rest pose has {name!r}, which is no joint that moves on its own')
        lower, upper = axes[name].lower, axes[name].upper
        if not (is_number(value) and math.isfinite(value) and lower <= value <= upper):
            raise ArmError(f'the rest position of {name} is {value!r}, expected {lower} to '
                           f'{upper}')
    return tuple((name, float(rest[name])) for name, axis in axes.items()
                 if rest.get(name, usual_rest(axis)) != usual_rest(axis))


def _check_unique(what: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ArmError(f'two {what} are called {twice[0]!r}, expected one')
