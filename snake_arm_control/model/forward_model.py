# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The learned forward model: a weights file and the arm that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays, save as save_arrays

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import ShapeError, WeightsError
from snake_arm_control.model import bptt
from snake_arm_control.model.architecture import ANGLES
from snake_arm_control.model.parameters import NetworkParameters

FORMAT = 'snake_arm_control/1'
ANGLE_OFFSET = 'angle_offset'  # array of a weights file beside those of the network
SHIPPED = Path(__file__).parent / 'weights' / 'shipped.safetensors'
_COLUMN_OVERHEAD = 6  # steps for each joint, as measured: columns come in whole vectors


class ForwardModel:
    """
    A trained network bound to an arm: angles in, pose chain out, and its derivatives.

    The weights serve any number of joints of the segment that they were trained on. Weights that
    were fitted to one arm also have its angle offsets (joints, 2) [rad], true angles less those of
    the encoders: the network, being the same at each joint, can't learn those.
    """

    def __init__(self, parameters: NetworkParameters, arm: Arm, data: bytes,
                 metadata: Mapping[str, str], angle_offset: np.ndarray | None = None):
        self.parameters, self.arm = parameters, arm
        self.metadata = MappingProxyType(dict(metadata))
        self.angle_offset = None if angle_offset is None else _frozen(angle_offset)
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle a model as its weights file: arrays would come back writable."""
        return type(self).from_bytes, (self._data, self.arm, self.parameters.dtype.type)

    @classmethod
    def load(cls, path: str | Path | None = None, arm: Arm = Arm(),
             dtype: type = np.float32) -> ForwardModel:
        """
        Return the model of a weights file.

        :param path: a safetensors file; None loads the weights that ship with the package
        :raises WeightsError: if the file can't be read, is damaged, or belongs to another arm
        """
        path = SHIPPED if path is None else Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WeightsError(f'weights {path} can not be read: {error.strerror}') from error
        return cls.from_bytes(data, arm, dtype, name=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, arm: Arm = Arm(), dtype: type = np.float32,
                   name: str = 'weights') -> ForwardModel:
        """
        Return the model of the bytes of a weights file.

        :param name: what to call them in an error
        :raises WeightsError: if they are damaged or belong to another arm or architecture
        """
        try:
            arrays, metadata = load_arrays(data), _metadata(data)
        except (SafetensorError, ValueError, KeyError) as error:
            raise WeightsError(f'{name} is not a whole safetensors file: {error}') from error
        if metadata.get('format') != FORMAT:
            raise WeightsError(f'{name} has the format {metadata.get("format")!r}, '
                               f'expected {FORMAT!r}')
        if metadata.get('arm_fingerprint') != arm.segment_fingerprint:
            raise WeightsError(
                f'{name} was trained on segments of {metadata.get("segment_length")} m with '
                f'angles to {metadata.get("angle_limit")} rad, expected {arm.segment_length} m '
                f'and {arm.angle_limit} rad')
        offset = arrays.pop(ANGLE_OFFSET, None)
        if offset is not None and not (
                offset.shape == (arm.joints, ANGLES) and np.isfinite(offset).all()):
            raise WeightsError(f'{name} has angle offsets of the shape {offset.shape}, expected '
                               f'({arm.joints}, {ANGLES}), all finite: they belong to one arm')
        try:
            parameters = NetworkParameters.from_arrays(
                {key: value.astype(dtype) for key, value in arrays.items()})
        except WeightsError as error:
            raise WeightsError(f'{name}: {error}') from error
        return cls(parameters, arm, data, metadata, offset)

    def to_bytes(self) -> bytes:
        """Return the bytes of the weights file."""
        return self._data

    @property
    def fingerprint(self) -> str:
        """Digest of the weights file."""
        return hashlib.sha256(self._data).hexdigest()[:16]

    @property
    def training_record(self) -> dict[str, Any]:
        """How the weights came about, empty if they don't say."""
        return json.loads(self.metadata.get('training', '{}'))

    def predict(self, angles: np.ndarray) -> np.ndarray:
        """Return the pose chains (*batch, joints, 9) at angles (*batch, joints, 2)."""
        return self.linearize(angles).chain

    def linearize(self, angles: np.ndarray) -> NetworkLinearization:
        """
        Return the model at configurations.

        :param angles: (*batch, joints, 2) [rad]
        :raises ShapeError: if their number of joints is not the arm's
        """
        angles = np.asarray(angles)
        if angles.shape[-2:] != (self.arm.joints, ANGLES):
            raise ShapeError('angles', angles.shape, f'(*batch, {self.arm.joints}, {ANGLES})')
        if self.angle_offset is not None:
            angles = angles + self.angle_offset
        return NetworkLinearization(self.parameters, angles)

    def jacobian_rows(self, angles: np.ndarray, joints: np.ndarray,
                      components: np.ndarray) -> np.ndarray:
        """Return the rows (*batch, rows, joints, 2) of the Jacobian; see `linearize`."""
        return self.linearize(angles).jacobian_rows(joints, components)


