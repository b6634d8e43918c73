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

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Axis, Link, usual_acceleration
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf_chain import EXTENSION
from snake_arm_control.arm.urdf_tip import WORLD
from snake_arm_control.arm.urdf_tree import robot_element
from snake_arm_control.errors import DescriptionError

# Looks and masses; a kinematic arm needs none of them, viewers and simulators do.
SEGMENT_RADIUS = 0.25  # [mean segment lengths]
HINGE_RADIUS = 0.35  # [mean segment lengths]
SEGMENT_MASS = 0.04  # [kg]
HINGE_MASS = 0.01  # [kg]
EFFORT = 20.0  # [N m], twice what holds 40 such joints of 25 mm straight out against gravity
MARKED = 10  # every so many joints one has a colour of its own, to count by
COLOURS = {  # [0..1] red, green, blue, opacity
    'light': (0.85, 0.87, 0.90, 1.0),
    'dark': (0.35, 0.40, 0.48, 1.0),
    'marked': (0.95, 0.55, 0.10, 1.0),
}


def urdf_text(arm: Arm, name: str = 'snake_arm') -> str:
    """
    Return the URDF of an arm; the same arm always gives the same text.

    :param name: of the robot
    """
    robot = Element('robot', name=name)
    for colour, rgba in COLOURS.items():
        SubElement(SubElement(robot, 'material', name=colour), 'color', rgba=_numbers(*rgba))
    if arm.mount != Placement():
        SubElement(robot, 'link', name=WORLD)
        _joint(robot, _unused(arm, f'joint_{arm.base}'), 'fixed', WORLD, arm.base, arm.mount)
    SubElement(robot, 'link', name=arm.base)  # no inertia: KDL refuses a root that has one
    parent = arm.base
    ways = [*(link.placement.xyz for link in arm.links[1:]), arm.tool.xyz]
    for j, (link, way) in enumerate(zip(arm.links, ways), 1):
        _moved_link(robot, arm, j, link, parent)
        _segment(robot, link.name, _colour(j), way, arm.segment_length)
        parent = link.name
    if arm.tip != parent:
        _joint(robot, _unused(arm, f'joint_{arm.tip}'), 'fixed', parent, arm.tip, arm.tool)
        SubElement(robot, 'link', name=arm.tip)
    if not _says(_text(robot), arm):
        _extend(robot, arm)
    return _text(robot)


def robot_description(arm: Arm, source: str = '') -> str:
    """
    Return the URDF of an arm to publish: the one that it was read from, if there is one.

    :param source: the text of that; where it would be read as another arm, its ends are put in
    """
    if not source:
        return urdf_text(arm)
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
        SubElement(extension, 'rest', joint=name, position=_numbers(position))


def _moved_link(robot: Element, arm: Arm, j: int, link: Link, parent: str) -> None:
    """Put in the joints that move link j, and the ball between them where there are two."""
    placement = link.placement
    if not link.axes:
        _joint(robot, _unused(arm, f'joint_{link.name}'), 'fixed', parent, link.name, placement)
    for axis in link.axes[:-1]:
        hinge = _unused(arm, f'hinge_{j}')
        _moving(robot, arm, axis, parent, hinge, placement)
        _hinge(robot, hinge, _colour(j), arm.segment_length)
        parent, placement = hinge, Placement()
    for axis in link.axes[-1:]:
        _moving(robot, arm, axis, parent, link.name, placement)


def _joint(robot: Element, name: str, kind: str, parent: str, child: str, placement: Placement
           ) -> Element:
    joint = SubElement(robot, 'joint', name=name, type=kind)
    SubElement(joint, 'parent', link=parent)
    SubElement(joint, 'child', link=child)
    _origin(joint, placement)
    return joint


