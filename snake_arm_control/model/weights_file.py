# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The file of a forward model: safetensors, with what it serves and how it came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays, save as save_arrays

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import WeightsError
from snake_arm_control.model.parameters import NetworkParameters

FORMAT = 'snake_arm_control/1'
NETWORK, EXACT, COMPENSATED = 'network', 'exact', 'compensated'  # kinds of models
ANGLE_OFFSET, STRETCH = 'angle_offset', 'stretch'  # arrays of one arm, beside those of a kind
SHIPPED = Path(__file__).parent / 'weights' / 'shipped.safetensors'  # of the default segment
GENERAL = SHIPPED.with_name('general.safetensors')  # of any arm of bends
_MOST = 2**26  # [byte]
_MOST_ARRAYS = 100


def shipped_weights(arm: Arm) -> Path:
    """Return the path of the weights that ship for an arm."""
    return SHIPPED if arm.segment_fingerprint == Arm().segment_fingerprint else GENERAL


def read(path: Path) -> bytes:
    """
    Return the bytes of a file, a few more than it may have at most.

    :raises WeightsError: if it can't be read
    """
    try:
        with open(path, 'rb') as file:
            return file.read(_MOST + 1)
    except OSError as error:
        raise WeightsError(f'weights {path} can not be read: {error.strerror}') from error


def parse(data: bytes, name: str = 'weights') -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """
    Return what the bytes of a file say of themselves, and their arrays.

    :param name: what to call them in an error
    :raises WeightsError: if they are damaged
    """
    if len(data) > _MOST:
        raise WeightsError(f'{name} is longer than weights are, expected at most {_MOST} '
                           'bytes')
    try:
        metadata, arrays = _metadata(data), load_arrays(data)
        if not isinstance(json.loads(metadata.get('training', '{}')), dict):
            raise ValueError('its training record is no JSON object')
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise WeightsError(f'{name} is not a whole safetensors file: {error}') from error
    if metadata.get('format') != FORMAT:
        raise WeightsError(f'{name} has the format {metadata.get("format")!r}, '
                           f'expected {FORMAT!r}')
    return metadata, arrays


def save(path: Path, arrays: dict[str, np.ndarray], arm: Arm, record: dict[str, Any],
         ranges: list[list[float]] | None = None) -> None:
    """
    Write a weights file.

    :param arrays: the network's parameters by their name, and angle offsets if there are
    :param arm: that they were trained on
    :param record: how they came about, kept as JSON
    :param ranges: lowest and highest (6, 2) of the geometry that they serve; None if that is the
        arm's alone
    :raises WeightsError: if the network reads angles alone and the arm is not of equal segments
    """
    metadata = {'format': FORMAT, 'kind': NETWORK, 'training': json.dumps(record)}
    if ranges is not None:
        metadata['ranges'] = json.dumps(ranges)
    elif NetworkParameters.from_arrays({key: value for key, value in arrays.items()
                                        if key != ANGLE_OFFSET}).architecture.geometry:
        metadata['arm_fingerprint'] = arm.fingerprint
    elif arm.segment is None:
        raise WeightsError('the arm is not of equal segments, expected that of one network')
    else:
        length, limit = arm.segment
        metadata |= {'arm_fingerprint': arm.segment_fingerprint,
                     'segment_length': f'{length:.9g}', 'angle_limit': f'{limit:.9g}'}
    Path(path).write_bytes(save_arrays(arrays, metadata))


def _metadata(data: bytes) -> dict[str, str]:
    """Return what a file says of itself, before there is memory for its arrays."""
    # safetensors reads metadata from files only; the header is JSON behind its 8-byte length.
    header = json.loads(data[8:8 + int.from_bytes(data[:8], 'little')])
    if not isinstance(header, dict) or len(header) > _MOST_ARRAYS:
        raise ValueError(f'its header is no JSON object of {_MOST_ARRAYS} arrays at most')
    return header.get('__metadata__') or {}
