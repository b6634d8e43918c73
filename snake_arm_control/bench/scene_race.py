# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Goals among obstacles: ours beside mink, and what each touched on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
import time
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.bench.mink_scene import MinkAmong
from snake_arm_control.bench.peer import is_reached, package
from snake_arm_control.bench.scene_check import least_clearance
from snake_arm_control.bench.scenes import FAMILIES, Problem, problems
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

STRIDE = 0.01  # [m], of any joint in one step
RESTARTS = 20
_ITERATIONS = 5000
KINDS = ('position', 'pose')


class Drive(NamedTuple):
    """What a method did to reach a goal."""

    path: np.ndarray  # (n, joints, axes) [rad], the start first
    iterations: int


def ours(arm: Arm, restarts: int, model: DifferentiableModel | None = None
         ) -> Callable[[Problem, Goal], Drive]:
    """Return our solver on the exact model, or on another one with true poses fed back."""
    true_chain = None if model is None else lambda angles: forward_kinematics(arm, angles)
    model = model or ExactModel(arm)

    def drive(problem: Problem, goal: Goal) -> Drive:
        found = solve(goal, arm.rest, model, true_chain, scene=problem.scene, own_body=True,
                      stride=STRIDE, restarts=restarts, max_iterations=_ITERATIONS, keep_path=True)
        assert found.path is not None
        return Drive(found.path, found.iterations)

    return drive


def mink(arm: Arm, avoids: bool) -> Callable[[Problem, Goal], Drive]:
    """Return mink with or without its limit of collision avoidance."""
    package('mink'), package('mujoco'), package('daqp')

    def drive(problem: Problem, goal: Goal) -> Drive:
        return Drive(*MinkAmong(arm, problem.scene, avoids).drive(goal, STRIDE))

    return drive


METHODS: dict[str, tuple[str, Callable[[Arm], Callable[[Problem, Goal], Drive]]]] = {
    'ours': ('ours', lambda arm: ours(arm, RESTARTS)),
    'learned': ('ours, learned, true poses', lambda arm: ours(
        arm, RESTARTS, ForwardModel.load(arm=arm))),
    'descent': ('ours, no ways around', lambda arm: ours(arm, 0)),
    'mink': ('mink, CollisionAvoidanceLimit', lambda arm: mink(arm, True)),
    'mink-blind': ('mink, no avoidance', lambda arm: mink(arm, False)),
}


def race(arm: Arm, goals: int, seed: int = 0, families: Iterable[str] = tuple(FAMILIES),
         methods: Iterable[str] = tuple(METHODS), report: Callable[[str], None] = print
         ) -> dict[str, Any]:
    """
    Let methods drive the arm from rest to the same goals, and check their paths.

    :param goals: of each family and kind
    :return: by family, kind and method: `goals`, how many were `reached`, how many paths
        `touched` something, the least `clearance` [m], and medians of `iterations`, `steps` of
        the path, `ms` and `ms_step`
    """
    body, drives = ArmBody.of(arm), {}
    results: dict[str, Any] = {}
    for name in methods:
        label, build = METHODS[name]
        try:
            drives[name] = label, build(arm)
        except ImportError as error:
            report(f'  {label}: {error}')
    for family in families:
        generator = np.random.default_rng((seed, list(FAMILIES).index(family)))
        given = list(islice(problems(family, arm, generator), goals))
        results[family] = {}
        for kind in KINDS:
            report(f'\nAmong obstacles: {family}, {kind}\n  {"":30}{"reached":>10}{"touched":>10}'
                   f'{"least [mm]":>12}{"iterations":>12}{"path":>7}{"ms":>9}{"a step":>9}')
            results[family][kind] = rows = {}
            for name, (label, drive) in drives.items():
                rows[name] = row = _driven(given, kind, arm, body, drive)
                report(f'  {label:30}{row["reached"]:4} of {row["goals"]:3}{row["touched"]:8}  '
                       f'{1e3 * row["clearance"]:12.2f}{row["iterations"]:12.0f}'
                       f'{row["steps"]:7.0f}{row["ms"]:9.1f}{row["ms_step"]:9.2f}')
    return results


def _driven(given: list[Problem], kind: str, arm: Arm, body: ArmBody,
            drive: Callable[[Problem, Goal], Drive]) -> dict[str, Any]:
    drive(given[0], given[0].goal(kind, arm.joints))  # compiles
    reached, missed, clearances, measures = 0, [], [], []
    for index, problem in enumerate(given):
        goal = problem.goal(kind, arm.joints)
        started = time.perf_counter()
        path, iterations = drive(problem, goal)
        ms = 1e3 * (time.perf_counter() - started)
        clearances.append(least_clearance(problem.scene, body, path))
        within = np.abs(path - arm.clip(path)).max() <= 1e-9
        if within and is_reached(goal, forward_kinematics(arm, path[-1]), arm):
            reached += 1
        else:
            missed.append(index)
        measures.append((iterations, len(path) - 1, ms, ms / max(iterations, 1)))
    iterations, steps, ms, ms_step = np.median(measures, axis=0).tolist()
    return {'goals': len(given), 'reached': reached, 'missed': missed,
            'touched': int(np.sum(np.array(clearances) < 0.0)), 'clearance': min(clearances),
            'iterations': iterations, 'steps': steps, 'ms': ms, 'ms_step': ms_step}
