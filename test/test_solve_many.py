# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of solving many goals at once."""

import pickle

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.control.solve import solve
from snake_arm_control.control.solve_many import solve_many
from snake_arm_control.errors import SettingsError, ShapeError, SnakeArmError
from snake_arm_control.experiments import goal_families
from snake_arm_control.model.exact import ExactModel

ARM = Arm.uniform(10)
MODEL = ExactModel(ARM)
GOALS = goal_families.goals('C', ARM, 6, np.random.default_rng(0))


def assert_equal(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others):
        np.testing.assert_array_equal(one.angles, other.angles)
        assert one[1:-1] == other[1:-1]


def test_each_goal_is_solved_as_if_it_were_the_only_one():
    found = solve_many(GOALS, ARM.rest, MODEL, processes=1, seed=3, restarts=2)
    assert_equal(found, [
        solve(goal, ARM.rest, MODEL, restarts=2, generator=np.random.default_rng((3, number)))
        for number, goal in enumerate(GOALS)])
    assert all(solution.converged for solution in found)


@pytest.mark.parametrize('processes', (2, 40))
def test_the_solutions_are_the_same_for_any_number_of_processes(processes):
    goals = GOALS[:3]
    assert_equal(solve_many(goals, ARM.rest, MODEL, processes=processes),
                 solve_many(goals, ARM.rest, MODEL, processes=1))


def test_each_goal_may_have_a_start_of_its_own():
    starts = np.random.default_rng(1).uniform(-0.3, 0.3, (len(GOALS), *ARM.rest.shape))
    found = solve_many(GOALS, starts, MODEL, processes=1)
    assert_equal(found, [solve_many(GOALS, start, MODEL, processes=1)[number]
                         for number, start in enumerate(starts)])


def test_what_is_wrong_in_one_goal_is_raised_from_another_process_too():
    goals = [*GOALS, *goal_families.goals('A', Arm.uniform(11), 1, np.random.default_rng(0))]
    for processes in 1, 2:
        with pytest.raises(ShapeError, match='goal'):
            solve_many(goals, ARM.rest, MODEL, processes=processes)


def test_of_no_goals_there_are_no_solutions():
    assert solve_many([], ARM.rest, MODEL) == []


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match='start_angles'):
        solve_many(GOALS, np.zeros((5, *ARM.rest.shape)), MODEL)
    with pytest.raises(SettingsError, match='processes is 0'):
        solve_many(GOALS, ARM.rest, MODEL, processes=0)


def errors_below(kind):
    return [kind, *(below for each in kind.__subclasses__() for below in errors_below(each))]


@pytest.mark.parametrize('kind', errors_below(SnakeArmError))
def test_an_error_says_the_same_in_another_process(kind):
    error = ShapeError('angles', (3,), '(4, 2)') if kind is ShapeError else kind('angles: none')
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is kind and str(copied) == str(error) and vars(copied) == vars(error)
