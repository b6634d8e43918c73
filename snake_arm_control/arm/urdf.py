# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The arm as URDF text, for robot_state_publisher, RViz and every other tool that reads URDF.

A universal joint is two revolute joints with a link between them, `hinge_j`; `link_j` is the
segment. A URDF link's frame lies on the joint that moves it, so `link_j` lies at the near end of
segment j, and element j of the pose chain is one segment length along its z: there the next joint
sits, and at the tip `tool0`, which is element N itself.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from snake_arm_control.arm.description import Arm

# Looks and masses; a kinematic arm needs none of them, viewers and simulators do.
SEGMENT_RADIUS = 0.25  # [segment lengths]
HINGE_RADIUS = 0.35  # [segment lengths]
SEGMENT_MASS = 0.04  # [kg]
HINGE_MASS = 0.01  # [kg]
EFFORT = 20.0  # [N m], twice what holds 40 such joints of 25 mm straight out against gravity
MARKED = 10  # every so many joints one has a colour of its own, to count by
COLOURS = {  # [0..1] red, green, blue, opacity
    'light': (0.85, 0.87, 0.90, 1.0),
    'dark': (0.35, 0.40, 0.48, 1.0),
    'marked': (0.95, 0.55, 0.10, 1.0),
}
DIRECTIONS = {'x': '1 0 0', 'y': '0 1 0'}


def urdf_text(arm: Arm, name: str = 'snake_arm') -> str:
    """
    Return the URDF of an arm; the same arm always gives the same text.

    :param name: of the robot
    """
    robot = Element('robot', name=name)
    for colour, rgba in COLOURS.items():
        SubElement(SubElement(robot, 'material', name=colour), 'color', rgba=_numbers(*rgba))
    SubElement(robot, 'link', name='base_link')  # no inertia: KDL refuses a root that has one
    parent, offset = 'base_link', 0.0  # [m], from the parent's frame to the next joint
    for j in range(1, arm.joints + 1):
        hinge, link = f'hinge_{j}', f'link_{j}'
        _revolute(robot, arm, f'joint_{j}_x', 'x', parent, hinge, offset)
        _hinge(robot, arm, hinge, _colour(j))
        _revolute(robot, arm, f'joint_{j}_y', 'y', hinge, link, 0.0)
        _segment(robot, arm, link, _colour(j))
        parent, offset = link, arm.segment_length
    _joint(robot, 'joint_tool0', 'fixed', parent, 'tool0', offset)
    SubElement(robot, 'link', name='tool0')
    ElementTree.indent(robot)
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(robot, encoding='unicode') + '\n'


def _joint(robot: Element, name: str, kind: str, parent: str, child: str, z: float) -> Element:
    joint = SubElement(robot, 'joint', name=name, type=kind)
    SubElement(joint, 'parent', link=parent)
    SubElement(joint, 'child', link=child)
    SubElement(joint, 'origin', xyz=_numbers(0, 0, z))
    return joint


def _revolute(robot: Element, arm: Arm, name: str, axis: str, parent: str, child: str, z: float):
    joint = _joint(robot, name, 'revolute', parent, child, z)
    SubElement(joint, 'axis', xyz=DIRECTIONS[axis])
    SubElement(joint, 'limit', lower=_numbers(-arm.angle_limit), upper=_numbers(arm.angle_limit),
               velocity=_numbers(arm.velocity_limit), effort=_numbers(EFFORT))


def _hinge(robot: Element, arm: Arm, name: str, colour: str):
    link = SubElement(robot, 'link', name=name)
    radius = HINGE_RADIUS * arm.segment_length
    inertia = 2 / 5 * HINGE_MASS * radius ** 2  # [kg m^2], a solid ball
    _inertial(link, HINGE_MASS, (inertia, inertia, inertia), 0.0)
    _solid(link, colour, 0.0, 'sphere', radius=_rounded(radius))


def _segment(robot: Element, arm: Arm, name: str, colour: str):
    link = SubElement(robot, 'link', name=name)
    radius, length = SEGMENT_RADIUS * arm.segment_length, arm.segment_length
    across = SEGMENT_MASS * (3 * radius ** 2 + length ** 2) / 12  # [kg m^2], a solid cylinder
    along = SEGMENT_MASS * radius ** 2 / 2
    _inertial(link, SEGMENT_MASS, (across, across, along), length / 2)
    _solid(link, colour, length / 2, 'cylinder', radius=_rounded(radius), length=_numbers(length))


def _inertial(link: Element, mass: float, moments: tuple[float, float, float], z: float):
    inertial = SubElement(link, 'inertial')
    SubElement(inertial, 'origin', xyz=_numbers(0, 0, z))
    SubElement(inertial, 'mass', value=_numbers(mass))
    ixx, iyy, izz = (_rounded(moment) for moment in moments)
    SubElement(inertial, 'inertia', ixx=ixx, ixy='0', ixz='0', iyy=iyy, iyz='0', izz=izz)


def _solid(link: Element, colour: str, z: float, shape: str, **sizes: str):
    """Give a link a shape, to see and to collide with; links that a joint connects overlap."""
    for purpose in 'visual', 'collision':
        element = SubElement(link, purpose)
        SubElement(element, 'origin', xyz=_numbers(0, 0, z))
        SubElement(SubElement(element, 'geometry'), shape, sizes)
        if purpose == 'visual':
            SubElement(element, 'material', name=colour)


def _colour(j: int) -> str:
    if j % MARKED == 0:
        return 'marked'
    return 'dark' if j % 2 else 'light'


def _numbers(*values: float) -> str:
    """Return values as text that reads back as exactly the same numbers."""
    return ' '.join(str(int(value)) if value == int(value) else repr(float(value))
                    for value in values)


def _rounded(value: float) -> str:
    """Return a value that nothing is computed from, to four digits."""
    return f'{value:.4g}'
