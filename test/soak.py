# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Half an hour of goals and faults drawn at random, on the real nodes in processes of their own.

Feedback comes late or not at all, nodes are killed and started again, garbage is published. Each
command is checked, each goal that was left in peace must be reached, and no node may grow: nodes
are killed only during the first third of the time.

    python test/soak.py --minutes 30 --seed 0
"""

import argparse
from contextlib import ExitStack
import math
import signal
import sys
import time

from harness import ARM, EVERYTHING, Guard, node_process, observing
import numpy as np
import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, UInt8MultiArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import topics

NAMESPACE = 'soak'
NODES = ('forward_model', 'controller', 'simulator')
PATIENCE = 30.0  # [s] that a goal may take if nothing is killed
DWELL = 0.5  # [s] at most, at a reached goal
NEWS_PERIOD = 30.0  # [s]
WEIGH_PERIOD = 5.0  # [s]
SETTLED = 12  # times of weighing after which a node has all that it needs


class Soak:
    """The nodes, what they're put through, and what became of it."""

    def __init__(self, observer, generator):
        self.observer, self.random = observer, generator
        self.guard = Guard()
        self.reached, self.disturbed, self.missed = 0, 0, []
        self.kills, self.garbage, self.changes = 0, 0, 0
        self.disturbances = []  # time [s], what
        self.stacks, self.children, self.memory = {}, {}, {name: [] for name in NODES}
        node = observer.node
        for topic, take in ((topics.JOINT_STATES, self.guard.take_states),
                            (topics.JOINT_COMMAND, self.guard.check)):
            node.create_subscription(JointState, topic, self._reporter(take), EVERYTHING)
        self._weights = node.create_publisher(UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)

    def _reporter(self, take):
        def take_and_report(message):
            known = len(self.guard.violations)
            take(message)
            for violation in self.guard.violations[known:]:
                now = time.monotonic()
                recent = ', '.join(f'{what} {now - at:.2f} s ago'
                                   for at, what in self.disturbances[-4:])
                print(f'bad: {violation}; {recent}', flush=True)
            self.observer.commands.clear()
        return take_and_report

    def start(self, name):
        """Start a node, again if it is running."""
        if name in self.stacks:
            self.children[name].send_signal(signal.SIGKILL)
            self.stacks[name].close()
        self.stacks[name] = ExitStack()
        options = ('-p', 'lockstep:=true') if name == 'controller' else ()
        self.children[name] = self.stacks[name].enter_context(
            node_process(name, NAMESPACE, '--log-level', 'fatal', *options))
        self.memory[name].append([])

    def weigh(self):
        """Note the resident memory [MB] of each node."""
        for name, child in self.children.items():
            if child.poll() is not None:
                raise SystemExit(f'{name} has ended by itself, with {child.returncode}')
            with open(f'/proc/{child.pid}/status') as lines:
                size = next(line for line in lines if line.startswith('VmRSS')).split()[1]
            self.memory[name][-1].append(int(size) / 1024.0)

    def draw_goal(self):
        """Return a goal that some configuration of the arm has."""
        angles = self.random.uniform(0.1, 0.6) * ARM.angle_limit * (
            self.random.uniform(-1.0, 1.0, (40, 2)) if self.random.random() < 0.5
            else np.tile(self.random.uniform(-0.4, 0.4, 2), (40, 1)))
        chain = forward_kinematics(ARM, angles)
        tool = chain[-1]
        goal = Goal.tool(position=tool[pose.POSITION])
        if self.random.random() < 0.6:
            goal = goal & Goal.tool(up=tool[pose.UP])
        if self.random.random() < 0.4:
            goal = Goal.tool(tool[pose.POSITION], tool[pose.FORWARD], tool[pose.UP])
        if self.random.random() < 0.3:
            goal = goal & Goal.joint(20, position=(*chain[19, :2], None))
        return goal

    def disturb(self, may_kill):
        """Do one of the things that should not happen."""
        kind = self.random.random()
        if kind < 0.35:
            self.changes += 1
            self.disturbances.append((time.monotonic(), 'other feedback'))
            for name, values in (('feedback_latency', (0.0, 0.0, 0.005, 0.02, 0.05)),
                                 ('feedback_loss', (0.0, 0.0, 0.05, 0.3))):
                self._set_simulator(name, float(self.random.choice(values)))
        elif kind < 0.7 or not may_kill:
            self.garbage += 1
            self.disturbances.append((time.monotonic(), 'garbage'))
            numbers = self.random.choice(
                (0.0, 0.1, 1.0, 1e300, math.nan, math.inf), self.random.integers(1, 400))
            numbers[0] = math.inf  # never a goal, so that the one before stays
            self.observer.publishers[topics.GOAL].publish(Float64MultiArray(data=numbers.tolist()))
            self._weights.publish(UInt8MultiArray(data=bytes(self.random.bytes(100))))
        else:
            self.kills += 1
            name = str(self.random.choice(NODES))
            self.disturbances.append((time.monotonic(), f'{name} killed'))
            self.start(name)
            return True
        return False

    def _set_simulator(self, name, value):
        for _ in range(20):
            try:
                self.observer.set_parameter('simulator', name, value, timeout=2.0)
                return
            except AssertionError:  # a request may go to one that was killed but is still known
                pass
        raise SystemExit('the simulator takes no parameter')

    def pursue(self, goal, may_kill):
        """Publish a goal and stay with it until it is reached or its time is over."""
        self.observer.publish_goal(goal)
        begin = said_at = time.monotonic()
        disturb_at = begin + self.random.exponential(3.0)
        while time.monotonic() - begin < PATIENCE:
            self.observer.listen(0.02)
            if self.observer.is_at(goal):
                self.reached += 1
                self.observer.listen(self.random.uniform(0.0, DWELL))
                return
            if (self.observer.state() == 'IDLE'
                    and time.monotonic() - said_at > 1.0):  # the one who heard it was killed
                self.observer.publish_goal(goal)
                said_at = time.monotonic()
            if time.monotonic() > disturb_at:
                disturb_at = time.monotonic() + self.random.exponential(3.0)
                if self.disturb(may_kill):
                    self.disturbed += 1
                    self.observer.chain = None
                    self.observer.wait(lambda: self.observer.chain, 'the arm', 60.0)
                    self.observer.wait(self._is_up, 'the controller', 60.0)
                    return
        errors = self.observer.errors(goal)
        self.missed.append(f'{errors[0]:.4f} m and {errors[1]:.4f} rad left after {PATIENCE} s, '
                           f'{self.observer.state()}; {goal.to_yaml()}')
        print('bad:', self.missed[-1], flush=True)

    def _is_up(self):
        return self.observer.state() not in ('', 'NO_MODEL', 'WAITING')

    def run(self, duration):
        """Go on for a time [s] and return whether all was well."""
        for name in NODES:
            self.start(name)
        self.observer.wait(lambda: self.observer.chain and self._is_up(), 'the nodes', 120.0)
        begin = time.monotonic()
        news_at = weigh_at = begin
        while time.monotonic() - begin < duration:
            now = time.monotonic()
            if now >= weigh_at:
                self.weigh()
                weigh_at = now + WEIGH_PERIOD
            if now >= news_at:
                print(f'{(now - begin) / 60:5.1f} min  {self.summary()}', flush=True)
                news_at = now + NEWS_PERIOD
            self.pursue(self.draw_goal(), may_kill=now - begin < duration / 3.0)
        self.weigh()
        print(self.summary())
        for name, lives in self.memory.items():
            grown = lives[-1][SETTLED:] or lives[-1]
            print(f'{name:14} {len(lives)} lives; the last from {grown[0]:.1f} over '
                  f'{np.median(grown):.1f} to {grown[-1]:.1f} MB in '
                  f'{len(grown) * WEIGH_PERIOD / 60:.1f} min')
        for text in (*self.guard.violations, *self.missed):
            print('bad:', text)
        return not self.guard.violations and not self.missed

    def summary(self):
        """Return the counts."""
        return (f'{self.reached} goals reached, {len(self.missed)} missed, {self.disturbed} '
                f'disturbed by a kill; {self.guard.checked} commands, '
                f'{len(self.guard.violations)} violations; {self.changes} changes of feedback, '
                f'{self.garbage} pieces of garbage, {self.kills} kills')


def main():
    """Run the soak test; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--minutes', type=float, default=30.0)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    rclpy.init(args=[])
    with observing(NAMESPACE) as observer:
        soak = Soak(observer, np.random.default_rng(options.seed))
        try:
            well = soak.run(60.0 * options.minutes)
        finally:
            for stack in soak.stacks.values():
                stack.close()
    rclpy.try_shutdown()
    return 0 if well else 1


if __name__ == '__main__':
    sys.exit(main())
