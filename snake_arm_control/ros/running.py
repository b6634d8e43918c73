# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The main function of every node."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
import signal

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from snake_arm_control.errors import SettingsError, SnakeArmError

try:
    from rclpy.experimental import EventsExecutor
except ImportError:  # Jazzy
    EventsExecutor = SingleThreadedExecutor


# [s] Without a bound the events executor of rclpy 9.1 turns over at full load and serves nothing.
_LONGEST_WAIT = 1.0


def make_executor() -> Executor:
    """Return the fastest single-threaded executor that this rclpy has."""
    return EventsExecutor()


@contextmanager
def shutdown_told():
    """
    Let nodes spin in the block; a signal may shut down rclpy in the midst of a callback.

    :raises ExternalShutdownException: then too, whatever the callback made of it
    """
    try:
        yield
    except RuntimeError as error:  # rclpy's errors have no nearer ancestor
        if rclpy.ok():
            raise
        raise ExternalShutdownException from error


@contextmanager
def arguments_checked():
    """
    Let nodes be made in the block.

    :raises SettingsError: if rclpy refuses a parameter, a file of them, a name or an argument
    """
    try:
        yield
    except (ParameterException, NameValidationException, rclpy_implementation.RCLError,
            rclpy_implementation.UnknownROSArgsError) as error:
        raise SettingsError(str(error)) from error


def run(make_node: Callable[[], Node], args: list[str] | None = None) -> int:
    """
    Spin a node until it is interrupted.

    :return: exit code: 0, or 1 if the node can't start, with the reason in the log
    """
    node = None
    try:
        with arguments_checked():
            rclpy.init(args=args)
            node = make_node()
        executor = make_executor()
        executor.add_node(node)
        with shutdown_told():
            while rclpy.ok():
                executor.spin_once(timeout_sec=_LONGEST_WAIT)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except SnakeArmError as error:
        rclpy.logging.get_logger('snake_arm_control').fatal(str(error))
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one must not break the clean-up
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
