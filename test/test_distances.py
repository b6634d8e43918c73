# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the distances between capsules and shapes, held against coal and trimesh."""

import numpy as np
import pytest

from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.kernels import segments
from snake_arm_control.control.mesh_distances import MeshDistances
from snake_arm_control.control.shapes import Mesh
from snake_arm_control.errors import SceneError

coal = pytest.importorskip('coal')
COUNT = 400
AGREEMENT = 1e-9  # [m]


def turned_to(way):
    """Return a rotation whose z axis is a direction."""
    z = way / np.linalg.norm(way)
    x = np.cross(z, np.eye(3)[np.argmin(np.abs(z))])
    x /= np.linalg.norm(x)
    return np.column_stack((x, np.cross(z, x), z))


def capsule(ends, radius):
    way = ends[1] - ends[0]
    return (coal.Capsule(radius, float(np.linalg.norm(way))),
            coal.Transform3s(turned_to(way), ends.mean(axis=0)))


def coal_distance(first, second):
    request, result = coal.DistanceRequest(True), coal.DistanceResult()
    request.gjk_tolerance = request.epa_tolerance = 1e-12
    request.gjk_max_iterations = 1000
    return coal.distance(*first, *second, request, result)


def random_ends(generator, length=0.2):
    start = generator.uniform(-0.3, 0.3, 3)
    return np.stack((start, start + generator.normal(0.0, length, 3)))


def random_box(generator):
    half = generator.uniform(0.01, 0.2, 3)
    turn = Placement(rpy=generator.uniform(-3, 3, 3)).matrix[:3, :3].copy()
    center = generator.uniform(-0.2, 0.2, 3)
    shape = coal.Box(*(2.0 * half)), coal.Transform3s(turn, center)
    return np.concatenate((center, half, turn.ravel())), shape


def cases(kind):
    """Yield ours (distance of a segment), that of coal, and the segment, for random pairs."""
    generator = np.random.default_rng(7)
    radius = 0.00625
    for _ in range(COUNT):
        ends = random_ends(generator)
        mine = capsule(ends, radius)
        if kind == 'sphere':
            center, size = generator.uniform(-0.3, 0.3, 3), generator.uniform(0.01, 0.1)
            other = coal.Sphere(size), coal.Transform3s(np.eye(3), center)
            ours = segments.from_round(ends, np.stack((center, center)))[0] - size
        elif kind == 'capsule':
            ends_too, size = random_ends(generator), generator.uniform(0.01, 0.05)
            other = capsule(ends_too, size)
            ours = segments.from_round(ends, ends_too)[0] - size
        elif kind == 'box':
            box, other = random_box(generator)
            ours = segments.from_box(ends, box)[0]
        else:
            normal = generator.normal(size=3)
            normal /= np.linalg.norm(normal)
            offset = generator.uniform(-0.2, 0.2)
            other = coal.Halfspace(normal, offset), coal.Transform3s.Identity()
            ours = segments.from_plane(ends, np.array((*normal, offset)))[0]
        yield ours - radius, coal_distance(mine, other)


@pytest.mark.parametrize('kind', ('sphere', 'capsule', 'box', 'half-space'))
def test_clearances_agree_with_coal(kind):
    """Where the axis of the capsule is inside a box, depth is that of its deepest point alone."""
    compared = np.array([pair for pair in cases(kind)
                         if kind != 'box' or pair[0] > -0.00625])
    assert len(compared) > COUNT / 3
    assert (compared[:, 0] < 0.0).any() and (compared[:, 0] > 0.0).any()
    np.testing.assert_allclose(compared[:, 0], compared[:, 1], atol=AGREEMENT)


