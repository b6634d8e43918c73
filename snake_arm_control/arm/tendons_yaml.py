# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Tendons as a person writes them, beside the segments of an arm.

A section is an entry of `segments`, as a rule one whose joints bend `alike`. A tendon passes the
sections from the base `through` the one where it ends, in each at a place x, y of its cross
section::

    tendons:
      pulley: 0.01          # radius [m], positive where a positive angle pulls
      limits: 1.2           # [rad], on each side, or a lower and an upper one
      stiffness: 4.0e-6     # [m^2/rad^2], or one a section
      softness: 3.0e-4      # [m], over which a tendon becomes taut
      each:
        - {name: servo_4, through: 1, at: [0.0045, 0.0]}
        - {name: servo_5, through: 2, at: [[0.0, 0.0045], [0.0, 0.004]], slack: 0.001}

The stiffness is that of a section's whole bend: the torque [N m] that bends it by one radian, by
the force [N] that stretches a tendon by one metre. `slack` [m] is what a pulley at zero has to
take up before its tendon is taut. Each may have a `pulley`, `limits`, and `velocity` and
`acceleration` limits of its own, else it has those of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snake_arm_control import yaml_text
from snake_arm_control.arm.link import Axis, is_number, Link
from snake_arm_control.arm.tendons import Tendons
from snake_arm_control.errors import ArmError

_ALL = 'pulley', 'limits', 'velocity', 'acceleration'
_KEYS = (*_ALL, 'stiffness', 'softness', 'each')
_TENDON_KEYS = ('name', 'through', 'at', 'slack', *_ALL)


def read_tendons(said: Any, links: Sequence[Link], sections: Sequence[int]) -> Tendons:
    """
    Return the tendons that a description has.

    :param sections: (links,) number from 0 of the section that each link is of
    :raises ArmError: if they are not as the module says
    """
    said = yaml_text.mapping('tendons', said, _KEYS, ArmError)
    each = said.get('each')
    if not isinstance(each, list) or not each:
        raise ArmError(f'each of the tendons is {each!r}, expected a list of at least one')
    count = sections[-1] + 1
    stiffness = said.get('stiffness')
    of_sections = stiffness if isinstance(stiffness, list) else [stiffness] * count
    if len(of_sections) != count or not all(map(is_number, of_sections)):
        raise ArmError(f'the stiffness of the tendons is {stiffness!r}, expected a number, or one '
                       f'for each of {count} sections')
    share = _shares(links, sections)
    levers, pulleys = [], []
    usual = {key: said[key] for key in _ALL if key in said}
    for number, one in enumerate(each, 1):
        what = f'tendon {number}'
        one = {**usual, **yaml_text.mapping(what, one, _TENDON_KEYS, ArmError)}
        pulleys.append(_pulley(what, one, f'tendon_{number}'))
        places = _places(what, one, count)
        levers.append(tuple(
            turns * float(places[section] @ _across(axis)) if section < len(places) else 0.0
            for axis, section, turns, _ in share))
    return Tendons(tuple(pulleys), tuple(levers), tuple(
        of_sections[section] * turns * joints for _, section, turns, joints in share),
        said.get('softness', 0.0))


def _shares(links: Sequence[Link], sections: Sequence[int]) -> list[tuple[Axis, int, int, int]]:
    """Return own axes, each with its section, how many axes it turns, and the section's joints."""
    joints = Counter(sections)
    turns = Counter(axis.follows or axis.name for link in links for axis in link.axes)
    return [(axis, section, turns[axis.name], joints[section])
            for link, section in zip(links, sections) for axis in link.axes if not axis.follows]


def _across(axis: Axis) -> np.ndarray:
    """Return what a place x, y is multiplied by to be the lever of a tendon about an axis."""
    x, y, _ = axis.direction
    return np.array((y, -x))


def _places(what: str, said: Mapping[str, Any], sections: int) -> np.ndarray:
    """Return where a tendon passes the sections up to its last (passed, 2) [m]."""
    through, at = said.get('through', sections), said.get('at')
    if not (isinstance(through, int) and 1 <= through <= sections):
        raise ArmError(f'{what} goes through {through!r} sections, expected 1 to {sections}')
    places = at if isinstance(at, list) and at and isinstance(at[0], list) else [at] * through
    if len(places) != through or not all(
            isinstance(place, list) and len(place) == 2 and all(map(is_number, place))
            for place in places):
        raise ArmError(f'{what} is at {at!r}, expected x, y, or such a pair for each of {through} '
                       'sections')
    return np.array(places, dtype=float)


def _pulley(what: str, said: Mapping[str, Any], name: str) -> Axis:
    limits: Any = said.get('limits')
    lower: Any = None
    upper: Any = None
    if is_number(limits):
        lower, upper = -limits, limits
    elif isinstance(limits, list) and len(limits) == 2:
        lower, upper = limits
    if not (is_number(lower) and is_number(upper)):
        raise ArmError(f'limits of {what} are {limits!r}, expected a number, or a lower and an '
                       'upper one')
    radius, slack = said.get('pulley'), said.get('slack', 0.0)
    if not (is_number(radius) and radius and is_number(slack)):
        raise ArmError(f'{what} has the pulley {radius!r} and the slack {slack!r}, expected a '
                       'radius that is not zero, and a number')
    return Axis(said.get('name', name), lower=lower, upper=upper, ratio=radius, offset=-slack,
                **{rate: said[rate] for rate in ('velocity', 'acceleration') if rate in said})
