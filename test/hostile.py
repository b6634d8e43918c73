# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Hostile messages by the thousand a second, on the real nodes in processes of their own.

Goals as numbers and as YAML, obstacles, joint states, pose chains, weights and commands that are
cut off, flipped, endless, infinite or of something else, between sound ones. No node may end or
grow, a guard checks each command, and at the end the arm must reach a goal.

    python test/hostile.py --messages 1000000 --rate 2000 --seed 0
"""

import argparse
from contextlib import ExitStack
import math
import struct
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped, PoseArray, PoseStamped
from guard import Guard
from harness import ARM, CONTRACT, EVERYTHING, node_process, Watch
import numpy as np
import rclpy
from rclpy.serialization import serialize_message
from relay import BEHIND, Relay, REMAPPED
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, String, UInt8MultiArray
from visualization_msgs.msg import Marker, MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.ros import chain_messages, goal_messages, topics
from snake_arm_control.ros.diagnostics import status_of
from snake_arm_control.ros.running import EventsExecutor

NAMESPACE = 'hostile'
NODES = ('forward_model', 'controller', 'simulator')
NUMBERS = (0.0, -0.0, 1e-320, 0.1, 1.0, 40.0, 41.0, -1e9, 1e300, math.nan, math.inf, -math.inf)
TEXTS = ('', '~', '[]', 2**18 * '[', 10**5 * '- ', 7000 * '- {joint: 1}\n', 2**19 * ' ',
         '- &a [*a, *a]', '- {joint: 99999999999999999999}', '- {joint: -1, position: [0, 0, 0]}',
         '- {joint: tool, position: [.inf, .nan, 1.0e+400]}', '- {joint: tool, look_at: [0, 0]}',
         '- {joint: tool, relative_to: tool, position: [0, 0, 0]}', 99 * '\ufffd',
         '- {joint: tool, distance: {to: [0, 0, 0], least: 1.0e+300}}', '- {posture: {a: .nan}}',
         '- {joint: tool, along: {way: [[0, 0, 0], [0, 0, 0]], distance: 0}}',
         '!!python/object/apply:os.abort []', '- {joint: 2001-99-99}')
RESOURCES = ('', '/etc/passwd', 'file:///dev/zero.stl', 'http://localhost/part.stl', 'file:///no.stl')
BEFORE_POSITIONS = 1000  # [byte], of joint states; what comes behind them nobody reads
PATIENCE = 120.0  # [s], for the nodes at the start, and for a goal at the end
SOUND_PERIOD = 2.0  # [s], between sound goals
NEWS_PERIOD = 10.0  # [s]
SETTLED = 1 / 3  # of the run, after which a node has all that it needs
GROWTH = 5.0  # [MB] that the median of the last third may be above that of the second


class Messages:
    """What is sent: each method returns a message, or the bytes of one."""

    def __init__(self, generator, relay):
        self.random, self._relay = generator, relay
        self._weights = ForwardModel.load().to_bytes()
        self.kinds = {  # topic: type, what makes a message, how often beside the others
            topics.GOAL: (Float64MultiArray, self.goal, 6),
            topics.GOAL_YAML: (String, self.goal_yaml, 3),
            topics.OBSTACLES: (MarkerArray, self.obstacles, 3),
            topics.GOAL_POSE: (PoseStamped, self.stamped, 1),
            topics.CLICKED_POINT: (PointStamped, self.stamped, 1),
            topics.POSE_CHAIN: (PoseArray, self.chain, 6),
            topics.JOINT_STATES: (JointState, self.joint_states, 6),
            BEHIND + topics.JOINT_COMMAND: (JointState, self.joint_states, 2),
            topics.WEIGHTS: (UInt8MultiArray, self.weights, 0.05)}

    def sound_goal(self):
        """Return a goal that some configuration of the arm has."""
        tool = forward_kinematics(ARM, self.random.uniform(-0.3, 0.3, ARM.rest.shape))[-1]
        return Goal.tool(position=tool[pose.POSITION])

    def goal(self, kind):
        """Return numbers of any count in any layout; now and then a sound goal, spoiled."""
        if self.random.random() < 0.3:
            return self.spoiled(goal_messages.goal_to_message(self.sound_goal()))
        count = int(self.random.choice((0, 1, 9, 10, 20, 90, 360, self.random.integers(2000))))
        message = Float64MultiArray(data=self.random.choice(NUMBERS, count).tolist())
        message.layout.dim = [MultiArrayDimension(
            label='x' * int(self.random.integers(20)),
            size=int(self.random.choice((0, 1, 9, 10, 40, 2**32 - 1))))
            for _ in range(self.random.integers(4))]
        return message

    def goal_yaml(self, kind):
        """Return a text that is no goal, or one of a sound goal, spoiled."""
        if self.random.random() < 0.1:
            return kind(data=str(self.random.choice(TEXTS)))
        text = list(self.sound_goal().to_yaml())
        for _ in range(self.random.integers(1, 8)):
            text[int(self.random.integers(len(text)))] = '[]{}:-,~.9e'[self.random.integers(11)]
        message = kind(data=''.join(text))
        return message if self.random.random() < 0.7 else self.spoiled(message)

    def obstacles(self, kind):
        """Return markers of any shape, place and size, or one that takes all of them away."""
        markers = [Marker(action=int(self.random.choice((0, 0, 0, 2, 3, 4))),
                          type=int(self.random.choice((1, 1, 2, 2, 3, 3, 10, 9, 200))),
                          ns=str(self.random.choice(('', 'page', 500 * 'x'))),
                          id=int(self.random.choice((0, 1, 2, self.random.integers(2**31)))),
                          mesh_resource=str(self.random.choice(RESOURCES)))
                   for _ in range(self.random.integers(1, 4))]
        for marker in markers:
            marker.header.frame_id = str(self.random.choice(('', 'base_link', 'base_link', 'no')))
            marker.lifetime.sec = int(self.random.choice((0, 0, 1, -1, 2**31 - 1)))
            for part in marker.pose.position, marker.pose.orientation, marker.scale:
                is_sound = self.random.random() < 0.7
                size = float(self.random.uniform(-0.6, 0.6))
                if part is marker.scale:
                    size = 1.0 if marker.type == Marker.MESH_RESOURCE else 0.05
                for name in part.get_fields_and_field_types():
                    setattr(part, name, size if is_sound else float(self.random.choice(NUMBERS)))
        message = kind(markers=markers)
        return message if self.random.random() < 0.7 else self.spoiled(message)

    def stamped(self, kind):
        """Return a pose or a point of any numbers in any frame."""
        message = kind()
        message.header.frame_id = str(self.random.choice(('', 'base_link', 'nowhere', 'x' * 500)))
        parts = [message.pose.position, message.pose.orientation] if kind is PoseStamped else [
            message.point]
        for part in parts:
            for name in part.get_fields_and_field_types():
                setattr(part, name, float(self.random.choice(NUMBERS)))
        return message if self.random.random() < 0.7 else self.spoiled(message)

    def chain(self, kind):
        """Return a chain that can't be the arm's."""
        stamp, chain = self._relay.chain
        data = bytearray(chain_messages.serialize_chain(
            chain, stamp, str(self.random.choice(('base_link', 'nowhere', '')))))
        what = self.random.integers(4)
        if what == 0:
            return self.cut(data)
        start = len(data) - 56 * len(chain)
        if what == 1:  # another number of poses than there are
            data[start - 8:start] = self.random.bytes(8)
        else:
            place = start + 8 * int(self.random.integers(7 * len(chain)))
            data[place:place + 8] = struct.pack('<d', self.random.choice((1e300, math.inf, 30.0)))
        return bytes(data)

    def joint_states(self, kind):
        """Return joint states that nobody may believe."""
        names = list(ARM.joint_names)
        positions = self.random.uniform(-0.5, 0.5, ARM.dof).tolist()
        what = self.random.integers(5)
        if what == 0:
            positions[int(self.random.integers(ARM.dof))] = math.nan
        elif what == 1:
            names[3] = names[5]
        elif what == 2:
            positions.append(0.0)
        elif what == 3:
            names = [f'{name}_of_others' for name in names]
        message = JointState(name=names, position=positions)
        message.header.stamp.nanosec = 2**32 - 1
        return message if what < 4 else self.cut(serialize_message(message), BEFORE_POSITIONS)

    def weights(self, kind):
        """Return what is no weights file, or one that is damaged before its numbers."""
        data = bytearray(self._weights)
        for _ in range(self.random.integers(1, 20)):
            data[int(self.random.integers(400))] = int(self.random.integers(256))
        return UInt8MultiArray(data=self.cut(data) if self.random.random() < 0.5
                               else bytes(data[:self.random.integers(100)]))

    def spoiled(self, message):
        """Return the bytes of a message, some of them flipped, or its end cut off."""
        data = bytearray(serialize_message(message))
        if self.random.random() < 0.5:
            return self.cut(data)
        for _ in range(self.random.integers(1, 8)):
            data[int(self.random.integers(len(data)))] ^= 1 << int(self.random.integers(8))
        return bytes(data)

    def cut(self, data, most=None):
        """Return the beginning of bytes."""
        return bytes(data[:int(self.random.integers(min(most or len(data), len(data))))])


class Run:
    """The nodes, what is sent to them, and what became of it."""

    def __init__(self, generator):
        self.node = rclpy.create_node('stranger', namespace=NAMESPACE)
        self.executor = EventsExecutor()
        self.executor.add_node(self.node)
        self.relay = Relay(self.node)
        self.guard = Guard(ARM, CONTRACT)
        self.watch = Watch(self.node, self.guard)
        self.status = {}
        for kind, topic, take in (
                (JointState, topics.JOINT_COMMAND, self.watch.take_command),
                (JointState, BEHIND + topics.JOINT_STATES, self.watch.take_states),
                (DiagnosticArray, topics.DIAGNOSTICS, self._take_diagnostics)):
            self.node.create_subscription(
                kind, topic, lambda message, take=take: self.watch.keep(take, message), EVERYTHING)
        self.messages = Messages(generator, self.relay)
        self.random, self.sent = generator, dict.fromkeys(self.messages.kinds, 0)
        self.shown = 0  # violations that were printed
        self.publishers = {
            topic: self.node.create_publisher(
                kind, topic, topics.LATCHED if topic == topics.WEIGHTS else topics.STREAM)
            for topic, (kind, *_) in self.messages.kinds.items()}
        self.stack = ExitStack()
        self.children = {name: self.stack.enter_context(node_process(
            name, NAMESPACE, '--log-level', 'fatal', *(REMAPPED if name == 'simulator' else ())))
            for name in NODES}
        self.memory = {name: [] for name in NODES}

    def _take_diagnostics(self, message):
        self.watch.take_diagnostics(message)
        status = status_of(f'/{NAMESPACE}/controller', message)
        if status is not None:
            self.status = status.details

    def judge(self):
        """Let the guard see what was kept; print new violations with the controller's status."""
        self.watch.judge()
        for violation in self.guard.violations[self.shown:]:
            print(violation, self.status, flush=True)
        self.shown = len(self.guard.violations)

    def wait(self, condition, what, again=lambda: None):
        """Wait for a condition, and do something again and again meanwhile."""
        deadline, again_at = time.monotonic() + PATIENCE, 0.0
        while not condition():
            if time.monotonic() > again_at:
                again_at = time.monotonic() + SOUND_PERIOD
                again()
            if time.monotonic() > deadline:
                give_up(f'waited {PATIENCE} s in vain for {what}: {self.status}')
            self.executor.spin_once(timeout_sec=0.02)
            self.judge()
            self.check_alive()

    def check_alive(self):
        """Give up where a node has ended."""
        for name, child in self.children.items():
            if child.poll() is not None:
                give_up(f'{name} has ended, with {child.returncode}; sent: {self.sent}')

    def weigh(self):
        """Note the resident memory [MB] of each node, which must be alive."""
        self.check_alive()
        for name, child in self.children.items():
            with open(f'/proc/{child.pid}/status') as lines:
                size = next(line for line in lines if line.startswith('VmRSS')).split()[1]
            self.memory[name].append(int(size) / 1024.0)

    def is_at(self, goal):
        return goal.position_error(self.relay.chain[1]) <= 1e-3

    def attack(self, count, rate):
        """Send messages, that many a second [1/s], and sound goals between them."""
        kinds = list(self.messages.kinds)
        shares = np.array([each[2] for each in self.messages.kinds.values()])
        self.weigh()
        begun = sound_at = news_at = time.monotonic()
        for topic in self.random.choice(kinds, count, p=shares / shares.sum()):
            kind, make, _ = self.messages.kinds[topic]
            self.publishers[topic].publish(make(kind))
            self.sent[topic] += 1
            self.executor.spin_once(timeout_sec=0.0)
            due = begun + sum(self.sent.values()) / rate
            while (now := time.monotonic()) < due:
                self.executor.spin_once(timeout_sec=due - now)
            if now >= sound_at:
                sound_at = now + SOUND_PERIOD
                self.judge()
                self.lead(self.messages.sound_goal())
            if now >= news_at:
                news_at = now + NEWS_PERIOD
                self.weigh()
                print(f'{now - begun:6.0f} s  {self.summary()}', flush=True)
        return sum(self.sent.values()) / (time.monotonic() - begun)

    def lead(self, goal):
        """Take all obstacles out of the way, and publish a goal."""
        self.publishers[topics.OBSTACLES].publish(MarkerArray(markers=[
            Marker(action=Marker.DELETEALL)]))
        self.publishers[topics.GOAL].publish(goal_messages.goal_to_message(goal))

    def summary(self):
        rejected = {key: self.status.get(key, '?') for key in ('rejected goals',
                                                               'rejected obstacles',
                                                               'rejected feedback')}
        sizes = ', '.join(f'{name} {sizes[-1]:.0f} MB' for name, sizes in self.memory.items())
        return (f'{sum(self.sent.values())} sent; {rejected}; {self.guard.checked} commands, '
                f'{len(self.guard.violations)} violations; {sizes}')

    def growth(self):
        """Return by how much the median of each node's memory grew in the last third [MB]."""
        grown = {}
        for name, sizes in self.memory.items():
            settled = sizes[int(SETTLED * len(sizes)):]
            half = len(settled) // 2
            grown[name] = float(np.median(settled[half:]) - np.median(settled[:half] or settled))
        return grown


