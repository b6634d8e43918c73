# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Start the whole arm: forward model, controller, simulator, robot_state_publisher and RViz.

    ros2 launch snake_arm_control snake_arm.launch.py scenario:=fig2
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from snake_arm_control.arm import Arm
from snake_arm_control.urdf import urdf_text

PACKAGE = 'snake_arm_control'
TF_RATE = 50.0  # [Hz], of robot_state_publisher, whose own default would make RViz jerk
# Two arms have frames of the same names; each namespace has its own tf.
RELATIVE_TF = [('/tf', 'tf'), ('/tf_static', 'tf_static')]


def generate_launch_description():
    share = FindPackageShare(PACKAGE)
    return LaunchDescription([
        DeclareLaunchArgument('joints', default_value='40', description='number of joints'),
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
                              description='start robot_state_publisher with the generated URDF'),
        DeclareLaunchArgument('rviz', default_value='true', choices=['true', 'false'],
                              description='start RViz'),
        OpaqueFunction(function=arm_nodes),
        Node(package='rviz2', executable='rviz2',
             namespace=LaunchConfiguration('namespace'), remappings=RELATIVE_TF,
             arguments=['-d', PathJoinSubstitution([share, 'config', 'snake_arm.rviz'])],
             condition=IfCondition(LaunchConfiguration('rviz'))),
    ])


def arm_nodes(context):
    """Return the nodes that depend on the number of joints, which is known only when launched."""
    joints = int(LaunchConfiguration('joints').perform(context))
    scenario = LaunchConfiguration('scenario').perform(context)
    namespace = LaunchConfiguration('namespace')
    parameters = [LaunchConfiguration('params_file'), {'joints': joints}]

    def node(name, *more, **options):
        return Node(package=PACKAGE, executable=name, name=name, namespace=namespace,
                    output='screen', parameters=[*parameters, *more], **options)

    return [
        node('forward_model'),
        node('controller'),
        *([node('scenario', {'scenario': scenario})] if scenario else []),
        node('simulator', condition=IfCondition(LaunchConfiguration('simulator'))),
        Node(package='robot_state_publisher', executable='robot_state_publisher',
             namespace=namespace, remappings=RELATIVE_TF, output='screen',
             parameters=[{
                 'robot_description': ParameterValue(urdf_text(Arm(joints=joints)),
                                                     value_type=str),
                 'publish_frequency': TF_RATE,
             }],
             condition=IfCondition(LaunchConfiguration('state_publisher'))),
    ]
