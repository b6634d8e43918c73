# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a running arm and does with it, between the page and the topics."""

from __future__ import annotations

from collections.abc import Iterable
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_shape import goal_shape, GoalShape
from snake_arm_control.control.loop import State
from snake_arm_control.experiments.scenarios import ALL, Scenario, scenario
from snake_arm_control.viewer.arm_view import ArmView, FRESH_TIME
from snake_arm_control.viewer.editor import GoalEditor
from snake_arm_control.viewer.history import History
from snake_arm_control.viewer.obstacles import Obstacles
from snake_arm_control.viewer.status import Facts, NodeStatus, Verdict, verdict

PLOT_SPAN, PLOT_PERIOD = 30.0, 0.2  # [s]
_REJECTION_SHOWN = 6.0  # [s]
_AHEAD, _BEYOND = 0.3, 0.2  # [arm lengths]


class Picture(NamedTuple):
    """One frame of what the page draws; arrays are those of the root's frame."""

    links: np.ndarray  # (links, 4, 4)
    chain: np.ndarray | None  # (joints, 9), where the arm is
    predicted: np.ndarray | None  # (joints, 9), as drawn, its error exaggerated
    asked: GoalShape | None  # what the controller pursues
    handle: np.ndarray  # (9,), of the selected joint
    look_point: np.ndarray | None  # (3,)
    model_error: tuple[float, float]  # [m], of the model at the tool, and the largest of all


