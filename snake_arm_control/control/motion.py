# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Motion that motors can follow: bounded in velocity, acceleration, and speed of any point."""

from __future__ import annotations

from collections.abc import Callable
import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.compiling import compiler

_APPROACH = 1.5  # periods in which most of a short way is left behind
_BRAKING = 0.8  # fraction of the acceleration limit that braking in time counts on
_SPEED_MARGIN = 0.97  # of the speed limit, for what model and description are off by
_FAST = 0.7  # fraction of the speed limit from which the speed at the end of a step counts, too
_INSTANT = 1e-4  # [s], over which that is measured
_BRAKES = 24  # steps at most for which an arm that brakes is watched
_ROUNDING = 1e-12  # [rad]
_CORRECTIONS = 3  # of a step that would be too fast
_compiled = compiler(error_model='numpy')


class Motion:
    """
    The velocity of the command, and how it goes on.

    One factor shortens the velocity of all joints, and one its change, so that a direction is
    kept: joints that were limited one by one would leave the path.

    :param chain_of: predicts the pose chain (joints, 9) of angles (joints, axes)
    """

    def __init__(self, arm: Arm, chain_of: Callable[[np.ndarray], np.ndarray]):
        self._arm, self._chain_of = arm, chain_of
        self._described = arm.rest, forward_kinematics(arm, arm.rest)  # the latest
        self._limits = np.array((arm.lower.ravel(), arm.upper.ravel(),
                                 arm.velocity_limits.ravel(), arm.acceleration_limits.ravel()))
        self.stop()

    def stop(self) -> None:
        """Count the arm as standing."""
        self.velocity = np.zeros_like(self._arm.rest)  # (joints, axes) [rad/s]
        self._speed = 0.0  # [m/s], of the fastest point, at this velocity

    @property
    def is_moving(self) -> bool:
        """Whether the command moves."""
        return bool(self.velocity.any())

    def way_to_brake(self) -> np.ndarray:
        """Return how far each joint goes on until all have braked, (joints, axes) [rad]."""
        size = np.abs(self.velocity)
        return 0.5 * size * float((size / self._arm.acceleration_limits).max())

    def step(self, angles: np.ndarray, change: np.ndarray, period: float, speed_limit: float,
             lead: np.ndarray | None = None, most_lead: float = math.inf,
             is_clear: Callable[[np.ndarray, float], bool] | None = None) -> np.ndarray:
        """
        Take a step on a way, or on the way to brake, and return the next angles (joints, axes).

        The arm brakes as well before a point of it could get too fast while it braked.

        :param angles: (joints, axes) [rad], as they are commanded now
        :param change: wanted in all [rad]; zero brakes
        :param period: until the next angles [s]
        :param speed_limit: of any point of the arm [m/s]
        :param lead: by how much the angles are ahead of the arm's own [rad]; None: unknown
        :param most_lead: by how much they may be [rad]
        :param is_clear: says whether the way to angles (joints, axes) is clear, at which the arm
            would come to rest if it braked from there on; no point of it goes further than the
            distance [m] that it takes, too. If it is not, the arm brakes now, as it still can
        """
        limit, before = _SPEED_MARGIN * speed_limit, self.velocity.ravel()
        ahead = np.zeros_like(before) if lead is None else lead.ravel()
        wanted = _limited_velocity(change.ravel(), before, ahead, self._limits, period, most_lead,
                                   self._speed, limit)
        velocity = _towards(wanted, before, angles.ravel(), self._limits, period)
        chains = self._chains(angles)
        for correction in range(_CORRECTIONS + 1):
            following = angles + velocity.reshape(angles.shape) * period
            speed = self._fastest(chains, angles, following, period, limit)
            if speed <= limit or correction == _CORRECTIONS:
                break
            slower = _towards(velocity * (0.999 * limit / speed), before, angles.ravel(),
                              self._limits, period)
            if np.array_equal(slower, velocity):
                break
            velocity = slower
        if np.abs(following - angles - change).max() < _ROUNDING:
            following = angles + change
        if change.any():
            rates = (following - angles) / period
            braking = 0.5 * float((np.abs(rates) / self._arm.acceleration_limits).max())  # [s]
            if not (speed <= speed_limit
                    and self._stays_slow(following, velocity, period, speed_limit)
                    and (is_clear is None
                         or is_clear(following + braking * rates, speed * (period + braking)))):
                velocity = _towards(np.zeros_like(before), before, angles.ravel(), self._limits,
                                    period)
                following = angles + velocity.reshape(angles.shape) * period
                speed = self._fastest(chains, angles, following, period, limit)
        self.velocity = (following - angles) / period
        self._speed = speed
        return following

    def _fastest(self, chains: tuple[np.ndarray, np.ndarray], angles: np.ndarray,
                 following: np.ndarray, period: float, limit: float) -> float:
        """
        Return the speed of the fastest point on a step that begins at chains, or at its end [m/s].

        As the arm unfolds, points get faster although the joints do not. What a long step ends
        with, a short one after it can't take back: accelerations are limited.
        """
        after = self._chains(following)
        speed = max(map(longest_way, chains, after)) / period
        if speed < _FAST * limit:
            return speed
        beyond = forward_kinematics(
            self._arm, following + (following - angles) * (_INSTANT / period))
        return max(speed, longest_way(after[1], beyond) / _INSTANT)

    def _stays_slow(self, angles: np.ndarray, velocity: np.ndarray, period: float, limit: float
                    ) -> bool:
        """
        Return whether no point of the arm gets too fast if it brakes from angles on.

        Joints that are fast against each other can leave a point at rest now and not a little
        later, and one that its limit stops no longer makes up for another.
        """
        way = _braking_way(velocity.ravel(), angles.ravel(), self._limits, period, _BRAKES)
        chains = forward_kinematics(self._arm, way.reshape(-1, *angles.shape))
        return max(map(longest_way, chains, chains[1:]), default=0.0) <= limit * period

    def _chains(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the poses (joints, 9) by the model and by the description.

        Where many joints are at their limits, a learned model may take a point to be slower than
        it is by a twelfth.
        """
        if angles is not self._described[0]:
            self._described = angles, forward_kinematics(self._arm, angles)
        return self._chain_of(angles), self._described[1]


@_compiled
def _fastest(acceleration, room, period):
    """Return the velocity from which, after one more period, a joint can brake in a room left."""
    step = acceleration * period
    return math.sqrt(step * step + 2.0 * acceleration * max(room, 0.0)) - step


@_compiled
def _limited_velocity(change, velocity, lead, limits, period, most_lead, speed, speed_limit):
    """Return the velocity towards a change from which the arm can brake in time."""
    velocities, accelerations = limits[2], limits[3]
    factor, nearly_there = 1.0 / (_APPROACH * period), True
    here = size = braking = 0.0
    for i in range(len(change)):
        way = abs(change[i])
        braking = max(braking, way / (_BRAKING * accelerations[i]))
        if way > 0.5 * accelerations[i] * period * period:
            nearly_there = False
        if way > 0.0:
            factor = min(factor, velocities[i] / way,
                         math.sqrt(2.0 * _BRAKING * accelerations[i] / way))
        size, here = max(size, way), max(here, abs(velocity[i]))
    if nearly_there:  # the last step, from which the joints can stand at once
        factor = 1.0 / period
        for i in range(len(change)):
            if change[i] != 0.0:
                factor = min(factor, velocities[i] / abs(change[i]))
    for i in range(len(change)):
        if change[i] * lead[i] > 0.0:  # the arm is led further, until all joints have braked
            room = max(most_lead - abs(lead[i]), 0.0)
            factor = min(factor, (math.sqrt(period * period + 2.0 * braking * room
                                            / abs(change[i])) - period) / braking)
    if size > 0.0 and here > 0.0 and speed > 0.0:  # as fast as at the present velocity
        factor = min(factor, speed_limit * here / (speed * size))
    return change * factor


@_compiled
def _towards(wanted, velocity, angles, limits, period):
    """
    Return a velocity changed towards another as far as accelerations allow.

    From it every joint can brake before its limit. This is the one bound that each joint keeps for
    itself: the limits come before the path. A joint beyond its limits goes no further.
    """
    lower, upper, accelerations = limits[0], limits[1], limits[3]
    factor = 1.0
    for i in range(len(wanted)):
        change = abs(wanted[i] - velocity[i])
        if change > accelerations[i] * period:
            factor = min(factor, accelerations[i] * period / change)
    result = np.empty_like(velocity)
    for i in range(len(wanted)):
        value = wanted[i] if factor == 1.0 else velocity[i] + factor * (wanted[i] - velocity[i])
        room = upper[i] - angles[i] if value > 0.0 else angles[i] - lower[i]
        most = _fastest(accelerations[i], room, period)
        result[i] = min(max(value, -most), most)
    return result


@_compiled
def _braking_way(velocity, angles, limits, period, most):
    """Return the angles (steps + 1, n) on the way to stand still, the first as they are."""
    way, none = np.empty((most + 1, len(angles))), np.zeros_like(velocity)
    way[0] = angles
    for k in range(most):
        if not velocity.any():
            return way[:k + 1]
        velocity = _towards(none, velocity, way[k], limits, period)
        way[k + 1] = way[k] + velocity * period
    return way


@_compiled
def longest_way(chain, following):
    """Return how far the joint goes that goes furthest between chains (joints, 9) [m]."""
    longest = 0.0
    for j in range(len(chain)):
        square = 0.0
        for i in range(3):
            square += (float(following[j, i]) - float(chain[j, i])) ** 2
        longest = max(longest, square)
    return math.sqrt(longest)
