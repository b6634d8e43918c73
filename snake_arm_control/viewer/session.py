# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a running arm and does with it, between the page and the topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import math
from typing import NamedTuple

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.urdf_body import Body
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import State
from snake_arm_control.errors import DescriptionError
from snake_arm_control.experiments.scenarios import Scenario, scenario, SCENARIOS
from snake_arm_control.viewer.editor import GoalEditor
from snake_arm_control.viewer.history import History
from snake_arm_control.viewer.status import Facts, Said, Verdict, verdict

PLOT_SPAN, PLOT_PERIOD = 30.0, 0.2  # [s]
_FRESH = 2.0  # [s] after which what was said counts no more
_REJECTION_SHOWN = 6.0  # [s]
_AHEAD = 0.3  # [arm lengths]


class Picture(NamedTuple):
    """One frame of what the page draws; arrays are those of the root's frame."""

    links: np.ndarray  # (links, 4, 4)
    chain: np.ndarray | None  # (joints, 9), where the arm is
    predicted: np.ndarray | None  # (joints, 9), as drawn, its error exaggerated
    handle: np.ndarray | None  # (9,), of the selected joint
    look_point: np.ndarray | None  # (3,)
    model_error: tuple[float, float]  # [m], of the model at the tool, and the largest of all


class Asked(NamedTuple):
    """What the controller says that it is asked for, in the root's frame."""

    points: np.ndarray  # (p, 3)
    sizes: np.ndarray  # (p,) [m], diameters
    point_colours: np.ndarray  # (p, 3) [0..1]
    arrows: np.ndarray  # (a, 2, 3), from and to
    arrow_colours: np.ndarray  # (a, 3) [0..1]
    lines: np.ndarray  # (n, 2, 3), from and to
    line_colours: np.ndarray  # (n, 3) [0..1]