class Session:
    """The goal that is edited, the experiment that plays, and the controller that pursues them."""

    def __init__(self, namespace: str):
        self.namespace = namespace
        self.view = ArmView()
        self.editor: GoalEditor | None = None
        self.obstacles = Obstacles()
        self.goal: Goal | None = None  # what the controller pursues
        self.playing: Scenario | None = None
        self.errors = History(3, PLOT_SPAN, PLOT_PERIOD)  # [mm], [degrees], [1/s]
        self._statuses: dict[str, tuple[float, NodeStatus]] = {}  # by node, and when [s]
        self._started_at: float | None = None
        self._played: Goal | None = None  # what was sent last for the experiment
        self._unsent = False
        self._rejected_at = -math.inf  # [s]
        self._lost_goal = False

    @property
    def holding(self) -> bool:
        """Whether the controller holds until it is let go on."""
        controller = self._status('controller')
        return controller is not None and any(map(controller.is_in, (
            State.HOLDING, State.WAITING_FOR_RELEASE)))

    # What the topics say.

    def describe(self, text: str) -> None:
        """Take the robot description; a bad one is remembered as what is wrong."""
        self.view.describe(text)
        joints = self.view.joints
        if joints and (self.editor is None or self.editor.joints != joints):
            self.editor = GoalEditor(joints)
            self.goal = self.playing = None

    def receive_goal(self, goal: Goal, is_own: bool = False) -> None:
        """
        Take the goal that the controller pursues from now on.

        :param is_own: whether it was sent from here; what is edited may have gone on since then
        """
        before, self.goal, self._lost_goal = self.goal, goal, False
        if not (is_own or goal == before or self.playing is not None or self._unsent):
            self.editor.adopt(goal, self.view.here())

    def receive_status(self, now: float, node: str, status: NodeStatus) -> None:
        """Take what a node reports of itself."""
        before = self._status(node)
        if node == 'controller' and before is not None:
            if status.number('rejected goals') > before.number('rejected goals'):
                self._rejected_at = now
            if status.number('iterations') < before.number('iterations'):  # another one
                self._lost_goal = self.goal is not None and not self.goal.is_free
                self.playing = None
        self._statuses[node] = now, status

    # What a person does.

    def edit(self, change: str, *arguments) -> None:
        """Let the editor make a change, by its name, and send the goal that it makes."""
        if self.editor is None:
            return
        self.playing = None
        getattr(self.editor, change)(*arguments, *self._where(change))
        self._unsent = True

    def _where(self, change: str) -> tuple:
        if change in ('care', 'move', 'put', 'look_at'):
            return (self.view.here()[self.editor.selected - 1],)
        if change == 'write':
            return (self.view.here(),)
        return ()

    def select(self, joint: int) -> None:
        """Edit the goal of another joint."""
        if self.editor is not None:
            self.editor.select(joint)

    def send(self) -> None:
        """Ask for the goal that is shown, once more."""
        self._unsent, self._lost_goal = self.editor is not None, False

    def play(self, name: str) -> None:
        """
        Start an experiment, with the next frame; what is in its way replaces that of another.

        :raises GoalError: if there is none of that name, or the arm has too few joints
        """
        if self.view.body is not None:
            chosen = scenario(name)
            arm = self.view.body.arm
            chosen.goal_at(arm, 0.0)
            self.obstacles.replace(chosen.scene_of(arm).shapes if chosen.scene_of else ())
            self.playing, self._started_at, self._played = chosen, None, None

    def add_obstacle(self, kind: str) -> None:
        """Add a ball, a box or a column beyond the selected joint, away from the base."""
        if self.view.body is None:
            return
        size = self.view.body.arm.length
        place = self.view.here()[self.editor.selected - 1, pose.POSITION].copy()
        across = float(np.hypot(place[0], place[1]))
        outward = place[:2] / across if across > 0.0 else np.array((1.0, 0.0))
        place[:2] += _BEYOND * size * outward
        self.obstacles.add(kind, place, size)

    def stop(self) -> None:
        """Let the experiment end; the arm stays at the goal of this moment."""
        self.playing = None

    # What follows from both.

    def point_ahead(self) -> np.ndarray:
        """Return a point (3,) in front of the selected joint, for it to look at."""
        shown = self.editor.shown(self.view.here()[self.editor.selected - 1])
        return shown[pose.POSITION] + _AHEAD * self.view.body.arm.length * shown[pose.FORWARD]

    def outgoing(self, now: float) -> Goal | None:
        """Return the goal that is to be published now, if any; ask at each frame."""
        if self.playing is not None:
            if self._started_at is None:
                self._started_at = now
            goal = self.playing.goal_at(self.view.body.arm, now - self._started_at)
            if goal == self._played:
                return None
            self._played = goal
            self.editor.adopt(goal, self.view.here())
        elif self._unsent:
            goal = self.editor.goal()
        else:
            return None
        self._unsent, self._lost_goal = False, False
        return goal

    def scenarios(self) -> Iterable[tuple[str, str, bool]]:
        """Return name, description and whether this arm can do it, of each experiment."""
        return [(each.name, each.description, self.view.joints >= each.least_joints)
                for each in ALL.values()]

    def summary(self) -> str:
        """Return the errors in words."""
        position_error, axis_error = self.goal_errors()
        asked = np.ones((1, 3), bool) if self.goal is None else self.goal.asked
        parts = []
        if asked[:, 0].any() and math.isfinite(position_error):
            parts.append(f'{position_error * 1e3:.2f} mm')
        if asked[:, 1:].any() and math.isfinite(axis_error):
            parts.append(f'{math.degrees(axis_error):.2f} degrees')
        return f'{" and ".join(parts)} from the goal' if parts else 'no goal'

    def goal_errors(self) -> tuple[float, float]:
        """Return position error [m] and axis error [rad] of the true poses; NaN if unknown."""
        chain, controller = self.view.true_chain, self._status('controller')
        if chain is not None and self.goal is not None:
            if self.goal.is_free:
                return math.nan, math.nan
            return float(self.goal.position_error(chain)), float(self.goal.axis_error(chain))
        if controller is None or controller.is_in(State.IDLE):
            return math.nan, math.nan
        return controller.number('position error [m]'), controller.number('axis error [rad]')

    def record(self, now: float) -> bool:
        """Add a row to the plots' history; return whether it is time to draw them anew."""
        position_error, axis_error = self.goal_errors()
        controller = self._status('controller', now)
        rate = controller.number('iterations per second') if controller else math.nan
        return self.errors.add(now, position_error * 1e3, math.degrees(axis_error), rate)

    def picture(self, now: float) -> Picture | None:
        """Return what is to be drawn now, None if there is no arm to draw."""
        view, editor = self.view, self.editor
        if view.body is None:
            return None
        here = view.here()
        asked = None if self.goal is None else goal_shape(self.goal, here)
        predicted, model_error = view.prediction(now)
        return Picture(view.links(now), view.measured(now), predicted, asked,
                       editor.shown(here[editor.selected - 1]), editor.look_point, model_error)

    def verdict(self, now: float) -> Verdict:
        """Return what is to be said on top of the page."""
        controller = self._status('controller', now)
        rejected = controller is not None and now - self._rejected_at < _REJECTION_SHOWN
        return verdict(Facts(
            self.namespace, self.view.body is not None, self.view.trouble, controller,
            self._status('forward_model', now), self.view.is_seen(now),
            controller.details.get('last rejected goal', '') if rejected else '',
            self._beyond_reach(), self._lost_goal))

    def _beyond_reach(self) -> float:
        """Return how far the goal of any joint is beyond what the segments up to it span [m]."""
        if self.goal is None or self.view.body is None or self.goal.is_free:
            return 0.0
        cared = self.goal.cared[:, pose.POSITION]
        asked = np.where(cared, self.goal.target[:, pose.POSITION], 0.0)
        distances = np.linalg.norm(asked, axis=1)
        reach = self.view.body.arm.reaches
        return float((distances - reach).max())

    def _status(self, node: str, now: float = -math.inf) -> NodeStatus | None:
        """Return what a node reported last, if that is not too long before a time [s]."""
        received_at, status = self._statuses.get(node, (-math.inf, None))
        return status if now - received_at < FRESH_TIME else None
