# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The forward model of an arm: learned, exact, or exact for joints that give way."""

from __future__ import annotations

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors.numpy import save as save_arrays

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_law import JointLaw
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import ArmError, DescriptionError, ShapeError, WeightsError
from snake_arm_control.model import coverage, weights_file
from snake_arm_control.model.compensated import CompensatedLinearization, CompensatedModel
from snake_arm_control.model.driven import DrivenLinearization
from snake_arm_control.model.exact import ExactLinearization, ExactModel
from snake_arm_control.model.network_model import NetworkLinearization, NetworkModel
from snake_arm_control.model.normal_form import NormalForm, READS
from snake_arm_control.model.parameters import NetworkParameters
from snake_arm_control.model.stretched import parts_of, Stretched
from snake_arm_control.model.weights_file import (
    ANGLE_OFFSET,
    COMPENSATED,
    EXACT,
    FORMAT,
    NETWORK,
    shipped_weights,
    STRETCH,
)

KINDS = NETWORK, EXACT, COMPENSATED
COMPLIANCE = 'give', 'weights', 'moments', 'down'  # arrays of a file, see `Compliance`
LAW = 'loads', 'middles', 'ranges', 'widths', 'gains'  # likewise, see `JointLaw`
# Before their names in a file: law_loads, law_middles, law_ranges, law_widths, law_gains.
_OF_LAW = 'law_'


class ForwardModel:
    """
    A model bound to an arm: angles in, pose chain out, and its derivatives.

    Its `core` is the paper's network, whose weights serve any number of joints of the segment that
    they were trained on, the exact kinematics of a description, or those of an arm that gives way.

    :ivar stretch: (joints,) by which fraction the arm's links are known to be longer than the core
        has them; None if nothing is known
    """

    def __init__(self, core: NetworkModel | ExactModel | CompensatedModel, arm: Arm, data: bytes,
                 metadata: Mapping[str, str], stretch: np.ndarray | None = None):
        self.core, self.arm, self.stretch = core, arm, stretch
        self._parts = None if stretch is None else parts_of(stretch)
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
    def compensated(cls, compliance: Compliance, record: Mapping[str, Any] | None = None
                    ) -> ForwardModel:
        """
        Return the exact kinematics of an arm whose joints give way under weight.

        :param record: how the compliance was found, kept as JSON
        """
        arm = compliance.arm
        metadata = {'format': FORMAT, 'kind': COMPENSATED, 'arm': urdf_text(arm),
                    'training': json.dumps(dict(record or {}))}
        arrays = {name: np.array(getattr(compliance, name)) for name in COMPLIANCE}
        if compliance.law is not None:
            arrays |= {_OF_LAW + name: np.array(getattr(compliance.law, name)) for name in LAW}
        return cls(CompensatedModel(ExactModel(arm), compliance), arm,
                   save_arrays(arrays, metadata), metadata)

    @classmethod
    def load(cls, path: str | Path | None = None, arm: Arm = Arm(),
             dtype: type = np.float32) -> ForwardModel:
        """
        Return the model of a weights file.

        :param path: a safetensors file; None loads the weights that ship for such an arm
        :raises WeightsError: if the file can't be read, is damaged, or does not serve the arm
        """
        path = shipped_weights(arm) if path is None else Path(path)
        return cls.from_bytes(weights_file.read(path), arm, dtype, name=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, arm: Arm = Arm(), dtype: type = np.float32,
                   name: str = 'weights') -> ForwardModel:
        """
        Return the model of the bytes of a weights file.

        :param name: what to call them in an error
        :raises WeightsError: if they are damaged or belong to another arm or architecture
        """
        metadata, arrays = weights_file.parse(data, name)
        kind = metadata.get('kind', NETWORK)
        stretch = _of_one_arm(name, arrays, STRETCH, 'a stretch', (arm.joints,))
        core: NetworkModel | ExactModel | CompensatedModel
        if kind == EXACT:
            core = _exact_core(name, metadata, arm)
        elif kind == COMPENSATED:
            core = _compensated_core(name, arrays, metadata, arm)
        else:
            core = _network_core(name, arrays, metadata, arm, dtype)
        return cls(core, arm, data, metadata, stretch)

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

    def linearize(self, angles: np.ndarray
                  ) -> (NetworkLinearization | ExactLinearization | DrivenLinearization
                        | CompensatedLinearization | Stretched):
        """
        Return the model at configurations.

        :param angles: (*batch, joints, axes) [rad or m]
        :raises ShapeError: if they are not those of the arm
        """
        found = self.core.linearize(angles)
        return found if self._parts is None else Stretched(found, self._parts)

    def jacobian_rows(self, angles: np.ndarray, joints: np.ndarray,
                      components: np.ndarray) -> np.ndarray:
        """Return the rows (*batch, rows, joints, axes) of the Jacobian; see `linearize`."""
        return self.linearize(angles).jacobian_rows(joints, components)

    @property
    def kind(self) -> str:
        """What the model is, of `KINDS`."""
        kinds = {ExactModel: EXACT, CompensatedModel: COMPENSATED}
        return kinds.get(type(self.core), NETWORK)

    @property
    def parameters(self) -> NetworkParameters:
        """
        The parameters of the network.

        :raises WeightsError: if the model has no network
        """
        if not isinstance(self.core, NetworkModel):
            raise WeightsError(f'the model is {self.kind}, expected a network')
        return self.core.parameters

    @property
    def angle_offset(self) -> np.ndarray | None:
        """What the true angles are known to exceed the encoders' by, (joints, 2) [rad]."""
        return None if isinstance(self.core, ExactModel) else self.core.angle_offset


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


