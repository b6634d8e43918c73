# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Many goals at once: to plan, or to find out what an arm reaches."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from multiprocessing import get_context
import os
from typing import Any

import numpy as np

from snake_arm_control.control.descent import Solution
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import Solver
from snake_arm_control.errors import SettingsError, ShapeError
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.processes import ignore_signals

_PIECES = 8  # for each process: the fewer goals in a piece, the less one waits for another


def solve_many(goals: Sequence[Goal], start_angles: np.ndarray, model: DifferentiableModel,
               processes: int | None = 1, seed: int = 0, **options: Any) -> list[Solution]:
    """
    Solve goals that have nothing to do with each other, each as `solve` does.

    Descents from the start go on side by side, in lanes, where goals ask for components alone and
    the model is the network or the exact kinematics: several times as many goals a second. A
    true_chain is then called for one and another in turn, so that it must depend on nothing but
    the angles.

    The solutions are the same for any number of processes. Where there are several, model and
    options go to each of them, so that a true_chain has to be a function of a module or a partial
    one; and a script that calls this needs the guard ``if __name__ == '__main__'``.

    :param start_angles: (joints, axes) for all goals, or (goals, joints, axes) [rad or m]
    :param processes: how many share the work, None for one a core; with 1, this one does it. They
        take a second to start: a thousand easy goals are solved sooner without them
    :param seed: of the new starts; each goal has its own generator
    :param options: of `solve`, other than its generator
    :return: solutions, in the order of the goals
    :raises ShapeError: if goals or angles don't fit the model's arm, or angles are not finite
    :raises SettingsError: if the number of processes is not positive
    """
    goals = list(goals)
    starts = np.asarray(start_angles, dtype=float)
    shape = model.arm.rest.shape
    if starts.shape not in (shape, (len(goals), *shape)):
        raise ShapeError('start_angles', starts.shape, f'{shape} or {(len(goals), *shape)}')
    if processes is None:
        processes = len(os.sched_getaffinity(0))
    if processes < 1:
        raise SettingsError(f'processes is {processes!r}, expected 1 or more')
    starts = np.broadcast_to(starts, (len(goals), *shape))
    some = partial(_solve, Solver(model, **options), seed)
    processes = min(processes, len(goals))
    if processes <= 1:
        return some(0, goals, starts)
    size = -(-len(goals) // (_PIECES * processes))
    firsts = range(0, len(goals), size)
    with ProcessPoolExecutor(processes, get_context('spawn'), ignore_signals) as pool:
        return list(chain.from_iterable(pool.map(
            some, firsts, (goals[first:first + size] for first in firsts),
            (starts[first:first + size] for first in firsts))))


def _solve(solver: Solver, seed: int, first: int, goals: Sequence[Goal], starts: np.ndarray
           ) -> list[Solution]:
    """Solve a piece of all goals, from one on."""
    return solver.solve(goals, starts, [partial(np.random.default_rng, (seed, first + number))
                                        for number in range(len(goals))])
