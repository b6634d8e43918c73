# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm film: photograph and film the page in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path


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
    """Photograph and film the page."""
    from snake_arm_control.viewer.film import film
    for path in film(options.out):
        print(path)
    return 0
