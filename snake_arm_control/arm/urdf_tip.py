# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Where the arm of a URDF begins and ends if nobody says it: before the gripper."""

from __future__ import annotations

from collections.abc import Iterator
import re

from snake_arm_control.arm.urdf_tree import UrdfJoint, UrdfTree

WORLD = 'world'  # what a robot stands in, by the custom of ROS
_FINGER_JOINTS = 4  # a finger has this many at most, unless there are more than two
_TOOL = re.compile(r'(^|[_\-.])(tool\d*|tcp\d*|ee|eef|tip|end_?effector|gripper_(frame|tip))'
                   r'([_\-.]|$)', re.IGNORECASE)
_FINGER = re.compile(r'finger|jaw|claw|thumb|knuckle', re.IGNORECASE)
_GRIPPER = re.compile(r'gripper|grasp', re.IGNORECASE)
_WRIST = re.compile(r'roll|pitch|yaw|rotat|wrist', re.IGNORECASE)  # of a gripper: it turns it


def default_base(tree: UrdfTree) -> str:
    """Return the root; where that is the world, what is fixed to it."""
    children = tree.children(tree.root)
    if tree.root == WORLD and len(children) == 1 and children[0].kind == 'fixed':
        return children[0].child
    return tree.root


def default_tip(tree: UrdfTree, base: str) -> str:
    """
    Return the link where the longest chain of moving joints ends, before a gripper.

    That is where the chain branches into fingers, or goes on by mimic or prismatic joints that end
    it, or by a joint that is called a finger's or sits beside the frame of a tool. Behind the last
    joint the frame of a tool is looked for.
    """
    reach: dict[str, int] = dict.fromkeys(tree.links, 0)  # moving joints below each link
    for joint in reversed(tree.joints):
        if joint.moves or joint.kind == 'fixed':
            reach[joint.parent] = max(reach[joint.parent], reach[joint.child] + joint.moves)

    def branches(link: str) -> list[UrdfJoint]:
        return [joint for joint in tree.children(link)
                if (joint.moves or joint.kind == 'fixed') and reach[joint.child] + joint.moves]

    chain: list[UrdfJoint] = []
    link = base
    while reach[link]:
        chain.append(max(branches(link), key=lambda joint: reach[joint.child] + joint.moves))
        link = chain[-1].child
        above = sum(joint.moves for joint in chain)
        fingers = len(branches(link))
        if fingers > 1 and reach[link] <= (above if fingers > 2 else min(_FINGER_JOINTS, above)):
            break
    whole = [joint for joint in chain if joint.moves]
    arm = list(whole)
    while arm and (arm[-1].kind == 'prismatic' or arm[-1].mimic or _is_finger(tree, arm[-1])):
        arm.pop()
    last = (arm or whole)[-1].child if whole else base

    def fitness(found: tuple[str, int]) -> tuple[bool, bool, int]:
        finger = bool(_FINGER.search(found[0]))
        return bool(_TOOL.search(found[0])) and not finger, not finger, found[1]

    return max(_rigid(tree, last), key=fitness)[0]


def tips(tree: UrdfTree, base: str) -> Iterator[tuple[str, int]]:
    """Yield the links beyond a base where the tree ends, with the number of moving joints."""
    count = {base: 0}
    for joint in tree.joints:
        if joint.parent in count:
            count[joint.child] = count[joint.parent] + joint.moves
    parents = {joint.parent for joint in tree.joints}
    for link in tree.links:
        if link in count and link not in parents and count[link]:
            yield link, count[link]


def _is_finger(tree: UrdfTree, joint: UrdfJoint) -> bool:
    """Return whether the last joint of a chain is part of a gripper, as far as its names show."""
    if _FINGER.search(joint.name) or _FINGER.search(joint.child):
        return True
    if _GRIPPER.search(joint.name) and not _WRIST.search(joint.name):
        return True
    return any(_TOOL.search(link) for link, depth in _rigid(tree, joint.parent) if depth)


def _rigid(tree: UrdfTree, link: str) -> list[tuple[str, int]]:
    """Return a link and what is fixed to it, each with the number of fixed joints between."""
    found = [(link, 0)]
    for name, depth in found:  # grows as it goes
        found += [(joint.child, depth + 1) for joint in tree.children(name)
                  if joint.kind == 'fixed']
    return found
