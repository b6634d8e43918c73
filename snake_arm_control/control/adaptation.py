# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A model that follows the true arm while it runs: its angles, its lengths and a payload."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import WeightsError
from snake_arm_control.model.compensated import CompensatedLinearization, CompensatedModel
from snake_arm_control.model.corrected import corrected
from snake_arm_control.model.differentiable import DifferentiableModel, Linearization
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.stretched import parts_of, Stretched
from snake_arm_control.output import check_file

_MOVED = 0.01  # [rad or m] by which a joint must have moved on, before the arm shows anything new
_ELEMENTS = 8  # of the chain, at most, that are compared
_NOISE, _AXIS_NOISE = 2e-3, 4e-3  # [arm lengths] and [rad], of what is measured and predicted
_OFFSET = 2e-3  # [rad, or arm lengths], by which an angle is expected to be off
_STRETCH = 0.01  # fraction of it by which all links are expected to be longer or shorter
_UNLIKE = 5e-3  # likewise, but of each link for itself
_PAYLOAD = 0.1  # [weights of the arm], likewise


class AdaptedModel:
    """
    A model whose angles are corrected by offsets and links by factors, and which has a payload.

    They follow measured chains by a Kalman filter: the derivatives are those by which goals are
    reached, and what is uncertain of each decides which of them explains an error.
    A payload is known only to a model of an arm that gives way.

    :param model: as it was learned
    :ivar offset: (joints, axes) [rad or m], true angles less those of the encoders
    :ivar payload: weight at the tip [N]
    :ivar stretch: (joints,) fraction by which each way between elements is longer than it was
    """

    def __init__(self, model: DifferentiableModel):
        self.model, self.arm = model, model.arm
        core = getattr(model, 'core', model)
        self._compliant = core if isinstance(core, CompensatedModel) else None
        self._core: DifferentiableModel = core
        known = getattr(model, 'stretch', None)
        self._known: np.ndarray | float = 0.0 if known is None else known
        self.offset, self.payload = np.zeros(self.arm.rest.shape), 0.0
        self.stretch = np.zeros(self.arm.joints)
        self._parts = parts_of(self._known + self.stretch)
        weight = 0.0
        if self._compliant is not None:
            weight = _PAYLOAD * float(np.abs(self._compliant.compliance.weights).sum())
        sizes = (_OFFSET * _scale(self.arm), np.full(self.arm.joints, _UNLIKE), weight)
        self._expected = np.diag(np.hstack(sizes) ** 2)
        self._expected[self.arm.dof:-1, self.arm.dof:-1] += _STRETCH ** 2
        self._covariance = self._expected.copy()
        self._seen: np.ndarray | None = None  # angles of the latest chain that was learned from

    def linearize(self, angles: np.ndarray) -> Linearization:
        """Return the model at angles (joints, axes) [rad or m] of the encoders."""
        return Stretched(self._core.linearize(angles + self.offset), self._parts)

    def observe(self, angles: np.ndarray, chain: np.ndarray, forgotten: float) -> bool:
        """
        Learn from a measured chain, unless the arm is where it was before.

        :param angles: (joints, axes) [rad or m], what the joints reported
        :param chain: (joints, 9), NaN where nothing was measured
        :param forgotten: part of what is known that is forgotten since the chain before, 0 to 1
        :return: whether it was learned from
        """
        self._covariance += forgotten * (self._expected - self._covariance)
        if self._seen is not None and np.abs(angles - self._seen).max() < _MOVED:
            return False
        self._seen = angles
        joints, components = _compared(chain)
        core = self._core.linearize(angles + self.offset)
        here = Stretched(core, self._parts)
        rows = self.arm.flat(here.jacobian_rows(joints, components).astype(float))
        ways = np.diff(core.chain[:, pose.POSITION], axis=0, prepend=0.0)
        by_stretch = np.tri(self.arm.joints)[joints]
        by_stretch *= np.hstack((ways, np.zeros((len(ways), pose.SIZE - 3)))).T[components]
        by_payload = np.zeros(len(rows))
        if isinstance(core, CompensatedLinearization):
            by_payload = rows @ self.arm.flat(core.sag_by_payload)
        slopes = np.column_stack((rows, by_stretch, by_payload))
        off = chain[joints, components] - here.chain[joints, components]
        noise = np.where(components < pose.POSITION.stop, _NOISE * self.arm.length, _AXIS_NOISE)
        spread = self._covariance @ slopes.T
        gain = np.linalg.solve(slopes @ spread + np.diag(noise ** 2), spread.T).T
        change = gain @ off
        self._covariance -= gain @ spread.T
        self._covariance = 0.5 * (self._covariance + self._covariance.T)
        self.offset = self.offset + self.arm.shaped(change[:self.arm.dof])
        self.stretch = self.stretch + change[self.arm.dof:-1]
        self._parts = parts_of(self._known + self.stretch)
        self.payload += float(change[-1])
        if self._compliant is not None:
            self._core = self._compliant.with_payload(self.payload)
        return True

    def save(self, path: str | Path) -> Path:
        """
        Write the model as it is now to a weights file.

        :raises OutputError: if it can't be written
        :raises WeightsError: if the model came from no weights file
        """
        if not isinstance(self.model, ForwardModel):
            raise WeightsError(f'the model is a {type(self.model).__name__}, expected one of '
                               'weights')
        path = Path(path).absolute()
        check_file(path)
        path.write_bytes(corrected(self.model, self.offset, self.payload,
                                   self.stretch).to_bytes())
        return path


def _compared(chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which joints and components of a chain are compared: all of the last pose."""
    known = ~np.isnan(chain)
    measured = np.flatnonzero(known.any(axis=1))
    some = measured[np.unique(np.linspace(len(measured) - 1, 0, _ELEMENTS).astype(int))]
    wanted = np.zeros(chain.shape, bool)
    wanted[some, pose.POSITION] = True
    wanted[some[-1]] = True
    joints, components = np.nonzero(wanted & known)
    return joints, components


def _scale(arm: Arm) -> np.ndarray:
    """Return 1 for hinges, and for slides the length of the arm [m], (dof,)."""
    return np.where(arm.flat(arm.geometry.slides), arm.length, 1.0)
