# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Back-propagation through time without torch, for one configuration or a few.

`batched` is for many at once. Results come in the precision of the parameters, float32 or float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from snake_arm_control.arm import pose
from snake_arm_control.errors import ShapeError
from snake_arm_control.model.architecture import (
    ANGLES,
    Architecture,
    FIRST,
    GATES,
    LAYERS,
    OUTPUT,
    SECOND,
)
from snake_arm_control.model.kernels import backward, forward as forwards, tangents
from snake_arm_control.model.kernels.layout import Tape
from snake_arm_control.model.parameters import NetworkParameters

_COMPONENTS = np.eye(pose.SIZE)


def forward(parameters: NetworkParameters, angles: ArrayLike) -> Tape:
    """
    Predict pose chains (equation 1), kept with what derivatives need.

    :param angles: (batch, joints, axes) [rad or m]; two axes, unless the parameters are bound to
        an arm
    :return: a tape; its `chain` (batch, joints, 9) is the prediction
    :raises ShapeError: if angles are not of this shape
    """
    angles = np.array(angles, dtype=parameters.dtype, order='C')
    joints, axes = parameters.angles_shape
    if angles.ndim != 3 or angles.shape[2] != axes or joints not in (None, angles.shape[1]):
        raise ShapeError('angles', angles.shape, f'(batch, {joints or "joints"}, {axes})')
    tape = Tape(angles, *forwards.empty_tape(parameters.weights, angles))
    forwards.forward_pass(parameters.weights, tuple(tape))
    return tape


def input_gradient(parameters: NetworkParameters, tape: Tape, chain_gradient: ArrayLike
                   ) -> np.ndarray:
    """
    Back-propagate a gradient through time onto the angles (equation 2).

    What vanishes below 1e-30 on the way counts as 0.

    :param chain_gradient: (batch, joints, 9), dL/dchain; a component where it is 0 has no effect
    :return: (batch, joints, axes), dL/dangles
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape, or the tape is of
        another network
    """
    chain_gradient = _checked_gradient(parameters, tape, chain_gradient)
    by_angles, _ = backward.angle_gradient(parameters.weights, tuple(tape), chain_gradient, False)
    return by_angles


def jacobian_rows(parameters: NetworkParameters, tape: Tape, joints: ArrayLike,
                  components: ArrayLike, first: int = 0) -> np.ndarray:
    """
    Return rows of the Jacobian of a chain by its angles, all from one sweep over the joints.

    A row enters the sweep at its joint: the joints beyond cost it nothing.

    :param joints: (rows,), which joint's pose each row is of, counted from 0
    :param components: (rows,), which of the 9 components
    :param first: joint at which the sweep ends: the angles before are not differentiated by
    :return: (batch, rows, joints - first, axes), d chain[joints, components] / d angles[first:]
    :raises ShapeError: if joints and components are not both (rows,), or the tape is of another
        network
    :raises IndexError: if one is out of range
    """
    joints, components = checked_rows(tape, joints, components, first)
    return functional_rows(parameters, tape, np.arange(len(joints)), joints,
                           _COMPONENTS[components][None], first)


def functional_rows(parameters: NetworkParameters, tape: Tape, rows: np.ndarray,
                    joints: np.ndarray, coefficients: np.ndarray, first: int = 0) -> np.ndarray:
    """
    Return the derivatives of linear functionals of a chain by its angles, from one sweep.

    Functional i is the sum of ``coefficients[e] . chain[joints[e]]`` over the entries e that have
    ``rows[e] = i``; it enters the sweep at the farthest of its joints.

    :param rows: (entries,) numbers of the functionals, each from 0 to the last at least once
    :param joints: (entries,) indices from 0 along the chain
    :param coefficients: (batch or 1, entries, 9)
    :param first: joint at which the sweep ends: the angles before are not differentiated by
    :return: (batch, functionals, joints - first, axes)
    :raises ShapeError: if the tape is of another network
    """
    _check_tape(parameters, tape)
    order = np.argsort(-joints, kind='stable')
    _, entry, numbers = np.unique(rows[order], return_index=True, return_inverse=True)
    entering = np.argsort(np.argsort(entry))  # when each functional enters
    found = backward.functional_rows(
        parameters.weights, tuple(tape), entering[numbers], joints[order],
        np.array(coefficients[:, order], parameters.dtype, order='C'), first)
    return found[:, entering, first:]


