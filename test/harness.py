# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of the nodes share: nodes as processes, their observer, and an arm that errs."""

from contextlib import contextmanager
from dataclasses import replace
import math
import subprocess
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PointStamped, PoseArray, PoseStamped
from guard import Contract, Guard
import numpy as np
from patience import PATIENCE
from rcl_interfaces.msg import Parameter as ParameterMessage, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.arm.tracker import Tracker
from snake_arm_control.ros import (
    chain_messages,
    goal_messages,
    joint_messages,
    message_stamps,
    topics,
)
from snake_arm_control.ros.diagnostics import status_of
from snake_arm_control.ros.running import EventsExecutor

ARM = Arm()
EVERYTHING = QoSProfile(depth=10_000)
# Nodes share a busy machine: joint states may wait there until the controller has its turn.
CONTRACT = Contract(reaction=0.1)


def snake_arm(*arguments):
    """Return the command line of snake-arm, run as the same Python."""
    return (sys.executable, '-c',
            'import sys; from snake_arm_control.cli import main; sys.exit(main(sys.argv[1:]))',
            *arguments)


@contextmanager
def running(*arguments):
    """Run `snake-arm up`; what it has printed is the child's `output` thereafter."""
    child = subprocess.Popen(snake_arm('up', *arguments), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    try:
        yield child
    finally:
        child.terminate()
        if not child.stdout.closed:
            child.output, _ = child.communicate(timeout=PATIENCE)


class Observer:
    """Receives everything that the nodes of one arm publish; a guard checks the commands."""

    def __init__(self, namespace='', contract=CONTRACT):
        self.node = rclpy.create_node('observer', namespace=namespace)
        self.guard = Guard(ARM, contract)
        self.executor = EventsExecutor()  # another would fall behind
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
                                (String, topics.GOAL_YAML),
                                (PoseStamped, topics.GOAL_POSE),
                                (PointStamped, topics.CLICKED_POINT))}
        self.prefix = self.node.get_namespace().rstrip('/')
        self.watch = Watch(self.node, self.guard)
        self.watch.subscribe()

    def now(self):
        """Return the present of the node's clock [ns]."""
        return self.node.get_clock().now().nanoseconds

    def _setter(self, name):
        return lambda message: setattr(self, name, message)

    def _take_diagnostics(self, message):
        for status in message.status:
            self.diagnostics[status.name] = status
            self._diagnosed[status.name] = message_stamps.time_to_stamp(message.header.stamp)

    def wait(self, condition, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, (
                f'waited {timeout} s in vain for {what}; {self.summary()}')
            self.executor.spin_once(timeout_sec=0.05)

    def summary(self):
        """Return what the controller reported last."""
        return ', '.join(f'{pair.key}: {pair.value}' for status in self.diagnostics.values()
                         if status.name.endswith('/controller') for pair in status.values)

    def catch_up(self, name='controller'):
        """Wait until a node reports anew: what was sent to it before it has taken then."""
        now = self.now()
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
        chain = chain_messages.deserialize_chain(self.chain, base=ARM.base)[1]
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
        self.publish(topics.GOAL, goal_messages.goal_to_message(goal))

    def call(self, kind, service, request, timeout=PATIENCE):
        client = self.node.create_client(kind, service)
        self.wait(client.service_is_ready, service)
        future = client.call_async(request)
        try:
            self.wait(future.done, f'an answer of {service}', timeout)
        finally:
            self.node.destroy_client(client)
        return future.result()

    def set_parameter(self, node, name, value, timeout=PATIENCE):
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
def observing(namespace='', contract=CONTRACT):
    """Observe the nodes of a namespace; at the end, each command must have kept the contract."""
    observer = Observer(namespace, contract)
    try:
        yield observer
        observer.watch.judge()
        observer.guard.finish()
        assert not observer.guard.violations, '\n'.join(observer.guard.violations)
    finally:
        observer.close()


def settled(observer):
    """Wait until no command comes any more."""
    count = -1
    while count != len(observer.commands):
        count = len(observer.commands)
        observer.listen(0.3)


def assert_held(observer):
    """Assert that the arm brakes, and that then nothing more is commanded."""
    observer.wait(lambda: not observer.commands or not any(observer.commands[-1].velocity),
                  'the end of the brake')
    settled(observer)
    held = len(observer.commands)
    observer.catch_up()
    observer.listen(0.3)
    assert len(observer.commands) == held


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


class Watch:
    """
    Lets a `guard.Guard` see the messages of an arm, from topics or from whoever has them.

    The diagnostics of the controller say which command was its latest new start. What comes from
    topics is kept until `judge` is called: an arm in the same process must not wait for that.
    """

    def __init__(self, node, guard):
        self.node, self.guard = node, guard
        self._places = {name: i for i, name in enumerate(guard.arm.joint_names)}
        self._controller = node.get_namespace().rstrip('/') + '/controller'
        self._kept = []  # what takes a message, and the message

    def subscribe(self):
        """Keep what is published on the topics, reliably, so that nothing gets lost."""
        for kind, topic, take in (
                (JointState, topics.JOINT_COMMAND, self.take_command),
                (JointState, topics.JOINT_STATES, self.take_states),
                (DiagnosticArray, topics.DIAGNOSTICS, self.take_diagnostics)):
            self.node.create_subscription(
                kind, topic, lambda message, take=take: self.keep(take, message), EVERYTHING)

    def keep(self, take, message):
        """Keep a message for the method that takes it."""
        self._kept.append((take, message))

    def judge(self):
        """Let the guard see what was kept."""
        kept, self._kept = self._kept, []
        for take, message in sorted(kept, key=lambda each: each[0] != self.take_diagnostics):
            take(message)  # marks come first: what is slow to arrive is as good

    def take_diagnostics(self, message):
        """Mark the latest new start of the controller."""
        status = status_of(self._controller, message)
        if status is not None:
            self.guard.take_start(int(status.details['latest start [ns]']))

    def take_command(self, message):
        """Take a command; one that does not name all joints in order has no form."""
        shape = self.guard.arm.rest.shape
        if tuple(message.name) != self.guard.arm.joint_names:
            shape = None
        positions, velocities = (
            np.reshape(numbers, shape) if shape and len(numbers) == self.guard.arm.dof
            else np.array(numbers) for numbers in (message.position, message.velocity))
        self.guard.take_command(message_stamps.time_to_stamp(message.header.stamp), positions,
                                velocities if velocities.size else None)

    def take_states(self, message):
        """
        Take joint states of some joints in any order; strangers among them are passed over.

        So are messages that name a joint twice, which nobody believes.
        """
        if len(set(message.name)) < len(message.name):
            return
        angles = np.full(self.guard.arm.rest.shape, np.nan)
        for name, position in zip(message.name, message.position):
            if name in self._places:
                angles.flat[self._places[name]] = position
        if not np.isnan(angles).all():
            self.guard.take_states(message_stamps.time_to_stamp(message.header.stamp), angles)


class SimulatedClock:
    """
    Publishes a clock.

    :ivar stamp: what it shows [ns]; may be set
    :ivar rate: at which it runs; 0 pauses it
    """

    def __init__(self, node, stamp=7200 * 10**9, rate=1.0):
        self.stamp, self.rate = stamp, rate
        self._ticked_at = time.monotonic()
        self._publisher = node.create_publisher(Clock, '/clock', 10)
        node.create_timer(0.004, self._tick)

    def _tick(self):
        now = time.monotonic()
        self.stamp += round(1e9 * self.rate * (now - self._ticked_at))
        self._ticked_at = now
        self._publisher.publish(Clock(clock=message_stamps.stamp_to_time(self.stamp)))


class ErringArm:
    """
    An arm in this process, and its tracker, that do and say what a test makes them.

    Joint states and the pose chain are measured at the same moment, by the clock.

    :param clock: returns the present [ns]; that of the observer's node if None
    :ivar fault: takes stamp [ns] and chain, returns serialized messages; None: all is well
    :ivar states_fault: takes joint states, returns those to publish; None: all is well
    """

    def __init__(self, observer, settings=SimulationSettings(), start=None, clock=None,
                 qos=topics.STREAM, fault=None, states_fault=None):
        self.observer, self.clock, self._settings = observer, clock or observer.now, settings
        self.arm, self.tracker = SimulatedArm(ARM, settings, start), Tracker(settings)
        self.fault, self.states_fault = fault, states_fault
        node = observer.node
        self._is_heard = qos.reliability is ReliabilityPolicy.RELIABLE  # by the observer's watch
        self._states = node.create_publisher(JointState, topics.JOINT_STATES, qos)
        self._chains = node.create_publisher(PoseArray, topics.POSE_CHAIN, qos)
        node.create_subscription(JointState, topics.JOINT_COMMAND, self._follow, 1, raw=True)
        node.create_timer(0.01, self._measure)

    def change(self, **settings):
        """Change settings of the arm and its tracker."""
        self.arm.settings = self.tracker.settings = replace(self.arm.settings, **settings)

    def heal(self):
        """Let all be well."""
        self.fault = self.states_fault = None
        self.arm.settings = self.tracker.settings = self._settings
        self.stop(False)

    def stop(self, stopped=True):
        """Stop the arm where it is, or release it."""
        self.arm.advance(1e-9 * self.clock())
        self.arm.stop(stopped)

    def push(self, delta):
        """Move the joints by angles [rad] from outside; an arm that is driven moves back."""
        self.arm.push(delta)

    def _follow(self, data):
        self.arm.command(joint_messages.deserialize_joint_state(ARM, data)[1], 1e-9 * self.clock())

    def _measure(self):
        stamp = self.clock()
        self.arm.advance(1e-9 * stamp)
        message = joint_messages.angles_to_joint_state(ARM, stamp, self.arm.angles)
        for reported in [message] if self.states_fault is None else self.states_fault(message):
            self._states.publish(reported)
            if not self._is_heard:
                self.observer.watch.keep(self.observer.watch.take_states, reported)
        self.tracker.observe(1e-9 * stamp, self.arm.true_chain(), stamp)
        for measured, chain in self.tracker.arrived(1e-9 * stamp):
            for data in (self.fault(measured, chain) if self.fault
                         else [chain_messages.serialize_chain(chain, measured)]):
                self._chains.publish(data)

    def errors(self, goal):
        """Return position error [m] and axis error [rad] of the arm itself."""
        chain = self.arm.true_chain()
        return goal.position_error(chain), goal.axis_error(chain)

    def is_at(self, goal):
        """Return whether the arm itself is at a goal."""
        position_error, axis_error = self.errors(goal)
        return position_error <= 1e-3 and axis_error <= math.radians(1.0)


@contextmanager
def erring(namespace, *options, contract=CONTRACT, **arm):
    """Run the nodes of a namespace for an `ErringArm`, once the controller has its model."""
    with (running('--namespace', namespace, '--no-simulator', *options) as child,
          observing(namespace, contract) as observer):
        erring_arm = ErringArm(observer, **arm)
        erring_arm.child = child
        observer.wait(lambda: observer.state() not in ('', 'NO_MODEL'), 'the controller')
        yield erring_arm


def begin(arm, goal):
    """Let all be well with an `ErringArm`, bring it to rest, and let it set out for a goal."""
    observer = arm.observer
    arm.heal()
    assert observer.call(Trigger, 'controller/reset', Trigger.Request()).success
    observer.catch_up()
    observer.wait(lambda: observer.state() == 'IDLE', 'the arm at rest')
    settled(observer)
    observer.watch.judge()
    observer.commands.clear()
    observer.publish_goal(goal)
    observer.wait(lambda: len(observer.commands) > 10, 'commands')
