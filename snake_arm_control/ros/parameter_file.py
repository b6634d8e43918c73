# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A parameter file of ROS, and which of its sections reach which nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
import re
from typing import Any

import yaml

from snake_arm_control import yaml_text
from snake_arm_control.errors import SettingsError

_PARAMETERS = 'ros__parameters'
_EXPONENT = re.compile(r'[-+]?\d+(\.\d*)?[eE][-+]?\d+')  # 25e-3, which is text to YAML 1.1 alone
_TOKENS = {'**': '(/[^/]+)*', '*': '/[^/]+'}  # what stands for any number of names, and for one


class ParameterFile:
    """
    The sections of a file, by the names of the nodes that they are for.

    ROS passes over a section that reaches no node in silence: `/controller` where the node is
    `/left/controller`, or one that is misspelt.

    :raises SettingsError: if it can't be read, or is no parameter file
    """

    def __init__(self, path: str | Path):
        try:
            content = yaml_text.read(Path(path).read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f'the parameter file {path} can not be read: {error}') from error
        except yaml.YAMLError as error:
            raise SettingsError(f'the parameter file {path} is no YAML: {error}') from error
        self._path = path
        self._sections: dict[str, Mapping[str, Any]] = dict(self._found('', content or {}))

    def _found(self, name: str, content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the sections by name; a namespace may hold several nodes."""
        if not isinstance(content, Mapping):
            raise SettingsError(f'the parameter file {self._path} has {content!r} for '
                                f'{name or "all"}, expected sections with {_PARAMETERS}')
        for key, inner in content.items():
            if key == _PARAMETERS:
                yield name, self._parameters(name, inner)
            else:
                yield from self._found(f'{name}/{str(key).strip("/")}', inner)

    def _parameters(self, name: str, content: Any) -> Mapping[str, Any]:
        if not isinstance(content or {}, Mapping):
            raise SettingsError(f'the parameter file {self._path} has {content!r} for the '
                                f'parameters of {name}, expected names and values')
        return {str(key): float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value)
                else value for key, value in (content or {}).items()}

    def of(self, node: str) -> dict[str, Any]:
        """Return the parameters of a node by its full name; the last section to say one counts."""
        given: dict[str, Any] = {}
        for section, parameters in self._sections.items():
            if _reaches(section, node):
                given.update(parameters)
        return given

    def unreached(self, nodes: Iterable[str]) -> list[str]:
        """Return the sections that reach none of some nodes, by their full names."""
        nodes = list(nodes)
        return [section for section in self._sections
                if not any(_reaches(section, node) for node in nodes)]


def _reaches(section: str, node: str) -> bool:
    pattern = ''.join(_TOKENS.get(token, f'/{re.escape(token)}')
                      for token in section.strip('/').split('/'))
    return re.fullmatch(pattern, node) is not None
