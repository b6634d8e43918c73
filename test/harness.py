# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of the nodes share: nodes as processes, their observer, and an arm that errs."""

from bisect import bisect_right
from contextlib import contextmanager
import math
import subprocess
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped, PoseArray, PoseStamped
import numpy as np
from rcl_interfaces.msg import Parameter as ParameterMessage, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String
from visualization_msgs.msg import MarkerArray

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.ros import conversions, topics

ARM = Arm()
EVERYTHING = QoSProfile(depth=10_000)
MAX_STEP = InverseSettings().max_step  # [rad]
CLOCK_SLACK = 0.02  # [s], a process may be stopped between taking its two clocks
ROUNDING = 1e-12  # [rad]


def snake_arm(*arguments):
    """Return the command line of snake-arm, run as the same Python."""
    return (sys.executable, '-c',
            'import sys; from snake_arm_control.cli import main; sys.exit(main(sys.argv[1:]))',
            *arguments)


@contextmanager
def running(*arguments):
    child = subprocess.Popen(snake_arm('up', *arguments), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    try:
        yield child
    finally:
        child.terminate()
        child.communicate(timeout=20)


class Observer:
    """Receives everything that the nodes of one arm publish."""

    def __init__(self, namespace=''):
        self.node = rclpy.create_node('observer', namespace=namespace)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.commands, self.chain, self.predicted = [], None, None
        self.description, self.markers, self.diagnostics = None, None, {}
        self._diagnosed = {}  # [ns], when, by the name of the node
        for kind, topic, qos, take in (
                (JointState, topics.JOINT_COMMAND, EVERYTHING, self.commands.append),
                (String, topics.ROBOT_DESCRIPTION, topics.LATCHED, self._setter('description')),
                (MarkerArray, topics.MARKERS, topics.LATCHED, self._setter('markers')),
                (DiagnosticArray, topics.DIAGNOSTICS, 100, self._take_diagnostics)):
            self.node.create_subscription(kind, topic, take, qos)
        for topic, name in ((topics.POSE_CHAIN, 'chain'),
                            (topics.PREDICTED_POSE_CHAIN, 'predicted')):
            self.node.create_subscription(PoseArray, topic, self._setter(name), 10, raw=True)
        self.publishers = {
            topic: self.node.create_publisher(kind, topic, 10)
            for kind, topic in ((Float64MultiArray, topics.GOAL),
                                (PoseStamped, topics.GOAL_POSE),
                                (PointStamped, topics.CLICKED_POINT))}
        self.prefix = self.node.get_namespace().rstrip('/')

    def _setter(self, name):
        return lambda message: setattr(self, name, message)

    def _take_diagnostics(self, message):
        for status in message.status:
            self.diagnostics[status.name] = status
            self._diagnosed[status.name] = conversions.time_to_stamp(message.header.stamp)

    def wait(self, condition, what, timeout=20.0):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f'waited {timeout} s in vain for {what}'
            self.executor.spin_once(timeout_sec=0.05)

    def catch_up(self, name='controller'):
        """Wait until a node reports anew: what was sent to it before it has taken then."""
        now = self.node.get_clock().now().nanoseconds
        self.wait(lambda: self._diagnosed.get(f'{self.prefix}/{name}', 0) > now, f'{name} again')

    def listen(self, duration):
        end = time.monotonic() + duration
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def state(self):
        """Return the code of what the controller does, empty if it is not seen."""
        return self.detail('state') if f'{self.prefix}/controller' in self.diagnostics else ''

    def detail(self, key, name='controller'):
        status = self.diagnostics[f'{self.prefix}/{name}']
        return next(value.value for value in status.values if value.key == key)

    def errors(self, goal):
        if self.chain is None:
            return math.inf, math.inf
        chain = conversions.deserialize_chain(self.chain)[1]
        return goal.position_error(chain), goal.axis_error(chain)

    def is_at(self, goal):
        position_error, axis_error = self.errors(goal)
        return position_error <= 1e-3 and axis_error <= math.radians(1.0)

    def publish(self, topic, message):
        publisher = self.publishers[topic]
        self.wait(lambda: publisher.get_subscription_count() >= len(
            self.node.get_subscriptions_info_by_topic(publisher.topic_name)) > 0,
            f'the subscribers of {topic}')
        publisher.publish(message)

    def publish_goal(self, goal):
        self.publish(topics.GOAL, conversions.goal_to_message(goal))

    def call(self, kind, service, request, timeout=20.0):
        client = self.node.create_client(kind, service)
        self.wait(client.service_is_ready, service)
        future = client.call_async(request)
        try:
            self.wait(future.done, f'an answer of {service}', timeout)
        finally:
            self.node.destroy_client(client)
        return future.result()

    def set_parameter(self, node, name, value, timeout=20.0):
        kind = {bool: (ParameterType.PARAMETER_BOOL, 'bool_value'),
                float: (ParameterType.PARAMETER_DOUBLE, 'double_value'),
                int: (ParameterType.PARAMETER_INTEGER, 'integer_value'),
                str: (ParameterType.PARAMETER_STRING, 'string_value')}[type(value)]
        message = ParameterMessage(
            name=name, value=ParameterValue(type=kind[0], **{kind[1]: value}))
        answer = self.call(SetParameters, f'{node}/set_parameters',
                           SetParameters.Request(parameters=[message]), timeout)
        return answer.results[0]

    def get_parameter(self, node, name):
        answer = self.call(GetParameters, f'{node}/get_parameters',
                           GetParameters.Request(names=[name]))
        return answer.values[0]

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


@contextmanager
def observing(namespace=''):
    observer = Observer(namespace)
    try:
        yield observer
    finally:
        observer.close()


def settled(observer):
    """Wait until no command comes any more."""
    count = -1
    while count != len(observer.commands):
        count = len(observer.commands)
        observer.listen(0.3)


def assert_held(observer):
    """Assert that from now on the last command is repeated now and then, and no other is sent."""
    now = observer.node.get_clock().now().nanoseconds

    def since():  # by their stamps: what was sent before may be received after
        return bisect_right(observer.commands, now, key=lambda command:
                            conversions.time_to_stamp(command.header.stamp))

    observer.wait(lambda: since() < len(observer.commands), 'the last command again')
    last, *repeated = observer.commands[since() - 1:]
    assert all(command.position == last.position for command in repeated)


@contextmanager
def node_process(name, namespace='', *ros_arguments):
    """Run a node of the package as a process of its own, killed at the end."""
    code = f'import sys; from snake_arm_control.nodes.{name} import main; sys.exit(main())'
    child = subprocess.Popen((sys.executable, '-c', code, '--ros-args',
                              '-r', f'__ns:=/{namespace}', *ros_arguments))
    try:
        yield child
    finally:
        child.kill()
        child.wait()


class Guard:
    """
    Checks of each command whether it may be sent, whatever came before.

    Finite, within the limits, and at most a step and the velocity limit away from the command
    before, or from where the arm stood when it was sent: a controller may go on from there.
    """

    def __init__(self, arm=ARM, max_step=MAX_STEP):
        self.arm, self.max_step = arm, max_step
        self.checked, self.violations = 0, []
        self._before = None  # positions, stamp [ns]
        self._states = None  # positions
        self._leaps = []  # positions, stamp [ns], those before, largest step [rad] from there

    def take_states(self, message):
        """
        Take the joint states, in their order but maybe later than commands that followed.

        Those next to a command on either side count for it: the controller may have heard of an
        arm that was started anew before we do.
        """
        stamp, now = conversions.time_to_stamp(message.header.stamp), np.array(message.position)
        while self._leaps and stamp > self._leaps[0][1]:
            positions, sent, before, allowed = self._leaps.pop(0)
            stood = now if self._states is None else self._states
            if np.abs(positions - now).max() < np.abs(positions - stood).max():
                stood = now
            steps = np.abs(positions - stood)
            if steps.max() > allowed:
                j = int(steps.argmax())
                self.violations.append(
                    f'{self.arm.joint_names[j]} is commanded to {positions[j]:.4f} rad, '
                    f'{1e-9 * (sent - before[1]):.4f} s before it was to {before[0][j]:.4f}, it '
                    f'stood at {stood[j]:.4f}; {allowed:.4f} are allowed')
        self._states = now

    def check(self, message):
        """Check a command."""
        self.checked += 1
        positions, velocities = np.array(message.position), np.array(message.velocity)
        stamp = conversions.time_to_stamp(message.header.stamp)
        if tuple(message.name) != self.arm.joint_names or len(positions) != self.arm.dof:
            self.violations.append(f'{len(positions)} positions of {len(message.name)} joints')
            return
        if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
            self.violations.append('not finite')
        elif (np.abs(positions).max() > self.arm.angle_limit
                or np.abs(velocities).max() > self.arm.velocity_limit):
            self.violations.append('beyond a limit')
        if self._before is not None:
            before, before_stamp = self._before
            elapsed = (stamp - before_stamp) * 1e-9
            allowed = self.max_step + ROUNDING
            if elapsed >= 0.0:  # else the clock was set back
                allowed = min(allowed, self.arm.velocity_limit * (elapsed + CLOCK_SLACK))
            if np.abs(positions - before).max() > allowed:
                self._leaps.append((positions, stamp, self._before, allowed))
        self._before = positions, stamp


class Watch:
    """
    Lets a `guard.Guard` see the messages of an arm, from topics or from whoever has them.

    What marks a new start is up to the caller, who calls `mark` then.
    """

    def __init__(self, node, guard):
        self.node, self.guard = node, guard
        self._places = {name: i for i, name in enumerate(guard.arm.joint_names)}

    def subscribe(self):
        """Take what is published on the topics."""
        for topic, take in ((topics.JOINT_COMMAND, self.take_command),
                            (topics.JOINT_STATES, self.take_states)):
            self.node.create_subscription(JointState, topic, take, EVERYTHING)

    def mark(self):
        """Mark a new start at the present of the node's clock."""
        self.guard.take_start(self.node.get_clock().now().nanoseconds)

    def take_command(self, message):
        """Take a command; one that does not name all joints in order has no form."""
        shape = self.guard.arm.rest.shape
        if tuple(message.name) != self.guard.arm.joint_names:
            shape = None
        positions, velocities = (
            np.reshape(numbers, shape) if shape and len(numbers) == self.guard.arm.dof
            else np.array(numbers) for numbers in (message.position, message.velocity))
        self.guard.take_command(conversions.time_to_stamp(message.header.stamp), positions,
                                velocities if velocities.size else None)

    def take_states(self, message):
        """Take joint states of some joints in any order; strangers among them are passed over."""
        angles = np.full(self.guard.arm.rest.shape, np.nan)
        for name, position in zip(message.name, message.position):
            if name in self._places:
                angles.flat[self._places[name]] = position
        if not np.isnan(angles).all():
            self.guard.take_states(conversions.time_to_stamp(message.header.stamp), angles)


class ErringArm:
    """
    An arm that follows commands, in this process, and reports of it what a test makes it report.

    :param start: angles (joints, axes) [rad], the arm's rest pose if None
    """

    def __init__(self, observer, arm=ARM, start=None):
        self.observer, self.arm = observer, SimulatedArm(arm, start=start)
        self.guard = Guard(arm)
        self._stamp = 0  # [ns], of the latest command, which its pose chains answer
        self.fault = None  # takes (stamp, chain), returns serialized messages; None: all is well
        self.states_fault = None  # takes joint states, returns those to publish
        node = observer.node
        self._states = node.create_publisher(JointState, topics.JOINT_STATES, topics.STREAM)
        self.chains = node.create_publisher(PoseArray, topics.POSE_CHAIN, topics.STREAM)
        node.create_subscription(JointState, topics.JOINT_COMMAND, self._follow, EVERYTHING)
        node.create_timer(0.02, self._report)

    def _follow(self, message):
        self.guard.check(message)
        positions = conversions.joint_state_to_angles(self.arm.arm, message)
        self.arm.command(positions, time.monotonic())
        self._stamp = conversions.time_to_stamp(message.header.stamp)
        self._report()

    def _report(self):
        self.arm.advance(time.monotonic())
        message = conversions.angles_to_joint_state(
            self.arm.arm, self.observer.node.get_clock().now().nanoseconds, self.arm.angles)
        self.guard.take_states(message)
        for each in [message] if self.states_fault is None else self.states_fault(message):
            self._states.publish(each)
        chain = self.arm.true_chain()
        for data in (self.fault(self._stamp, chain) if self.fault
                     else [conversions.serialize_chain(chain, self._stamp)]):
            self.chains.publish(data)

    def errors(self, goal):
        """Return position error [m] and axis error [rad] of the arm itself."""
        chain = self.arm.true_chain()
        return goal.position_error(chain), goal.axis_error(chain)

    def is_at(self, goal):
        """Return whether the arm itself is at a goal."""
        position_error, axis_error = self.errors(goal)
        return position_error <= 1e-3 and axis_error <= math.radians(1.0)
