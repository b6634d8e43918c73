# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What calibration is worth of an arm that sags: recorded with a tracker, then driven without."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
import math
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.control.solve import solve
from snake_arm_control.experiments.goal_families import FAMILIES, goals
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.training.chain_calibration import calibrate_chain
from snake_arm_control.training.samples import Samples

LAWS = {  # of the true arm; the model's is the first
    'elastic': SimulationSettings(compliance=2.5e-3),
    'stiffer the more it is bent': SimulationSettings(compliance=3e-3, stiffening=1.0),
    'with backlash': SimulationSettings(compliance=2.5e-3, backlash=math.radians(0.5)),
    'all, and another geometry': SimulationSettings(
        compliance=3e-3, stiffening=1.0, backlash=math.radians(0.5),
        joint_offset=math.radians(1.0), length_error=0.01)}
SECONDS, RATE, PERIOD = 60.0, 50.0, 1.0  # [s], [Hz], [s] after which another goal is pursued
NOISE = 3e-4  # [m], of the tracker's positions; of axes twice that
GOALS = 60  # of each family, at most
_JUMPS = 0.5  # [arm lengths], by which play may throw the tool: the tracker is right
_ITERATIONS, _RESTARTS = 600, 2


def measure(arm: Arm = Arm(), count: int = GOALS, seed: int = 0,
            report: Callable[[str], None] = print) -> dict[str, Any]:
    """
    Return the errors at goals that a model reaches without feedback [mm], by law and model.

    :param count: goals of each of the families A and C, all within the true arm's reach
    """
    result: dict[str, Any] = {}
    for law, settings in LAWS.items():
        true = SimulatedArm(arm, settings)
        samples = record(true, np.random.default_rng(seed)).moving()
        report(f'\nAn arm that is {law}: error at the goal without the tracker [mm], '
               'median and 90th percentile, of the families A and C')
        result[law] = {}
        for name, model in _models(arm, samples).items():
            errors = [_errors(model, true, family, count, seed + 1) for family in 'AC']
            result[law][name] = [np.percentile(each, (50, 90)).tolist() for each in errors]
            report(f'{name:28}' + ''.join(f'{value:9.2f}' for each in result[law][name]
                                          for value in each))
    return result


def record(true: SimulatedArm, generator: np.random.Generator) -> Samples:
    """Return what is recorded while goals of all kinds are pursued with the tracker."""
    arm = true.arm
    loop = ControlLoop(ForwardModel.exact(arm), ControlSettings(jump_tolerance=_JUMPS))
    times = np.arange(1, round(SECONDS * RATE) + 1) / RATE
    angles, chains, next_goal = [], [], 0.0
    noise = NOISE * np.where(np.arange(pose.SIZE) < pose.POSITION.stop, 1.0, 2.0)
    for now in times:
        stamp = round(1e9 * now)
        true.advance(now)
        chain = true.true_chain() + noise * generator.normal(size=(arm.joints, pose.SIZE))
        angles.append(true.angles.copy())
        chains.append(chain)
        loop.report(stamp, true.angles)
        loop.receive(stamp, chain)
        if now >= next_goal:
            next_goal = now + PERIOD
            loop.set_goal(goals(generator.choice(list(FAMILIES)), arm, 1, generator)[0])
        command = loop.iterate(now, stamp)
        if command is not None:
            true.command(command.positions, now)
    return Samples(times, np.array(angles), np.array(chains))


def _models(arm: Arm, samples: Samples) -> dict[str, ForwardModel]:
    """Return the models of an arm that samples are of, bound to the arm as it is described."""
    masses = Masses.of(arm)
    models = {'as described': ForwardModel.exact(arm),
              'calibrated geometry': ForwardModel.exact(calibrate_chain(arm, samples).arm)}
    for name, law in (('compensated', False), ('compensated and learned', True)):
        sagging = calibrate_chain(arm, samples, masses=masses, law=law).compliance
        assert sagging is not None
        models[name] = ForwardModel.compensated(sagging)
    if arm.segment_fingerprint == Arm().segment_fingerprint and find_spec('torch'):
        models['network'] = _network(arm, samples, inward=False)
        models['network that reads inwards'] = _network(arm, samples, inward=True)
    return {name: ForwardModel.from_bytes(model.to_bytes(), arm)
            for name, model in models.items()}


def _network(arm: Arm, samples: Samples, inward: bool) -> ForwardModel:
    """Return the network that ships, trained on samples as train --data does."""
    from snake_arm_control.training import lesson
    from snake_arm_control.training.presets import FINETUNE, inwards
    from snake_arm_control.training.trainer import train
    settings = inwards(FINETUNE) if inward else FINETUNE
    with TemporaryDirectory() as folder:
        path = train(arm, settings, folder, lesson=lesson.prepare(
            arm, [samples], ForwardModel.load(arm=arm)))
        return ForwardModel.load(path, arm)


def _errors(model: ForwardModel, true: SimulatedArm, family: str, count: int, seed: int
            ) -> np.ndarray:
    """Return position errors [mm] of the true arm where the model alone has reached goals."""
    arm, errors = true.arm, []
    for goal in goals(family, arm, count, np.random.default_rng(seed), true.true_chain):
        found = solve(goal, arm.rest, model, max_iterations=_ITERATIONS, restarts=_RESTARTS)
        errors.append(1e3 * float(goal.position_error(true.true_chain(found.angles))))
    return np.array(errors)
