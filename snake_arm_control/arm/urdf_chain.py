# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""From a URDF to the links of an arm: one chain of it, fixed joints folded; what is strange."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
import math
from typing import Any
from xml.etree.ElementTree import Element

from snake_arm_control.arm.findings import Description, Report
from snake_arm_control.arm.link import Axis, Link, NO_LENGTH
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf_tendons import tendons_of
from snake_arm_control.arm.urdf_tip import default_base, default_tip, tips
from snake_arm_control.arm.urdf_tree import Mimic, numbers, robot_element, UrdfJoint, UrdfTree
from snake_arm_control.errors import ArmError, DescriptionError

_NEARLY_RIGHT = 0.01  # [rad], an angle this near to a right one is meant to be one
_ROUNDED = 1e-9  # [rad], what is nearer is one


EXTENSION = 'snake_arm'  # element of a robot: what URDF has no words for
def read(text: str, base: str | None = None, tip: str | None = None
         ) -> tuple[Description, Report]:
    """
    Return the arm that a URDF describes between two links.

    :param base: None for the root, or what is fixed to it if that is called `world`
    :param tip: None for the end of the longest chain of moving joints, before a gripper
    :raises DescriptionError: if the text is no URDF, or there is no such chain; with the name of
        the joint or link
    """
    robot = robot_element(text)
    tree = UrdfTree.parse(robot)
    extension = robot.find(EXTENSION)
    said = Element(EXTENSION) if extension is None else extension
    base = base or said.get('base') or default_base(tree)
    if base not in tree.links:
        tree.path(base, base)  # raises
    tip = tip or said.get('tip') or default_tip(tree, base)
    path = tree.path(base, tip)
    for joint in path:
        if not (joint.moves or joint.kind == 'fixed'):
            raise DescriptionError(f'joint {joint.name} between {base} and {tip} is {joint.kind}, '
                                   'expected revolute, continuous, prismatic or fixed')
    if not any(joint.moves for joint in path):
        others = ', '.join(f'{joint.name} is {joint.kind}' for joint in tree.joints
                           if not joint.moves and joint.kind != 'fixed')
        where = f'beyond {base}' if tip == base else f'between {base} and {tip}'
        raise DescriptionError(f'no joint moves {where}, expected a serial chain'
                               + (f': {others}' if others else ''))
    warnings: list[str] = []
    try:
        rigid = {each.get('link') for each in said.iterfind('rigid')}
        rest = {each.get('joint', ''): numbers(each.get('position'), 1)[0]
                for each in said.iterfind('rest')}
        links, tool = _fold(path, _axes(tree, path, warnings), rigid)
        tendons = tendons_of(said, links)
    except (ArmError, ValueError) as error:
        raise DescriptionError(f'the robot description is of no arm: {error}') from error
    other_tips = tuple((name, count) for name, count in tips(tree, base) if name != tip)
    mount = _rigid_placement(tree.path(tree.root, base))
    return (Description(links, tool, mount, base, tip, rest, tendons),
            Report(base, tip, other_tips, (*warnings, *what_is_strange(path, links))))


def _fold(path: Sequence[UrdfJoint], axes: Sequence[Axis], rigid: Collection[str | None]
          ) -> tuple[tuple[Link, ...], Placement]:
    """
    Return the links of a path, hinges in one place joined, and the tool.

    :param rigid: links that are kept although nothing moves them
    """
    links: list[Link] = []
    pending, left = Placement(), iter(axes)
    for joint in path:
        pending = pending @ joint.placement
        if not joint.moves and joint.child not in rigid:
            continue
        if not joint.moves:
            links.append(Link(joint.child, pending))
            pending = Placement()
            continue
        axis = next(left)
        if links and _are_in_one_place(links[-1], pending, axis):
            first = links.pop()
            turn = Placement(rpy=pending.rpy)
            turned = first.axes[0] if turn == Placement() else _turned(first.axes[0], turn)
            links.append(Link(joint.child, first.placement @ turn, (turned, axis)))
        else:
            links.append(Link(joint.child, pending, (axis,)))
        pending = Placement()
    return tuple(links), pending


def _are_in_one_place(link: Link, step: Placement, axis: Axis) -> bool:
    """Return whether an axis, one step beyond a link's hinge, makes one joint with it."""
    return (len(link.axes) == 1 and not link.axes[0].slides and not axis.slides
            and math.hypot(*step.xyz) <= NO_LENGTH)


def _turned(axis: Axis, turn: Placement) -> Axis:
    return replace(axis, direction=tuple(turn.matrix[:3, :3].T @ axis.direction))


def _rigid_placement(path: Sequence[UrdfJoint]) -> Placement:
    """Return where the end of a path is, if it is fixed to its beginning; else no placement."""
    placement = Placement()
    for joint in path:
        if joint.kind != 'fixed':
            return Placement()
        placement = placement @ joint.placement
    return placement


