# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Distances between the capsules of an arm and meshes, by coal; loaded only where there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.control.kernels.travel import bend, BLOCKED, floor_of, FREE, travels, UNSURE
from snake_arm_control.control.shapes import Mesh, Shape
from snake_arm_control.errors import SceneError
from snake_arm_control.extras import require

MESH = 4  # kind of what a link may touch, after those of `clearances`
_TOLERANCE = 1e-10  # [m]
_COVER_EDGE, _COVER_POINTS = 0.01, 1000  # [m], of triangles; about so many points are enough
_THIN = 1e-9  # [m], the radius of what has none

_log = logging.getLogger(__name__)
_stamps: dict[str, float] = {}  # of files as they were read last, by path


def check_meshes(shapes: Iterable[Shape]) -> None:
    """
    Check that the meshes among shapes can be used.

    :raises MissingPackageError: if there is a mesh, and coal or trimesh is not installed
    :raises SceneError: if a file can't be read, or holds no triangles
    """
    for shape in shapes:
        if isinstance(shape, Mesh):
            _load(shape.path)


class MeshDistances:
    """
    The meshes of a scene.

    :raises MissingPackageError: if there is a mesh, and coal or trimesh is not installed
    :raises SceneError: if a file can't be read, or holds no triangles
    """

    def __init__(self, meshes: Sequence[Mesh]):
        self._meshes: list[tuple[Any, Any, np.ndarray, np.ndarray]] = []
        self._triangles = []
        for mesh in meshes:
            model, triangles = _load(mesh.path)
            lower, upper = triangles.bounds
            matrix = mesh.pose.matrix
            middle = matrix[:3, :3] @ (lower + upper) / 2.0 + matrix[:3, 3]
            ball = np.array((*middle, np.linalg.norm(upper - lower) / 2.0))
            self._meshes.append((model, _transform(matrix[:3, :3], matrix[:3, 3]), ball, matrix))
            self._triangles.append(triangles)

    def __len__(self) -> int:
        return len(self._meshes)

    @cached_property
    def cover(self) -> np.ndarray:
        """
        Balls (n, 7) that hold all surfaces, for searches that need no more, as `near` has them.

        Each row is a center, the same again, and a radius [m].
        """
        rows = [np.zeros((0, 7))]
        for triangles, (*_, matrix) in zip(self._triangles, self._meshes):
            points, radius = _cover(triangles)
            places = points @ matrix[:3, :3].T + matrix[:3, 3]
            rows.append(np.column_stack((places, places, np.full(len(places), radius))))
        return np.concatenate(rows)

    def near(self, placed: np.ndarray, radii: np.ndarray, ignored: np.ndarray,
             within: float, first: int) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the pairs of a capsule and a mesh that are near; see `clearances.near`.

        :param placed: (links, 2, 3), ends of the capsules' axes
        :param first: number of the first mesh among the shapes
        """
        numbers, values = [], []
        for link, (ends, radius) in enumerate(zip(placed, radii)):
            for k in range(len(self)):
                if ignored[link, k]:
                    continue
                distance, normal, s = self._distance(ends, k, within + radius)
                if distance - radius < within:
                    numbers.append((MESH, link, first + k))
                    values.append((distance - radius, *normal, s, 0.0))
        return np.array(numbers, np.int64).reshape(-1, 3), np.array(values).reshape(-1, 6)

    def judge(self, placed: np.ndarray, later: np.ndarray, body: ArmBody, reaches: np.ndarray,
              moves: np.ndarray, ignored: np.ndarray, least: float, unsure: float) -> int:
        """Judge a way as `travel.way_between` does: no link goes farther than it is clear."""
        verdict, ways = FREE, travels(placed, later)
        for link, (ends, radius) in enumerate(zip(placed, body.radii)):
            element = body.elements[link]
            if element < 0:
                continue
            way = ways[link] + bend(moves, reaches[link], -1, element)[0]
            for k in range(len(self)):
                if ignored[link, k]:
                    continue
                within = least + (1.0 + unsure) * way + radius
                clearance = self._distance(ends, k, within)[0] - radius
                floor = floor_of(clearance, least) + unsure * way
                if clearance > 0.0 and clearance - way >= floor:
                    continue
                if self._distance(later[link], k, floor + radius)[0] - radius < floor:
                    return BLOCKED
                if clearance > 0.0:
                    verdict = UNSURE
        return verdict

    def _distance(self, ends: np.ndarray, k: int, within: float
                  ) -> tuple[float, np.ndarray, float]:
        """Return distance, normal to the axis, and fraction of the axis; infinite where far."""
        import coal
        model, transform, ball, _ = self._meshes[k]
        start, end = ends
        way, middle = end - start, (start + end) / 2.0
        length = float(np.linalg.norm(way))
        if np.linalg.norm(middle - ball[:3]) > ball[3] + length / 2.0 + within:
            return np.inf, np.zeros(3), 0.0
        request, result = coal.DistanceRequest(True), coal.DistanceResult()
        request.gjk_tolerance = _TOLERANCE
        coal.distance(model, transform, coal.Capsule(_THIN, length),
                      _transform(_turned_to(way), middle), request, result)
        on_mesh, on_axis = result.getNearestPoint1(), result.getNearestPoint2()
        s = float((on_axis - start) @ way) / length ** 2 if length else 0.0
        s = min(max(s, 0.0), 1.0)
        gap = start + s * way - on_mesh
        distance = float(np.linalg.norm(gap))
        if distance <= _TOLERANCE or result.min_distance <= 0.0:
            return 0.0, np.array(result.normal), s
        return distance, gap / distance, s


@lru_cache(maxsize=64)
def _read(path: str, stamp: float) -> tuple[Any, Any]:
    """Return the model of a file, of coal and of trimesh; once for each change."""
    require('coal', 'trimesh')
    import coal
    import trimesh
    try:
        mesh: Any = trimesh.load(path, force='mesh')
        vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    except Exception as error:  # noqa: BLE001  a reader of any format may raise anything
        raise SceneError(f'the mesh {path} can not be read: {error}') from error
    if not len(faces) or not np.isfinite(vertices).all():
        raise SceneError(f'the mesh {path} has {len(faces)} triangles, expected some, all finite')
    model = coal.BVHModelOBBRSS()
    model.beginModel(len(faces), len(vertices))
    model.addVertices(vertices)
    model.addTriangles(faces.astype(np.int64))
    model.endModel()
    return model, mesh


def _cover(mesh: Any) -> tuple[np.ndarray, float]:
    """Return points (n, 3) [m] on the surface of a mesh, and how far any other is off at most."""
    import trimesh
    edge = max(_COVER_EDGE, 2.0 * math.sqrt(float(mesh.area) / _COVER_POINTS))
    points, _ = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, edge, max_iter=20)
    return np.unique(np.round(points, 9), axis=0), edge / math.sqrt(3.0)


def _load(path: str) -> tuple[Any, Any]:
    """Return the model of a file; that of before, where it can't be read any more."""
    try:
        if not Path(path).is_file():
            raise SceneError(f'the mesh {path} can not be read: there is no such file')
        stamp = Path(path).stat().st_mtime
        model = _read(path, stamp)
    except (OSError, SceneError) as error:
        if path not in _stamps:
            raise
        _log.warning('%s; it counts as it was', error)
        return _read(path, _stamps[path])
    _stamps[path] = stamp
    return model


def _transform(rotation: np.ndarray, position: np.ndarray) -> Any:
    import coal
    return coal.Transform3s(rotation, position)


def _turned_to(way: np.ndarray) -> np.ndarray:
    """Return a rotation (3, 3) whose z axis is a direction; any for none."""
    length = float(np.linalg.norm(way))
    if not length:
        return np.eye(3)
    z = way / length
    x = np.cross(z, np.eye(3)[np.argmin(np.abs(z))])
    x /= np.linalg.norm(x)
    return np.column_stack((x, np.cross(z, x), z))
