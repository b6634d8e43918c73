# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of clearances: what may touch what, how clearances change, and which ways are free."""

from arms import ARMS, random_angles
import numpy as np
import pytest

from snake_arm_control import Arm, Box, Capsule, HalfSpace, Scene, Sphere
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.arm.urdf_body import Body, shapes_of
from snake_arm_control.arm.urdf_capsules import body_of_urdf
from snake_arm_control.arm.urdf_tree import robot_element
from snake_arm_control.control.avoidance import Avoidance
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.kernels import clearances, segments
from snake_arm_control.control.kernels.clearances import OWN
from snake_arm_control.control.travel import longest_way, Travel
from snake_arm_control.errors import ArmError, ShapeError
from snake_arm_control.model.exact import ExactModel

FLOOR = HalfSpace((0, 0, 1), 0.0, name='floor')
AMONG = Scene((FLOOR, Sphere((0.3, 0.05, 0.5), 0.08, name='ball'),
               Box((-0.3, 0.0, 0.5), (0.2, 0.3, 0.1), (0.3, 0.2, 0.1), name='box'),
               Capsule((0.0, 0.3, 0.1), (0.1, 0.35, 0.9), 0.03, name='column')))


@pytest.fixture(params=ARMS.values(), ids=ARMS)
def arm(request):
    return request.param


def on_rails():
    """Return an arm of hinges on two slides without limits."""
    up = Placement((0.0, 0.0, 0.2))
    return Arm([Link('along', up, [Axis('x', (1.0, 0.0, 0.0), slides=True)]),
                Link('across', axes=[Axis('y', (0.0, 1.0, 0.0), slides=True)]),
                *(Link(f'link_{j}', up, [Axis(f'hinge_{j}', axis)])
                  for j, axis in enumerate(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)) * 2))], up)


def chain_at(arm, seed=0, bend=0.5):
    return forward_kinematics(arm, random_angles(arm, seed=seed, bend=bend))


def test_the_default_body_is_a_capsule_along_each_segment():
    body, chain = ArmBody.of(Arm()), chain_at(Arm())
    np.testing.assert_array_equal(body.radii, np.full(40, 0.00625))
    placed = clearances.place(chain, body.elements, body.starts, body.ends)
    np.testing.assert_allclose(placed[:, 1], chain[:, :3], atol=1e-12)
    np.testing.assert_allclose(placed[1:, 0], chain[:-1, :3], atol=1e-12)
    np.testing.assert_allclose(placed[0, 0], 0.0, atol=1e-12)


def test_links_reach_from_joint_to_joint_whatever_the_arm(arm):
    """Where nothing slides: the axis of a link then begins where that of the one before ends."""
    body = ArmBody.of(arm, 0.01)
    chain = chain_at(arm)
    placed = clearances.place(chain, body.elements, body.starts, body.ends)[body.elements >= 0]
    np.testing.assert_allclose(placed[:, 1], chain[:, :3], atol=1e-9)
    still = ~arm.geometry.slides[1:].any(axis=1)
    np.testing.assert_allclose(placed[1:, 0][still], chain[:-1, :3][still], atol=1e-9)


@pytest.mark.parametrize(('values', 'error'), (
    ({'radii': np.zeros(2)}, 'a radius of the body is 0.0, expected positive'),
    ({'starts': np.full((2, 3), np.nan)}, 'starts of the body are not all finite'),
    ({'elements': np.array((0, 2))}, 'not of 0 to 1, or -1 for the base'),
    ({'starts': np.zeros((3, 3))}, r'starts has shape \(3, 3\), expected \(2, 3\)')))
def test_a_body_that_can_not_be_is_refused(values, error):
    arm = Arm.uniform(2)
    given = {'elements': np.arange(2), 'starts': np.zeros((2, 3)), 'ends': np.ones((2, 3)),
             'radii': np.ones(2), 'names': ('a', 'b'), **values}
    with pytest.raises((ArmError, ShapeError), match=error):
        ArmBody(arm, **given)


