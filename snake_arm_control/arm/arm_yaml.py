# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
An arm without a URDF as a person writes it: segments, from base to tip, in YAML.

A segment is a joint and what it carries to the next joint, as a rule straight along its z::

    segments:
      - {count: 8, axes: [x, y], length: 0.05, limits: 0.8}     # eight alike
      - count: 4                                                # a group four times
        segments: [{axes: x, length: 0.05}, {axes: y, length: 0.05}]
      - {axes: z, length: 0.1, limits: [-3.0, 2.0], name: wrist}
    tool: {xyz: [0, 0, 0.02]}

`axes` are letters or directions ([0.6, 0, 0.8]), none to two; `limits` one number for both sides,
a pair, or one of these for each axis; without them there are none. A segment may have `velocity`
and `acceleration` limits, `slide: true` if it moves along its axis, `turn` (roll, pitch, yaw) of
its joint against the segment before, a `mass`, and in place of `length` a `way` [x, y, z] to the
next joint. Of a `count` of segments that are `alike: true` all joints have the angles of the
first, as in a section that bends evenly. The arm may have a `tool` at the far end, a `mount` in
the world (each of `xyz` and `rpy`), names of its `base` and `tip`, `rest` positions by joint, and
`tendons`, see `tendons_yaml`. Metres, radians, seconds, kilograms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import math
from typing import Any

import yaml

from snake_arm_control import yaml_text
from snake_arm_control.arm.findings import Description
from snake_arm_control.arm.link import Axis, is_number, Link
from snake_arm_control.arm.placement import Placement, three_numbers
from snake_arm_control.arm.tendons_yaml import read_tendons
from snake_arm_control.errors import ArmError, DescriptionError

DIRECTIONS = {'x': (1.0, 0.0, 0.0), 'y': (0.0, 1.0, 0.0), 'z': (0.0, 0.0, 1.0)}
_ARM_KEYS = ('segments', 'tool', 'mount', 'base', 'tip', 'rest', 'tendons')
_SEGMENT_KEYS = ('count', 'name', 'axes', 'length', 'way', 'turn', 'limits', 'velocity',
                 'acceleration', 'slide', 'mass', 'alike')
_MOST_SEGMENTS = 10000


def read_yaml(text: str) -> Description:
    """
    Return the arm that a text describes.

    :raises DescriptionError: if it is not as the module says, with the segment and its value
    """
    try:
        content = yaml_text.read(text)
    except yaml.YAMLError as error:
        raise DescriptionError(f'the arm is no YAML: {error}') from error
    try:
        said = yaml_text.mapping('the arm', content, _ARM_KEYS, ArmError)
        links, end, sections = _links(said.get('segments'))
        rest = said.get('rest') or {}
        if not isinstance(rest, Mapping):
            raise ArmError(f'rest is {rest!r}, expected positions by name of joint')
        return Description(links, end @ _placement('tool', said.get('tool')),
                           _placement('mount', said.get('mount')),
                           said.get('base', 'base_link'), said.get('tip', 'tool0'), dict(rest),
                           read_tendons(said['tendons'], links, sections)
                           if 'tendons' in said else None)
    except ArmError as error:
        raise DescriptionError(f'the description is of no arm: {error}') from error


def _links(segments: Any) -> tuple[tuple[Link, ...], Placement, list[int]]:
    """Return the links of segments, where the last one ends, and of which entry each is."""
    links: list[Link] = []
    sections: list[int] = []
    end = Placement()
    for section, where, said in _all(segments):
        if len(links) == _MOST_SEGMENTS:
            raise ArmError(f'the arm has more than {_MOST_SEGMENTS} segments')
        turn = Placement(rpy=three_numbers(f'turn of {where}', said.get('turn', (0, 0, 0))))
        name, stem = f'link_{len(links) + 1}', f'joint_{len(links) + 1}'
        if 'name' in said:
            name = stem = said['name']
        axes = _axes(where, said, stem)
        if _is_alike(where, said) and sections and sections[-1] == section:
            first = links[sections.index(section)]
            axes = tuple(Axis(axis.name, axis.direction, axis.slides, velocity=axis.velocity,
                              acceleration=axis.acceleration, follows=leader.name)
                         for axis, leader in zip(axes, first.axes))
        links.append(Link(name, end @ turn, axes, said.get('mass')))
        sections.append(section)
        end = _way(where, said)
    return tuple(links), end, sections


