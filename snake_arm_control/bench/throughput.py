# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How many goals are solved in a second, on one core and on all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
import os
import time
from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.bench import numpy_descent
from snake_arm_control.bench.pinocchio_model import PinocchioModel
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.solve_many import solve_many
from snake_arm_control.experiments import goal_families
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

FAMILIES = 'AC'
_FEWER = 5  # times, for the peer


def measure(model: ForwardModel, count: int, seed: int, report: Callable[[str], None] = print
            ) -> dict[str, Any]:
    """
    Solve goals from rest, true poses fed back to the learned model; the exact one predicts them.

    :param count: goals of each family
    :return: by family and method: goals a second on `one` core, and on `all`, the start of the
        processes included
    """
    arm = model.arm
    truth = partial(forward_kinematics, arm)
    cores = len(os.sched_getaffinity(0))
    report(f'\nGoals a second, {count} at once\n  {"":32}{"one core":>12}'
           f'{f"{cores} cores":>12}')
    result: dict[str, Any] = {}
    for family in FAMILIES:
        goals = goal_families.goals(family, arm, count, np.random.default_rng(seed))
        result[family] = {}
        for key, name, each, fed_back in (('learned', 'learned model', model, truth),
                                          ('exact', 'exact model', ExactModel(arm), None)):
            solve_many(goals[:3], arm.rest, each, 1, true_chain=fed_back)
            rates = {}
            for on, processes in (('one', 1), ('all', cores)):
                started = time.perf_counter()
                solve_many(goals, arm.rest, each, processes, true_chain=fed_back)
                rates[on] = count / (time.perf_counter() - started)
            result[family][key] = rates
            report(f'  {f"{family}: {name}":32}{rates["one"]:12.0f}{rates["all"]:12.0f}')
        try:
            rate = _pinocchio_rate(arm, goals[:max(1, count // _FEWER)], truth)
        except ImportError as error:
            report(f'  {error}')
        else:
            result[family]['pinocchio'] = {'one': rate}
            report(f'  {f"{family}: Pinocchio, LM in numpy":32}{rate:12.0f}')
    return result


def _pinocchio_rate(arm: Arm, goals: list, truth: Callable[[np.ndarray], np.ndarray]) -> float:
    model = PinocchioModel(arm)
    started = time.perf_counter()
    for goal in goals:
        numpy_descent.solve(goal, arm, model, truth, InverseSettings(), restarts=5)
    return len(goals) / (time.perf_counter() - started)