def test_a_clearance_changes_with_the_chain_as_its_functional_says(arm):
    """Held against finite differences by the angles, through the exact model."""
    body = ArmBody.of(arm, 0.02 * arm.segment_length)
    size = arm.length
    scene = Scene((Sphere((0.4 * size, 0.1, 0.3 * size), 0.1 * size),
                   Box((-0.3 * size, 0.1, 0.2), 3 * (0.1 * size,), (0.3, 0.2, 0.1)),
                   HalfSpace((0.1, 0.2, 1.0), -0.5 * size)))
    clearances = Clearances(scene, body)
    model, angles, step = ExactModel(arm), random_angles(arm, bend=0.4), 1e-6
    here = model.linearize(angles)
    near = clearances.near(here.chain)
    assert len(near.numbers)
    rows, joints, coefficients = clearances.functionals(here.chain, near)
    slopes = here.functional_rows(rows, joints, coefficients)
    slopes = np.concatenate((slopes, np.zeros((len(near.numbers) - len(slopes),
                                               *slopes.shape[1:]))))
    change = np.random.default_rng(1).normal(size=angles.shape)
    change[~arm.free] = 0.0

    def by_pair(at):
        found = clearances.near(model.predict(at))
        return {tuple(numbers): value for numbers, value in zip(
            found.numbers.tolist(), found.clearances)}

    ahead, behind = by_pair(angles + step * change), by_pair(angles - step * change)
    compared = 0
    for numbers, slope in zip(near.numbers.tolist(), np.einsum('njk,jk->n', slopes, change)):
        if tuple(numbers) in ahead and tuple(numbers) in behind:
            measured = (ahead[tuple(numbers)] - behind[tuple(numbers)]) / (2.0 * step)
            assert slope == pytest.approx(measured, abs=2e-4 * max(1.0, size))
            compared += 1
    assert compared >= min(3, len(near.numbers))


def test_functionals_of_clearances_agree_with_torch_autograd(arm):
    """A clearance is the length of the way between the nearest points, which stay so at first."""
    torch = pytest.importorskip('torch')
    body, size = ArmBody.of(arm, 0.02 * arm.segment_length), arm.length
    clearances = Clearances(Scene((
        Sphere((0.4 * size, 0.1, 0.3 * size), 0.1 * size),
        Box((-0.3 * size, 0.1, 0.2), 3 * (0.1 * size,), (0.3, 0.2, 0.1)),
        Capsule((-0.3 * size, -0.4 * size, 0.0), (0.3 * size, -0.4 * size, size), 0.03 * size),
        HalfSpace((0.1, 0.2, 1.0), -0.5 * size))), body)
    chain = torch.tensor(chain_at(arm), requires_grad=True)
    near = clearances.near(chain.detach().numpy())
    rows, joints, coefficients = clearances.functionals(chain.detach().numpy(), near)
    assert len(near.numbers) >= 4

    def point(link, s):
        element = body.elements[link]
        place = torch.tensor(body.starts[link] + s * (body.ends[link] - body.starts[link]))
        if element < 0:
            return place
        forward, up = chain[element, 3:6], chain[element, 6:]
        side = torch.linalg.cross(up, forward)
        return chain[element, :3] + place[0] * side + place[1] * up + place[2] * forward

    for number, ((kind, link, other), (clearance, *normal, s, t)) in enumerate(
            zip(near.numbers, near.values)):
        one, radius = point(link, s), body.radii[link]
        if kind == OWN:
            far = point(clearances.pairs[other, 0], t)
            radius = radius + body.radii[clearances.pairs[other, 0]]
        else:
            far = (one - (clearance + radius) * torch.tensor(normal)).detach()
        length = (one - far).norm() - radius
        if clearance + radius < 1e-6 or clearance < 0.0:
            continue
        assert float(length.detach()) == pytest.approx(clearance, abs=1e-9)
        expected = torch.zeros_like(chain)
        if length.requires_grad:
            expected, = torch.autograd.grad(length, chain, retain_graph=True)
        found = np.zeros(chain.shape)
        for row in np.flatnonzero(rows == number):
            found[joints[row]] += coefficients[row]
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-8)


