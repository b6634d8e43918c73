# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the network, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from snake_arm_control.errors import WeightsError
from snake_arm_control.model.architecture import (
    ANGLES,
    Architecture,
    FIRST,
    GATES,
    GEOMETRY,
    INWARD,
    LAYERS,
)
from snake_arm_control.model.kernels.layout import InwardWeights, Weights

_CACHE_LINE = 64  # [byte]
_VECTOR = 8  # numbers; a product whose columns fill vectors takes half as long


@dataclass(frozen=True, eq=False)
class NetworkParameters:
    """
    The parameters of the network, read-only.

    Make one with `from_arrays`. Those that read geometry predict once they are `bound` to an arm.
    """

    arrays: Mapping[str, np.ndarray]  # named, shaped and ordered as those of the torch module
    architecture: Architecture
    constants: np.ndarray | None = None  # (joints, reads), see `bound`
    slopes: np.ndarray | None = None  # (joints, axes, reads)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NetworkParameters:
        """
        Copy parameters from arrays named as in the state_dict of `network.Network`.

        :param arrays: float32 if all of them are, or else taken as float64
        :raises WeightsError: if one is missing, unknown, misshapen or not finite
        """
        inward = any(name.startswith(INWARD) for name in arrays)
        names = Architecture(inward=int(inward)).shapes()
        if set(arrays) != set(names):
            raise WeightsError(f'the arrays are {sorted(arrays)}, expected {sorted(names)}')
        architecture = Architecture(*_blocks_and_cells('first', arrays))
        if inward:
            blocks, _ = _blocks_and_cells(INWARD, arrays)
            architecture = replace(architecture, inward=blocks)
        if np.shape(arrays['first.weight']) == replace(
                architecture, geometry=GEOMETRY).shapes()['first.weight']:
            architecture = replace(architecture, geometry=GEOMETRY)
        single = all(np.asarray(array).dtype == np.float32 for array in arrays.values())
        checked = {}
        for name, shape in architecture.shapes().items():
            array = np.array(arrays[name], dtype=np.float32 if single else np.float64, order='C')
            if array.shape != shape:
                raise WeightsError(f'{name} has shape {array.shape}, expected {shape}')
            if not np.isfinite(array).all():
                raise WeightsError(f'{name} has {np.sum(~np.isfinite(array))} values that are '
                                   'not finite, expected none')
            array.setflags(write=False)
            checked[name] = array
        return cls(MappingProxyType(checked), architecture)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle them as their arrays, which are checked and frozen again."""
        return _rebuilt, (dict(self.arrays), self.constants, self.slopes)

    def bound(self, constants: np.ndarray, slopes: np.ndarray) -> NetworkParameters:
        """
        Return the parameters for one arm: what its geometry adds to the nets is known beforehand.

        :param constants: (joints, reads), what is read of each joint where its angles are zero
        :param slopes: (joints, axes, reads), by how much each angle changes it
        """
        return replace(self, constants=constants, slopes=slopes)

    @property
    def dtype(self) -> np.dtype:
        """Precision of every result."""
        return self.arrays['readout'].dtype

    @cached_property
    def weights(self) -> tuple[np.ndarray, ...]:
        """The parameters in the order of the kernels: `layout.Weights`, as an unnamed tuple."""
        # numba takes a tuple three times faster than a named one.
        laid_out = _lay_out(self.arrays, self.architecture, *self.orders)
        if self.constants is not None and self.slopes is not None:
            read = laid_out.angles[0]  # (reads, columns)
            bias = np.repeat(laid_out.bias, len(self.constants), axis=1)
            bias[FIRST] += self.constants @ read
            laid_out = laid_out._replace(angles=(self.slopes @ read).astype(self.dtype), bias=bias)
        return tuple(map(_aligned, laid_out))

    @cached_property
    def inward(self) -> tuple[np.ndarray, ...]:
        """Those of the inward layer, `layout.InwardWeights`; empty if there is none."""
        if not self.architecture.inward:
            return ()
        layer, reads = self.architecture.of_inward, self.architecture.reads
        (columns, hidden), (of_first, _) = _orders(layer), self.orders
        weight = self.arrays[f'{INWARD}.weight'][:, columns]
        read, bias = weight[None, :reads], self.arrays[f'{INWARD}.bias'][None, columns]
        if self.constants is not None and self.slopes is not None:
            bias = bias + self.constants @ read[0]
            read = self.slopes @ read[0]
        beyond = self.arrays['first.weight'][reads:reads + layer.width, of_first][hidden]
        laid_out = InwardWeights(
            weight[reads:][hidden], _padded(weight[reads:][hidden].T), read.astype(self.dtype),
            bias.astype(self.dtype),
            _own(self.arrays[f'{INWARD}.peephole'], self.arrays[f'{INWARD}.lateral']),
            beyond, _padded(beyond.T))
        return tuple(map(_aligned, laid_out))

    @property
    def angles_shape(self) -> tuple[int | None, int | None]:
        """Joints and axes of the angles that are read; None where any number is, or none yet."""
        if self.slopes is not None:
            return self.slopes.shape[0], self.slopes.shape[1]
        return None, None if self.architecture.geometry else ANGLES

    @cached_property
    def orders(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the kernels' columns (columns,) and outputs (width,) are in torch's order."""
        return _orders(self.architecture)


