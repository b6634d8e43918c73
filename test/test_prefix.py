# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of prefixes: another arm by name, and the same arm in all else."""

from functools import partial
import math
import time

from arms import ARMS, NAMES, random_angles, urdf_of
from geometry_msgs.msg import PoseArray
from harness import running
import numpy as np
import pytest
import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.prefix import prefixed, prefixed_urdf
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import topics
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.parameters import ArmSettings

MOUNTED = Arm(Arm.uniform(3).links, Arm.uniform(3).tool, Placement((0, 0, 1)),
              rest={'joint_1_x': 0.2})


@pytest.mark.parametrize('arm', (*ARMS.values(), MOUNTED), ids=(*ARMS, 'mounted'))
def test_a_prefix_stands_before_all_names_and_changes_nothing_else(arm):
    named = prefixed(arm, 'left_', 'l/')
    assert named.joint_names == tuple(f'left_{name}' for name in arm.joint_names)
    assert named.link_names == tuple(f'l/{name}' for name in arm.link_names)
    assert (named.base, named.tip) == (f'l/{arm.base}', f'l/{arm.tip}')
    angles = random_angles(arm)
    np.testing.assert_array_equal(forward_kinematics(named, angles),
                                  forward_kinematics(arm, angles))
    for name in ('lower', 'upper', 'velocity_limits', 'rest', 'free'):
        np.testing.assert_array_equal(getattr(named, name), getattr(arm, name))
    assert (named.mount, named.segment) == (arm.mount, arm.segment)
    assert prefixed(arm, '', '') == arm


@pytest.mark.parametrize('arm', (*ARMS.values(), MOUNTED), ids=(*ARMS, 'mounted'))
def test_prefixes_in_the_text_of_a_urdf_are_those_of_the_arm(arm):
    """A world keeps its name, so that several arms stand in one."""
    text = prefixed_urdf(urdf_text(arm, world=True, plugin='some/Plugin'), 'left_', 'left_')
    assert Arm.from_urdf(text, f'left_{arm.base}', f'left_{arm.tip}') == prefixed(
        arm, 'left_', 'left_')
    assert '<link name="world" />' in text


@pytest.mark.parametrize('name', NAMES)
def test_the_urdf_of_others_is_published_with_the_prefixes(name, tmp_path):
    """Readers find the arm that the nodes control."""
    path = tmp_path / 'some.urdf'
    path.write_text(urdf_of(name))
    settings = ArmSettings(arm=str(path), joint_prefix='left_', frame_prefix='left_')
    assert settings.make_arm() == prefixed(Arm.from_urdf(urdf_of(name)), 'left_', 'left_')
    assert Arm.from_urdf(settings.robot_description()) == settings.make_arm()


def test_an_arm_with_prefixes_reaches_its_goal_by_these_names():
    """Joints, frames and description have them, so that another arm can be on the same topics."""
    seen = {}
    rclpy.init(args=[])
    node = rclpy.create_node('observer', namespace='left')
    for kind, topic, qos in ((JointState, topics.JOINT_COMMAND, topics.SENSOR),
                             (JointState, topics.JOINT_STATES, topics.SENSOR),
                             (PoseArray, topics.POSE_CHAIN, topics.SENSOR),
                             (String, topics.ROBOT_DESCRIPTION, topics.LATCHED)):
        node.create_subscription(kind, topic, partial(seen.__setitem__, topic), qos)
    publisher, goal = GoalPublisher(node), Goal.tool(position=(0.4, -0.3, 0.5))
    deadline = time.monotonic() + 60.0

    def wait(condition):
        while not condition():
            assert time.monotonic() < deadline, f'of the topics came {sorted(seen)}'
            rclpy.spin_once(node, timeout_sec=0.1)

    def is_reached():
        poses = seen[topics.POSE_CHAIN].poses
        tool = poses[-1].position
        return math.dist((tool.x, tool.y, tool.z), (0.4, -0.3, 0.5)) <= 1e-3

    try:
        with running('--namespace', 'left', '--joint-prefix', 'left_', '--frame-prefix', 'left_'):
            wait(lambda: len(seen) == 3 and publisher.has_controller
                 and node.count_publishers(topics.JOINT_COMMAND))
            publisher.publish(goal)
            wait(lambda: topics.JOINT_COMMAND in seen and is_reached())
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    named = prefixed(Arm(), 'left_', 'left_')
    assert tuple(seen[topics.JOINT_COMMAND].name) == named.joint_names
    assert tuple(seen[topics.JOINT_STATES].name) == named.joint_names
    assert seen[topics.POSE_CHAIN].header.frame_id == 'left_base_link'
    assert Arm.from_urdf(seen[topics.ROBOT_DESCRIPTION].data) == named