def _compensated_core(name: str, arrays: dict[str, np.ndarray], metadata: Mapping[str, str],
                      arm: Arm) -> CompensatedModel:
    """Return the model of the arm in a file, which gives way."""
    exact = _exact_core(name, metadata, arm)
    offset = _angle_offset(name, arrays, arm)
    of_law = [_OF_LAW + each for each in LAW]
    learned = {each: arrays.pop(_OF_LAW + each) for each in LAW if _OF_LAW + each in arrays}
    if set(arrays) != set(COMPLIANCE) or len(learned) not in (0, len(LAW)):
        found = sorted((*arrays, *(_OF_LAW + each for each in learned)))
        raise WeightsError(f'{name} has the arrays {", ".join(found)}, expected '
                           f'{", ".join(COMPLIANCE)}, and with a law {", ".join(of_law)}')
    try:
        law = JointLaw(**learned) if learned else None
        return CompensatedModel(exact, Compliance(exact.arm, law=law, **arrays), offset)
    except (ShapeError, ArmError) as error:
        raise WeightsError(f'{name}: {error}') from error


def _network_core(name: str, arrays: dict[str, np.ndarray], metadata: Mapping[str, str], arm: Arm,
                  dtype: type) -> NetworkModel:
    offset = _angle_offset(name, arrays, arm)
    try:
        parameters = NetworkParameters.from_arrays(
            {key: value.astype(dtype) for key, value in arrays.items()})
        if parameters.architecture.geometry:
            form = NormalForm.of(arm)
            _check_served(metadata, arm, form)
            bound = parameters.bound(form.constants, form.slopes)
            return NetworkModel(bound, arm, offset, None if form.is_plain else form)
    except WeightsError as error:
        raise WeightsError(f'{name}: {error}') from error
    _check_segment(name, metadata, arm)
    return NetworkModel(parameters, arm, offset)


def _angle_offset(name: str, arrays: dict[str, np.ndarray], arm: Arm) -> np.ndarray | None:
    """Take the angle offsets (joints, axes) [rad] out of the arrays of a file, if it has some."""
    return _of_one_arm(name, arrays, ANGLE_OFFSET, 'angle offsets', arm.rest.shape)


def _of_one_arm(name: str, arrays: dict[str, np.ndarray], key: str, what: str,
                shape: tuple[int, ...]) -> np.ndarray | None:
    """Take what belongs to one arm alone out of the arrays of a file, if it is there."""
    found = arrays.pop(key, None)
    if found is not None and not (found.shape == shape and np.isfinite(found).all()):
        raise WeightsError(f'{name} has {what} of the shape {found.shape}, expected {shape}, all '
                           'finite: one for each joint')
    return found


def _check_served(metadata: Mapping[str, str], arm: Arm, form: NormalForm) -> None:
    """Raise WeightsError unless a network that reads geometry serves an arm."""
    if 'ranges' in metadata:
        try:
            ranges = np.array(json.loads(metadata['ranges']), dtype=float).reshape(READS, 2)
        except ValueError as error:
            raise WeightsError(f'its ranges are damaged: {error}') from error
        coverage.check(arm, form, ranges)
    elif metadata.get('arm_fingerprint') != arm.fingerprint:
        raise WeightsError(f'it was trained for the arm {metadata.get("arm_fingerprint")}, '
                           f'expected {arm.fingerprint}')


def _check_segment(name: str, metadata: Mapping[str, str], arm: Arm) -> None:
    """Raise WeightsError unless an arm is of the segments that a network was trained on."""
    if metadata.get('arm_fingerprint') != arm.segment_fingerprint:
        expected = ('which the arm does not have' if arm.segment is None else
                    'expected {} m and {} rad'.format(*arm.segment))
        raise WeightsError(f'{name} was trained on segments of {metadata.get("segment_length")} m '
                           f'with angles to {metadata.get("angle_limit")} rad, {expected}')
