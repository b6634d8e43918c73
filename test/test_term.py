# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of terms: residuals, inequalities that sleep and wake up, preferences."""

import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import terms_of
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_term import GoalTerm
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.control.optimiser import InverseSettings, make_optimiser
from snake_arm_control.control.posture import Centering, Curvature, Posture
from snake_arm_control.control.solve import solve
from snake_arm_control.control.term import Functionals, Term
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

METHODS = ('momentum', 'levenberg_marquardt')


class Wall(Term):
    """Keeps the far ends of all links on one side of a plane: normal . position >= offset."""

    def __init__(self, normal, offset, influence=0.05):
        self.normal, self.offset, self.influence = np.array(normal, float), offset, influence

    def inequalities(self, chain, angles):
        joints = np.arange(len(chain))
        coefficients = np.zeros((len(chain), 9))
        coefficients[:, pose.POSITION] = self.normal
        return Functionals(chain[:, pose.POSITION] @ self.normal - self.offset, joints, joints,
                           coefficients)


class Ring(Term):
    """Wants the angles of the first joint to be given ones."""

    def __init__(self, wanted):
        self.wanted = np.array(wanted, float)

    def residuals(self, chain, angles):
        by_angles = np.zeros((2, *angles.shape))
        by_angles[0, 0, 0] = by_angles[1, 0, 1] = 1.0
        return Functionals.of_angles(angles[0] - self.wanted, by_angles)


class Above(Term):
    """Keeps the tool above the base."""

    def inequalities(self, chain, angles):
        return Functionals(chain[-1:, 2], np.zeros(1, int), np.full(1, len(chain) - 1),
                           np.eye(pose.SIZE)[2:3])


def random_angles(arm, seed=0, bend=0.4):
    return np.random.default_rng(seed).uniform(-bend, bend, arm.rest.shape)


def tool_goal(arm, seed=1, pose_too=True):
    tool = forward_kinematics(arm, random_angles(arm, seed))[-1]
    axes = (tool[3:6], tool[6:]) if pose_too else ()
    return Goal.tool(tool[:3], *axes, joints=arm.joints)


def take(way, model, goal, terms, angles, settings, bound=0.3):
    linearization = model.linearize(angles)
    chain = np.array(linearization.chain, float)
    wanted = demands(terms_of(goal, model.arm, settings, terms), chain, angles)
    return way.step(wanted, angles, linearization, bound)


def taken(model, method, goal, terms, angles, steps, bound=0.3):
    """Return the configurations that a descent passes, start first."""
    settings = InverseSettings(method=method)
    way, passed = make_optimiser(model.arm, settings), [angles]
    for _ in range(steps):
        passed.append(take(way, model, goal, terms, passed[-1], settings, bound))
    return passed


@pytest.fixture(params=('learned', 'exact'))
def model(request, learned):
    return learned if request.param == 'learned' else ExactModel(Arm())


@pytest.mark.parametrize('method', METHODS)
def test_a_term_that_sleeps_changes_no_command_by_a_bit(model, method):
    goal, start = tool_goal(model.arm), random_angles(model.arm)
    asleep = Wall((0.0, 0.0, 1.0), -2.0)
    free, other = (taken(model, method, goal, terms, start, 10) for terms in ((), (asleep,)))
    assert (free[-1] != start).any()
    assert [each.tobytes() for each in free] == [each.tobytes() for each in other]
    settings = InverseSettings(method=method)
    plain, walled = (solve(goal, start, model, None, settings, 60, terms=terms)
                     for terms in ((), (asleep,)))
    assert plain.angles.tobytes() == walled.angles.tobytes() and plain[1:5] == walled[1:5]


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('seed', range(5))
def test_a_step_uses_up_at_most_the_approach_of_what_is_left(model, method, seed):
    """To first order, that is: by the derivative of the model."""
    angles = random_angles(model.arm, seed)
    linearization = model.linearize(angles)
    chain = np.array(linearization.chain, float)
    wall = Wall((1.0, 0.0, 0.0), chain[:, 0].min() - 0.01)
    goal = Goal.tool(position=chain[-1, :3] - (1.0, 0.0, 0.0))
    settings = InverseSettings(method=method, gradient_scale=5.0)
    after, free = (take(make_optimiser(model.arm, settings), model, goal, terms, angles, settings)
                   for terms in ((wall,), ()))
    kept = wall.inequalities(chain, angles)
    rows = linearization.functional_rows(kept.rows, kept.joints, kept.coefficients)
    awake = kept.values <= wall.influence
    left, else_left = (kept.values + np.tensordot(rows, each - angles, 2)
                       for each in (after, free))
    assert (left[awake] >= 0.5 * kept.values[awake] - 1e-7).all()
    assert (else_left[awake] < 0.5 * kept.values[awake]).any()


