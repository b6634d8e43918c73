# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The parser of the command line."""

from __future__ import annotations

import argparse

from snake_arm_control.cli import (
    arm,
    bench,
    calibrate,
    evaluate,
    film,
    goal,
    record,
    reproduce,
    train,
    up,
    urdf,
)

COMMANDS = (up, goal, arm, urdf, record, calibrate, film, reproduce, train, evaluate, bench)
_COORDINATES = 3


class Parser(argparse.ArgumentParser):
    """
    Parser of one command, which may have vectors among its options.

    argparse takes -1e-3 for an option, but nothing that begins with a space: the words of a vector
    get one. All other words are taken as they are written.
    """

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, **options)
        self._vectors: set[str] = set()

    def add_vector(self, option: str, **how) -> None:
        """Add an option with three words, each of them a number or -."""
        self._vectors.add(option)
        self.add_argument(option, nargs=_COORDINATES, **how)

    def parse_known_args(self, args, namespace=None):  # type: ignore[override]
        """Parse words that follow the name of the command."""
        words = list(args)
        for at, option in enumerate(words):
            if option in self._vectors:
                vector = slice(at + 1, at + 1 + _COORDINATES)
                words[vector] = [word if word.startswith('--') else f' {word}'
                                 for word in words[vector]]
        return super().parse_known_args(words, namespace)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog='snake-arm', description='Control of many-joint robot arms by a learned model.')
    commands = parser.add_subparsers(dest='command', required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add_to(commands)
    return parser
