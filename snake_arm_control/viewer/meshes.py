# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Meshes of unit size, centred on the origin."""

from __future__ import annotations

from trimesh import creation, Trimesh

_SECTIONS = 24  # of a circle


def _revolved(*profile: tuple[float, float]) -> Trimesh:
    """Return what radii and heights make when turned about z; a point given twice is an edge."""
    return creation.revolve(profile, sections=_SECTIONS, process=False)


SPHERE = creation.icosphere(subdivisions=2, radius=0.5)
CYLINDER = _revolved((0.0, -0.5), (0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (0.5, 0.5), (0.0, 0.5))
CONE = _revolved((0.0, -0.5), (0.5, -0.5), (0.5, -0.5), (0.12, 0.5), (0.12, 0.5), (0.0, 0.5))
BOX = creation.box()
BOX.unmerge_vertices()  # else it would be shaded as if it were round
BY_SHAPE = {'sphere': SPHERE, 'cylinder': CYLINDER, 'box': BOX}
