# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of parameter files: a section reaches the nodes that ROS gives it to, and no others."""

from pathlib import Path

import pytest
import rclpy
import yaml

from snake_arm_control.errors import SettingsError
from snake_arm_control.ros.parameter_file import ParameterFile

pytestmark = pytest.mark.usefixtures('ros')

NODES = ('/controller', '/left/controller', '/a/b/controller', '/left/simulator')
SECTIONS = ('/**', '**', '*', 'controller', '/controller', 'left/controller', '/left/controller',
            '/left/**', '/left/*', '/*/controller', '/**/controller', '/*', '/left', '/right/**',
            '/left/contoller')


def test_the_example_for_the_aggregator_of_diagnostics_groups_every_node_that_reports():
    """By its name, whatever the namespace."""
    example = Path(__file__).parent.parent / 'config' / 'diagnostics.yaml'
    groups = [group for group in ParameterFile(example).of('/analyzers').values()
              if isinstance(group, dict)]
    for name in ('controller', 'forward_model', 'simulator'):
        for status in (f'/{name}', f'/left/{name}'):
            assert len([group for group in groups
                        if any(part in status for part in group['contains'])]) == 1


def written(path, content):
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(
        content, sort_keys=False))
    return path


def taken_by(node, path):
    """Return what ROS gives to a node of a full name."""
    namespace, _, name = node.rpartition('/')
    made = rclpy.create_node(name, cli_args=['--ros-args', '--params-file', str(path),
                                             '-r', f'__ns:={namespace or "/"}'])
    given = {name: parameter.value for name, parameter in made._parameter_overrides.items()}
    made.destroy_node()
    return given


@pytest.mark.parametrize('section', SECTIONS)
def test_a_section_reaches_the_nodes_that_ros_gives_it_to(section, tmp_path):
    path = written(tmp_path / 'some.yaml', {section: {'ros__parameters': {'joints': 3}}})
    file = ParameterFile(path)
    for node in NODES:
        assert file.of(node) == taken_by(node, path)
        assert file.unreached([node]) == ([] if taken_by(node, path) else [
            '/' + section.strip('/')])


def test_the_last_section_that_says_a_parameter_counts(tmp_path):
    path = written(tmp_path / 'some.yaml', {
        '/left/controller': {'ros__parameters': {'a': 1, 'b': 1}},
        '/**': {'ros__parameters': {'a': 2, 'c': [1, 2]}},
        'left': {'simulator': {'ros__parameters': {'a': 3}}}})
    for node in NODES:
        assert ParameterFile(path).of(node) == taken_by(node, path)
    assert ParameterFile(path).unreached(['/controller']) == ['/left/controller',
                                                              '/left/simulator']


@pytest.mark.parametrize('value', ('25e-3', '1E2', '1.5e+1', '0.1', '7', 'true', 'text', "''"))
def test_a_value_is_what_ros_takes_it_for(value, tmp_path):
    path = written(tmp_path / 'some.yaml', '/**: {ros__parameters: {length: %s}}' % value)
    assert ParameterFile(path).of('/controller') == taken_by('/controller', path)


@pytest.mark.parametrize('content', ('', '/**:\n  ros__parameters:\n'))
def test_a_file_that_says_nothing_gives_nothing(content, tmp_path):
    assert ParameterFile(written(tmp_path / 'some.yaml', content)).of('/controller') == {}


@pytest.mark.parametrize(('content', 'reason'), (
    ('a: [', 'is no YAML'), ('- 1', 'expected sections'), ('/**: 3', 'expected sections'),
    ('/**: {ros__parameters: 3}', 'expected names and values'), (None, 'can not be read')))
def test_what_is_no_parameter_file_is_refused(content, reason, tmp_path):
    path = tmp_path / 'some.yaml'
    if content is not None:
        written(path, content)
    with pytest.raises(SettingsError, match=reason):
        ParameterFile(path)
