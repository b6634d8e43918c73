# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The bench: cost of an iteration, time to goal by method, wrong arms, robustness, loop rate.

Everything runs in one process and one thread, so that figures can be compared. Set the numbers of
threads before numpy is imported: see `THREADS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
import importlib.metadata
import json
import os
from pathlib import Path
import platform
import time
from typing import Any, NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.bench import numpy_descent, peers, robustness, scene_race, throughput
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import SettingsError
from snake_arm_control.experiments import goal_families
from snake_arm_control.model import bptt
from snake_arm_control.model.differentiable import DifferentiableModel
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMBA_NUM_THREADS')
PARTS = ('cost', 'goals', 'throughput', 'wrong', 'robustness', 'scenes')
JOINTS = (10, 20, 40, 100, 200, 400, 1000)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONFIGURATIONS = 16
RESTARTS = 20
WRONG_FAMILIES = 'ABCDF'  # not E: joints that are off bend what shall be straight
WRONG_GOALS = 60  # of each family, at most
SCENE_GOALS = 200  # of each family, at most
THROUGHPUT = 10  # times as many goals
POSES = 20  # at most, of which every deviation is tried
# The paper's rule with one gain and step for all families: larger gains are faster on A to E, but
# too large for the 360 components of F.
MOMENTUM = InverseSettings(method='momentum', gradient_scale=0.02, momentum=0.95, max_step=0.1)
_PACKAGES = ('numba', 'numpy', 'torch', 'scipy', 'pin', 'pin-pink', 'mink', 'mujoco', 'daqp',
             'pytorch-kinematics', 'ikpy')
_QUICK = 0.1  # [s]; what takes less is timed again, against chance
_AGAIN = 4  # times


class Timing(NamedTuple):
    """Time of a call [ms]."""

    median: float
    low: float  # 10th percentile
    high: float  # 90th percentile


class Method(NamedTuple):
    """A method that solves goals."""

    label: str
    build: Callable[[Arm, ForwardModel], peers.Solver]  # ImportError: a package is missing
    families: str = ''.join(goal_families.FAMILIES)  # those whose goals it can express
    fraction: float = 1.0  # of the goals that it is given: slow ones get fewer


def _descent(settings: InverseSettings, restarts: int,
             model_of: Callable[[Arm, ForwardModel], DifferentiableModel]
             ) -> Callable[[Arm, ForwardModel], peers.Solver]:
    def build(arm: Arm, model: ForwardModel) -> peers.Solver:
        differentiable = model_of(arm, model)
        def run(goal: Goal) -> tuple[np.ndarray, int]:
            found = solve(goal, arm.rest, differentiable, lambda at: forward_kinematics(arm, at),
                          settings, restarts=restarts)
            return found.angles, found.iterations

        return run

    return build


def _learned(_: Arm, model: ForwardModel) -> DifferentiableModel:
    return model


def _exact(arm: Arm, _: ForwardModel) -> DifferentiableModel:
    return ExactModel(arm)


def _pinocchio(arm: Arm, _: ForwardModel) -> DifferentiableModel:
    return peers.PinocchioModel(arm)


def _numpy_pinocchio(arm: Arm, _: ForwardModel) -> peers.Solver:
    model = peers.PinocchioModel(arm)

    def run(goal: Goal) -> tuple[np.ndarray, int]:
        found = numpy_descent.solve(goal, arm, model, lambda at: forward_kinematics(arm, at),
                                    InverseSettings(), RESTARTS)
        return found.angles, found.iterations

    return run


def _peer(name: str) -> Callable[[Arm, ForwardModel], peers.Solver]:
    return lambda arm, _: getattr(peers, name)(arm)


METHODS = {
    'lm': Method('learned model, LM', _descent(InverseSettings(), RESTARTS, _learned)),
    'momentum': Method('learned model, momentum', _descent(MOMENTUM, 0, _learned)),
    'lm-exact': Method('exact model, LM', _descent(InverseSettings(), RESTARTS, _exact)),
    'momentum-exact': Method('exact model, momentum', _descent(MOMENTUM, 0, _exact)),
    'lm-numpy': Method('Pinocchio, LM in numpy', _numpy_pinocchio),
    'lm-pinocchio': Method('Pinocchio, LM', _descent(InverseSettings(), RESTARTS, _pinocchio)),
    'pink': Method('pink', _peer('pink')),
    'mink': Method('mink', _peer('mink')),
    'scipy': Method('scipy least_squares', _peer('scipy_least_squares'), fraction=0.5),
    'torch': Method('torch autograd, Adam', _peer('torch_exact'), fraction=0.1),
    'pytorch-kinematics': Method('pytorch_kinematics', _peer('pytorch_kinematics'), 'C', 0.1),
    'ikpy': Method('ikpy', _peer('ikpy'), 'ABC', 0.05),
}


def run(arm: Arm = Arm(), *, goals: int = 200, seed: int = 0, parts: Iterable[str] = PARTS,
        families: Iterable[str] = tuple(goal_families.FAMILIES),
        methods: Iterable[str] = tuple(METHODS), compile_torch: bool = False,
        effort: float = 1.0, report: Callable[[str], None] = print) -> dict[str, Any]:
    """
    Measure, and report each figure as soon as it is known.

    :param goals: of each family; fewer where the arm is wrong
    :param parts, families, methods: which of `PARTS`, of the families and of `METHODS`
    :param compile_torch: compile the unrolled network, which takes minutes
    :param effort: how long to measure a cost [s], at the most expensive sizes somewhat longer
    :param report: takes lines of text
    :return: the figures, as JSON has them; times in ms
    :raises SettingsError: if a part, a family or a method is not known
    """
    for kind, chosen, known in (('part', parts, PARTS), ('method', methods, METHODS),
                                ('family', families, goal_families.FAMILIES)):
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise SettingsError(f'{kind} {unknown[0]!r} is not known, expected of '
                                f'{", ".join(known)}')
    bptt.compile_all()
    model = ForwardModel.load(arm=arm)
    result: dict[str, Any] = {'machine': _machine(), 'versions': _versions(), 'seed': seed,
                              'weights': model.fingerprint, 'joints': arm.joints}
    report(', '.join(f'{key} {value}' for key, value in result['machine'].items()))
    report(', '.join(f'{key} {value}' for key, value in result['versions'].items()))
    if 'cost' in parts:
        result['cost'] = _cost(arm, model, compile_torch, effort, report)
    if 'goals' in parts:
        result['settings'] = {'levenberg_marquardt': _changed(InverseSettings()),
                              'momentum': _changed(MOMENTUM), 'restarts': RESTARTS}
        result['goals'] = {}
        for family in families:
            result['goals'][family] = _race(family, arm, model, goals, seed, methods, report)
    if 'throughput' in parts:
        result['throughput'] = throughput.measure(model, THROUGHPUT * goals, seed, report)
    if 'wrong' in parts:
        result['wrong'] = robustness.wrong_arms(
            model, min(goals, WRONG_GOALS), seed,
            [family for family in WRONG_FAMILIES if family in families], report)
    if 'scenes' in parts:
        result['scenes'] = scene_race.race(arm, min(goals, SCENE_GOALS), seed, report=report)
    if 'robustness' in parts:
        result['robustness'] = robustness.control(model, min(goals, POSES), seed, report=report)
    return result


def _cost(arm: Arm, model: ForwardModel, compile_torch: bool, effort: float,
          report: Callable[[str], None]) -> dict[str, Any]:
    """Measure what the parts of an iteration cost [ms]."""
    generator = np.random.default_rng(0)
    parameters = model.parameters

    def iterate(batch: int, joints: int) -> Callable[[], object]:
        angles = arm.upper[0] * generator.uniform(-1.0, 1.0, (batch, joints, arm.axes))
        slope = generator.standard_normal(bptt.forward(parameters, angles).chain.shape)
        return lambda: bptt.input_gradient(parameters, bptt.forward(parameters, angles), slope)

    def reported(name: str, timing: Timing, than: float | None = None) -> dict[str, float]:
        ratio = '' if than is None else f'   {timing.median / than:.2f} times an iteration'
        report(f'  {name:42} {timing.median:9.3f} ms '
               f'({timing.low:.3f} to {timing.high:.3f}){ratio}')
        return timing._asdict()

    report(f'\nCost, {arm.joints} joints (10th to 90th percentile)')
    ours = _timed(iterate(1, arm.joints), effort)
    cost: dict[str, Any] = {'iteration': reported('iteration: forward and gradient', ours)}

    def add(key: str, name: str, timing: Timing) -> None:
        cost[key] = reported(name, timing, ours.median)

    angles = arm.bent(generator.uniform(-1.0, 1.0, arm.rest.shape))
    linearization = model.linearize(angles)
    tool = np.full(pose.SIZE, arm.joints - 1), np.arange(pose.SIZE)
    whole = np.nonzero(np.ones((arm.joints, pose.SIZE)))
    gradient = _timed(lambda: linearization.gradient(linearization.chain), effort)
    add('gradient', 'gradient alone', gradient)
    rows = _timed(lambda: linearization.jacobian_rows(*tool), effort)
    add('tool_rows', 'nine Jacobian rows of the tool', rows)
    cost['tool_rows']['per_gradient'] = rows.median / gradient.median
    add('jacobian', 'full Jacobian',
         _timed(lambda: linearization.jacobian_rows(whole[0], whole[1]), effort))
    add('configurations', f'{CONFIGURATIONS} configurations at once',
         _timed(iterate(CONFIGURATIONS, arm.joints), effort))
    try:
        for key, name, iteration in _torch_iterations(model, angles, compile_torch):
            add(key, name, _timed(iteration, effort))
    except ImportError as error:
        report(f'  torch: {error}')

    cost['joints'] = {
        joints: _timed(iterate(1, joints), effort).median for joints in JOINTS}
    sizes, times = np.array(list(cost['joints'].items())).T
    slope, offset = np.polyfit(sizes, times, 1)
    off = times - (slope * sizes + offset)
    cost['joints_fit'] = {'ms_per_joint': slope, 'ms_offset': offset,
                          'r_squared': 1.0 - off.var() / times.var()}
    report('  iteration by joints: ' + ', '.join(f'{n}: {t:.3f}' for n, t in
                                                 cost['joints'].items()) + ' ms')
    report(f'    {1e3 * slope:.2f} us a joint, R^2 = {cost["joints_fit"]["r_squared"]:.5f}')
    cost['batch'] = {
        batch: _timed(iterate(batch, arm.joints), effort).median for batch in BATCHES}
    report('  iteration by configurations, for each: ' + ', '.join(
        f'{n}: {t / n:.3f}' for n, t in cost['batch'].items()) + ' ms')
    return cost


def _torch_iterations(model: ForwardModel, angles: np.ndarray, compile_too: bool
                      ) -> Iterable[tuple[str, str, Callable[[], Any]]]:
    """Yield the same iteration by torch's autograd on the same network: key, name, call."""
    import torch

    from snake_arm_control.model.network import Network
    torch.set_num_threads(1)
    parameters = model.parameters
    network = Network(parameters.architecture)
    network.load_state_dict({name: torch.from_numpy(array.copy())
                             for name, array in parameters.arrays.items()})
    network.requires_grad_(False)
    given = torch.tensor(angles[None], dtype=torch.float32, requires_grad=True)
    slope = torch.ones((1, len(angles), pose.SIZE))

    def iterate(forward):
        return lambda: torch.autograd.grad(forward(given), given, slope)

    yield 'torch', 'torch, eager', iterate(network)
    if compile_too:
        compiled = iterate(torch.compile(network))
        started = time.perf_counter()
        try:
            compiled()
        except Exception as error:  # noqa: B902  a compiler may raise anything
            raise ImportError(f'torch.compile: {type(error).__name__}') from error
        seconds = time.perf_counter() - started
        yield 'torch_compile', f'torch, compiled in {seconds:.0f} s', compiled


def _race(family: str, arm: Arm, model: ForwardModel, count: int, seed: int,
          methods: Iterable[str], report: Callable[[str], None]) -> dict[str, Any]:
    """Give the methods the goals of a family."""
    index = list(goal_families.FAMILIES).index(family)
    goals = goal_families.goals(family, arm, count, np.random.default_rng((seed, index)))
    report(f'\nGoals {family}: {goal_families.FAMILIES[family]}\n  {"":26}{"goals":>6}'
           f'{"reached":>9}{"iterations":>12}{"95 %":>7}{"ms":>10}{"95 %":>10}')
    results: dict[str, Any] = {}
    for name in methods:
        method = METHODS[name]
        if family not in method.families:
            continue
        try:
            solver = method.build(arm, model)
        except ImportError as error:
            results[name] = {'missing': str(error)}
            report(f'  {method.label:26}{error}')
            continue
        results[name] = found = _try(solver, arm, goals[:max(1, round(method.fraction * count))])
        report(f'  {method.label:26}{found["goals"]:6}{100 * found["reached"]:8.1f}%'
               f'{found["iterations"]:12.0f}{found["iterations_95"]:7.0f}'
               f'{found["ms"]:10.2f}{found["ms_95"]:10.2f}'
               + (f'  missed {found["missed"]}' if found['missed'] else ''))
    return results


def _try(solver: peers.Solver, arm: Arm, goals: list[Goal]) -> dict[str, Any]:
    """Solve goals; a goal counts as reached where the true arm, within its limits, reaches it."""
    solver(goals[0])
    iterations, times, missed = [], [], []
    for index, goal in enumerate(goals):
        seconds, (angles, taken) = _clocked(solver, goal)
        for _ in range(_AGAIN if seconds < _QUICK else 0):
            seconds = min(seconds, _clocked(solver, goal)[0])
        within = np.abs(angles - arm.clip(angles)).max() <= 1e-9
        if not (within and peers.reached(goal, forward_kinematics(arm, angles), arm)):
            missed.append(index)
        iterations.append(taken)
        times.append(1e3 * seconds)
    return {'goals': len(goals), 'reached': 1.0 - len(missed) / len(goals), 'missed': missed,
            'iterations': float(np.median(iterations)),
            'iterations_95': float(np.percentile(iterations, 95)),
            'ms': float(np.median(times)), 'ms_95': float(np.percentile(times, 95))}


def _clocked(solver: peers.Solver, goal: Goal) -> tuple[float, tuple[np.ndarray, int]]:
    started = time.perf_counter()
    found = solver(goal)
    return time.perf_counter() - started, found


def _timed(call: Callable[[], Any], effort: float) -> Timing:
    """Call for as many seconds as the effort, at least five times."""
    call()
    times: list[float] = []
    end = time.perf_counter() + effort
    while len(times) < 5 or (times[-1] and time.perf_counter() < end):
        started = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - started))
    low, median, high = np.percentile(times, (10, 50, 90))
    return Timing(float(median), float(low), float(high))


def _changed(settings: InverseSettings) -> dict[str, Any]:
    names = ('method', 'gradient_scale', 'momentum', 'damping', 'centering', 'max_step',
             'position_gain', 'axis_gain', 'position_tolerance', 'axis_tolerance')
    return {name: getattr(settings, name) for name in names}


def _machine() -> dict[str, str]:
    processor = platform.processor() or platform.machine()
    try:
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                processor = line.partition(':')[2].strip()
                break
    except OSError:
        pass  # not Linux
    return {'processor': processor, 'system': platform.system(),
            'threads': ' '.join(os.environ.get(name, '-') for name in THREADS)}


def _versions() -> dict[str, str]:
    versions = {'python': platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return versions


def save(result: dict[str, Any], path: Path) -> None:
    """Write the figures as JSON."""
    Path(path).write_text(json.dumps(result, indent=2) + '\n')