def _rebuilt(arrays: Mapping[str, np.ndarray], constants: np.ndarray | None,
             slopes: np.ndarray | None) -> NetworkParameters:
    return replace(NetworkParameters.from_arrays(arrays), constants=constants, slopes=slopes)


def _blocks_and_cells(layer: str, arrays: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Return how many a layer has, or raise WeightsError if that can't be told."""
    peephole = np.shape(arrays[f'{layer}.peephole'])
    if len(peephole) != 3 or not all(peephole):
        raise WeightsError(f'{layer}.peephole has shape {peephole}, expected (3, blocks, cells)')
    return peephole[1:]


def _orders(layer: Architecture) -> tuple[np.ndarray, np.ndarray]:
    blocks, width = layer.blocks, layer.width
    hidden = np.arange(width).reshape(blocks, -1).T.ravel()
    return np.concatenate((np.arange(GATES * blocks), GATES * blocks + hidden)), hidden


def _lay_out(arrays: Mapping[str, np.ndarray], architecture: Architecture, columns: np.ndarray,
             hidden: np.ndarray) -> Weights:
    """Put parameters into the order of the kernels."""
    first, reads = arrays['first.weight'][:, columns], architecture.reads
    weight = np.stack((first[reads + architecture.beyond:],
                       arrays['second.weight'][:, columns]))[:, hidden]
    bias = np.stack([arrays[f'{layer}.bias'] for layer in LAYERS])
    own = np.stack([_own(arrays[f'{layer}.peephole'], arrays[f'{layer}.lateral'])
                    for layer in LAYERS])
    return Weights(
        weight, weight.swapaxes(1, 2), first[None, :reads], bias[:, None, columns], own,
        arrays['readout'][hidden].T, arrays['readout_bias'])


def _own(peephole: np.ndarray, lateral: np.ndarray) -> np.ndarray:
    """Return what leads from the cells and gates of the blocks of a layer to their gates."""
    return np.concatenate((peephole.swapaxes(1, 2), lateral), 1).ravel()


def _padded(array: np.ndarray) -> np.ndarray:
    """Return a matrix with as many columns of zeros more as fill its last vector."""
    return np.pad(array, ((0, 0), (0, -array.shape[1] % _VECTOR)))


def _aligned(array: np.ndarray) -> np.ndarray:
    """Copy to where a cache line begins: reading vectors across lines takes half as long again."""
    buffer = np.empty(array.nbytes + _CACHE_LINE, np.uint8)
    start = -buffer.ctypes.data % _CACHE_LINE
    copy = buffer[start:start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