@pytest.mark.parametrize('method', METHODS)
def test_an_arm_comes_to_rest_at_a_wall_before_its_goal_and_does_not_tremble(method):
    model, start = ExactModel(Arm()), np.zeros((40, 2))
    start[:, 1] = 0.01
    wall = Wall((-1.0, 0.0, 0.0), -0.3, influence=1.0)
    goal = Goal.tool(position=(0.5, 0.0, 0.6))
    steps = 60 if method == 'levenberg_marquardt' else 3000
    passed = taken(model, method, goal, (wall,), start, steps, 0.02)
    lefts = [wall.inequalities(model.predict(each), each).values.min() for each in passed]
    assert lefts[0] > 0.05 and min(lefts) > -1e-5
    assert lefts[-1] < 1e-4
    tool = model.predict(passed[-1])[-1]
    np.testing.assert_allclose(tool[:3], (0.3, 0.0, 0.6), atol=2e-3)
    moves = np.abs(np.diff(passed[-10:], axis=0)).max()
    assert moves < 1e-5


@pytest.mark.parametrize('method', METHODS)
def test_an_arm_inside_a_wall_is_pushed_out_whatever_its_goal_says(model, method):
    angles = random_angles(model.arm)
    chain = np.array(model.linearize(angles).chain, float)
    wall = Wall((1.0, 0.0, 0.0), chain[:, 0].min() + 0.02)
    goal = Goal.tool(position=chain[-1, :3] - (0.2, 0.0, 0.0))
    passed = taken(model, method, goal, (wall,), angles, 15)
    left = wall.inequalities(np.array(model.linearize(passed[-1]).chain, float), None).values.min()
    assert left > -1e-3


def test_a_solution_that_violates_an_inequality_is_not_converged():
    """And the best that is found is the one that violates it least."""
    arm = Arm()
    chain = forward_kinematics(arm, random_angles(arm))
    goal = Goal.tool(position=chain[-1, :3])
    wall = Wall((1.0, 0.0, 0.0), chain[-1, 0] + 0.03)
    start = random_angles(arm)
    free, kept = (solve(goal, start, ExactModel(arm), restarts=1, max_iterations=100, terms=terms)
                  for terms in ((), (wall,)))
    assert free.converged and free.iterations == 0
    assert not kept.converged and kept.position_error > 0.02
    assert wall.inequalities(forward_kinematics(arm, kept.angles), None).values.min() == \
        pytest.approx(-kept.violation) or kept.violation == 0.0


def test_a_goal_beyond_a_wall_is_reached_around_it_where_there_is_a_way():
    """The tool's goal is free; a straight descent to it leads some links through the wall."""
    arm, generator = Arm(), np.random.default_rng(5)
    wall = Wall((0.0, 0.0, 1.0), 0.0)
    reached = 0
    for _ in range(10):
        while True:
            angles = generator.uniform(-0.5, 0.5, arm.rest.shape)
            chain = forward_kinematics(arm, angles)
            if chain[:, 2].min() > 0.01:
                break
        goal = Goal.tool(position=chain[-1, :3])
        found = solve(goal, arm.rest, ExactModel(arm), restarts=3, terms=(wall,))
        left = wall.inequalities(forward_kinematics(arm, found.angles), None).values.min()
        reached += found.converged
        assert not found.converged or left >= -InverseSettings().tolerances(arm.length).position
    assert reached == 10


@pytest.mark.parametrize('method', METHODS)
def test_residuals_of_angles_alone_come_to_zero_beside_the_goal(method):
    arm = Arm()
    goal = tool_goal(arm, pose_too=False)
    settings = InverseSettings(method=method)
    found = solve(goal, arm.rest, ExactModel(arm), settings=settings, terms=(Ring((0.2, -0.1)),))
    passed = taken(ExactModel(arm), method, goal, (Ring((0.2, -0.1)),), found.angles, 300)
    np.testing.assert_allclose(passed[-1][0], (0.2, -0.1), atol=1e-3)
    assert goal.position_error(forward_kinematics(arm, passed[-1])) < 1e-3


