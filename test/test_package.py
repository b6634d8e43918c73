# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The package as a whole: its style, its manifests, and which module may import which."""

import ast
import os
from pathlib import Path
import re
import runpy
import shutil
import subprocess
import sys

import pytest
import yaml

NAME = 'snake_arm_control'
ROOT = Path(__file__).parent.parent
SOURCES = sorted(path.relative_to(ROOT)
                 for folder in (NAME, 'test', 'examples', 'launch')
                 for path in (ROOT / folder).rglob('*.py')
                 ) + [Path('setup.py')]
MODULES = [path for path in SOURCES if path.parts[0] == NAME]

HEADER = re.compile(r'# Copyright 20\d\d The snake_arm_control authors\n'
                    r'# SPDX-License-Identifier: Apache-2\.0\n')
ROS_PACKAGE = re.compile(r'rclpy|launch|launch_ros|ament_index_python|\w+_(msgs|srvs|interfaces)')
# The import name where it is not the rosdep key less 'python3-'; None: there is no key.
ROSDEP_KEY = {'numba': 'python3-numba', 'numpy': 'python3-numpy', 'tqdm': 'python3-tqdm',
              'transforms3d': 'python3-transforms3d', 'yaml': 'python3-yaml', 'safetensors': None,
              'coal': None,
              'trimesh': None, 'viser': None, 'websockets': None,
              'PIL': None, 'playwright': None,
              'mcap': None, 'mcap_ros2': None, 'mujoco': None, 'zstandard': None}

# The tower: a floor imports from the floors below it, never from above or beside.
FLOORS = (('errors',), ('extras', 'output', 'processes', 'settings', 'yaml_text'),
          ('compiling',), ('arm',),
          ('model',), ('control',), ('experiments', 'training'), ('viewer',), ('ros',), ('nodes',),
          ('bench',), ('cli',))
HEIGHTS = {name: height for height, floor in enumerate(FLOORS) for name in floor}
# Of training, without torch.
READ_RECORDINGS = {'messages', 'pairing', 'readings', 'recordings', 'samples', 'tables', 'columns',
                   'measured_chain', 'branch', 'sagging_chain', 'chain_calibration',
                   'calibration_report', 'tendon_calibration'}
KNOW_ROS = {'ros', 'nodes', 'bench', 'cli'}

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
    """Return what a file is part of: a folder of the package, or the module itself."""
    return path.with_suffix('').parts[1]


def module_of(path):
    """Return the dotted name of a file's module."""
    return '.'.join(path.with_suffix('').parts).removesuffix('.__init__')


def modules_imported_by(path):
    """Return the modules of this package that a file imports, at any depth."""
    modules = set(map(module_of, MODULES))
    found = set()
    for name, _ in imports_of(path):
        while name and name not in modules:
            name = name.rpartition('.')[0]
        found.add(name)
    return found - {'', NAME}


def may_need_torch(module):
    """Return whether a module may import torch: recordings are read on any machine."""
    return (module == f'{NAME}.model.network' or module.startswith(f'{NAME}.training.')
            and module.split('.')[2] not in READ_RECORDINGS)


def breaches(part, imported):
    """Return those of the imported modules that a part must not know."""
    return {name for name in imported if name.split('.')[1] != part
            and HEIGHTS[name.split('.')[1]] >= HEIGHTS[part]}


def ids(path):
    return str(path)


def test_the_scan_sees_imports_at_every_depth_and_in_every_form():
    found = imports('import a.b\ntry:\n    from c import d, e\nexcept ImportError:\n    pass\n'
                    'class F:\n    def g(self):\n        if self:\n            import h as i\n')
    assert found == {('a.b', False), ('c.d', False), ('c.e', False), ('h', True)}


@pytest.mark.parametrize('path', MODULES, ids=ids)
def test_only_the_upper_floors_know_ros(path):
    if part_of(path) not in KNOW_ROS:
        assert not [name for name in packages_of(path) if ROS_PACKAGE.fullmatch(name)]


@pytest.mark.parametrize('path', MODULES, ids=ids)
def test_only_network_and_training_need_torch(path):
    """The commands and the bench may inside a function, so that nothing else pays for it."""
    if may_need_torch(module_of(path)):
        return
    torch = {(name, inside) for name, inside in imports_of(path)
             if name.split('.')[0] == 'torch' or may_need_torch(name)
             or name.startswith(f'{NAME}.model.network.')}
    if part_of(path) in ('cli', 'bench'):
        torch = {(name, inside) for name, inside in torch if not inside}
    assert not torch


def test_every_part_has_a_floor():
    assert {part_of(path) for path in MODULES} - {'__init__'} == set(HEIGHTS)


@pytest.mark.parametrize('path', MODULES, ids=ids)
def test_a_floor_imports_only_from_the_floors_below(path):
    if part_of(path) != '__init__':  # the face of the package shows names of any floor
        assert not breaches(part_of(path), modules_imported_by(path))


