# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Robustness: goals of an arm that differs from its model, or that is badly tracked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
import math
from typing import Any

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.bench.peer import is_reached
from snake_arm_control.bench.pinocchio_model import exact_model
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings
from snake_arm_control.control.solve import solve
from snake_arm_control.experiments import goal_families
from snake_arm_control.experiments.runs import LibraryRun, WRONG_ARM
from snake_arm_control.experiments.scenarios import Scenario, scenario
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.forward_model import ForwardModel

DEVIATIONS: dict[str, dict[str, Any]] = {
    'ideal': {},
    '5 % longer segments': {'length_error': 0.05},
    'offsets of 2 degrees': {'joint_offset': math.radians(2.0)},
    '1 mm, 0.1 degree noise': {'position_noise': 1e-3, 'axis_noise': math.radians(0.1)},
    '20 ms delay': {'feedback_latency': 0.02},
    '5 % lost': {'feedback_loss': 0.05},
}
TOGETHER = 'all together'
GAINS = (ControlSettings.correction_gain, 1.0)
_WATCHED = 1.0  # [s], the last of a run, over which errors are taken
_REST = 2.0  # [s] that a reached goal is watched on
_RESTARTS = 20

Chain = Callable[[np.ndarray], np.ndarray]  # angles (joints, 2) [rad] to poses (joints, 9)


def deviations() -> dict[str, SimulationSettings]:
    """Return true arms by what makes them differ from the model's."""
    together = {name: value for each in DEVIATIONS.values() for name, value in each.items()}
    return {name: SimulationSettings(**values)
            for name, values in (*DEVIATIONS.items(), (TOGETHER, together))}


def control(model: ForwardModel, poses: int, seed: int = 0,
            gains: Iterable[float] = GAINS, report: Callable[[str], None] = print
            ) -> dict[str, Any]:
    """
    Let the controller reach figure 2's goal and full poses of the true arm, with every deviation.

    :param poses: how many
    :param gains: the controller's correction_gain, one after the other
    :return: by gain and deviation: `goals`, how many were `reached`, and median and maximum of the
        `time` until then [s] and, over the last second, of `position_error` [m] and `axis_error`
        [rad]
    """
    report(f'\nControl of an arm unlike the model: figure 2, and {poses} full poses of that arm\n'
           f'  {"median (maximum)":26}{"gain":>5}{"reached":>10}{"after [s]":>15}'
           f'{"at the end [mm]":>20}{"[degrees]":>14}')
    results: dict[str, Any] = {}
    for gain in gains:
        results[f'{gain:g}'] = rows = {}
        for name, truth in deviations().items():
            rows[name] = row = _controlled(model, truth, gain, poses, seed)
            report(f'  {name:26}{gain:5g}{row["reached"]:4} of {row["goals"]:2}'
                   + _shown(row['time'], 1.0) + '    ' + _shown(row['position_error'], 1e3)
                   + _shown(row['axis_error'], math.degrees(1.0)))
    return results


def _controlled(model: ForwardModel, truth: SimulationSettings, gain: float, poses: int,
                seed: int) -> dict[str, Any]:
    """Let one true arm reach the goals."""
    run = LibraryRun(model, truth, ControlSettings(correction_gain=gain), _REST)
    goals = [scenario('fig2').goal_at(model.arm, 0.0),
             *_goals('C', model.arm, truth, poses, seed)]
    times, positions, axes = [], [], []
    for goal in goals:
        recording = run(_lasting(goal), 0.0)
        last = recording.times >= recording.times[-1] - _WATCHED
        positions.extend(recording.position_errors[last])
        axes.extend(recording.axis_errors[last])
        if recording.reached is not None:
            times.append(recording.times[recording.reached])
    return {'true_arm': asdict(truth), 'goals': len(goals), 'reached': len(times),
            'time': _spread(times, 100), 'position_error': _spread(positions, 100),
            'axis_error': _spread(axes, 100)}


