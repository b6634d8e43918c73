# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's experiments run and recorded: what the arm did, and how far from its goals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.engines import make_true_arm
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.arm.tracker import Tracker
from snake_arm_control.control.demands import demands
from snake_arm_control.control.descent import terms_of
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.control.optimiser import InverseSettings, LevenbergMarquardt
from snake_arm_control.experiments.scenarios import GOAL_RATE, Scenario
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

IDEAL_ARM = SimulationSettings()
WRONG_ARM = SimulationSettings(length_error=0.05, joint_offset=math.radians(2.0))
PERIODS = (20.0, 10.0, 5.0, 2.0)  # [s] in which a moving goal is tried to be followed
RATE = 200.0  # [Hz] of the controller
TIME_LIMIT = 10.0  # [s] for reaching a goal
_LATEST, _FINENESS = 0.5, 1e-3  # [s] that a recording may come late, and how finely it is told
_TOLD = 20  # goals that tell it
REST_TIME = 0.5  # [s] for which a reached goal is watched
APPROACH_TIME = 2.0  # [s] for catching up with a moving goal, before it is measured
_SAMPLES = 1000  # of the errors over time that are written
_EXACT_STARTS = 40
_EXACT_ITERATIONS = 300


@dataclass(frozen=True, eq=False)
class Recording:
    """
    What was seen of one run, from the first goal on.

    :param period: in which a moving goal went round [s]; 0 for one that stayed
    :param times: (frames,) since the first goal [s]
    :param chains: (frames, joints, 9), the true poses
    :param goals: (frames,), the goal that was in effect
    :param position_errors: (frames,) to that goal [m]
    :param axis_errors: (frames,) to that goal [rad]
    :param commands: (frames,), how many there had been
    :param reached: frame at which a goal was reached first; None if none ever was
    :param about: of what arm, controller and model, as JSON can hold it
    """

    scenario: Scenario
    arm: Arm
    period: float
    times: np.ndarray
    chains: np.ndarray
    goals: tuple[Goal, ...]
    position_errors: np.ndarray
    axis_errors: np.ndarray
    commands: np.ndarray
    reached: int | None
    about: dict[str, Any]

    @property
    def measured(self) -> slice:
        """Frames that are judged: the last one, or the last round of a moving goal."""
        last = len(self.times) - 1
        if not self.period:
            return slice(last, None)
        return slice(int(np.searchsorted(self.times, self.times[last] - self.period)), None)

    def moments(self, count: int) -> np.ndarray:
        """
        Return frames (count,) that show the motion, evenly spaced.

        With a fixed goal: by the way that the arm's joints went until it was reached. With a
        moving goal: by the time of its last round.
        """
        if self.period:
            wanted = self.times[self.measured][0] + self.period * np.arange(count) / count
            return np.searchsorted(self.times, wanted).clip(0, len(self.times) - 1)
        last = len(self.times) - 1 if self.reached is None else self.reached
        positions = self.chains[:last + 1, :, pose.POSITION]
        steps = np.linalg.norm(np.diff(positions, axis=0), axis=-1).max(axis=-1)
        way = np.concatenate(((0.0,), np.cumsum(steps)))
        return np.searchsorted(way, way[-1] * np.linspace(0.0, 1.0, count)).clip(0, last)


