# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of solving among obstacles: nothing is touched on the way, and ways around are found."""

from dataclasses import replace
from itertools import islice

from arms import OTHERS, random_angles, urdf_of
import numpy as np
import pytest

from snake_arm_control import (
    Arm,
    Box,
    Capsule,
    ForwardModel,
    Goal,
    HalfSpace,
    InverseSettings,
    Scene,
    solve,
    Sphere,
)
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.bench.scene_check import least_clearance
from snake_arm_control.bench.scenes import FAMILIES, problems
from snake_arm_control.control.avoidance import Avoidance
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.descent import finish
from snake_arm_control.control.free_space import FreeSpace
from snake_arm_control.control.shapes import Mesh
from snake_arm_control.control.travel import longest_way
from snake_arm_control.errors import SettingsError
from snake_arm_control.model.exact import ExactModel

FLOOR = HalfSpace((0, 0, 1), 0.0, name='floor')
METHODS = (InverseSettings(), InverseSettings(method='momentum', gradient_scale=0.02,
                                              momentum=0.9))
STRIDE = 0.01


def problem(family, number=0):
    generator = np.random.default_rng((11, list(FAMILIES).index(family)))
    return next(islice(problems(family, Arm(), generator), number, None))


def check(found, scene, goal, arm=None, body=None, stride=STRIDE):
    """Check all that a path promises: where it begins and ends, its steps, and no contact."""
    arm = arm or Arm()
    body = body or ArmBody.of(arm)
    np.testing.assert_array_equal(found.path[0], arm.rest)
    np.testing.assert_array_equal(found.path[-1], found.angles)
    assert (found.path >= arm.lower).all() and (found.path <= arm.upper).all()
    chains = forward_kinematics(arm, found.path)
    assert max(map(longest_way, chains[:-1], chains[1:]), default=0.0) <= 1.03 * stride
    assert least_clearance(scene, body, found.path) > 0.0
    assert found.clearance > 0.0
    assert found.converged == InverseSettings().tolerances(arm.length).are_met(
        float(goal.position_error(chains[-1])), float(goal.axis_error(chains[-1])))


@pytest.mark.parametrize('settings', METHODS, ids=lambda each: each.method)
@pytest.mark.parametrize('family', ('floor', 'spheres', 'forest'))
def test_on_the_way_to_a_goal_nothing_is_touched(family, settings):
    """By either optimiser, reached or not; the descent of second order reaches it."""
    given = problem(family)
    goal = given.goal('position', 40)
    found = solve(goal, Arm().rest, ExactModel(Arm()), settings=settings, scene=given.scene,
                  own_body=True, stride=STRIDE, keep_path=True, max_iterations=400, restarts=0)
    check(found, given.scene, goal)
    assert len(found.path) > 20
    if settings.method != 'momentum':
        assert found.converged


@pytest.mark.parametrize(('family', 'number'), (('shelf', 1), ('pipe', 3)))
@pytest.mark.parametrize('kind', ('position', 'pose'))
def test_where_a_descent_is_stuck_a_way_around_is_found(family, number, kind):
    given = problem(family, number)
    goal = given.goal(kind, 40)
    stuck, found = (solve(goal, Arm().rest, ExactModel(Arm()), scene=given.scene, own_body=True,
                          stride=STRIDE, keep_path=True, max_iterations=5000, restarts=restarts)
                    for restarts in (0, 12))
    assert not stuck.converged
    check(stuck, given.scene, goal)
    assert found.converged
    check(found, given.scene, goal)


def test_a_goal_within_an_obstacle_is_not_reached_and_not_touched():
    scene = Scene((FLOOR, Sphere((0.3, 0.0, 0.5), 0.1)))
    goal = Goal.tool(position=(0.3, 0.0, 0.5))
    found = solve(goal, Arm().rest, ExactModel(Arm()), scene=scene, own_body=True, stride=STRIDE,
                  keep_path=True, restarts=2)
    assert not found.converged
    check(found, scene, goal)
    assert 0.1 < found.position_error < 0.12  # it stands at the surface


@pytest.mark.parametrize('depth', (0.002, 0.01, 0.03))
@pytest.mark.parametrize('stride', (STRIDE, None))
def test_an_arm_that_is_touched_gives_way_to_the_margin(depth, stride):
    """As where an obstacle has moved into it, though nothing else is wanted of it."""
    ball = Sphere((0.1 + ArmBody.of(Arm()).radii[0] - depth, 0.01, 0.5), 0.1)
    scene = Scene((ball, FLOOR))
    clearances = Clearances(scene, ArmBody.of(Arm()))
    assert clearances.clearance(forward_kinematics(Arm(), Arm().rest)) < 0.0
    found = solve(Goal.free(40), Arm().rest, ExactModel(Arm()), scene=scene, own_body=True,
                  stride=stride, restarts=0)
    assert found.converged
    left = clearances.clearance(forward_kinematics(Arm(), found.angles))
    assert left == pytest.approx(scene.margin, abs=5e-4)