def checked_rows(tape: Tape, joints: ArrayLike, components: ArrayLike, first: int = 0
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of rows, or raise as `jacobian_rows` does."""
    _, length, size = tape.chain.shape
    joints, components = np.array(joints, np.int64), np.array(components, np.int64)
    if joints.ndim != 1 or joints.shape != components.shape:
        raise ShapeError('components', components.shape, f'(rows,), and so joints {joints.shape}')
    for name, index, end in (('joint', joints, length), ('component', components, size)):
        if len(index) and not 0 <= index.min() <= index.max() < end:
            raise IndexError(f'the rows have {name} {index.min()} to {index.max()}, '
                             f'expected 0 to {end - 1}')
    if not 0 <= first <= length:
        raise IndexError(f'first is joint {first}, expected 0 to {length}')
    return joints, components


def jacobian(parameters: NetworkParameters, tape: Tape, reach: int | None = None) -> np.ndarray:
    """
    Return the Jacobian of a chain by its angles, from one sweep forward over the joints.

    A column enters the sweep at its joint. Where most of a chain is asked for, two columns a joint
    are far fewer than the nine rows a joint of `jacobian_rows`.

    :param reach: of how many joints' poses, counted from the base; None for all
    :return: (batch, reach, 9, joints, axes), d chain / d angles; zero beyond a pose's own joint
    :raises ShapeError: if the tape is of another network
    :raises IndexError: if the chain is not as long as the reach
    """
    _check_tape(parameters, tape)
    joints = tape.angles.shape[1]
    reach = joints if reach is None else reach
    if not 0 <= reach <= joints:
        raise IndexError(f'the reach is {reach} joints, expected 0 to {joints}')
    return tangents.jacobian_columns(parameters.weights, tuple(tape), reach)


def parameter_gradient(parameters: NetworkParameters, tape: Tape, chain_gradient: ArrayLike
                       ) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """
    Back-propagate a gradient through time onto the parameters, for training.

    :param chain_gradient: (batch, joints, 9), dL/dchain
    :return: dL/dparameters by name, shaped as its arrays; dL/dangles (batch, joints, 2)
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape, or the tape is of
        another network
    :raises ValueError: if the network reads geometry: `batched` trains those
    """
    if parameters.architecture.geometry:
        raise ValueError('the network reads geometry, expected angles alone')
    chain_gradient = _checked_gradient(parameters, tape, chain_gradient)
    by_angles, nets = backward.angle_gradient(
        parameters.weights, tuple(tape), chain_gradient, True)
    columns, hidden = parameters.orders
    arrays = {name: np.zeros_like(array) for name, array in parameters.arrays.items()}
    inputs = (tape.output[SECOND, :-1], tape.output[FIRST, 1:])
    for layer, name in enumerate(LAYERS):
        net, cell = nets[layer], tape.cell[layer]
        weight = arrays[name + '.weight']
        if layer == FIRST:
            weight[:ANGLES, columns] = _product(tape.angles.swapaxes(0, 1), net)
            weight = weight[ANGLES:]
        weight[np.ix_(hidden, columns)] = _product(inputs[layer], net)
        arrays[name + '.bias'][columns] = net.sum(axis=(0, 1)).ravel()
        backward.sum_products(net, tape.net[layer, :-1], arrays[name + '.lateral'])
        seen = np.zeros((2, GATES, *cell.shape[2:]), net.dtype)
        backward.sum_products(net, cell[:-1], seen[0])
        backward.sum_products(net, cell[1:], seen[1])
        peephole = arrays[name + '.peephole'].swapaxes(1, 2)
        peephole[:OUTPUT], peephole[OUTPUT] = seen[0, :OUTPUT], seen[1, OUTPUT]
    by_pose = chain_gradient.swapaxes(0, 1)
    arrays['readout'][hidden] = _product(tape.output[SECOND, 1:], by_pose)
    arrays['readout_bias'][...] = by_pose.sum(axis=(0, 1))
    return arrays, by_angles


def compile_all(dtype: type = np.float32) -> None:
    """Compile every kernel, or load it from numba's cache, so that no later call has to."""
    shapes = Architecture(blocks=1, cells=1).shapes()
    parameters = NetworkParameters.from_arrays(
        {name: np.zeros(shape, dtype) for name, shape in shapes.items()})
    tape = forward(parameters, np.zeros((1, 1, ANGLES)))
    parameter_gradient(parameters, tape, tape.chain)
    jacobian_rows(parameters, tape, [0], [0])
    jacobian(parameters, tape)


def _check_tape(parameters: NetworkParameters, tape: Tape) -> None:
    """Raise ShapeError unless the kernels may use the tape: they check no bounds."""
    batch, joints, _ = tape.angles.shape
    architecture = parameters.architecture
    expected = (len(LAYERS), joints + 1, batch, architecture.cells, architecture.blocks)
    if tape.cell.shape != expected or tape.cell.dtype != parameters.dtype:
        raise ShapeError('the cell of the tape', f'{tape.cell.shape} {tape.cell.dtype}',
                         f'{expected} {parameters.dtype}')


def _checked_gradient(parameters: NetworkParameters, tape: Tape, chain_gradient: ArrayLike
                      ) -> np.ndarray:
    """Return a writable copy: the kernels would be compiled again for a read-only array."""
    _check_tape(parameters, tape)
    chain_gradient = np.array(chain_gradient, dtype=parameters.dtype, order='C')
    if chain_gradient.shape != tape.chain.shape:
        raise ShapeError('chain_gradient', chain_gradient.shape, str(tape.chain.shape))
    return chain_gradient


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum the outer products of (joints, batch, inputs) and (joints, batch, ...)."""
    return np.tensordot(a, b, axes=((0, 1), (0, 1))).reshape(a.shape[-1], -1)
