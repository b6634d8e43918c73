# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Tendons in the element of a URDF that says what URDF has no words for.

A spring for each joint that moves on its own, and a tendon with a lever at each that it moves::

    <tendons softness="0.0003"/>
    <spring joint="joint_1_x" stiffness="0.0004"/>
    <tendon name="servo_4" radius="0.01" offset="0" lower="-1" upper="1" velocity="2" ...>
      <lever joint="joint_1_x" length="0.045"/>
    </tendon>
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.tendons import Tendons
from snake_arm_control.arm.urdf_solids import numbers_text
from snake_arm_control.arm.urdf_tree import numbers
from snake_arm_control.errors import ArmError

_OF_PULLEY = {'radius': 'ratio', 'offset': 'offset', 'lower': 'lower', 'upper': 'upper',
              'velocity': 'velocity', 'acceleration': 'acceleration'}


def add_tendons(extension: Element, links: Sequence[Link], tendons: Tendons) -> None:
    """Put in the tendons of an arm of these links."""
    names = own_names(links)
    SubElement(extension, 'tendons', softness=numbers_text(tendons.softness))
    for name, stiffness in zip(names, tendons.stiffness):
        SubElement(extension, 'spring', joint=name, stiffness=numbers_text(stiffness))
    for pulley, levers in zip(tendons.pulleys, tendons.levers):
        tendon = SubElement(extension, 'tendon', {'name': pulley.name, **{
            ours: numbers_text(getattr(pulley, name)) for ours, name in _OF_PULLEY.items()}})
        for name, lever in zip(names, levers):
            if lever:
                SubElement(tendon, 'lever', joint=name, length=numbers_text(lever))


def tendons_of(extension: Element, links: Sequence[Link]) -> Tendons | None:
    """
    Return the tendons of an arm of these links, None if there are none.

    :raises ArmError: if they can't be
    :raises ValueError: if a number is missing or is none
    """
    said = extension.find('tendons')
    if said is None:
        return None
    names = own_names(links)
    springs = _by_joint(extension, 'spring', 'stiffness')
    missing = [name for name in names if name not in springs]
    if missing:
        raise ArmError(f'{missing[0]} has no spring, expected one where tendons bend the arm')
    pulleys, levers = [], []
    for tendon in extension.iterfind('tendon'):
        of_pulley: dict[str, Any] = {name: numbers(tendon.get(ours), 1)[0]
                                     for ours, name in _OF_PULLEY.items()}
        pulleys.append(Axis(tendon.get('name', ''), **of_pulley))
        own = _by_joint(tendon, 'lever', 'length')
        strange = [name for name in own if name not in names]
        if strange:
            raise ArmError(f'{pulleys[-1].name} has a lever at {strange[0]!r}, which is no joint '
                           'that moves on its own')
        levers.append(tuple(own.get(name, 0.0) for name in names))
    return Tendons(tuple(pulleys), tuple(levers), tuple(springs[name] for name in names),
                   numbers(said.get('softness'), 1)[0])


def own_names(links: Sequence[Link]) -> list[str]:
    """Return the names of the joints that move on their own, from the base."""
    return [axis.name for link in links for axis in link.axes if not axis.follows]


def _by_joint(element: Element, kind: str, value: str) -> dict[str, float]:
    return {each.get('joint', ''): numbers(each.get(value), 1)[0]
            for each in element.iterfind(kind)}
