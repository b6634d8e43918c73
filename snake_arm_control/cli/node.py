# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes as commands of their own, which ros2 run and ros2 launch start."""

from __future__ import annotations

from functools import partial
from importlib import import_module
import sys

from snake_arm_control import extras


def _run(name: str) -> int:
    """Import a node, which is slow, and run it; an interrupt is a quiet end meanwhile too."""
    try:
        return import_module(f'snake_arm_control.nodes.{name}').main()
    except KeyboardInterrupt:
        return 0
    except ModuleNotFoundError as error:
        reason = extras.missing(error.name or 'a package')
        print(f'{name}: {reason}', file=sys.stderr)
        return 1


forward_model = partial(_run, 'forward_model')
controller = partial(_run, 'controller')
simulator = partial(_run, 'simulator')
scenario = partial(_run, 'scenario')
interactive_goal = partial(_run, 'interactive_goal')
viewer = partial(_run, 'viewer')