def _axes(tree: UrdfTree, path: Sequence[UrdfJoint], warnings: list[str]) -> list[Axis]:
    """
    Return the axes of a path's moving joints.

    A mimic joint follows the joint that it copies. Where that is beside the path there is nothing
    to follow: the joint is then moved by what it copies, and has its name.
    """
    by_name = {joint.name: joint for joint in tree.joints}
    moving = [joint for joint in path if joint.moves]
    copies = {joint.name: source_of(by_name, joint) for joint in moving}
    driven = {joint.name for joint in moving if not joint.mimic}
    axes = []
    for joint in moving:
        source, ratio, offset = copies[joint.name]
        driver = by_name[source]
        values: dict[str, Any] = {'direction': joint.axis or (1.0, 0.0, 0.0),
                                  'slides': joint.kind == 'prismatic',
                                  'ratio': ratio, 'offset': offset}
        if joint.mimic and source in driven:
            axes.append(Axis(joint.name, follows=source, **values, **_rates(joint)))
            continue
        if joint.mimic:
            driven.add(source)
            warnings.append(f'{joint.name} mimics {source}, which is beside the chain: it is '
                            f'moved by positions of {source}')
        mimics = [(by_name[name], copy) for name, copy in copies.items()
                  if copy.source == source and name != source]
        lower, upper = _limits_in_common(driver, mimics, warnings)
        axes.append(Axis(source, lower=lower, upper=upper, **values, **_rates(driver)))
    return axes


def _rates(joint: UrdfJoint) -> dict[str, Any]:
    """Return the limits of velocity and acceleration; None for usual ones, also in place of 0."""
    return {'velocity': joint.velocity or None, 'acceleration': joint.acceleration or None}


def source_of(by_name: Mapping[str, UrdfJoint], joint: UrdfJoint) -> Mimic:
    """Return what a joint copies in the end: itself, if it is no mimic joint."""
    ratio, offset, seen = 1.0, 0.0, [joint.name]
    while joint.mimic:
        source = by_name.get(joint.mimic.source)
        if source is None or not source.moves or source.name in seen:
            raise DescriptionError(f'joint {joint.name} mimics {joint.mimic.source!r}, expected '
                                   'another joint that moves')
        offset += ratio * joint.mimic.offset
        ratio *= joint.mimic.ratio
        seen.append(source.name)
        joint = source
    return Mimic(joint.name, ratio, offset)


def _limits_in_common(driver: UrdfJoint, mimics: Sequence[tuple[UrdfJoint, Mimic]],
                      warnings: list[str]) -> tuple[float, float]:
    """Return the limits of a joint that keep it and those that copy it within their own."""
    lower, upper = own_limits(driver)
    for joint, (_, ratio, offset) in mimics:
        low, high = sorted((limit - offset) / ratio for limit in own_limits(joint))
        low, high = max(low, lower), min(high, upper)
        if low < high or lower == upper:
            lower, upper = low, high
        else:
            warnings.append(f'the limits of {joint.name} leave {driver.name}, which it mimics, no '
                            'room: they are not kept')
    return lower, upper


def own_limits(joint: UrdfJoint) -> tuple[float, float]:
    """Return the limits of a joint, infinite where it has none."""
    if joint.kind == 'continuous' or joint.lower is None and joint.upper is None:
        return -math.inf, math.inf
    return joint.lower or 0.0, joint.upper or 0.0


def what_is_strange(path: Sequence[UrdfJoint], links: Sequence[Link]) -> list[str]:
    """Return what a reader of a file should know before the arm moves."""
    moving = [joint for joint in path if joint.moves]
    strange = []

    def note(names: Iterable[str], what: str) -> None:
        if found := list(names):
            more = f' and {len(found) - 3} more' if len(found) > 3 else ''
            strange.append(f'{", ".join(found[:3])}{more}: {what}')

    note((j.name for j in moving if j.axis is None), 'no axis, so it is 1 0 0')
    note((j.name for j in moving if not j.mimic and not math.isfinite(own_limits(j)[0])),
         'no limits')
    note((j.name for j in moving if j.kind != 'continuous' and (j.lower is None) != (
        j.upper is None)), 'only one limit, so the other is 0')
    note((j.name for j in moving if own_limits(j)[0] == own_limits(j)[1]),
         'can not move, for both limits are the same')
    own = [axis for link in links for axis in link.axes if not axis.follows]
    note((axis.name for axis in own if not axis.lower <= 0.0 <= axis.upper),
         'zero is beyond the limits, so rest is in the middle')
    note((j.name for j in moving if not j.velocity and not j.mimic),
         'no velocity limit, so a usual one is taken')
    off = {j.name: max(map(_off_right_angle, j.placement.rpy)) for j in path}
    note((name for name, angle in off.items() if angle),
         f'nearly a right angle, {math.degrees(max(off.values())):.2g} degrees off at most')
    return strange


def _off_right_angle(angle: float) -> float:
    """Return by how much an angle misses the right angle that it seems to mean [rad]; else 0."""
    off = abs(math.remainder(angle, math.pi / 2))
    return off if _ROUNDED < off < _NEARLY_RIGHT else 0.0