def test_the_arm_rests_at_the_margin():
    """The tool is wanted below the floor: it comes down to the margin, and no farther."""
    scene = Scene((FLOOR,), margin=0.01)
    found = solve(Goal.tool(position=(0.5, 0.0, -0.2)), Arm().rest, ExactModel(Arm()),
                  scene=scene, own_body=True, stride=STRIDE, restarts=0)
    clearances = Clearances(scene, ArmBody.of(Arm()))
    chain = forward_kinematics(Arm(), found.angles)
    assert clearances.clearance(chain) == pytest.approx(0.01, abs=1e-3)
    assert found.clearance >= 0.5 * 0.01


@pytest.mark.parametrize('settings', METHODS, ids=lambda each: each.method)
def test_what_sleeps_changes_nothing_by_a_bit(settings):
    """An obstacle, and the own body, that are never nearer than the distance of influence."""
    goal = Goal.tool(position=(0.3, 0.2, 0.8))
    far = Scene((Sphere((-0.8, -0.8, 0.1), 0.05), HalfSpace((0, 0, 1), -1.0)))
    plain, among = (solve(goal, Arm().rest, ExactModel(Arm()), settings=settings, stride=STRIDE,
                          keep_path=True, max_iterations=150, **given)
                    for given in ({}, {'scene': far, 'own_body': True}))
    assert len(plain.path) > 20
    assert plain.path.tobytes() == among.path.tobytes()


def test_an_obstacle_that_is_awake_does_change_the_path():
    goal = Goal.tool(position=(0.6, 0.0, 0.5))
    near = Scene((Sphere((0.35, 0.0, 0.8), 0.1),))
    plain, among = (solve(goal, Arm().rest, ExactModel(Arm()), stride=STRIDE, keep_path=True,
                          **given) for given in ({}, {'scene': near}))
    assert plain.converged and among.converged
    assert least_clearance(near, ArmBody.of(Arm()), plain.path, own_body=False) < 0.0
    check(among, near, goal)


def test_without_a_wish_for_it_there_is_no_path_and_no_clearance():
    found = solve(Goal.tool(position=(0.3, 0.2, 0.8)), Arm().rest, ExactModel(Arm()))
    assert found.path is None
    assert found.clearance == np.inf


@pytest.mark.parametrize('arm', OTHERS[:3], ids=lambda arm: arm.tip)
def test_arms_of_other_kinds_avoid_too(arm):
    """A ball stands where the tool would pass: half way to a goal that is reached without it."""
    body, model = ArmBody.of(arm, 0.02 * arm.length), ExactModel(arm)
    own = Clearances(None, body)
    tried = 0
    for seed in range(40):
        end = random_angles(arm, seed=seed, bend=0.4)
        chains = forward_kinematics(arm, np.stack((arm.rest, 0.5 * (arm.rest + end), end)))
        scene = Scene((Sphere(chains[1, -1, :3], 0.04 * arm.length),), margin=2e-3 * arm.length)
        clearances = Clearances(scene, body)
        if min(clearances.clearance(chains[0]), clearances.clearance(chains[2]),
               own.clearance(chains[1])) < 0.02 * arm.length:
            continue
        goal = Goal.tool(position=chains[2, -1, :3], joints=arm.joints)
        found = solve(goal, arm.rest, model, scene=scene, own_body=True, body=body,
                      stride=0.01 * arm.length, keep_path=True, restarts=3)
        check(found, scene, goal, arm, body, 0.01 * arm.length)
        tried += 1
        if tried == 4:
            break
    assert tried


def test_the_learned_model_with_true_poses_touches_nothing():
    arm = Arm()
    goal = Goal.tool(position=(0.6, 0.0, 0.5))
    scene = Scene((Sphere((0.35, 0.0, 0.8), 0.1), FLOOR), margin=0.01)
    found = solve(goal, arm.rest, ForwardModel.load(), lambda at: forward_kinematics(arm, at),
                  scene=scene, own_body=True, stride=STRIDE, keep_path=True)
    assert found.converged
    check(found, scene, goal)


