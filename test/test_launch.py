# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The launch file, where ROS 2 is installed: what it starts, and what stops it."""

from pathlib import Path
import runpy

import pytest

pytest.importorskip('launch_ros')

from ament_index_python.packages import PackageNotFoundError  # noqa: E402, I100
from launch import LaunchContext  # noqa: E402
from launch.actions import DeclareLaunchArgument, LogInfo  # noqa: E402
from launch_ros.actions import Node  # noqa: E402

from snake_arm_control.errors import SettingsError  # noqa: E402

ROOT = Path(__file__).parent.parent
FILE = runpy.run_path(str(ROOT / 'launch' / 'snake_arm.launch.py'))


@pytest.fixture
def launched(monkeypatch):
    """Return what is started with some arguments, where some packages are not installed."""
    def launch(missing=(), **arguments):
        def prefix(package):
            if package in missing:
                raise PackageNotFoundError(package)
            return '/opt'

        context = LaunchContext()
        for action in FILE['generate_launch_description']().entities:
            if isinstance(action, DeclareLaunchArgument) and action.name != 'params_file':
                context.launch_configurations[action.name] = context.perform_substitution(
                    action.default_value[0]) if action.default_value else ''
        context.launch_configurations['params_file'] = str(ROOT / 'config' / 'snake_arm.yaml')
        context.launch_configurations.update(arguments)
        monkeypatch.setitem(FILE['check_installed'].__globals__, 'get_package_prefix', prefix)
        return FILE['arm_nodes'](context)
    return launch


def executables(actions):
    return [action.node_executable for action in actions if isinstance(action, Node)]


def said(actions):
    return [''.join(part.text for part in action.msg) for action in actions
            if isinstance(action, LogInfo)]


def test_all_of_the_arm_is_started(launched):
    """And the handles of the goal in RViz, where interactive_markers is installed."""
    assert executables(launched())[:5] == [
        'forward_model', 'controller', 'simulator', 'robot_state_publisher', 'rviz2']
    assert executables(launched(rviz='false', state_publisher='false', simulator='false',
                                scenario='fig2', viewer='true')) == [
        'forward_model', 'controller', 'scenario', 'viewer']


@pytest.mark.parametrize(('package', 'switch'), (('rviz2', 'rviz'),
                                                 ('robot_state_publisher', 'state_publisher')))
def test_what_is_missing_is_named_before_anything_is_started(package, switch, launched):
    with pytest.raises(RuntimeError, match=f'{package} is not installed.*{switch}:=false'):
        launched(missing=(package,))
    assert package not in executables(launched(missing=(package,), **{switch: 'false'}))


@pytest.mark.parametrize('arguments', ({'params_file': '/nowhere.yaml'}, {'joints': '0'},
                                       {'joints': 'many'}, {'arm': 'default', 'joints': '7'}))
def test_a_bad_argument_stops_the_launch_before_anything_is_started(arguments, launched):
    with pytest.raises((SettingsError, ValueError)):
        launched(**arguments, state_publisher='false')


def test_sections_that_no_node_is_in_are_warned_of(launched, tmp_path):
    path = tmp_path / 'some.yaml'
    path.write_text('/**/controller: {ros__parameters: {rate: 100.0}}\n'
                    '/left/**: {ros__parameters: {joints: 7}}\n'
                    'controller: {ros__parameters: {rate: 100.0}}\n')
    warnings = [text for text in said(launched(namespace='left', params_file=str(path)))
                if 'section' in text]
    assert len(warnings) == 1 and warnings[0].endswith('section /controller')


def test_the_shipped_parameter_file_is_for_the_nodes_of_any_namespace(launched):
    for namespace in '', 'left', '/a/b':
        assert not [text for text in said(launched(namespace=namespace)) if 'section' in text]
