# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Whether an arm may touch something on the way from one configuration to another."""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.control.kernels.clearances import (
    are_apart,
    ball,
    balls_along,
    from_shape,
    next_near,
)
from snake_arm_control.control.kernels.segments import from_round

FREE, UNSURE, BLOCKED = range(3)  # verdicts on a way
_ROUNDING = 1e-9  # [m]


@compiled
def motion(before, after, slides, lengths):
    """
    Return what bounds how far joints carry links, see `bend`.

    :param before, after: the joints' values (joints, axes) [rad or m]
    :param slides: (joints, axes) bool
    :param lengths: (joints,) from each joint to the next with slides at zero [m]
    :return: (4, joints + 1), sums over the joints below: of angles, of angles times how far the
        joint is along the arm, and of slides; and how far each joint is along the arm at most
    """
    moves = np.zeros((4, len(lengths) + 1))
    for j in range(len(lengths)):
        moves[:, j + 1] = moves[:, j]
        moves[3, j + 1] += lengths[j]
        for k in range(before.shape[1]):
            change = abs(after[j, k] - before[j, k])
            if slides[j, k]:
                moves[2, j + 1] += change
                moves[3, j + 1] += max(abs(before[j, k]), abs(after[j, k]))
            else:
                moves[0, j + 1] += change
                moves[1, j + 1] += change * moves[3, j]
    return moves


@compiled
def bend(moves, reach, below, element):
    """
    Return how far a link can leave the straight way between two configurations, and its travel.

    Both are seen from the element below. Of a point that joints of constant rates w_i carry, the
    acceleration is at most the sum of w_i times that of w_i times its distance from joint i; a
    way leaves its chord by an eighth of that at most.

    :param moves: see `motion`
    :param reach: of the link's points from its own joint [m]
    """
    turn = moves[0, element + 1] - moves[0, below + 1]
    slide = moves[2, element + 1] - moves[2, below + 1]
    travel = (moves[3, max(element, 0)] + reach) * turn - (
        moves[1, element + 1] - moves[1, below + 1])
    return 0.125 * turn * (travel + 2.0 * slide), travel + slide


@compiled
def _lowest(p, x, y, z):
    """Return the least coordinate of a segment in a direction."""
    return min(x * p[0, 0] + y * p[0, 1] + z * p[0, 2], x * p[1, 0] + y * p[1, 1] + z * p[1, 2])


@compiled
def _along(p, s, x, y, z):
    """Return the coordinate of a point of a segment in a direction."""
    return (x * (p[0, 0] + s * (p[1, 0] - p[0, 0])) + y * (p[0, 1] + s * (p[1, 1] - p[0, 1]))
            + z * (p[0, 2] + s * (p[1, 2] - p[0, 2])))


@compiled
def _carried(before, after, x, y, z):
    """Return a direction after the frame of a pose has turned with it."""
    fx, fy, fz, ux, uy, uz = before[3], before[4], before[5], before[6], before[7], before[8]
    f, u = fx * x + fy * y + fz * z, ux * x + uy * y + uz * z
    side = (uy * fz - uz * fy) * x + (uz * fx - ux * fz) * y + (ux * fy - uy * fx) * z
    fx, fy, fz, ux, uy, uz = after[3], after[4], after[5], after[6], after[7], after[8]
    return (f * fx + u * ux + side * (uy * fz - uz * fy),
            f * fy + u * uy + side * (uz * fx - ux * fz),
            f * fz + u * uz + side * (ux * fy - uy * fx))


@compiled
def travels(placed, later):
    """Return how far the ends of each capsule are from where they are later (links,)."""
    found = np.zeros(len(placed))
    for i in range(len(placed)):
        for side in range(2):
            square = 0.0
            for k in range(3):
                square += (later[i, side, k] - placed[i, side, k]) ** 2
            found[i] = max(found[i], np.sqrt(square))
    return found


@compiled
def floor_of(clearance, least):
    """
    Return the clearance to keep [m] where there is this one.

    It is the least, half of a smaller one, and where something touches, that it gets no deeper.
    """
    if clearance > least:
        return least
    return 0.5 * clearance if clearance > 0.0 else clearance - _ROUNDING


@compiled
def way_between(chain, later_chain, placed, later, elements, radii, reaches, scene, ignored,
                pair_of, moves, least, unsure):
    """
    Judge the way from one configuration to another in which all joints move linearly.

    At the start, a plane parts each pair of a capsule and a convex shape. While the link stays
    beyond the plane, which two configurations and the bend of the way between tell, nothing is
    touched. Between two links, the plane moves with the one below.

    :param chain, later_chain: (joints, 9)
    :param placed, later: (links, 2, 3), see `place`
    :param moves: see `motion`
    :param least: clearance to keep [m], see `floor_of`
    :param unsure: by how much a link may be nearer to anything later than it seems, as a fraction
        of how far it goes
    :return: FREE, BLOCKED if something is too near later, or UNSURE
    """
    rounds, _, boxes, _, planes = scene
    links, verdict = len(placed), FREE
    middles, arcs, largest = balls_along(placed, radii)
    travel, most = travels(placed, later), 0.0
    for link in range(links):
        if elements[link] >= 0:
            travel[link] += bend(moves, reaches[link], -1, elements[link])[0]
        most = max(most, travel[link])
    for k in range(len(rounds) + len(boxes) + len(planes)):
        cx, cy, cz, size = ball(scene, k)
        link, reach = -1, least + (1.0 + unsure) * most + size + largest
        while True:
            link = next_near(link + 1, middles, arcs, cx, cy, cz, reach)
            if link >= links:
                break
            if ignored[link, k]:
                continue
            _, distance, x, y, z, s, _ = from_shape(placed[link], scene, k)
            clearance = distance - radii[link]
            if clearance > least + (1.0 + unsure) * travel[link]:
                continue
            floor = floor_of(clearance, least) + unsure * travel[link]
            change = _lowest(later[link], x, y, z) - _along(placed[link], s, x, y, z)
            bent, _ = bend(moves, reaches[link], -1, elements[link])
            if clearance > 0.0 and clearance + min(change, 0.0) - bent >= floor:
                continue
            if from_shape(later[link], scene, k)[1] - radii[link] < floor:
                return BLOCKED
            if clearance > 0.0:
                verdict = UNSURE
    reach = least + 2.0 * ((1.0 + unsure) * most + largest)
    for other in range(links if len(pair_of) else 0):
        link = other + 1
        while True:
            link = next_near(link + 1, middles, arcs, middles[other, 0], middles[other, 1],
                              middles[other, 2], reach)
            if link >= links:
                break
            if pair_of[other, link] < 0:
                continue
            bent, way = bend(moves, reaches[link], elements[other], elements[link])
            if are_apart(middles, link, other, least + (1.0 + unsure) * way + 2.0 * largest):
                continue
            distance, x, y, z, s, t = from_round(placed[link], placed[other])
            clearance = distance - radii[link] - radii[other]
            if clearance > least + (1.0 + unsure) * way:
                continue
            floor = floor_of(clearance, least) + unsure * way
            if elements[other] >= 0:
                x, y, z = _carried(chain[elements[other]], later_chain[elements[other]], x, y, z)
            change = (_lowest(later[link], x, y, z) - _along(later[other], t, x, y, z)
                      - distance)
            if clearance > 0.0 and clearance + min(change, 0.0) - bent >= floor:
                continue
            if from_round(later[link], later[other])[0] - radii[link] - radii[other] < floor:
                return BLOCKED
            if clearance > 0.0:
                verdict = UNSURE
    return verdict