@pytest.mark.parametrize('first', (True, False))
def test_derivatives_are_those_of_each_term_alone_in_whatever_order_they_come(first):
    """Values of the angles alone have no entries, and may outnumber those that have."""
    arm = Arm()
    terms = Ring((0.2, -0.1)), Above()
    angles = random_angles(arm, bend=0.2)
    model = ExactModel(arm).linearize(angles)
    residuals, inequalities = demands(terms if first else terms[::-1], model.chain, angles
                                      ).derivatives(model, angles)
    alone = [demands((term,), model.chain, angles).derivatives(model, angles) for term in terms]
    np.testing.assert_array_equal(residuals, alone[0][0])
    np.testing.assert_array_equal(inequalities, alone[1][1])


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('axes', ((3, 9), (3, 6), (6, 9)), ids=('both', 'forward', 'up'))
def test_of_a_rigid_arm_turns_have_the_gauss_newton_matrix_and_slope_of_the_components(seed, axes):
    """Three rows for six, or two for three, and the same step to the last digits."""
    arm, angles = Arm.uniform(12), random_angles(Arm.uniform(12), seed)
    weight = np.zeros((12, 9))
    weight[-1, :3] = weight[(4, 11), axes[0]:axes[1]] = 2.0
    weight[4, axes[0]:axes[1]] = weight[11, axes[0]:axes[1]] = 2.0
    goal = Goal(forward_kinematics(arm, random_angles(arm, seed + 50)), weight)
    linearization = ExactModel(arm).linearize(angles)
    found = []
    for by_turns in (True, False):
        part = GoalTerm(goal, InverseSettings().gains(arm.length), by_turns).residuals(
            linearization.chain, angles)
        rows = linearization.functional_rows(part.rows, part.joints, part.coefficients)
        rows = rows.reshape(len(rows), -1)
        found.append((rows.T @ rows, part.values @ rows, len(rows)))
    (square, slope, few), (expected_square, expected_slope, many) = found
    np.testing.assert_allclose(square, expected_square, atol=1e-13)
    np.testing.assert_allclose(slope, expected_slope, atol=1e-13)
    assert many - few == (6 if axes == (3, 9) else 2)


@pytest.mark.parametrize('whole', (False, True))
def test_components_of_different_weights_have_a_row_each(whole):
    arm = Arm.uniform(5)
    weight = np.zeros((5, 9))
    weight[-1, 3:9] = (1.0, 1.0, 1.0, 2.0, 2.0, 2.0 if whole else 0.0)
    goal = Goal(forward_kinematics(arm, random_angles(arm)), weight)
    part = GoalTerm(goal, np.ones(9)).residuals(forward_kinematics(arm, arm.rest), arm.rest)
    assert len(part.values) == 4


