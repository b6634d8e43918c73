# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Settings as ROS parameters: declared with unit and range, changed while running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, Field, fields, MISSING, replace
from difflib import get_close_matches
import math
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from snake_arm_control.arm.arm_file import read_text
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import TURN_ACCELERATION, TURN_VELOCITY
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.prefix import prefixed, prefixed_urdf
from snake_arm_control.arm.uniform import ANGLE_LIMIT, JOINTS, SEGMENT_LENGTH
from snake_arm_control.arm.urdf import robot_description
from snake_arm_control.arm.urdf_capsules import body_of_urdf
from snake_arm_control.errors import SettingsError, SnakeArmError
from snake_arm_control.settings import setting, Settings

T = TypeVar('T', bound=Settings)


@dataclass(frozen=True)
class ArmSettings(Settings):
    """The arm that a node works with: one that is described, or one of equal segments."""

    arm: str = setting('', 'description of the arm: a file, URDF or YAML, or the name of one that '
                       'ships; empty for equal segments', read_only=True)
    base_link: str = setting('', 'link of a URDF where the arm begins; empty for its root',
                             read_only=True)
    tip_link: str = setting('', 'link of a URDF where the arm ends; empty for where its longest '
                            'chain does, before a gripper', read_only=True)
    joints: int = setting(JOINTS, 'number of joints', low=1, high=1000, read_only=True)
    segment_length: float = setting(SEGMENT_LENGTH, 'length of a segment', 'm', low=1e-4,
                                    high=10.0, read_only=True)
    angle_limit: float = setting(ANGLE_LIMIT, 'limit of each angle, on each side', 'rad',
                                 low=1e-3, high=math.pi / 2, read_only=True)
    velocity_limit: float = setting(TURN_VELOCITY, 'velocity limit of each angle', 'rad/s',
                                    low=1e-3, high=100.0, read_only=True)
    acceleration_limit: float = setting(
        TURN_ACCELERATION, 'acceleration limit of each angle', 'rad/s^2', low=1e-2, high=1e4,
        read_only=True)
    mount: tuple[float, ...] = setting(
        (), 'where base_link is in the frame world: x, y, z [m], then roll, pitch, yaw [rad]; '
        'empty if it is in none', items=float, read_only=True)
    joint_prefix: str = setting('', 'what the names of all joints begin with, where several arms '
                                'share joint_states', read_only=True)
    frame_prefix: str = setting('', 'what the names of all links and frames but world begin with, '
                                'where several arms share TF', read_only=True)

    def make_arm(self) -> Arm:
        """
        Return the arm.

        :raises SettingsError: if it is described, and measures of equal segments are given too
        :raises DescriptionError: if the description can't be read, or is of no arm
        """
        return prefixed(self._unprefixed(), self.joint_prefix, self.frame_prefix)

    def _unprefixed(self) -> Arm:
        if not self.arm:
            if self.base_link or self.tip_link:
                raise SettingsError('base_link and tip_link are given, expected arm, too')
            if len(self.mount) not in (0, 6):
                raise SettingsError(f'mount is {list(self.mount)}, expected six numbers')
            arm = Arm.uniform(self.joints, self.segment_length, self.angle_limit,
                              self.velocity_limit, self.acceleration_limit)
            return Arm(arm.links, arm.tool, Placement(self.mount[:3], self.mount[3:])
                       if self.mount else Placement())
        for name in ('joints', 'segment_length', 'angle_limit', 'velocity_limit',
                     'acceleration_limit', 'mount'):
            if getattr(self, name) != getattr(type(self), name):
                raise SettingsError(f'{name} is {getattr(self, name)} and arm is {self.arm}, '
                                    'expected one of the two')
        return Arm.from_file(self.arm, self.base_link or None, self.tip_link or None)

    def make_body(self) -> ArmBody:
        """Return the body of the arm: by the collision shapes of its URDF, if there is one."""
        text, is_urdf = read_text(self.arm) if self.arm else ('', False)
        if not is_urdf:
            return ArmBody.of(self.make_arm())
        base, tip = (self.frame_prefix + name if name else None
                     for name in (self.base_link, self.tip_link))
        return body_of_urdf(prefixed_urdf(text, self.joint_prefix, self.frame_prefix), base, tip)

    def robot_description(self) -> str:
        """Return the URDF of the arm: the file that says it, if there is one."""
        text, is_urdf = read_text(self.arm) if self.arm else ('', False)
        source = prefixed_urdf(text, self.joint_prefix, self.frame_prefix) if is_urdf else ''
        return robot_description(self.make_arm(), source, world=bool(self.mount))


class Parameters(Generic[T]):
    """
    The settings of a node as its parameters.

    A bad value is refused with its reason; a good one replaces `value` and calls `changed`.

    :raises SettingsError: if a parameter was given a bad value at the start
    """

    def __init__(self, node: Node, kind: type[T], changed: Callable[[T], None] | None = None):
        self._kind, self._changed = kind, changed
        self._names = {each.name for each in fields(kind)}
        self.value: T = kind(**{each.name: _declared(node, each) for each in fields(kind)})
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._take)

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            self._replaced(parameters)
        except SnakeArmError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take(self, parameters: list[Parameter]) -> None:
        replaced = self._replaced(parameters)
        if replaced != self.value:
            self.value = replaced
            if self._changed:
                self._changed(replaced)

    def _replaced(self, parameters: list[Parameter]) -> T:
        return replace(self.value, **{p.name: p.value for p in parameters
                                      if p.name in self._names})


def warn_of_unread(node: Node) -> None:
    """
    Warn of parameters that were given to a node and that it does not have.

    ROS passes over them in silence, such as a quality of service for a topic by another name.
    Those of the arm a file gives to every node.
    """
    given = getattr(node, '_parameter_overrides', {})  # there is no public way to it
    known = list(node.get_parameters_by_prefix(''))
    for name in sorted(set(given) - set(known) - {each.name for each in fields(ArmSettings)}):
        alike = get_close_matches(name, known, n=1)
        expected = alike[0] if alike else f'some of {", ".join(sorted(known))}'
        node.get_logger().warning(f'{name}: no such parameter, expected {expected}')


def _declared(node: Node, each: Field) -> Any:
    """Declare the parameter of a setting, and return its value."""
    default: Any = each.default
    if isinstance(default, tuple):
        default = list(default)
    value = node.declare_parameter(each.name, default, _descriptor(each)).value
    return each.default if value is None else value  # an empty list in a file sets nothing


def _descriptor(each: Field) -> ParameterDescriptor:
    meta = each.metadata
    assert each.default is not MISSING
    # One number in place of a list of numbers is another type to ROS, and so is an empty list.
    descriptor = ParameterDescriptor(description=meta['description'], read_only=meta['read_only'],
                                     dynamic_typing=isinstance(each.default, tuple))
    if meta['choices']:
        descriptor.additional_constraints = 'one of ' + ', '.join(meta['choices'])
    if isinstance(each.default, float) and None not in (meta['low'], meta['high']):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=meta['low'], to_value=meta['high'])]
    elif type(each.default) is int and None not in (meta['low'], meta['high']):
        descriptor.integer_range = [IntegerRange(from_value=meta['low'], to_value=meta['high'])]
    return descriptor
