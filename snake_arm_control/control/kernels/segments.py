# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The closed forms of distances between a segment and the shapes of a scene.

A segment is its ends (2, 3), the axis of a capsule; that of a sphere has no length. A box is its
center, half its size, and its rotation row by row (15 numbers), a half-space its normal and offset
(4 numbers). The distance to a solid is negative inside: there it is that to the nearest face.
"""

import numpy as np

from snake_arm_control.compiling import compiled

_LITTLE = 1e-12  # relative; segments are parallel, or cross


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