def give_up(why):
    """End with the reason, on standard output: the middleware of the nodes floods the other."""
    print(why, flush=True)
    raise SystemExit(1)


def main():
    """Run it; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--messages', type=int, default=1_000_000)
    parser.add_argument('--rate', type=float, default=2000.0, help='messages per second')
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    rclpy.init(args=[])
    run = Run(np.random.default_rng(options.seed))
    with run.stack:
        run.wait(lambda: run.relay.chain and run.status.get('state') == 'IDLE', 'the nodes')
        rate = run.attack(options.messages, options.rate)
        goal = run.messages.sound_goal()
        # Again and again: what was sent before, such as a point out of reach, may come after it.
        run.wait(lambda: run.is_at(goal), 'a goal at the end', lambda: run.lead(goal))
        run.weigh()
    run.guard.finish()
    run.judge()
    grown = run.growth()
    print(f'{run.summary()}; {rate:.0f} a second, by topic {run.sent}; at the start '
          f'{({name: round(sizes[0]) for name, sizes in run.memory.items()})} MB; grown [MB] '
          f'{({name: round(size, 1) for name, size in grown.items()})}; a goal was reached')
    rclpy.try_shutdown()
    return 1 if run.guard.violations or max(grown.values()) > GROWTH else 0


if __name__ == '__main__':
    sys.exit(main())
