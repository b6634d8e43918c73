# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Back-propagation through time for many samples at once, without torch.

The functions are those of `bptt`. That is built for the answer to one configuration to come soon,
this for many gradients a second.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snake_arm_control.arm import pose
from snake_arm_control.errors import ShapeError
from snake_arm_control.model.architecture import INWARD, LAYERS
from snake_arm_control.model.kernels import batched
from snake_arm_control.model.kernels.batched import Layer, Trace
from snake_arm_control.model.parameters import NetworkParameters

LANES = 64  # samples at a time: what a core's cache holds well

# Traces of the layers that are no longer in use, by what they fit.
_spare: dict[tuple, list[tuple[Trace, ...]]] = {}


class Tape(NamedTuple):
    """A forward pass: its result, kept with what one backward pass needs and uses up."""

    chain: np.ndarray  # (batch, joints, 9)
    # Of the layers, that which reads inwards last, for each piece of up to `LANES` samples.
    traces: list[tuple[Trace, ...]]


def forward(parameters: NetworkParameters, readings: ArrayLike) -> Tape:
    """
    Predict pose chains (equation 1), kept with what their gradient needs.

    :param readings: (batch, joints, 2) angles [rad], or (batch, joints, 8) with the geometry
    :return: a tape; its `chain` (batch, joints, 9) is the prediction
    :raises ShapeError: if readings are not what the network reads
    """
    readings = np.asarray(readings, parameters.dtype)
    reads = parameters.architecture.reads
    if readings.ndim != 3 or readings.shape[2] != reads:
        raise ShapeError('angles', readings.shape, f'(batch, joints, {reads})')
    layers, inward, readout, readout_bias = _lay_out(parameters)
    tape = Tape(np.empty((*readings.shape[:2], pose.SIZE), readings.dtype), [])
    for samples in _pieces(len(readings)):
        piece = _lanes_last(readings[samples])
        joints, _, lanes = piece.shape
        spare = _spare.get(_key(parameters, joints, lanes))  # fresh memory costs a third more
        traces = spare.pop() if spare else tuple(
            _empty_trace(layer, joints, lanes) for layer in (*layers, *inward))
        if inward:
            told = np.empty((joints, parameters.architecture.beyond, lanes), readings.dtype)
            batched.inward_pass(*inward, piece, traces[-1], told)
            piece = np.concatenate((piece, told), 1)
        chain = np.empty((joints, pose.SIZE, lanes), readings.dtype)
        batched.forward_pass(layers, readout, readout_bias, piece, traces[:len(LAYERS)], chain)
        tape.chain[samples] = chain.transpose(2, 0, 1)
        tape.traces.append(traces)
    return tape


def parameter_gradient(parameters: NetworkParameters, tape: Tape, chain_gradient: ArrayLike
                       ) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """
    Back-propagate a gradient through time onto the parameters, once for each tape.

    :param chain_gradient: (batch, joints, 9), dL/dchain
    :return: dL/dparameters by name, shaped as its arrays; dL/dreadings (batch, joints, 2 or 8)
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape
    :raises RuntimeError: if the tape was used before
    """
    chain_gradient = np.asarray(chain_gradient, parameters.dtype)
    if chain_gradient.shape != tape.chain.shape:
        raise ShapeError('chain_gradient', chain_gradient.shape, str(tape.chain.shape))
    pieces = _pieces(len(tape.chain))
    if len(tape.traces) != len(pieces):
        raise RuntimeError('the tape was used before, expected one backward pass for each forward')
    layers, inward, readout, _ = _lay_out(parameters)
    by_layers, by_inward = (tuple(Layer(*map(np.zeros_like, layer)) for layer in some)
                            for some in (layers, inward))
    by_readout = np.zeros_like(readout)
    reads = parameters.architecture.reads
    by_readings = np.empty((*tape.chain.shape[:2], reads), parameters.dtype)
    for samples in pieces:
        traces = tape.traces.pop(0)
        by_chain = _lanes_last(chain_gradient[samples])
        joints, _, lanes = by_chain.shape
        by_piece = np.empty((joints, reads + parameters.architecture.beyond, lanes),
                            by_chain.dtype)
        batched.gradients(layers, readout, traces[:len(LAYERS)], by_chain, by_layers, by_readout,
                          by_piece)
        if inward:
            by_piece, by_told = (np.ascontiguousarray(part)
                                 for part in np.split(by_piece, [reads], axis=1))
            batched.inward_gradients(*inward, traces[-1], by_told, *by_inward, by_piece)
        by_readings[samples] = by_piece.transpose(2, 0, 1)
        _spare.setdefault(_key(parameters, joints, lanes), []).append(traces)
    arrays = {'readout': by_readout.T, 'readout_bias': chain_gradient.sum((0, 1))}
    for name, layer in zip((*LAYERS, INWARD), (*by_layers, *by_inward)):
        arrays |= {f'{name}.{part}': array for part, array in layer._asdict().items()}
        arrays[f'{name}.weight'] = layer.weight.T
    return {name: np.ascontiguousarray(arrays[name]) for name in parameters.arrays}, by_readings


def _lay_out(parameters: NetworkParameters
             ) -> tuple[tuple[Layer, ...], tuple[Layer, ...], np.ndarray, np.ndarray]:
    """
    Return the layers, read-out (9, width) and its bias (9,) as the kernels read them.

    The layers are those that read outwards, and that which reads inwards if there is one.

    All are writable: the kernels would be compiled again for arrays that are not.
    """
    arrays = {name: array.T.copy() if array.ndim == 2 else array.copy()
              for name, array in parameters.arrays.items()}
    layers, inward = (tuple(Layer(*(arrays[f'{name}.{part}'] for part in Layer._fields))
                            for name in names)
                      for names in (LAYERS, (INWARD,) * bool(parameters.architecture.inward)))
    return layers, inward, arrays['readout'], arrays['readout_bias']


def _pieces(samples: int) -> list[slice]:
    return [slice(begin, begin + LANES) for begin in range(0, samples, LANES)]


def _lanes_last(array: np.ndarray) -> np.ndarray:
    """Return (samples, joints, components) as contiguous (joints, components, samples)."""
    return np.ascontiguousarray(array.transpose(1, 2, 0))


def _empty_trace(layer: Layer, joints: int, lanes: int) -> Trace:
    (columns, inputs), width = layer.weight.shape, layer.peephole[0].size
    shapes = (joints + 1, inputs), (joints + 1, columns), (joints + 1, width), (joints, width)
    return Trace(*(np.empty((*shape, lanes), layer.weight.dtype) for shape in shapes))


def _key(parameters: NetworkParameters, joints: int, lanes: int) -> tuple:
    return parameters.architecture, parameters.dtype, joints, lanes
