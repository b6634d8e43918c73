# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a running node, read and set by its parameter services."""

from __future__ import annotations

from collections.abc import Callable

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from rclpy.task import Future

from snake_arm_control.viewer.tuning import Tunable

_CHOICES = 'one of '  # how `parameters` writes them
_SCALARS = bool, int, float, str  # a list has no control on the page
_ROS = ('use_sim_time', 'start_type_description_service', 'qos_overrides')


class Tuner:
    """
    Reads and sets those parameters of a node that can be changed while it runs.

    Every call returns at once; answers come through callbacks. One reading is under way at a time.
    """

    def __init__(self, node: Node, remote: str):
        self._client = AsyncParameterClient(node, remote)
        self._node = node
        self._reading = False

    def read(self, take: Callable[[list[Tunable]], None]) -> None:
        """Read all parameters as they are now; if no node answers, nothing comes."""
        if not self._client.services_are_ready():
            self._reading = False  # whoever was asked is gone
            return
        if self._reading:
            return
        self._reading = True

        def describe(future: Future) -> None:
            names = sorted(name for name in future.result().result.names
                           if not name.startswith(_ROS))
            self._client.describe_parameters(names, lambda answer: get(
                [each for each in answer.result().descriptors if not each.read_only]))

        def get(descriptors: list[ParameterDescriptor]) -> None:
            self._client.get_parameters([each.name for each in descriptors], lambda answer: finish(
                descriptors, answer.result().values))

        def finish(descriptors, values) -> None:
            self._reading = False
            known = zip(descriptors, map(parameter_value_to_python, values))
            take([_tunable(*pair) for pair in known if isinstance(pair[1], _SCALARS)])
        self._client.list_parameters(callback=describe)

    def write(self, name: str, value: object, refused: Callable[[str], None]) -> None:
        """Set a parameter; if it is refused, pass on the reason."""
        if not self._client.services_are_ready():
            refused('the controller does not answer')
            return

        def check(future: Future) -> None:
            result = future.result().results[0]
            if not result.successful:
                refused(result.reason)
        self._client.set_parameters([Parameter(name, value=value)], check)


def _tunable(descriptor: ParameterDescriptor, value: object) -> Tunable:
    ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
    low, high = (ranges[0].from_value, ranges[0].to_value) if ranges else (None, None)
    constraints = descriptor.additional_constraints
    choices = (constraints.removeprefix(_CHOICES).split(', ')
               if constraints.startswith(_CHOICES) else ())
    return Tunable(descriptor.name, value, descriptor.description, low, high, tuple(choices))
