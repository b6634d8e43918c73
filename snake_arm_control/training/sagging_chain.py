# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A measured arm whose joints give way, too, and how its chain changes by that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.compliance import Compliance, down_of, GRAVITY, SWEEPS
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_law import JointLaw, numbers_of
from snake_arm_control.arm.kernels import serial_chain, statics
from snake_arm_control.arm.masses import Masses
from snake_arm_control.model import functionals
from snake_arm_control.training.branch import Branch
from snake_arm_control.training.measured_chain import MeasuredChain

TILTS = 2  # unknowns: by how much the base is not level
_MOST = 0.1  # [rad], by which the most loaded joint is expected to give way
_UNLIKE = 0.5  # of the compliance of all joints, by which each is expected to differ from it
_MASS, _CENTRE = 0.5, 0.25  # of a link's mass [1], and of its way to the next joint [1], likewise
_TILT = 0.02  # [rad]
_GROWS = 0.5  # of the compliance of all joints, by which it is expected to depend on the angle
_STEP = 0.01  # [rad], by which a joint is expected to turn where its torque changes sign


@dataclass(frozen=True, eq=False)
class SaggingChain:
    """
    A measured chain, bent by its weight before its transforms count.

    Its unknowns are those of the chain, then a compliance of all joints and what that of each
    differs from it by, the weights and moments of the links, the tilt of the base, the loads of a
    branch, and the coefficients of a law.

    :param measured: the arm that does not give way
    :param give, weights, moments: see `Compliance`
    :param level: (3,), the direction of gravity in the base as it is described
    :param tilt: (2,) [rad], by which the base is not level
    :param in_tracker: whether the chain is in the frame of a tracker
    :param has_marker: whether the last transform leads to a marker, not to the tip
    :param branch: another arm that hangs on this one
    :param branch_angles: (samples, joints, axes), where that is
    :param law: what joints do beyond their compliance; None where that is not to be learned
    """

    measured: MeasuredChain
    give: np.ndarray
    weights: np.ndarray
    moments: np.ndarray
    level: np.ndarray
    tilt: np.ndarray
    in_tracker: bool = False
    has_marker: bool = False
    branch: Branch | None = None
    branch_angles: np.ndarray | None = None
    law: JointLaw | None = None

    @classmethod
    def rigid(cls, chain: MeasuredChain, masses: Masses | None = None, in_tracker: bool = False,
              has_marker: bool = False, branch: Branch | None = None) -> SaggingChain:
        """
        Return a chain that has weight and does not give way.

        :param masses: None for those of the arm's generated URDF
        """
        masses = masses or Masses.of(chain.arm)
        return cls(chain, np.zeros(chain.arm.rest.shape), GRAVITY * masses.masses,
                   GRAVITY * masses.moments, down_of(chain.arm), np.zeros(TILTS), in_tracker,
                   has_marker, branch)

    @property
    def arm(self) -> Arm:
        """The arm as it is described."""
        return self.measured.arm

    @property
    def transforms(self) -> np.ndarray:
        """See `MeasuredChain`."""
        return self.measured.transforms

    @property
    def second_axes(self) -> np.ndarray:
        """See `MeasuredChain`."""
        return self.measured.second_axes

    @property
    def base(self) -> np.ndarray:
        """See `MeasuredChain`."""
        return self.measured.base

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of unknowns: geometry, give, of each, weights, moments, tilt, branch, law."""
        joints = self.arm.joints
        branch = 0 if self.branch is None else len(self.branch.loads)
        law = 0 if self.law is None else self.law.size
        return self.measured.size, 1, self.arm.dof, joints, 3 * joints, TILTS, branch, law

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return sum(self.sizes)

    def expected(self, geometry: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """
        Return how far each unknown may be from its description (unknowns,).

        :param geometry: (unknowns of the geometry,) [m, rad]
        :param angles: (samples, joints, axes), at which the joints are loaded as they may be
        """
        torques = statics.torques(self._statics, self._load, np.ascontiguousarray(angles))
        give = _MOST / max(float(np.abs(torques).max()), 1e-12)
        heavy = max(int(np.count_nonzero(self.weights)), 1)  # links that only bend weigh nothing
        way = self.arm.length / heavy
        typical = np.full(self.arm.joints, self.weights.sum() / heavy)
        return np.concatenate((
            geometry, [give], np.full(self.arm.dof, _UNLIKE * give), _MASS * typical,
            np.repeat(_CENTRE * way * typical, 3), np.full(TILTS, _TILT),
            np.tile((_MASS, *3 * (_CENTRE * way,)), self.sizes[6] // 4) * typical[0],
            self._law_expected(give)))

    def _law_expected(self, give: float) -> np.ndarray:
        """Return how much of each part of the law is expected (size,)."""
        if self.law is None:
            return np.zeros(0)
        curves, blends = self.law.gains.shape[:2]
        return np.repeat((_GROWS * give, *(curves - 1) * (_STEP,)), blends)

    def moved(self, unknowns: np.ndarray) -> SaggingChain:
        """Return the chain changed by so much."""
        geometry, give, gives, weights, moments, tilt, loads, law = self._split(unknowns)
        branch = self.branch and replace(self.branch, loads=self.branch.loads + loads)
        return replace(
            self, measured=self.measured.moved(geometry),
            give=self.give + self.arm.shaped(gives) + np.where(self.arm.free, give, 0.0),
            weights=self.weights + weights, moments=self.moments + moments.reshape(-1, 3),
            tilt=self.tilt + tilt, branch=branch,
            law=self.law and self.law.moved(law))

    def _split(self, unknowns: np.ndarray) -> list[np.ndarray]:
        return np.split(unknowns, np.cumsum(self.sizes)[:-1])

    @property
    def down(self) -> np.ndarray:
        """Direction of gravity in the base (3,)."""
        return self.level + self.tilt @ _across(self.level)

    @property
    def _down(self) -> np.ndarray:
        """Direction of gravity in the frame of the chain."""
        return self.base[:3, :3] @ self.down if self.in_tracker else self.down

    @property
    def _load(self) -> tuple[np.ndarray, ...]:
        weights, moments = self.weights, self.moments[None]
        if self.branch is not None and self.branch_angles is not None:
            hanging = np.einsum('spl,p->sl', self.branch.parts(self.branch_angles),
                                self.branch.loads)
            weights, moments = weights.copy(), np.repeat(moments, len(hanging), axis=0)
            weights[self.branch.element] += hanging[0, 0]
            moments[:, self.branch.element] += hanging[:, 1:]
        return self.give, weights, moments, self._down

    def carrying(self, branch_angles: np.ndarray | None) -> SaggingChain:
        """Return the chain with its branch at angles (samples, joints, axes)."""
        return replace(self, branch_angles=branch_angles)

    @property
    def _statics(self) -> tuple[np.ndarray, ...]:
        """What compiled statics take of the geometry; the last link ends at the tip."""
        turns, steps, directions, slides, drivers, ratios, biases = self.arm.geometry.numbers
        found = self.transforms[:-1] if self.has_marker else self.transforms
        count = len(found)
        biases = biases.copy()
        biases[:, -1] += self.measured.offsets
        return (np.concatenate((found[:, :3, :3], turns[count:])),
                np.concatenate((found[:, :3, 3], steps[count:])), directions, slides, drivers,
                ratios, biases)

    def bent(self, angles: np.ndarray) -> np.ndarray:
        """Return the angles (samples, joints, axes) at which the joints come to rest."""
        return statics.give_way(self._statics, self._load, numbers_of(self.law, self.arm),
                                np.ascontiguousarray(angles), SWEEPS)[0]

    def chain(self, angles: np.ndarray) -> np.ndarray:
        """Return the chain (samples, joints, 9) in the frame of the tracker."""
        return self.measured.chain(self.bent(angles))

    def place(self, angles: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the chain where it is bent, what else `MeasuredChain.place` does, and angles."""
        return *self.measured.place(self.bent(angles)), angles

    def derivatives(self, chain: np.ndarray, frames: np.ndarray, seconds: np.ndarray,
                    angles: np.ndarray) -> np.ndarray:
        """
        Return how the chain changes by the unknowns, (samples, joints, 9, unknowns).

        That the geometry changes what weighs on the joints is left out: it is of second order.

        :param chain, frames, seconds, angles: of `place`
        """
        by_geometry = self.measured.derivatives(chain, frames, seconds)
        angles = np.ascontiguousarray(angles)
        shape, size = angles.shape, angles[0].size
        numbers, load = self._statics, self._load
        bent, *tapes = statics.give_way(numbers, load, numbers_of(self.law, self.arm), angles,
                                        SWEEPS)
        corrections = self._corrections(numbers, bent, tapes[1])
        every = np.broadcast_to(np.eye(size).reshape(size, *shape[1:]), (len(angles), size,
                                                                         *shape[1:]))
        settled = statics.pull_back(numbers, self.give, *tapes, np.ascontiguousarray(every))
        settled = settled.reshape(-1, size, size) @ corrections
        placed = serial_chain.place((*(np.ascontiguousarray(part) for part in (
            self.transforms[:, :3, :3], self.transforms[:, :3, 3])), *numbers[2:]), bent)
        components = functionals.of_components(*np.divmod(
            np.arange(chain[0].size), pose.SIZE))
        entries = functionals.checked(*components, shape[1], 0)
        by_angle = entries.by_configuration(serial_chain.functional_rows(
            (numbers, *placed), *entries.of_each(len(angles)), 0), angles.shape[:1])
        by_load = by_angle.reshape(len(angles), -1, size) @ settled
        return np.concatenate((by_geometry, by_load.reshape(*chain.shape, -1)), axis=-1)

    def _corrections(self, numbers: tuple[np.ndarray, ...], bent: np.ndarray,
                     law_slopes: np.ndarray) -> np.ndarray:
        """Return how corrections change by the unknowns at angles (samples, angles, unknowns)."""
        def torques(*load: np.ndarray) -> np.ndarray:
            return statics.torques(numbers, (self.give, *load), bent).reshape(len(bent), -1)

        own = self.arm.free.ravel()
        now = torques(*self._load[1:]) * own
        by_each = np.eye(len(own))[:, own] * now[:, :, None]
        by_load = np.stack([torques(*unit) for unit in self._unit_loads()], axis=-1)
        by_torque, by_law = self.give, np.zeros((*now.shape, 0))
        if self.law is not None:
            by_torque = by_torque + law_slopes[0, -1]
            basis = self.law.units * self.law.basis(now.reshape(bent.shape), bent)
            by_law = basis.reshape(len(bent), -1, len(own)).swapaxes(1, 2)
        by_load *= by_torque.reshape(-1, len(own), 1)
        return np.concatenate((now[:, :, None], by_each, by_load, by_law), axis=-1)

    def _unit_loads(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield what torques are linear in: a unit of each weight, moment, tilt, branch load."""
        _, weights, moments, down = self._load
        joints = len(weights)
        for row in np.eye(joints):
            yield row, np.zeros((1, joints, 3)), down
        for row in np.eye(3 * joints):
            yield np.zeros(joints), row.reshape(1, joints, 3), down
        across = _across(self.level)
        for row in across @ self.base[:3, :3].T if self.in_tracker else across:
            yield weights, moments, row
        if self.branch is not None and self.branch_angles is not None:
            for part in np.moveaxis(self.branch.parts(self.branch_angles), 1, 0):
                hanging = np.zeros((len(part), joints, 3))
                hanging[:, self.branch.element] = part[:, 1:]
                yield part[0, 0] * np.eye(joints)[self.branch.element], hanging, down

    def calibrated(self, base: bool = True, tip: bool = True) -> Arm:
        """See `MeasuredChain.calibrated`."""
        return self.measured.calibrated(base, tip)

    def compliance(self, arm: Arm) -> Compliance:
        """Return how an arm gives way that has this geometry."""
        return Compliance(arm, self.give, self.weights, self.moments, self.down, self.law)

    def learning(self, angles: np.ndarray) -> SaggingChain:
        """
        Return the chain with a law that corrects nothing yet.

        :param angles: (samples, joints, axes), at which the joints are loaded as they may be
        """
        torques = statics.torques(self._statics, self._load, np.ascontiguousarray(angles))
        return replace(self, law=JointLaw.unknown(self.arm, torques))


def _across(down: np.ndarray) -> np.ndarray:
    """Return two directions (2, 3) across another."""
    return np.linalg.svd(down[None])[2][1:]