def test_links_that_a_joint_connects_and_those_in_each_other_at_rest_may_touch():
    arm = Arm.uniform(6, 0.02)
    assert {tuple(pair) for pair in Clearances(None, ArmBody.of(arm)).pairs} == {
        (i, k) for i in range(6) for k in range(i + 2, 6)}
    thick = Clearances(None, ArmBody.of(arm, 0.015))  # 3 cm, where two links on are 2 cm apart
    assert {tuple(pair) for pair in thick.pairs} == {
        (i, k) for i in range(6) for k in range(i + 3, 6)}
    assert not len(Clearances(None, ArmBody.of(arm), own_body=False).pairs)


@pytest.mark.parametrize('apart', (-1e-9, 0.0, 1e-9))
def test_links_that_touch_at_rest_up_to_rounding_may_touch(apart):
    """As of an arm whose hinges come in pairs: it could not move at all."""
    arm = Arm.uniform(6, 0.02)
    pairs = Clearances(None, ArmBody.of(arm, 0.01 - apart / 2.0)).pairs
    assert {tuple(pair) for pair in pairs} == {(i, k) for i in range(6) for k in range(i + 3, 6)}


def test_the_first_link_may_stand_in_the_floor_and_no_other():
    body = ArmBody.of(Arm())
    clearances = Clearances(Scene((FLOOR,)), body, own_body=False)
    chain = forward_kinematics(Arm(), Arm().rest)
    nearest = clearances.nearest(chain)
    assert (nearest.link, nearest.other) == ('link_2', 'floor')
    assert nearest.clearance == pytest.approx(0.025 - 0.00625)
    high = Clearances(Scene((HalfSpace((0, 0, 1), -0.1),)), body, own_body=False)
    assert high.nearest(chain).link == 'link_1'


def test_the_nearest_pair_is_named_and_its_points_are_on_both_surfaces():
    body = ArmBody.of(Arm())
    clearances = Clearances(Scene((Sphere((0.1, 0.0, 0.5), 0.05, name='ball'),)), body)
    found = clearances.nearest(forward_kinematics(Arm(), Arm().rest))
    assert found.other == 'ball'
    assert found.clearance == pytest.approx(0.1 - 0.05 - 0.00625)
    np.testing.assert_allclose(found.points, ((0.00625, 0, 0.5), (0.05, 0, 0.5)), atol=1e-12)


def test_nothing_to_touch_is_an_infinite_clearance():
    clearances = Clearances(None, ArmBody.of(Arm()), own_body=False)
    assert clearances.clearance(forward_kinematics(Arm(), Arm().rest)) == np.inf


def test_a_chain_of_another_arm_is_refused():
    with pytest.raises(ShapeError, match=r'chain has shape \(3, 9\), expected \(40, 9\)'):
        Clearances(None, ArmBody.of(Arm())).near(np.zeros((3, 9)))


def test_what_is_awake_is_what_is_nearer_than_the_influence():
    arm = Arm()
    chain = chain_at(arm, bend=0.3)
    every = Clearances(AMONG, ArmBody.of(arm)).near(chain)
    for influence in (0.0, 0.01, 0.05, 0.2):
        term = Avoidance(AMONG, ArmBody.of(arm), influence=influence)
        awake = term.inequalities(chain, arm.rest)
        count = 0 if awake is None else len(awake.values)
        assert count == np.sum(every.clearances < influence)
        if awake is not None:
            assert (awake.values < influence).all()
            assert set(awake.rows) == set(range(count))


@pytest.mark.parametrize('seed', range(40))
def test_a_way_that_is_judged_free_touches_nothing_in_between(seed):
    """Held against clearances at many configurations between."""
    arm = Arm.uniform(12, 1.0 / 12)
    generator = np.random.default_rng(seed)
    clearances = Clearances(AMONG, ArmBody.of(arm))
    model, least = ExactModel(arm), 0.001
    start = random_angles(arm, seed=seed, bend=0.3)
    if clearances.clearance(model.predict(start)) < least:
        start = arm.rest
    end = arm.clip(start + generator.uniform(0.02, 0.4) * generator.normal(size=start.shape))
    travel = Travel(model, clearances)
    free = travel.is_free(start, model.predict(start), end, model.predict(end))
    ways = start + np.linspace(0.0, 1.0, 300)[:, None, None] * (end - start)
    worst = min(clearances.clearance(chain) for chain in model.predict(ways))
    assert not free or worst > 0.0
    if worst < 0.0:
        assert not free


