# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""YAML from anywhere: read in time and memory that its text bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from snake_arm_control.errors import SnakeArmError

try:
    from yaml.cyaml import CParser as _Parser  # four times as fast
except ImportError:  # PyYAML without libyaml
    class _Parser(Reader, Scanner, Parser):  # type: ignore[no-redef]
        """Takes a text apart."""

        def __init__(self, text: str):
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)

_LONGEST = 2**18  # [characters], of a text
_LONGEST_SCALAR = 1000  # [characters]
_DEEPEST = 20  # lists and mappings within another


class _Loader(Composer, _Parser, SafeConstructor, Resolver):
    """Makes plain values of a text; a few lines must not stand for a billion values."""

    def __init__(self, text: str):
        _Parser.__init__(self, text)
        for base in Composer, SafeConstructor, Resolver:
            base.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise self._refusal('an alias', 'each value in full')
        if self._depth > _DEEPEST:
            raise self._refusal(f'more than {_DEEPEST} lists within another', 'fewer')
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode) and len(node.value) > _LONGEST_SCALAR:
            raise self._refusal(f'a value of {len(node.value)} characters',
                                f'{_LONGEST_SCALAR} at most')
        return node

    def _refusal(self, got: str, expected: str) -> yaml.YAMLError:
        line = self.peek_event().start_mark.line + 1
        return yaml.YAMLError(f'it has {got} before or in line {line}, expected {expected}')


def read(text: str) -> Any:
    """
    Return what a text says, as plain values.

    :raises yaml.YAMLError: in one line, if it is no YAML, or longer or deeper than anybody would
        write
    """
    if len(text) > _LONGEST:
        raise yaml.YAMLError(f'it has {len(text)} characters, expected {_LONGEST} at most')
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:  # which shows the place in lines of its own
        mark = error.problem_mark
        where = f' in line {mark.line + 1}, column {mark.column + 1}' if mark else ''
        raise yaml.YAMLError(f'{error.problem}{where}') from error
    except yaml.reader.ReaderError as error:
        raise yaml.YAMLError(' '.join(str(error).split())) from error
    except (ValueError, ArithmeticError) as error:  # an impossible date, an endless number
        raise yaml.YAMLError(str(error)) from error


def mapping(what: str, said: Any, known: Sequence[str], error: type[SnakeArmError]
            ) -> Mapping[str, Any]:
    """
    Return what was said, if it is a mapping of known words.

    :param what: what an error calls it
    :raises SnakeArmError: of the kind that is given, if it is none
    """
    if not isinstance(said, Mapping):
        raise error(f'{what} is {said!r}, expected a mapping of {", ".join(known)}')
    unknown = [key for key in said if key not in known]
    if unknown:
        raise error(f'{what} has {unknown[0]!r}, expected of {", ".join(known)}')
    return said
