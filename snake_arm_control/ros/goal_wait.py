# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The service that answers when the goal is reached, or when it is known not to be."""

from __future__ import annotations

import math
from threading import Event, Thread
from typing import NamedTuple

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, State

_END_TIME = 1.0  # [s] in which the last answers leave


class _Waiting(NamedTuple):
    goal: Goal
    answer: Future  # (success, text)


class GoalWait:
    """
    Serves `wait` of a controller: any number of callers may wait at once.

    It has a node and a thread of its own. The controller's executor would turn over without pause
    as long as an answer is awaited, at the cost of half a core.
    """

    def __init__(self, controller: Node):
        self._goal: Goal | None = None  # which is pursued
        self._waiting: list[_Waiting] = []
        self._node = Node(f'_{controller.get_name()}_wait', context=controller.context,
                          namespace=controller.get_namespace(), use_global_arguments=False,
                          start_parameter_services=False, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=controller.context)
        self._executor.add_node(self._node)
        self._node.create_service(Trigger, f'{controller.get_fully_qualified_name()}/wait',
                                  self._wait, callback_group=ReentrantCallbackGroup())
        self._thread = Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer all who wait, and serve no more; again, do nothing."""
        if not self._thread.is_alive():
            return
        for waiting in self._waiting:
            waiting.answer.set_result((False, 'the controller has ended'))
        answered = Event()
        self._executor.create_task(answered.set)  # behind those that answer
        answered.wait(_END_TIME)
        self._executor.shutdown(timeout_sec=0.0)
        self._thread.join(_END_TIME)
        self._node.destroy_node()

    @property
    def callers(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def pursue(self, goal: Goal) -> None:
        """Take the goal that is pursued from now on, if need be as soon as there is a model."""
        self._goal = goal

    def update(self, loop: ControlLoop, now: float) -> None:
        """Answer those whose goal is reached at a time [s], or will not be."""
        for waiting in tuple(self._waiting):
            outcome = _outcome(waiting.goal, loop, now)
            if outcome is not None:
                self._waiting.remove(waiting)
                waiting.answer.set_result(outcome)
                self._executor.wake()  # it looks at its tasks only when something happens

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    async def _wait(self, _, response: Trigger.Response) -> Trigger.Response:
        goal = self._goal
        if goal is None or goal.is_free:
            response.success, response.message = False, 'there is no goal to wait for'
            return response
        waiting = _Waiting(goal, Future())
        self._waiting.append(waiting)
        answer = await waiting.answer
        assert answer is not None
        response.success, response.message = answer
        return response


def _outcome(goal: Goal, loop: ControlLoop, now: float) -> tuple[bool, str] | None:
    """Return what became of a goal, and whether it is reached; None if that is still open."""
    if loop.goal is not goal and loop.goal != goal:
        return False, ('the goal was dropped' if loop.goal.is_free else
                       'another goal is pursued now')
    state = loop.state(now)
    if state is State.REACHED:
        position_error, axis_error = loop.errors()
        return True, (f'reached: {1e3 * position_error:.2f} mm and '
                      f'{math.degrees(axis_error):.2f} degrees from the goal')
    if state in (State.STALLED, State.GOAL_TIMED_OUT):
        return False, state.value
    return None