@pytest.mark.parametrize('seed', range(10))
def test_slides_without_limits_are_judged_by_where_they_are(seed):
    """Some of their ways are free, and those touch nothing in between."""
    arm, generator = on_rails(), np.random.default_rng(seed)
    clearances, model = Clearances(AMONG, ArmBody.of(arm, 0.01)), ExactModel(arm)
    travel, verdicts = Travel(model, clearances), set()
    for size in 0.003, 0.01, 0.03, 0.1, 0.3, 1.0:
        start = arm.rest
        while start is arm.rest or clearances.clearance(model.predict(start)) < 0.01:
            start = generator.uniform(-0.6, 0.6, arm.rest.shape) * arm.free
        end = start + size * generator.normal(size=start.shape) * arm.free
        free = travel.is_free(start, model.predict(start), end, model.predict(end))
        ways = start + np.linspace(0.0, 1.0, 200)[:, None, None] * (end - start)
        worst = min(clearances.clearance(chain) for chain in model.predict(ways))
        assert not free or worst > 0.0
        verdicts.add((free, worst > 0.0))
    assert (True, True) in verdicts


def test_a_way_that_is_clear_at_both_ends_and_bends_into_a_ceiling_is_not_free():
    """A tip that swings from one side to the other is highest in between."""
    arm = Arm.uniform(1, 1.0, 1.0)
    model = ExactModel(arm)
    left, right = np.array(((0.0, -0.8),)), np.array(((0.0, 0.8),))
    for height, expected in ((0.9, False), (1.1, True)):
        ceiling = Scene((HalfSpace((0, 0, -1), -height),))
        travel = Travel(model, Clearances(ceiling, ArmBody.of(arm, 0.01)))
        assert travel.is_free(left, model.predict(left), right, model.predict(right)) is expected


def test_some_ways_are_free_and_others_are_not():
    arm = Arm()
    model = ExactModel(arm)
    travel = Travel(model, Clearances(AMONG, ArmBody.of(arm)))
    bend = np.zeros((40, 2))
    bend[:10, 1] = 0.1  # towards the ball
    for size, expected in ((0.1, True), (1.0, False)):
        assert travel.is_free(arm.rest, model.predict(arm.rest), size * bend,
                              model.predict(size * bend)) is expected


@pytest.mark.parametrize('shape', (Sphere((0.0, 0.05, 0.8), 0.05), HalfSpace((0, -1, 0), -0.005),
                                   Box((0.0, 0.1, 0.8), (0.5, 0.2, 0.5))), ids=type)
def test_what_touches_gets_no_deeper_but_may_leave(shape):
    arm = Arm.uniform(2, 0.5, 1.0)
    model, bend = ExactModel(arm), np.array(((0.01, 0.0), (0.0, 0.0)))  # towards -y
    travel = Travel(model, Clearances(Scene((shape,)), ArmBody.of(arm, 0.01)))
    assert travel._clearances.clearance(model.predict(arm.rest)) < 0.0
    for change, expected in ((bend, True), (-bend, False), (0.0 * bend, True)):
        later = arm.rest + change
        assert travel.is_free(arm.rest, model.predict(arm.rest), later,
                              model.predict(later)) is expected


@pytest.mark.parametrize('aside', (0.003, 0.01))
def test_a_model_whose_error_changes_on_the_way_leads_into_nothing(aside):
    """The arm goes along a wall, and the true one towards it: by how much shows at each step."""
    arm, wall = Arm.uniform(2, 0.5, 1.2), Scene((HalfSpace((-1, 0, 0), -0.0109),))
    model, clearances = ExactModel(arm), Clearances(wall, ArmBody.of(arm, 0.01))
    travel, angles = Travel(model, clearances, 0.03), arm.rest
    wanted = np.array(((-1.0, 0.0), (0.0, 0.0)))
    for _ in range(100):
        predicted = model.predict(angles)
        true = predicted.copy()
        true[:, 0] += aside * predicted[:, 1]
        assert clearances.clearance(true) > 0.0
        angles = travel.step(angles, true, wanted, predicted - true).angles
    assert predicted[1, 1] > 0.03 and clearances.clearance(true) < 5e-4  # it went up to the wall


