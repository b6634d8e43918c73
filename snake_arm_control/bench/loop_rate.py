# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Rate of the closed loop through DDS, beside a bare echo of the same messages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import FeedbackError
from snake_arm_control.nodes.up import Options, running
from snake_arm_control.processes import Children
from snake_arm_control.ros import chain_messages, joint_messages, message_stamps, topics
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.running import ros, run, Spinner

NAMESPACE = '/loop_rate'
SECONDS = 5.0  # [s] that are measured
# The paper's rule on a goal out of reach: every command is a full iteration, and there is no end.
SETTINGS = ('controller.lockstep=true', 'controller.method=momentum', 'controller.stall_time=3600')
_GOAL = Goal.tool(position=(0.9, 0.0, 0.9))
_WARM_UP = 1.0  # [s]
_JITTER = 0.1  # [s] of the reports
_START_TIME = 60.0  # [s] that the nodes may take to come up
_END_TIME = 0.2  # [s] in which the last iteration ends
_ANSWER_TIME = 1.0  # [s] after which a message that was not answered was lost


class Watcher(Node):
    """Gives the controller a goal, and reads in its diagnostics how often it has iterated."""

    def __init__(self, **node_options):
        super().__init__('watcher', **node_options)
        self.counts: list[tuple[float, int]] = []  # time [s], iterations
        self._controller = f'{NAMESPACE}/controller'
        self._goal = GoalPublisher(self)
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._take, 10)

    def _take(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == self._controller:
                values = {pair.key: pair.value for pair in status.values}
                self._count(message, int(values['iterations']))

    def _count(self, message: DiagnosticArray, iterations: int) -> None:
        if iterations:
            stamp = message_stamps.time_to_stamp(message.header.stamp)
            self.counts.append((1e-9 * stamp, iterations))
        elif self._goal.has_controller:
            self._goal.publish(_GOAL)

    def release(self) -> None:
        """Drop the goal, so that no node is interrupted in the midst of an iteration."""
        self._goal.publish(Goal.free())


class Echo(Node):
    """Answers each command with true poses, the same each time but for its stamp."""

    def __init__(self, **node_options):
        super().__init__('echo', **node_options)
        arm = Arm()
        chain = forward_kinematics(arm, arm.rest)
        self._answer = chain_messages.serialize_chain(chain, stamp=1)
        self._answers = self.create_publisher(PoseArray, topics.POSE_CHAIN, topics.STREAM)
        self.create_subscription(JointState, topics.JOINT_COMMAND, self._take, topics.STREAM)

    def _take(self, message: JointState) -> None:
        stamp = message_stamps.time_to_stamp(message.header.stamp)
        self._answers.publish(message_stamps.restamped(self._answer, stamp))


class Caller(Node):
    """Sends the next command as soon as the last one is answered, and not for older answers."""

    def __init__(self, **node_options):
        super().__init__('caller', **node_options)
        arm = Arm()
        self.answers = 0
        self._command = joint_messages.angles_to_joint_state(
            arm, 1, arm.rest, np.zeros(arm.rest.shape))
        self._stamp = 0  # [ns], of the latest command
        self._stopped = False
        self._commands = self.create_publisher(JointState, topics.JOINT_COMMAND, topics.STREAM)
        self.create_subscription(PoseArray, topics.POSE_CHAIN, self._take, topics.STREAM, raw=True)

    def call(self) -> None:
        """Send a command."""
        self._stamp += 1
        self._command.header.stamp = message_stamps.stamp_to_time(self._stamp)
        self._commands.publish(self._command)

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    def _take(self, data: bytes) -> None:
        if message_stamps.stamp_of(data) == self._stamp and not self._stopped:
            self.answers += 1
            self.call()


def measure(seconds: float = SECONDS, report: Callable[[str], None] = print) -> dict[str, Any]:
    """
    Measure rates of the loop and of the echo, each with its nodes in one process and one each.

    :param seconds: to measure each
    :return: round trips a second, by `loop` and `echo`, `one_process` and `processes`
    :raises FeedbackError: if the nodes don't come up
    """
    report(f'\nClosed loop through DDS, {Arm().dof} angles, each command answered by true poses '
           f'before the next\n  {"[1/s]":42}{"one process":>12}{"one each":>12}')
    result = {}
    for key, name, rate in (('loop', 'momentum descent, three nodes', loop_rate),
                            ('echo', 'bare echo of the same messages, two nodes', echo_rate)):
        result[key] = {'one_process': rate(False, seconds), 'processes': rate(True, seconds)}
        report(f'  {name:42}' + ''.join(f'{value:12.0f}' for value in result[key].values()))
    return result


def loop_rate(processes: bool, seconds: float) -> float:
    """Return iterations a second of the controller, answered by the simulator."""
    options = Options(namespace=NAMESPACE, processes=processes, settings=SETTINGS)
    with running(options, Watcher) as (spinner, watcher, _):
        _spin(spinner, lambda: watcher.counts, 'iteration')
        warm_at = watcher.counts[0][0] + _WARM_UP
        _spin(spinner, lambda: watcher.counts[-1][0] >= warm_at, 'report')
        start, before = watcher.counts[-1]
        _spin(spinner, lambda: watcher.counts[-1][0] > start + seconds - _JITTER, 'report')
        end, after = watcher.counts[-1]
        watcher.release()
        spin_for(spinner, _END_TIME)
    return (after - before) / (end - start)


def echo_rate(processes: bool, seconds: float) -> float:
    """Return round trips a second of a command and its answer."""
    with ros([]) as spinner, Children() as children, ExitStack() as stack:
        caller = stack.enter_context(spinner.added(Caller(namespace=NAMESPACE)))
        if processes:
            children.start('echo', __name__)
        else:
            stack.enter_context(spinner.added(Echo(namespace=NAMESPACE)))
        _begin(spinner, caller)
        spin_for(spinner, _WARM_UP)
        start, before = time.monotonic(), caller.answers
        spin_for(spinner, seconds)
        rate = (caller.answers - before) / (time.monotonic() - start)
        caller.stop()
        spin_for(spinner, _END_TIME)
        return rate


def _begin(spinner: Spinner, caller: Caller) -> None:
    """Send the first command until it is answered: early ones get lost."""
    deadline = time.monotonic() + _START_TIME
    while not caller.answers:
        if time.monotonic() > deadline:
            raise FeedbackError(f'no answer came within {_START_TIME:g} s')
        caller.call()
        spin_for(spinner, _ANSWER_TIME, lambda: caller.answers)


def _spin(spinner: Spinner, until: Callable[[], Any], what: str) -> None:
    spin_for(spinner, _START_TIME, until)
    if not until():
        raise FeedbackError(f'no {what} of the controller came within {_START_TIME:g} s')


def spin_for(spinner: Spinner, seconds: float, until: Callable[[], Any] = lambda: False
             ) -> None:
    """Serve nodes for a time [s], or until something holds."""
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        spinner.spin_once(timeout_sec=min(end - time.monotonic(), 0.1))


def main(args: list[str] | None = None) -> int:
    """Run the echo in a process of its own."""
    return run(lambda: Echo(namespace=NAMESPACE), args)
