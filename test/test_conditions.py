# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of conditions: bounds, cones, lines, distances and the like as parts of a goal."""

import math

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.condition import ConditionTerm, PARTS
from snake_arm_control.control.conditions import (
    Along,
    Cone,
    Distance,
    LookAt,
    OnLine,
    OnPlane,
    Within,
)
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import terms_of
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.control.optimiser import InverseSettings, make_optimiser
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import ArmError, GoalError
from snake_arm_control.model.exact import ExactModel

INF = math.inf
METHODS = ('levenberg_marquardt', 'momentum')
NONE, ANY = 3 * (-INF,), 3 * (INF,)
# One that an arm of 40 joints can meet, of each kind, as a target and with bounds.
CONDITIONS = {
    'range': Within(40, 'position', (0.3, -0.05, -INF), (0.4, 0.05, INF)),
    'range of an axis': Within(40, 'up', (-INF, -INF, 0.9), ANY),
    'in the frame of a joint': Within(40, 'position', (0.1, -INF, -0.1), (0.1, INF, 0.2), 20),
    'an axis in the frame of a joint': Within(40, 'forward', (-INF, -INF, -1.0),
                                              (INF, INF, 0.3), 20),
    'cone': Cone(40, (1.0, 0.0, -1.0), angle=0.3),
    'cone of up': Cone(40, (0.0, 0.0, 2.0), angle=0.2, axis='up'),
    'direction': Cone(40, (1.0, 0.0, -1.0)),
    'look at': LookAt(40, (0.6, 0.2, 0.1)),
    'look at, roughly': LookAt(40, (0.6, 0.2, 0.1), angle=0.2),
    'line': OnLine(40, (0.3, 0.2, 0.0), (0.0, 0.1, 1.0)),
    'tube': OnLine(20, (0.2, 0.1, 0.0), (0.0, 0.1, 1.0), 0.02),
    'plane': OnPlane(40, (1.0, 1.0, 0.0), 0.3),
    'slab': OnPlane(20, (1.0, 1.0, 0.0), 0.1, 0.01),
    'distance': Distance(40, (0.2, 0.0, 0.5), 0.3, 0.3),
    'distances': Distance(40, (0.0, 0.0, 0.9), 0.25, 0.3),
    'point': Distance(40, (0.4, 0.1, 0.5), 0.0, 0.0),
    'distance of joints': Distance(40, 20, 0.2, 0.25),
    'along': Along(40, ((0.0, 0.0, 0.3), (0.4, 0.0, 0.5), (0.4, 0.4, 0.5)), 0.02),
}
ALL = pytest.mark.parametrize('condition', CONDITIONS.values(), ids=CONDITIONS)


def random_angles(seed, bend=0.4):
    return np.random.default_rng(seed).uniform(-bend, bend, (40, 2))


def chain_of(seed, bend=0.4):
    return forward_kinematics(Arm(), random_angles(seed, bend))


def dense(functionals, shape):
    """Return the derivatives (values, joints, 9) of functionals of a chain."""
    rows = np.zeros((len(functionals.values), *shape))
    for row, joint, coefficients in zip(*functionals[1:4]):
        rows[row, joint] += coefficients
    return rows


@ALL
@pytest.mark.parametrize('seed', range(3))
def test_a_quantity_changes_with_the_chain_as_its_functionals_say(condition, seed):
    """Also off the chains that an arm can have, as a learned model's predictions are."""
    chain = chain_of(seed) + 0.02 * np.random.default_rng(seed).normal(size=(40, 9))
    found = dense(condition.measure(chain).functionals, chain.shape)
    assert np.abs(found).max() > 0.1
    step, expected = 1e-6, np.zeros_like(found)
    for joint in condition.joints:
        for component in range(9):
            ends = []
            for sign in (1.0, -1.0):
                moved = chain.copy()
                moved[joint - 1, component] += sign * step
                ends.append(condition.measure(moved).functionals.values)
            expected[:, joint - 1, component] = (ends[0] - ends[1]) / (2.0 * step)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@ALL
@pytest.mark.parametrize('method', METHODS)
def test_a_condition_is_met(condition, method):
    """Of the chain that kinematics have of the angles, within the tolerances."""
    goal = Goal.where(condition)
    settings = InverseSettings(method=method)
    found = solve(goal, random_angles(3, 0.1), ExactModel(Arm()), settings=settings)
    assert found.converged and found.iterations > 0
    values, lower, upper = (condition.measure(forward_kinematics(Arm(), found.angles))[0].values,
                            *condition.measure(forward_kinematics(Arm(), found.angles))[1:])
    assert (values >= lower - 0.02).all() and (values <= upper + 0.02).all()
    assert settings.tolerances(1.0).are_met(*goal.errors(forward_kinematics(Arm(), found.angles)))


