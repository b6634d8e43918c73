# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes as commands of their own, which ros2 run and ros2 launch start."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from importlib import import_module
import os
import signal
import sys
from typing import NoReturn

from snake_arm_control import extras
from snake_arm_control.processes import end_with_parent, LAUNCHED


def _run(name: str) -> NoReturn:
    """
    Run a node to its end, and end the process at once: whatever still runs in it could block it.

    What the launch file has started ends with the launch, however that ends.
    """
    if LAUNCHED in os.environ:
        end_with_parent()
    code = _node(name)
    for stream in sys.stdout, sys.stderr:
        with suppress(OSError, ValueError):  # nobody reads it
            stream.flush()
    os._exit(code)


def _node(name: str) -> int:
    """Import a node, which is slow, and run it; an interrupt is a quiet end meanwhile too."""
    # Not by an exception, of which modules in C make errors of their own.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        module = import_module(f'snake_arm_control.nodes.{name}')
        if '--help' in sys.argv or '-h' in sys.argv:
            with suppress(BrokenPipeError):  # as behind | head
                print(_help(name, module.__doc__ or ''), flush=True)
            return 0
        return module.main()
    except ModuleNotFoundError as error:
        reason = extras.missing(error.name or 'a package')
        print(f'{name}: {reason}', file=sys.stderr)
        return 1


def _help(name: str, text: str) -> str:
    return (f'usage: ros2 run snake_arm_control {name} [--ros-args ...]\n\n{text.strip()}\n\n'
            'ROS arguments:\n'
            '  --params-file FILE    parameters; config/snake_arm.yaml has all of them\n'
            '  -p NAME:=VALUE        one parameter\n'
            '  -r __ns:=/NAMESPACE   namespace of the arm\n'
            '  --log-level LEVEL     debug, info, warn, error or fatal')


forward_model = partial(_run, 'forward_model')
controller = partial(_run, 'controller')
simulator = partial(_run, 'simulator')
scenario = partial(_run, 'scenario')
interactive_goal = partial(_run, 'interactive_goal')
viewer = partial(_run, 'viewer')
