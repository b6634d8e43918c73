# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The snake-arm command."""

from __future__ import annotations

from contextlib import suppress
import sys

from snake_arm_control import extras
from snake_arm_control.errors import SnakeArmError
from snake_arm_control.output import standard_streams

_REFUSED, _INTERRUPTED, _UNREAD = 1, 130, 141  # exit codes, the latter two as shells have them


def main(arguments: list[str] | None = None) -> int:
    """
    Run the snake-arm command.

    :return: exit code: 0; 1 with the reason on standard error; 130 when interrupted, with what
        is left of the work, if anything; 141 when nobody reads the output, as behind `| head`
    """
    command, code = 'snake-arm', _REFUSED
    try:
        with standard_streams():
            from snake_arm_control.cli.parser import make_parser  # slow, and Ctrl-C is caught here
            options = make_parser().parse_args(arguments)
            command += f' {options.command}'
            return options.run(options) or 0
    except KeyboardInterrupt as interrupt:
        reason, code = str(interrupt), _INTERRUPTED
    except BrokenPipeError:
        return _UNREAD
    except SnakeArmError as error:
        reason = str(error)
    except ModuleNotFoundError as error:
        reason = str(extras.missing(error.name or 'a package'))
    except OSError as error:
        reason = ': '.join(map(str, filter(None, (error.filename, error.strerror)))) or str(error)
    if reason:
        with suppress(OSError):
            print(f'{command}: {reason}', file=sys.stderr)
    return code
