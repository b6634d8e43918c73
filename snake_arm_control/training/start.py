# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The weights that a network starts from that reads more than those did: geometry, or inwards."""

from __future__ import annotations

from collections.abc import Mapping
import hashlib
import json
from pathlib import Path

import numpy as np

from snake_arm_control.errors import WeightsError
from snake_arm_control.model import weights_file
from snake_arm_control.model.architecture import ANGLES, Architecture, GEOMETRY, INWARD
from snake_arm_control.model.parameters import NetworkParameters
from snake_arm_control.training.presets import TrainingSettings


class Start:
    """
    The network of a weights file, whatever arm it serves, and how it came about.

    :param path: the file
    :raises WeightsError: if it can't be read, or holds no network of this architecture
    """

    def __init__(self, path: str | Path, architecture: Architecture):
        data = weights_file.read(Path(path))
        metadata, arrays = weights_file.parse(data, str(path))
        for name in (weights_file.ANGLE_OFFSET, weights_file.STRETCH):
            arrays.pop(name, None)
        self.parameters = NetworkParameters.from_arrays(arrays)
        self.fingerprint = hashlib.sha256(data).hexdigest()[:16]
        self.record = {'fingerprint': self.fingerprint,
                       'training': json.loads(metadata.get('training', '{}'))}
        blocks, cells = self.parameters.architecture.blocks, self.parameters.architecture.cells
        if (blocks, cells) != (architecture.blocks, architecture.cells):
            raise WeightsError(f'{path} has {blocks} blocks of {cells} cells, expected '
                               f'{architecture.blocks} of {architecture.cells}')
        if self.parameters.architecture.inward not in (0, architecture.inward):
            raise WeightsError(f'{path} has {self.parameters.architecture.inward} inward blocks, '
                               f'expected {architecture.inward}')

    def reading_geometry(self) -> dict[str, np.ndarray]:
        """
        Return the arrays of a network that reads geometry, whether or not this one does.

        Of a straight arm of equal segments, whose geometry is all zero, both predict the same.
        """
        arrays = {name: array.copy() for name, array in self.parameters.arrays.items()}
        if not self.parameters.architecture.geometry:
            for name in {'first.weight', f'{INWARD}.weight'} & set(arrays):
                arrays[name] = np.insert(arrays[name], [ANGLES] * GEOMETRY, 0.0, axis=0)
        return arrays


def reading_inwards(arrays: Mapping[str, np.ndarray], architecture: Architecture,
                    fresh: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """
    Return the arrays of a network of an architecture, which may have an inward layer.

    Where these have none, what the first layer makes of it is zero: both predict the same.

    :param fresh: to take the inward layer's arrays from
    """
    found = dict(arrays)
    if architecture.inward and f'{INWARD}.weight' not in found:
        found |= {name: array for name, array in fresh.items() if name.startswith(INWARD)}
        found['first.weight'] = np.insert(
            found['first.weight'], [architecture.reads] * architecture.beyond, 0.0, axis=0)
    return found


def nearest_weights(settings: TrainingSettings, path: Path | None = None) -> Start:
    """
    Return what a run starts from.

    :param path: of other weights than those that ship: those of the default arm for any arm of
        bends, and these for one arm
    """
    general = settings.preset == 'general'
    usual = weights_file.SHIPPED if general else weights_file.GENERAL
    return Start(path or usual, settings.architecture)
