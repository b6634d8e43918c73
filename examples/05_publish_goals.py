# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Publish goals from a ROS 2 node and wait for each; first start an arm: snake-arm up --view."""

import rclpy.node
from std_msgs.msg import Float64, Float64MultiArray

from snake_arm_control import Arm, Goal
from snake_arm_control.ros.conversions import goal_to_message, message_to_goal
from snake_arm_control.ros.topics import GOAL, LATCHED, PURSUED_GOAL


class Tour(rclpy.node.Node):
    def __init__(self):
        super().__init__('tour')
        self.pursued, self.since, self.error = None, 0, 1.0
        self.publisher = self.create_publisher(Float64MultiArray, GOAL, 10)
        self.create_subscription(Float64MultiArray, PURSUED_GOAL, self.take_goal, LATCHED)
        self.create_subscription(Float64, 'controller/position_error', self.take_error, 10)

    def take_goal(self, message, info):
        self.pursued = message_to_goal(message, Arm().joints)
        self.since, self.error = info['source_timestamp'], 1.0

    def take_error(self, message, info):
        if info['source_timestamp'] > self.since:  # older ones are those of the goal before
            self.error = message.data  # [m]; for goals with axes also see controller/axis_error


rclpy.init()
tour = Tour()
for goal in (Goal.tool(position=(0.45, 0.2, 0.55)), Goal.tool(position=(0.3, -0.3, 0.6))):
    while tour.pursued != goal:  # a controller that starts only now gets it, too
        tour.publisher.publish(goal_to_message(goal))
        rclpy.spin_once(tour, timeout_sec=0.1)
    while not tour.error <= 1e-3:
        rclpy.spin_once(tour)
    print(f'reached: {1e3 * tour.error:.2f} mm from {goal.target[-1, :3]}')
rclpy.shutdown()
