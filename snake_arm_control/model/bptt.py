# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Back-propagation through time without torch, for one configuration or a few.

`batched` is for many at once. Results come in the precision of the parameters, float32 or float64.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snake_arm_control.arm import pose
from snake_arm_control.errors import ShapeError
from snake_arm_control.model import functionals
from snake_arm_control.model.architecture import (
    ANGLES,
    Architecture,
    FIRST,
    GATES,
    LAYERS,
    OUTPUT,
    SECOND,
)
from snake_arm_control.model.kernels import backward, forward as forwards, inward, tangents
from snake_arm_control.model.parameters import NetworkParameters

_COLUMN_OVERHEAD = 6  # steps for each joint, as measured


class Tape(NamedTuple):
    """
    A forward pass, kept with what derivatives need: the arrays of `layout.Tape`.

    With an inward layer, those of `layout.InwardTape` as well.
    """

    angles: np.ndarray
    chain: np.ndarray
    state: np.ndarray
    output: np.ndarray
    inward: tuple[np.ndarray, ...] = ()

    @property
    def outward(self) -> tuple[np.ndarray, ...]:
        """The tape of the kernels that read outwards."""
        return self[:4]


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
    (batch, joints), shape = angles.shape[:2], parameters.architecture
    chain = np.empty((batch, joints, pose.SIZE), parameters.dtype)
    state, output = (np.empty((len(LAYERS), joints + 1, batch, size), parameters.dtype)
                     for size in (shape.states, shape.width))
    arrays = angles, chain, state, output
    if not shape.inward:
        forwards.forward_pass(parameters.weights, arrays, None)
        return Tape(*arrays)
    layer = shape.of_inward
    of_inward = tuple(np.empty((joints + 1, batch, size), parameters.dtype)
                      for size in (layer.states, layer.width))
    inward.forward_pass(parameters.weights, arrays, parameters.inward, of_inward)
    return Tape(*arrays, of_inward)


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
    if tape.inward:
        return inward.angle_gradient(parameters.weights, tape.outward, parameters.inward,
                                     tape.inward, chain_gradient)
    by_angles, _ = backward.angle_gradient(
        parameters.weights, tape.outward, chain_gradient, False)
    return by_angles


def functional_rows(parameters: NetworkParameters, tape: Tape, entries: functionals.Entries,
                    first: int = 0) -> np.ndarray:
    """
    Return the derivatives of functionals of chains by their angles, by the shorter sweep.

    Backwards, a functional takes a step for each joint up to its outermost one. Forwards, the two
    columns of each joint take one for each joint from theirs to the outermost of all. A step takes
    about the same time in either, but for columns, which come in whole vectors.

    With an inward layer, a functional depends on all joints. Its sweep goes back to the base, and
    out again to the tip.

    :param entries: of functionals, checked
    :param first: joint from which on angles are differentiated by: a sweep back ends there
    :return: (functionals, joints - first, axes)
    :raises ShapeError: if the tape is of another network
    """
    _check_tape(parameters, tape)
    entries = entries._replace(
        coefficients=np.asarray(entries.coefficients, parameters.dtype, order='C'))
    if tape.inward:
        return inward.functional_rows(parameters.weights, tape.outward, parameters.inward,
                                      tape.inward, *entries)[:, first:]
    if columns_are_fewer(tape, entries, first):
        columns = tangents.jacobian_columns(parameters.weights, tape.outward, reach_of(entries))
        return tangents.functional_rows(columns, *entries, first)
    return backward.functional_rows(parameters.weights, tape.outward, *entries, first)


def columns_are_fewer(tape: Tape, entries: functionals.Entries, first: int = 0) -> bool:
    """
    Return whether the sweep forward takes fewer steps than that back; see `functional_rows`.

    That is never of a network with an inward layer, where each column would begin at the base.
    """
    if tape.inward:
        return False
    reach = reach_of(entries)
    steps = backward.steps_of_rows(entries.rows, entries.joints, len(entries.lanes), first)
    return bool(len(tape.chain) * reach * (reach + _COLUMN_OVERHEAD) < steps)


def reach_of(entries: functionals.Entries) -> int:
    """Return of how many joints' poses, counted from the base, functionals are."""
    return int(entries.joints.max(initial=-1)) + 1


def jacobian_rows(parameters: NetworkParameters, tape: Tape, joints: ArrayLike,
                  components: ArrayLike, first: int = 0) -> np.ndarray:
    """
    Return rows of the Jacobian of chains by their angles; see `functional_rows`.

    :param joints: (rows,), which joint's pose each row is of, counted from 0
    :param components: (rows,), which of the 9 components
    :return: (batch, rows, joints - first, axes), d chain[joints, components] / d angles[first:]
    :raises ShapeError: if the rows are misshapen, or the tape is of another network
    :raises IndexError: if a number is out of range
    """
    batch, length, _ = tape.chain.shape
    entries = functionals.checked(*functionals.of_components(joints, components), length, first)
    found = functional_rows(parameters, tape, entries.of_each(batch), first)
    return entries.by_configuration(found, (batch,))


