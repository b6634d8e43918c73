# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The true arm: what it does with a command, and how it differs from the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm, AXES
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.errors import ShapeError
from snake_arm_control.settings import setting, Settings


@dataclass(frozen=True)
class SimulationSettings(Settings):
    """How the true arm and its sensors differ from the ideal ones."""

    length_error: float = setting(
        0.0, 'segments are longer than the arm says, as a fraction', low=-0.5, high=0.5)
    joint_offset: float = setting(
        0.0, 'each angle is off by this much, its sign drawn by the seed', 'rad',
        low=0.0, high=0.5)
    servo_velocity: float = setting(
        4.0, 'velocity limit of the servos', 'rad/s', low=0.01, high=1000.0)
    position_noise: float = setting(
        0.0, 'standard deviation of measured positions', 'm', low=0.0, high=1.0)
    axis_noise: float = setting(
        0.0, 'standard deviation of measured axes', 'rad', low=0.0, high=1.0)
    feedback_delay: float = setting(
        0.0, 'time that a measured pose chain takes', 's', low=0.0, high=10.0)
    feedback_loss: float = setting(
        0.0, 'fraction of measured pose chains that get lost', low=0.0, high=1.0)
    seed: int = setting(0, 'seed of offsets, noise and losses', low=0, read_only=True)


class Measurement(NamedTuple):
    """What the sensors say, and when."""

    due: float  # [s], when it arrives
    stamp: int  # [ns], of the command that it answers
    chain: np.ndarray  # (joints, 9)


class SimulatedArm:
    """
    An arm whose servos follow commands, and whose pose chain is measured.

    It stands at rest until it is commanded. The clock is the caller's, in seconds.
    """

    def __init__(self, arm: Arm, settings: SimulationSettings = SimulationSettings()):
        self.arm = arm
        self.angles = np.zeros((arm.joints, len(AXES)))  # [rad], as the encoders read them
        self._target = self.angles
        self._stamp = 0
        self._moved_at: float | None = None
        self._generator = np.random.default_rng(settings.seed)
        self._signs = self._generator.choice((-1.0, 1.0), self.angles.shape)
        self.settings = settings

    def command(self, positions: np.ndarray, stamp: int, now: float) -> None:
        """
        Let the servos go to angles, as fast as they can since the time of the last call.

        :param positions: (joints, 2) [rad], clipped to the joint limits
        :param stamp: of the command [ns]
        :raises ShapeError: if positions are misshapen or not finite; the command before stays
        """
        positions = np.asarray(positions, dtype=float)
        if positions.shape != self.angles.shape or not np.isfinite(positions).all():
            raise ShapeError('positions', positions.shape, f'{self.angles.shape}, all finite')
        self._target = np.clip(positions, -self.arm.angle_limit, self.arm.angle_limit)
        self._stamp = stamp
        self.advance(now)

    def advance(self, now: float) -> None:
        """Move the servos on to a time [s]."""
        elapsed = 0.0 if self._moved_at is None else max(now - self._moved_at, 0.0)
        self._moved_at = now
        reach = self.settings.servo_velocity * elapsed
        self.angles = self.angles + np.clip(self._target - self.angles, -reach, reach)

    def true_chain(self, angles: np.ndarray | None = None) -> np.ndarray:
        """Return the true pose chain (joints, 9) at angles (joints, 2), at the present if None."""
        angles = self.angles if angles is None else angles
        s = self.settings
        lengths = np.full(self.arm.joints, self.arm.segment_length * (1.0 + s.length_error))
        return forward_kinematics(self.arm, angles + s.joint_offset * self._signs, lengths)

    def measure(self, now: float) -> Measurement | None:
        """Return what the sensors say of the present pose; None if it gets lost."""
        s, draw = self.settings, self._generator
        if s.feedback_loss and draw.random() < s.feedback_loss:
            return None
        chain = self.true_chain()
        if s.position_noise:
            chain[..., pose.POSITION] += draw.normal(0.0, s.position_noise, (self.arm.joints, 3))
        if s.axis_noise:
            for axis in pose.AXES:
                noisy = chain[..., axis] + draw.normal(0.0, s.axis_noise, (self.arm.joints, 3))
                chain[..., axis] = noisy / np.linalg.norm(noisy, axis=-1, keepdims=True)
        return Measurement(now + s.feedback_delay, self._stamp, chain)