def test_the_rows_of_functionals_of_the_learned_model_are_sums_of_rows_of_its_jacobian(learned):
    """With entries of one functional at several joints; by either sweep."""
    generator = np.random.default_rng(3)
    linearization = ForwardModel.load(dtype=np.float64).linearize(random_angles(Arm()))
    for count in (5, 200):
        rows, joints = generator.integers(0, count // 2, count), generator.integers(0, 40, count)
        coefficients = generator.normal(size=(count, 9))
        got = linearization.functional_rows(rows, joints, coefficients)
        expected = np.zeros_like(got)
        for row, joint, each in zip(rows, joints, coefficients):
            expected[row] += np.tensordot(
                each, linearization.jacobian_rows(np.full(9, joint), np.arange(9)), 1)
        np.testing.assert_allclose(got, expected, atol=1e-11)


@pytest.mark.parametrize('term_of', (lambda arm, there: Posture(there),
                                     lambda arm, there: Centering(arm, 0.1)))
def test_what_a_goal_leaves_free_follows_a_preference_and_the_goal_stays_reached(term_of):
    arm = Arm()
    start, there = random_angles(arm), random_angles(arm, 9)
    goal = Goal.tool(forward_kinematics(arm, start)[-1, :3])
    term = term_of(arm, there)
    passed = taken(ExactModel(arm), 'levenberg_marquardt', goal, (term,), start, 100)
    errors = [goal.position_error(forward_kinematics(arm, each)) for each in passed]
    assert max(errors) < 5e-3 and errors[-1] < 1e-4
    before, after = (np.linalg.norm(term.preference(each)) for each in (start, passed[-1]))
    assert after < 0.7 * before
    free = taken(ExactModel(arm), 'levenberg_marquardt', Goal.free(), (term,), start, 200)
    assert np.linalg.norm(term.preference(free[-1])) < 1e-3 * before


def test_solve_takes_what_a_goal_leaves_free_to_a_posture():
    """Also where the start is at the goal already."""
    arm, start, there = Arm(), random_angles(Arm(), 3, 0.1), random_angles(Arm(), 4, 0.1)
    goal = Goal.tool(forward_kinematics(arm, start)[-1, :3])
    for begin in (start, arm.rest):
        plain, posed = (solve(goal, begin, ExactModel(arm), terms=terms)
                        for terms in ((), (Posture(there),)))
        assert plain.converged and posed.converged
        far, near = (np.linalg.norm(each.angles - there) for each in (plain, posed))
        assert near < 0.5 * far
    basis = ExactModel(arm).linearize(posed.angles).jacobian_rows(np.full(3, 39), np.arange(3))
    left = (there - posed.angles).ravel()  # nearest: what is left to go would move the tool
    across = np.linalg.qr(basis.reshape(3, -1).T)[0]
    assert np.linalg.norm(left - across @ (across.T @ left)) < 0.5 * np.linalg.norm(left)


def test_no_joint_is_bent_further_than_the_curvature_allows():
    arm = Arm()
    goal = tool_goal(arm, pose_too=False)
    free, kept = (solve(goal, arm.rest, ExactModel(arm), terms=terms)
                  for terms in ((), (Curvature(arm, most=2.5),)))
    bends = [np.linalg.norm(each.angles, axis=1).max() for each in (free, kept)]
    assert free.converged and kept.converged
    assert bends[0] > 2.6 * arm.segment_length > 2.5 * arm.segment_length + 1e-3 >= bends[1]


def test_curvature_spreads_bends_evenly_as_far_as_the_goal_leaves_a_choice():
    arm, term = Arm(), Curvature(Arm(), fraction=0.2)
    start = random_angles(arm, bend=0.2)
    goal = Goal.tool(forward_kinematics(arm, start)[-1, :3])
    passed = taken(ExactModel(arm), 'levenberg_marquardt', goal, (term,), start, 150)
    before, after = (np.abs(np.diff(each, axis=0)).max() for each in (start, passed[-1]))
    assert after < 0.2 * before
    assert goal.position_error(forward_kinematics(arm, passed[-1])) < 1e-3


@pytest.mark.parametrize(('centering', 'is_kept'), ((ControlSettings.centering, True),
                                                    (0.0, False)))
def test_a_goal_that_goes_round_and_round_does_not_screw_the_arm_into_its_limits(
        centering, is_kept):
    """By default; without centering it does."""
    arm, settings = Arm(), ControlSettings(centering=centering, use_feedback=False)
    loop, figure, largest = ControlLoop(ExactModel(arm), settings), scenario('fig4'), []
    loop.start(arm.rest)
    for _ in range(5):
        for tick in range(1000):
            now = 0.01 * (len(largest) * 1000 + tick)
            loop.set_goal(figure.goal_at(arm, now, 10.0))
            loop.iterate(now, round(1e9 * (now + 1.0)))
        largest.append(np.abs(loop.angles / arm.upper).max())
    assert bool(largest[-1] <= largest[1] + 0.05) is is_kept


def test_derivatives_are_of_one_type_whatever_is_wanted():
    """A kernel that meets another type for the first time is compiled, which takes seconds."""
    model = ForwardModel.load()
    arm = model.arm
    at_rest = model.linearize(arm.rest)
    goal = GoalTerm(Goal.tool(position=(0.3, 0.2, 0.6)), InverseSettings().gains(arm.length))
    for terms in ((), (Posture(arm.rest),), (goal,)):
        for each in demands(terms, at_rest.chain, arm.rest).derivatives(at_rest, arm.rest):
            assert each.dtype == float and each.flags.c_contiguous
