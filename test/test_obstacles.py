# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of obstacles that come as markers, and of the markers that a scene is drawn by."""

import math
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.mesh_distances import MeshDistances
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shape_frame import frame_of, put
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Mesh, Sphere
from snake_arm_control.errors import FrameError, MissingPackageError, SceneError
from snake_arm_control.ros.obstacle_publisher import shape_to_marker
from snake_arm_control.ros.obstacles import marker_to_shape, Obstacles
from snake_arm_control.ros.scene_markers import markers_to_shapes, scene_to_markers

QUARTER = Quaternion(y=math.sin(math.pi / 4.0), w=math.cos(math.pi / 4.0))  # z to x


def marker(kind=Marker.SPHERE, scale=(0.2, 0.2, 0.2), at=(0.1, 0.2, 0.3), turn=Quaternion(w=1.0),
           number=1, **more):
    x, y, z = at
    made = Marker(ns='thing', id=number, type=kind, pose=Pose(
        position=Point(x=x, y=y, z=z), orientation=turn), **more)
    made.scale = Vector3(**dict(zip('xyz', map(float, scale))))
    return made


def taken(*markers, now=0.0, obstacles=None):
    obstacles = obstacles or Obstacles(lambda frame: None)
    obstacles.take(MarkerArray(markers=list(markers)), now)
    return obstacles


SHAPES = (Sphere((0.1, 0.2, 0.3), 0.05, name='a/1'),
          Box((0.1, 0.2, 0.3), (0.1, 0.2, 0.3), (0.3, -0.4, 0.5), name='a b/2'),
          Capsule((0.1, 0.2, 0.3), (0.3, 0.1, 0.7), 0.05, name='a/b/3'),
          Mesh('/a part.stl', Placement((0.1, 0.2, 0.3), (0.3, -0.4, 0.5)), name='a/4'))


def close(shape, other):
    """Return whether shapes are the same but for rounding."""
    frames = [np.column_stack(frame_of(each)) for each in (shape, other)]
    if isinstance(shape, (Sphere, Capsule)):  # they look the same from all sides
        frames = [frame[:, 3:] for frame in frames]
    moved = put(shape, *frame_of(other))
    return (type(shape) is type(other) and shape.name == other.name
            and np.allclose(*frames, atol=1e-9) and repr(moved)[:8] == repr(other)[:8])


@pytest.mark.parametrize('shape', SHAPES, ids=lambda shape: shape.name)
def test_a_shape_survives_the_way_through_an_obstacle_and_through_the_drawn_scene(shape):
    sent = shape_to_marker(shape)
    received = marker_to_shape(sent, f'{sent.ns}/{sent.id}', None)
    assert close(shape, received)
    drawn, = markers_to_shapes(MarkerArray(markers=scene_to_markers(Scene((shape,)), 'base')))
    assert close(shape, drawn)
    if isinstance(shape, Capsule):
        np.testing.assert_allclose((received.start, received.end), (shape.start, shape.end))
        assert received.radius == pytest.approx(shape.radius)


def test_a_floor_is_drawn_and_can_not_be_published():
    floor = HalfSpace((0.0, 0.0, 1.0), 0.2, name='floor')
    drawn, = markers_to_shapes(MarkerArray(markers=scene_to_markers(Scene((floor,)), 'base')))
    assert isinstance(drawn, Box) and drawn.center[2] + drawn.size[2] / 2.0 == pytest.approx(0.2)
    for bad, reason in ((HalfSpace((0, 0, 1), 0, name='a/1'), 'there are no markers of it'),
                        (Sphere((0, 0, 0), 1, name='ball'), "'ball', expected namespace/id")):
        with pytest.raises(SceneError, match=reason):
            shape_to_marker(bad)


@pytest.mark.parametrize('shape', (*SHAPES, HalfSpace((0.0, 0.6, 0.8), 0.2, name='h')),
                         ids=lambda shape: shape.name)
