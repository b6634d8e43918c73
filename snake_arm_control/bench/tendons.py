# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Models of a measured tendon-driven robot, and control of its tip by them.

The data are those of OpenCR's continuum robot v4, a folder with `train.csv` and `val.csv`. Folds
of the former are drawn by motion. The error is the root mean square of the tip's distances [mm],
as its makers count it with the mean offset taken out, and raw.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.solve import solve
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.training.columns import Columns
from snake_arm_control.training.samples import Samples
from snake_arm_control.training.tables import read_table
from snake_arm_control.training.tendon_calibration import calibrate_tendons

FOLDS = 5
GOALS = 50
_WIDTHS, _RIDGES = (1.0, 2.0, 4.0, 8.0), (1e-4, 1e-3, 1e-2, 1e-1)  # of the black box
_SPREAD = np.repeat((0.1, 5e-3, 5e-3, 3e-3), 3)  # of a base's turn and step, ways, the tip

Tips = Callable[[Samples], np.ndarray]  # to positions of the tip (samples, 3) [m]


def columns(arm: Arm) -> Columns:
    """Return the columns of the data: tendons [mm] for pulleys [rad], the tip [mm]."""
    joints = {pulley: f'{pulley}_mm' for pulley in arm.joint_names}
    tip = {f'{arm.tip}.{axis}': f'tip_{axis}' for axis in 'xyz'}
    return Columns({**joints, **tip, 'time': 'timestamp', 'motion': 'pattern_label'},
                   {**dict.fromkeys(joints, 0.1), **dict.fromkeys(tip, 1e-3)})


def measure(folder: Path, report: Callable[[str], None] = print) -> dict[str, Any]:
    """
    Score models of the robot, and control it by the one whose parts are known.

    :param folder: with `train.csv` and `val.csv`
    :raises RecordingError: if they can't be read
    """
    arm = Arm.from_file('opencr')
    learn, test = (read_table(folder / f'{name}.csv', arm, columns(arm))
                   for name in ('train', 'val'))
    report(f'\nA tendon-driven robot: {len(learn)} samples to learn from, {len(test)} of other '
           'motions; RMSE of the tip [mm]')
    report(f'{"":42}{"folds":>8}{"test":>8}{"raw":>8}{"median":>8}')
    result: dict[str, Any] = {'models': {}}
    for name, fit in MODELS.items():
        predicted = np.full((len(learn), 3), np.nan)
        for used, rest in learn.folds(FOLDS, np.random.default_rng(0)):
            predicted[rest] = fit(arm, learn.part(used))(learn.part(rest))
        folds, tested = _score(predicted, learn), _score(fit(arm, learn)(test), test)
        result['models'][name] = {'folds': folds, 'test': tested}
        report(f'{name:42}{folds["centred"]:8.2f}{tested["centred"]:8.2f}{tested["raw"]:8.2f}'
               f'{tested["median"]:8.2f}')
    result['control'] = _control(arm, learn, test)
    for name, errors in result['control'].items():
        report(f'{name:42}mean {np.mean(errors):.2f} mm, median {np.median(errors):.2f} mm, '
               f'most {np.max(errors):.2f} mm of {len(errors)} goals')
    return result


def _tips(samples: Samples) -> np.ndarray:
    return samples.chains[:, -1, pose.POSITION]


def _score(predicted: np.ndarray, samples: Samples) -> dict[str, float]:
    off = 1e3 * (predicted - _tips(samples))
    return {'centred': float(np.sqrt(np.sum((off - off.mean(axis=0)) ** 2, axis=1).mean())),
            'raw': float(np.sqrt(np.sum(off ** 2, axis=1).mean())),
            'median': float(np.median(np.linalg.norm(off, axis=1)))}


def _with_one(arm: Arm, samples: Samples) -> np.ndarray:
    return np.column_stack((arm.flat(samples.angles), np.ones(len(samples))))


def _linear(arm: Arm, learn: Samples) -> Tips:
    """Fit the tip as a linear function of the tendons."""
    found = np.linalg.lstsq(_with_one(arm, learn), _tips(learn), rcond=None)[0]
    return lambda samples: _with_one(arm, samples) @ found


