# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Ways of a ball through the free space of a scene, on a grid (A*), compiled."""

from __future__ import annotations

import heapq
import math

from numba.typed import List
import numpy as np

from snake_arm_control.compiling import compiled
from snake_arm_control.control.kernels.clearances import from_shape

_NARROW = 4.0  # times as long as it is counts a way in contact
_CROSSED = 4.0  # and one where others have been


@compiled
def clearance(scene, p):
    """Return the least distance of a segment (2, 3) to all shapes."""
    rounds, _, boxes, _, planes = scene
    least = np.inf
    for k in range(len(rounds) + len(boxes) + len(planes)):
        least = min(least, from_shape(p, scene, k)[1])
    return least


@compiled
def _at(cell, size, side, middle):
    """Return the place of a cell as a segment of no length."""
    place = np.empty((2, 3))
    x, y, z = cell // (side * side), cell // side % side, cell % side
    for k in range(2):
        place[k, 0] = middle[0] + (x - side // 2) * size
        place[k, 1] = middle[1] + (y - side // 2) * size
        place[k, 2] = middle[2] + (z - side // 2) * size
    return place


@compiled
def _factor(scene, place, radius, comfort, crossed, apart):
    """Return how much longer a way is for where it is; infinite where a ball does not fit."""
    clear = clearance(scene, place) - radius
    if clear <= 0.0:
        return np.inf
    factor = 1.0
    if clear < comfort:
        factor += (_NARROW - 1.0) * (1.0 - clear / comfort) ** 2
    for i in range(len(crossed)):
        square = 0.0
        for k in range(3):
            square += (crossed[i, k] - place[0, k]) ** 2
        if square < apart * apart:
            factor += _CROSSED - 1.0
            break
    return factor


@compiled
def begin(start, end, size, side, middle):
    """
    Return a search for a way, see `advance`; with nothing to look at if an end is off the grid.

    :param start, end: (3,) [m]
    :param size: of a cell of the grid [m]
    :param side: cells along each edge of the grid, an odd number
    :param middle: (3,) [m], of the grid
    """
    lengths = np.full(side ** 3, np.inf, np.float32)  # negative, less 1: done
    factors = np.zeros(side ** 3, np.float32)  # 0: not known yet
    before = np.full(side ** 3, -1, np.int32)
    first = last = 0
    inside = True
    for k in range(3):
        a = int(round((start[k] - middle[k]) / size)) + side // 2
        b = int(round((end[k] - middle[k]) / size)) + side // 2
        inside = inside and 0 < a < side - 1 and 0 < b < side - 1
        first, last = first * side + a, last * side + b
    heap = List()
    heap.append((0.0, first))
    if inside:
        lengths[first], factors[first], factors[last] = 0.0, 1.0, 1.0
    else:
        heap.pop()
        first, last = 0, 1
    return lengths, factors, before, heap, first, last


@compiled
def advance(scene, search, radius, comfort, size, side, middle, crossed, apart, most):
    """
    Look at so many cells more, and return whether the search is done.

    :param scene: see `clearances.near`
    :param radius: of the ball, and the clearance that it keeps [m]
    :param comfort: more clearance [m] than which is no better
    :param crossed, apart: points (m, 3) of other ways, and how far from them [m] this one goes
        where it has a choice
    """
    lengths, factors, before, heap, _, last = search
    goal = _at(last, size, side, middle)[0].copy()
    for _ in range(most):
        if not len(heap):
            return True
        _, cell = heapq.heappop(heap)
        if cell == last:
            heap.clear()
            return True
        if lengths[cell] < 0.0:
            continue
        length = lengths[cell]
        lengths[cell] = -1.0 - length
        x, y, z = cell // (side * side), cell // side % side, cell % side
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    if not (0 < x + dx < side - 1 and 0 < y + dy < side - 1
                            and 0 < z + dz < side - 1):
                        continue
                    other = cell + (dx * side + dy) * side + dz
                    if lengths[other] < 0.0:
                        continue
                    place = _at(other, size, side, middle)
                    if factors[other] == 0.0:
                        factors[other] = _factor(scene, place, radius, comfort, crossed, apart)
                    if factors[other] == np.inf:
                        continue
                    step = size * math.sqrt(dx * dx + dy * dy + dz * dz)
                    found = length + 0.5 * step * (factors[cell] + factors[other])
                    if found < lengths[other]:
                        lengths[other], before[other] = found, cell
                        far = 0.0
                        for k in range(3):
                            far += (goal[k] - place[0, k]) ** 2
                        heapq.heappush(heap, (found + math.sqrt(far), other))
    return False


@compiled
def traced(search, start, end, size, side, middle):
    """Return the points (n, 3) of the way that a search found from start to end, none for none."""
    _, _, before, _, first, last = search
    if before[last] < 0 and first != last:
        return np.empty((0, 3))
    count, cell = 1, last
    while cell != first:
        cell, count = before[cell], count + 1
    count = max(count, 2)
    way, cell = np.empty((count, 3)), last
    for i in range(count - 1, -1, -1):
        way[i] = _at(cell, size, side, middle)[0]
        if cell != first:
            cell = before[cell]
    way[0], way[count - 1] = start, end
    return way


@compiled
def straightened(scene, way, radius, comfort):
    """Return fewer points (n, 3) of a way, with straight lines between that are as clear."""
    clear = np.empty(len(way))
    p = np.empty((2, 3))
    for i in range(len(way)):
        p[0] = p[1] = way[i]
        clear[i] = min(clearance(scene, p), radius + comfort)
    kept, count, at = np.empty_like(way), 1, 0
    kept[0] = way[0]
    while at < len(way) - 1:
        best, least = at + 1, min(clear[at], clear[at + 1])
        for other in range(at + 2, len(way)):
            least = min(least, clear[other])
            p[0], p[1] = way[at], way[other]
            if clearance(scene, p) >= 0.98 * least:
                best = other
        at = best
        kept[count] = way[at]
        count += 1
    return kept[:count]