def jacobian(parameters: NetworkParameters, tape: Tape, reach: int | None = None) -> np.ndarray:
    """
    Return the Jacobian of a chain by its angles, from one sweep forward over the joints.

    A column enters the sweep at its joint. Where most of a chain is asked for, two columns a joint
    are far fewer than the nine rows a joint of the sweep back.

    :param reach: of how many joints' poses, counted from the base; None for all
    :return: (batch, reach, 9, joints, axes), d chain / d angles; zero beyond a pose's own joint,
        but of a network with an inward layer, which takes the sweep back
    :raises ShapeError: if the tape is of another network
    :raises IndexError: if the chain is not as long as the reach
    """
    _check_tape(parameters, tape)
    joints = tape.angles.shape[1]
    reach = joints if reach is None else reach
    if not 0 <= reach <= joints:
        raise IndexError(f'the reach is {reach} joints, expected 0 to {joints}')
    if tape.inward:
        poses = np.indices((reach, pose.SIZE)).reshape(2, -1)
        found = jacobian_rows(parameters, tape, *poses)
        return found.reshape(len(found), reach, pose.SIZE, *tape.angles.shape[1:])
    return tangents.jacobian_columns(parameters.weights, tape.outward, reach)


def parameter_gradient(parameters: NetworkParameters, tape: Tape, chain_gradient: ArrayLike
                       ) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """
    Back-propagate a gradient through time onto the parameters, for training.

    :param chain_gradient: (batch, joints, 9), dL/dchain
    :return: dL/dparameters by name, shaped as its arrays; dL/dangles (batch, joints, 2)
    :raises ShapeError: if chain_gradient is not shaped as the chain of the tape, or the tape is of
        another network
    :raises ValueError: if the network reads geometry or inwards: `batched` trains those
    """
    if parameters.architecture.geometry or parameters.architecture.inward:
        raise ValueError('the network reads geometry or inwards, expected angles outwards alone')
    chain_gradient = _checked_gradient(parameters, tape, chain_gradient)
    by_angles, nets = backward.angle_gradient(
        parameters.weights, tape.outward, chain_gradient, True)
    architecture, (columns, hidden) = parameters.architecture, parameters.orders
    arrays = {name: np.zeros_like(array) for name, array in parameters.arrays.items()}
    inputs = (tape.output[SECOND, :-1], tape.output[FIRST, 1:])
    for layer, name in enumerate(LAYERS):
        net = _by_block(nets[layer], architecture)
        state = _by_block(tape.state[layer], architecture)
        cell = state[:, :, GATES + architecture.cells:GATES + 2 * architecture.cells]
        weight = arrays[name + '.weight']
        if layer == FIRST:
            weight[:ANGLES, columns] = _product(tape.angles.swapaxes(0, 1), net)
            weight = weight[ANGLES:]
        weight[np.ix_(hidden, columns)] = _product(inputs[layer], net)
        arrays[name + '.bias'][columns] = net.sum(axis=(0, 1)).ravel()
        backward.sum_products(net, state[:-1], arrays[name + '.lateral'])
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
    for blocks in (0, 1):
        shapes = Architecture(blocks=1, cells=1, inward=blocks).shapes()
        parameters = NetworkParameters.from_arrays(
            {name: np.zeros(shape, dtype) for name, shape in shapes.items()})
        tape = forward(parameters, np.zeros((1, 1, ANGLES)))
        input_gradient(parameters, tape, tape.chain)
        if not blocks:
            parameter_gradient(parameters, tape, tape.chain)
        jacobian_rows(parameters, tape, [0], [0])
        jacobian_rows(parameters, tape, [0] * 9, [0] * 9)  # by columns
        jacobian(parameters, tape)


def _check_tape(parameters: NetworkParameters, tape: Tape) -> None:
    """Raise ShapeError unless the kernels may use the tape: they check no bounds."""
    batch, joints, _ = tape.angles.shape
    expected = len(LAYERS), joints + 1, batch, parameters.architecture.states
    if tape.state.shape != expected or tape.state.dtype != parameters.dtype:
        raise ShapeError('the state of the tape', f'{tape.state.shape} {tape.state.dtype}',
                         f'{expected} {parameters.dtype}')
    if tape.inward or parameters.inward:
        inwards = joints + 1, batch, parameters.architecture.of_inward.states
        found = tape.inward[0].shape if tape.inward else ()
        if found != inwards:
            raise ShapeError('the inward state of the tape', found, str(inwards))


def _checked_gradient(parameters: NetworkParameters, tape: Tape, chain_gradient: ArrayLike
                      ) -> np.ndarray:
    """Return a writable copy: the kernels would be compiled again for a read-only array."""
    _check_tape(parameters, tape)
    chain_gradient = np.array(chain_gradient, dtype=parameters.dtype, order='C')
    if chain_gradient.shape != tape.chain.shape:
        raise ShapeError('chain_gradient', chain_gradient.shape, str(tape.chain.shape))
    return chain_gradient


def _by_block(array: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Return (joints, batch, rows of blocks) as (joints, batch, rows, blocks)."""
    blocks = architecture.blocks
    return array.reshape(*array.shape[:2], array.shape[2] // blocks, blocks)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum the outer products of (joints, batch, inputs) and (joints, batch, ...)."""
    return np.tensordot(a, b, axes=((0, 1), (0, 1))).reshape(a.shape[-1], -1)
