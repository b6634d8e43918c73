# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Settings as ROS parameters: the shipped file, and what becomes of bad values."""

from dataclasses import dataclass, fields
from pathlib import Path

from arms import urdf_of
import pytest
import rclpy
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter
from rclpy.qos_overriding_options import QoSOverridingOptions
from std_msgs.msg import String
import yaml

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import SettingsError, SnakeArmError
from snake_arm_control.nodes.up import SETTINGS
from snake_arm_control.ros.parameters import ArmSettings, Parameters, warn_of_unread
from snake_arm_control.settings import setting, Settings

pytestmark = pytest.mark.usefixtures('ros')

CONFIG = Path(__file__).parent.parent / 'config' / 'snake_arm.yaml'
ARM_SETTINGS = {each.name for each in fields(ArmSettings)}


@dataclass(frozen=True)
class Seeded(Settings):
    """Settings that are none of the arm's."""

    seed: int = setting(0, 'seed')


@pytest.fixture
def node():
    node = rclpy.create_node('parameters')
    yield node
    node.destroy_node()


def lines_of(name, settings):
    """Return the lines of one block of the parameter file: each default, and what it means."""
    yield f'\n{name}:\n  ros__parameters:'
    for each in settings:
        default = list(each.default) if isinstance(each.default, tuple) else each.default
        value = yaml.safe_dump(default).splitlines()[0]
        choices = each.metadata['choices']
        yield f'    {each.name}: {value}  # ' + ', '.join(
            (each.metadata['description'],
             *([f'one of {", ".join(choices)}'] if choices else []),
             *(['fixed'] if each.metadata['read_only'] else [])))


def parameter_file():
    """Return the text of the parameter file: the arm's once for all nodes, then those of each."""
    return '\n'.join((
        '# Every parameter with its default. Those marked "fixed" can not be changed while a node '
        'runs.', *lines_of('/**', fields(ArmSettings)),
        *(line for node_name, kind in SETTINGS.items() for line in lines_of(
            f'/**/{node_name}', (each for each in fields(kind) if each.name not in ARM_SETTINGS))),
        ''))


def test_the_parameter_file_holds_every_parameter_with_its_default_and_its_meaning():
    if CONFIG.read_text() != parameter_file():
        pytest.fail(f'config/{CONFIG.name} does not follow the settings; run: '
                    'python test/test_parameters.py', pytrace=False)


def test_the_parameter_file_is_read_as_the_defaults():
    for name, written in yaml.safe_load(CONFIG.read_text()).items():
        kind = ArmSettings if name == '/**' else SETTINGS[name.removeprefix('/**/')]
        assert kind(**written['ros__parameters']) == kind()


@pytest.mark.parametrize('kind', SETTINGS.values(), ids=SETTINGS)
def test_every_parameter_describes_itself(node, kind):
    """With its unit, and with its range if it is a number."""
    Parameters(node, kind)
    for each in fields(kind):
        descriptor = node.describe_parameter(each.name)
        assert descriptor.description == each.metadata['description']
        if type(each.default) is float:
            value_range, = descriptor.floating_point_range
            assert value_range.from_value <= each.default <= value_range.to_value


@pytest.mark.parametrize('kind', SETTINGS.values(), ids=SETTINGS)
def test_defaults_are_good_values(kind):
    kind()


def test_the_arm_is_that_of_a_description_or_of_equal_segments(tmp_path):
    assert ArmSettings().make_arm() == ArmSettings(arm='default').make_arm() == Arm()
    assert ArmSettings(joints=3, segment_length=0.1).make_arm() == Arm.uniform(3, 0.1)
    assert ArmSettings(joints=3, velocity_limit=0.5, acceleration_limit=4.0).make_arm() == (
        Arm.uniform(3, velocity_limit=0.5, acceleration_limit=4.0))
    path = tmp_path / 'panda.urdf'
    path.write_text(urdf_of('panda'))
    chosen = ArmSettings(arm=str(path), base_link='panda_link1', tip_link='panda_link7')
    assert chosen.make_arm() == Arm.from_urdf(urdf_of('panda'), 'panda_link1', 'panda_link7')


@pytest.mark.parametrize(('given', 'reason'), (
    ({'arm': 'default', 'joints': 20}, 'joints is 20 and arm is default'),
    ({'arm': 'default', 'segment_length': 0.1}, 'segment_length is 0.1 and arm is default'),
    ({'arm': 'default', 'angle_limit': 0.1}, 'angle_limit is 0.1 and arm is default'),
    ({'arm': 'default', 'velocity_limit': 0.1}, 'velocity_limit is 0.1 and arm is default'),
    ({'arm': 'default', 'acceleration_limit': 9.0}, 'acceleration_limit is 9.0 and arm is'),
    ({'tip_link': 'link_3'}, 'base_link and tip_link are given, expected arm'),
    ({'arm': 'default', 'tip_link': 'link_3'}, 'no choice of base and tip'),
    ({'arm': 'nowhere.urdf'}, 'nowhere.urdf can not be read')))
def test_two_arms_at_once_or_none_are_refused(given, reason):
    with pytest.raises(SnakeArmError, match=reason):
        ArmSettings(**given).make_arm()


