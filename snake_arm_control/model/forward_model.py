# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The forward model: a learned one and the arm that it was trained on, or an exact one."""

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
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import DescriptionError, WeightsError
from snake_arm_control.model.exact import ExactLinearization, ExactModel
from snake_arm_control.model.network_model import NetworkLinearization, NetworkModel
from snake_arm_control.model.parameters import NetworkParameters

FORMAT = 'snake_arm_control/1'
ANGLE_OFFSET = 'angle_offset'  # array of a weights file beside those of the network
SHIPPED = Path(__file__).parent / 'weights' / 'shipped.safetensors'
KINDS = NETWORK, EXACT = 'network', 'exact'
_MOST = 2**26  # [byte], of a weights file
_MOST_ARRAYS = 100


class ForwardModel:
    """
    A model bound to an arm: angles in, pose chain out, and its derivatives.

    Its `core` is the paper's network, whose weights serve any number of joints of the segment that
    they were trained on, or the exact kinematics of a description.
    """

    def __init__(self, core: NetworkModel | ExactModel, arm: Arm, data: bytes,
                 metadata: Mapping[str, str]):
        self.core, self.arm = core, arm
        self.metadata = MappingProxyType(dict(metadata))
        self._data = data

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle a model as its weights file: arrays would come back writable."""
        return type(self).from_bytes, (self._data, self.arm, self.core.dtype)

    @classmethod
    def exact(cls, arm: Arm) -> ForwardModel:
        """Return the exact kinematics of an arm's description."""
        metadata = {'format': FORMAT, 'kind': EXACT, 'arm': urdf_text(arm)}
        return cls(ExactModel(arm), arm, save_arrays({}, metadata), metadata)

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
            with open(path, 'rb') as file:
                data = file.read(_MOST + 1)
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
        if metadata.get('kind', NETWORK) == EXACT:
            return cls(_exact_core(name, metadata, arm), arm, data, metadata)
        return cls(_network_core(name, arrays, metadata, arm, dtype), arm, data, metadata)

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
        """Return the pose chains (*batch, joints, 9) at angles (*batch, joints, axes)."""
        return self.linearize(angles).chain

    def linearize(self, angles: np.ndarray) -> NetworkLinearization | ExactLinearization:
        """
        Return the model at configurations.

        :param angles: (*batch, joints, axes) [rad or m]
        :raises ShapeError: if they are not those of the arm
        """
        return self.core.linearize(angles)

    def jacobian_rows(self, angles: np.ndarray, joints: np.ndarray,
                      components: np.ndarray) -> np.ndarray:
        """Return the rows (*batch, rows, joints, axes) of the Jacobian; see `linearize`."""
        return self.linearize(angles).jacobian_rows(joints, components)

    @property
    def kind(self) -> str:
        """What the model is, of `KINDS`."""
        return EXACT if isinstance(self.core, ExactModel) else NETWORK

    @property
    def parameters(self) -> NetworkParameters:
        """
        The parameters of the network.

        :raises WeightsError: if the model has no network
        """
        if not isinstance(self.core, NetworkModel):
            raise WeightsError('the model is exact, expected a network')
        return self.core.parameters

    @property
    def angle_offset(self) -> np.ndarray | None:
        """What the true angles are known to exceed the encoders' by, (joints, 2) [rad]."""
        return self.core.angle_offset if isinstance(self.core, NetworkModel) else None


def _exact_core(name: str, metadata: Mapping[str, str], arm: Arm) -> ExactModel:
    """Return the kinematics of the arm in a file, which has the same joints as the arm."""
    try:
        described = Arm.from_urdf(metadata.get('arm', ''))
    except DescriptionError as error:
        raise WeightsError(f'{name}: {error}') from error
    if described.joint_names != arm.joint_names or (described.free != arm.free).any():
        raise WeightsError(f'{name} describes an arm of the joints {described.joint_names[0]} to '
                           f'{described.joint_names[-1]}, expected {arm.joint_names[0]} to '
                           f'{arm.joint_names[-1]}')
    return ExactModel(described)


def _network_core(name: str, arrays: dict[str, np.ndarray], metadata: Mapping[str, str], arm: Arm,
                  dtype: type) -> NetworkModel:
    if metadata.get('arm_fingerprint') != arm.segment_fingerprint:
        expected = ('which the arm does not have' if arm.segment is None else
                    'expected {} m and {} rad'.format(*arm.segment))
        raise WeightsError(f'{name} was trained on segments of {metadata.get("segment_length")} m '
                           f'with angles to {metadata.get("angle_limit")} rad, {expected}')
    offset = arrays.pop(ANGLE_OFFSET, None)
    if offset is not None and not (offset.shape == arm.rest.shape and np.isfinite(offset).all()):
        raise WeightsError(f'{name} has angle offsets of the shape {offset.shape}, expected '
                           f'{arm.rest.shape}, all finite: they belong to one arm')
    try:
        parameters = NetworkParameters.from_arrays(
            {key: value.astype(dtype) for key, value in arrays.items()})
    except WeightsError as error:
        raise WeightsError(f'{name}: {error}') from error
    return NetworkModel(parameters, arm, offset)


def save(path: Path, arrays: dict[str, np.ndarray], arm: Arm, record: dict[str, Any]) -> None:
    """
    Write a weights file.

    :param arrays: the network's parameters by their name, and angle offsets if there are
    :param record: how they came about, kept as JSON
    :raises WeightsError: if the arm is not of equal segments
    """
    if arm.segment is None:
        raise WeightsError('the arm is not of equal segments, expected that of one network')
    length, limit = arm.segment
    metadata = {'format': FORMAT, 'arm_fingerprint': arm.segment_fingerprint,
                'segment_length': f'{length:.9g}', 'angle_limit': f'{limit:.9g}',
                'training': json.dumps(record)}
    Path(path).write_bytes(save_arrays(arrays, metadata))


def _metadata(data: bytes) -> dict[str, str]:
    """Return what a file says of itself, before there is memory for its arrays."""
    # safetensors reads metadata from files only; the header is JSON behind its 8-byte length.
    header = json.loads(data[8:8 + int.from_bytes(data[:8], 'little')])
    if not isinstance(header, dict) or len(header) > _MOST_ARRAYS:
        raise ValueError(f'its header is no JSON object of {_MOST_ARRAYS} arrays at most')
    return header.get('__metadata__') or {}
