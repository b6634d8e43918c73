# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The tool's pose is the true one where it is measured, and the predicted one elsewhere."""

import time

from geometry_msgs.msg import PoseStamped
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.loop import ControlLoop
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.ros import message_stamps, pose_messages, topics
from snake_arm_control.ros.tool_pose import ToolPose

ARM = Arm.uniform(joints=5)
ANGLES = np.random.default_rng(0).uniform(-0.5, 0.5, (ARM.joints, 2))
MODEL = ExactModel(ARM)
TRUE = MODEL.linearize(ANGLES + 0.1).chain[-1]
PREDICTED = MODEL.linearize(ANGLES).chain[-1]


class Bench:
    """A loop that has started, the pose of its tool, and a node that listens to it."""

    def __init__(self):
        self.loop = ControlLoop(MODEL)
        self.loop.start(ANGLES)
        self.node, self.seen = Node('tool_pose_test'), []
        self.tool = ToolPose(self.node)
        self.node.create_subscription(PoseStamped, topics.TOOL_POSE, self.seen.append, 10)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.deadline = time.monotonic() + 10.0
        while not self.seen:  # until it is connected
            self.tool.predict(self.loop, 0.0, 1, is_new=True)
            self.spin()

    def spin(self):
        assert time.monotonic() < self.deadline
        self.executor.spin_once(timeout_sec=0.02)

    def shown(self, stamp):
        """Return the pose that is published with a stamp."""
        while not self.seen or message_stamps.time_to_stamp(self.seen[-1].header.stamp) != stamp:
            self.spin()
        assert self.seen[-1].header.frame_id == topics.BASE_FRAME
        return pose_messages.message_to_pose(self.seen[-1].pose)


@pytest.fixture
def bench():
    rclpy.init()
    bench = Bench()
    yield bench
    bench.node.destroy_node()
    rclpy.shutdown()


def test_without_a_measurement_it_is_where_the_model_expects_the_commanded_arm(bench):
    bench.tool.predict(bench.loop, 1.0, 7, is_new=True)
    np.testing.assert_allclose(bench.shown(7), PREDICTED, atol=1e-9)


def test_what_is_measured_is_true_and_what_is_not_is_predicted(bench):
    for stamp, part in enumerate((slice(None), pose.POSITION, slice(pose.POSITION.stop, None)), 5):
        tool = np.full(pose.SIZE, np.nan)
        tool[part] = TRUE[part]
        bench.tool.measure(bench.loop, 1.0, stamp, tool)
        np.testing.assert_allclose(bench.shown(stamp), np.where(np.isnan(tool), PREDICTED, TRUE),
                                   atol=1e-9)


def test_predictions_keep_silent_while_measurements_come_and_return_once_they_end(bench):
    timeout = bench.loop.settings.feedback_timeout
    bench.tool.measure(bench.loop, 1.0, 5, TRUE)
    bench.tool.predict(bench.loop, 1.0 + 0.9 * timeout, 6, is_new=True)
    bench.tool.predict(bench.loop, 1.0 + 1.1 * timeout, 7, is_new=True)
    np.testing.assert_allclose(bench.shown(7), PREDICTED, atol=1e-9)
    assert 6 not in [message_stamps.time_to_stamp(each.header.stamp) for each in bench.seen]


def test_a_chain_that_holds_nothing_of_the_tool_is_no_measurement_of_it(bench):
    bench.tool.measure(bench.loop, 1.0, 5, np.full(pose.SIZE, np.nan))
    bench.tool.predict(bench.loop, 1.0, 6, is_new=True)
    np.testing.assert_allclose(bench.shown(6), PREDICTED, atol=1e-9)


def test_at_rest_the_pose_is_published_twenty_times_a_second(bench):
    """Whoever comes late to an arm at rest learns where its tool is."""
    for tick in range(200):  # of a second
        bench.tool.predict(bench.loop, 10.0 + 0.005 * tick, 100 + tick, is_new=False)
        bench.executor.spin_once(timeout_sec=0.0)
    bench.tool.predict(bench.loop, 12.0, 300, is_new=False)
    bench.shown(300)
    stamps = [message_stamps.time_to_stamp(each.header.stamp) for each in bench.seen]
    assert 18 <= sum(stamp in range(100, 300) for stamp in stamps) <= 20
