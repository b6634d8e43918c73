# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How a joint gives way beyond its compliance: a smooth function that is learned from an arm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.joint_space import frozen
from snake_arm_control.errors import ArmError, ShapeError

WIDTHS = (0.1,)  # of the steps in the torque [typical torques of the axis]
BLENDS = 5  # bells along the angle


@dataclass(frozen=True, eq=False)
class JointLaw:
    """
    A correction of each angle by the torque about its axis and by the angle itself.

    Along the torque it is a line, and smooth steps from one side to the other, as play is under
    gravity; along the angle these are blended, as by a stiffness that grows. It is the sum over u
    and v of gains[u, v] . curve[u](torque / load) . blend[v]((angle - middle) / range), where
    curve[0](t) = t and curve[u](t) = tanh(t / widths[u - 1]). The blends are bells round centres
    evenly from -1 to 1, of which a softmax makes a sum of 1. Arrays are copied and frozen.

    :param loads: (joints, axes) [N m or N], a typical torque of each axis, 0 where none is free
    :param middles, ranges: (joints, axes) [rad or m], of each axis' angles
    :param widths: (curves - 1,)
    :param gains: (curves, blends, joints, axes) [rad or m]
    :raises ShapeError: if these do not fit each other
    :raises ArmError: if a number is not finite, or a range or a width not above 0
    """

    loads: np.ndarray
    middles: np.ndarray
    ranges: np.ndarray
    widths: np.ndarray
    gains: np.ndarray

    def __post_init__(self):
        if np.ndim(self.gains) != 4 or not np.size(self.gains):
            raise ShapeError('gains of the joint law', np.shape(self.gains),
                             '(curves, blends, joints, axes), none of them 0')
        curves, blends, *joints = np.shape(self.gains)
        shapes = dict.fromkeys(('loads', 'middles', 'ranges'), tuple(joints)) | {
            'widths': (curves - 1,), 'gains': (curves, blends, *joints)}
        for name, shape in shapes.items():
            array = np.array(getattr(self, name), dtype=float, order='C')
            if array.shape != shape:
                raise ShapeError(f'{name} of the joint law', array.shape, str(shape))
            if not np.isfinite(array).all():
                raise ArmError(f'{name} of the joint law is not all finite')
            object.__setattr__(self, name, frozen(array))
        for name in ('ranges', 'widths'):
            if not (getattr(self, name) > 0.0).all():
                raise ArmError(f'{name} of the joint law is not all above 0')

    @classmethod
    def unknown(cls, arm: Arm, torques: np.ndarray) -> JointLaw:
        """
        Return a law that corrects nothing yet.

        :param torques: (samples, joints, axes) [N m or N], with which the axes are loaded
        """
        lower, upper = arm.working_range
        ranges = np.where(upper > lower, (upper - lower) / 2.0, 1.0)
        loads = np.sqrt(np.mean(torques ** 2, axis=0)) * arm.free
        return cls(loads, (lower + upper) / 2.0, ranges, np.array(WIDTHS),
                   np.zeros((1 + len(WIDTHS), BLENDS, *arm.rest.shape)))

    @property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """What compiled statics take."""
        return self.loads, self.middles, self.ranges, self.widths, self.centres, self.gains

    @property
    def centres(self) -> np.ndarray:
        """Where the bells are along the angle (blends,), from -1 to 1."""
        blends = self.gains.shape[1]
        return np.linspace(-1.0, 1.0, blends) if blends > 1 else np.zeros(1)

    @property
    def size(self) -> int:
        """Number of coefficients that all axes have in common."""
        return self.gains[..., 0, 0].size

    def moved(self, coefficients: np.ndarray) -> JointLaw:
        """Return the law with more of its basis, by (size,) that all axes have in common."""
        shape = *self.gains.shape[:2], 1, 1
        return replace(self, gains=self.gains + self.units * coefficients.reshape(shape))

    @property
    def units(self) -> np.ndarray:
        """
        What the gains of axes are in proportion to, (curves, 1, joints, axes).

        All axes are alike that have the same compliance and the same play, whatever their load.
        """
        steps = np.broadcast_to(np.sign(self.loads), (len(self.widths), *self.loads.shape))
        return np.concatenate((self.loads[None], steps))[:, None]

    def blends(self, parts: np.ndarray) -> np.ndarray:
        """
        Return how much the gains of each bell count.

        :param parts: (*batch, joints, axes) of the range, from -1 to 1
        :return: (*batch, blends, joints, axes)
        """
        centres = self.centres[:, None, None]
        spread = 2.0 / (len(centres) - 1) if len(centres) > 1 else 1.0
        bells = np.exp(-0.5 * ((parts[..., None, :, :] - centres) / spread) ** 2)
        return bells / bells.sum(axis=-3, keepdims=True)

    def basis(self, torques: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """
        Return what the gains are multiplied with, as the compiled loop of statics has it.

        :param torques, angles: (*batch, joints, axes)
        :return: (*batch, curves, blends, joints, axes)
        """
        loads = np.where(self.loads, self.loads, np.inf)
        t = (torques / loads)[..., None, :, :]
        curves = np.concatenate((t, np.tanh(t / self.widths[:, None, None])), axis=-3)
        blends = self.blends((angles - self.middles) / self.ranges)
        return curves[..., :, None, :, :] * blends[..., None, :, :, :]


def numbers_of(law: JointLaw | None, arm: Arm) -> tuple[np.ndarray, ...]:
    """Return what compiled statics take of the law of an arm, or where it has none."""
    if law is not None:
        return law.numbers
    none = np.zeros(arm.rest.shape)
    return none, none, none, np.zeros(0), np.zeros(0), np.zeros((0, 0, *none.shape))
