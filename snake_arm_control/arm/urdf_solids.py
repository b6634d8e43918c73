# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the links of a generated URDF look like, weigh, and collide with."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, SubElement

from snake_arm_control.arm.placement import Placement

# A kinematic arm needs none of them, viewers and simulators do.
SEGMENT_RADIUS = 0.25  # [mean segment lengths]
HINGE_RADIUS = 0.35  # [mean segment lengths]
SEGMENT_MASS = 0.04  # [kg]
HINGE_MASS = 0.01  # [kg]
FRAME_MASS = 1e-4  # [kg], of mere frames: Gazebo drops lighter links, PyBullet takes none for 1 kg
MARKED = 10  # every so many joints one has a colour of its own, to count by
COLOURS = {  # [0..1] red, green, blue, opacity
    'light': (0.85, 0.87, 0.90, 1.0),
    'dark': (0.35, 0.40, 0.48, 1.0),
    'marked': (0.95, 0.55, 0.10, 1.0),
}
# Rods collide from so many of their radii beyond a joint on: bent by up to 90 degrees, neighbours
# then stay on their sides of the plane that halves the angle between them, and clear of the ball
# of a radius in between.
_SET_BACK = 1.05


def add_frame(robot: Element, name: str, length: float) -> None:
    """Put in a link that is but a frame; it has some inertia, and no shape."""
    link = SubElement(robot, 'link', name=name)
    _inertial(link, FRAME_MASS, _of_ball(FRAME_MASS, HINGE_RADIUS * length), Placement())


def add_hinge(robot: Element, name: str, j: int, way: float, length: float) -> None:
    """
    Put in the link between the two axes of joint j: a ball, solid where there is room for it.

    :param way: [m] to the nearest other joint
    :param length: [m], of a mean segment
    """
    link, radius = SubElement(robot, 'link', name=name), HINGE_RADIUS * length
    _inertial(link, HINGE_MASS, _of_ball(HINGE_MASS, radius), Placement())
    _visual(link, _colour(j), Placement(), 'sphere', radius=_rounded(radius))
    solid = SEGMENT_RADIUS * length
    if way > (1 + 2 * _SET_BACK) * solid:
        _shape(link, 'collision', Placement(), 'sphere', radius=_rounded(solid))


def add_segment(robot: Element, name: str, j: int, way: tuple[float, ...], length: float,
                mass: float = SEGMENT_MASS) -> None:
    """
    Put in link j: a rod to the next joint, or a ball where that is in the same place.

    :param way: (3,) [m] to the next joint
    :param length: [m], of a mean segment
    :param mass: [kg]
    """
    link, radius = SubElement(robot, 'link', name=name), SEGMENT_RADIUS * length
    reach = math.hypot(*way)
    if not reach:
        _inertial(link, mass, _of_ball(mass, radius), Placement())
        return _visual(link, _colour(j), Placement(), 'sphere', radius=_rounded(radius))
    across = mass * (3 * radius ** 2 + reach ** 2) / 12  # [kg m^2], a solid cylinder
    along = mass * radius ** 2 / 2
    middle = Placement(tuple(value / 2 for value in way), _turn_of_z(way))
    _inertial(link, mass, (across, across, along), middle)
    _visual(link, _colour(j), middle, 'cylinder', radius=_rounded(radius),
            length=numbers_text(reach))
    clear = reach - 2 * _SET_BACK * radius
    if clear > radius:
        _shape(link, 'collision', middle, 'cylinder', radius=_rounded(radius),
               length=_rounded(clear))
    else:
        _shape(link, 'collision', middle, 'sphere', radius=_rounded(min(radius, reach / 4)))


def set_origin(element: Element, placement: Placement) -> None:
    """Say where an element is."""
    turn = {'rpy': numbers_text(*placement.rpy)} if any(placement.rpy) else {}
    SubElement(element, 'origin', {'xyz': numbers_text(*placement.xyz), **turn})


def numbers_text(*values: float) -> str:
    """Return values as text that reads back as exactly the same numbers."""
    return ' '.join(str(int(value)) if value == int(value) else repr(float(value))
                    for value in values)


def _of_ball(mass: float, radius: float) -> tuple[float, float, float]:
    """Return the moments of inertia of a solid ball [kg m^2]."""
    inertia = 2 / 5 * mass * radius ** 2
    return inertia, inertia, inertia


def _inertial(link: Element, mass: float, moments: tuple[float, float, float],
              placement: Placement) -> None:
    inertial = SubElement(link, 'inertial')
    set_origin(inertial, placement)
    SubElement(inertial, 'mass', value=numbers_text(mass))
    ixx, iyy, izz = (_rounded(moment) for moment in moments)
    SubElement(inertial, 'inertia', ixx=ixx, ixy='0', ixz='0', iyy=iyy, iyz='0', izz=izz)


def _visual(link: Element, colour: str, placement: Placement, shape: str, **sizes: str) -> None:
    SubElement(_shape(link, 'visual', placement, shape, **sizes), 'material', name=colour)


def _shape(link: Element, purpose: str, placement: Placement, shape: str, **sizes: str) -> Element:
    element = SubElement(link, purpose)
    set_origin(element, placement)
    SubElement(SubElement(element, 'geometry'), shape, sizes)
    return element


def _turn_of_z(way: tuple[float, ...]) -> tuple[float, ...]:
    """Return the roll, pitch, yaw [rad] that turn z into a direction."""
    x, y, z = way
    return (0.0, math.atan2(math.hypot(x, y), z), math.atan2(y, x))


def _colour(j: int) -> str:
    if j % MARKED == 0:
        return 'marked'
    return 'dark' if j % 2 else 'light'


def _rounded(value: float) -> str:
    """Return a value that nothing is computed from, to four digits."""
    return f'{value:.4g}'
