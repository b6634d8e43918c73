# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The arm as URDF text, for robot_state_publisher, RViz and every other tool that reads URDF.

A joint of two axes is two joints with a link between them, `hinge_j`. A URDF link's frame lies on
the joint that moves it, so that link j of the default arm lies at the near end of segment j, and
element j of the pose chain is one segment length along its z: there the next joint sits, and at
the tip `tool0`, which is element N itself.

`Arm.from_urdf` makes an equal arm of the text. What URDF has no words for stands in an element
`snake_arm` of its own, which other readers pass over; most arms need none.
"""

from __future__ import annotations

import math
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Axis, Link, usual_acceleration
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf_chain import EXTENSION
from snake_arm_control.arm.urdf_solids import (
    add_frame,
    add_hinge,
    add_segment,
    COLOURS,
    numbers_text,
    SEGMENT_MASS,
    set_origin,
)
from snake_arm_control.arm.urdf_tendons import add_tendons
from snake_arm_control.arm.urdf_tip import WORLD
from snake_arm_control.arm.urdf_tree import robot_element
from snake_arm_control.errors import ArmError, DescriptionError

EFFORT = 20.0  # [N m], twice what holds 40 such joints of 25 mm straight out against gravity


def urdf_text(arm: Arm, name: str = 'snake_arm', world: bool = False, plugin: str = '') -> str:
    """
    Return the URDF of an arm; the same arm always gives the same text.

    KDL refuses a root with inertia, and Gazebo one without, unless it is called `world`.

    :param name: of the robot
    :param world: whether the base is fixed to a root of that name even if it is mounted at zero
    :param plugin: of ros2_control, which gets a position interface for each joint; empty for none
    :raises ArmError: if there is a plugin for an arm that tendons bend: it commands joints
    """
    if plugin and arm.tendons:
        raise ArmError('tendons bend the arm, expected joints that move on their own for '
                       f'ros2_control and {plugin}')
    robot = Element('robot', name=name)
    for colour, rgba in COLOURS.items():
        SubElement(SubElement(robot, 'material', name=colour), 'color', rgba=numbers_text(*rgba))
    if (world or arm.mount != Placement()) and arm.base != WORLD:
        SubElement(robot, 'link', name=WORLD)
        _joint(robot, _unused(arm, f'joint_{arm.base}'), 'fixed', WORLD, arm.base, arm.mount)
        add_frame(robot, arm.base, arm.segment_length)
    else:
        SubElement(robot, 'link', name=arm.base)
    parent = arm.base
    ways = [*(link.placement.xyz for link in arm.links[1:]), arm.tool.xyz]
    for j, (link, way) in enumerate(zip(arm.links, ways), 1):
        _moved_link(robot, arm, j, link, parent)
        add_segment(robot, link.name, j, way, arm.segment_length, link.mass or SEGMENT_MASS)
        parent = link.name
    if arm.tip != parent:
        _joint(robot, _unused(arm, f'joint_{arm.tip}'), 'fixed', parent, arm.tip, arm.tool)
        add_frame(robot, arm.tip, arm.segment_length)
    if plugin:
        _control(robot, arm, plugin)
    if not _says(_text(robot), arm):
        _extend(robot, arm)
    return _text(robot)


def robot_description(arm: Arm, source: str = '', world: bool = False) -> str:
    """
    Return the URDF of an arm to publish: the one that it was read from, if there is one.

    :param source: the text of that; where it would be read as another arm, its ends are put in
    :param world: see `urdf_text`
    """
    if not source:
        return urdf_text(arm, world=world)
    if _says(source, arm):
        return source
    robot = robot_element(source)
    for said in robot.findall(EXTENSION):
        robot.remove(said)
    _extend(robot, arm)
    return _text(robot)


def _says(text: str, arm: Arm) -> bool:
    """Return whether a reader finds an arm in a text."""
    try:
        return Arm.from_urdf(text) == arm
    except DescriptionError:
        return False


def _control(robot: Element, arm: Arm, plugin: str) -> None:
    """Let ros2_control command the positions of all joints."""
    control = SubElement(robot, 'ros2_control', name=robot.get('name', ''), type='system')
    SubElement(SubElement(control, 'hardware'), 'plugin').text = plugin
    for name in arm.joint_names:
        joint = SubElement(control, 'joint', name=name)
        for kind, interfaces in ('command', ['position']), ('state', ['position', 'velocity']):
            for interface in interfaces:
                SubElement(joint, f'{kind}_interface', name=interface)


def _text(robot: Element) -> str:
    ElementTree.indent(robot)
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(robot, encoding='unicode') + '\n'


def _extend(robot: Element, arm: Arm) -> None:
    """Say what URDF has no words for."""
    extension = SubElement(robot, EXTENSION, base=arm.base, tip=arm.tip)
    for link in arm.links:
        if not link.axes:
            SubElement(extension, 'rigid', link=link.name)
    for name, position in arm.rest_positions:
        SubElement(extension, 'rest', joint=name, position=numbers_text(position))
    if arm.tendons:
        add_tendons(extension, arm.links, arm.tendons)


def _moved_link(robot: Element, arm: Arm, j: int, link: Link, parent: str) -> None:
    """Put in the joints that move link j, and the ball between them where there are two."""
    placement = link.placement
    if not link.axes:
        _joint(robot, _unused(arm, f'joint_{link.name}'), 'fixed', parent, link.name, placement)
    for axis in link.axes[:-1]:
        hinge = _unused(arm, f'hinge_{j}')
        _moving(robot, arm, axis, parent, hinge, placement)
        add_hinge(robot, hinge, j, min(arm.geometry.lengths[max(j - 2, 0):j]), arm.segment_length)
        parent, placement = hinge, Placement()
    for axis in link.axes[-1:]:
        _moving(robot, arm, axis, parent, link.name, placement)


def _joint(robot: Element, name: str, kind: str, parent: str, child: str, placement: Placement
           ) -> Element:
    joint = SubElement(robot, 'joint', name=name, type=kind)
    SubElement(joint, 'parent', link=parent)
    SubElement(joint, 'child', link=child)
    set_origin(joint, placement)
    return joint


def _moving(robot: Element, arm: Arm, axis: Axis, parent: str, child: str, placement: Placement
            ) -> None:
    """Put in a joint with an axis; one that is not moved by its own angle mimics what moves it."""
    name, source = axis.name, axis.follows
    if not source and (axis.ratio, axis.offset) != (1.0, 0.0):
        name, source = _unused(arm, f'{axis.name}_driven'), axis.name
        drive = _unused(arm, f'{axis.name}_drive')
        add_frame(robot, drive, arm.segment_length)
        _limited(_joint(robot, axis.name, _kind(axis), parent, drive, placement), axis)
    unlimited = 'prismatic' if axis.slides else 'continuous'
    joint = _joint(robot, name, unlimited if source else _kind(axis), parent, child, placement)
    _limited(joint, axis, bool(source))
    if source:
        SubElement(joint, 'mimic', joint=source, multiplier=numbers_text(axis.ratio),
                   offset=numbers_text(axis.offset))


def _unused(arm: Arm, name: str) -> str:
    """Return a name, made longer while the arm has one like it."""
    taken = {arm.base, arm.tip, WORLD, *arm.link_names,
             *(axis.name for link in arm.links for axis in link.axes)}
    while name in taken:
        name += '_'
    return name


def _kind(axis: Axis) -> str:
    if axis.slides:
        return 'prismatic'
    return 'revolute' if math.isfinite(axis.upper) else 'continuous'


def _limited(joint: Element, axis: Axis, mimics: bool = False) -> None:
    SubElement(joint, 'axis', xyz=numbers_text(*axis.direction))
    limits = {}
    if math.isfinite(axis.upper) and not mimics:
        limits = {'lower': numbers_text(axis.lower), 'upper': numbers_text(axis.upper)}
    limits['velocity'] = numbers_text(axis.velocity)
    if axis.acceleration != usual_acceleration(axis.slides):
        limits['acceleration'] = numbers_text(axis.acceleration)
    SubElement(joint, 'limit', {**limits, 'effort': numbers_text(EFFORT)})
