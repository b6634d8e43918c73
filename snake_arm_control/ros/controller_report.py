# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a controller reports of itself."""

from __future__ import annotations

from dataclasses import dataclass
import math
import time

from rclpy.node import Node
from std_msgs.msg import String

from snake_arm_control.control.clearance import Contact
from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.errors import FeedbackError, SnakeArmError
from snake_arm_control.ros import topics
from snake_arm_control.ros.convergence import Convergence
from snake_arm_control.ros.diagnostics import Diagnostics, Level
from snake_arm_control.ros.joint_states import JointStates

NO_MODEL = 'NO_MODEL'  # the code of a controller that has no model, hence no loop and no `State`
_ALARMING = (State.NO_FEEDBACK, State.NOT_FOLLOWING, State.WAITING_FOR_RELEASE,
             State.GOAL_TIMED_OUT, State.SEARCHING, State.STALLED)
_AT_MARGIN = 1.5  # margins, the clearance of an arm that rests at something
_STEADY = 0.05  # [s] for which a state must last to be logged
_FLOOD_PERIOD = 0.2  # [s], lest a flood of bad messages fill the log folder's disk
_UNREADY = (None, State.WAITING, State.WAITING_FOR_CHAIN)


@dataclass
class Rejections:
    """How many messages of a kind were rejected, and the reason of the latest."""

    count: int = 0
    reason: str = ''
    at: float = -math.inf  # [s]

    def add(self, now: float, reason: str) -> None:
        """Count one that was rejected at a time [s]."""
        self.count, self.reason, self.at = self.count + 1, reason, now


