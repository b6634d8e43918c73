# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Start the whole arm: forward model, controller, simulator, robot_state_publisher and RViz.

A scenario node that publishes the goals of an experiment comes with the argument `scenario`:

    ros2 launch snake_arm_control snake_arm.launch.py scenario:=fig2
"""

from dataclasses import fields
from importlib.util import find_spec

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
import yaml

from snake_arm_control.ros.parameters import ArmSettings

PACKAGE = 'snake_arm_control'
TF_RATE = 50.0  # [Hz], of robot_state_publisher, whose own default would make RViz jerk
# Two arms have frames of the same names; each namespace has its own tf.
RELATIVE_TF = [('/tf', 'tf'), ('/tf_static', 'tf_static')]


def generate_launch_description():
    share = FindPackageShare(PACKAGE)
    return LaunchDescription([
        DeclareLaunchArgument('arm', default_value='',
                              description='description of the arm: a file, URDF or YAML, or the '
                                          'name of one that ships; empty: that of params_file'),
        DeclareLaunchArgument('base_link', default_value='',
                              description='link of a URDF where the arm begins'),
        DeclareLaunchArgument('tip_link', default_value='',
                              description='link of a URDF where the arm ends'),
        DeclareLaunchArgument('joints', default_value='',
                              description='number of joints; empty: that of params_file'),
        DeclareLaunchArgument('scenario', default_value='',
                              description='experiment of the paper whose goals are published, '
                                          'for instance fig2; empty: the arm waits for a goal'),
        DeclareLaunchArgument('namespace', default_value='',
                              description='namespace of all nodes and topics of this arm'),
        DeclareLaunchArgument('params_file',
                              default_value=PathJoinSubstitution(
                                  [share, 'config', 'snake_arm.yaml']),
                              description='parameters of the nodes'),
        DeclareLaunchArgument('simulator', default_value='true', choices=['true', 'false'],
                              description='false: real hardware answers joint_command'),
        DeclareLaunchArgument('state_publisher', default_value='true', choices=['true', 'false'],
                              description='start robot_state_publisher with the URDF of the arm; '
                                          'false: the simulator publishes robot_description'),
        DeclareLaunchArgument('rviz', default_value='true', choices=['true', 'false'],
                              description='start RViz'),
        DeclareLaunchArgument('viewer', default_value='false', choices=['true', 'false'],
                              description='show the arm on a page in the browser'),
        OpaqueFunction(function=arm_nodes),
        Node(package='rviz2', executable='rviz2',
             namespace=LaunchConfiguration('namespace'), remappings=RELATIVE_TF,
             arguments=['-d', PathJoinSubstitution([share, 'config', 'snake_arm.rviz'])],
             condition=IfCondition(LaunchConfiguration('rviz'))),
    ])


def arm_nodes(context):
    """Return the nodes that depend on the arm, which is known only when launched."""
    def argument(name):
        return LaunchConfiguration(name).perform(context)

    namespace, params_file = argument('namespace'), argument('params_file')
    given = {name: argument(name) for name in ('arm', 'base_link', 'tip_link') if argument(name)}
    if argument('joints'):
        given['joints'] = int(argument('joints'))
    settings = ArmSettings(**{**arm_parameters(params_file), **given})
    typed = {name: ParameterValue(value, value_type=type(value)) for name, value in given.items()}

    def node(name, **parameters):
        return Node(package=PACKAGE, executable=name, name=name, namespace=namespace,
                    remappings=RELATIVE_TF, output='screen',
                    parameters=[params_file, {**typed, **parameters}])

    nodes = [node('forward_model'), node('controller')]
    if argument('scenario'):
        nodes.append(node('scenario',
                          scenario=ParameterValue(argument('scenario'), value_type=str)))
    if argument('viewer') == 'true':
        nodes.append(node('viewer'))
    published = argument('state_publisher') == 'true'
    if argument('simulator') == 'true':
        nodes.append(node('simulator', publish_description=not published))
    if published:
        description = ParameterValue(settings.robot_description(), value_type=str)
        nodes.append(Node(package='robot_state_publisher', executable='robot_state_publisher',
                          namespace=namespace, remappings=RELATIVE_TF, output='screen',
                          parameters=[{'robot_description': description,
                                       'publish_frequency': TF_RATE}]))
    if argument('rviz') == 'true':
        nodes.append(node('interactive_goal') if find_spec('interactive_markers') else LogInfo(
            msg='without the package interactive_markers, the goal can not be dragged in RViz'))
    return nodes


def arm_parameters(params_file):
    """Return the parameters of the arm in a parameter file, from its section for all nodes."""
    with open(params_file) as file:
        sections = yaml.safe_load(file) or {}
    given = (sections.get('/**') or {}).get('ros__parameters') or {}  # a section may be empty
    return {field.name: given[field.name] for field in fields(ArmSettings)
            if field.name in given}
