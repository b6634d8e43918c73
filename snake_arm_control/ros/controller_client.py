# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A client of the services and parameters of a controller."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rclpy.client import Client
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from snake_arm_control.ros.tuner import Tuner
from snake_arm_control.viewer.tuning import Tunable


class ControllerClient:
    """
    Asks the controller of a node's namespace; every call returns at once.

    :param complain: takes a title and the reason when something is refused
    """

    def __init__(self, node: Node, complain: Callable[[str, str], None]):
        self._complain = complain
        self._hold: Client = node.create_client(SetBool, 'controller/hold')
        self._reset: Client = node.create_client(Trigger, 'controller/reset')
        self._tuner = Tuner(node, 'controller')

    def hold(self, holding: bool) -> None:
        """Let the arm hold, or go on."""
        self._call(self._hold, SetBool.Request(data=holding))

    def reset(self) -> None:
        """Let the arm return to rest."""
        self._call(self._reset, Trigger.Request())

    def tune(self, name: str, value: object) -> None:
        """Set a parameter."""
        self._tuner.write(name, value, lambda reason: self._complain(
            f'{name} stays as it is', reason))

    def read_parameters(self, take: Callable[[Iterable[Tunable]], None]) -> None:
        """Read the parameters that can be changed; if no controller answers, nothing comes."""
        self._tuner.read(take)

    def _call(self, client: Client, request) -> None:
        if not client.service_is_ready():
            self._complain('Nothing happens', f'There is no service {client.srv_name}: is the '
                           'controller running?')
            return

        def answered(future: Future) -> None:
            answer = future.result()
            if answer is not None and not answer.success:
                self._complain('The controller refuses', answer.message)
        client.call_async(request).add_done_callback(answered)
