# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The snake-arm command."""

from __future__ import annotations

import sys

from snake_arm_control import extras
from snake_arm_control.errors import SnakeArmError


def main(arguments: list[str] | None = None) -> int:
    """
    Run the snake-arm command.

    :return: exit code: 0, 1 with the reason on standard error, 130 when interrupted
    """
    command = 'snake-arm'
    try:
        from snake_arm_control.cli.parser import make_parser  # here, where Ctrl-C is caught
        options = make_parser().parse_args(arguments)
        command += f' {options.command}'
        return options.run(options) or 0
    except SnakeArmError as error:
        reason = error
    except ModuleNotFoundError as error:
        reason = extras.missing(error.name)
    except KeyboardInterrupt:
        return 130
    print(f'{command}: {reason}', file=sys.stderr)
    return 1
