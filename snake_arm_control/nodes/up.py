# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes of one arm brought up together, in one process or one each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager, ExitStack
from dataclasses import dataclass, fields
import math
from pathlib import Path
import signal
import subprocess
import sys
import time

import rclpy
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import State
from snake_arm_control.errors import SettingsError
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.nodes.controller import ControllerNode, ControllerSettings
from snake_arm_control.nodes.forward_model import ForwardModelNode, ForwardModelSettings
from snake_arm_control.nodes.monitor import MonitorNode, Progress
from snake_arm_control.nodes.scenario import ScenarioNode, ScenarioSettings
from snake_arm_control.nodes.simulator import SimulatorNode, SimulatorSettings
from snake_arm_control.nodes.viewer import ViewerSettings
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.running import arguments_checked, make_executor, shutdown_told

SETTINGS = {'forward_model': ForwardModelSettings, 'controller': ControllerSettings,
            'simulator': SimulatorSettings, 'scenario': ScenarioSettings,
            'viewer': ViewerSettings}
_NODES = {'forward_model': ForwardModelNode, 'controller': ControllerNode,
          'simulator': SimulatorNode, 'scenario': ScenarioNode}
_DISPLAY_PERIOD = 0.1  # [s]
_FLUSH_TIME = 0.1  # [s] that a message needs to leave before the process ends
_SETTLING_TIME = 0.2  # [s] that the arm must stay at its goal


@dataclass(frozen=True)
class Options:
    """What to bring up."""

    joints: int | None = None  # those of the parameter file, or the default, if None
    namespace: str = ''
    scenario: str = ''
    until_converged: bool = False
    timeout: float = 60.0  # [s]
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
    with running(options, MonitorNode) as (executor, monitor, children):
        return _watch(executor, monitor, options, children)


@contextmanager
def running(options: Options, observer: Callable[..., Node]):
    """
    Run the nodes for as long as the block lasts.

    :param observer: makes the node that watches them, before there is anything to see
    :return: the executor, the observer, and the processes by their name
    :raises SnakeArmError: if an option is bad
    """
    if options.scenario:
        scenario(options.scenario)  # says which there are
    names = ['forward_model', 'controller']
    names += ['simulator'] * options.simulator + ['scenario'] * bool(options.scenario)
    arguments = {name: _ros_arguments(name, options) for name in (*names, 'viewer')}
    where = _namespace(options.namespace)
    with _context(), ExitStack() as stack:
        executor = make_executor()
        children = []
        with arguments_checked():
            watching = stack.enter_context(_added(executor, observer(**where)))
            if options.view:  # in a process of its own, so that the arm never waits for it
                children.append(stack.enter_context(
                    _process('viewer', arguments['viewer'], where)))
            if options.processes:
                children += [stack.enter_context(_process(name, arguments[name], where))
                             for name in names]
            else:
                for name in names:
                    node = _NODES[name](cli_args=arguments[name], **where)
                    stack.enter_context(_added(executor, node))
        yield executor, watching, children


def send_goal(goal: Goal, namespace: str, wait: float) -> int:
    """
    Publish a goal once.

    :param wait: how long to wait for a controller [s]
    :return: 0, or 1 if none listens
    :raises SettingsError: if the namespace can't be one
    """
    with _context():
        with arguments_checked():
            publisher = GoalPublisher(rclpy.create_node('goal', **_namespace(namespace)))
        deadline = time.monotonic() + wait
        while not publisher.is_heard:
            if time.monotonic() > deadline:
                print(f'no controller listens to {publisher.topic}; is one running? '
                      '(snake-arm up)', file=sys.stderr)
                return 1
            time.sleep(0.05)
        publisher.publish(goal)
        time.sleep(_FLUSH_TIME)
        print(f'published to {publisher.topic}:\n{goal.to_yaml()}', end='')
    return 0


def _watch(executor: Executor, monitor: MonitorNode, options: Options,
           children: Iterable[tuple[str, subprocess.Popen]]) -> int:
    shown_at, reached_at = -math.inf, None
    deadline = time.monotonic() + options.timeout
    live = sys.stdout.isatty()
    while True:
        now = time.monotonic()
        executor.spin_once(timeout_sec=0.05)
        if now - shown_at < _DISPLAY_PERIOD:
            continue
        progress, shown_at = monitor.progress(), now
        _show(progress, live)
        for name, child in children:
            if child.poll() is not None:
                _say(f'{name} has ended with exit code {child.returncode}', live)
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
        stalled = progress.state == State.STALLED.value
        if now > deadline or stalled:
            seen = _errors(progress) if progress.known else 'no goal and true pose were seen'
            why = 'not reached' if stalled else f'not reached within {options.timeout:g} s'
            _say(f'{why}: {seen}; controller: {progress.state}', live)
            return 1


def _errors(progress: Progress) -> str:
    return (f'{progress.position_error * 1e3:.2f} mm and '
            f'{math.degrees(progress.axis_error):.2f} degrees')


def _show(progress: Progress, live: bool) -> None:
    if not live:
        return
    errors = f'error {_errors(progress)}' if progress.known else 'no goal yet'
    print(f'\r\033[Kiteration {progress.commands:5d}   {errors}   {progress.rate:4.0f}/s   '
          f'{progress.state}', end='', flush=True)


def _say(text: str, live: bool) -> None:
    print(('\n' if live else '') + text, flush=True)


@contextmanager
def _context():
    rclpy.init(args=[])
    try:
        with shutdown_told():
            yield
    except ExternalShutdownException:  # as SIGTERM makes it
        raise KeyboardInterrupt from None
    finally:
        rclpy.try_shutdown()


@contextmanager
def _added(executor: Executor, node: Node):
    executor.add_node(node)
    try:
        yield node
    finally:
        executor.remove_node(node)
        node.destroy_node()


@contextmanager
def _process(name: str, arguments: list[str], where: dict[str, str]):
    if where:
        arguments = [*arguments, '-r', f'__ns:={where["namespace"]}']
    # The modules of this process, not those that happen to lie in the current folder.
    code = (f'import sys; sys.path[:] = {sys.path!r}; '
            f'from snake_arm_control.nodes.{name} import main; sys.exit(main(sys.argv))')
    child = subprocess.Popen([sys.executable, '-c', code, *arguments])
    try:
        yield name, child
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _namespace(namespace: str) -> dict[str, str]:
    return {'namespace': '/' + namespace.strip('/')} if namespace.strip('/') else {}


def _ros_arguments(name: str, options: Options) -> list[str]:
    """Return the command line of a node: a parameter file, then what the options set."""
    values = {}
    if name == 'viewer':
        values['open_browser'] = 'true'
    elif options.joints is not None:
        values['joints'] = str(options.joints)
    if name == 'simulator':
        values['publish_description'] = 'true'
    if name == 'scenario':
        values['scenario'] = options.scenario
    values.update(_given(name, options.settings))
    arguments = ['--ros-args']
    if options.params_file:
        if not options.params_file.is_file():
            raise SettingsError(f'there is no parameter file {options.params_file}')
        arguments += ['--params-file', str(options.params_file)]
    for key, value in values.items():
        arguments += ['-p', f'{key}:={value}']
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
                value = "'" + value.replace("'", "''") + "'"  # YAML: else 1 or on were no text
            values[key] = value
    return values
