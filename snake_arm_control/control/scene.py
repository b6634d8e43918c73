# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
A scene: the solid shapes that an arm shall keep clear of; also read from YAML.

As a person writes it, in metres and radians, in the frame of the arm's base::

    margin: 0.002
    shapes:
      - half_space: {normal: [0, 0, 1], offset: 0}    # solid where normal . x < offset
        name: floor
      - sphere: {center: [0.3, 0, 0.5], radius: 0.05}
      - capsule: {start: [0.2, 0.2, 0], end: [0.2, 0.2, 1], radius: 0.02}
      - box: {center: [0.45, 0, 0.3], size: [0.5, 0.5, 0.016], orientation: [0, 0, 0.1]}
      - mesh: {path: part.stl, xyz: [0.4, 0, 0], rpy: [0, 0, 1.57]}
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
import math
from pathlib import Path
from typing import Any

import yaml

from snake_arm_control import yaml_text
from snake_arm_control.arm.link import is_number
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.shapes import KINDS, KINDS_BY_CLASS, Mesh, Shape
from snake_arm_control.errors import ArmError, SceneError

MARGIN = 0.002  # [m]
_KEYS = ('margin', 'shapes')


@dataclass(frozen=True)
class Scene:
    """
    Shapes that an arm shall keep clear of, and how clear.

    :param shapes: of `Sphere`, `Box`, `Capsule`, `HalfSpace` and `Mesh`; one without a name gets
        one, such as `sphere 2`
    :param margin: clearance at which the arm comes to rest [m]
    :raises SceneError: if a shape is none, two have the same name, or the margin is not positive
    """

    shapes: tuple[Shape, ...] = ()
    margin: float = MARGIN

    def __post_init__(self):
        shapes = tuple(self.shapes)
        for number, shape in enumerate(shapes, 1):
            if type(shape) not in KINDS_BY_CLASS:
                raise SceneError(f'shape {number} is {shape!r}, expected one of '
                                 f'{", ".join(each.__name__ for each in KINDS.values())}')
        shapes = tuple(shape if shape.name else replace(
            shape, name=f'{KINDS_BY_CLASS[type(shape)]} {number}')
            for number, shape in enumerate(shapes, 1))
        twice = [name for name, n in Counter(shape.name for shape in shapes).items() if n > 1]
        if twice:
            raise SceneError(f'two shapes are called {twice[0]!r}, expected one')
        if not (is_number(self.margin) and 0.0 < self.margin < math.inf):
            raise SceneError(f'the margin is {self.margin!r}, expected a positive finite number')
        object.__setattr__(self, 'shapes', shapes)
        object.__setattr__(self, 'margin', float(self.margin))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the shapes."""
        return tuple(shape.name for shape in self.shapes)

    def with_shapes(self, *shapes: Shape) -> Scene:
        """Return the scene with more shapes; one of the same name takes the place of the old."""
        names = {shape.name for shape in shapes if shape.name}
        return replace(self, shapes=(
            *(shape for shape in self.shapes if shape.name not in names), *shapes))

    def without(self, *names: str) -> Scene:
        """
        Return the scene without the shapes of these names.

        :raises SceneError: if there is none of such a name
        """
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise SceneError(f'there is no shape {unknown[0]!r}, expected of '
                             f'{", ".join(self.names) or "none"}')
        return replace(self, shapes=tuple(s for s in self.shapes if s.name not in names))

    @classmethod
    def from_yaml(cls, text: str, folder: str | Path = '') -> Scene:
        """
        Return the scene that a text describes as the module says.

        :param folder: that paths of meshes are relative to
        :raises SceneError: if it is not of that form, with the shape and its value
        """
        try:
            content = yaml_text.read(text)
        except yaml.YAMLError as error:
            raise SceneError(f'the scene is not YAML: {error}') from error
        said = yaml_text.mapping('the scene', {} if content is None else content, _KEYS,
                                 SceneError)
        entries = said.get('shapes') or []
        if not isinstance(entries, list):
            raise SceneError(f'shapes is {entries!r}, expected a list')
        return cls(tuple(_shape(number, entry, Path(folder))
                         for number, entry in enumerate(entries, 1)),
                   said.get('margin', MARGIN))

    @classmethod
    def from_file(cls, path: str | Path) -> Scene:
        """
        Return the scene of a YAML file; paths of meshes are relative to its folder.

        :raises SceneError: if it can't be read, or describes no scene
        """
        try:
            text = Path(path).read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise SceneError(f'the scene {path} can not be read: {error}') from error
        return cls.from_yaml(text, Path(path).parent)

    def to_yaml(self) -> str:
        """Return the text that `from_yaml` reads."""
        kinds = {shape: kind for kind, shape in KINDS.items()}
        shapes = [{kinds[type(shape)]: _said(shape), 'name': shape.name} for shape in self.shapes]
        return yaml.safe_dump({'margin': self.margin, 'shapes': shapes}, default_flow_style=None,
                              sort_keys=False)


def _said(shape: Shape) -> dict[str, Any]:
    """Return the values of a shape as YAML has them."""
    values = {each.name: getattr(shape, each.name) for each in fields(shape)
              if each.name not in ('name', 'pose')}
    if isinstance(shape, Mesh):
        values.update(xyz=shape.pose.xyz, rpy=shape.pose.rpy)
    return {name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()}


def _shape(number: int, entry: Any, folder: Path) -> Shape:
    """Return the shape of an entry of the list."""
    where = f'shape {number}'
    said = yaml_text.mapping(where, entry, (*KINDS, 'name'), SceneError)
    kinds = [kind for kind in KINDS if kind in said]
    if len(kinds) != 1:
        raise SceneError(f'{where} is of {" and ".join(kinds) or "no kind"}, expected one of '
                         f'{", ".join(KINDS)}')
    kind, name = kinds[0], said.get('name', '')
    where = f'{kind} {name!r}' if name else where
    known = [each.name for each in fields(KINDS[kind]) if each.name != 'name']
    if kind == 'mesh':
        known[known.index('pose'):] = ['xyz', 'rpy']
    values = dict(yaml_text.mapping(where, said[kind], known, SceneError))
    if kind == 'mesh':
        try:
            values['pose'] = Placement(values.pop('xyz', (0, 0, 0)), values.pop('rpy', (0, 0, 0)))
        except ArmError as error:
            raise SceneError(f'{where}: {error}') from error
        if isinstance(values.get('path'), str):
            values['path'] = str(folder / values['path'])
    optional = ('orientation', 'xyz', 'rpy')
    missing = [each for each in known if each not in values and each not in optional]
    if missing:
        raise SceneError(f'{where} has no {missing[0]}, expected {", ".join(known)}')
    return KINDS[kind](**values, name=name)