def test_others_get_the_urdf_that_an_arm_was_read_from(tmp_path):
    path = tmp_path / 'panda.urdf'
    path.write_text(urdf_of('panda'))
    settings = ArmSettings(arm=str(path))
    assert settings.robot_description() == urdf_of('panda')
    chosen = ArmSettings(arm=str(path), tip_link='panda_leftfinger')
    assert Arm.from_urdf(chosen.robot_description()) == chosen.make_arm() != settings.make_arm()
    assert 'meshes/visual/link0.dae' in chosen.robot_description()
    for ours in ArmSettings(), ArmSettings(arm='alternating'):
        assert ours.robot_description() == urdf_text(ours.make_arm())


def test_a_change_is_passed_on_once_and_only_if_it_is_one(node):
    changes = []
    kind = SETTINGS['controller']
    parameters = Parameters(node, kind, changes.append)
    assert node.set_parameters([Parameter('momentum', value=0.25)])[0].successful
    assert node.set_parameters([Parameter('momentum', value=0.25)])[0].successful
    assert [settings.momentum for settings in changes] == [0.25]
    assert parameters.value == kind(momentum=0.25)


@pytest.mark.parametrize(('name', 'value', 'reason'), (
    ('momentum', 1.5, 'momentum out of range'),
    ('momentum', float('nan'), ''),
    ('rate', 'fast', 'type'),
    ('joints', 3, 'read-only'),
))
def test_a_bad_change_is_refused_with_its_reason(node, name, value, reason):
    parameters = Parameters(node, SETTINGS['controller'])
    before = parameters.value
    result, = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful and reason in result.reason
    assert parameters.value == before


def test_a_bad_value_at_the_start_is_refused():
    with pytest.raises((ParameterException, SettingsError)):
        bad = rclpy.create_node('bad', parameter_overrides=[Parameter('joints', value=0)])
        Parameters(bad, SETTINGS['controller'])


@pytest.mark.parametrize(('given', 'expected'), (
    ('sede', 'seed'), ('angle_limit', None), ('seed', None),
    ('qos_overrides./chain.subscription.depth', 'qos_overrides./left/chain.subscription.depth'),
    ('qos_overrides./left/chain.subscription.depth', None)))
def test_a_parameter_that_no_node_has_is_warned_of(given, expected, capfd):
    """With what is like it. Those of the arm are given to every node."""
    node = rclpy.create_node('misspelt', namespace='left',
                             parameter_overrides=[Parameter(given, value=1)])
    Parameters(node, Seeded)
    node.create_subscription(String, 'chain', print, 10, qos_overriding_options=(
        QoSOverridingOptions.with_default_policies()))
    warn_of_unread(node)
    node.destroy_node()
    said = f'{given}: no such parameter, expected {expected}'
    assert (said in capfd.readouterr().err) == (expected is not None)


@dataclass(frozen=True)
class Listed(Settings):
    """Settings that are lists."""

    joints: tuple[int, ...] = setting((), 'joints')
    place: tuple[float, ...] = setting((), 'place', items=float)


@pytest.mark.parametrize(('given', 'expected'), (
    ([20, 40], (20, 40)), (40, (40,)), ([], ()), (None, ())))
def test_a_list_of_integers_is_given_as_one_or_as_its_one_number(given, expected, tmp_path):
    """At the start, as in a file, and while the node runs."""
    path = tmp_path / 'some.yaml'
    path.write_text(yaml.safe_dump({'/**': {'ros__parameters': {
        'joints': given} if given is not None else {'place': [1, 2]}}}))
    node = rclpy.create_node('listed', cli_args=['--ros-args', '--params-file', str(path)])
    assert Parameters(node, Listed).value == Listed(expected, () if given is not None else (1, 2))
    node.destroy_node()
    node = rclpy.create_node('listed')
    parameters = Parameters(node, Listed)
    if given is not None:
        assert node.set_parameters([Parameter('joints', value=given)])[0].successful
    assert parameters.value.joints == expected
    node.destroy_node()


@pytest.mark.parametrize('given', ('20 40', True, 1.5, [1.5], ['a']))
def test_a_list_of_what_is_no_integer_is_refused(node, given):
    parameters = Parameters(node, Listed)
    result, = node.set_parameters([Parameter('joints', value=given)])
    assert not result.successful and 'expected a list of integers' in result.reason
    assert parameters.value == Listed()


def test_a_mounted_arm_hangs_in_a_world_even_where_it_is_mounted_at_zero():
    settings = ArmSettings(joints=2, mount=(0.0, 0, 0, 0, 0, 0))
    assert settings.make_arm() == Arm.uniform(2)
    assert '"world"' in settings.robot_description()
    assert '"world"' not in ArmSettings(joints=2).robot_description()
    mounted = ArmSettings(mount=(1, 0, 0, 0, 0, 0.5)).make_arm()
    assert mounted.mount == Placement((1, 0, 0), (0, 0, 0.5))
    with pytest.raises(SettingsError, match='expected six numbers'):
        ArmSettings(mount=(1.0,)).make_arm()


if __name__ == '__main__':
    CONFIG.write_text(parameter_file())