@pytest.mark.parametrize('stride', (0.002, 0.01, 0.1))
def test_no_joint_goes_farther_than_a_stride(stride):
    arm = Arm()
    model = ExactModel(arm)
    start, wanted = random_angles(arm, bend=0.2), random_angles(arm, seed=1, bend=0.4)
    arrival = Travel(model, None, stride).step(start, model.predict(start), wanted)
    far = longest_way(model.predict(start), arrival.chain)
    assert 0.5 * stride < far <= 1.02 * stride
    np.testing.assert_allclose(arrival.angles, start + arrival.fraction * (wanted - start))


BOXES = """<robot name="two"><link name="base">
<collision><origin xyz="0 0 0.05"/><geometry><cylinder radius="0.06" length="0.1"/></geometry>
</collision></link>
<joint name="a" type="revolute"><parent link="base"/><child link="upper"/>
<origin xyz="0 0 0.2" rpy="0.3 0.2 0.1"/><axis xyz="0 1 0"/><limit lower="-1" upper="1"/></joint>
<link name="upper"><collision><origin xyz="0.02 0 0.1" rpy="0.1 0.2 0.3"/>
<geometry><box size="0.04 0.05 0.2"/></geometry></collision>
<collision><origin xyz="0 0 0.2"/><geometry><sphere radius="0.03"/></geometry></collision></link>
<joint name="b" type="revolute"><parent link="upper"/><child link="lower"/>
<origin xyz="0 0 0.25"/><axis xyz="1 0 0"/><limit lower="-1" upper="1"/></joint>
<link name="lower"><collision><geometry><mesh filename="none.stl"/></geometry></collision></link>
<joint name="c" type="fixed"><parent link="lower"/><child link="tip"/><origin xyz="0 0 0.1"/>
</joint><link name="tip"/></robot>"""


def test_capsules_hold_all_collision_shapes_of_their_links():
    """Wherever the joints are: corners of boxes, and rims of cylinders, are within."""
    body, robot = body_of_urdf(BOXES), Body(BOXES)
    assert body.names == ('base', 'upper', 'lower')
    assert body.radii[1] < 0.055  # of a box of 4 by 5 cm, and a ball 2 cm beside it
    angles = random_angles(body.arm)
    placed = robot.place(body.arm.named(angles))
    ends = clearances.place(robot.chain(placed), body.elements, body.starts, body.ends)
    checked = 0
    corners = np.argwhere(np.ones((2, 2, 2))) - 0.5
    for link, shape in shapes_of(robot_element(BOXES), 'collision'):
        if shape is None:
            continue
        _, placement, scale, _ = shape
        number = body.names.index(link)
        for corner in corners * (0.7 if shape[0] == 'cylinder' else 1.0):
            if shape[0] == 'sphere':
                corner = 0.5 * corner / np.linalg.norm(corner)
            point = (placed[robot.links.index(link)] @ placement
                     @ np.array((*(corner * scale), 1.0)))[:3]
            distance = segments.from_round(np.stack((point, point)), ends[number])[0]
            assert distance <= body.radii[number] + 1e-4
            checked += 1
    assert checked == 24


def test_a_link_with_meshes_alone_gets_a_straight_capsule():
    arm = Arm.from_urdf(BOXES)
    plain, found = ArmBody.of(arm, 0.01), body_of_urdf(BOXES, radius=0.01)
    np.testing.assert_array_equal(found.ends[2], plain.ends[2])
    assert found.radii[2] == 0.01


def test_the_body_of_our_own_urdf_is_as_thick_as_the_default_body():
    found = body_of_urdf(urdf_text(Arm()))
    np.testing.assert_allclose(found.radii, 0.00625, atol=2e-5)
    chain = chain_at(Arm())
    placed = clearances.place(chain, found.elements, found.starts, found.ends)
    far = np.linalg.norm(placed[found.elements >= 0] - chain[:, None, :3], axis=2).min(axis=1)
    np.testing.assert_allclose(far[:-1], 0.0, atol=1e-5)  # a ball at each joint, not at the tip
