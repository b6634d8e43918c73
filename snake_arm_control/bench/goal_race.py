# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Time to goal, by method: ours, and those of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
import time
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.bench import differential, numpy_descent, peers
from snake_arm_control.bench.peer import is_reached, Solver
from snake_arm_control.bench.pinocchio_model import PinocchioModel
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import WeightsError
from snake_arm_control.experiments import goal_families
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

RESTARTS = 20
# The paper's rule with one gain and step for all families: larger gains are faster on A to E, but
# too large for the 360 components of F.
MOMENTUM = InverseSettings(method='momentum', gradient_scale=0.02, momentum=0.95, max_step=0.1)
_QUICK = 0.1  # [s]; what takes less is timed again, against chance
_AGAIN = 4  # times


class Method(NamedTuple):
    """A method that solves goals."""

    label: str
    build: Callable[[Arm], Solver]  # ImportError: a package is missing
    families: str = ''.join(goal_families.FAMILIES)  # those whose goals it can express
    fraction: float = 1.0  # of the goals that it is given: slow ones get fewer
    uniform: bool = False  # whether it takes arms of equal segments alone


def _descent(settings: InverseSettings, restarts: int,
             model_of: Callable[[Arm], DifferentiableModel]) -> Callable[[Arm], Solver]:
    def build(arm: Arm) -> Solver:
        model, truth = model_of(arm), partial(forward_kinematics, arm)

        def run(goal: Goal) -> tuple[np.ndarray, int]:
            found = solve(goal, arm.rest, model, truth, settings, restarts=restarts)
            return found.angles, found.iterations

        return run

    return build


def _learned(arm: Arm) -> DifferentiableModel:
    return ForwardModel.load(arm=arm)


def _numpy_pinocchio(arm: Arm) -> Solver:
    model, truth = PinocchioModel(arm), partial(forward_kinematics, arm)

    def run(goal: Goal) -> tuple[np.ndarray, int]:
        found = numpy_descent.solve(goal, arm, model, truth, InverseSettings(), RESTARTS)
        return found.angles, found.iterations

    return run


METHODS = {
    'lm': Method('learned model, LM', _descent(InverseSettings(), RESTARTS, _learned)),
    'momentum': Method('learned model, momentum', _descent(MOMENTUM, 0, _learned)),
    'lm-exact': Method('exact model, LM', _descent(InverseSettings(), RESTARTS, ExactModel)),
    'momentum-exact': Method('exact model, momentum', _descent(MOMENTUM, 0, ExactModel)),
    'lm-numpy': Method('Pinocchio, LM in numpy', _numpy_pinocchio),
    'lm-pinocchio': Method('Pinocchio, LM', _descent(InverseSettings(), RESTARTS, PinocchioModel)),
    'pink': Method('pink', differential.pink, uniform=True),
    'mink': Method('mink', differential.mink, uniform=True),
    'placo': Method('placo', differential.placo, uniform=True),
    'scipy': Method('scipy least_squares', peers.scipy_least_squares, fraction=0.5,
                    uniform=True),
    'torch': Method('torch autograd, Adam', peers.torch_exact, fraction=0.1),
    'pytorch-kinematics': Method('pytorch_kinematics', peers.pytorch_kinematics, 'C', 0.1,
                                 uniform=True),
    'ikpy': Method('ikpy', peers.ikpy, 'ABC', 0.05, uniform=True),
}


def race(family: str, arm: Arm, count: int, seed: int, methods: Iterable[str],
         report: Callable[[str], None]) -> dict[str, Any]:
    """
    Give the methods the goals of a family.

    :return: what each found, by its name; why it is `missing` where it lacks a package or weights
    """
    index = list(goal_families.FAMILIES).index(family)
    goals = goal_families.goals(family, arm, count, np.random.default_rng((seed, index)))
    report(f'\nGoals {family}: {goal_families.FAMILIES[family]}\n  {"":26}{"goals":>6}'
           f'{"reached":>9}{"iterations":>12}{"95 %":>7}{"ms":>10}{"95 %":>10}')
    results: dict[str, Any] = {}
    for name in methods:
        method = METHODS[name]
        if family not in method.families or method.uniform and arm.segment is None:
            continue
        try:
            solver = method.build(arm)
        except (ImportError, WeightsError) as error:
            results[name] = {'missing': str(error)}
            report(f'  {method.label:26}{error}')
            continue
        results[name] = found = _try(solver, arm, goals[:max(1, round(method.fraction * count))])
        report(f'  {method.label:26}{found["goals"]:6}{100 * found["reached"]:8.1f}%'
               f'{found["iterations"]:12.0f}{found["iterations_95"]:7.0f}'
               f'{found["ms"]:10.2f}{found["ms_95"]:10.2f}'
               + (f'  missed {found["missed"]}' if found['missed'] else ''))
    return results


def _try(solver: Solver, arm: Arm, goals: list[Goal]) -> dict[str, Any]:
    """Solve goals; a goal counts as reached where the true arm, within its limits, reaches it."""
    solver(goals[0])
    iterations, times, missed = [], [], []
    for index, goal in enumerate(goals):
        seconds, (angles, taken) = _clocked(solver, goal)
        for _ in range(_AGAIN if seconds < _QUICK else 0):
            seconds = min(seconds, _clocked(solver, goal)[0])
        within = np.abs(angles - arm.clip(angles)).max() <= 1e-9
        if not (within and is_reached(goal, forward_kinematics(arm, angles), arm)):
            missed.append(index)
        iterations.append(taken)
        times.append(1e3 * seconds)
    return {'goals': len(goals), 'reached': 1.0 - len(missed) / len(goals), 'missed': missed,
            'iterations': float(np.median(iterations)),
            'iterations_95': float(np.percentile(iterations, 95)),
            'ms': float(np.median(times)), 'ms_95': float(np.percentile(times, 95))}


def _clocked(solver: Solver, goal: Goal) -> tuple[float, tuple[np.ndarray, int]]:
    started = time.perf_counter()
    found = solver(goal)
    return time.perf_counter() - started, found