def test_avoidance_counts_with_the_scene_that_it_is_given():
    """More is awake the larger the influence is, and nothing is without shapes and own body."""
    chain = forward_kinematics(Arm(), Arm().rest)
    body = ArmBody.of(Arm())
    assert Avoidance(None, body, own_body=False).inequalities(chain, Arm().rest) is None
    wall = Scene((Box((0.09, 0.0, 0.5), (0.1, 1.0, 1.0)),))
    assert len(Avoidance(wall, body).inequalities(chain, Arm().rest).values) == 40
    assert Avoidance(wall, body, influence=0.03).inequalities(chain, Arm().rest) is None


def box_round(center, half, wall=0.02):
    """Return the six walls of a closed box."""
    shapes = []
    for axis in np.eye(3):
        for side in (-1.0, 1.0):
            size = 2.0 * (half + wall) * (1.0 - axis) + wall * axis
            shapes.append(Box(center + side * (half + 0.5 * wall) * axis, size))
    return shapes


def test_out_of_a_closed_box_there_is_no_way():
    center = np.array((0.4, 0.0, 0.4))
    shapes = box_round(center, 0.1)
    body = ArmBody.of(Arm())
    start, none = np.array((0.0, 0.0, 1.0)), np.zeros((0, 3))
    assert finish(FreeSpace(Clearances(Scene(shapes), body), 39).way(start, center, none)) is None
    open_box = FreeSpace(Clearances(Scene(shapes[:-1]), body), 39)  # without its lid
    way = finish(open_box.way(start, center, none))
    np.testing.assert_array_equal(way[[0, -1]], (start, center))
    for before, after in zip(way[:-1], way[1:]):
        assert open_box.is_straight_way_free(before, after)


def test_ways_keep_off_ways_before_where_they_have_a_choice():
    scene = Scene((Capsule((0.3, -0.2, 0.6), (0.3, 0.2, 0.6), 0.08),))
    space = FreeSpace(Clearances(scene, ArmBody.of(Arm())), 39)
    start, end = np.array((0.0, 0.0, 0.8)), np.array((0.6, 0.0, 0.4))
    first = finish(space.way(start, end, np.zeros((0, 3))))
    middle = np.concatenate([before + np.linspace(0, 1, 10)[:, None] * (after - before)
                             for before, after in zip(first[:-1], first[1:])])
    second = finish(space.way(start, end, middle[5:-5]))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize('stride', (0.0, -1.0, np.nan))
def test_a_stride_that_can_not_be_is_refused(stride):
    with pytest.raises(SettingsError, match='stride is .*, expected a positive number'):
        solve(Goal.free(40), Arm().rest, ExactModel(Arm()), stride=stride)


def test_settings_bound_a_step_among_obstacles_too():
    settings = replace(InverseSettings(), max_step=0.01)
    found = solve(Goal.tool(position=(0.6, 0.0, 0.5)), Arm().rest, ExactModel(Arm()),
                  settings=settings, scene=Scene((FLOOR,)), keep_path=True, max_iterations=50,
                  restarts=0)
    assert np.abs(np.diff(found.path, axis=0)).max() <= 0.01 + 1e-12


def test_ways_lead_around_meshes_too(tmp_path):
    """Two plates as files: a descent alone does not get in between them, a way does."""
    trimesh = pytest.importorskip('trimesh')
    pytest.importorskip('coal')
    given, shapes = problem('shelf', 1), [FLOOR]
    for number, plate in enumerate(given.scene.shapes[1:]):
        path = tmp_path / f'plate_{number}.stl'
        trimesh.creation.box(plate.size).export(path)
        shapes.append(Mesh(path, Placement(plate.center, plate.orientation)))
    goal, scene = given.goal('position', 40), Scene(tuple(shapes))
    stuck, found = (solve(goal, Arm().rest, ExactModel(Arm()), scene=scene, own_body=True,
                          stride=STRIDE, keep_path=True, max_iterations=3000, restarts=restarts)
                    for restarts in (0, 4))
    assert not stuck.converged and found.converged
    check(found, given.scene, goal)


@pytest.mark.parametrize('seed', (3, 4))
def test_an_arm_of_few_joints_gets_from_any_pose_to_any_other(seed):
    """Most of their ways lead into the limits of a joint, where nothing but the arm is around."""
    arm = Arm.from_urdf(urdf_of('panda'))
    angles = random_angles(arm, (12,), seed)
    for before, after in zip(angles[:-1], angles[1:]):
        tool = forward_kinematics(arm, after)[-1]
        goal = Goal.tool(*np.split(tool, 3), joints=arm.joints)
        assert solve(goal, before, ExactModel(arm), own_body=True).converged
