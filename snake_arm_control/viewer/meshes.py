# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Triangle meshes of unit size, centred on the origin."""

from __future__ import annotations

import numpy as np

_AROUND = 24  # corners of a circle


def sphere() -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (v, 3) and faces (f, 3) of a ball of diameter 1."""
    angles = np.linspace(-0.5 * np.pi, 0.5 * np.pi, _AROUND // 2 + 1)
    return _revolved(0.5 * np.cos(angles), 0.5 * np.sin(angles))


def cylinder() -> tuple[np.ndarray, np.ndarray]:
    """Return a cylinder of diameter 1 and length 1 along z."""
    # Each rim twice, so that it is shaded as an edge.
    return _revolved(np.array((0.0, 0.5, 0.5, 0.5, 0.5, 0.0)),
                     np.array((-0.5, -0.5, -0.5, 0.5, 0.5, 0.5)))


def cone() -> tuple[np.ndarray, np.ndarray]:
    """Return a blunt cone of diameter 1 at z = -0.5 whose tip is at z = 0.5."""
    return _revolved(np.array((0.0, 0.5, 0.5, 0.12, 0.12, 0.0)),
                     np.array((-0.5, -0.5, -0.5, 0.5, 0.5, 0.5)))


def box() -> tuple[np.ndarray, np.ndarray]:
    """Return a box of edge 1; each face has corners of its own."""
    square = np.array(((-0.5, -0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, 0.5), (-0.5, 0.5, 0.5)))
    turned = [np.roll(square * sign, shift, axis=1) for shift in range(3)
              for sign in (np.ones(3), np.array((-1.0, 1.0, -1.0)))]
    quads = np.array(((0, 1, 2), (0, 2, 3)))
    return np.concatenate(turned), np.concatenate([quads + 4 * i for i in range(6)])


MESHES = {'sphere': sphere, 'cylinder': cylinder, 'box': box}


def _revolved(radii: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface that a profile makes when it is turned about z, from below upwards."""
    angles = np.arange(_AROUND) * (2.0 * np.pi / _AROUND)
    rings = len(radii)
    vertices = np.stack((np.outer(np.cos(angles), radii), np.outer(np.sin(angles), radii),
                         np.broadcast_to(heights, (_AROUND, rings))), axis=-1)
    corner = np.arange(_AROUND)[:, None] * rings + np.arange(rings - 1)
    beside = (corner + rings) % (_AROUND * rings)
    faces = np.stack((np.stack((corner, beside, beside + 1), -1),
                      np.stack((corner, beside + 1, corner + 1), -1)), 2).reshape(-1, 3)
    vertices = vertices.reshape(-1, 3)
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return vertices, faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12]
