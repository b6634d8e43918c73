# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated true arm: its servos, and how it differs from its description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.sag import sagging, SagSettings
from snake_arm_control.arm.tracker import TrackerSettings
from snake_arm_control.errors import ShapeError
from snake_arm_control.settings import setting

ENGINES = KINEMATIC, MUJOCO = 'kinematic', 'mujoco'


@dataclass(frozen=True)
class SimulationSettings(SagSettings, TrackerSettings):
    """How the true arm, its servos and its tracker differ from the ideal ones."""

    length_error: float = setting(
        0.0, 'fraction by which segments are longer than described', low=-0.5, high=0.5)
    joint_offset: float = setting(
        0.0, 'offset of each angle, its sign drawn by the seed', 'rad',
        low=0.0, high=0.5)
    servo_velocity: float = setting(
        0.0, 'velocity limit of the servos, 0 for none', 'rad/s', low=0.0, high=1000.0)
    servo_lag: float = setting(
        0.0, 'time constant with which servos close in on their command', 's', low=0.0, high=10.0)
    servo_sag: float = setting(
        0.0, 'distance from the command at which servos come to rest, its sign drawn by the seed',
        'rad', low=0.0, high=0.5)
    servo_friction: float = setting(
        0.0, 'dead zone of the servos: the error for which they do not move', 'rad',
        low=0.0, high=0.5)
    engine: str = setting(
        KINEMATIC, 'what moves the arm: its servos alone, or MuJoCo, where it has weight',
        choices=ENGINES, read_only=True)
    servo_stiffness: float = setting(
        5000.0, 'stiffness of the servos in MuJoCo', 'N m/rad',
        low=1.0, high=1e5)
    servo_damping: float = setting(
        150.0, 'damping of the servos in MuJoCo', 'N m s/rad', low=0.0,
        high=1e5)
    contact: bool = setting(
        False, 'collisions in MuJoCo between links that are no neighbours')


class TrueArm(Protocol):
    """What a simulated arm can do; the clock is the caller's, in seconds."""

    arm: Arm
    settings: SimulationSettings  # may be replaced at any time

    @property
    def angles(self) -> np.ndarray:
        """Angles (joints, axes) [rad], as the encoders read them."""

    def command(self, positions: np.ndarray, now: float) -> None:
        """Let the servos go to angles (joints, axes) [rad], clipped to the joint limits."""

    def advance(self, now: float) -> None:
        """Move on to a time [s]; one that was set back moves nothing."""

    def true_chain(self, angles: np.ndarray | None = None) -> np.ndarray:
        """Return the true pose chain (joints, 9) at angles (joints, axes), now if None."""

    def stop(self, stopped: bool = True) -> None:
        """Stop the arm where it is, as an emergency stop does, or release it."""

    def push(self, delta: np.ndarray) -> None:
        """Move the joints by angles (joints, axes) [rad] from outside."""


class SimulatedArm:
    """
    An arm without inertia, whose servos follow commands as far as they can.

    A servo moves as a first-order lag with a velocity limit; its motion is integrated exactly,
    so that it does not matter how often `advance` is called. It stays where it starts until the
    first command, also beyond the joint limits. Behind the encoders its joints may give way under
    its weight, see `SagSettings`. See `TrueArm` for what it can do.

    :param start: (joints, axes) [rad], the arm's rest pose if None
    """

    def __init__(self, arm: Arm, settings: SimulationSettings = SimulationSettings(),
                 start: np.ndarray | None = None):
        self.arm, self.settings = arm, settings
        self.angles = np.array(arm.rest if start is None else start, dtype=float)
        self._target: np.ndarray | None = None  # (joints, axes) [rad], as commanded
        self._stopped = False
        self._now: float | None = None
        generator = np.random.default_rng(settings.seed)
        self._offset_signs, self._sag_signs = (
            generator.choice((-1.0, 1.0), self.angles.shape) * arm.free for _ in range(2))

    def command(self, positions: np.ndarray, now: float) -> None:
        """
        Let the servos go to angles from a time [s] on.

        A stopped arm does so when it is released.

        :param positions: (joints, axes) [rad], clipped to the joint limits
        :raises ShapeError: if positions are misshapen or not finite; the command before stays
        """
        positions = np.asarray(positions, dtype=float)
        if positions.shape != self.angles.shape or not np.isfinite(positions).all():
            raise ShapeError('positions', positions.shape, f'{self.angles.shape}, all finite')
        self.advance(now)
        self._target = self.arm.clip(positions)
        self.advance(now)  # servos without limits are there at once

    def advance(self, now: float) -> None:
        """Move the servos on to a time [s]."""
        elapsed = 0.0 if self._now is None else max(now - self._now, 0.0)
        self._now = now
        if self._target is not None and not self._stopped:
            s = self.settings
            end = self._target + s.servo_sag * self._sag_signs
            if s.servo_friction:
                end = np.clip(self.angles, end - s.servo_friction, end + s.servo_friction)
            if not (s.servo_velocity or s.servo_lag):
                self.angles = end
                return
            way = end - self.angles
            there = end - np.sign(way) * _left(np.abs(way), elapsed, s.servo_velocity, s.servo_lag)
            self.angles = np.clip(there, np.minimum(self.angles, end),  # whatever the rounding
                                  np.maximum(self.angles, end))

    def stop(self, stopped: bool = True) -> None:
        """Stop the arm where it is, as an emergency stop does, or release it."""
        self._stopped = stopped

    def push(self, delta: np.ndarray) -> None:
        """Move the joints by angles (joints, axes) [rad]; servos at work will move them back."""
        self.angles = self.angles + delta

    def true_chain(self, angles: np.ndarray | None = None) -> np.ndarray:
        """Return the true pose chain (joints, 9) at angles (joints, axes), now if None."""
        angles = self.angles if angles is None else angles
        stretch = 1.0 + self.settings.length_error
        lengths = None if stretch == 1.0 else self.arm.geometry.lengths * stretch
        there = sagging(self.arm, angles + self.joint_offsets, self.settings)
        return forward_kinematics(self.arm, there, lengths)

    @property
    def joint_offsets(self) -> np.ndarray:
        """What the true angles exceed the encoders' by, (joints, axes) [rad]."""
        return self.settings.joint_offset * self._offset_signs


def _left(way: np.ndarray, elapsed: float, velocity: float, lag: float) -> np.ndarray:
    """Return what is left of ways to go [rad] after a time [s], exactly; one limit is not 0."""
    at_full_velocity = np.zeros_like(way)  # [s]
    if velocity:
        at_full_velocity = np.clip(way / velocity - lag, 0.0, elapsed)
        way = way - velocity * at_full_velocity
    if lag:
        return way * np.exp((at_full_velocity - elapsed) / lag)
    return np.where(at_full_velocity < elapsed, 0.0, way)