def test_a_shape_that_is_put_where_it_is_stays_and_elsewhere_has_that_frame(shape):
    assert np.allclose(np.column_stack(frame_of(put(shape, *frame_of(shape)))),
                       np.column_stack(frame_of(shape)), atol=1e-9)
    rotation = np.array(((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    turned, origin = frame_of(put(shape, rotation, np.array((0.3, 0.2, 0.1))))
    if isinstance(shape, HalfSpace):
        assert (0.3, 0.2, 0.1) @ turned[:, 2] == pytest.approx(origin @ turned[:, 2])
    else:
        np.testing.assert_allclose(origin, (0.3, 0.2, 0.1))
    if isinstance(shape, (Box, Mesh)):
        np.testing.assert_allclose(turned, rotation, atol=1e-12)


def test_a_sphere_is_as_wide_as_its_scale():
    assert taken(marker()).shapes == (Sphere((0.1, 0.2, 0.3), 0.1, name='thing/1'),)


def test_a_cube_keeps_its_orientation():
    box, = taken(marker(Marker.CUBE, (0.1, 0.2, 0.3), turn=QUARTER)).shapes
    assert isinstance(box, Box) and box.size == (0.1, 0.2, 0.3)
    np.testing.assert_allclose(box.rotation @ (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), atol=1e-12)


def test_a_cylinder_is_the_capsule_round_it():
    capsule, = taken(marker(Marker.CYLINDER, (0.1, 0.2, 0.4), turn=QUARTER)).shapes
    assert isinstance(capsule, Capsule) and capsule.radius == 0.1
    np.testing.assert_allclose((capsule.start, capsule.end), ((-0.1, 0.2, 0.3), (0.3, 0.2, 0.3)),
                               atol=1e-12)


def mesh_of(path):
    return marker(Marker.MESH_RESOURCE, (1, 1, 1), number=3, mesh_resource=path.as_uri())


def test_a_mesh_is_that_of_a_file(tmp_path):
    pytest.importorskip('coal')
    path = tmp_path / 'a part.stl'
    pytest.importorskip('trimesh').creation.box().export(path)
    mesh, = taken(mesh_of(path)).shapes
    assert isinstance(mesh, Mesh) and mesh.path == str(path)
    assert mesh.pose.xyz == pytest.approx((0.1, 0.2, 0.3))


@pytest.mark.parametrize('content', (None, b'', b'solid nothing'))
def test_a_mesh_that_can_not_be_read_is_refused_when_it_comes(tmp_path, content):
    """Not later, when the controller would meet it in a tick."""
    pytest.importorskip('coal')
    pytest.importorskip('trimesh')
    path = tmp_path / 'part.stl'
    if content is not None:
        path.write_bytes(content)
    obstacles = taken(marker(number=5))
    with pytest.raises(SceneError, match='part.stl'):
        taken(marker(number=2), mesh_of(path), obstacles=obstacles)
    assert [shape.name for shape in obstacles.shapes] == ['thing/5']


def test_without_the_library_a_mesh_is_refused_when_it_comes(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'coal', None)
    (tmp_path / 'other.stl').touch()
    with pytest.raises(MissingPackageError, match='mesh'):
        taken(mesh_of(tmp_path / 'other.stl'))


def test_a_mesh_whose_file_is_lost_counts_as_it_was(tmp_path):
    pytest.importorskip('coal')
    path = tmp_path / 'part.stl'
    pytest.importorskip('trimesh').creation.box().export(path)
    mesh = Mesh(path)
    before = MeshDistances([mesh])
    for lose in path.unlink, lambda: path.write_bytes(b'cut off'):
        lose()
        np.testing.assert_array_equal(MeshDistances([mesh]).cover, before.cover)


def test_there_may_not_be_more_obstacles_than_can_be_drawn():
    many = [marker(number=i) for i in range(1000)]
    obstacles = taken(*many)
    taken(marker(number=3, at=(1.0, 0.0, 0.0)), obstacles=obstacles)  # moves one
    with pytest.raises(SceneError, match='1001 obstacles, expected 1000 at most'):
        taken(marker(number=1000), obstacles=obstacles)
    assert len(obstacles.shapes) == 1000


@pytest.mark.parametrize(('bad', 'reason'), (
    (marker(scale=(0.2, 0.2, 0.3)), 'thing/1 is a sphere of the scales 0.2 0.2 0.3, expected eq'),
    (marker(scale=(0, 0, 0)), "radius of sphere 'thing/1' is 0.0"),
    (marker(Marker.ARROW), 'type 0, expected a sphere, a cube, a cylinder or a mesh'),
    (marker(action=7), 'has the action 7'),
    (marker(at=(math.nan, 0.0, 0.0)), 'nan'),
    (marker(Marker.MESH_RESOURCE, (1, 1, 1), mesh_resource='package://a/b.stl'),
     'package://a/b.stl'),
    (marker(Marker.MESH_RESOURCE, (2, 1, 1), mesh_resource='file:///b.stl'), 'scale')))
def test_what_is_no_solid_shape_is_refused_with_all_that_came_with_it(bad, reason):
    obstacles = taken(marker(number=5))
    with pytest.raises(SceneError, match=reason):
        taken(marker(number=2), bad, obstacles=obstacles)
    assert [shape.name for shape in obstacles.shapes] == ['thing/5']


def test_markers_move_and_delete_by_namespace_and_id():
    obstacles = taken(marker(), marker(number=2), marker(number=3))
    taken(marker(at=(0.0, 0.0, 1.0)), marker(action=Marker.DELETE, number=2), obstacles=obstacles)
    assert [shape.name for shape in obstacles.shapes] == ['thing/1', 'thing/3']
    assert obstacles.shapes[0].center == (0.0, 0.0, 1.0)
    taken(Marker(action=Marker.DELETEALL), obstacles=obstacles)
    assert obstacles.shapes == ()


def test_an_obstacle_lives_as_long_as_it_says():
    obstacles = taken(marker(lifetime=Duration(sec=1, nanosec=500_000_000)), marker(number=2),
                      now=10.0)
    assert not obstacles.expire(11.4)
    assert obstacles.expire(11.6)
    assert [shape.name for shape in obstacles.shapes] == ['thing/2']
    assert not obstacles.expire(1e9)


def test_an_obstacle_may_be_in_any_frame_that_is_known():
    def placement(frame):
        if frame != 'table':
            raise FrameError(f'the frame is {frame!r}')
        return np.array(((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))), np.array((1, 0, 0))

    obstacles, placed = Obstacles(placement), marker()
    placed.header.frame_id = 'table'
    taken(placed, obstacles=obstacles)
    assert obstacles.shapes[0].center == pytest.approx((0.8, 0.1, 0.3))
    placed.header.frame_id = 'chair'
    with pytest.raises(SceneError, match="thing/1: the frame is 'chair'"):
        taken(placed, obstacles=obstacles)
