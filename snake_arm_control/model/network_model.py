# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's network as a differentiable model of an arm."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import ShapeError
from snake_arm_control.model import bptt, functionals
from snake_arm_control.model.normal_form import NormalForm
from snake_arm_control.model.parameters import NetworkParameters


class NetworkModel:
    """
    A trained network bound to an arm.

    :param angle_offset: (joints, 2) [rad], of weights that were fitted to one arm: by how much its
        angles exceed what its encoders say. The network, the same at each joint, can't learn that
    :param form: what lies between its predictions and the arm's poses, if anything does
    """

    def __init__(self, parameters: NetworkParameters, arm: Arm,
                 angle_offset: np.ndarray | None = None, form: NormalForm | None = None):
        self.parameters, self.arm, self.form = parameters, arm, form
        self.angle_offset: np.ndarray | None = None
        if angle_offset is not None:
            self.angle_offset = angle_offset.copy()
            self.angle_offset.setflags(write=False)

    @property
    def dtype(self) -> type:
        """Precision of what it returns."""
        return self.parameters.dtype.type

    def linearize(self, angles: np.ndarray) -> NetworkLinearization:
        """
        Return the model at configurations.

        :param angles: (*batch, joints, axes) [rad or m]
        :raises ShapeError: if they are not those of the arm
        """
        angles = np.asarray(angles)
        if angles.shape[-2:] != self.arm.rest.shape:
            raise ShapeError('angles', angles.shape,
                             f'(*batch, {self.arm.joints}, {self.arm.axes})')
        if self.angle_offset is not None:
            angles = angles + self.angle_offset
        return NetworkLinearization(self.parameters, angles, self.form)


class NetworkLinearization(functionals.Differentiated):
    """The network at configurations: the forward pass, kept for any number of backward ones."""

    def __init__(self, parameters: NetworkParameters, angles: np.ndarray,
                 form: NormalForm | None = None):
        self._parameters, self._form = parameters, form
        self._batch = angles.shape[:-2]
        self._angles = angles.reshape(-1, *angles.shape[-2:])
        self._tape = bptt.forward(parameters, self._angles)
        chain = self._tape.chain if form is None else form.place(self._tape.chain, self._angles)
        self.chain = chain.reshape(*self._batch, *chain.shape[-2:])

    def gradient(self, chain_gradient: np.ndarray) -> np.ndarray:
        """
        Return the input gradient of equation 2.

        :param chain_gradient: dL/dchain (*batch, joints, 9)
        :return: dL/dangles (*batch, joints, axes)
        """
        flat = np.asarray(chain_gradient)
        if flat.shape != self.chain.shape:  # to compare takes less than to broadcast
            flat = np.broadcast_to(flat, self.chain.shape)
        flat, predicted, form = flat.reshape(self._tape.chain.shape), self._tape.chain, self._form
        pulled = flat if form is None else form.pull(predicted, self._angles, flat)
        gradient = bptt.input_gradient(self._parameters, self._tape, pulled)
        if form is not None and form.slides.any():
            gradient = gradient + form.slide(predicted, flat)
        return gradient.reshape(*self._batch, *gradient.shape[-2:])

    def functional_rows(self, rows: np.ndarray, joints: np.ndarray, coefficients: np.ndarray,
                        first: int = 0) -> np.ndarray:
        """See `functionals.Differentiated`."""
        entries = functionals.checked(rows, joints, coefficients, self.chain.shape[-2], first)
        found = self._rows(entries.of_each(len(self._tape.chain)), first)
        return entries.by_configuration(found, self._batch)

    def lane_rows(self, entries: functionals.Entries) -> np.ndarray:
        """See `functionals.Differentiated`."""
        return self._rows(entries, 0)

    def _rows(self, entries: functionals.Entries, first: int) -> np.ndarray:
        """Return the derivatives (functionals, joints - first, axes)."""
        parameters, tape, form = self._parameters, self._tape, self._form
        if form is None:
            return bptt.functional_rows(parameters, tape, entries, first)
        slopes = np.zeros((len(entries.lanes), *tape.chain.shape[1:]))
        np.add.at(slopes, (entries.rows, entries.joints), entries.coefficients)
        predicted, angles = tape.chain[entries.lanes], self._angles[entries.lanes]
        pulled = form.pull(predicted, angles, slopes)
        if bptt.columns_are_fewer(tape, entries, first):
            found = _by_columns(bptt.jacobian(parameters, tape, bptt.reach_of(entries)),
                                entries.lanes, pulled)[:, first:]
        else:
            rows, joints = np.nonzero(pulled.any(axis=-1))
            found = bptt.functional_rows(parameters, tape, functionals.Entries(
                rows, joints, pulled[rows, joints], entries.lanes), first)
        if form.slides.any():
            found = found + form.slide(predicted, slopes)[:, first:]
        return found


def _by_columns(columns: np.ndarray, lanes: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """
    Return the derivatives (functionals, joints, axes), given the Jacobian up to their joints.

    :param columns: (batch, reach, 9, joints, axes)
    :param lanes: (functionals,), the configuration of each
    :param slopes: (functionals, joints, 9)
    """
    _, reach, size, *shape = columns.shape
    flat = slopes[:, :reach].reshape(len(slopes), reach * size).astype(columns.dtype)
    found = np.empty((len(slopes), *shape), columns.dtype)
    for lane in np.unique(lanes):
        own = lanes == lane
        found[own] = (flat[own] @ columns[lane].reshape(reach * size, -1)).reshape(-1, *shape)
    return found
