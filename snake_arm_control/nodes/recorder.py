# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder node: the topics of an arm, written to an MCAP file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
import math
from pathlib import Path
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String, UInt8MultiArray

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import RecordingError
from snake_arm_control.experiments.goal_families import FAMILIES, goals
from snake_arm_control.output import drop_standard_output
from snake_arm_control.ros import goal_messages, topics
from snake_arm_control.ros.bag import Bag
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.running import arguments_checked, ros, Spinner
from snake_arm_control.training import recordings

# What determines a run, and its outcome; predictions follow from weights and joint states.
RECORDED = {
    **{topic: kind for kind, topic, _ in goal_messages.GOALS},
    topics.JOINT_COMMAND: JointState, topics.JOINT_STATES: JointState,
    topics.POSE_CHAIN: PoseArray, topics.WEIGHTS: UInt8MultiArray,
    topics.ROBOT_DESCRIPTION: String, topics.DIAGNOSTICS: DiagnosticArray}
_LATCHED = (topics.WEIGHTS, topics.ROBOT_DESCRIPTION)
_DEPTH = 10_000  # messages of a topic that may wait
_LOOK_EVERY = 0.5  # [s]
_PATIENCE = 2.0  # [s], before a topic without a publisher is reported


@dataclass(frozen=True)
class Options:
    """What to record, and for how long."""

    out: Path | None = None  # a name of the present time if None
    duration: float = math.inf  # [s]
    namespace: str = ''  # its full name
    arm: Arm = Arm()
    tracked: tuple[int, ...] = ()  # numbers of the joints in a pose chain, all if empty
    overwrite: bool = False
    explore: float = 0.0  # [s], after which another random goal is sent; 0: none ever
    seed: int = 0  # of these goals


class RecorderNode(Node):
    """
    Writes each message as it comes, with the times when it was published and received.

    It subscribes to goals as the controller does: to publish one goal while a recording runs, wait
    for both subscribers (`ros2 topic pub --once -w 2`).
    """

    def __init__(self, bag: Bag, **node_options):
        super().__init__('recorder', **node_options)
        self._bag = bag
        self.lost = 0
        self._names: dict[str, str] = {}  # full ones
        self._refused: set[str] = set()
        self._subscribed = {}
        for topic in RECORDED:
            qos = QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
            self._subscribe(topic, topics.LATCHED_BY_ANY if topic in _LATCHED else qos)
            self._names[topic] = self._subscribed[topic].topic_name
            bag.add_topic(self._names[topic], RECORDED[topic],
                          topics.LATCHED if topic in _LATCHED else topics.STREAM)

    def _subscribe(self, topic: str, qos: QoSProfile) -> None:
        def take(data: bytes, info: dict) -> None:
            now = time.time_ns()
            self._bag.write(self._names[topic], data, info['received_timestamp'] or now,
                            info['source_timestamp'] or now,
                            info['publication_sequence_number'] or 0)

        events = SubscriptionEventCallbacks(
            message_lost=self._count_lost, incompatible_qos=lambda _: self._refused.add(topic))
        self._subscribed[topic] = self.create_subscription(
            RECORDED[topic], topic, take, qos, raw=True, event_callbacks=events)

    def _count_lost(self, event) -> None:
        self.lost += event.total_count_change

    def look(self) -> None:
        """Take what a publisher offers that is neither reliable nor latched, as trackers may."""
        while self._refused:
            topic = self._refused.pop()
            self.destroy_subscription(self._subscribed[topic])
            self._subscribe(topic, QoSProfile(
                depth=_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT))

    def counts(self) -> dict[str, int]:
        """Return how many messages of each topic were written."""
        return {topic: self._bag.counts[name] for topic, name in self._names.items()}

    def silent(self) -> list[str]:
        """Return the topics that nobody publishes."""
        return [topic for topic in RECORDED if not self.count_publishers(topic)]


class Explorer:
    """
    Sends random goals of every kind, so that the arm shows what it can do.

    :param period: time between goals [s]
    """

    def __init__(self, node: Node, arm: Arm, period: float, seed: int):
        self._arm, self._period = arm, period
        self._publisher = GoalPublisher(node)
        self._generator = np.random.default_rng(seed)
        self._next_at = 0.0

    def look(self, now: float) -> None:
        """Send a goal if it is time."""
        if now >= self._next_at and self._publisher.has_controller:
            self._next_at = now + self._period
            family = self._generator.choice(list(FAMILIES))
            self._publisher.publish(goals(family, self._arm, 1, self._generator)[0])


def record(options: Options) -> int:
    """
    Record until it has been long enough or a signal comes, finish the file, say what is in it.

    :return: 0, or 1 if the file holds no pair of joint states and poses, with the reason
    :raises RecordingError: if the file can't be written, or a tracked joint is none
    """
    arm = options.arm
    recordings.tracked_elements(arm, options.tracked)  # says now what is wrong with them
    path = options.out or Path(f'{datetime.now():snake_arm_%Y_%m_%d-%H_%M_%S}.mcap')
    # The events executor does not pass on when a message was published.
    with (ros([], grace=None, executor=SingleThreadedExecutor) as spinner,
          Bag(path, options.overwrite) as bag):
        with arguments_checked(options.namespace):
            node = RecorderNode(bag, namespace=options.namespace)
        with spinner.added(node):
            explorer = Explorer(node, arm, options.explore, options.seed) if options.explore \
                else None
            _say(f'recording to {path}')
            with suppress(KeyboardInterrupt):
                _spin(spinner, node, bag, explorer, options.duration)
            counts, lost = node.counts(), node.lost
    for topic, count in counts.items():
        _say(f'{count:9} {topic}')
    if lost:
        _say(f'{lost:9} messages were lost on their way')
    if explorer and not counts[topics.GOAL]:
        _say('no controller listened to the goals of --explore')
    try:
        recording = recordings.read(path, arm, options.tracked, options.namespace or '/')
    except RecordingError as error:
        print(f'no pairs of angles and poses: {error}', file=sys.stderr)
        return 1
    _say(f'{len(recording):9} pairs of angles and poses over {recording.duration:.1f} s, '
         f'{len(recording.moving())} with the arm on the move')
    return 0


def _spin(spinner: Spinner, node: RecorderNode, bag: Bag, explorer: Explorer | None,
          duration: float) -> None:
    begun = time.monotonic()
    look_at, silent = begun + _LOOK_EVERY, None
    while True:
        spinner.spin_once(timeout_sec=0.05)
        now = time.monotonic()
        if now - begun >= duration:
            return
        if explorer:
            explorer.look(now)
        if now < look_at:
            continue
        look_at = now + _LOOK_EVERY
        node.look()
        bag.flush()
        if now - begun >= _PATIENCE and node.silent() != silent:
            silent = node.silent()
            _say(f'nobody publishes {", ".join(silent)}' if silent else 'every topic is published')


def _say(text: str) -> None:
    """Print a line; a recording goes on where nobody reads it."""
    try:
        print(text, flush=True)
    except OSError:
        drop_standard_output()