def test_the_contributors_guide_shows_the_tower_from_the_top():
    rows = re.findall(r'^\| (`.+?`) \|', (ROOT / 'CONTRIBUTING.md').read_text(), re.MULTILINE)
    assert [set(re.findall(r'`(\w+)(?:/|\.py)`', row)) for row in rows] == [
        set(floor) for floor in reversed(FLOORS)]


def test_an_import_from_above_or_from_beside_is_a_breach():
    above, beside, below = (f'{NAME}.nodes.up', f'{NAME}.training.soap', f'{NAME}.arm.pose')
    assert breaches('experiments', {above, beside, below}) == {above, beside}


def test_no_module_imports_itself_by_way_of_others():
    imported = {module_of(path): modules_imported_by(path) for path in MODULES}
    imported.pop(NAME)
    while imported:  # take away what imports nothing that is left
        free = {name for name, others in imported.items() if not others & imported.keys()}
        assert free, f'a circle of imports among {sorted(imported)}'
        for name in free:
            del imported[name]


@pytest.mark.linter
@pytest.mark.parametrize('path', SOURCES, ids=ids)
def test_copyright(path):
    assert HEADER.match((ROOT / path).read_text())


@pytest.mark.linter
def test_ruff():
    """Style, docstrings (PEP 257), quotes and the order of imports; see pyproject.toml."""
    pytest.importorskip('ruff')
    checked = subprocess.run((sys.executable, '-m', 'ruff', 'check', *map(str, SOURCES)),
                             cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture(scope='module')
def manifest():
    package = pytest.importorskip('catkin_pkg.package')
    warnings = []
    manifest = package.parse_package(str(ROOT), warnings=warnings)
    assert not warnings
    return manifest


@pytest.fixture
def setup_arguments(monkeypatch):
    """Return what setup.py passes to setuptools."""
    setuptools = pytest.importorskip('setuptools')
    arguments = {}
    monkeypatch.setattr(setuptools, 'setup', arguments.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path('setup.py')
    return arguments


@pytest.mark.linter
def test_setup_agrees_with_the_package_manifest(manifest, setup_arguments):
    assert manifest.get_build_type() == 'ament_python'
    assert setup_arguments['name'] == manifest.name == NAME
    assert setup_arguments['version'] == manifest.version
    assert setup_arguments['description'] == manifest.description
    assert [setup_arguments['license']] == manifest.licenses
    assert [setup_arguments['maintainer_email']] == [who.email for who in manifest.maintainers]


@pytest.mark.linter
def test_types_are_shipped(setup_arguments):
    """A type checker reads the annotations of a package only where it has a py.typed (PEP 561)."""
    assert 'py.typed' in setup_arguments['package_data'][NAME]
    assert (ROOT / NAME / 'py.typed').is_file()


@pytest.mark.linter
def test_the_version_stands_once(manifest):
    """Only package.xml has it, and the changelog says when it was released."""
    version = re.compile(rf'(?<![\d.=]){re.escape(manifest.version)}(?![\d.])')
    for name in ('setup.py', 'setup.cfg', 'pyproject.toml', f'{NAME}/__init__.py', 'CITATION.cff'):
        assert not version.search((ROOT / name).read_text()), name
    released = rf'^## \[{re.escape(manifest.version)}\] - \d{{4}}-\d\d-\d\d$'
    assert re.search(released, (ROOT / 'CHANGELOG.md').read_text(), re.MULTILINE)


@pytest.mark.linter
def test_each_job_in_ci_is_a_make_target_on_a_python_that_is_supported(setup_arguments):
    job = yaml.safe_load((ROOT / '.github' / 'workflows' / 'ci.yml').read_text())['jobs']['test']
    matrix = job['strategy']['matrix']
    assert set(matrix['ros']) <= set(re.findall(r'^(\w+):', (ROOT / 'Makefile').read_text(),
                                                re.MULTILINE))
    assert setup_arguments['python_requires'] == f'>={matrix["python"][0]}'


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


@pytest.mark.skipif(not shutil.which('setarch'), reason='there is no setarch, nor another machine')
def test_a_machine_for_which_there_are_no_wheels_is_told_so_before_anything_is_installed(tmp_path):
    """In one line, beside that of make."""
    venv = tmp_path / 'venv'
    done = subprocess.run(('setarch', 'linux32', 'make', f'{venv}/.created', f'VENV={venv}',
                           f'PYTHON={sys.executable}'), capture_output=True, text=True, cwd=ROOT,
                          env={name: value for name, value in os.environ.items()
                               if not name.startswith('MAKE')})  # as this run may be make's own
    reason, of_make = done.stderr.splitlines()
    assert re.match('ROS 2 comes as wheels for .* x86_64, and this is linux glibc i686', reason)
    assert of_make.startswith('make: ***') and not done.stdout and not venv.exists()


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
        'robot_description', 'pose_chain', 'predicted_pose_chain', 'markers', 'scene_markers',
        'interactive_goal', 'goal_pose', 'clicked_point'}
