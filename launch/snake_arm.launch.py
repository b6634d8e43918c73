# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Start the whole arm: forward model, controller, simulator, robot_state_publisher and RViz.

A scenario node that publishes the goals of an experiment comes with the argument `scenario`:

    ros2 launch snake_arm_control snake_arm.launch.py scenario:=fig2

What can go wrong is looked for before the first node is started: a launch that fails later would
leave nodes behind.
"""

from dataclasses import fields
from importlib.util import find_spec
import os

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from snake_arm_control.processes import LAUNCHED
from snake_arm_control.ros.parameter_file import ParameterFile
from snake_arm_control.ros.parameters import ArmSettings

PACKAGE = 'snake_arm_control'
SHARE = FindPackageShare(PACKAGE)
TF_RATE = 50.0  # [Hz], of robot_state_publisher, whose own default would make RViz jerk
RESPAWN_DELAY = 1.0  # [s]
# Two arms have frames of the same names, unless these have prefixes: each has its own tf.
RELATIVE_TF = [('/tf', 'tf'), ('/tf_static', 'tf_static')]
OURS = ('forward_model', 'controller', 'simulator', 'scenario', 'viewer', 'interactive_goal')
OTHERS = {'robot_state_publisher': 'state_publisher', 'rviz2': 'rviz'}  # and their switches
SWITCH = {'choices': ['true', 'false']}
# Arguments for parameters of all nodes, which have them from params_file otherwise.
OF_ALL = {'arm': str, 'base_link': str, 'tip_link': str, 'joints': int, 'joint_prefix': str,
          'frame_prefix': str, 'use_sim_time': bool}


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument(
            'arm', default_value='',
            description='description of the arm: a file, URDF or YAML, or the name of one '
                        'that ships; empty: that of params_file'),
        DeclareLaunchArgument(
            'base_link', default_value='',
            description='link of a URDF where the arm begins'),
        DeclareLaunchArgument(
            'tip_link', default_value='', description='link of a URDF where the arm ends'),
        DeclareLaunchArgument(
            'joints', default_value='',
            description='number of joints; empty: that of params_file'),
        DeclareLaunchArgument(
            'joint_prefix', default_value='',
            description='what the names of all joints begin with'),
        DeclareLaunchArgument(
            'frame_prefix', default_value='',
            description='what the names of all frames begin with; all arms then share /tf'),
        DeclareLaunchArgument(
            'scenario', default_value='',
            description='experiment of the paper whose goals are published, for instance '
                        'fig2; empty: the arm waits for a goal'),
        DeclareLaunchArgument(
            'namespace', default_value='',
            description='namespace of all nodes and topics of this arm'),
        DeclareLaunchArgument(
            'params_file',
            default_value=PathJoinSubstitution([SHARE, 'config', 'snake_arm.yaml']),
            description='parameters of all nodes'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='', choices=['', 'true', 'false'],
            description='follow /clock; empty: as params_file has it'),
        DeclareLaunchArgument(
            'hardware', default_value='',
            description='controller of ros2_control that gets the commands too; empty: that '
                        'of params_file'),
        DeclareLaunchArgument(
            'simulator', default_value='true', **SWITCH,
            description='false: real hardware answers joint_command'),
        DeclareLaunchArgument(
            'state_publisher', default_value='true', **SWITCH,
            description='start robot_state_publisher with the URDF of the arm; false: the '
                        'simulator publishes robot_description'),
        DeclareLaunchArgument(
            'rviz', default_value='true', **SWITCH, description='start RViz'),
        DeclareLaunchArgument(
            'viewer', default_value='false', **SWITCH,
            description='show the arm on a page in the browser'),
        DeclareLaunchArgument(
            'respawn', default_value='false', **SWITCH,
            description='start nodes again that have ended'),
        DeclareLaunchArgument(
            'log_level', default_value='info', description='of the nodes'),
        OpaqueFunction(function=arm_nodes),
    ])


def arm_nodes(context):
    """Return the nodes, which depend on arguments that are known only when launched."""
    def argument(name):
        return LaunchConfiguration(name).perform(context)

    def is_on(name):
        return argument(name) == 'true'

    for package, switch in OTHERS.items():
        if is_on(switch):
            check_installed(package, switch)
    params_file, namespace = argument('params_file'), argument('namespace')
    prefix = f'/{namespace}'.replace('//', '/').rstrip('/')
    file = ParameterFile(params_file)
    given = {name: is_on(name) if kind is bool else kind(argument(name))
             for name, kind in OF_ALL.items() if argument(name)}
    settings = arm_settings({**file.of(f'{prefix}/controller'), **given})
    shared = {'namespace': namespace, 'output': 'screen',
              'remappings': [] if settings.frame_prefix else RELATIVE_TF,
              'ros_arguments': ['--log-level', argument('log_level')],
              'respawn': is_on('respawn'), 'respawn_delay': RESPAWN_DELAY}

    def node(name, package=PACKAGE, arguments=(), **parameters):
        typed = {key: ParameterValue(value, value_type=type(value))
                 for key, value in {**given, **parameters}.items()}
        return Node(package=package, executable=name, name=name, arguments=arguments,
                    parameters=[params_file, typed], additional_env={LAUNCHED: '1'}, **shared)

    hardware = {'hardware': argument('hardware')} if argument('hardware') else {}
    nodes = [node('forward_model'), node('controller', **hardware)]
    if argument('scenario'):
        nodes.append(node('scenario', scenario=argument('scenario')))
    if is_on('viewer'):
        nodes.append(node('viewer'))
    if is_on('simulator'):
        nodes.append(node('simulator', publish_description=not is_on('state_publisher')))
    if is_on('state_publisher'):
        nodes.append(node(
            'robot_state_publisher', 'robot_state_publisher', publish_frequency=TF_RATE,
            robot_description=settings.robot_description(),
            frame_prefix=''))  # which the description has already
    if is_on('rviz'):
        nodes.append(node('rviz2', 'rviz2', arguments=[
            '-d', PathJoinSubstitution([SHARE, 'config', 'snake_arm.rviz']),
            '-f', settings.make_arm().base]))
        nodes.append(node('interactive_goal') if find_spec('interactive_markers') else LogInfo(
            msg='without the package interactive_markers, the goal can not be dragged in RViz'))
    unreached = file.unreached(f'{prefix}/{name}' for name in (*OURS, *OTHERS))
    return [*(LogInfo(msg=f'warning: {params_file}: no node of this launch is in the section '
                          f'{section}') for section in unreached), *nodes]


def arm_settings(given):
    """Return the settings of the arm among parameters."""
    names = {field.name for field in fields(ArmSettings)}
    return ArmSettings(**{name: value for name, value in given.items() if name in names})


def check_installed(package, switch):
    """Raise with what to do unless a package is installed."""
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        name = f'ros-{os.environ.get("ROS_DISTRO", "DISTRO")}-{package.replace("_", "-")}'
        raise RuntimeError(f'{package} is not installed: apt install {name}, or launch with '
                           f'{switch}:=false') from None
