# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of foresight: what moves takes up where it will be in a moment, too."""

from dataclasses import replace

import numpy as np
import pytest

from snake_arm_control.control.foresight import Foresight
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Sphere

AHEAD = 0.5  # [s]
VELOCITY = np.array((0.2, 0.0, -0.1))  # [m/s]
BALL = Sphere((0.3, 0.0, 0.5), 0.05, name='ball')
BOX = Box((0.4, 0.1, 0.2), (0.1, 0.2, 0.3), name='box')
POLE = Capsule((0.1, 0.2, 0.0), (0.1, 0.2, 1.0), 0.02, name='pole')
WALL = HalfSpace((1.0, 0.0, 0.0), -0.5, name='wall')


def moved(shape, way):
    if isinstance(shape, HalfSpace):
        return replace(shape, offset=shape.offset + float(way @ np.array(shape.normal)))
    return replace(shape, **{part: tuple(np.add(getattr(shape, part), way))
                             for part in ('center', 'start', 'end') if hasattr(shape, part)})


def along(shape, way, size):
    """Return a shape on its way, one beside the other, and the last at its end."""
    length = np.linalg.norm(way)
    return [moved(shape, way * min(k * size / length, 1.0))
            for k in range(1, int(np.ceil(length / size)) + 1)]


def seen(*shapes, period=0.05):
    """Return what knows a shape by one scene after the other."""
    foresight = Foresight()
    for k, shape in enumerate(shapes):
        foresight.take(Scene((shape,)), 10.0 + k * period)
    return foresight


@pytest.mark.parametrize('shape', (BALL, BOX, POLE, WALL), ids=lambda shape: shape.name)
def test_a_shape_that_stays_is_itself(shape):
    assert seen(shape, shape, shape).foreseen == Scene((shape,))


@pytest.mark.parametrize(('shape', 'later'), (
    (BALL, lambda now, way: [now, Capsule(now.center, tuple(np.add(now.center, way)), 0.05)]),
    (BOX, lambda now, way: [now, *along(now, way, 0.1)]),
    (POLE, lambda now, way: [now, *along(now, way, 0.04)]),
    (WALL, lambda now, way: [moved(now, way)])), ids=('ball', 'box', 'pole', 'wall'))
def test_a_shape_that_moves_takes_up_where_it_will_be(shape, later):
    now = moved(moved(shape, 0.05 * VELOCITY), 0.05 * VELOCITY)
    found = seen(shape, moved(shape, 0.05 * VELOCITY), now).foreseen.shapes
    expected = later(now, AHEAD * VELOCITY)
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert type(one) is type(other)
        for part in ('center', 'start', 'end', 'offset', 'radius'):
            if hasattr(one, part):
                np.testing.assert_allclose(getattr(one, part), getattr(other, part), atol=1e-12)


def test_of_a_fast_and_thin_shape_only_the_next_part_of_its_way_is_taken_up():
    """Without a gap, through which an arm would go."""
    way = np.array((0.05, 0.0, 0.0))
    first, *others = seen(POLE, moved(POLE, way), moved(POLE, 2 * way)).foreseen.shapes
    places = [first.start[0], *(other.start[0] for other in others)]
    assert len({first.name, *(other.name for other in others)}) == len(places) == 5
    np.testing.assert_allclose(np.diff(places), 2.0 * POLE.radius)


def test_a_wall_that_draws_back_is_where_it_is_now():
    away = moved(WALL, np.array((-0.01, 0.0, 0.0)))
    back = moved(away, np.array((-0.01, 0.0, 0.0)))
    assert seen(WALL, away, back).foreseen == Scene((back,))


def test_a_shape_that_is_not_moved_again_is_stationary_a_moment_later():
    foresight = seen(BALL, moved(BALL, 0.05 * VELOCITY), moved(BALL, 0.1 * VELOCITY))
    assert not foresight.expire(10.2)
    assert foresight.expire(10.5) and foresight.foreseen == foresight.scene
    assert not foresight.expire(10.6)


def test_a_shape_that_leaps_after_a_while_or_has_another_name_is_not_foreseen():
    for other in (replace(moved(BALL, VELOCITY), name='another'), moved(BALL, VELOCITY)):
        assert seen(BALL, other, period=5.0).foreseen == Scene((other,))