class Session:
    """The running arm as it was last heard, the goal that is edited, the experiment that plays."""

    def __init__(self, namespace: str):
        self.namespace = namespace
        self.body: Body | None = None
        self.editor: GoalEditor | None = None
        self.goal: Goal | None = None  # as it was last seen or sent
        self.playing: Scenario | None = None
        self.follow_measured = True  # draw the body where it is measured, not where its angles say
        self.exaggeration = 1.0
        self.errors = History(3, PLOT_SPAN, PLOT_PERIOD)  # [mm], [degrees], [1/s]
        self._trouble = ''
        self._angles: Mapping[str, float] | None = None
        self._chain: np.ndarray | None = None
        self._predicted: np.ndarray | None = None
        self._heard: dict[str, float] = {}  # when each was last heard [s]
        self._said: dict[str, Said] = {}
        self._started_at: float | None = None
        self._unsent = False
        self._rejections: float | None = None
        self._rejected_at = -math.inf
        self._lost_goal = False

    @property
    def holding(self) -> bool:
        """Whether the controller holds on request."""
        said = self._said.get('controller')
        return said is not None and said.state == State.HOLDING.value

    # What the topics say.

    def describe(self, text: str) -> None:
        """Take the robot description; a bad one is remembered as what is wrong."""
        try:
            body = Body(text)
            joints = body.arm.joints
        except DescriptionError as error:
            self._trouble = str(error)
            return
        self._trouble, self.body = '', body
        if self.editor is None or self.editor.joints != joints:
            self.editor = GoalEditor(joints)
            self.goal = self._chain = self._predicted = self.playing = None

    def hear_angles(self, now: float, angles: Mapping[str, float]) -> None:
        """Take the positions of the joints by name [rad]."""
        self._angles, self._heard['angles'] = angles, now

    def hear_chain(self, now: float, chain: np.ndarray) -> None:
        """Take the true poses (joints, 9)."""
        if self.editor is not None and len(chain) == self.editor.joints:
            self._chain, self._heard['chain'] = chain, now

    def hear_prediction(self, now: float, chain: np.ndarray) -> None:
        """Take the model's poses (joints, 9)."""
        if self.editor is not None and len(chain) == self.editor.joints:
            self._predicted, self._heard['predicted'] = chain, now

    def hear_goal(self, goal: Goal) -> None:
        """Take a goal that was seen on its way to the controller."""
        if goal == self.goal:
            return
        self.goal, self._lost_goal = goal, False
        if self.playing is None and not self._unsent:
            self.editor.adopt(goal, self.here())

    def hear_said(self, now: float, node: str, said: Said) -> None:
        """Take what a node says of itself."""
        if node == 'controller':
            self._notice(now, self._said.get(node), said)
        self._said[node], self._heard[node] = said, now

    def _notice(self, now: float, before: Said | None, said: Said) -> None:
        """See in what the controller says whether it rejected a goal, or has forgotten ours."""
        rejections = said.number('rejected goals')
        if self._rejections is not None and rejections > self._rejections:
            self._rejected_at = now
        self._rejections = rejections
        if before is not None and said.number('iterations') < before.number('iterations'):
            self._lost_goal = self.goal is not None and not self.goal.is_free
            self.playing = None

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
            return (self.here()[self.editor.selected - 1],)
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
        Start an experiment of the paper, with the next frame.

        :raises GoalError: if there is none of that name, or the arm has too few joints
        """
        if self.body is not None:
            chosen = scenario(name)
            chosen.goal_at(self.body.arm, 0.0)
            self.playing, self._started_at = chosen, None

    def stop(self) -> None:
        """Let the experiment end; the arm stays at the goal of this moment."""
        self.playing = None

    def forget_goal(self) -> None:
        """Ask for nothing any more, as the controller that returns to rest."""
        self.playing, self._unsent, self._lost_goal = None, False, False
        if self.editor is not None:
            self.editor.release()
            self.goal = Goal.free(self.editor.joints)

    # What follows from both.

    def point_ahead(self) -> np.ndarray:
        """Return a point (3,) in front of the selected joint, for it to look at."""
        shown = self.editor.shown(self.here()[self.editor.selected - 1])
        return shown[pose.POSITION] + _AHEAD * self.body.arm.length * shown[pose.FORWARD]

    def summary(self) -> str:
        """Return the errors in words."""
        position_error, axis_error = self.goal_errors()
        cared = np.ones((1, pose.SIZE)) if self.goal is None else self.goal.cared
        parts = []
        if cared[:, pose.POSITION].any() and math.isfinite(position_error):
            parts.append(f'{position_error * 1e3:.2f} mm')
        if cared[:, pose.FORWARD.start:].any() and math.isfinite(axis_error):
            parts.append(f'{math.degrees(axis_error):.2f} degrees')
        return f'{" and ".join(parts)} from the goal' if parts else 'no goal'

    def here(self) -> np.ndarray:
        """Return where the joints are (joints, 9), as well as is known."""
        if self._chain is not None:
            return self._chain
        return self.body.chain(self.body.place(self._angles or {}))

    def outgoing(self, now: float) -> Goal | None:
        """Return the goal that is to be published now, if any; ask at each frame."""
        if self.playing is not None:
            if self._started_at is None:
                self._started_at = now
            goal = self.playing.goal_at(self.body.arm, now - self._started_at)
            if goal == self.goal:
                return None
            self.editor.adopt(goal, self.here())
        elif self._unsent:
            goal = self.editor.goal()
        else:
            return None
        self._unsent, self._lost_goal = False, False
        self.goal = goal
        return goal

    def scenarios(self) -> Iterable[tuple[str, str, bool]]:
        """Return name, description and whether this arm can do it, of each experiment."""
        joints = self.body.arm.joints if self.body else 0
        return [(each.name, each.description, joints >= each.least_joints)
                for each in SCENARIOS.values()]

    def goal_errors(self) -> tuple[float, float]:
        """Return position error [m] and axis error [rad] of the true poses; NaN if unknown."""
        if self._chain is not None and self.goal is not None:
            if self.goal.is_free:
                return math.nan, math.nan
            return (float(self.goal.position_error(self._chain)),
                    float(self.goal.axis_error(self._chain)))
        said = self._said.get('controller')
        if said is None or said.state == State.IDLE.value:
            return math.nan, math.nan
        return said.number('position error [m]'), said.number('axis error [rad]')

    def record(self, now: float) -> bool:
        """Add a row to the plots' history; return whether it is time to draw them anew."""
        position_error, axis_error = self.goal_errors()
        said = self._fresh(now, 'controller')
        rate = said.number('iterations per second') if said else math.nan
        return self.errors.add(now, position_error * 1e3, math.degrees(axis_error), rate)

    def picture(self, now: float) -> Picture | None:
        """Return what is to be drawn now, None if there is no arm to draw."""
        if self.body is None:
            return None
        chain = self._chain if self._is_fresh(now, 'chain') else None
        links = self.body.place(self._angles or {}, chain if self.follow_measured else None)
        predicted, error = None, (math.nan, math.nan)
        if self._is_fresh(now, 'predicted'):
            predicted = self._predicted
            if chain is not None:
                off = predicted - chain
                distances = np.linalg.norm(off[:, pose.POSITION], axis=1)
                error = float(distances[-1]), float(distances.max())
                predicted = chain + self.exaggeration * off
        editor = self.editor
        return Picture(links, chain, predicted, editor.shown(self.here()[editor.selected - 1]),
                       editor.look_point, error)

    def verdict(self, now: float) -> Verdict:
        """Return what is to be said on top of the page."""
        controller = self._fresh(now, 'controller')
        rejected = controller is not None and now - self._rejected_at < _REJECTION_SHOWN
        return verdict(Facts(
            self.namespace, self.body is not None, self._trouble, controller,
            self._fresh(now, 'forward_model'),
            self._is_fresh(now, 'chain') or self._is_fresh(now, 'angles'),
            controller.details.get('last rejected goal', '') if rejected else '',
            self._beyond_reach(), self._lost_goal))

    def _beyond_reach(self) -> float:
        """Return how far the goal of any joint is beyond what the segments up to it span [m]."""
        if self.goal is None or self.body is None or self.goal.is_free:
            return 0.0
        cared = self.goal.cared[:, pose.POSITION]
        asked = np.where(cared, self.goal.target[:, pose.POSITION], 0.0)
        distances = np.linalg.norm(asked, axis=1)
        reach = self.body.arm.reaches
        return float((distances - reach).max())

    def _is_fresh(self, now: float, what: str) -> bool:
        return now - self._heard.get(what, -math.inf) < _FRESH

    def _fresh(self, now: float, node: str) -> Said | None:
        return self._said.get(node) if self._is_fresh(now, node) else None
