# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the closed loop costs at its usual rate: processor time, missed deadlines, delays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from snake_arm_control.bench.loop_rate import spin_for
from snake_arm_control.control.loop import State
from snake_arm_control.errors import FeedbackError
from snake_arm_control.nodes.controller import ControllerSettings
from snake_arm_control.nodes.simulator import SimulatorSettings
from snake_arm_control.nodes.up import Options, running
from snake_arm_control.ros import topics

NAMESPACE = '/loop_cost'
SECONDS = 10.0  # [s] that are measured
RATE = ControllerSettings().rate  # [Hz]
NODES = 'controller', 'forward_model', 'simulator'
_MOVING, _STILL = 'fig4', 'fig2'
_START_TIME = 120.0  # [s] that the nodes may take to come up, and to reach a goal that stays
_WARM_UP = 3.0  # [s] of motion
_LATE = 1.5  # periods between two commands, above which a deadline was missed
_TICK = os.sysconf('SC_CLK_TCK')  # of the clock of processes [1/s]


class Listener(Node):
    """Notes when commands and pose chains arrive."""

    def __init__(self, **node_options):
        super().__init__('listener', **node_options)
        self.commands: list[float] = []  # [s]
        self.chains: list[float] = []  # [s]
        self._state = ''
        self.create_subscription(String, topics.STATE, self._take_state, topics.LATCHED)
        for kind, topic, times in ((JointState, topics.JOINT_COMMAND, self.commands),
                                   (PoseArray, topics.POSE_CHAIN, self.chains)):
            self.create_subscription(
                kind, topic, lambda _, times=times: times.append(time.monotonic()),
                topics.STREAM, raw=True)

    def is_moving(self) -> bool:
        """Whether the arm is commanded."""
        return bool(self.commands)

    def is_at_rest(self) -> bool:
        """Whether the goal is reached."""
        return self._state == State.REACHED.name

    def _take_state(self, message: String) -> None:
        self._state = message.data

    def clear(self) -> None:
        """Forget what has arrived."""
        self.commands.clear()
        self.chains.clear()


def measure(seconds: float = SECONDS, rate: float = RATE,
            report: Callable[[str], None] = print) -> dict[str, Any]:
    """
    Measure the loop with a goal that moves, with a core kept busy by something else, and at rest.

    :param seconds: to measure each
    :param rate: of the controller [Hz]; the simulator's heartbeat goes with it
    :return: by case: `cpu` of each node [cores]; where the arm moves, `commands` a second, `late`,
        the fraction that missed its deadline, and `delay`, from the arrival of a true pose to the
        command after it, median and 99th percentile [ms]
    :raises FeedbackError: if the nodes don't come up
    """
    report(f'\nClosed loop at {rate:g} Hz, each node a process, {os.cpu_count()} cores\n'
           f'  {"":32}' + ''.join(f'{name:>15}' for name in NODES)
           + '  [% of a core]')
    result = {}
    for key, name, scenario, occupied in (
            ('moving', 'a goal that moves', _MOVING, False),
            ('busy', 'the same, one core kept busy', _MOVING, True),
            ('rest', 'at rest', _STILL, False)):
        result[key] = found = _measured(scenario, occupied, seconds, rate)
        report(f'  {name:32}' + ''.join(f'{100.0 * found["cpu"][node]:15.1f}' for node in NODES))
        if 'delay' in found:
            report(f'    {found["commands"]:.1f} commands a second, {100.0 * found["late"]:.2f} % '
                   'late; from a true pose to the next command '
                   f'{found["delay"][0]:.2f} ms (99 %: {found["delay"][1]:.2f})')
    return result


def _measured(scenario: str, occupied: bool, seconds: float, rate: float) -> dict[str, Any]:
    heartbeat = SimulatorSettings().heartbeat * rate / RATE
    options = Options(namespace=NAMESPACE, processes=True, scenario=scenario,
                      settings=(f'controller.rate={rate}', f'simulator.heartbeat={heartbeat}'))
    with running(options, Listener) as (spinner, listener, children), _busy(occupied):
        moves = scenario == _MOVING
        is_ready = listener.is_moving if moves else listener.is_at_rest
        spin_for(spinner, _START_TIME, is_ready)
        if not is_ready():
            raise FeedbackError(f'{scenario} did not begin within {_START_TIME:g} s')
        spin_for(spinner, _WARM_UP)
        listener.clear()
        numbers, begun = children.numbers, time.monotonic()
        before = {node: _processor_time(numbers[node]) for node in NODES}
        spin_for(spinner, seconds)
        passed = time.monotonic() - begun
        cpu = {node: (_processor_time(numbers[node]) - before[node]) / passed for node in NODES}
        if not moves:
            return {'cpu': cpu}
        commands, chains = np.array(listener.commands), np.array(listener.chains)
        following = np.searchsorted(commands, chains)
        known = following < len(commands)
        delays = commands[following[known]] - chains[known]
        return {'cpu': cpu, 'commands': len(commands) / passed,
                'late': float((np.diff(commands) > _LATE / rate).mean()),
                'delay': [1e3 * float(each) for each in np.percentile(delays, (50, 99))]}


@contextmanager
def _busy(occupied: bool) -> Iterator[None]:
    """Keep a core busy."""
    if not occupied:
        yield
        return
    with subprocess.Popen([sys.executable, '-c', 'while True: pass']) as other:
        try:
            yield
        finally:
            other.kill()


def _processor_time(process: int) -> float:
    """Return the time that a process has computed [s]; Linux only."""
    fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
