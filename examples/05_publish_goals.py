# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Publish goals from a ROS 2 node and wait for each; first start an arm: snake-arm up --view."""

from rclpy.client import Client
import rclpy.node
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from snake_arm_control import Arm, Goal
from snake_arm_control.ros.goal_messages import goal_to_message, message_to_goal
from snake_arm_control.ros.topics import GOAL, LATCHED, PURSUED_GOAL


class Tour(rclpy.node.Node):
    def __init__(self):
        super().__init__('tour')
        self.pursued = None
        self.publisher = self.create_publisher(Float64MultiArray, GOAL, 10)
        self.create_subscription(Float64MultiArray, PURSUED_GOAL, self.take_goal, LATCHED)
        self.wait: Client = self.create_client(Trigger, 'controller/wait')

    def take_goal(self, message):
        self.pursued = message_to_goal(message, Arm().joints)

    def move(self, goal):
        while self.pursued != goal:  # a controller that starts only now gets it, too
            self.publisher.publish(goal_to_message(goal))
            rclpy.spin_once(self, timeout_sec=0.1)
        self.wait.wait_for_service()
        answer = self.wait.call_async(Trigger.Request())
        rclpy.spin_until_future_complete(self, answer)
        return answer.result()  # whether it was reached, or why not


rclpy.init()
tour = Tour()
for goal in (Goal.tool(position=(0.45, 0.2, 0.55)), Goal.tool(position=(0.3, -0.3, 0.6))):
    print(tour.move(goal).message)
rclpy.shutdown()
