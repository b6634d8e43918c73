# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A goal that is published once, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
import math
import sys
import time

import rclpy
from rclpy.client import Client
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import GoalError
from snake_arm_control.ros import topics
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.running import arguments_checked, ros, Spinner

_FLUSH_TIME = 0.1  # [s] that a message needs to leave before the process ends
_TURN_TIME = 0.05  # [s]
_GONE_TIME = 2.0  # [s] after which a service that is not seen is taken to have ended


def send_goal(goal: Goal, namespace: str, timeout: float, wait: bool = False) -> int:
    """
    Publish a goal once.

    :param timeout: how long to wait for a controller, and for it to take the goal [s]
    :param wait: whether to wait until the goal is reached, or known not to be
    :return: 0, or 1 if no controller takes it, or if it is waited for and not reached
    :raises SettingsError: if the namespace can't be one
    """
    with ros([]) as spinner:
        with arguments_checked(namespace):
            node = rclpy.create_node('goal', namespace=namespace)
        with spinner.added(node):
            return _send(spinner, node, goal, timeout, wait)


def _send(spinner: Spinner, node: Node, goal: Goal, timeout: float, wait: bool) -> int:
    publisher, pursued = GoalPublisher(node), _Pursued(node, goal.joints)
    client: Client = node.create_client(Trigger, 'controller/wait')
    if not _spin(spinner, lambda: publisher.reaches(goal), timeout):
        return _fail(f'no controller listens to {publisher.topic}; is one running? '
                     '(snake-arm up)')
    publisher.publish(goal)
    print(f'published to {publisher.topic}:\n{goal.to_yaml()}', end='', flush=True)
    if not wait:
        time.sleep(_FLUSH_TIME)
        return 0
    if not _spin(spinner, lambda: pursued.goal == goal and client.service_is_ready(), timeout):
        pursues = f' It pursues:\n{pursued.text}' if pursued.text else ''
        return _fail('the controller did not take the goal; its log says why. If its arm is '
                     f'another one, give that by --arm or --joints.{pursues}')
    answer = client.call_async(Trigger.Request())
    while not answer.done():
        if not _spin(spinner, lambda: answer.done() or client.service_is_ready(), _GONE_TIME):
            return _fail('the controller has ended')
        spinner.spin_once(_TURN_TIME)
    result = answer.result()
    assert result is not None  # it is done
    if not result.success:
        return _fail(f'not reached: {result.message}')
    print(result.message)
    return 0


class _Pursued:
    """
    Follows the goal that a controller pursues; None until it is known.

    :ivar text: the goal as YAML, whatever arm it is for
    """

    def __init__(self, node: Node, joints: int):
        self.goal: Goal | None = None
        self.text = ''
        self._joints = joints
        node.create_subscription(String, topics.PURSUED_GOAL_YAML, self._take, topics.LATCHED)

    def _take(self, message: String) -> None:
        self.text = message.data.strip()
        try:
            self.goal = Goal.from_yaml(self.text, self._joints)
        except GoalError:  # that of an arm with another number of joints
            self.goal = None


def _spin(spinner: Spinner, until: Callable[[], bool], timeout: float = math.inf) -> bool:
    """Serve the node until a condition holds; return whether it did within a time [s]."""
    deadline = time.monotonic() + timeout
    while not until():
        if time.monotonic() > deadline:
            return False
        spinner.spin_once(_TURN_TIME)
    return True


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1