class NetworkLinearization:
    """The network at configurations: the forward pass, kept for any number of backward ones."""

    def __init__(self, parameters: NetworkParameters, angles: np.ndarray):
        self._parameters = parameters
        self._batch = angles.shape[:-2]
        self._tape = bptt.forward(parameters, angles.reshape(-1, *angles.shape[-2:]))
        self.chain = self._tape.chain.reshape(*self._batch, *self._tape.chain.shape[-2:])

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """
        Return the input gradient of equation 2.

        :param chain_gradient: dL/dchain (*batch, joints, 9)
        :return: dL/dangles (*batch, joints, 2)
        """
        flat = np.broadcast_to(chain_gradient, self.chain.shape).reshape(self._tape.chain.shape)
        gradient = bptt.input_gradient(self._parameters, self._tape, flat)
        return gradient.reshape(*self._batch, *gradient.shape[-2:])

    def jacobian_rows(self, joints: np.ndarray, components: np.ndarray, first: int = 0
                      ) -> np.ndarray:
        """
        Return rows of dchain/dangles, by whichever sweep is the shorter.

        :param joints: (rows,) indices from 0 along the chain
        :param components: (rows,) indices into the nine pose components
        :param first: joint from which on angles are differentiated by
        :return: (*batch, rows, joints - first, 2)
        :raises ShapeError: if joints and components are not both (rows,)
        :raises IndexError: if one is out of range
        """
        joints = np.asarray(joints)
        reach = int(joints.max(initial=-1)) + 1
        # A row costs a step for each joint up to its own. The two columns of a joint cost a step
        # for each joint from there to the last row's. A step takes as long in either sweep.
        if reach * (reach + _COLUMN_OVERHEAD) < np.sum(joints + 1 - first):
            joints, components = bptt.checked_rows(self._tape, joints, components, first)
            columns = bptt.jacobian(self._parameters, self._tape, reach)
            rows = columns[:, joints, components, first:]
        else:
            rows = bptt.jacobian_rows(self._parameters, self._tape, joints, components, first)
        return rows.reshape(*self._batch, *rows.shape[-3:])


def save(path: Path, arrays: dict[str, np.ndarray], arm: Arm, record: dict[str, Any]) -> None:
    """
    Write a weights file.

    :param arrays: the network's parameters by their name, and angle offsets if there are
    :param record: how they came about, kept as JSON
    """
    metadata = {'format': FORMAT, 'arm_fingerprint': arm.segment_fingerprint,
                'segment_length': f'{arm.segment_length:.9g}',
                'angle_limit': f'{arm.angle_limit:.9g}', 'training': json.dumps(record)}
    Path(path).write_bytes(save_arrays(arrays, metadata))


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return a read-only copy."""
    array = array.copy()
    array.setflags(write=False)
    return array


def _metadata(data: bytes) -> dict[str, str]:
    # safetensors reads metadata from files only; the header is JSON behind its 8-byte length.
    length = int.from_bytes(data[:8], 'little')
    return json.loads(data[8:8 + length]).get('__metadata__') or {}