def torch_quantity(condition, chain):
    """Return a quantity as torch computes it, from the words of the condition."""
    torch = pytest.importorskip('torch')

    def axis(joint, name):
        return chain[joint - 1, {'position': slice(0, 3), 'forward': slice(3, 6),
                                 'up': slice(6, 9)}[name]]

    def angle(a, b):
        return torch.atan2(torch.linalg.cross(a, b).norm(), a @ b)[None]
    place = axis(condition.joint, 'position')
    if isinstance(condition, Within):
        vector = axis(condition.joint, condition.which)
        if condition.relative_to:
            origin, z, y = (axis(condition.relative_to, each) for each in PARTS)
            if condition.which == 'position':
                vector = vector - origin
            vector = torch.stack((torch.linalg.cross(y, z), y, z)) @ vector
        bounded = [math.isfinite(a) or math.isfinite(b)
                   for a, b in zip(condition.lower, condition.upper)]
        return vector[bounded]
    if isinstance(condition, (Cone, LookAt)):
        way = torch.tensor(getattr(condition, 'direction', None)
                           or getattr(condition, 'point', None), dtype=torch.float64)
        if isinstance(condition, LookAt):
            way = way - place
        has = axis(condition.joint, condition.axis)
        return angle(has, way) if condition.angle else has - way / way.norm()
    if isinstance(condition, OnLine):
        way = torch.tensor(condition.point, dtype=torch.float64) - place
        across = torch.linalg.cross(torch.tensor(condition.direction, dtype=torch.float64), way)
        return across.norm()[None]
    if isinstance(condition, OnPlane):
        return (torch.tensor(condition.normal, dtype=torch.float64) @ place)[None]
    if isinstance(condition, Distance):
        to = (torch.tensor(condition.to, dtype=torch.float64)
              if isinstance(condition.to, tuple) else axis(condition.to, 'position'))
        return (place - to).norm()[None] if condition.most else place - to
    points = torch.tensor(condition.way, dtype=torch.float64)
    pieces = points[1:] - points[:-1]
    parts = ((place - points[:-1]) * pieces).sum(1) / (pieces ** 2).sum(1)
    return (place - points[:-1] - parts.clip(0, 1)[:, None] * pieces).norm(dim=1).min()[None]


@ALL
@pytest.mark.parametrize('seed', range(3))
def test_functionals_agree_with_torch_autograd(condition, seed):
    """Lengths, too, of what is a vector: of a line that is a target, its two parts across."""
    torch = pytest.importorskip('torch')
    chain = torch.tensor(chain_of(seed), requires_grad=True)
    measure = condition.measure(chain.detach().numpy())
    quantity = torch_quantity(condition, chain)
    values, found = measure.functionals.values, dense(measure.functionals, chain.shape)
    if len(quantity) < len(values):
        found = (values / np.linalg.norm(values)) @ found.reshape(len(values), -1)
        found = found.reshape(1, *chain.shape)
    expected = [torch.autograd.grad(each, chain, retain_graph=True)[0] for each in quantity]
    np.testing.assert_allclose(found, torch.stack(expected).numpy(), atol=1e-10)


@pytest.mark.parametrize('method', METHODS)
@ALL
def test_bounds_that_are_far_change_no_step_by_a_bit(condition, method):
    """A target is never far within its bounds."""
    measure = condition.measure(chain_of(1))
    if (measure.lower == measure.upper).any():
        return
    arm, settings, angles = Arm(), InverseSettings(method=method), random_angles(2)
    model = ExactModel(arm).linearize(angles)
    wide = LookAt(40, (0.0, 0.0, -9.0), angle=math.pi) if condition.part != 'position' else (
        Within(condition.joint, 'position', 3 * (-5.0,), 3 * (5.0,)))
    goal = Goal.tool(position=(0.4, 0.1, 0.5))
    steps = [make_optimiser(arm, settings).step(
        demands(terms_of(each, arm, settings), model.chain, angles), angles, model, 0.3)
        for each in (goal, goal & Goal.where(wide))]
    assert steps[0].tobytes() == steps[1].tobytes() != angles.tobytes()


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('condition', (
    Within(40, 'position', NONE, (0.3, INF, INF)), OnPlane(40, (1.0, 0.0, 0.0), 0.1, 0.2),
    Within(40, 'position', NONE, (0.4, 0.05, INF))))
