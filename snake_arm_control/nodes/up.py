# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes of one arm brought up together, in one process or one each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, ExitStack
from dataclasses import dataclass, fields
import math
from pathlib import Path
import shutil
import sys
import time

from rclpy.node import Node

from snake_arm_control.control.loop import State
from snake_arm_control.errors import SettingsError
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.nodes.controller import ControllerNode, ControllerSettings
from snake_arm_control.nodes.forward_model import ForwardModelNode, ForwardModelSettings
from snake_arm_control.nodes.monitor import MonitorNode, Progress
from snake_arm_control.nodes.scenario import ScenarioNode, ScenarioSettings
from snake_arm_control.nodes.simulator import SimulatorNode, SimulatorSettings
from snake_arm_control.nodes.viewer import ViewerSettings
from snake_arm_control.processes import Children, INTERRUPTED
from snake_arm_control.ros.parameter_file import ParameterFile
from snake_arm_control.ros.running import arguments_checked, ros, Spinner

SETTINGS = {'forward_model': ForwardModelSettings, 'controller': ControllerSettings,
            'simulator': SimulatorSettings, 'scenario': ScenarioSettings,
            'viewer': ViewerSettings}
_NODES = {'forward_model': ForwardModelNode, 'controller': ControllerNode,
          'simulator': SimulatorNode, 'scenario': ScenarioNode}
_DISPLAY_PERIOD = 0.1  # [s]
_SETTLING_TIME = 0.2  # [s] that the arm must stay at its goal


@dataclass(frozen=True)
class Options:
    """What to bring up."""

    arm: str = ''  # as the parameters have it; that of the parameter file, if empty
    base_link: str = ''
    tip_link: str = ''
    joint_prefix: str = ''
    frame_prefix: str = ''
    joints: int | None = None  # those of the parameter file, or the default, if None
    namespace: str = ''  # its full name
    scenario: str = ''
    until_converged: bool = False
    timeout: float = 180.0  # [s], in which a first start compiles, too
    processes: bool = False
    simulator: bool = True
    view: bool = False
    params_file: Path | None = None
    settings: tuple[str, ...] = ()  # node.name=value


def up(options: Options) -> int:
    """
    Run the nodes and show what they do, until interrupted or, if so asked, the goal is reached.

    :return: 0, or 1 if the goal was not reached in time or a node has died
    :raises SnakeArmError: if an option is bad
    """
    with running(options, MonitorNode) as (spinner, monitor, children):
        return _watch(spinner, monitor, options, children)


@contextmanager
def running(options: Options, observer: Callable[..., Node]):
    """
    Run the nodes for as long as the block lasts.

    :param observer: makes the node that watches them, before there is anything to see
    :return: what spins the nodes of this process, the observer, and the other processes
    :raises SnakeArmError: if an option is bad
    """
    if options.scenario:
        scenario(options.scenario)  # says which there are
    names = [*['simulator'] * options.simulator, 'forward_model', 'controller',
             *['scenario'] * bool(options.scenario), *['viewer'] * options.view]
    arguments = {name: _ros_arguments(name, options) for name in names}
    unreached = [] if options.params_file is None else ParameterFile(
        options.params_file).unreached(f'{options.namespace.rstrip("/")}/{name}'
                                       for name in SETTINGS)
    with ros([], code=INTERRUPTED) as spinner, Children() as children, ExitStack() as stack:
        nodes: dict[str, Node] = {}
        with arguments_checked(options.namespace):
            watching = stack.enter_context(spinner.added(observer(namespace=options.namespace)))
            if unreached:
                watching.get_logger().warning(f'{options.params_file}: no node is in the section '
                                              f'{", ".join(unreached)}')
            for name, words in arguments.items():
                # The page has a process of its own, so that the arm never waits for it.
                if options.processes or name == 'viewer':
                    children.start(name, f'snake_arm_control.nodes.{name}', *words)
                else:
                    nodes[name] = stack.enter_context(
                        spinner.added(_NODES[name](cli_args=words)))
            # First of all, and with all others there: the arm has to be followed until it rests.
            if options.processes:
                stack.callback(children.end, 'controller')
            else:
                stack.callback(spinner.finish, nodes['controller'])
        yield spinner, watching, children


