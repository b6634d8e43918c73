# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the face of the package: what it offers, and what its use loads."""

import ast
from importlib import import_module
from pathlib import Path
import subprocess
import sys

import pytest

import snake_arm_control as face

NAME = 'snake_arm_control'
ROOT = Path(__file__).parent.parent
HEAVY = {'numpy', 'numba', 'torch', 'rclpy', 'matplotlib', 'viser'}


def run(code, *flags, cwd=ROOT):
    """Run code in a fresh interpreter and return what it prints."""
    return subprocess.run((sys.executable, *flags, '-c', code), check=True, text=True,
                          capture_output=True, cwd=cwd).stdout.strip()


def heavy_modules_after(statement):
    loaded = run(f'import sys\n{statement}\nprint(*{{m.split(".")[0] for m in sys.modules}})')
    return HEAVY & set(loaded.split())


def declared_to_type_checkers():
    """Return the names that the face imports for type checkers alone, with their modules."""
    tree = ast.parse(Path(face.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom)
            for alias in node.names}


def test_a_name_is_what_its_module_defines():
    names = declared_to_type_checkers()
    for name, module in names.items():
        assert getattr(face, name) is getattr(import_module(module), name)
    assert sorted(face.__all__) == sorted({*names, '__version__'})


def test_the_names_are_listed_before_they_are_used():
    assert set(run('import snake_arm_control; print(*dir(snake_arm_control))').split()) >= set(
        face.__all__)


def test_another_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="'snake_arm_control' has no attribute 'Snake'"):
        face.Snake


def test_a_star_import_brings_the_names():
    assert run('from snake_arm_control import *; print(solve.__name__, Goal.__name__)'
               ) == 'solve Goal'


@pytest.mark.parametrize(('statement', 'loads'), [
    ('import snake_arm_control', set()),
    ('from snake_arm_control import SnakeArmError, __version__', set()),
    ('from snake_arm_control import Arm, Goal, Scene, Sphere', {'numpy'}),
    ('from snake_arm_control import InverseSettings, Solution, solve', {'numpy', 'numba'}),
    ('from snake_arm_control import ForwardModel', {'numpy', 'numba'})])
def test_only_what_is_used_is_loaded(statement, loads):
    assert heavy_modules_after(statement) == loads


def test_a_source_tree_that_is_not_installed_has_the_version_of_its_manifest(tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / '__init__.py').write_text(Path(face.__file__).read_text())
    (tmp_path / 'package.xml').write_text('<package><version>9.8.7</version></package>')
    code = f'import {NAME}; print({NAME}.__version__)'
    assert run(code, '-S', cwd=tmp_path) == '9.8.7'  # -S: no site-packages, nothing installed