def test_bounds_that_are_met_are_kept_before_a_target_beyond_them(condition, method):
    """The arm comes to rest at the bound that is nearest to the target, and does not tremble."""
    arm, goal = Arm(), Goal.tool(position=(0.8, 0.1, 0.5)) & Goal.where(condition)
    settings = InverseSettings(method=method)
    optimiser, angles, worst = make_optimiser(arm, settings), random_angles(5, 0.02), 0.0
    terms, moved = terms_of(goal, arm, settings), []
    for _ in range(100 if method == 'levenberg_marquardt' else 4000):
        model = ExactModel(arm).linearize(angles)
        worst = max(worst, condition.error(model.chain))
        after = optimiser.step(demands(terms, model.chain, angles), angles, model, 0.02)
        moved.append(np.abs(after - angles).max())
        angles = after
    chain = forward_kinematics(arm, angles)
    assert worst < 1e-3 and condition.error(chain) < 1e-4
    assert 0.2 < goal.position_error(chain)
    measure = condition.measure(chain)
    assert (measure.functionals.values > measure.upper - 2e-3).any()
    assert max(moved[-10:]) < 1e-3


@pytest.mark.parametrize('method', METHODS)
def test_several_conditions_are_met_together_and_beside_targets(method):
    conditions = (OnLine(40, (0.3, 0.2, 0.0), (0.0, 0.0, 1.0)), LookAt(40, (0.6, 0.2, 0.1)),
                  Within(20, 'position', (-INF, -INF, 0.35), ANY), Distance(20, 40, 0.2, 0.4))
    goal = Goal.joint(40, position=(None, None, 0.4)) & Goal.where(*conditions)
    found = solve(goal, random_angles(3, 0.1), ExactModel(Arm()),
                  settings=InverseSettings(method=method))
    chain = forward_kinematics(Arm(), found.angles)
    assert found.converged
    assert max(each.error(chain) for each in conditions) <= math.radians(1.0)
    assert abs(chain[-1, 2] - 0.4) < 1e-3


@pytest.mark.parametrize('seed', range(3))
def test_the_body_follows_a_way(seed):
    """Every fifth joint near one curve, the tool at its end: so do those in between."""
    bends = 0.1 * np.sin(np.linspace(0.0, 3.0, 40)[:, None] + (seed, 2 * seed + 1))
    way = tuple(map(tuple, forward_kinematics(Arm(), bends)[:, :3]))
    goal = Goal.tool(position=way[-1]) & Goal.where(
        *(Along(joint, way, 0.01) for joint in range(5, 40, 5)))
    found = solve(goal, random_angles(7, 0.05), ExactModel(Arm()))
    assert found.converged
    places = forward_kinematics(Arm(), found.angles)[:, :3]
    gaps = np.linalg.norm(places[:, None] - np.array(way), axis=2).min(axis=1)
    assert gaps.max() < 0.04
    free = solve(Goal.tool(position=way[-1]), random_angles(7, 0.05), ExactModel(Arm()))
    places = forward_kinematics(Arm(), free.angles)[:, :3]
    assert np.linalg.norm(places[:, None] - np.array(way), axis=2).min(axis=1).max() > 0.05


def test_errors_are_of_the_joint_and_the_part_that_a_condition_is_about():
    chain = chain_of(4)
    place = OnPlane(20, (0.0, 0.0, 1.0), chain[19, 2] - 0.03, 0.01)
    turned = Cone(30, chain[29, 6:], angle=0.0, axis='up')
    goal = Goal.where(place, turned)
    positions, axes = goal.position_errors(chain), goal.axis_errors(chain)
    assert positions[19] == pytest.approx(0.02) and (np.delete(positions, 19) == 0.0).all()
    assert axes == pytest.approx(0.0, abs=1e-7)
    rotated = chain.copy()
    rotated[29, 6:] = np.cos(0.2) * chain[29, 6:] + np.sin(0.2) * chain[29, 3:6]
    assert goal.axis_errors(rotated)[29] == pytest.approx((0.0, 0.2))
    assert goal.errors(rotated) == pytest.approx((0.02, 0.2))
    batch = np.stack((chain, rotated))
    np.testing.assert_allclose(goal.axis_errors(batch)[:, 29, 1], (0.0, 0.2), atol=1e-7)
    assert goal.asked.sum() == 2 and goal.asked[19, 0] and goal.asked[29, 2]
    assert not goal.is_free and not goal.cared.any()


