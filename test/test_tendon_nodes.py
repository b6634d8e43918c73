# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""An arm that tendons bend, controlled over DDS in the angles of its pulleys."""

import math
import time

from geometry_msgs.msg import PoseArray
from harness import running
import numpy as np
import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.urdf_body import Body
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import topics
from snake_arm_control.ros.goal_publisher import GoalPublisher

ARM = Arm.from_file('tendon')


def test_an_arm_is_driven_by_its_pulleys_and_shown_by_the_estimated_joints():
    """What robot_state_publisher has of description and joint states is the true tool."""
    angles = ARM.shaped(np.array((0.5, -0.4, -0.1, 0.6, -0.3, -0.2, -0.4, 0.3, 0.1)))
    place = forward_kinematics(ARM, angles)[-1, :3]
    commands, states, others = [], {}, {}
    rclpy.init(args=[])
    node = rclpy.create_node('observer')

    def take_states(message):
        states[message.name[0]] = message

    node.create_subscription(JointState, topics.JOINT_COMMAND, commands.append, topics.SENSOR)
    node.create_subscription(JointState, topics.JOINT_STATES, take_states, topics.SENSOR)
    node.create_subscription(PoseArray, topics.POSE_CHAIN,
                             lambda message: others.update(chain=message), topics.SENSOR)
    node.create_subscription(String, topics.ROBOT_DESCRIPTION,
                             lambda message: others.update(text=message.data), topics.LATCHED)
    publisher, deadline = GoalPublisher(node), time.monotonic() + 90.0

    def wait(condition):
        while not condition():
            assert time.monotonic() < deadline, f'came: {sorted(states)}, {sorted(others)}'
            rclpy.spin_once(node, timeout_sec=0.1)

    def shown():
        """Return where the tool is by description and joint states."""
        body = Body(others['text'])
        positions = dict(zip(states['joint_1_x'].name, states['joint_1_x'].position))
        return body.chain(body.place(positions))[-1, :3]

    def true_tool():
        tool = others['chain'].poses[-1].position
        return tool.x, tool.y, tool.z

    try:
        with running('--arm', 'tendon'):
            wait(lambda: len(states) == 2 and len(others) == 2 and publisher.has_controller
                 and node.count_publishers(topics.JOINT_COMMAND))
            publisher.publish(Goal.tool(position=place, joints=ARM.joints))
            wait(lambda: commands and math.dist(true_tool(), place) < 1e-3
                 and math.dist(shown(), true_tool()) < 1e-6)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    assert all(tuple(command.name) == ARM.joint_names for command in commands)
    assert tuple(states['tendon_1'].name) == ARM.joint_names
    assert tuple(states['joint_1_x'].name) == ARM.jointed.joint_names
    found = ARM.shaped(np.array(commands[-1].position))
    assert (found >= ARM.lower).all() and (found <= ARM.upper).all()
