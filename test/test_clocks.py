# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The nodes by a simulated clock that is slow, paused, set back, set ahead, or not there.

The arm and its clock are played by this process. Every command keeps the contract of motion by the
simulated clock.
"""

from contextlib import contextmanager
import time

from harness import ErringArm, node_process, observing, SimulatedClock
import numpy as np
import pytest

from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import message_stamps
from snake_arm_control.ros.diagnostics import NO_CLOCK

pytestmark = pytest.mark.usefixtures('ros')

HERE = Goal.tool(position=(0.4, -0.3, 0.5), up=(0.0, 0.0, 1.0))
THERE = Goal.tool(position=(-0.3, 0.3, 0.6))
SECOND = 10**9  # [ns]
HOUR = 3600 * SECOND


@contextmanager
def simulated(namespace, rate=1.0):
    """Run the nodes of an arm that lives by a simulated clock."""
    with (node_process('forward_model', namespace, '-p', 'use_sim_time:=true'),
          node_process('controller', namespace, '-p', 'use_sim_time:=true'),
          observing(namespace) as observer):
        clock = SimulatedClock(observer.node, rate=rate)
        arm = ErringArm(observer, clock=lambda: clock.stamp)
        observer.wait(lambda: observer.state() == 'IDLE', 'the controller')
        observer.publish_goal(HERE)
        observer.wait(lambda: len(observer.commands) > 10, 'commands')
        yield arm, clock


def assert_goes_on(arm):
    """Assert that the goal is reached, and the next one."""
    observer = arm.observer
    observer.wait(lambda: arm.is_at(HERE), 'the goal')
    observer.publish_goal(THERE)
    observer.wait(lambda: arm.is_at(THERE), 'the next goal')


def stamps(arm):
    """Return the stamps of the commands [ns]."""
    return np.array([message_stamps.time_to_stamp(command.header.stamp)
                     for command in arm.observer.commands])


def test_at_a_tenth_of_real_time_the_arm_keeps_its_limits_in_simulated_time():
    """It takes as long as ever by the simulated clock, hence ten times as long in real time."""
    with simulated('tenth', rate=0.1) as (arm, clock):
        began_at, real_began_at = clock.stamp, time.monotonic()
        arm.observer.wait(lambda: arm.is_at(HERE), 'the goal')
        assert clock.stamp - began_at < 5 * SECOND < 1e9 * (time.monotonic() - real_began_at)


def test_while_the_clock_is_paused_nothing_is_commanded():
    """It may be for long; then the arm goes on."""
    with simulated('paused') as (arm, clock):
        clock.rate = 0.0
        arm.observer.wait(lambda: arm.observer.state() == 'NO_FEEDBACK', 'the hold')
        sent = len(arm.observer.commands)
        arm.observer.listen(0.5)
        assert len(arm.observer.commands) == sent
        assert not arm.is_at(HERE)
        clock.rate = 1.0
        assert_goes_on(arm)


@pytest.mark.parametrize('jump', (-HOUR, -SECOND // 2, SECOND // 5, HOUR),
                         ids=('an hour back', 'half a second back', 'a bit ahead',
                              'an hour ahead'))
def test_a_clock_that_jumps_is_followed(jump):
    """In motion, and again at rest; a stamp goes back only if the clock did, by much."""
    with simulated('jump') as (arm, clock):
        for _ in range(2):
            clock.stamp += jump
            assert_goes_on(arm)
            arm.observer.publish_goal(HERE)
        assert (np.diff(stamps(arm)) < 0).sum() == (2 if jump == -HOUR else 0)


def test_without_a_clock_nothing_moves_and_each_node_says_why():
    with (node_process('forward_model', 'timeless', '-p', 'use_sim_time:=true'),
          node_process('controller', 'timeless', '-p', 'use_sim_time:=true'),
          node_process('simulator', 'timeless', '-p', 'use_sim_time:=true'),
          observing('timeless') as observer):
        observer.publish_goal(HERE)
        for name in ('controller', 'forward_model', 'simulator'):
            observer.wait(lambda name=name: NO_CLOCK in getattr(
                observer.diagnostics.get(f'/timeless/{name}'), 'message', ''), name)
        assert observer.commands == []
        SimulatedClock(observer.node)
        observer.wait(lambda: observer.is_at(HERE), 'the goal')
        assert NO_CLOCK not in observer.diagnostics['/timeless/controller'].message
