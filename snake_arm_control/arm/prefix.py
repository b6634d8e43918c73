# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Names of one arm among others: what its joints, and what its links begin with."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Link
from snake_arm_control.arm.urdf_tip import WORLD
from snake_arm_control.arm.urdf_tree import robot_element

# Attributes of a URDF that name a joint or a link, by the element and what it is in; all others of
# the same form are names of something else.
_JOINTS = (('robot/joint', 'name'), ('joint/mimic', 'joint'), ('ros2_control/joint', 'name'),
           ('transmission/joint', 'name'), ('snake_arm/rest', 'joint'),
           ('snake_arm/spring', 'joint'), ('snake_arm/tendon', 'name'), ('tendon/lever', 'joint'))
_LINKS = (('robot/link', 'name'), ('joint/parent', 'link'), ('joint/child', 'link'),
          ('robot/snake_arm', 'base'), ('robot/snake_arm', 'tip'), ('snake_arm/rigid', 'link'))
_EITHER = ('robot/gazebo', 'reference')


def prefixed(arm: Arm, joint_prefix: str, frame_prefix: str) -> Arm:
    """Return an arm whose joints and links have longer names; the frame `world` keeps its own."""
    if not (joint_prefix or frame_prefix):
        return arm
    links = [Link(frame_prefix + link.name, link.placement, tuple(
        replace(axis, name=joint_prefix + axis.name,
                follows=joint_prefix + axis.follows if axis.follows else '')
        for axis in link.axes), link.mass) for link in arm.links]
    rest = {joint_prefix + name: position for name, position in arm.rest_positions}
    tendons = arm.tendons and replace(arm.tendons, pulleys=tuple(
        replace(pulley, name=joint_prefix + pulley.name) for pulley in arm.tendons.pulleys))
    return Arm(links, arm.tool, arm.mount, _framed(arm.base, frame_prefix),
               frame_prefix + arm.tip, rest, tendons)


def prefixed_urdf(text: str, joint_prefix: str, frame_prefix: str) -> str:
    """
    Return the URDF of the same robot with longer names of joints and links; see `prefixed`.

    :raises DescriptionError: if it is no URDF
    """
    if not (joint_prefix or frame_prefix):
        return text
    robot = robot_element(text)
    joints = {joint.get('name') for joint in robot.iterfind('joint')}
    for parent in robot.iter():
        for element in parent:
            where = f'{parent.tag}/{element.tag}'
            for place, attribute in (*_JOINTS, *_LINKS, _EITHER):
                name = element.get(attribute)
                if place != where or name is None:
                    continue
                is_joint = (place, attribute) in _JOINTS or (
                    (place, attribute) == _EITHER and name in joints)
                element.set(attribute, joint_prefix + name if is_joint
                            else _framed(name, frame_prefix))
    return ElementTree.tostring(robot, encoding='unicode') + '\n'


def _framed(name: str, prefix: str) -> str:
    return name if name == WORLD else prefix + name