def _lasting(goal: Goal) -> Scenario:
    return Scenario('goal', 'a goal', lambda arm, phase: goal)


def wrong_arms(model: ForwardModel, goals: int, seed: int = 0,
               families: Iterable[str] = 'ABCDF', report: Callable[[str], None] = print
               ) -> dict[str, Any]:
    """
    Compare methods on an arm that differs from its description.

    Its segments are 5 % longer, and its joints 2 degrees off. The exact kinematics are
    those of the description, by Pinocchio where it is installed.

    :param goals: of each family; each is the masked chain of a configuration of the true arm
    :return: by family and method: `goals`, how many were `reached`, and median and 95th percentile
        of the `steps` that the true arm took, and of its `position_error` [m] and `axis_error`
        [rad] at the end
    """
    arm = model.arm
    exact = exact_model(arm)
    true_chain = SimulatedArm(arm, WRONG_ARM).true_chain
    ways = {'ours': (model, true_chain), 'exact, without feedback': (exact, None),
            'exact, with the same correction': (exact, true_chain)}
    results: dict[str, Any] = {}
    report(f'\nAn arm with {100 * WRONG_ARM.length_error:g} % longer segments and offsets of '
           f'{math.degrees(WRONG_ARM.joint_offset):g} degrees; exact is {type(exact).__name__}\n'
           f'  {"median (95 %)":36}{"reached":>10}{"steps":>15}{"at the end [mm]":>20}'
           f'{"[degrees]":>14}')
    for family in families:
        results[family] = rows = {}
        given = _goals(family, arm, WRONG_ARM, goals, seed)
        for name, (differentiable, feedback) in ways.items():
            rows[name] = row = _moved(given, differentiable, feedback, true_chain)
            report(f'  {family} {name:34}{row["reached"]:4} of {goals:2}'
                   + _shown(row['steps'], 1.0, 0) + '    ' + _shown(row['position_error'], 1e3)
                   + _shown(row['axis_error'], math.degrees(1.0)))
    return results


def _moved(goals: list[Goal], model: DifferentiableModel, feedback: Chain | None,
           true_chain: Chain) -> dict[str, Any]:
    """Solve goals, and measure where the true arm ends."""
    steps, reached = [], 0
    errors: list[tuple[float, float]] = []
    for goal in goals:
        seen: list[np.ndarray] = []

        def answer(angles: np.ndarray) -> np.ndarray:
            assert feedback is not None  # else this is not called
            seen.append(angles)
            return feedback(angles)

        found = solve(goal, model.arm.rest, model, feedback and answer,
                      restarts=_RESTARTS)
        # A search between two attempts moves no arm.
        steps.append(len(seen) - 1 if feedback else found.iterations)
        chain = true_chain(found.angles)
        errors.append((float(goal.position_error(chain)), float(goal.axis_error(chain))))
        reached += is_reached(goal, chain, model.arm)
    positions, axes = zip(*errors)
    return {'goals': len(goals), 'reached': reached, 'steps': _spread(steps, 95),
            'position_error': _spread(positions, 95), 'axis_error': _spread(axes, 95)}


def _goals(family: str, arm: Arm, truth: SimulationSettings, count: int, seed: int) -> list[Goal]:
    """Return goals that the true arm reaches."""
    index = list(goal_families.FAMILIES).index(family)
    generator = np.random.default_rng((seed, index))
    return goal_families.goals(family, arm, count, generator, SimulatedArm(arm, truth).true_chain)


def _spread(values: Iterable[float], percentile: float) -> tuple[float, float] | None:
    """Return the median and a percentile of values; None if there are none."""
    values = list(values)
    return (float(np.median(values)), float(np.percentile(values, percentile))) if values else None


def _shown(spread: tuple[float, float] | None, scale: float, digits: int = 2) -> str:
    if spread is None:
        return f'{"-":>16}'
    low, high = (f'{scale * value:.{digits}f}' for value in spread)
    return f'{low:>7} {"(" + high + ")":>8}'