def test_segments_that_are_parallel_or_of_no_length_have_distances_too():
    along = np.array(((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    for other, expected in (
            (along + (0.3, 0.0, 0.5), 0.3), (along + (0.3, 0.0, 1.4), 0.5),
            (np.array(((0.3, 0.0, 0.2), (0.3, 0.0, 0.2))), 0.3),
            (along[::-1] + (0.0, 0.2, 0.0), 0.2), (along.copy(), 0.0)):
        distance, *normal, s, t = segments.from_round(along, other)
        assert distance == pytest.approx(expected, abs=1e-12)
        assert np.linalg.norm(normal) == pytest.approx(1.0)
        point = along[0] + s * (along[1] - along[0])
        foot = other[0] + t * (other[1] - other[0])
        assert np.linalg.norm(point - foot) == pytest.approx(expected, abs=1e-12)


def grid_least(distance_of, ends, steps=4001):
    """Return the least distance of points along a segment."""
    points = ends[0] + np.linspace(0.0, 1.0, steps)[:, None] * (ends[1] - ends[0])
    return min(map(distance_of, points))


def test_inside_a_box_the_distance_is_that_of_the_deepest_point_to_its_nearest_face():
    generator = np.random.default_rng(3)
    inside = 0
    for _ in range(600):
        ends, (box, _) = random_ends(generator, 0.05), random_box(generator)
        ours, x, y, z, s = segments.from_box(ends, box)
        if ours >= 0.0:
            continue
        inside += 1
        turn = box[6:].reshape(3, 3)

        def depth(point):
            return (np.abs(turn.T @ (point - box[:3])) - box[3:6]).max()

        step = np.linalg.norm(ends[1] - ends[0]) / 4000
        assert ours - 1e-12 <= grid_least(depth, ends) <= ours + step
        outside = ends[0] + s * (ends[1] - ends[0]) - ours * np.array((x, y, z))
        assert depth(outside) == pytest.approx(0.0, abs=1e-12)
    assert inside > 10


@pytest.mark.parametrize('kind', ('round', 'box', 'half-space'))
def test_the_normal_is_the_slope_of_the_distance(kind):
    """Held against finite differences, as a whole segment moves."""
    generator = np.random.default_rng(5)
    step, worst = 1e-6, 0.0
    for _ in range(100):
        ends = random_ends(generator)
        if kind == 'round':
            other, measure = random_ends(generator), segments.from_round
        elif kind == 'box':
            other, measure = random_box(generator)[0], segments.from_box
        else:
            other, measure = np.array((0.0, 0.6, 0.8, 0.1)), segments.from_plane
        found = measure(ends, other)
        if abs(found[0]) < 1e-3 or kind == 'box' and found[0] < 0.0:
            continue
        slope = [(measure(ends + step * axis, other)[0] - measure(ends - step * axis, other)[0])
                 / (2.0 * step) for axis in np.eye(3)]
        worst = max(worst, np.abs(np.array(found[1:4]) - slope).max())
    assert 0.0 < worst < 1e-5


def sphere_mesh(path):
    trimesh = pytest.importorskip('trimesh')
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=0.1)
    mesh.export(path)
    return mesh


def test_clearances_of_meshes_agree_with_trimesh(tmp_path):
    """A capsule of hardly any length is a point, whose distance trimesh knows."""
    mesh = sphere_mesh(tmp_path / 'ball.stl')
    trimesh = pytest.importorskip('trimesh')
    pose = Placement((0.1, -0.2, 0.3), (0.3, -0.4, 0.5))
    meshes = MeshDistances([Mesh(tmp_path / 'ball.stl', pose)])
    points = np.random.default_rng(2).uniform(-0.3, 0.3, (50, 3)) + pose.xyz
    placed = np.stack((points, points), axis=1)
    numbers, values = meshes.near(placed, np.full(50, 0.01), np.zeros((50, 1), bool), np.inf,
                                  0)
    inverse = np.linalg.inv(pose.matrix)
    _, expected, _ = trimesh.proximity.closest_point_naive(
        mesh, points @ inverse[:3, :3].T + inverse[:3, 3])
    assert len(numbers) == 50
    np.testing.assert_allclose(values[:, 0], expected - 0.01, atol=1e-7)


def test_a_file_that_is_no_mesh_is_refused(tmp_path):
    with pytest.raises(SceneError, match='missing.stl can not be read'):
        MeshDistances([Mesh(tmp_path / 'missing.stl')])
    (tmp_path / 'bad.stl').write_text('solid nothing\nendsolid nothing\n')
    with pytest.raises(SceneError, match='bad.stl'):
        MeshDistances([Mesh(tmp_path / 'bad.stl')])
