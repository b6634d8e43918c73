# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the service that waits for the goal."""

from dataclasses import replace
import time

import pytest
import rclpy
from rig import reachable, Rig
from std_srvs.srv import Trigger

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlSettings
from snake_arm_control.ros.goal_wait import GoalWait
from snake_arm_control.ros.running import ros


class Bench:
    """A loop that moves an arm, those who wait for its goal, and a client."""

    def __init__(self, spinner, node, settings=ControlSettings()):
        self.spinner, self.node = spinner, node
        self.rig, self.wait = Rig(settings=settings), GoalWait(node)
        self.client = node.create_client(Trigger, 'controller/wait')

    def pursue(self, goal):
        self.rig.loop.set_goal(goal)
        self.wait.pursue(goal)

    def ask(self):
        """Ask, and return the future answer once the question has arrived."""
        assert self.client.wait_for_service(10.0)
        answer, known = self.client.call_async(Trigger.Request()), self.wait.callers
        self.until(lambda: answer.done() or self.wait.callers > known)
        return answer

    def answer(self, future, ticks=3000):
        """Let the arm move until a question is answered."""
        for _ in range(ticks):
            if future.done():
                break
            self.rig.run(1)
            self.wait.update(self.rig.loop, self.rig.now)
            self.spinner.spin_once(0.0)
        self.until(future.done)
        return future.result()

    def until(self, condition):
        deadline = time.monotonic() + 30.0
        while not condition():
            assert time.monotonic() < deadline
            self.spinner.spin_once(0.01)


@pytest.fixture
def bench():
    with ros([]) as spinner:
        node = rclpy.create_node('controller')
        with spinner.added(node):
            bench = Bench(spinner, node)
            yield bench
            bench.wait.close()


def test_who_waits_is_answered_when_the_goal_is_reached(bench):
    bench.pursue(reachable())
    first, second = bench.ask(), bench.ask()
    assert not first.done()
    for future in first, second:
        answer = bench.answer(future)
        assert answer.success and answer.message.startswith('reached: 0.')
    assert bench.rig.errors(reachable())[0] <= 1e-3


def test_who_waits_for_a_reached_goal_is_answered_at_once(bench):
    bench.pursue(reachable())
    bench.answer(bench.ask())
    assert bench.answer(bench.ask(), ticks=1).success


def test_a_goal_that_came_before_the_model_is_waited_for(bench):
    bench.wait.pursue(reachable())
    future = bench.ask()
    assert not future.done()
    bench.rig.loop.set_goal(reachable())
    assert bench.answer(future).success


@pytest.mark.parametrize(('then', 'reason'), (
    (reachable(seed=1), 'another goal'), (Goal.free(10), 'the goal was dropped')))
def test_who_waits_is_answered_when_the_goal_is_pursued_no_longer(bench, then, reason):
    bench.pursue(reachable())
    future = bench.ask()
    bench.pursue(then)
    answer = bench.answer(future)
    assert not answer.success and reason in answer.message


def test_who_waits_for_a_goal_that_can_not_be_reached_is_answered_when_the_arm_stalls(bench):
    bench.rig.loop.settings = replace(bench.rig.loop.settings, restarts=0, stall_time=0.05)
    bench.pursue(Goal.tool(position=(2.0, 0.0, 0.0), joints=10))
    answer = bench.answer(bench.ask())
    assert not answer.success and answer.message.startswith('stalled')


def test_without_a_goal_there_is_nothing_to_wait_for(bench):
    answer = bench.answer(bench.ask())
    assert not answer.success and answer.message == 'there is no goal to wait for'


def test_the_same_goal_again_is_waited_for(bench):
    bench.pursue(reachable())
    future = bench.ask()
    bench.pursue(reachable())
    assert bench.answer(future).success


def test_who_waits_for_a_goal_that_times_out_is_answered(bench):
    bench.rig.loop.settings = replace(bench.rig.loop.settings, goal_timeout=0.05)
    bench.pursue(reachable())
    answer = bench.answer(bench.ask())
    assert not answer.success and 'has not been published again' in answer.message


def test_who_has_gone_away_keeps_nobody_waiting(bench):
    bench.pursue(reachable())
    bench.ask()
    bench.node.destroy_client(bench.client)
    bench.client = bench.node.create_client(Trigger, 'controller/wait')
    assert bench.answer(bench.ask()).success


def test_to_wait_costs_next_to_nothing(bench):
    """Less than a tenth of a core."""
    bench.pursue(reachable())
    futures = [bench.ask() for _ in range(10)]
    before = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - before < 0.1
    assert all(bench.answer(future).success for future in futures)


def test_all_who_wait_are_answered_when_the_controller_ends(bench):
    bench.pursue(reachable())
    futures = [bench.ask() for _ in range(3)]
    bench.wait.close()
    for future in futures:
        answer = bench.answer(future, ticks=0)
        assert not answer.success and answer.message == 'the controller has ended'
    bench.wait.close()  # does nothing