class Recorder:
    """
    Takes what happens in a run, and says when there is enough of it.

    :param period: in which a moving goal goes round [s]; 0 for one that stays
    :param rest: how long a reached goal is watched [s]
    """

    def __init__(self, scenario: Scenario, arm: Arm, period: float,
                 settings: InverseSettings = InverseSettings(), rest: float = REST_TIME):
        self.scenario, self.arm, self.period = scenario, arm, period
        self._tolerances, self._rest = settings.tolerances(arm.length), rest
        self._goal: Goal | None = None
        self._before: np.ndarray | None = None  # the chain ahead of the first goal
        self._started_at = 0.0
        self._commands = 0
        self._frames: list[tuple] = []
        self._reached: int | None = None

    def take_goal(self, time: float, goal: Goal) -> None:
        """Take a goal that is in effect from a time [s] on."""
        first, self._goal = self._goal is None, goal
        if first:
            self._started_at = time
            if self._before is not None:
                self.take_chain(time, self._before)

    def take_command(self) -> None:
        """Count a command."""
        self._commands += self._goal is not None

    def take_chain(self, time: float, chain: np.ndarray) -> None:
        """Take the true poses (joints, 9) of a time [s]; they count from the first goal on."""
        goal = self._goal
        if goal is None:
            self._before = chain
            return
        errors = float(goal.position_error(chain)), float(goal.axis_error(chain))
        if self._reached is None and self._tolerances.are_met(*errors):
            self._reached = len(self._frames)
        self._frames.append((time - self._started_at, chain, goal, *errors, self._commands))

    def is_done(self) -> bool:
        """Return whether the goal was reached or not in time, or a moving one went round."""
        if not self._frames:
            return False
        last = self._frames[-1][0]
        if self.period:
            return last >= APPROACH_TIME + self.period
        if self._reached is None:
            return last >= TIME_LIMIT
        return last - self._frames[self._reached][0] >= self._rest

    def recording(self, about: dict[str, Any]) -> Recording:
        """Return what was recorded; see `Recording` for what it is about."""
        times, chains, goals, position_errors, axis_errors, commands = zip(*self._frames)
        began = self._began(times, goals) if self.period else 0.0
        return Recording(self.scenario, self.arm, self.period, np.array(times) - began,
                         np.array(chains),
                         goals, np.array(position_errors), np.array(axis_errors),
                         np.array(commands), self._reached, about)

    def _began(self, times: tuple[float, ...], goals: tuple[Goal, ...]) -> float:
        """
        Return when the scenario began by these times [s]: who records may have come late.

        It is told by the goals, of which none was in effect before its time.
        """
        shifts = _FINENESS * np.arange(-round(_LATEST / _FINENESS), 1)
        return min(float(min(shifts, key=lambda began: np.abs(
            self.scenario.goal_at(self.arm, max(times[i] - began, 0.0), self.period).target
            - goals[i].target).max()))
            for i in np.linspace(len(times) // 2, len(times) - 1, _TOLD).astype(int))


Run = Callable[[Scenario, float], Recording]  # of a scenario with a period [s]


class LibraryRun:
    """
    Runs experiments without ROS: the controller's own loop and a simulated true arm.

    :param rest: how long a reached goal is watched [s]
    """

    def __init__(self, model: ForwardModel, truth: SimulationSettings = IDEAL_ARM,
                 settings: ControlSettings = ControlSettings(), rest: float = REST_TIME):
        self.model, self.truth, self.settings, self.rest = model, truth, settings, rest

    def __call__(self, scenario: Scenario, period: float) -> Recording:
        """
        Let the arm follow a scenario from rest.

        The clock is stepped at the controller's rate; joint states and true poses come at each
        step.

        :param period: of a moving goal [s]
        :raises GoalError: if the arm has too few joints for the scenario
        """
        loop = ControlLoop(self.model, self.settings)
        true_arm = make_true_arm(loop.arm, self.truth)
        recorder = Recorder(scenario, loop.arm, period, self.settings, self.rest)
        tracker = Tracker(self.truth)
        goals_set = tick = 0
        while not recorder.is_done():
            now = tick / RATE
            true_arm.advance(now)
            if goals_set == 0 or period and now * GOAL_RATE >= goals_set:
                goals_set += 1
                loop.set_goal(scenario.goal_at(loop.arm, now, period))
                recorder.take_goal(now, loop.goal)
            recorder.take_chain(now, true_arm.true_chain())
            stamp = round(1e9 * (now + 1.0))
            loop.report(stamp, true_arm.angles)
            tracker.observe(now, true_arm.true_chain(), stamp)
            for measurement in tracker.arrived(now):
                loop.receive(measurement.stamp, measurement.chain)
            command = loop.iterate(now, stamp)
            if command is not None:
                recorder.take_command()
                true_arm.command(command.positions, now)
            tick += 1
        return recorder.recording(about('library', self.model.fingerprint, self.truth,
                                        self.settings, RATE))


def about(where: str, fingerprint: str, truth: SimulationSettings, settings: ControlSettings,
          rate: float) -> dict[str, Any]:
    """
    Return under what conditions a run took place.

    :param where: library or nodes
    :param fingerprint: of the forward model
    :param rate: of the controller [Hz]
    """
    return {'where': where, 'model': fingerprint,
            'true_arm': _own(SimulationSettings, truth),
            'settings': {**_own(ControlSettings, settings), 'rate': rate,
                         'goal_rate': GOAL_RATE}}


def reproduce(scenario: Scenario, run: Run) -> tuple[Recording, dict[str, Any]]:
    """
    Run an experiment, and what it is to be compared with.

    A moving goal is followed in several periods. Where the joint limits make a goal unreachable,
    the best that exact kinematics can do is searched for.

    :return: the recording in the scenario's own period, and the result as JSON can hold it:
        `success`, `iterations`, `final` errors, `errors` over time, `tracking` of a moving goal,
        `best_exact` where the goal can't be reached
    """
    recording = run(scenario, scenario.period)
    result = {'scenario': scenario.name, 'description': scenario.description,
              'arm': recording.arm.summary, **recording.about, **_summary(recording)}
    if scenario.period:
        others = {period: recording if period == scenario.period else run(scenario, period)
                  for period in PERIODS}
        result['tracking'] = [tracking(each) for each in others.values()]
    elif not scenario.reachable:
        goal = scenario.goal_at(recording.arm, 0.0)
        angles = best_exact(goal, recording.arm)
        best, length = ExactModel(recording.arm).linearize(angles).chain, recording.arm.length
        result['residual'] = residual(goal, recording.chains[-1], length)
        result['best_exact'] = {'starts': _EXACT_STARTS, **residual(goal, best, length)}
    result['errors'] = _errors(recording)
    return recording, result


def write_result(result: dict[str, Any], folder: Path) -> Path:
    """Write a result as JSON into a folder, which is made; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'result.json'
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + '\n')
    return path


def table(result: dict[str, Any]) -> str:
    """Return a result as a few lines of text."""
    final = result['final']
    what = 'RMS' if 'tracking' in result else 'end'
    reached = result['reached']
    lines = [f'{result["scenario"]:12} {"reached" if result["success"] else "not reached":12} '
             f'{what} {_shown(final["position_error"], final["axis_error"])}'
             + (f'   reached first after {reached["iterations"]} iterations, '
                f'{reached["time"]:.2f} s' if reached else '')]
    for row in result.get('tracking', ()):
        lines.append(f'    a round in {row["period"]:4g} s: RMS '
                     f'{_shown(row["rms_position_error"], row["rms_axis_error"])}   '
                     f'{1e3 * row["rms_to_moving_target"]:.2f} mm to the moving target')
    if 'best_exact' in result:
        for key, name in (('residual', 'this arm'),
                          ('best_exact', 'the ideal arm by exact kinematics, at best')):
            each = result[key]
            lines.append(f'    {name}: {_shown(each["position_error"], each["axis_error"])}, '
                         f'loss {each["loss"]:.5f}')
    return '\n'.join(lines)


def _shown(position_error: float, axis_error: float) -> str:
    return f'{1e3 * position_error:.2f} mm {math.degrees(axis_error):.2f} deg'


def tracking(recording: Recording) -> dict[str, Any]:
    """
    Return how well a moving goal was followed over its last round.

    Errors are those to the goal that was in effect. Those to the moving target itself are larger,
    since it runs ahead of the goals, which are set at a rate.
    """
    rows = recording.measured
    targets = [recording.scenario.goal_at(recording.arm, time, recording.period)
               for time in recording.times[rows]]
    behind = np.array([float(target.position_error(chain))
                       for target, chain in zip(targets, recording.chains[rows])])
    position, axis = recording.position_errors[rows], recording.axis_errors[rows]
    return {'period': recording.period,
            'rms_position_error': _rms(position), 'max_position_error': _rounded(position.max()),
            'rms_axis_error': _rms(axis), 'max_axis_error': _rounded(axis.max()),
            'rms_to_moving_target': _rms(behind),
            'max_to_moving_target': _rounded(behind.max())}


def residual(goal: Goal, chain: np.ndarray, length: float) -> dict[str, Any]:
    """
    Return the errors of a goal at a pose chain (joints, 9) of an arm of some length [m].

    :return: the largest `position_error` [m] and `axis_error` [rad], the `axis_errors` [rad] of
        the joints that the goal cares for, and the `loss` that the controller descends
    """
    cared = goal.cared[:, pose.FORWARD].any(axis=1) | goal.cared[:, pose.UP].any(axis=1)
    return {'position_error': _rounded(goal.position_error(chain)),
            'axis_error': _rounded(goal.axis_error(chain)),
            'axis_errors': [_rounded(e) for e in goal.axis_errors(chain).max(axis=-1)[cared]],
            'loss': _rounded(_loss(goal, chain, length))}


def best_exact(goal: Goal, arm: Arm, starts: int = _EXACT_STARTS, seed: int = 0) -> np.ndarray:
    """
    Return the angles (joints, axes) [rad] of the least loss that exact kinematics finds.

    Levenberg-Marquardt without a floor under its damping, from rest and from random bends.
    """
    generator = np.random.default_rng(seed)
    model, settings = ExactModel(arm), InverseSettings(damping=0.0)
    angles = arm.rest
    best, least = angles, math.inf
    for start in range(starts):
        if start:
            angles = arm.bent(generator.uniform(-0.5, 0.5, arm.rest.shape))
        descent = LevenbergMarquardt(arm, settings)
        for _ in range(_EXACT_ITERATIONS):
            linearization = model.linearize(angles)
            loss = _loss(goal, linearization.chain, arm.length)
            if loss < least:
                best, least = angles, loss
            wanted = demands(terms_of(goal, arm, settings), linearization.chain, angles)
            angles = descent.step(wanted, angles, linearization, settings.max_step)
    return best


def _loss(goal: Goal, chain: np.ndarray, length: float) -> float:
    gains = InverseSettings().gains(length)
    return float(np.sum(goal.weight * gains * goal.discrepancy(chain) ** 2) / 2.0)


def _summary(recording: Recording) -> dict[str, Any]:
    reached, rows = recording.reached, recording.measured
    errors = _rms(recording.position_errors[rows]), _rms(recording.axis_errors[rows])
    return {'success': InverseSettings().tolerances(recording.arm.length).are_met(*errors),
            'iterations': int(recording.commands[-1]),
            'reached': None if reached is None else {
                'iterations': int(recording.commands[reached]),
                'time': _rounded(recording.times[reached])},
            'final': {'position_error': errors[0], 'axis_error': errors[1]}}


def _errors(recording: Recording) -> dict[str, list[float]]:
    frames = np.unique(np.linspace(0, len(recording.times) - 1, _SAMPLES).astype(int))
    return {name: [_rounded(v) for v in values[frames]] for name, values in (
        ('time', recording.times), ('position', recording.position_errors),
        ('axis', recording.axis_errors))}


def _rms(values: np.ndarray) -> float:
    return _rounded(np.sqrt(np.mean(np.square(values))))


def _rounded(value: float | np.ndarray) -> float:
    return float(f'{float(value):.6g}')


def _own(kind: type, settings: Any) -> dict[str, Any]:
    return {each.name: getattr(settings, each.name) for each in fields(kind)}
