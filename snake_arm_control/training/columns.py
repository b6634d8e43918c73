# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
What the columns of somebody else's table are, as a small YAML says it.

Names are theirs, units become ours::

    joints: {tendon_1: servo_4_mm, tendon_2: servo_3_mm}   # our names, and those of the columns
    links: {tool0: [tip_x, tip_y, tip_z]}   # x, y, z; four more are a quaternion x, y, z, w
    units: {joints: 0.1, links: mm}         # m, cm, mm, rad, deg, or what values are multiplied by
    time: timestamp                         # [s]
    motion: pattern_label                   # equal texts or numbers are of one motion

A component that was not measured is `null`. Only `joints` and `links` are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from snake_arm_control import yaml_text
from snake_arm_control.arm.link import is_number
from snake_arm_control.errors import RecordingError

POSITION, ORIENTATION = ('x', 'y', 'z'), ('qx', 'qy', 'qz', 'qw')
TIME, MOTION = 'time', 'motion'
UNITS = {'m': 1.0, 'cm': 0.01, 'mm': 0.001, 'rad': 1.0, 'deg': math.pi / 180.0}
_KEYS = 'joints', 'links', 'units', TIME, MOTION


@dataclass(frozen=True)
class Columns:
    """
    Which column of a table each of ours is.

    :param names: of their columns, by ours; None for one that was not measured
    :param factors: by which their values are multiplied, by our columns; 1 where none stands
    """

    names: Mapping[str, str | None]
    factors: Mapping[str, float]

    @classmethod
    def from_file(cls, path: str | Path) -> Columns:
        """
        Return the columns that a YAML file names; see this module.

        :raises RecordingError: if it can't be read, or says something else
        """
        try:
            said = yaml_text.read(Path(path).read_text(encoding='utf-8'))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RecordingError(f'{path} can not be read: {error}') from error
        try:
            return cls._of(yaml_text.mapping('it', said, _KEYS, RecordingError))
        except RecordingError as error:
            raise RecordingError(f'{path} names no columns: {error}') from error

    @classmethod
    def _of(cls, said: Mapping[str, Any]) -> Columns:
        joints, links = (_names(what, said.get(what)) for what in ('joints', 'links'))
        factors = {what: _factor(what, unit) for what, unit in yaml_text.mapping(
            'units', said.get('units', {}), ('joints', 'links'), RecordingError).items()}
        names = {key: said[key] for key in (TIME, MOTION) if key in said} | dict(joints)
        for link, columns in links.items():
            if not isinstance(columns, list) or len(columns) not in (3, 7):
                raise RecordingError(f'{link} is {columns!r}, expected the columns of x, y, z, or '
                                     'of these and a quaternion x, y, z, w')
            names |= {f'{link}.{part}': column
                      for part, column in zip((*POSITION, *ORIENTATION), columns)}
        for name, column in names.items():
            if not (isinstance(column, str) or column is None and '.' in name):
                raise RecordingError(f'{name} is {column!r}, expected the name of a column')
        places = [f'{link}.{part}' for link in links for part in POSITION]
        return cls(names, dict.fromkeys(joints, factors.get('joints', 1.0))
                   | dict.fromkeys(places, factors.get('links', 1.0)))

    def taken_from(self, table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """
        Return our columns of a table, their values as they are.

        :raises RecordingError: if the table lacks one
        """
        missing = [name for name in self.names.values() if name is not None and name not in table]
        if missing:
            raise RecordingError(f'it has no column {missing[0]!r}, expected of '
                                 f'{", ".join(table)}')
        rows = len(next(iter(table.values())))
        return {ours: np.full(rows, np.nan) if name is None else table[name]
                for ours, name in self.names.items()}


def _names(what: str, said: Any) -> Mapping[str, Any]:
    if not isinstance(said, Mapping) or not said or not all(isinstance(n, str) for n in said):
        raise RecordingError(f'{what} is {said!r}, expected columns by name')
    return said


def _factor(what: str, unit: Any) -> float:
    if isinstance(unit, str) and unit in UNITS:
        return UNITS[unit]
    if is_number(unit) and math.isfinite(unit) and unit:
        return float(unit)
    raise RecordingError(f'the unit of {what} is {unit!r}, expected of {", ".join(UNITS)}, or a '
                         'number that is not zero')
