# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The package as a whole: its style, its manifests, and which module may import which."""

import ast
from pathlib import Path
import re
import subprocess
import sys

import pytest
import yaml

NAME = 'snake_arm_control'
ROOT = Path(__file__).parent.parent
SOURCES = sorted(path.relative_to(ROOT)
                 for folder in (NAME, 'test', 'launch') for path in (ROOT / folder).rglob('*.py')
                 ) + [Path('setup.py')]
MODULES = [path for path in SOURCES if path.parts[0] == NAME]

HEADER = re.compile(r'# Copyright 20\d\d The snake_arm_control authors\n'
                    r'# SPDX-License-Identifier: Apache-2\.0\n')
ROS_PACKAGE = re.compile(r'rclpy|launch|launch_ros|ament_index_python|\w+_(msgs|srvs|interfaces)')
# The import name where it is not the rosdep key less 'python3-'; None: there is no key.
ROSDEP_KEY = {'numba': 'python3-numba', 'numpy': 'python3-numpy', 'tqdm': 'python3-tqdm',
              'transforms3d': 'python3-transforms3d', 'yaml': 'python3-yaml', 'safetensors': None,
              'viser': None,
              'PIL': None, 'playwright': None,
              'mcap': None, 'mcap_ros2': None, 'zstandard': None}

# A part imports only parts before it.
ORDER = ('errors', 'settings', 'pose', 'arm', 'kinematics', 'goal', 'goal_edit', 'network', 'bptt',
         'forward_model', 'correction', 'inverse', 'simulation', 'scenarios', 'control_loop',
         'recordings', 'training', 'urdf', 'reproduction', 'figures', 'goal_families', 'peers',
         'robustness', 'benchmark', 'viewer', 'nodes', 'cli')
# Nor these, though they come before it: what it must not know.
STRANGERS = {
    'goal': {'kinematics'},
    'network': {'goal'},
    'bptt': {'goal', 'network'},
    'forward_model': {'goal', 'network'},
    'inverse': {'network', 'bptt'},
    'simulation': {'goal', 'network', 'bptt', 'forward_model', 'inverse'},
    'training': {'goal', 'inverse', 'simulation', 'scenarios', 'control_loop'},
    'urdf': set(ORDER) - {'errors', 'arm'},
    'reproduction': {'network', 'bptt', 'urdf'},
    'figures': {'network', 'bptt', 'forward_model', 'urdf'},
}


