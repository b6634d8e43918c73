# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Measurements of an arm in tables, NPZ and CSV, with a row for each configuration.

A column has the name of a joint and its position [rad or m]; all joints have one. The pose of a
link, where the next joint is, or of the tip has columns ``<link>.x``, ``.y``, ``.z`` [m], and
``.qx``, ``.qy``, ``.qz``, ``.qw`` where its orientation was measured; in NPZ an array (rows, 3) or
(rows, 7) may have the name of the link instead. Values that were not measured are empty or NaN.
A column ``time`` [s] is optional, and so is ``motion``: rows where it says the same, a text or a
number, are of one motion. `Columns` say what the columns of other tables are.
"""

from __future__ import annotations

import csv
from pathlib import Path
import zipfile

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.columns import Columns, MOTION, ORIENTATION, POSITION, TIME
from snake_arm_control.training.samples import Samples

SUFFIXES = '.npz', '.csv'


def read_table(path: str | Path, arm: Arm, names: Columns | None = None) -> Samples:
    """
    Return the samples of a table; see this module.

    :param names: what its columns are; None for those that this module names
    :raises RecordingError: if it can't be read, lacks a joint, or has no pose
    """
    columns, motions = _columns(Path(path), names)
    missing = [name for name in arm.joint_names if name not in columns]
    if missing:
        raise RecordingError(f'{path} has no column {missing[0]}, expected one for each of the '
                             f'{arm.dof} joints {arm.joint_names[0]} to {arm.joint_names[-1]}')
    positions = np.stack([columns[name] for name in arm.joint_names], axis=-1)
    if not np.isfinite(positions).all():
        row = np.flatnonzero(~np.isfinite(positions).all(axis=1))[0] + 1
        raise RecordingError(f'{path}: row {row} has a joint without a position')
    chains = np.full((len(positions), arm.joints, pose.SIZE), np.nan)
    for link, number in arm.goal_numbers.items():
        place = [columns.get(f'{link}.{part}') for part in POSITION]
        turn = [columns.get(f'{link}.{part}') for part in ORIENTATION]
        found = _pose(f'{path}: {link}', place, turn, len(positions))
        if found is not None:
            chains[:, number - 1] = found
    if np.isnan(chains).all():
        raise RecordingError(f'{path} has no pose, expected columns such as {arm.tip}.x, .y, .z')
    times = columns.get(TIME, np.arange(float(len(positions))))
    if not (np.diff(times) >= 0.0).all():
        raise RecordingError(f'{path}: its times do not grow')
    return Samples(times - times[:1], arm.shaped(positions), chains, motions)


def _pose(what: str, place: list, turn: list, rows: int) -> np.ndarray | None:
    """Return the poses (rows, 9) of a link, as far as there are columns; None without any."""
    found = []
    for columns in place, turn:
        there = [column is not None for column in columns]
        if any(there) and not all(there):
            raise RecordingError(f'{what} has some columns of a pose and not the others')
        found.append(np.stack(columns, axis=-1) if all(there)
                     else np.full((rows, len(columns)), np.nan))
    position, orientation = found
    if np.isnan(position).all() and np.isnan(orientation).all():
        return None
    length = np.linalg.norm(orientation, axis=-1)
    if (np.abs(length - 1.0) > 1e-2).any():
        raise RecordingError(f'{what} has a quaternion of length {np.nanmax(length):.3g}, '
                             'expected 1')
    with np.errstate(invalid='ignore'):
        return pose.from_quaternion(orientation, position)


def _columns(path: Path, names: Columns | None
             ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Return the columns of numbers by our names, in our units, and the numbers of motions."""
    try:
        columns = _npz(path) if path.suffix == '.npz' else _csv(path)
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1 or lengths == {0}:
            raise RecordingError(f'{path} has columns of {sorted(lengths)} rows, expected all of '
                                 'the same length, at least 1')
        if names is not None:
            columns = names.taken_from(columns)
        motions = columns.pop(MOTION, None)
        numbers = {name: _numbers(column) * (names.factors.get(name, 1.0) if names else 1.0)
                   for name, column in columns.items()}
    except (OSError, ValueError, zipfile.BadZipFile, csv.Error) as error:
        raise RecordingError(f'{path} can not be read: {error}') from error
    return numbers, None if motions is None else np.unique(motions, return_inverse=True)[1]


def _numbers(column: np.ndarray) -> np.ndarray:
    """Return a column as numbers, NaN where it is empty."""
    if column.dtype.kind in 'US':
        return np.array([float(value) if value.strip() else np.nan for value in column])
    return column.astype(float)


def _npz(path: Path) -> dict[str, np.ndarray]:
    columns = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            array = arrays[name]
            if array.ndim == 1:
                columns[name] = array
            elif array.ndim == 2 and array.shape[1] in (3, 7):
                parts = (*POSITION, *ORIENTATION)[:array.shape[1]]
                columns |= {f'{name}.{part}': array[:, k] for k, part in enumerate(parts)}
            else:
                raise ValueError(f'{name} has shape {array.shape}, expected (rows,), (rows, 3) or '
                                 '(rows, 7)')
    return columns


def _csv(path: Path) -> dict[str, np.ndarray]:
    with open(path, newline='', encoding='utf-8') as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise ValueError('it is empty')
    names = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(f'line {number} has {len(row)} values, expected {len(names)}')
    return dict(zip(names, np.array(rows[1:], dtype=str).reshape(-1, len(names)).T))
