# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The main function of every node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import time
from typing import TypeVar

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.validate_namespace import validate_namespace

from snake_arm_control.errors import OutputError, SettingsError, SnakeArmError
from snake_arm_control.output import check_folder, private_folder
from snake_arm_control.processes import asked_to_end, GRACE, Request
from snake_arm_control.ros.parameters import warn_of_unread

try:
    from rclpy.experimental import EventsExecutor
except ImportError:  # Jazzy
    EventsExecutor = SingleThreadedExecutor

AnyNode = TypeVar('AnyNode', bound=Node)

# [s] A signal is noticed after this time. Without any bound the events executor of rclpy 9.1 turns
# over at full load and serves nothing.
_LONGEST_WAIT = 0.1
_LONGEST_FINISH = 1.5  # [s] that a node may take for what it finishes, less than the grace

# What may say it; Fast DDS reads them when the first node is made.
_TRANSPORTS = ('FASTDDS_BUILTIN_TRANSPORTS', 'FASTDDS_DEFAULT_PROFILES_FILE',
               'FASTRTPS_DEFAULT_PROFILES_FILE')


class Spinner:
    """
    An executor that a signal ends between two callbacks.

    A node may have a method `finish`, which returns whether the node may end: it is called until
    it does, while all nodes are served.
    """

    def __init__(self, executor: Executor, request: Request):
        self._executor, self._request = executor, request

    @contextmanager
    def added(self, node: AnyNode) -> Iterator[AnyNode]:
        """Serve a node while the block lasts, and destroy it then."""
        warn_of_unread(node)
        self._executor.add_node(node)
        try:
            yield node
        finally:
            try:
                self.finish(node)
            finally:
                self._executor.remove_node(node)
                node.destroy_node()

    def finish(self, node: Node) -> None:
        """Serve all nodes until this one may end; none that was added may have been destroyed."""
        is_finished = getattr(node, 'finish', lambda: True)
        deadline = time.monotonic() + _LONGEST_FINISH
        while not is_finished():
            if time.monotonic() > deadline:
                node.get_logger().error(f'ends unfinished after {_LONGEST_FINISH} s')
                return
            self._executor.spin_once(timeout_sec=_LONGEST_WAIT)

    def spin_once(self, timeout_sec: float = _LONGEST_WAIT) -> None:
        """
        Serve what is ready, or what comes first.

        :raises KeyboardInterrupt: if a signal has asked for the end; never within a callback
        """
        self._executor.spin_once(timeout_sec=min(timeout_sec, _LONGEST_WAIT))
        if self._request.is_made:
            raise KeyboardInterrupt


@contextmanager
def ros(args: list[str] | None = None, grace: float | None = GRACE,
        executor: Callable[[], Executor] = EventsExecutor, code: int | None = None
        ) -> Iterator[Spinner]:
    """
    Let nodes live in the block.

    :param args: the command line; None for that of the process
    :param grace: time [s] for an end in order after a signal; None: without a bound
    :param executor: makes what serves the nodes; the fastest with one thread that there is
    :param code: exit code after a signal, of a process that ends with the block
    :raises SettingsError: if rclpy refuses an argument
    :raises OutputError: if the log folder that was asked for can't be written
    """
    with asked_to_end(grace, code) as request:
        _choose_log_folder()
        _choose_transport()
        with arguments_checked():
            rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        try:
            yield Spinner(executor(), request)
        finally:
            rclpy.try_shutdown()


def _choose_log_folder() -> None:
    """Let rclpy log to a temporary folder where its usual one is read-only, as in a container."""
    asked_for, ros_home, home = map(os.environ.get, ('ROS_LOG_DIR', 'ROS_HOME', 'HOME'))
    if asked_for:
        check_folder(Path(asked_for))
        return
    try:
        check_folder(Path(ros_home or Path(home or os.devnull, '.ros'), 'log'))
    except OutputError:
        os.environ['ROS_LOG_DIR'] = str(private_folder('log'))


def _choose_transport() -> None:
    """
    Let Fast DDS use UDP alone, unless the environment says what it is to use.

    Where a process is killed that reads from shared memory, publishers to it may stand still for
    seconds, the controller in mid-motion among them (Fast DDS, issues 5469 and 6535).
    """
    if not any(map(os.environ.get, _TRANSPORTS)):
        os.environ[_TRANSPORTS[0]] = 'UDPv4'


@contextmanager
def arguments_checked(namespace: str = '') -> Iterator[None]:
    """
    Let nodes be made in the block.

    :param namespace: that they will have, empty for that of the command line
    :raises SettingsError: in one line, if rclpy refuses a parameter, a file of them, a name or an
        argument
    """
    try:
        if namespace:
            validate_namespace(namespace)  # a node would print a warning of its own, too
        yield
    except (ParameterException, NameValidationException, rclpy_implementation.RCLError,
            rclpy_implementation.UnknownROSArgsError) as error:
        raise SettingsError(' '.join(str(error).split()).removesuffix(' ^')) from error


def run(make_node: Callable[[], Node], args: list[str] | None = None) -> int:
    """
    Spin a node until it is interrupted.

    :return: exit code: 0, or 1 if the node can't start, with the reason in the log
    """
    try:
        with ros(args, code=0) as spinner:
            with arguments_checked():
                node = make_node()
            with spinner.added(node):
                while True:
                    spinner.spin_once()
    except KeyboardInterrupt:
        return 0
    except SnakeArmError as error:
        rclpy.logging.get_logger('snake_arm_control').fatal(str(error))
        return 1
