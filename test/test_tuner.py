# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the page learns of the parameters of another node."""

import time

import pytest
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.executors import SingleThreadedExecutor

from snake_arm_control.ros.tuner import Tuner

pytestmark = pytest.mark.usefixtures('ros')


@pytest.mark.parametrize('numbers', ([1, 2], [0.5], ['a'], []))
def test_every_parameter_that_can_be_changed_is_read_but_lists(numbers):
    """The page has no control for these."""
    remote, own = rclpy.create_node('remote'), rclpy.create_node('own')
    for name, value in (('numbers', numbers), ('gain', 0.5), ('count', 3), ('on', True),
                        ('word', 'b')):
        remote.declare_parameter(name, value)
    remote.declare_parameter('fixed', 1.0, ParameterDescriptor(read_only=True))
    executor, tuner, read = SingleThreadedExecutor(), Tuner(own, 'remote'), []
    executor.add_node(remote)
    executor.add_node(own)
    deadline = time.monotonic() + 20.0
    while not read:
        assert time.monotonic() < deadline
        tuner.read(read.append)
        executor.spin_once(timeout_sec=0.1)
    assert {each.name: each.value for each in read[0]} == {
        'gain': 0.5, 'count': 3, 'on': True, 'word': 'b'}
    executor.shutdown()
    for node in (remote, own):
        node.destroy_node()