class ControllerReport:
    """
    Publishes the state of a controller, as a code on a topic and with all else on /diagnostics.

    :param convergence: which counts the iterations
    :param joint_states: which know what is missing
    """

    def __init__(self, node: Node, convergence: Convergence, joint_states: JointStates):
        self.deadline_misses = 0
        self._node, self._convergence, self._joint_states = node, convergence, joint_states
        self._goals, self._obstacles = Rejections(), Rejections()
        self._feedback = {topics.JOINT_STATES: Rejections(), topics.POSE_CHAIN: Rejections()}
        self._fingerprint = ''  # of the model
        self._refused_weights = ''  # why the latest weights were
        self._loop: ControlLoop | None = None
        self._rejected_by_loop = self._new_starts = self._started_at = 0
        self._state: State | None = None  # and since when [s]
        self._since = -math.inf
        self._logged: State | None = None
        self._states = node.create_publisher(String, topics.STATE, topics.LATCHED)
        self._states.publish(String(data=NO_MODEL))
        self._diagnostics = Diagnostics(node, self._describe)

    def reject_goal(self, topic: str, error: SnakeArmError) -> None:
        """Report that a goal was rejected."""
        self._goals.add(time.monotonic(), f'{topic}: {error}')
        self._node.get_logger().error(f'goal on {topic} rejected: {error}; the goal before stays',
                                      throttle_duration_sec=_FLOOD_PERIOD)
        self._diagnostics.publish()

    def reject_obstacles(self, error: SnakeArmError) -> None:
        """Report that obstacles were rejected."""
        self._obstacles.add(time.monotonic(), str(error))
        self._node.get_logger().error(f'{error}; the obstacles before stay',
                                      throttle_duration_sec=_FLOOD_PERIOD)
        self._diagnostics.publish()

    def reject_feedback(self, topic: str, error: SnakeArmError) -> None:
        """Report that joint states or a pose chain were rejected."""
        self._feedback[topic].add(time.monotonic(), str(error))
        self._node.get_logger().warning(f'{topic} ignored: {error}', throttle_duration_sec=5.0)

    def refuse_weights(self, error: SnakeArmError) -> None:
        """Report that weights were refused."""
        self._refused_weights = str(error)
        self._node.get_logger().error(f'{error}; the weights before stay',
                                      throttle_duration_sec=_FLOOD_PERIOD)
        self._diagnostics.publish()

    def accept_weights(self, fingerprint: str) -> None:
        """Report that weights were accepted, by their fingerprint."""
        self._fingerprint, self._refused_weights = fingerprint, ''
        self._node.get_logger().info(f'controlling with the weights {fingerprint}')

    def update(self, loop: ControlLoop, now: float) -> None:
        """Report the state of a loop at a time [s] if it has changed."""
        self._loop, state = loop, loop.state(now)
        if loop.feedback.rejected > self._rejected_by_loop:
            self._feedback[topics.POSE_CHAIN].count += (
                loop.feedback.rejected - self._rejected_by_loop - 1)
            self._rejected_by_loop = loop.feedback.rejected
            self.reject_feedback(topics.POSE_CHAIN, FeedbackError(loop.feedback.reason))
        if loop.new_starts > self._new_starts:
            self._new_starts = loop.new_starts
            self._node.get_logger().warning('new start: the command is set back to where the arm '
                                            'is, for it was moved or does not follow')
        if loop.started_at != self._started_at:
            self._started_at = loop.started_at
            self._diagnostics.publish()
        if state is not self._state:
            self._state, self._since = state, now
            self._states.publish(String(data=state.name))
        # A goal that moves is reached and left many times a second.
        if state is self._logged or (state not in _ALARMING and self._logged is not None
                                     and now - self._since < _STEADY):
            return
        self._logged = state
        why = (_barrier(loop.contact, loop) if state is State.STALLED
               else loop.interruption or self._feedback_trouble(loop, now))
        text = f'{state.value}; {why}'.removesuffix('; ')
        if state in _ALARMING:
            self._node.get_logger().warning(text)
        else:
            self._node.get_logger().info(text)
        self._diagnostics.publish()

    def _feedback_trouble(self, loop: ControlLoop, now: float) -> str:
        """Return why there is no feedback, empty if there is."""
        why = loop.feedback_trouble(now)
        if loop.state(now) is State.WAITING:
            why = self._joint_states.trouble or why
        timeout = loop.settings.feedback_timeout
        missing = (topics.JOINT_STATES if now - loop.feedback.reported_at > timeout
                   else topics.POSE_CHAIN)
        latest = self._feedback[missing]
        if why and now - latest.at <= timeout and latest.reason not in why:
            why += f'; the latest was ignored: {latest.reason}'
        return why

    def _beyond(self, loop: ControlLoop) -> str:
        """Return which joint is furthest beyond its limits, empty if none is."""
        reported, arm = loop.following.reported, loop.arm
        if reported is None:
            return ''
        off = arm.flat(abs(reported - arm.clip(reported)))
        joint = int(off.argmax())
        if not off[joint]:
            return ''
        angle, lower, upper = (arm.flat(each)[joint] for each in (reported, arm.lower, arm.upper))
        text = (f'{arm.joint_names[joint]} is at {angle:.3f} rad, expected {lower:.3f} to '
                f'{upper:.3f} rad')
        self._node.get_logger().warning(f'{text}: a goal leads it back',
                                        throttle_duration_sec=10.0)
        return text

    def _describe(self) -> tuple[Level, str, dict[str, object]]:
        now, loop = time.monotonic(), self._loop
        state = loop.state(now) if loop else None
        others = self._node.count_publishers(topics.JOINT_COMMAND) - 1
        if others:
            self._node.get_logger().warning(
                f'{others} more publish {topics.JOINT_COMMAND}: is another controller running?',
                throttle_duration_sec=30.0)
        beyond, contact = (self._beyond(loop), loop.contact) if loop else ('', None)
        level = (Level.WARN if others or beyond or state in (*_UNREADY, *_ALARMING)
                 else Level.OK)
        summary = state.value if state else 'waiting for the forward model'
        if self._refused_weights:
            level, summary = Level.ERROR, f'{summary}; new weights were refused'
        position_error, axis_error = loop.errors() if loop else (math.nan, math.nan)
        return level, summary, {
            'state': state.name if state else NO_MODEL,
            'iterations': loop.iterations if loop else 0,
            'commands': loop.commands if loop else 0,
            'iterations per second': self._convergence.rate,
            'others that publish joint_command': others,
            'deadline misses': self.deadline_misses,
            'position error [m]': position_error, 'axis error [rad]': axis_error,
            'position tolerance [m]': loop.tolerances.position if loop else math.nan,
            'axis tolerance [rad]': loop.tolerances.axis if loop else math.nan,
            'feedback age [s]': loop.feedback_age(now) if loop else math.inf,
            'latency of the tracker [s]': loop.feedback.latency.value if loop else math.nan,
            'ahead of the arm [rad]': loop.largest_lead if loop else math.nan,
            'offset of the servos [rad]': (float(abs(loop.following.offset).max()) if loop
                                           else math.nan),
            'beyond the limits': beyond,
            'new starts': loop.new_starts if loop else 0,
            'latest start [ns]': loop.started_at if loop else 0,
            'interrupted by': loop.interruption if loop else '',
            'feedback trouble': self._feedback_trouble(loop, now) if loop else '',
            'clearance [m]': math.nan if contact is None else contact.clearance,
            'in the way': _barrier(contact, loop) if loop else '',
            'rejected obstacles': self._obstacles.count,
            'last rejected obstacle': self._obstacles.reason,
            'rejected goals': self._goals.count, 'last rejected goal': self._goals.reason,
            'rejected feedback': sum(each.count for each in self._feedback.values()),
            'last rejected feedback': max(self._feedback.values(),
                                          key=lambda each: each.at).reason,
            'model fingerprint': self._fingerprint,
            'refused weights': self._refused_weights}


def _barrier(contact: Contact | None, loop: ControlLoop) -> str:
    """Return what the arm rests at, empty if there is nothing."""
    if contact is None or contact.clearance > _AT_MARGIN * loop.margin:
        return ''
    return f'{contact.link} is {1e3 * contact.clearance:.1f} mm from {contact.other}'
