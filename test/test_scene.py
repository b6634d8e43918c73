# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of scenes: what can be a shape, and how a scene is read and written."""

from dataclasses import FrozenInstanceError
import math

import numpy as np
import pytest

from snake_arm_control import Box, Capsule, HalfSpace, Scene, Sphere
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.shapes import Mesh
from snake_arm_control.errors import SceneError

EVERY = Scene((
    Sphere((0.3, 0.0, 0.5), 0.05),
    Box((0.4, 0, 0.3), (0.5, 0.5, 0.016), (0.1, 0.2, 0.3), name='plate'),
    Capsule((0.2, 0.2, 0.0), (0.2, 0.2, 1.0), 0.02), HalfSpace((0, 0, 1), 0.0, name='floor'),
    Mesh('part.stl', Placement((0.1, 0.0, 0.2), (0.0, 0.0, 1.5)))), margin=0.003)

WRONG = (
    (lambda: Sphere((0, 0), 0.1), r'center of a sphere is \(0, 0\), expected 3 finite numbers'),
    (lambda: Sphere((0, 0, math.nan), 0.1), 'center of a sphere .* expected 3 finite numbers'),
    (lambda: Sphere('abc', 0.1, name='ball'), "center of sphere 'ball' is 'abc'"),
    (lambda: Sphere((0, 0, 1), -0.1, name='ball'),
     "radius of sphere 'ball' is -0.1, expected a pos"),
    (lambda: Sphere((0, 0, 1), True), 'radius of a sphere is True, expected a positive'),
    (lambda: Sphere((0, 0, 1), 0.1, name=3), 'the name of a sphere is 3, expected text'),
    (lambda: Capsule((0, 0, 1), (0, 0, 2), 0.0), 'radius of a capsule is 0.0'),
    (lambda: Box((0, 0, 1), (1, 0, 1)), r'size of a box is \(1.0, 0.0, 1.0\), expected three pos'),
    (lambda: Box((0, 0, 1), (1, 1, 1), (0, 0)), r'orientation of a box is \(0, 0\)'),
    (lambda: HalfSpace((0, 0, 0), 0.0), 'normal of a half-space .* expected not zero'),
    (lambda: HalfSpace((0, 0, 1), math.inf), 'offset of a half-space is inf, expected a finite'),
    (lambda: Mesh(''), "path of a mesh is '', expected that of a file"),
    (lambda: Mesh('a.stl', (0, 0, 0)), r'pose of a mesh is \(0, 0, 0\), expected a Placement'),
    (lambda: Scene(('a ball',)), "shape 1 is 'a ball', expected one of Sphere, Box"),
    (lambda: Scene(2 * (Sphere((0, 0, 1), 1, name='a'),)), "two shapes .* 'a'"),
    (lambda: Scene(margin=0.0), 'the margin is 0.0, expected a positive finite number'),
    (lambda: Scene().without('floor'), "there is no shape 'floor', expected of none"))

WRONG_TEXTS = (
    ('[', 'the scene is not YAML'),
    ('- sphere', 'the scene is .* expected a mapping of margin, shapes'),
    ('floor: 1', "the scene has 'floor', expected of margin, shapes"),
    ('shapes: {a: 1}', 'shapes is .* expected a list'),
    ('shapes: [ball]', "shape 1 is 'ball', expected a mapping of sphere"),
    ('shapes: [{ball: {}}]', "shape 1 has 'ball', expected of sphere, box, capsule, half_space"),
    ('shapes: [{name: a}]', 'shape 1 is of no kind, expected one of sphere'),
    ('shapes: [{sphere: {}, box: {}}]', 'shape 1 is of sphere and box, expected one of'),
    ('shapes: [{sphere: {center: [0, 0, 1]}}]', 'shape 1 has no radius, expected center, radius'),
    ('shapes: [{sphere: {centre: [0, 0, 1]}}]', "shape 1 has 'centre', expected of center, rad"),
    ('shapes: [{name: b, sphere: {center: [0], radius: 1}}]', r"center of sphere 'b' is \[0\]"),
    ('shapes: [{mesh: {path: a.stl, xyz: [0]}}]', r'shape 1: xyz is \[0\], expected three finite'),
    ('margin: thick', "the margin is 'thick', expected a positive finite number"))


@pytest.mark.parametrize(('make', 'message'), WRONG)
def test_what_can_not_be_is_refused_with_what_was_got_and_expected(make, message):
    with pytest.raises(SceneError, match=message):
        make()


@pytest.mark.parametrize(('text', 'message'), WRONG_TEXTS)
def test_a_text_that_is_no_scene_is_refused_with_the_place_and_the_value(text, message):
    with pytest.raises(SceneError, match=message):
        Scene.from_yaml(text)


def test_yaml_of_a_scene_reads_back_as_the_same_scene():
    assert Scene.from_yaml(EVERY.to_yaml()) == EVERY


def test_the_scene_of_the_documentation_can_be_read():
    from snake_arm_control.control import scene
    text = scene.__doc__.split('::', 1)[1]
    read = Scene.from_yaml(text)
    assert [type(shape) for shape in read.shapes] == [HalfSpace, Sphere, Capsule, Box, Mesh]
    assert read.names[0] == 'floor'


def test_an_empty_text_is_an_empty_scene():
    assert Scene.from_yaml('') == Scene()


def test_paths_of_meshes_are_relative_to_the_file_of_the_scene(tmp_path):
    file = tmp_path / 'scene.yaml'
    file.write_text('shapes: [{mesh: {path: part.stl}}]')
    assert Scene.from_file(file).shapes[0].path == str(tmp_path / 'part.stl')
    with pytest.raises(SceneError, match='the scene .*missing.yaml can not be read'):
        Scene.from_file(tmp_path / 'missing.yaml')


def test_a_shape_without_a_name_gets_one_that_says_what_it_is():
    assert EVERY.names == ('sphere 1', 'plate', 'capsule 3', 'floor', 'mesh 5')


def test_a_shape_of_the_same_name_takes_the_place_of_the_old_one():
    moved = EVERY.with_shapes(HalfSpace((0, 0, 1), -0.1, name='floor'),
                              Sphere((1, 0, 0), 0.1, name='new'))
    assert moved.names == ('sphere 1', 'plate', 'capsule 3', 'mesh 5', 'floor', 'new')
    assert moved.shapes[4].offset == -0.1
    assert EVERY.without('plate', 'floor').names == ('sphere 1', 'capsule 3', 'mesh 5')


def test_nobody_can_change_a_scene():
    center = np.array((0.0, 0.0, 1.0))
    ball = Sphere(center, 0.1)
    center[0] = 5.0
    assert ball.center == (0.0, 0.0, 1.0)
    with pytest.raises(FrozenInstanceError):
        ball.radius = 1.0
    with pytest.raises(FrozenInstanceError):
        EVERY.margin = 1.0


def test_a_normal_is_made_a_unit_vector_without_moving_the_surface():
    assert HalfSpace((0, 0, 2), 1.0) == HalfSpace((0, 0, 1), 0.5)