def _constant_curvature(arm: Arm, learn: Samples) -> Tips:
    """Fit sections that bend evenly by a free linear function of the tendons, and the geometry."""
    assert arm.tendons is not None
    values, ends = _with_one(arm, learn), [arm.joints - 1]
    radii = np.array([pulley.ratio for pulley in arm.tendons.pulleys])
    count = arm.jointed.dof * values.shape[1]
    start = np.zeros((arm.jointed.dof, values.shape[1]))
    start[:, :-1] = np.linalg.pinv(np.array(arm.tendons.levers)) * radii
    known = np.concatenate((start.ravel(), np.zeros(len(_SPREAD))))
    spread = np.concatenate((np.full(count, 0.1), _SPREAD))

    def placed(unknowns: np.ndarray, values: np.ndarray) -> tuple[Arm, np.ndarray, np.ndarray]:
        bent = _unlike(arm.jointed, unknowns[count:])
        angles = bent.shaped(values @ unknowns[:count].reshape(start.shape).T)
        return bent, angles, forward_kinematics(bent, angles)

    for _ in range(20):
        bent, angles, chain = placed(known, values)
        by_joints = bent.flat(jacobian(bent, chain, angles, np.array(ends)))[:, 0, :3]
        by_map = np.einsum('scn,sv->scnv', by_joints, values).reshape(len(values), 3, count)
        by_geometry = np.stack([
            (placed(known + step, values)[2] - chain)[:, -1, :3] / 1e-6
            for step in 1e-6 * np.eye(len(known))[count:]], axis=-1)
        rows = np.concatenate((by_map, by_geometry), -1).reshape(-1, len(known)) * spread / 5e-3
        off = (_tips(learn) - chain[:, -1, :3]).ravel() / 5e-3
        known = known + spread * np.linalg.solve(rows.T @ rows + np.eye(len(known)), rows.T @ off)
    return lambda samples: placed(known, _with_one(arm, samples))[2][:, -1, :3]


def _unlike(arm: Arm, change: np.ndarray) -> Arm:
    """Return an arm with another base, another way from joint to joint, and another tip."""
    first, *others = arm.links
    ways = [tuple(link.placement.xyz + change[6:9] / arm.joints) for link in others]
    links = [type(first)(first.name, Placement(tuple(change[3:6]), tuple(change[:3])), first.axes),
             *(type(link)(link.name, Placement(way), link.axes)
               for link, way in zip(others, ways))]
    return Arm(links, Placement(tuple(arm.tool.xyz + change[9:])))


def _black_box(arm: Arm, learn: Samples) -> Tips:
    """Fit the tip by kernel ridge regression; width and ridge are those of the best folds."""
    def fitted(part: Samples, width: float, ridge: float) -> Tips:
        values, tips = arm.flat(part.angles), _tips(part)
        middle, deviation = values.mean(axis=0), values.std(axis=0)
        mean = tips.mean(axis=0)

        def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            a, b = ((each - middle) / deviation for each in (a, b))
            return np.exp(-0.5 * (np.sum(a ** 2, 1)[:, None] + np.sum(b ** 2, 1)
                                  - 2.0 * a @ b.T) / width ** 2)

        weights = np.linalg.solve(kernel(values, values) + ridge * np.eye(len(values)),
                                  tips - mean)
        return lambda samples: mean + kernel(arm.flat(samples.angles), values) @ weights

    def error(width: float, ridge: float) -> float:
        return sum(float(np.sum((fitted(learn.part(used), width, ridge)(learn.part(rest))
                                 - _tips(learn.part(rest))) ** 2))
                   for used, rest in learn.folds(FOLDS, np.random.default_rng(1)))

    return fitted(learn, *min(product(_WIDTHS, _RIDGES), key=lambda each: error(*each)))


def _tendons(arm: Arm, learn: Samples) -> Tips:
    """Fit the arm that tendons bend."""
    found = calibrate_tendons(arm, learn).arm
    return lambda samples: forward_kinematics(found, samples.angles)[:, -1, pose.POSITION]


MODELS: dict[str, Callable[[Arm, Samples], Tips]] = {
    'linear': _linear, 'constant curvature, linear in the tendons': _constant_curvature,
    'black box (kernel ridge)': _black_box, 'tendons and springs': _tendons}


def _control(arm: Arm, learn: Samples, test: Samples) -> dict[str, list[float]]:
    """
    Return distances [mm] of the tip from goals that were measured, by kind of control.

    The true arm is fitted to the test data alone, the model to what is learned from.
    """
    model = ForwardModel.exact(calibrate_tendons(arm, learn).arm)
    truth = calibrate_tendons(arm, test).arm
    settings = InverseSettings(position_tolerance=1e-4 / model.arm.length)
    errors: dict[str, list[float]] = {'without feedback': [], 'with the tip fed back': []}

    def seen(angles: np.ndarray) -> np.ndarray:
        chain = forward_kinematics(truth, angles)
        known = np.full_like(chain, np.nan)
        known[-1, pose.POSITION] = chain[-1, pose.POSITION]
        return known

    for row in np.linspace(0, len(test) - 1, GOALS).astype(int):
        goal = Goal.tool(position=_tips(test)[row], joints=arm.joints)
        for name, true_chain in zip(errors, (None, seen)):
            found = solve(goal, arm.rest, model, true_chain, settings)
            off = forward_kinematics(truth, found.angles)[-1, pose.POSITION] - _tips(test)[row]
            errors[name].append(1e3 * float(np.linalg.norm(off)))
    return errors
