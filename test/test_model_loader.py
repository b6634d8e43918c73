# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A model is made while the node goes on, and of several the last one counts."""

from threading import Event
import time

import rclpy
from std_msgs.msg import UInt8MultiArray
from std_srvs.srv import SetBool

from snake_arm_control.errors import WeightsError
from snake_arm_control.nodes import controller
from snake_arm_control.ros import topics, weight_messages
from snake_arm_control.ros.model_loader import ModelLoader
from snake_arm_control.ros.running import ros

PATIENCE = 20.0  # [s]


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f'waited {PATIENCE} s in vain for {what}'
        time.sleep(0.005)


def taken(loader):
    """Return what a loader has made, as soon as there is something."""
    found = []
    wait_for(lambda: found.append(loader.take()) or found[-1] is not None, 'a model')
    return found[-1]


def test_of_models_that_come_meanwhile_the_last_one_counts():
    may_go_on, begun, made = Event(), Event(), []

    def make(data):
        begun.set()
        assert may_go_on.wait(PATIENCE)
        made.append(data)
        return data

    loader = ModelLoader(make)
    assert loader.take() is None
    loader.load(b'1')
    assert begun.wait(PATIENCE)
    for data in b'2', b'3':
        loader.load(data)
    assert loader.take() is None and not made
    may_go_on.set()
    wait_for(lambda: made == [b'1', b'3'], 'the last one')
    loader.close()
    assert loader.take() == b'3' and loader.take() is None
    loader.load(b'4')
    assert taken(loader) == b'4'
    loader.close()


def test_weights_that_are_refused_are_so_with_their_reason():
    def make(data):
        raise WeightsError('damaged')

    loader = ModelLoader(make)
    loader.load(b'1')
    assert str(taken(loader)) == 'damaged'


def test_the_controller_serves_while_its_first_model_is_compiled(monkeypatch, learned):
    """Which takes half a minute where nothing compiled it before."""
    may_go_on = Event()
    monkeypatch.setattr(controller, 'warm_up', lambda model: may_go_on.wait(PATIENCE))
    with ros([]) as spinner, spinner.added(controller.ControllerNode()), spinner.added(
            rclpy.create_node('asking')) as asking:
        weights = asking.create_publisher(UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)
        weights.publish(weight_messages.bytes_to_message(learned.to_bytes()))
        client = asking.create_client(SetBool, 'controller/hold')

        def answer():
            future = client.call_async(SetBool.Request(data=True))
            deadline = time.monotonic() + PATIENCE
            while not future.done():
                assert time.monotonic() < deadline
                spinner.spin_once(0.01)
            return future.result()

        wait_for(lambda: spinner.spin_once(0.01) or client.service_is_ready(), 'the service')
        wait_for(lambda: spinner.spin_once(0.01) or asking.count_subscribers(topics.WEIGHTS),
                 'the controller')
        for _ in range(20):
            assert answer().message == 'there is no forward model yet'
        may_go_on.set()
        wait_for(lambda: answer().success, 'the model')

