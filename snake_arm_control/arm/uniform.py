# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Arms of equal segments, each on a universal joint."""

from __future__ import annotations

from collections.abc import Sequence
import math

from snake_arm_control.arm.link import Axis, is_number, Link, TURN_ACCELERATION, TURN_VELOCITY
from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import ArmError

JOINTS = 40  # of the default arm
SEGMENT_LENGTH = 0.025  # [m]
ANGLE_LIMIT = math.radians(45.0)  # [rad], on each side
DIRECTIONS = {'x': (1.0, 0.0, 0.0), 'y': (0.0, 1.0, 0.0)}  # of a universal joint, in this order


def uniform_links(joints: int = JOINTS, segment_length: float = SEGMENT_LENGTH,
                  angle_limit: float = ANGLE_LIMIT, velocity_limit: float = TURN_VELOCITY,
                  acceleration_limit: float = TURN_ACCELERATION
                  ) -> tuple[tuple[Link, ...], Placement]:
    """Return the links of such an arm, and where its tip is in the last; see `Arm.uniform`."""
    if not is_number(joints) or not 1 <= joints < math.inf or joints != int(joints):
        raise ArmError(f'joints is {joints!r}, expected an integer of at least 1')
    for name, value in (('segment_length', segment_length), ('angle_limit', angle_limit),
                        ('velocity_limit', velocity_limit),
                        ('acceleration_limit', acceleration_limit)):
        if not (is_number(value) and 0.0 < value < math.inf):
            raise ArmError(f'{name} is {value!r}, expected a positive finite number')
    if angle_limit > math.pi / 2:
        raise ArmError(f'angle_limit is {angle_limit!r} rad, expected at most pi/2: two segments '
                       'would fold through each other')
    segment = Placement((0.0, 0.0, segment_length))
    links = tuple(
        Link(f'link_{j}', segment if j > 1 else Placement(), tuple(
            Axis(f'joint_{j}_{axis}', direction, False, -angle_limit, angle_limit,
                 velocity_limit, acceleration_limit)
            for axis, direction in DIRECTIONS.items()))
        for j in range(1, int(joints) + 1))
    return links, segment


def segment_of(links: Sequence[Link], tool: Placement) -> tuple[float, float] | None:
    """Return length [m] and angle limit [rad] of all segments if links are such an arm's."""
    length, first = tool.xyz[2], links[0].axes
    if tool != Placement((0.0, 0.0, length)) or len(first) != len(DIRECTIONS):
        return None
    limit = first[0].upper
    for j, link in enumerate(links):
        moves = [(axis.direction, axis.slides, axis.lower, axis.upper, axis.follows, axis.ratio,
                  axis.offset) for axis in link.axes]
        if link.placement != (tool if j else Placement()) or moves != [
                (direction, False, -limit, limit, '', 1.0, 0.0)
                for direction in DIRECTIONS.values()]:
            return None
    return length, limit
