# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of inverse control: equation 3, equation 4, the bounds, and don't care."""

from dataclasses import replace
import math

from hypothesis import given, settings as examples, strategies
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.conditions import OnPlane
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import finish, terms_of
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.imagination import grow
from snake_arm_control.control.optimiser import (
    advance,
    InverseSettings,
    LevenbergMarquardt,
    make_optimiser,
    MomentumDescent,
)
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import ShapeError
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

JOINTS = (1, 2, 40, 100)
BENDS = {'zero': 0.0, 'nearly straight': 1e-6, 'bent': 0.5}
ROUNDING = 1e-12  # [rad]
FREE_TARGETS = (math.nan, math.inf, -math.inf, 1e308, -1e30, 3.0, -0.0)
# No bound that binds, so that a step is equation 3 and nothing else.
UNBOUND = InverseSettings(method='momentum', gradient_scale=1e-3, max_step=1.0, momentum=0.0)
PLAIN = InverseSettings(centering=0.0)
METHODS = ('momentum', 'levenberg_marquardt')
UNLIKE = SimulationSettings(length_error=0.05, joint_offset=math.radians(2.0))


def random_angles(arm, seed=0, bend=0.5):
    return np.random.default_rng(seed).uniform(
        -bend * arm.upper[0, 0], bend * arm.upper[0, 0], (arm.joints, 2))


def random_goal(arm, seed=0, fraction=0.5):
    """Return a reachable goal that cares for a fraction of the components, not all alike."""
    generator = np.random.default_rng(seed + 1000)
    weight = generator.uniform(0.5, 2.0, (arm.joints, 9))
    weight *= generator.random(weight.shape) < fraction
    weight[-1, 0] = 1.0
    return Goal(forward_kinematics(arm, random_angles(arm, seed + 1)), weight)


def step(goal, angles, linearization, estimate, arm, settings):
    """Return the first step of a descent."""
    return take(make_optimiser(arm, settings), goal, angles, linearization, estimate,
                settings.max_step, settings)


def take(descent, goal, angles, linearization, estimate, bound, settings=PLAIN, terms=()):
    """Take the next step of a descent to a goal."""
    wanted = demands(terms_of(goal, descent._arm, settings, terms), estimate, angles)
    return descent.step(wanted, angles, linearization, bound)


def descent(model, goal, angles, settings, length):
    """
    Return -eta times the slope of sum(weight gamma (y - z)^2) / 2, by central differences.

    :param model: a function from angles (*batch, joints, 2) to chains
    """
    gains = np.repeat((settings.position_gain / length ** 2, settings.axis_gain), (3, 6))
    small = 1e-5
    nudges = small * np.eye(angles.size).reshape(angles.size, *angles.shape)

    def loss(at):
        chain = np.asarray(model(at), dtype=float)
        return 0.5 * np.sum(goal.weight * gains * (chain - goal.target) ** 2, axis=(-2, -1))

    slope = (loss(angles + nudges) - loss(angles - nudges)) / (2.0 * small)
    return -settings.gradient_scale * slope.reshape(angles.shape)


