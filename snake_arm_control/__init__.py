# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Constraint-aware control of many-joint robot arms by inverting a learned recurrent model.

This is the face of the package: import from here what it lists. A name is loaded when it is first
used, so that what a program does not use costs it nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from snake_arm_control.arm.description import Arm
    from snake_arm_control.control.condition import Condition
    from snake_arm_control.control.conditions import (
        Along,
        Cone,
        Distance,
        LookAt,
        OnLine,
        OnPlane,
        Within,
    )
    from snake_arm_control.control.descent import Solution
    from snake_arm_control.control.goal import Goal
    from snake_arm_control.control.optimiser import InverseSettings
    from snake_arm_control.control.posture import Centering, Curvature, Posture
    from snake_arm_control.control.scene import Scene
    from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Sphere
    from snake_arm_control.control.solve import solve
    from snake_arm_control.control.solve_many import solve_many
    from snake_arm_control.control.term import Functionals, Term
    from snake_arm_control.errors import SnakeArmError
    from snake_arm_control.model.forward_model import ForwardModel

    __version__: str

__all__ = ['Along', 'Arm', 'Box', 'Capsule', 'Centering', 'Condition', 'Cone', 'Curvature',
           'Distance', 'ForwardModel', 'Functionals', 'Goal', 'HalfSpace', 'InverseSettings',
           'LookAt', 'OnLine', 'OnPlane', 'Posture', 'Scene', 'SnakeArmError', 'Solution',
           'Sphere', 'Term', 'Within', '__version__', 'solve',
           'solve_many']

_HOMES = {
    'Along': 'control.conditions',
    'Arm': 'arm.description',
    'Box': 'control.shapes',
    'Capsule': 'control.shapes',
    'Centering': 'control.posture',
    'Condition': 'control.condition',
    'Cone': 'control.conditions',
    'Curvature': 'control.posture',
    'Distance': 'control.conditions',
    'ForwardModel': 'model.forward_model',
    'Functionals': 'control.term',
    'Goal': 'control.goal',
    'HalfSpace': 'control.shapes',
    'InverseSettings': 'control.optimiser',
    'LookAt': 'control.conditions',
    'OnLine': 'control.conditions',
    'OnPlane': 'control.conditions',
    'Posture': 'control.posture',
    'Scene': 'control.scene',
    'SnakeArmError': 'errors',
    'Solution': 'control.descent',
    'Sphere': 'control.shapes',
    'Term': 'control.term',
    'Within': 'control.conditions',
    'solve': 'control.solve',
    'solve_many': 'control.solve_many',
}


def __getattr__(name: str) -> Any:
    """Load a name of the face when it is first used (PEP 562)."""
    if name == '__version__':
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
    else:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names of the face, and those of the modules that are loaded."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Return the version that is installed; of a source tree that is not, the manifest's."""
    from importlib.metadata import PackageNotFoundError, version
    try:
        return version(__name__)
    except PackageNotFoundError:
        from pathlib import Path
        from xml.etree import ElementTree
        manifest = Path(__file__).parent.parent / 'package.xml'
        return ElementTree.parse(manifest).findtext('version', '')
