# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Goals as YAML: everything that goals can say.

As a person writes it, in metres and radians::

    - joint: tool
      position: [0.45, [-0.1, 0.1], ~]     # a target, bounds, free
      forward: {direction: [0, 0, -1], angle: 0.2}
    - joint: 30
      relative_to: 20                      # whose frame position, forward and up are in
      position: [~, ~, [0.2, ~]]
    - joint: 10
      look_at: [0.5, 0, 0.3]
    - joint: 20
      on_line: {point: [0.2, 0, 0], direction: [0, 0, 1], distance: 0.01}
      on_plane: {normal: [0, 0, 1], offset: 0.4}
      distance: {to: [0, 0, 0.5], least: 0.1}
      along: {way: [[0, 0, 0], [0.2, 0, 0.5]], distance: 0.02}
    - posture: rest
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, MISSING
import json
import math
import re
from typing import Any, NamedTuple

import numpy as np
import yaml

from snake_arm_control import yaml_text
from snake_arm_control.arm.link import is_number
from snake_arm_control.control.condition import bounds_of, Condition, PARTS
from snake_arm_control.control.conditions import Cone, KINDS, LookAt, Within
from snake_arm_control.errors import GoalError

_KEYS = (*PARTS, 'relative_to', *KINDS)
_REST = 'rest'
_MOST = 500  # entries
_PLAIN = re.compile(r'[A-Za-z_]\w{3,}')  # words that mean nothing else, as `no` would


class Entry(NamedTuple):
    """What an entry of the list says: of a joint, or of the posture."""

    joint: Any = None  # number, not checked
    parts: Mapping[str, Any] = {}  # position, forward and up, each as `bounds_of` takes it
    conditions: tuple[Condition, ...] = ()
    posture: Mapping[str, float] | None = None


def read(text: str, numbers: Mapping[str, int]) -> Iterator[Entry]:
    """
    Yield the entries of a goal, in their order.

    :param numbers: of links by name, and of the tool
    :raises GoalError: if the text is not of the form that the module says
    """
    try:
        entries = yaml_text.read(text)
    except yaml.YAMLError as error:
        raise GoalError(f'the goal is not YAML: {error}') from error
    if not isinstance(entries, list) or not all(isinstance(e, Mapping) for e in entries):
        raise GoalError('the goal is not a YAML list of joints')
    if len(entries) > _MOST:
        raise GoalError(f'the goal has {len(entries)} entries, expected {_MOST} at most')
    for entry in entries:
        yield _read(entry, numbers)


def write(chain: np.ndarray, conditions: Sequence[Condition],
          posture: Sequence[tuple[str, float]] | None) -> str:
    """
    Return the text that `read` reads.

    :param chain: (joints, 9), NaN where nothing is asked
    """
    entries: list[dict[str, Any]] = []
    for index in np.flatnonzero(~np.isnan(chain).all(axis=1)).tolist():
        row = [None if math.isnan(v) else v for v in chain[index].tolist()]
        entries.append({'joint': index + 1, **{
            name: row[part] for name, part in PARTS.items() if row[part] != [None] * 3}})
    entries += [_entry(condition) for condition in conditions]
    if posture is not None:
        entries.append({'posture': dict(posture) or _REST})
    lines = [f'{"  " if number else "- "}{key}: {_flow(value)}\n' for entry in entries
             for number, (key, value) in enumerate(entry.items())]
    return ''.join(lines) or '[]\n'


def _read(entry: Mapping[str, Any], numbers: Mapping[str, int]) -> Entry:
    """Return what an entry of the list says."""
    if set(entry) == {'posture'}:
        posture = entry['posture']
        if posture != _REST and not isinstance(posture, Mapping):
            raise GoalError(f'the posture is {posture!r}, expected {_REST} or angles by the names '
                            'of joints')
        return Entry(posture={} if posture == _REST else posture)
    unknown = set(entry) - {'joint', *_KEYS}
    if unknown or 'joint' not in entry:
        raise GoalError(f'a goal entry has the keys {sorted(map(str, entry))}, expected joint '
                        f'and any of {", ".join(_KEYS)}')
    joint, base = (_number(entry.get(key), numbers) for key in ('joint', 'relative_to'))
    parts, conditions = {}, []
    for name in PARTS:
        said = entry.get(name)
        if isinstance(said, Mapping) and name != 'position' and base is None:
            conditions.append(_condition(Cone, joint, name, {**said, 'axis': name}, numbers))
        elif said is not None and base is not None:
            conditions.append(Within(joint, name, *bounds_of(name, said), base))
        else:
            parts[name] = said
    for key, kind in KINDS.items():
        if key in entry:
            said = entry[key]
            if kind is LookAt and isinstance(said, Sequence):
                said = {'point': said}
            conditions.append(_condition(kind, joint, key, said, numbers))
    return Entry(joint, parts, tuple(conditions))


def _number(joint: Any, numbers: Mapping[str, int]) -> Any:
    """Return the number of a joint that may have been called by its link."""
    return numbers.get(joint, joint) if isinstance(joint, str) else joint


def _condition(kind: type[Condition], joint: Any, key: str, said: Any,
               numbers: Mapping[str, int]) -> Condition:
    known = [each.name for each in fields(kind) if each.name != 'joint']
    where = f'{key} of joint {joint}'
    values = dict(yaml_text.mapping(where, said, known, GoalError))
    for each in fields(kind):
        if each.name not in values and each.default is MISSING and each.name != 'joint':
            raise GoalError(f'{where} has no {each.name}, expected {", ".join(known)}')
    if 'to' in values:
        values['to'] = _number(values['to'], numbers)
    return kind(joint, **values)


def _entry(condition: Condition) -> dict[str, Any]:
    """Return what YAML says of a condition."""
    if isinstance(condition, Within):
        vector = []
        for low, high in zip(condition.lower, condition.upper):
            pair = [each if math.isfinite(each) else None for each in (low, high)]
            vector.append(pair[0] if condition.relative_to and low == high else
                          None if pair == [None, None] else pair)
        base = {'relative_to': condition.relative_to} if condition.relative_to else {}
        return {'joint': condition.joint, **base, condition.which: vector}
    values = {each.name: getattr(condition, each.name) for each in fields(condition)
              if each.name != 'joint' and getattr(condition, each.name) != each.default}
    if isinstance(condition, Cone):
        values.pop('axis', None)
        return {'joint': condition.joint, condition.axis: values}
    key = next(key for key, kind in KINDS.items() if kind is type(condition))
    return {'joint': condition.joint, key: values}


def _flow(value: Any) -> str:
    """Return a value in one line; much faster than the emitter of PyYAML."""
    if value is None:
        return '~'
    if isinstance(value, Mapping):
        return f'{{{", ".join(f"{_flow(key)}: {_flow(each)}" for key, each in value.items())}}}'
    if isinstance(value, (list, tuple)):
        return f'[{", ".join(map(_flow, value))}]'
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else json.dumps(value)
    if is_number(value):
        text = repr(value)  # YAML 1.1 takes no exponent without a point for a number
        return text.replace('e', '.0e') if 'e' in text and '.' not in text else text
    raise TypeError(f'{value!r} is no value of a goal')
