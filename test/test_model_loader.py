# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A model is made ready while the node goes on, and of several the last one counts."""

from threading import Event
import time

from patience import wait_for
import rclpy
from std_msgs.msg import UInt8MultiArray
from std_srvs.srv import SetBool

from snake_arm_control.nodes import controller
from snake_arm_control.ros import topics, weight_messages
from snake_arm_control.ros.model_loader import ModelLoader
from snake_arm_control.ros.running import ros

PATIENCE = 20.0  # [s]


def taken(loader):
    """Return what a loader has made, as soon as there is something."""
    found = []
    wait_for(lambda: found.append(loader.take()) or found[-1] is not None, 'a model')
    return found[-1]


def test_of_models_that_come_meanwhile_the_last_one_counts():
    may_go_on, begun, warm = Event(), Event(), []

    def warm_up(model):
        begun.set()
        assert may_go_on.wait(PATIENCE)
        warm.append(model)

    loader = ModelLoader(warm_up)
    assert loader.take() is None
    loader.load('1')
    assert begun.wait(PATIENCE)
    for model in '2', '3':
        loader.load(model)
    assert loader.take() is None and not warm
    may_go_on.set()
    wait_for(lambda: warm == ['1', '3'], 'the last one')
    loader.close()
    assert loader.take() == '3' and loader.take() is None
    loader.load('4')
    assert taken(loader) == '4'
    loader.close()


def test_the_controller_serves_while_its_first_model_is_compiled(monkeypatch, learned):
    """Which takes a minute where nothing compiled it before."""
    may_go_on = Event()
    monkeypatch.setattr(controller, 'warm_up', lambda model: may_go_on.wait(PATIENCE))
    with ros([]) as spinner, spinner.added(controller.ControllerNode()), spinner.added(
            rclpy.create_node('asking')) as asking:
        weights, strange = (asking.create_publisher(
            UInt8MultiArray, topics.WEIGHTS, topics.LATCHED) for _ in range(2))
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
        weights.publish(weight_messages.bytes_to_message(learned.to_bytes()))
        strange.publish(weight_messages.bytes_to_message(b'nonsense'))  # harmless
        for _ in range(20):
            assert answer().message == 'there is no forward model yet'
        may_go_on.set()
        wait_for(lambda: answer().success, 'the model')

