# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Goals and faults drawn at random, for hours, on the real nodes in processes of their own.

The arm is stopped and pushed, its servos are slow or lag, its tracker is late, noisy, frozen or
false, joint states come in parts, twice, among those of a gripper or not at all, nodes are killed
and started again, garbage is published. The second half of the time goes by a simulated clock,
which is slow, fast, paused and set. A guard checks each command; each goal must be reached that
got its time with an arm that could move and a tracker that could be believed; no node may grow:
nodes are killed only during the first third of each half.

    python test/soak.py --minutes 120 --seed 0
"""

import argparse
from contextlib import ExitStack
import math
import signal
import sys
import time

import falsified
from harness import ARM, CONTRACT, node_process, Observer, SimulatedClock
import numpy as np
import rclpy
from relay import Relay, REMAPPED
from std_msgs.msg import Float64MultiArray, UInt8MultiArray
from std_srvs.srv import SetBool, Trigger

from snake_arm_control.arm import pose
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import topics

NODES = ('forward_model', 'controller', 'simulator')
PATIENCE = 60.0  # [s] that a goal may take, of those in which nothing obstructs the arm
CLEAR = 0.01  # [m], what links are from each other at least where a goal is
DWELL = 0.5  # [s] at most, at a reached goal
BETWEEN = 2.0  # [s] from one disturbance to the next, on average
OBSTRUCTED = 1.5  # [s] that an obstruction lasts, on average
LONGEST = 10.0  # [s] that one lasts at most
NEWS_PERIOD = 30.0  # [s]
WEIGH_PERIOD = 5.0  # [s]
SETTLED = 12  # times of weighing after which a node has all that it needs


class Arm:
    """The nodes of one arm, and all that may happen to them."""

    def __init__(self, namespace, generator, is_simulated):
        self.random, self.namespace = generator, namespace
        self.observer = Observer(namespace, CONTRACT)
        self.relay = Relay(self.observer.node)
        self.clock = SimulatedClock(self.observer.node) if is_simulated else None
        # An arm that is not quite the one that the model has learned.
        self.simulation = {'joint_offset': math.radians(1.0), 'length_error': 0.02}
        self.stacks, self.children, self.memory = {}, {}, {name: [] for name in NODES}
        self._weights = self.observer.node.create_publisher(
            UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)
        for name in NODES:
            self.start(name)
        self.wait_for_nodes()

    def start(self, name):
        """Start a node, again if it is running."""
        if name in self.stacks:
            self.children[name].send_signal(signal.SIGKILL)
            self.stacks[name].close()
        options = ['-p', 'use_sim_time:=true'] if self.clock else []
        if name == 'simulator':
            options += REMAPPED
            for key, value in self.simulation.items():
                options += ['-p', f'{key}:={value}']
        self.stacks[name] = ExitStack()
        self.children[name] = self.stacks[name].enter_context(
            node_process(name, self.namespace, '--log-level', 'fatal', *options))
        self.memory[name].append([])

    def wait_for_nodes(self):
        """Wait until the arm is there and the controller has its model."""
        self.relay.chain = None
        self.observer.wait(self._is_there, 'the nodes', 120.0)

    def _is_there(self):
        self._insist_on_life()
        return self.relay.chain and self.observer.state() not in ('', 'NO_MODEL', 'WAITING')

    def _insist_on_life(self):
        for name, child in self.children.items():
            if child.poll() is not None:
                raise SystemExit(f'{name} has ended by itself, with {child.returncode}')

    def close(self):
        """End all nodes."""
        for stack in self.stacks.values():
            stack.close()
        self.observer.close()

    @property
    def time(self):
        """The time by which the arm moves [s]."""
        return 1e-9 * self.clock.stamp if self.clock else time.monotonic()

    def is_at(self, goal):
        """Return whether the arm is at a goal, and the controller says so."""
        if self.observer.state() != 'REACHED':
            return False
        position_error, axis_error = self.errors(goal)
        return position_error <= 1e-3 and axis_error <= math.radians(1.0)

    def errors(self, goal):
        """Return position error [m] and axis error [rad] of the arm itself."""
        return goal.position_error(self.relay.chain[1]), goal.axis_error(self.relay.chain[1])

    def weigh(self):
        """Note the resident memory [MB] of each node."""
        self._insist_on_life()
        for name, child in self.children.items():
            with open(f'/proc/{child.pid}/status') as lines:
                size = next(line for line in lines if line.startswith('VmRSS')).split()[1]
            self.memory[name][-1].append(int(size) / 1024.0)

    # What obstructs: each returns what ends it.

    def stop(self):
        self.relay.stop()
        return self.relay.release

    def push(self):
        self.relay.stop()
        self.relay.push(self.random.uniform(-0.3, 0.3, ARM.rest.shape))
        return self.relay.release

    def false_tracker(self):
        self.relay.fault = self.random.choice((
            falsified.frozen(), falsified.lost, falsified.in_millimetres, falsified.y_up,
            falsified.a_metre_off, falsified.of_swapped_joints,
            falsified.positions(lambda p: p + (0.03, 0.0, 0.0))))
        return self.relay.heal

    def false_states(self):
        self.relay.states_fault = self.random.choice((
            lambda message: [], falsified.with_one_twice, falsified.without_the_last))
        return self.relay.heal

    def hold(self):
        self.call(SetBool, 'controller/hold', SetBool.Request(data=True))
        return lambda: self.call(SetBool, 'controller/hold', SetBool.Request(data=False))

    def reset(self):
        self.call(Trigger, 'controller/reset', Trigger.Request())
        return lambda: None

    def set_clock(self):
        if self.clock is None:
            return self.stop()
        if self.random.random() < 0.3:
            self.clock.stamp += int(self.random.choice((-3600, -3, -1, 1, 3, 3600)) * 1e9)
        self.clock.rate = float(self.random.choice((0.0, 0.1, 0.5, 2.0)))
        return lambda: setattr(self.clock, 'rate', 1.0)

    def kill(self):
        name = str(self.random.choice(NODES))
        self.start(name)
        self.observer.diagnostics.clear()
        return self.wait_for_nodes

    # What lasts, and has to be put up with.

    def change_servos(self):
        slow = self.random.random() < 0.5
        self.simulate(servo_velocity=math.exp(self.random.uniform(-1.6, 2.3)) if slow else 0.0,
                      servo_lag=0.0 if slow else float(self.random.uniform(0.0, 0.2)),
                      servo_sag=float(self.random.choice((0.0, 0.015))))

    def change_tracker(self):
        self.simulate(
            feedback_latency=float(self.random.choice((0.0, 0.005, 0.02, 0.05, 0.15))),
            feedback_stamps=str(self.random.choice(('measured', 'arrival'))),
            feedback_loss=float(self.random.choice((0.0, 0.0, 0.05, 0.3))))

    def change_messages(self):
        self.relay.has_gripper = bool(self.random.random() < 0.5)
        self.relay.states_fault = self.random.choice(
            (None, falsified.in_parts, falsified.among_others))
        self.relay.fault = self.random.choice(
            (None, falsified.sometimes(0.05, falsified.a_metre_off), falsified.shuffled()))

    def change_limits(self):
        for name, low in (('speed_limit', 0.5), ('following_error', 0.1)):
            highest = getattr(CONTRACT, name)
            self.set_parameter('controller', name, float(self.random.uniform(low, highest)))

    def publish_garbage(self):
        numbers = self.random.choice(
            (0.0, 0.1, 1.0, 1e300, math.nan, math.inf), self.random.integers(1, 400))
        numbers[0] = math.inf  # never a goal, so that the one before stays
        self.observer.publishers[topics.GOAL].publish(Float64MultiArray(data=numbers.tolist()))
        self._weights.publish(UInt8MultiArray(data=bytes(self.random.bytes(100))))

    def simulate(self, **settings):
        """Change the simulator, also the one that is started next."""
        self.simulation.update(settings)
        for name, value in settings.items():
            self.set_parameter('simulator', name, value)

    def set_parameter(self, node, name, value):
        self.again(lambda: self.observer.set_parameter(node, name, value, timeout=2.0))

    def call(self, kind, service, request):
        self.again(lambda: self.observer.call(kind, service, request, timeout=2.0))

    @staticmethod
    def again(ask):
        """Ask until there is an answer: one that was killed may still be known."""
        for _ in range(20):
            try:
                return ask()
            except AssertionError:
                pass
        raise SystemExit('a node does not answer')


OBSTRUCTIONS = (Arm.stop, Arm.stop, Arm.push, Arm.false_tracker, Arm.false_states, Arm.hold,
                Arm.reset, Arm.set_clock)
CHANGES = (Arm.change_servos, Arm.change_tracker, Arm.change_messages, Arm.change_limits,
           Arm.publish_garbage)


class Soak:
    """What an arm is put through, and what became of it."""

    def __init__(self, arm):
        self.arm, self.random = arm, arm.random
        self.reached, self.missed, self.happened = 0, [], []  # name, time [s]
        self._end, self._end_at = None, math.inf  # of what obstructs now
        self._body = Clearances(None, ArmBody.of(ARM), own_body=True)

    def draw_goal(self):
        """Return a goal that some configuration of the arm has, clear of itself."""
        chain = None
        while chain is None or self._body.clearance(chain) < CLEAR:
            angles = self.random.uniform(0.1, 0.6) * ARM.upper[0, 0] * (
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
        """Let something happen that should not."""
        if self.random.random() < 0.4:
            what = self.random.choice(CHANGES)
            what(self.arm)
        else:
            what = self.random.choice((*OBSTRUCTIONS, *[Arm.kill] * may_kill))
            self._end = what(self.arm)
            self._end_at = time.monotonic() + min(self.random.exponential(OBSTRUCTED), LONGEST)
        self.happened.append((what.__name__, time.monotonic()))

    def pursue(self, goal, may_kill):
        """Publish a goal and stay with it until it is reached or its time is over."""
        arm = self.arm
        arm.observer.publish_goal(goal)
        since, disturb_at = arm.time, time.monotonic() + self.random.exponential(BETWEEN)
        while abs(arm.time - since) < PATIENCE:
            arm.observer.listen(0.02)
            self.judge()
            now = time.monotonic()
            if self._end is not None:
                since = arm.time
                if now >= self._end_at:
                    self._end()
                    self._end = None
                    arm.observer.publish_goal(goal)  # it may have been dropped
            elif arm.is_at(goal):
                self.reached += 1
                arm.observer.listen(self.random.uniform(0.0, DWELL))
                return
            elif now >= disturb_at:
                disturb_at = now + self.random.exponential(BETWEEN)
                self.disturb(may_kill)
                if self._end is not None:
                    since = arm.time  # the clock may have been set by an hour
        errors = arm.errors(goal)
        self.missed.append(f'{errors[0]:.4f} m and {errors[1]:.4f} rad left after {PATIENCE} s, '
                           f'{arm.observer.state()}; {goal.to_yaml()}')
        self._say(self.missed[-1])

    def judge(self):
        """Let the guard check the commands up to now, and tell at once what it finds."""
        guard = self.arm.observer.guard
        known = len(guard.violations)
        self.arm.observer.watch.judge()
        self.arm.observer.commands.clear()
        for violation in guard.violations[known:known + 3]:
            self._say(violation)

    def _say(self, text):
        now = time.monotonic()
        recent = ', '.join(f'{what} {now - at:.2f} s ago' for what, at in self.happened[-6:])
        simulation = ', '.join(f'{name} {value}' for name, value in self.arm.simulation.items())
        print(f'bad: {text}; {recent}; {simulation}; {self.arm.observer.summary()}', flush=True)

    def run(self, duration):
        """Go on for a time [s] and return whether all was well."""
        begin = news_at = weigh_at = time.monotonic()
        while time.monotonic() - begin < duration:
            now = time.monotonic()
            if now >= weigh_at:
                self.arm.weigh()
                weigh_at = now + WEIGH_PERIOD
            if now >= news_at:
                print(f'{(now - begin) / 60:5.1f} min  {self.summary()}', flush=True)
                news_at = now + NEWS_PERIOD
            self.pursue(self.draw_goal(), may_kill=now - begin < duration / 3.0)
        self.arm.weigh()
        self.judge()
        self.arm.observer.guard.finish()
        print(self.summary())
        for name, lives in self.arm.memory.items():
            grown = lives[-1][SETTLED:] or lives[-1]
            print(f'{name:14} {len(lives)} lives; the last from {grown[0]:.1f} over '
                  f'{np.median(grown):.1f} to {grown[-1]:.1f} MB in '
                  f'{len(grown) * WEIGH_PERIOD / 60:.1f} min')
        return not self.arm.observer.guard.violations and not self.missed

    def summary(self):
        """Return the counts."""
        guard, counts = self.arm.observer.guard, {}
        for what, _ in self.happened:
            counts[what] = counts.get(what, 0) + 1
        return (f'{self.reached} goals reached, {len(self.missed)} missed; {guard.checked} '
                f'commands, {guard.starts} new starts, {len(guard.violations)} violations; '
                + ', '.join(f'{what} {count}' for what, count in sorted(counts.items())))


def main():
    """Run the soak test; exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--minutes', type=float, default=30.0)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    generator, well = np.random.default_rng(options.seed), True
    rclpy.init(args=[])
    for namespace, is_simulated in (('soak', False), ('soak_simulated', True)):
        print('by a simulated clock' if is_simulated else 'by the clock of the machine')
        arm = Arm(namespace, generator, is_simulated)
        try:
            well &= Soak(arm).run(30.0 * options.minutes)
        finally:
            arm.close()
    rclpy.try_shutdown()
    return 0 if well else 1


if __name__ == '__main__':
    sys.exit(main())