def _is_alike(where: str, said: Mapping[str, Any]) -> bool:
    """Return whether all joints of a section have the angles of its first."""
    alike = said.get('alike', False)
    if not isinstance(alike, bool):
        raise ArmError(f'alike of {where} is {alike!r}, expected true or false')
    return alike


def _all(segments: Any) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """
    Yield segments one by one; groups and counts are repeated.

    :return: of each the number of its entry, from 0, where it is said, and what
    """
    for number, each in enumerate(_list('segments', segments), 1):
        where = f'segment {number}'
        said = yaml_text.mapping(where, each, (*_SEGMENT_KEYS, 'segments'), ArmError)
        group = [(where, said)]
        if 'segments' in said:
            yaml_text.mapping(where, said, ('count', 'segments'), ArmError)
            inner = enumerate(_list(f'segments of {where}', said['segments']), 1)
            group = [(f'{where}.{i}', yaml_text.mapping(f'{where}.{i}', one, _SEGMENT_KEYS[1:-1],
                                                        ArmError))
                     for i, one in inner]
        count = said.get('count', 1)
        if not (isinstance(count, int) and not isinstance(count, bool) and count >= 1):
            raise ArmError(f'count of {where} is {count!r}, expected an integer of at least 1')
        for _ in range(count):
            yield from ((number - 1, *each) for each in group)


def _way(where: str, said: Mapping[str, Any]) -> Placement:
    if ('length' in said) == ('way' in said):
        has = 'both a length and a way' if 'way' in said else 'neither a length nor a way'
        raise ArmError(f'{where} has {has}, expected one')
    if 'way' in said:
        return Placement(three_numbers(f'way of {where}', said['way']))
    length = said['length']
    if not (is_number(length) and 0.0 <= length < math.inf):
        raise ArmError(f'length of {where} is {length!r}, expected a number that is not negative')
    return Placement((0.0, 0.0, length))


def _axes(where: str, said: Mapping[str, Any], stem: str) -> tuple[Axis, ...]:
    """Return the axes of a segment's joint, each named by the stem and its letter or number."""
    found = said.get('axes', ())
    axes: Sequence[Any] = list(found) if isinstance(found, (str, list, tuple)) else [found]
    if axes and all(map(is_number, axes)):
        axes = [axes]
    both = said.get('limits')
    limits = both if isinstance(both, list) and any(
        isinstance(each, list) for each in both) else [both] * len(axes)
    if len(limits) != len(axes):
        raise ArmError(f'limits of {where} are {both!r}, expected one, or one for each of '
                       f'{len(axes)} axes')
    result = []
    for number, (axis, limit) in enumerate(zip(axes, limits), 1):
        letter = axis if isinstance(axis, str) else str(number)
        if isinstance(axis, str) and axis not in DIRECTIONS:
            raise ArmError(f'axes of {where} are {found!r}, expected of x, y, z, or directions')
        lower, upper = _limits(where, limit)
        result.append(Axis(
            f'{stem}_{letter}', DIRECTIONS[axis] if isinstance(axis, str) else axis,
            said.get('slide', False), lower, upper,
            **{rate: said[rate] for rate in ('velocity', 'acceleration') if rate in said}))
    return tuple(result)


def _limits(where: str, limit: Any) -> tuple[float, float]:
    if limit is None:
        return -math.inf, math.inf
    if is_number(limit) and limit >= 0.0:
        return -limit, limit
    if isinstance(limit, list) and len(limit) == 2 and all(map(is_number, limit)):
        return limit[0], limit[1]
    raise ArmError(f'limits of {where} are {limit!r}, expected a number that is not negative, or '
                   'a lower and an upper one')


def _placement(name: str, said: Any) -> Placement:
    placed = yaml_text.mapping(name, said or {}, ('xyz', 'rpy'), ArmError)
    return Placement(*(three_numbers(f'{key} of {name}', placed.get(key, (0, 0, 0)))
                       for key in ('xyz', 'rpy')))


def _list(what: str, said: Any) -> list[Any]:
    if not isinstance(said, list) or not said:
        raise ArmError(f'{what} is {said!r}, expected a list of at least one')
    return said