def _watch(spinner: Spinner, monitor: MonitorNode, options: Options, children: Children) -> int:
    shown_at, reached_at = -math.inf, None
    deadline = time.monotonic() + options.timeout
    live = sys.stdout.isatty()
    while True:
        now = time.monotonic()
        spinner.spin_once(timeout_sec=0.05)
        if now - shown_at < _DISPLAY_PERIOD:
            continue
        progress, shown_at = monitor.progress(), now
        _show(progress, live)
        for name, exit_code in children.ended():
            is_needed = name != 'viewer'
            _say(f'{name} has ended with exit code {exit_code}'
                 + ('' if is_needed else '; control goes on without the page'), live)
            if is_needed:
                return 1
        if not options.until_converged:
            continue
        if not monitor.is_reached(progress):
            reached_at = None
        elif reached_at is None:
            reached_at = now
        elif now - reached_at >= _SETTLING_TIME:
            _say(f'reached: {_errors(progress)} from the goal on the true poses, after '
                 f'{progress.commands} iterations in {progress.elapsed:.1f} s', live)
            return 0
        stalled = progress.state == State.STALLED.name
        if now > deadline or stalled:
            seen = _errors(progress) if progress.known else 'no goal and true pose were seen'
            why = 'not reached' if stalled else f'not reached within {options.timeout:g} s'
            _say(f'{why}: {seen}; controller: {progress.activity}', live)
            return 1


def _errors(progress: Progress) -> str:
    return (f'{progress.position_error * 1e3:.2f} mm and '
            f'{math.degrees(progress.axis_error):.2f} degrees')


def _show(progress: Progress, live: bool) -> None:
    if not live:
        return
    errors = f'error {_errors(progress)}' if progress.known else 'no goal yet'
    line = (f'iteration {progress.commands:5d}   {errors}   {progress.rate:4.0f}/s   '
            f'{progress.activity}')
    width = shutil.get_terminal_size().columns - 1  # in the last column, some terminals wrap
    print(f'\r\033[K{line[:width]}', end='', flush=True)


def _say(text: str, live: bool) -> None:
    print(('\n' if live else '') + text, flush=True)


def _ros_arguments(name: str, options: Options) -> list[str]:
    """Return the command line of a node: a parameter file, then what the options set."""
    values = {}
    if name == 'viewer':
        values['open_browser'] = 'true'
    else:
        values.update({key: _quoted(getattr(options, key)) for key in (
            'arm', 'base_link', 'tip_link', 'joint_prefix', 'frame_prefix')
            if getattr(options, key)})
        if options.joints is not None:
            values['joints'] = str(options.joints)
    if name == 'simulator':
        values['publish_description'] = 'true'
    if name == 'scenario':
        values['scenario'] = options.scenario
    values.update(_given(name, options.settings))
    arguments = ['--ros-args']
    if options.params_file:
        arguments += ['--params-file', str(options.params_file)]
    for key, value in values.items():
        arguments += ['-p', f'{key}:={value}']
    if options.namespace:
        arguments += ['-r', f'__ns:={options.namespace}']
    return arguments


def _given(name: str, settings: tuple[str, ...]) -> dict[str, str]:
    """Return those settings NODE.NAME=VALUE that are a node's, written as ROS wants their type."""
    values = {}
    for text in settings:
        node, _, rest = text.partition('.')
        key, equals, value = rest.partition('=')
        if node not in SETTINGS or not equals:
            raise SettingsError(f'setting is {text!r}, expected NODE.NAME=VALUE with a node of '
                                f'{", ".join(SETTINGS)}')
        known = {each.name: each for each in fields(SETTINGS[node])}
        if key not in known:
            raise SettingsError(f'{node} has no parameter {key!r}, expected one of '
                                f'{", ".join(known)}')
        if node == name:
            if isinstance(known[key].default, float):
                try:
                    value = repr(float(value))
                except ValueError:
                    raise SettingsError(f'{node}.{key} is {value!r}, expected a number') from None
            elif isinstance(known[key].default, str):
                value = _quoted(value)
            values[key] = value
    return values


def _quoted(text: str) -> str:
    """Return text as YAML has it, where else 1 or on were none."""
    return "'" + text.replace("'", "''") + "'"