def _moving(robot: Element, arm: Arm, axis: Axis, parent: str, child: str, placement: Placement
            ) -> None:
    """Put in a joint with an axis; one that is not moved by its own angle mimics what moves it."""
    name, source = axis.name, axis.follows
    if not source and (axis.ratio, axis.offset) != (1.0, 0.0):
        name, source = _unused(arm, f'{axis.name}_driven'), axis.name
        drive = _unused(arm, f'{axis.name}_drive')
        SubElement(robot, 'link', name=drive)
        _limited(_joint(robot, axis.name, _kind(axis), parent, drive, placement), axis)
    unlimited = 'prismatic' if axis.slides else 'continuous'
    joint = _joint(robot, name, unlimited if source else _kind(axis), parent, child, placement)
    _limited(joint, axis, bool(source))
    if source:
        SubElement(joint, 'mimic', joint=source, multiplier=_numbers(axis.ratio),
                   offset=_numbers(axis.offset))


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
    SubElement(joint, 'axis', xyz=_numbers(*axis.direction))
    limits = {}
    if math.isfinite(axis.upper) and not mimics:
        limits = {'lower': _numbers(axis.lower), 'upper': _numbers(axis.upper)}
    limits['velocity'] = _numbers(axis.velocity)
    if axis.acceleration != usual_acceleration(axis.slides):
        limits['acceleration'] = _numbers(axis.acceleration)
    SubElement(joint, 'limit', {**limits, 'effort': _numbers(EFFORT)})


def _hinge(robot: Element, name: str, colour: str, length: float) -> None:
    _ball(SubElement(robot, 'link', name=name), HINGE_MASS, colour, HINGE_RADIUS * length)


def _segment(robot: Element, name: str, colour: str, way: tuple[float, ...],
             length: float) -> None:
    """Put in a link: a rod to the next joint, or a ball where that is in the same place."""
    link, radius, reach = SubElement(robot, 'link', name=name), SEGMENT_RADIUS * length, _norm(way)
    if not reach:
        return _ball(link, SEGMENT_MASS, colour, radius)
    across = SEGMENT_MASS * (3 * radius ** 2 + reach ** 2) / 12  # [kg m^2], a solid cylinder
    along = SEGMENT_MASS * radius ** 2 / 2
    middle = Placement(tuple(value / 2 for value in way), _turn_of_z(way))
    _inertial(link, SEGMENT_MASS, (across, across, along), middle)
    return _solid(link, colour, middle, 'cylinder', radius=_rounded(radius),
                  length=_numbers(reach))


def _ball(link: Element, mass: float, colour: str, radius: float) -> None:
    inertia = 2 / 5 * mass * radius ** 2  # [kg m^2], a solid ball
    _inertial(link, mass, (inertia, inertia, inertia), Placement())
    _solid(link, colour, Placement(), 'sphere', radius=_rounded(radius))


def _inertial(link: Element, mass: float, moments: tuple[float, float, float],
              placement: Placement) -> None:
    inertial = SubElement(link, 'inertial')
    _origin(inertial, placement)
    SubElement(inertial, 'mass', value=_numbers(mass))
    ixx, iyy, izz = (_rounded(moment) for moment in moments)
    SubElement(inertial, 'inertia', ixx=ixx, ixy='0', ixz='0', iyy=iyy, iyz='0', izz=izz)


def _solid(link: Element, colour: str, placement: Placement, shape: str, **sizes: str) -> None:
    """Give a link a shape, to see and to collide with; links that a joint connects overlap."""
    for purpose in 'visual', 'collision':
        element = SubElement(link, purpose)
        _origin(element, placement)
        SubElement(SubElement(element, 'geometry'), shape, sizes)
        if purpose == 'visual':
            SubElement(element, 'material', name=colour)


def _origin(element: Element, placement: Placement) -> None:
    turn = {'rpy': _numbers(*placement.rpy)} if any(placement.rpy) else {}
    SubElement(element, 'origin', {'xyz': _numbers(*placement.xyz), **turn})


def _turn_of_z(way: tuple[float, ...]) -> tuple[float, ...]:
    """Return the roll, pitch, yaw [rad] that turn z into a direction."""
    x, y, z = way
    return (0.0, math.atan2(math.hypot(x, y), z), math.atan2(y, x))


def _norm(way: tuple[float, ...]) -> float:
    return float(np.linalg.norm(way))


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
