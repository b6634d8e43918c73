# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm film: photograph and film the page in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path
import re
import subprocess
from typing import IO

from snake_arm_control.errors import FilmError
from snake_arm_control.extras import require
from snake_arm_control.output import check_folder
from snake_arm_control.processes import Children

_ARM = ('up', '--scenario', 'fig2', '--view', '--set', 'viewer.open_browser=false')


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'film', help='photograph and film the page in the browser',
        description='Bring up an arm with its page, and write DIR/viewer.png and DIR/viewer.gif, '
        'taken by a Chromium (extra: film).')
    parser.add_argument('--out', type=Path, default=Path('runs/film'), metavar='DIR',
                        help='folder of the pictures (default %(default)s)')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Bring up an arm, and photograph and film its page."""
    require('PIL', 'playwright', 'rclpy', 'viser')
    from snake_arm_control.viewer.film import film, find_browser
    browser = find_browser()
    check_folder(options.out)
    with Children() as children:
        arm = children.start('arm', 'snake_arm_control.cli', *_ARM, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        assert arm.stdout is not None
        for path in film(_address(arm.stdout), browser, options.out):
            print(path)
    return 0


def _address(output: IO[str]) -> str:
    """Return the address of the page, which the arm says when it has come up."""
    said = ''
    for line in output:
        said += line
        address = re.search(r'http://\S+', line)
        if address:
            return address.group()
    raise FilmError(f'the arm did not come up:\n{said}')
