# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How the joints of an arm give way under the weight that they carry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_law import JointLaw, numbers_of
from snake_arm_control.arm.joint_space import frozen
from snake_arm_control.arm.masses import Masses
from snake_arm_control.errors import ArmError, ShapeError

GRAVITY = 9.81  # [m/s^2]
SWEEPS = 4  # each leaves about a tenth of the error of an arm that sags by a tenth of its length


@dataclass(frozen=True, eq=False)
class Compliance:
    """
    Joints that give way in proportion to the torque of what lies beyond them, and by a law beyond.

    The torque is that of the pose in which the arm comes to rest: a fixed point, approached by a
    few sweeps. Arrays are copied and frozen.

    :param arm: whose joints they are
    :param give: (joints, axes) [rad/(N m), or m/N], by which an angle gives way
    :param weights: (joints,) [N], of the links
    :param moments: (joints, 3) [N m], weight times where its centre is in the link's element of
        the pose chain
    :param down: (3,), the direction of gravity in the base
    :param law: what was learned beyond that, if anything was
    :raises ShapeError: if these do not fit the arm
    :raises ArmError: if a number is not finite
    """

    arm: Arm
    give: np.ndarray
    weights: np.ndarray
    moments: np.ndarray
    down: np.ndarray
    law: JointLaw | None = None

    def __post_init__(self):
        joints = self.arm.joints
        if self.arm.tendons is not None:
            raise ArmError('the arm is bent by tendons, expected joints that move on their own')
        for name, shape in (('give', self.arm.rest.shape), ('weights', (joints,)),
                            ('moments', (joints, 3)), ('down', (3,))):
            array = np.array(getattr(self, name), dtype=float, order='C')
            if array.shape != shape:
                raise ShapeError(name, array.shape, str(shape))
            if not np.isfinite(array).all():
                raise ArmError(f'{name} of the compliance is not all finite')
            object.__setattr__(self, name, frozen(array))
        if self.law is not None and self.law.loads.shape != self.arm.rest.shape:
            raise ShapeError('loads of the joint law', self.law.loads.shape,
                             str(self.arm.rest.shape))

    @classmethod
    def uniform(cls, arm: Arm, give: float, masses: Masses | None = None,
                gravity: float = GRAVITY) -> Compliance:
        """
        Return joints that all give way alike.

        :param give: [rad/(N m), or m/N]
        :param masses: None for those of the arm's generated URDF
        :param gravity: [m/s^2]; its direction is the world's, in which the arm is mounted
        """
        masses = masses or Masses.of(arm)
        return cls(arm, np.where(arm.free, give, 0.0), gravity * masses.masses,
                   gravity * masses.moments, down_of(arm))

    def with_payload(self, weight: float) -> Compliance:
        """Return the same with more weight [N] at the tip."""
        weights = self.weights.copy()
        weights[-1] += weight
        return replace(self, weights=weights)

    @property
    def load(self) -> tuple[np.ndarray, ...]:
        """What compiled statics take."""
        return self.give, self.weights, self.moments[None], self.down

    @property
    def learned(self) -> tuple[np.ndarray, ...]:
        """What they take of the law."""
        return numbers_of(self.law, self.arm)

    @property
    def sweeps(self) -> int:
        """How many sweeps the model takes: none where no joint gives way."""
        bends = self.give.any() or self.law is not None and self.law.gains.any()
        return SWEEPS if bends else 0

    def torques(self, angles: np.ndarray) -> np.ndarray:
        """
        Return with what the weight turns the joints where they are.

        :param angles: (*batch, joints, axes) [rad or m]
        :return: (*batch, joints, axes) [N m or N]
        """
        from snake_arm_control.arm.kernels import statics
        return statics.torques(self.arm.geometry.numbers, self.load,
                               self._flat(angles)).reshape(angles.shape)

    def bent(self, angles: np.ndarray, sweeps: int = SWEEPS) -> np.ndarray:
        """
        Return the angles at which joints come to rest that the servos hold at others.

        :param angles: (*batch, joints, axes) [rad or m]
        """
        from snake_arm_control.arm.kernels import statics
        return statics.give_way(self.arm.geometry.numbers, self.load, self.learned,
                                self._flat(angles), sweeps)[0].reshape(angles.shape)

    def _flat(self, angles: np.ndarray) -> np.ndarray:
        if angles.shape[-2:] != self.arm.rest.shape:
            raise ShapeError('angles', angles.shape,
                             f'(*batch, {self.arm.joints}, {self.arm.axes})')
        return np.ascontiguousarray(angles, dtype=float).reshape(-1, *angles.shape[-2:])


def down_of(arm: Arm) -> np.ndarray:
    """Return the direction of gravity (3,) in the base of an arm as it is mounted."""
    return -arm.mount.matrix[2, :3]
