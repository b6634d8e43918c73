# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Files that describe an arm: URDF, our YAML, and those that ship with the package."""

from __future__ import annotations

from pathlib import Path

from snake_arm_control.arm import urdf_chain
from snake_arm_control.arm.arm_yaml import read_yaml
from snake_arm_control.arm.findings import Description, Report
from snake_arm_control.errors import DescriptionError

_SHIPPED = Path(__file__).parent / 'arms'


def read(path: str | Path, base: str | None = None, tip: str | None = None
         ) -> tuple[Description, Report]:
    """
    Return the arm of a file, and what there is to say of it.

    :param path: of a URDF, or of YAML as `arm_yaml` has it if it ends in .yaml; or one of
        `shipped_arms`
    :param base, tip: ends of the chain in a URDF; see `urdf_chain.read`
    :raises DescriptionError: if it can't be read, or describes no arm
    """
    text, is_urdf = read_text(path)
    if is_urdf:
        return urdf_chain.read(text, base, tip)
    if base or tip:
        raise DescriptionError(f'{path} is not of URDF, expected no choice of base and tip')
    description = read_yaml(text)
    return description, Report(description.base, description.tip)


def read_text(path: str | Path) -> tuple[str, bool]:
    """
    Return the text of a description, and whether it is of URDF; see `read`.

    :raises DescriptionError: if it can't be read
    """
    file = _SHIPPED / f'{path}.yaml' if str(path) in shipped_arms() else Path(path)
    try:
        return file.read_text(encoding='utf-8'), file.suffix not in ('.yaml', '.yml')
    except (OSError, UnicodeDecodeError) as error:
        raise DescriptionError(f'the arm {path} can not be read: {error}; expected a file, or of '
                               f'{", ".join(shipped_arms())}') from error


def shipped_arms() -> tuple[str, ...]:
    """Return the names of the descriptions that ship with the package."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob('*.yaml')))
