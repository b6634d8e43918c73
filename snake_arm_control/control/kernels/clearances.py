# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The clearances of the capsules of an arm: what is near, and how that changes with the chain.

The clearance of a capsule is the least distance of a point of its axis, less its radius.
"""

import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.control.kernels.segments import from_box, from_plane, from_round

ROUND, BOX, PLANE, OWN = range(4)  # kinds of what a link may touch


@compiled
def place(chain, elements, starts, ends):
    """Return the ends (links, 2, 3) of capsules, given in frames of a chain (joints, 9)."""
    placed = np.empty((len(elements), 2, 3))
    for i in range(len(elements)):
        for side in range(2):
            a, b, c = starts[i] if side == 0 else ends[i]
            if elements[i] < 0:
                placed[i, side, 0], placed[i, side, 1], placed[i, side, 2] = a, b, c
                continue
            at = chain[elements[i]]
            fx, fy, fz, ux, uy, uz = at[3], at[4], at[5], at[6], at[7], at[8]
            placed[i, side, 0] = at[0] + a * (uy * fz - uz * fy) + b * ux + c * fx
            placed[i, side, 1] = at[1] + a * (uz * fx - ux * fz) + b * uy + c * fy
            placed[i, side, 2] = at[2] + a * (ux * fy - uy * fx) + b * uz + c * fz
    return placed


@compiled
def from_shape(p, scene, k):
    """Return the distance of a segment to the shape number k; see `from_round`."""
    rounds, _, boxes, _, planes = scene
    if k < len(rounds):
        distance, x, y, z, s, t = from_round(p, rounds[k, :6].reshape((2, 3)))
        return ROUND, distance - rounds[k, 6], x, y, z, s, t
    k -= len(rounds)
    if k < len(boxes):
        distance, x, y, z, s = from_box(p, boxes[k])
        return BOX, distance, x, y, z, s, 0.0
    distance, x, y, z, s = from_plane(p, planes[k - len(boxes)])
    return PLANE, distance, x, y, z, s, 0.0


@compiled
def ball(scene, k):
    """Return center and radius of the ball round shape number k; an infinite one of planes."""
    _, round_balls, _, box_balls, _ = scene
    if k < len(round_balls):
        x, y, z, radius = round_balls[k]
    elif k < len(round_balls) + len(box_balls):
        x, y, z, radius = box_balls[k - len(round_balls)]
    else:
        x, y, z, radius = 0.0, 0.0, 0.0, np.inf
    return x, y, z, radius


@compiled
def balls_along(placed, radii):
    """
    Return where capsules are, roughly.

    :return: their middles (links, 3), how far each is along the way through all middles (links,),
        and the radius of the largest ball that is needed round a middle
    """
    middles, arcs, largest = np.empty((len(placed), 3)), np.zeros(len(placed)), 0.0
    for i in range(len(placed)):
        square = way = 0.0
        for k in range(3):
            middles[i, k] = 0.5 * (placed[i, 0, k] + placed[i, 1, k])
            square += (0.5 * (placed[i, 1, k] - placed[i, 0, k])) ** 2
            if i:
                way += (middles[i, k] - middles[i - 1, k]) ** 2
        largest = max(largest, radii[i] + np.sqrt(square))
        if i:
            arcs[i] = arcs[i - 1] + np.sqrt(way)
    return middles, arcs, largest


@compiled
def next_near(link, middles, arcs, x, y, z, reach):
    """
    Return the first link, from this one on, whose middle is no farther from a point than a reach.

    Links that the way through the middles is too short to bring there are passed over.
    """
    while link < len(arcs):
        dx, dy, dz = middles[link, 0] - x, middles[link, 1] - y, middles[link, 2] - z
        far = np.sqrt(dx * dx + dy * dy + dz * dz) - reach
        if not far > 0.0:
            return link
        passed = arcs[link] + far
        link += 1
        while link < len(arcs) and arcs[link] < passed:
            link += 1
    return link


@compiled
def are_apart(middles, link, other, reach):
    """Return whether the middles of two links are farther apart than a reach."""
    x, y, z = (middles[link, 0] - middles[other, 0], middles[link, 1] - middles[other, 1],
               middles[link, 2] - middles[other, 2])
    return reach < 0.0 or x * x + y * y + z * z > reach * reach


@compiled
def near(placed, radii, scene, ignored, pair_of, within, pairs_within):
    """
    Return the pairs that are nearer than this.

    :param placed: (links, 2, 3), see `place`
    :param scene: spheres and capsules (n, 7), the balls round them (n, 4), boxes (n, 15), the
        balls round these, and half-spaces (n, 4): the shapes, in this order
    :param ignored: (links, shapes) bool: never looked at
    :param pair_of: (links, links), number of the pair of two links, the first before the second;
        -1 where they may touch
    :param within: clearance below which a link is near a shape
    :param pairs_within: (pairs,) the same of links, no larger
    :return: (near, 3) of kind, link and other, a shape or a pair; (near, 6) of clearance, normal
        to the link, and fractions of the axes
    """
    rounds, _, boxes, _, planes = scene
    links, shapes = len(placed), len(rounds) + len(boxes) + len(planes)
    most = links * shapes + len(pairs_within)
    numbers, values, count = np.empty((most, 3), np.int64), np.empty((most, 6)), 0
    middles, arcs, largest = balls_along(placed, radii)
    for k in range(shapes):
        cx, cy, cz, size = ball(scene, k)
        link, reach = 0, within + size + largest
        while True:
            link = next_near(link, middles, arcs, cx, cy, cz, reach)
            if link >= links:
                break
            if not ignored[link, k]:
                kind, distance, x, y, z, s, t = from_shape(placed[link], scene, k)
                if distance - radii[link] < within:
                    count = _put(numbers, values, count, kind, link, k, distance - radii[link],
                                 x, y, z, s, t)
            link += 1
    reach = (pairs_within.max() if len(pairs_within) else 0.0) + 2.0 * largest
    for other in range(links if len(pairs_within) else 0):
        link = other + 2
        while True:
            link = next_near(link, middles, arcs, middles[other, 0], middles[other, 1],
                              middles[other, 2], reach)
            if link >= links:
                break
            pair = pair_of[other, link]
            if pair >= 0 and not are_apart(middles, link, other,
                                            pairs_within[pair] + 2.0 * largest):
                distance, x, y, z, s, t = from_round(placed[link], placed[other])
                distance -= radii[link] + radii[other]
                if distance < pairs_within[pair]:
                    count = _put(numbers, values, count, OWN, link, pair, distance, x, y, z, s, t)
            link += 1
    return numbers[:count], values[:count]


@compiled
def _put(numbers, values, count, kind, link, other, clearance, x, y, z, s, t):
    numbers[count, 0], numbers[count, 1], numbers[count, 2] = kind, link, other
    at = values[count]
    at[0], at[1], at[2], at[3], at[4], at[5] = clearance, x, y, z, s, t
    return count + 1


@compiled
def functionals(chain, elements, starts, ends, pairs, numbers, values):
    """
    Return how near pairs' clearances change with the chain.

    A point of a capsule is ``position + a side + b up + c forward`` of its element, where side is
    up x forward.

    :param numbers, values: of `near`
    :return: of each entry the number of its pair, its chain element, and nine coefficients
    """
    rows, joints = np.empty(2 * len(numbers), np.int64), np.empty(2 * len(numbers), np.int64)
    coefficients, count = np.empty((2 * len(numbers), 9)), 0
    for i in range(len(numbers)):
        kind, link, other = numbers[i]
        for side in range(2 if kind == OWN else 1):
            x, y, z, s = values[i, 1], values[i, 2], values[i, 3], values[i, 4]
            if side:
                x, y, z, s, link = -x, -y, -z, values[i, 5], pairs[other, 0]
            element = elements[link]
            if element < 0:
                continue
            a = starts[link, 0] + s * (ends[link, 0] - starts[link, 0])
            b = starts[link, 1] + s * (ends[link, 1] - starts[link, 1])
            c = starts[link, 2] + s * (ends[link, 2] - starts[link, 2])
            at = chain[element]
            fx, fy, fz, ux, uy, uz = at[3], at[4], at[5], at[6], at[7], at[8]
            rows[count], joints[count], row = i, element, coefficients[count]
            row[0], row[1], row[2] = x, y, z
            row[3] = c * x + a * (y * uz - z * uy)
            row[4] = c * y + a * (z * ux - x * uz)
            row[5] = c * z + a * (x * uy - y * ux)
            row[6] = b * x + a * (fy * z - fz * y)
            row[7] = b * y + a * (fz * x - fx * z)
            row[8] = b * z + a * (fx * y - fy * x)
            count += 1
    return rows[:count], joints[:count], coefficients[:count]


@compiled
def awake(chain, elements, starts, ends, radii, scene, ignored, pair_of, pairs, within,
          pairs_within, margin, pair_margins):
    """Return what clearances of near pairs have left, and how they change: rows, joints, ..."""
    placed = place(chain, elements, starts, ends)
    numbers, values = near(placed, radii, scene, ignored, pair_of, within, pairs_within)
    left = np.empty(len(numbers))
    for i in range(len(numbers)):
        kept = pair_margins[numbers[i, 2]] if numbers[i, 0] == OWN else margin
        left[i] = values[i, 0] - kept
    rows, joints, coefficients = functionals(chain, elements, starts, ends, pairs, numbers, values)
    return left, rows, joints, coefficients