@pytest.mark.parametrize('joints', JOINTS)
@pytest.mark.parametrize('bend', BENDS.values(), ids=BENDS)
def test_with_feedback_equal_to_the_prediction_a_step_descends_the_weighted_discrepancy(
        joints, bend):
    """Equation 4 then reduces to plain gradient descent (equation 3 without momentum)."""
    arm = Arm.uniform(joints=joints)
    model, goal, angles = ExactModel(arm), random_goal(arm), random_angles(arm, bend=bend)
    linearization = model.linearize(angles)
    moved = step(goal, angles, linearization, linearization.chain, arm, UNBOUND)
    expected = descent(lambda at: forward_kinematics(arm, at), goal, angles, UNBOUND,
                       arm.length)
    assert np.abs(expected).max() > 1e-7
    np.testing.assert_allclose(moved - angles, expected, rtol=1e-4,
                               atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize('joints', (2, 40))
def test_the_same_holds_of_the_learned_model(joints):
    arm = Arm.uniform(joints=joints)
    model = ForwardModel.load(arm=arm, dtype=np.float64)
    goal, angles = random_goal(arm), random_angles(arm)
    linearization = model.linearize(angles)
    moved = step(goal, angles, linearization, linearization.chain, arm, UNBOUND)
    expected = descent(model.predict, goal, angles, UNBOUND,
                       arm.length)
    assert np.abs(expected).max() > 1e-7
    np.testing.assert_allclose(moved - angles, expected, rtol=1e-4,
                               atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize('joints', (1, 2, 40))
def test_with_feedback_a_step_follows_the_true_discrepancy_through_the_models_derivative(joints):
    """Equation 4: the target shown to the model is z' = y + gamma (z - u)."""
    arm = Arm.uniform(joints=joints)
    goal, angles = random_goal(arm), random_angles(arm)
    true = SimulatedArm(arm, UNLIKE).true_chain(angles)
    linearization = ExactModel(arm).linearize(angles)
    gains = np.array(3 * (UNBOUND.position_gain / arm.length ** 2,) + 6 * (UNBOUND.axis_gain,))
    shown = linearization.chain + gains * (goal.target - true)
    by_chain = goal.weight * (linearization.chain - shown)
    expected = angles - UNBOUND.gradient_scale * linearization.gradient(by_chain)
    moved = step(goal, angles, linearization, true, arm, UNBOUND)
    assert np.abs(expected - angles).max() > 1e-7
    np.testing.assert_allclose(moved, expected, atol=ROUNDING)


@pytest.mark.parametrize('momentum', (0.0, 0.3, 0.9))
def test_momentum_adds_its_fraction_of_the_way_since_the_step_before(momentum):
    """Of what the arm did, and not of what was asked of it."""
    arm = Arm.uniform(joints=3)
    goal, angles = random_goal(arm), random_angles(arm)
    before = angles - np.random.default_rng(5).uniform(-0.02, 0.02, angles.shape)
    linearization = ExactModel(arm).linearize(angles)
    settings = replace(UNBOUND, momentum=momentum)
    chain = linearization.chain
    resting = step(goal, angles, linearization, chain, arm, settings)
    descent = MomentumDescent(arm, settings)
    take(descent, goal, before, ExactModel(arm).linearize(before), chain, 1.0, settings)
    moving = take(descent, goal, angles, linearization, chain, 1.0, settings)
    np.testing.assert_allclose(moving - resting, momentum * (angles - before), atol=ROUNDING)
    descent.reset()
    np.testing.assert_array_equal(
        take(descent, goal, angles, linearization, chain, 1.0, settings), resting)


@pytest.mark.parametrize('joints', JOINTS)
@pytest.mark.parametrize('bend', BENDS.values(), ids=BENDS)
def test_with_every_component_free_an_arm_at_rest_does_not_move(joints, bend):
    arm = Arm.uniform(joints=joints)
    angles = random_angles(arm, bend=bend)
    linearization = ExactModel(arm).linearize(angles)
    estimate = np.full((joints, 9), np.nan)
    for method in METHODS:
        descent = make_optimiser(arm, InverseSettings(method=method))
        for _ in range(3):
            moved = take(descent, Goal.free(joints), angles, linearization, estimate, 1.0,
                         InverseSettings(method=method))
            np.testing.assert_array_equal(moved, angles)


@pytest.mark.parametrize('method', METHODS)
def test_nor_with_the_learned_model(learned, method):
    angles = random_angles(learned.arm)
    linearization = learned.linearize(angles)
    moved = step(Goal.free(), angles, linearization, linearization.chain,
                 learned.arm, InverseSettings(method=method))
    np.testing.assert_array_equal(moved, angles)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('free_target', FREE_TARGETS)
def test_the_target_of_a_dont_care_component_leaves_solve_bit_identical(
        learned, free_target, method):
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    other = Goal(np.where(goal.cared, goal.target, free_target), goal.weight)
    true_chain = SimulatedArm(learned.arm, UNLIKE).true_chain
    for truth in (None, true_chain):
        first, second = (solve(each, np.zeros((40, 2)), learned, truth,
                               InverseSettings(method=method), max_iterations=40)
                         for each in (goal, other))
        assert first.angles.any()
        assert first.angles.tobytes() == second.angles.tobytes()
        assert first[1:] == second[1:]


@pytest.mark.parametrize('settings', (UNBOUND, InverseSettings()), ids=METHODS)
@pytest.mark.parametrize('seed', range(5))
def test_what_is_estimated_of_a_dont_care_component_leaves_a_step_bit_identical(
        learned, seed, settings):
    goal, angles = random_goal(learned.arm, seed), random_angles(learned.arm, seed)
    linearization = learned.linearize(angles)
    estimate = np.array(linearization.chain, dtype=float)
    expected = step(goal, angles, linearization, estimate, learned.arm, settings)
    assert (expected != angles).any()
    for value in FREE_TARGETS:
        moved = step(goal, angles, linearization,
                     np.where(goal.cared, estimate, value), learned.arm, settings)
        assert moved.tobytes() == expected.tobytes()


def test_the_target_of_a_cared_component_does_matter(learned):
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    target = np.array(goal.target)
    target[-1, 0] += 1e-3
    first, second = (solve(each, np.zeros((40, 2)), learned, max_iterations=40)
                     for each in (goal, Goal(target, goal.weight)))
    assert (first.angles != second.angles).any()


@given(change=strategies.lists(strategies.floats(allow_nan=True, allow_infinity=True),
                               min_size=6, max_size=6),
       start=strategies.lists(strategies.floats(-1.0, 1.0), min_size=6, max_size=6),
       bound=strategies.floats(0.0, 1.0))
@examples(max_examples=500)
def test_a_step_stays_within_its_bound_and_the_limits_whatever_the_change(change, start, bound):
    arm = Arm.uniform(joints=3)
    angles = arm.upper[0, 0] * np.reshape(start, (3, 2))
    moved = advance(arm, angles, np.reshape(change, (3, 2)), bound)
    assert np.abs(moved - angles).max() <= bound + ROUNDING
    assert np.abs(moved).max() <= arm.upper[0, 0]


def test_a_step_that_is_too_long_is_shortened_and_keeps_its_direction():
    arm = Arm.uniform(joints=2)
    change = np.array(((0.4, -0.2), (0.1, 0.0)))
    np.testing.assert_allclose(advance(arm, np.zeros((2, 2)), change, 0.04), change / 10.0)
    np.testing.assert_array_equal(advance(arm, np.zeros((2, 2)), change, 0.4), change)


@pytest.mark.filterwarnings('ignore:overflow', 'ignore:invalid')
@pytest.mark.parametrize('target', (1e20, 1e38, 1e300))
@pytest.mark.parametrize('weight', (1.0, 1e300))
def test_a_target_beyond_all_bounds_makes_no_step_beyond_its_bound(learned, target, weight):
    weights = np.zeros((40, 9))
    weights[-1, :3] = weight
    goal = Goal(np.full((40, 9), target), weights)
    for model in (learned, ExactModel(learned.arm)):
        for method in METHODS:
            angles = random_angles(learned.arm)
            settings = InverseSettings(method=method)
            descent = make_optimiser(learned.arm, settings)
            for _ in range(5):
                linearization = model.linearize(angles)
                before, angles = angles, take(descent, goal, angles, linearization,
                                              linearization.chain, 0.05, settings)
                assert np.isfinite(angles).all()
                assert np.abs(angles - before).max() <= 0.05 + ROUNDING
        assert not solve(goal, np.zeros((40, 2)), model, max_iterations=5).converged


@pytest.mark.parametrize('joints', (10, 20, 40))
@pytest.mark.parametrize('seed', range(2))
def test_solve_reaches_a_reachable_tool_position(joints, seed):
    arm = Arm.uniform(joints=joints, segment_length=1.0 / joints)
    target = forward_kinematics(arm, random_angles(arm, seed + 3, bend=0.4))
    goal = Goal.tool(position=target[-1, :3], joints=joints)
    solution = solve(goal, random_angles(arm, seed, bend=0.1), ExactModel(arm))
    assert solution.converged
    assert 0 < solution.iterations < 2000
    chain = ExactModel(arm).predict(solution.angles)
    assert goal.position_error(chain) == solution.position_error <= 1e-3
    assert np.abs(solution.angles).max() <= arm.upper[0, 0]


def test_a_goal_that_is_reached_takes_no_iteration():
    arm = Arm.uniform(joints=5)
    angles = random_angles(arm)
    goal = Goal.from_array(forward_kinematics(arm, angles))
    solution = solve(goal, angles, ExactModel(arm))
    assert (solution.iterations, solution.converged) == (0, True)
    np.testing.assert_array_equal(solution.angles, angles)


def test_a_goal_out_of_reach_is_not_reached_and_the_best_that_was_found_is_returned():
    arm = Arm.uniform(joints=4)
    goal = Goal.tool(position=(0.0, 0.0, 0.2), joints=4)
    solution = solve(goal, random_angles(arm), ExactModel(arm), max_iterations=300)
    assert not solution.converged
    assert 0 < solution.iterations <= 300
    start_error = goal.position_error(forward_kinematics(arm, random_angles(arm)))
    assert 0.1 - 1e-9 <= solution.position_error < start_error
    assert goal.position_error(ExactModel(arm).predict(solution.angles)) == \
        solution.position_error


@pytest.mark.parametrize('model', ('learned', 'exact'))
def test_target_correction_reaches_figure_2_although_the_model_is_wrong(learned, model):
    """Segments 5 % longer, each angle off by 2 degrees: the model alone misses by centimetres."""
    if model == 'exact':
        learned = ExactModel(learned.arm)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    true_chain = SimulatedArm(learned.arm, UNLIKE).true_chain
    start = np.zeros((40, 2))

    trusting = solve(goal, start, learned)
    assert trusting.converged
    missed = true_chain(trusting.angles)
    assert goal.position_error(missed) > 0.03
    assert goal.axis_error(missed) > math.radians(3.0)

    corrected = solve(goal, start, learned, true_chain)
    assert corrected.converged
    reached = true_chain(corrected.angles)
    assert goal.position_error(reached) <= 1e-3
    assert goal.axis_error(reached) <= math.radians(1.0)
    assert corrected.iterations < 1000
    assert (corrected.position_error, corrected.axis_error) == \
        (goal.position_error(reached), goal.axis_error(reached))


@pytest.mark.parametrize('seed', range(4))
def test_solve_steps_within_the_bound_and_the_limits(seed):
    arm = Arm.uniform(joints=6, angle_limit=0.3)
    visited = []

    def true_chain(angles):
        visited.append(angles)
        return forward_kinematics(arm, angles)

    goal = Goal.tool(position=np.random.default_rng(seed).uniform(-0.15, 0.15, 3), joints=6)
    settings = InverseSettings(gradient_scale=5.0, max_step=0.02)
    solve(goal, random_angles(arm, seed), ExactModel(arm), true_chain, settings,
          max_iterations=100, restarts=0)
    assert len(visited) > 10
    assert np.abs(np.diff(visited, axis=0)).max() <= 0.02 + ROUNDING
    assert np.abs(visited).max() <= 0.3


def test_a_start_outside_the_limits_is_taken_to_them():
    arm = Arm.uniform(joints=2, angle_limit=0.3)
    start = np.array(((0.5, -0.1), (0.0, -9.0)))
    solution = solve(Goal.free(2), start, ExactModel(arm))
    np.testing.assert_array_equal(solution.angles, ((0.3, -0.1), (0.0, -0.3)))
    assert start[0, 0] == 0.5


def test_solve_keeps_its_hands_off_what_it_is_given(learned):
    start = random_angles(learned.arm)
    before = start.copy()
    solution = solve(scenario('fig2').goal_at(learned.arm, 0.0), start, learned, max_iterations=3)
    np.testing.assert_array_equal(start, before)
    assert not np.shares_memory(solution.angles, start)


@pytest.mark.parametrize('start', (np.zeros((3, 2)), np.zeros(8), np.zeros((1, 4, 2)),
                                   np.full((4, 2), np.nan), np.full((4, 2), np.inf)))
def test_start_angles_that_are_none_are_refused(start):
    with pytest.raises(ShapeError, match=r'start_angles has shape .*, expected \(4, 2\)'):
        solve(Goal.free(4), start, ExactModel(Arm.uniform(joints=4)))


def test_a_goal_for_another_arm_is_refused():
    with pytest.raises(ShapeError, match=r'goal has shape \(5, 9\), expected \(4, 9\)'):
        solve(Goal.free(5), np.zeros((4, 2)), ExactModel(Arm.uniform(joints=4)))


@pytest.mark.parametrize(('errors', 'reached'), (
    ((0.0, 0.0), True), ((1e-3, math.radians(1.0)), True), ((1.001e-3, 0.0), False),
    ((0.0, math.radians(1.01)), False), ((math.nan, 0.0), False), ((0.0, math.nan), False)))
def test_a_goal_is_reached_within_a_millimetre_and_a_degree(errors, reached):
    assert InverseSettings().tolerances(1.0).are_met(*errors) is reached


def test_the_gains_are_the_papers_and_stand_where_their_components_do():
    np.testing.assert_array_equal(InverseSettings().gains(1.0), (1, 1, 1, .1, .1, .1, .1, .1, .1))


@pytest.mark.parametrize('scale', (2.0 ** -5, 2.0 ** 4))  # of 31 mm, and of 16 m
@pytest.mark.parametrize('method', METHODS)
def test_an_arm_of_any_size_takes_the_same_steps_to_the_same_goal(method, scale):
    found = []
    for size in (1.0, scale):
        arm = Arm.uniform(10, 0.1 * size)
        chain = forward_kinematics(arm, random_angles(arm, 5))[-1]
        goal = Goal.tool(chain[:3], up=chain[6:], joints=10) & Goal.where(
            OnPlane(5, (0.0, 0.0, 1.0), 0.4 * size, 0.05 * size), joints=10)
        found.append(solve(goal, random_angles(arm, 6), ExactModel(arm),
                           settings=InverseSettings(method=method), max_iterations=100))
    one, other = found
    assert one[1:3] == other[1:3] and one.iterations > 3
    np.testing.assert_allclose(one.angles, other.angles, atol=1e-9)
    assert other.position_error == pytest.approx(scale * one.position_error)


@pytest.mark.parametrize('fraction', (0.02, 0.5))
def test_a_damped_step_solves_the_normal_equations(fraction):
    """With fewer rows than angles, and with more: (J'WJ + lambda) change = -J'W (u - z)."""
    arm = Arm.uniform(joints=5)
    goal, angles = random_goal(arm, fraction=fraction), random_angles(arm, bend=0.3)
    linearization = ExactModel(arm).linearize(angles)
    descent = LevenbergMarquardt(arm, InverseSettings())
    moved = take(descent, goal, angles, linearization, linearization.chain, 10.0)
    change = (moved - angles).ravel()
    weight = (goal.weight * InverseSettings().gains(arm.length))[goal.cared]
    rows = linearization.jacobian_rows(*np.nonzero(goal.cared)).reshape(len(weight), -1)
    slope = rows.T @ (weight * goal.discrepancy(linearization.chain)[goal.cared])
    damping = 0.1
    assert np.abs(change).max() > 1e-3 and np.abs(moved).max() < arm.upper[0, 0]
    np.testing.assert_allclose(rows.T @ (weight * (rows @ change)) + damping * change, -slope,
                               atol=1e-10)


def test_damping_grows_after_a_step_that_made_the_loss_larger_and_else_shrinks():
    """A damped step is the shorter the more damping there is."""
    arm = Arm.uniform(joints=5)
    goal, angles = random_goal(arm), random_angles(arm, bend=0.3)
    linearization = ExactModel(arm).linearize(angles)
    chain = linearization.chain
    worse = chain + 0.5 * goal.discrepancy(chain)

    def length_after(*estimates):
        descent = LevenbergMarquardt(arm, InverseSettings(damping=0.0))
        for estimate in estimates:
            take(descent, goal, angles, linearization, estimate, 10.0)
        return np.linalg.norm(take(descent, goal, angles, linearization, chain, 10.0) - angles)

    assert 0.0 < length_after(chain, worse) < length_after(chain) < length_after(chain, chain)


def test_a_joint_at_its_limit_that_is_pushed_outward_leaves_the_step_to_the_others():
    """The step is the one of an arm that lacks that joint."""
    arm = Arm.uniform(joints=3)
    angles = random_angles(arm)
    angles[1, 0] = arm.upper[0, 0]
    linearization = ExactModel(arm).linearize(angles)
    rows = linearization.jacobian_rows(np.full(3, 2), np.arange(3)).reshape(3, -1) / arm.length
    outward = rows[:, 2]  # the tool's motion with joint_2_x [arm lengths]
    goal = Goal.tool(linearization.chain[-1, :3] + 0.01 * arm.length * outward, joints=3)
    descent = LevenbergMarquardt(arm, InverseSettings())
    change = (take(descent, goal, angles, linearization, linearization.chain, 10.0)
              - angles).ravel()
    others = np.delete(rows, 2, axis=1)
    damped = others.T @ others + 0.1 * np.eye(5)
    expected = np.linalg.solve(damped, others.T @ (0.01 * outward))
    assert change[2] == 0.0 and np.abs(expected).max() > 1e-5
    np.testing.assert_allclose(np.delete(change, 2), expected, atol=1e-12)


def test_what_a_goal_leaves_free_returns_to_mid_range_and_what_it_asks_for_stays():
    """The full pose of the tool leaves an arm of 80 angles 74."""
    arm = Arm()
    model, angles = ExactModel(arm), random_angles(arm)
    chain = model.linearize(angles).chain
    goal = Goal.tool(chain[-1, :3], chain[-1, 3:6], chain[-1, 6:])
    settings = InverseSettings(centering=0.01)
    descent = LevenbergMarquardt(arm, settings)
    bends, errors = [], []
    for _ in range(300):
        linearization = model.linearize(angles)
        angles = take(descent, goal, angles, linearization, linearization.chain, 0.3, settings)
        bends.append(np.abs(angles).max())
        errors.append((goal.position_error(linearization.chain),
                       goal.axis_error(linearization.chain)))
    assert bends[-1] < 0.7 * bends[0]
    assert all(InverseSettings().tolerances(arm.length).are_met(*each) for each in errors)
    assert errors[-1][0] < 1e-4 and errors[-1][1] < math.radians(0.1)


def whole_chain_goal(arm, seed):
    """Return the chain of a crooked arm: its neighbouring joints are bent to opposite limits."""
    angles = np.random.default_rng(seed).uniform(-1.0, 1.0, (arm.joints, 2)) * arm.upper[0, 0]
    return Goal.from_array(forward_kinematics(arm, angles))


@pytest.mark.parametrize('joints', (1, 2, 7, 40))
def test_a_whole_chain_is_found_by_growing_where_a_descent_is_trapped(joints):
    """And by few steps of the true arm, if any: most of the way is imagined."""
    arm = Arm.uniform(joints=joints)
    model, trapped = ForwardModel.load(arm=arm), 0
    for seed in range(4):
        goal, asked = whole_chain_goal(arm, seed), []

        def true_chain(angles):
            asked.append(angles)
            return forward_kinematics(arm, angles)

        trapped += not solve(goal, np.zeros((joints, 2)), model, true_chain,
                             restarts=0).converged
        asked.clear()
        assert solve(goal, np.zeros((joints, 2)), model, true_chain, restarts=1).converged
        assert len(asked) <= 6
    if joints == 40:  # a short arm is not trapped
        assert trapped


def test_growing_keeps_to_the_exact_model_as_well():
    arm = Arm()
    goal = whole_chain_goal(arm, 0)
    assert solve(goal, np.zeros((40, 2)), ExactModel(arm), restarts=1).converged


def test_growing_knows_what_the_model_is_off_by(learned):
    """What is imagined is then near the goal on the true arm."""
    truth = SimulatedArm(learned.arm, SimulationSettings(length_error=0.02)).true_chain
    angles = random_angles(learned.arm, 3, bend=0.6)
    goal = Goal.from_array(truth(angles))
    known = learned.predict(angles) - truth(angles)
    imagined = finish(grow(goal, learned, known, InverseSettings()))
    reached = truth(imagined.angles)
    assert goal.position_error(reached) < 2e-3 < 5e-3 < goal.position_error(
        truth(finish(grow(goal, learned, 0.0, InverseSettings())).angles))


@pytest.mark.parametrize('method', METHODS)
def test_both_methods_reach_goals_of_random_shapes(learned, method):
    """Full tool poses, on the true chain of an arm that is not quite the model's."""
    truth = SimulatedArm(learned.arm, UNLIKE).true_chain
    for seed in range(5):
        chain = truth(random_angles(learned.arm, seed, bend=0.4))
        goal = Goal.tool(chain[-1, :3], chain[-1, 3:6], chain[-1, 6:])
        solution = solve(goal, np.zeros((40, 2)), learned, truth, InverseSettings(method=method))
        assert solution.converged, seed


def test_what_joints_at_their_limits_can_not_do_is_left_to_the_others():
    """Ten steps bring an arm with most joints at a limit to where some configuration has it."""
    arm, settings = Arm.uniform(joints=10, segment_length=0.1), InverseSettings(damping=1e-8)
    model, left = ExactModel(arm), []
    for seed in range(100):
        generator = np.random.default_rng(seed)
        angles = generator.uniform(-0.7, 0.7, (10, 2))
        angles = np.where(generator.random((10, 2)) < 0.7,
                          np.sign(angles) * arm.upper[0, 0], angles)
        there = np.clip(angles + generator.normal(0.0, 3e-3, (10, 2)),
                        -arm.upper[0, 0], arm.upper[0, 0])
        tool = forward_kinematics(arm, there)[-1]
        goal = Goal.tool(tool[:3], tool[3:6], tool[6:], joints=10)
        way = LevenbergMarquardt(arm, settings)
        before = goal.position_error(forward_kinematics(arm, angles))
        for _ in range(10):
            linearization = model.linearize(angles)
            angles = take(way, goal, angles, linearization, linearization.chain, 0.3)
        left.append(goal.position_error(forward_kinematics(arm, angles)) / before)
    assert max(left) < 1e-9
