# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The compiled closed forms of distances between the capsules of an arm and the shapes of a scene.

All in one file, so that numba sees when it changes. A capsule is the ends of its axis (2, 3) and a
radius, and so is a sphere, whose axis has no length. A box is its center, half its size, and its
rotation row by row (15 numbers), a half-space its normal and offset (4 numbers).

The distance to a solid is negative inside: there it is that to the nearest face. The clearance of
a capsule is the least distance of a point of its axis, less its radius.
"""

import numpy as np

from snake_arm_control.model.kernels.arithmetic import compiled

ROUND, BOX, PLANE, OWN = range(4)  # kinds of what a link may touch
FREE, UNSURE, BLOCKED = range(3)  # verdicts on a way
_LITTLE = 1e-12  # relative; segments are parallel, or cross


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
def _within(value):
    return 0.0 if value < 0.0 else 1.0 if value > 1.0 else value


@compiled
def _gap(p, q, s, t):
    """Return the vector from a point of segment q to one of segment p."""
    return (p[0, 0] + s * (p[1, 0] - p[0, 0]) - q[0, 0] - t * (q[1, 0] - q[0, 0]),
            p[0, 1] + s * (p[1, 1] - p[0, 1]) - q[0, 1] - t * (q[1, 1] - q[0, 1]),
            p[0, 2] + s * (p[1, 2] - p[0, 2]) - q[0, 2] - t * (q[1, 2] - q[0, 2]))


@compiled
def nearest_of_segments(p, q):
    """Return where two segments (2, 3) are nearest, as fractions of their ways."""
    ax, ay, az = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1], p[1, 2] - p[0, 2]
    bx, by, bz = q[1, 0] - q[0, 0], q[1, 1] - q[0, 1], q[1, 2] - q[0, 2]
    rx, ry, rz = p[0, 0] - q[0, 0], p[0, 1] - q[0, 1], p[0, 2] - q[0, 2]
    aa, bb = ax * ax + ay * ay + az * az, bx * bx + by * by + bz * bz
    ab = ax * bx + ay * by + az * bz
    ar, br = ax * rx + ay * ry + az * rz, bx * rx + by * ry + bz * rz
    det = aa * bb - ab * ab
    if det > _LITTLE * aa * bb:
        s, t = (ab * br - ar * bb) / det, (aa * br - ab * ar) / det
        if 0.0 <= s <= 1.0 and 0.0 <= t <= 1.0:
            return s, t
    # Else the nearest points are at an end of one of them.
    best, best_s, best_t = np.inf, 0.0, 0.0
    for end in range(4):
        if end < 2:
            s = float(end)
            t = _within((br + s * ab) / bb) if bb > 0.0 else 0.0
        else:
            t = float(end - 2)
            s = _within((t * ab - ar) / aa) if aa > 0.0 else 0.0
        x, y, z = _gap(p, q, s, t)
        square = x * x + y * y + z * z
        if square < best:
            best, best_s, best_t = square, s, t
    return best_s, best_t


@compiled
def _across(p, q):
    """Return a unit vector across two segments that meet."""
    best, x, y, z = 0.0, 0.0, 0.0, 1.0
    for which in range(4):
        ax, ay, az = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1], p[1, 2] - p[0, 2]
        bx, by, bz = q[1, 0] - q[0, 0], q[1, 1] - q[0, 1], q[1, 2] - q[0, 2]
        if which:  # they are parallel, or one has no length
            if ax * ax + ay * ay + az * az == 0.0:
                ax, ay, az = bx, by, bz
            bx = 1.0 if which == 1 else 0.0
            by = 1.0 if which == 2 else 0.0
            bz = 1.0 if which == 3 else 0.0
        cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        square = cx * cx + cy * cy + cz * cz
        if square > best * (1.0 + 1e-6):
            best, x, y, z = square, cx, cy, cz
        if which == 0 and best > _LITTLE * (ax * ax + ay * ay + az * az) * (
                bx * bx + by * by + bz * bz):
            break
    length = np.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


@compiled
def from_round(p, q):
    """
    Return the distance of two segments, with the direction from q to p.

    :return: distance, normal x, y, z, fractions of the ways of p and q
    """
    s, t = nearest_of_segments(p, q)
    x, y, z = _gap(p, q, s, t)
    distance = np.sqrt(x * x + y * y + z * z)
    if distance > _LITTLE:
        return distance, x / distance, y / distance, z / distance, s, t
    x, y, z = _across(p, q)
    return distance, x, y, z, s, t


@compiled
def _excess(value, half):
    """Return how far a coordinate is beyond a box, with its sign."""
    return value - half if value > half else value + half if value < -half else 0.0


@compiled
def _slope(from_, way, half, t):
    """Return half the slope of the squared distance to a box along a way."""
    slope = 0.0
    for i in range(3):
        slope += way[i] * _excess(from_[i] + t * way[i], half[i])
    return slope


@compiled
def _nearest_outside(from_, way, half):
    """
    Return where on a way the distance to a box is least.

    The slope of the squared distance rises, and is straight from bend to bend, which are where a
    coordinate enters or leaves the box.
    """
    low, slope_low = 0.0, _slope(from_, way, half, 0.0)
    if slope_low >= 0.0:
        return 0.0
    high, slope_high = 1.0, _slope(from_, way, half, 1.0)
    if slope_high <= 0.0:
        return 1.0
    for i in range(3):
        for side in (-1.0, 1.0):
            if way[i] == 0.0:
                continue
            t = (side * half[i] - from_[i]) / way[i]
            if low < t < high:
                slope = _slope(from_, way, half, t)
                if slope >= 0.0:
                    high, slope_high = t, slope
                else:
                    low, slope_low = t, slope
    return low - slope_low * (high - low) / (slope_high - slope_low)


@compiled
def _depth(from_, way, half, t):
    """Return the distance (negative) to the nearest face of a box from inside, and that face."""
    depth, face = -np.inf, 0
    for i in range(3):
        beyond = abs(from_[i] + t * way[i]) - half[i]
        if beyond > depth:
            depth, face = beyond, i
    return depth, face


@compiled
def _deepest(from_, way, half):
    """Return where on a way a point is deepest in a box: where two of six straight lines cross."""
    best, best_t = np.inf, 0.0
    offsets, rises = np.empty(8), np.empty(8)
    for i in range(3):
        for side in range(2):
            sign = 1.0 - 2.0 * side
            offsets[2 * i + side] = sign * from_[i] - half[i]
            rises[2 * i + side] = sign * way[i]
    for a in range(6):
        for b in range(a + 1, 8):
            if b < 6 and rises[a] == rises[b]:
                continue
            t = float(b - 6) if b >= 6 else _within(
                (offsets[b] - offsets[a]) / (rises[a] - rises[b]))
            depth, _ = _depth(from_, way, half, t)
            if depth < best:
                best, best_t = depth, t
    return best_t


@compiled
def from_box(p, box):
    """
    Return the least distance of the points of a segment to a box; negative inside.

    :return: distance, normal x, y, z, fraction of the way of p
    """
    center, half, turn = box[:3], box[3:6], box[6:].reshape((3, 3))
    from_, way, out = np.zeros(3), np.zeros(3), np.zeros(3)
    for i in range(3):
        for k in range(3):  # by the transposed rotation
            from_[i] += turn[k, i] * (p[0, k] - center[k])
            way[i] += turn[k, i] * (p[1, k] - p[0, k])
    t = _nearest_outside(from_, way, half)
    square = 0.0
    for i in range(3):
        out[i] = _excess(from_[i] + t * way[i], half[i])
        square += out[i] * out[i]
    distance = np.sqrt(square)
    if distance > _LITTLE:
        for i in range(3):
            out[i] /= distance
    else:
        t = _deepest(from_, way, half)
        distance, face = _depth(from_, way, half, t)
        for i in range(3):
            out[i] = 0.0
        out[face] = 1.0 if from_[face] + t * way[face] >= 0.0 else -1.0
    x = turn[0, 0] * out[0] + turn[0, 1] * out[1] + turn[0, 2] * out[2]
    y = turn[1, 0] * out[0] + turn[1, 1] * out[1] + turn[1, 2] * out[2]
    z = turn[2, 0] * out[0] + turn[2, 1] * out[1] + turn[2, 2] * out[2]
    return distance, x, y, z, t


@compiled
def from_plane(p, plane):
    """Return the least distance of the points of a segment to a half-space, as `from_box` does."""
    x, y, z, offset = plane
    first = x * p[0, 0] + y * p[0, 1] + z * p[0, 2] - offset
    last = x * p[1, 0] + y * p[1, 1] + z * p[1, 2] - offset
    if last < first:
        return last, x, y, z, 1.0
    return first, x, y, z, 0.0


@compiled
def _balls_along(placed, radii):
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
def _next_near(link, middles, arcs, x, y, z, reach):
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
def _are_apart(middles, link, other, reach):
    """Return whether the middles of two links are farther apart than a reach."""
    x, y, z = (middles[link, 0] - middles[other, 0], middles[link, 1] - middles[other, 1],
               middles[link, 2] - middles[other, 2])
    return reach < 0.0 or x * x + y * y + z * z > reach * reach


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
def _ball(scene, k):
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
    middles, arcs, largest = _balls_along(placed, radii)
    for k in range(shapes):
        cx, cy, cz, size = _ball(scene, k)
        link, reach = 0, within + size + largest
        while True:
            link = _next_near(link, middles, arcs, cx, cy, cz, reach)
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
            link = _next_near(link, middles, arcs, middles[other, 0], middles[other, 1],
                              middles[other, 2], reach)
            if link >= links:
                break
            pair = pair_of[other, link]
            if pair >= 0 and not _are_apart(middles, link, other,
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
def motion(change, slides, along):
    """
    Return what bounds how far joints carry links, see `_bend`.

    :param change: of the joints' values (joints, axes) [rad or m]
    :param slides: (joints, axes) bool
    :param along: (joints + 1,) how far each joint is along the arm, and its end [m]
    :return: (4, joints + 1), sums over the joints below: of angles, of angles times how far the
        joint is along the arm, and of slides; and how far each joint is along the arm
    """
    moves = np.zeros((4, len(along)))
    for j in range(len(change)):
        moves[:, j + 1] = moves[:, j]
        for k in range(change.shape[1]):
            if slides[j, k]:
                moves[2, j + 1] += abs(change[j, k])
            else:
                moves[0, j + 1] += abs(change[j, k])
                moves[1, j + 1] += abs(change[j, k]) * along[j]
    moves[3] = along
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
def way_between(chain, later_chain, placed, later, elements, radii, reaches, scene, ignored,
                pair_of, moves, least):
    """
    Judge the way from one configuration to another in which all joints move linearly.

    At the start, a plane parts each pair of a capsule and a convex shape. While the link stays
    beyond the plane, which two configurations and the bend of the way between tell, nothing is
    touched. Between two links, the plane moves with the one below.

    :param chain, later_chain: (joints, 9)
    :param placed, later: (links, 2, 3), see `place`
    :param moves: see `motion`
    :param least: clearance to keep [m]; half of the present one where that is less, and a pair
        that touches already is not looked at
    :return: FREE, BLOCKED if something is too near later, or UNSURE
    """
    rounds, _, boxes, _, planes = scene
    links, verdict = len(placed), FREE
    middles, arcs, largest = _balls_along(placed, radii)
    travel, most = travels(placed, later), 0.0
    for link in range(links):
        if elements[link] >= 0:
            travel[link] += bend(moves, reaches[link], -1, elements[link])[0]
        most = max(most, travel[link])
    for k in range(len(rounds) + len(boxes) + len(planes)):
        cx, cy, cz, size = _ball(scene, k)
        link, reach = -1, least + most + size + largest
        while True:
            link = _next_near(link + 1, middles, arcs, cx, cy, cz, reach)
            if link >= links:
                break
            if ignored[link, k]:
                continue
            _, distance, x, y, z, s, _ = from_shape(placed[link], scene, k)
            clearance = distance - radii[link]
            if clearance > least + travel[link] or clearance <= 0.0:
                continue
            floor = least if clearance > least else 0.5 * clearance
            change = _lowest(later[link], x, y, z) - _along(placed[link], s, x, y, z)
            bent, _ = bend(moves, reaches[link], -1, elements[link])
            if clearance + min(change, 0.0) - bent >= floor:
                continue
            verdict = UNSURE
            if from_shape(later[link], scene, k)[1] - radii[link] < floor:
                return BLOCKED
    reach = least + 2.0 * (most + largest)
    for other in range(links if len(pair_of) else 0):
        link = other + 1
        while True:
            link = _next_near(link + 1, middles, arcs, middles[other, 0], middles[other, 1],
                              middles[other, 2], reach)
            if link >= links:
                break
            if pair_of[other, link] < 0:
                continue
            bent, way = bend(moves, reaches[link], elements[other], elements[link])
            if _are_apart(middles, link, other, least + way + 2.0 * largest):
                continue
            distance, x, y, z, s, t = from_round(placed[link], placed[other])
            clearance = distance - radii[link] - radii[other]
            if clearance > least + way or clearance <= 0.0:
                continue
            floor = least if clearance > least else 0.5 * clearance
            if elements[other] >= 0:
                x, y, z = _carried(chain[elements[other]], later_chain[elements[other]], x, y, z)
            change = (_lowest(later[link], x, y, z) - _along(later[other], t, x, y, z)
                      - distance)
            if clearance + min(change, 0.0) - bent >= floor:
                continue
            verdict = UNSURE
            if from_round(later[link], later[other])[0] - radii[link] - radii[other] < floor:
                return BLOCKED
    return verdict


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