@ALL
def test_a_condition_survives_yaml(condition):
    goal = Goal.joint(7, position=(0.1, None, 1e-7)) & Goal.where(condition)
    assert Goal.from_yaml(goal.to_yaml()) == goal
    assert Goal.from_yaml(goal.to_yaml()) != Goal.joint(7, position=(0.1, None, 1e-7))


def test_yaml_says_all_that_goals_can_as_documented():
    text = """
    - joint: tool
      position: [0.45, [-0.1, 0.1], [~, 0.5]]
      forward: {direction: [0, 0, -1], angle: 0.2}
      up: [~, ~, [0.9, 1]]
    - joint: 30
      relative_to: middle
      position: [~, 0.1, [0.2, ~]]
    - joint: 10
      look_at: [0.5, 0, 0.3]
    - joint: 20
      on_line: {point: [0.2, 0, 0], direction: [0, 0, 1], distance: 0.01}
      on_plane: {normal: [0, 0, 1], offset: 0.4}
      distance: {to: middle, least: 0.1}
      along: {way: [[0, 0, 0], [0.2, 0, 0.5]], distance: 0.02}
    - posture: {joint_3_x: 0.2}
    """
    expected = Goal.where(
        Within(40, 'position', (-INF, -0.1, -INF), (INF, 0.1, 0.5)),
        Cone(40, (0, 0, -1), angle=0.2), Within(40, 'up', (-INF, -INF, 0.9), (INF, INF, 1.0)),
        Within(30, 'position', (-INF, 0.1, 0.2), (INF, 0.1, INF), 19), LookAt(10, (0.5, 0, 0.3)),
        OnLine(20, (0.2, 0, 0), (0, 0, 1), 0.01), OnPlane(20, (0, 0, 1), 0.4),
        Distance(20, 19, 0.1), Along(20, ((0, 0, 0), (0.2, 0, 0.5)), 0.02))
    expected = expected & Goal.joint(40, (0.45, None, None)) & Goal.preferring({'joint_3_x': 0.2})
    assert Goal.from_yaml(text, numbers={'middle': 19}) == expected
    assert Goal.from_yaml('[posture: rest]') == Goal.preferring({})
    assert Goal.tool(position=(0.45, (-0.1, 0.1), (None, 0.5))) == Goal.from_yaml(
        '[{joint: tool, position: [0.45, [-0.1, 0.1], [~, 0.5]]}]')


@pytest.mark.parametrize(('text', 'message'), (
    ('{joint: 1, position: [[0.2, 0.1], ~, ~]}', 'position of joint 1 shall be from 0.2 to 0.1'),
    ('{joint: 1, position: [[1, 2, 3], ~, ~]}', 'expected three numbers'),
    ('{joint: 1, position: {x: 1}}', 'expected three numbers'),
    ('{joint: 1, forward: {angle: 1}}', 'forward of joint 1 has no direction'),
    ('{joint: 1, forward: {direction: [0, 0, 0]}}', 'expected a direction'),
    ('{joint: 1, forward: {direction: [0, 0, 1], angle: 4}}', 'angle .* is 4, expected .* 3.14'),
    ('{joint: 1, look_at: [0, 0]}', 'point .* expected three finite numbers'),
    ('{joint: 1, look_at: {point: [0, 0, 1], axis: side}}', 'expected forward or up'),
    ('{joint: 1, look_at: {at: [0, 0, 1]}}', "look_at of joint 1 has 'at'"),
    ('{joint: 1, on_line: {point: [0, 0, 1]}}', 'on_line of joint 1 has no direction'),
    ('{joint: 1, on_plane: {normal: [0, 0, 1], offset: .nan}}', 'offset .* is nan'),
    ('{joint: 1, on_plane: 3}', 'on_plane of joint 1 is 3, expected a mapping'),
    ('{joint: 1, distance: {to: 9}}', 'joint number is 9, expected an integer from 1 to 5'),
    ('{joint: 1, distance: {to: hand}}', "joint number is 'hand'"),
    ('{joint: 1, distance: {to: 1}}', 'distance to itself'),
    ('{joint: 1, distance: {to: 2, least: 2, most: 1}}', 'most .* is 1, expected .* from 2'),
    ('{joint: 1, relative_to: 1, position: [0, 0, 1]}', 'joint 1 is relative to itself'),
    ('{joint: 1, relative_to: 7, position: [0, 0, 1]}', 'joint number is 7'),
    ('{joint: 1, along: {way: [[0, 0, 1]], distance: 1}}', 'expected two points or more'),
    ('{joint: 1, along: {way: 3, distance: 1}}', 'way of a condition on joint 1 is 3'),
    ('{posture: sleepy}', "posture is 'sleepy', expected rest"),
    ('{posture: {a: b}}', "'a' at 'b', expected the name of a joint and a finite number"),
    ('{joint: 1, posture: rest}', 'expected joint and any of'),
))
def test_what_can_not_be_is_refused_with_the_reason(text, message):
    with pytest.raises(GoalError, match=message):
        Goal.from_yaml(f'[{text}]', 5)