def imports(source):
    """
    Return the full names that a text imports at any depth, as (name, inside a function) pairs.

    ``from package import name`` counts as ``package.name``: name may be a module.
    """
    found = set()

    def visit(node, inside):
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.update((alias.name, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, 'a relative import: write the full name'
                found.update((f'{child.module}.{alias.name}', inside) for alias in child.names)
            visit(child, inside)

    visit(ast.parse(source), False)
    return found


def imports_of(path):
    return imports((ROOT / path).read_text())


def packages_of(path):
    """Return the top-level packages that a file imports."""
    return {name.split('.')[0] for name, _ in imports_of(path)}


def part_of(path):
    """Return the part of the package that a file is: a module of the core, or a folder."""
    return path.with_suffix('').parts[1]


def parts_imported_by(path):
    return {name.split('.')[1] for name, _ in imports_of(path) if name.startswith(f'{NAME}.')}


def ids(path):
    return str(path)


def test_the_scan_sees_imports_at_every_depth_and_in_every_form():
    found = imports('import a.b\ntry:\n    from c import d, e\nexcept ImportError:\n    pass\n'
                    'class F:\n    def g(self):\n        if self:\n            import h as i\n')
    assert found == {('a.b', False), ('c.d', False), ('c.e', False), ('h', True)}


@pytest.mark.parametrize('path', MODULES, ids=ids)
def test_only_nodes_and_commands_know_ros(path):
    if part_of(path) not in ('nodes', 'cli'):
        assert not [name for name in packages_of(path) if ROS_PACKAGE.fullmatch(name)]


@pytest.mark.parametrize('path', MODULES, ids=ids)
def test_only_network_and_training_need_torch(path):
    """The commands and the bench may inside a function, so that nothing else pays for it."""
    if part_of(path) in ('network', 'training'):
        return
    torch = {(name, inside) for name, inside in imports_of(path)
             if name.split('.')[0] == 'torch'
             or name.startswith((f'{NAME}.network', f'{NAME}.training'))}
    if part_of(path) in ('cli', 'benchmark'):
        torch = {(name, inside) for name, inside in torch if not inside}
    assert not torch


@pytest.mark.parametrize('path', MODULES, ids=ids)
def test_a_part_imports_only_what_it_may_know(path):
    part = part_of(path)
    if part == '__init__':
        assert not parts_imported_by(path)
        return
    assert part in ORDER, 'give the new part a place in ORDER'
    known = {part, *ORDER[:ORDER.index(part)]} - STRANGERS.get(part, set())
    assert parts_imported_by(path) <= known


@pytest.mark.linter
@pytest.mark.parametrize('path', SOURCES, ids=ids)
def test_copyright(path):
    assert HEADER.match((ROOT / path).read_text())


@pytest.mark.linter
def test_flake8():
    """Style, docstrings (PEP 257), quotes and the order of imports, as ament_flake8 checks."""
    for plugin in ('flake8', 'flake8_docstrings', 'flake8_import_order', 'flake8_quotes'):
        pytest.importorskip(plugin)
    checked = subprocess.run((sys.executable, '-m', 'flake8', *map(str, SOURCES)),
                             cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope='module')
def manifest():
    package = pytest.importorskip('catkin_pkg.package')
    warnings = []
    manifest = package.parse_package(str(ROOT), warnings=warnings)
    assert not warnings
    return manifest


@pytest.mark.linter
def test_package_manifest_agrees_with_setup(manifest):
    setup = {keyword.arg: keyword.value for node in ast.walk(ast.parse(
        (ROOT / 'setup.py').read_text())) if isinstance(node, ast.Call)
        for keyword in node.keywords}
    assert manifest.name == NAME
    assert manifest.get_build_type() == 'ament_python'
    assert manifest.version == ast.literal_eval(setup['version'])
    assert manifest.description == ast.literal_eval(setup['description'])
    assert manifest.licenses == [ast.literal_eval(setup['license'])]


@pytest.mark.linter
def test_every_imported_package_is_in_the_manifest(manifest):
    """But torch and matplotlib, which only training and pictures use."""
    listed = {dependency.name for dependency in manifest.exec_depends}
    imported = set().union(*(packages_of(path) for path in MODULES))
    imported |= packages_of(Path('launch', 'snake_arm.launch.py'))
    missing = set()
    for name in imported - set(sys.stdlib_module_names) - {NAME, 'torch', 'matplotlib'}:
        key = ROSDEP_KEY.get(name, name)
        if key is not None and key not in listed:
            missing.add(key)
    assert not missing


@pytest.mark.linter
def test_both_ros_lines_pin_the_same_packages():
    """And these are what the extra `ros` asks for, with torch and viser."""
    lines = [{line.split('==')[0] for line in (ROOT / name).read_text().splitlines()
              if line and not line.startswith('#')}
             for name in ('constraints.txt', 'constraints-jazzy.txt')]
    assert lines[0] == lines[1]
    asked = set(re.findall(r"'(ros-[a-z0-9-]+)>=", (ROOT / 'setup.py').read_text()))
    assert asked
    assert lines[0] == asked | {'torch', 'viser'}


def topics(node):
    """Return every topic name in an RViz configuration: (whose, name)."""
    if isinstance(node, list):
        return [pair for item in node for pair in topics(item)]
    if not isinstance(node, dict):
        return []
    own = [(node.get('Name') or node['Class'], node[key]['Value'])
           for key in ('Topic', 'Description Topic') if 'Value' in (node.get(key) or {})]
    if 'Interactive Markers Namespace' in node:
        own.append((node['Name'], node['Interactive Markers Namespace']))
    return own + [pair for value in node.values() for pair in topics(value)]


@pytest.mark.linter
def test_rviz_shows_the_topics_of_the_design_by_relative_names():
    """So that RViz started in a namespace shows the arm of that namespace."""
    rviz = yaml.safe_load((ROOT / 'config' / 'snake_arm.rviz').read_text())
    found = topics(rviz['Visualization Manager'])
    assert not [name for _, name in found if name.startswith('/')]
    assert {name for _, name in found} == {
        'robot_description', 'pose_chain', 'predicted_pose_chain', 'markers', 'interactive_goal',
        'goal_pose', 'clicked_point'}