def test_a_goal_that_moves_on_a_little_is_near_and_another_one_is_not():
    def goal(*offset, angle=0.1):
        return Goal.where(LookAt(40, np.add((0.5, 0.0, 0.3), offset), angle=angle))
    assert goal(0, 0, 0) == goal(0, 0, 0) and goal(0, 0, 0.01) != goal(0, 0, 0)
    assert goal(0, 0, 0.01).is_near(goal(0, 0, 0), 0.05, 1.0)
    assert not goal(0, 0, 0.06).is_near(goal(0, 0, 0), 0.05, 1.0)
    assert not goal(0, 0, 0).is_near(Goal.where(LookAt(39, (0.5, 0.0, 0.3), angle=0.1)), 0.05, 1.0)
    assert not goal(0, 0, 0).is_near(Goal.free(), 0.05, 1.0)


@pytest.mark.parametrize('ask', (
    lambda position: Goal.tool(position=position),
    lambda position: Goal.where(OnLine(40, position, (1.0, 0.0, 0.0), 0.1))))
def test_positions_are_near_by_the_length_of_the_arm(ask):
    here, there = ask((0.0, 0.0, 0.5)), ask((0.0, 0.0, 0.51))
    assert here.is_near(there, 0.05, 1.0) and not here.is_near(there, 0.05, 0.1)


def run(goal, seconds=8.0, settings=ControlSettings(use_feedback=False)):
    """Return a loop that pursued a goal, its arm doing what it is commanded."""
    loop = ControlLoop(ExactModel(Arm()), settings)
    loop.start(random_angles(2, 0.02))
    loop.set_goal(goal)
    for tick in range(1, round(200 * seconds)):
        loop.iterate(0.005 * tick, round(5e6 * tick))
    return loop


@ALL
def test_the_loop_reaches_a_condition_and_comes_to_rest(condition):
    loop = run(Goal.where(condition))
    assert loop.state(8.0) is State.REACHED
    assert loop.tolerances.are_met(*loop.errors())
    before = loop.commands
    for tick in range(1, 20):
        loop.iterate(8.0 + 0.005 * tick, round(8e9 + 5e6 * tick))
    assert loop.commands == before


def test_what_a_goal_leaves_free_takes_the_posture_that_it_prefers():
    """Nearer to it than without; without a target, all the way; and then the arm rests."""
    target, posture = Goal.tool(position=(0.4, 0.2, 0.5)), {'joint_20_x': 0.5, 'joint_3_y': -0.3}
    there = Arm().angles_from(posture)
    off = [np.linalg.norm(run(goal).angles - there)
           for goal in (target, target & Goal.preferring(posture))]
    assert off[1] < 0.8 * off[0]
    alone = run(Goal.preferring(posture))
    assert np.abs(alone.angles - there).max() < 0.03 and alone.state(8.0) is State.REACHED
    solved = solve(target & Goal.preferring(posture), Arm().rest, ExactModel(Arm()))
    assert solved.converged and np.linalg.norm(solved.angles - there) < 0.8 * off[0]


def test_a_posture_of_no_joints_of_the_arm_is_refused_and_the_goal_before_stays():
    loop, before = ControlLoop(ExactModel(Arm())), Goal.tool(position=(0.4, 0.2, 0.5))
    loop.set_goal(before)
    with pytest.raises(ArmError, match="no joint 'elbow'"):
        loop.set_goal(Goal.preferring({'elbow': 0.1}))
    assert loop.goal == before
    with pytest.raises(GoalError, match='two postures'):
        Goal.preferring({'joint_1_x': 0.1}) & Goal.preferring({})


def test_a_condition_of_a_gain_of_zero_changes_nothing():
    term = ConditionTerm(OnPlane(40, (0.0, 0.0, 1.0), 0.3), np.zeros(9), 1.0)
    assert term.residuals(chain_of(1), None) is None
    assert term.inequalities(chain_of(1), None) is None


@ALL
def test_the_outline_of_a_condition_is_of_finite_lines(condition):
    lines = condition.outline(chain_of(1), 0.2)
    assert lines.ndim == 3 and lines.shape[1:] == (2, 3) and np.isfinite(lines).all()
    assert len(lines) or condition.part != 'position'
