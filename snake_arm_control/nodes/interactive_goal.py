# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The interactive goal node: the tool's goal as a handle that is dragged about in RViz."""

from __future__ import annotations

from collections.abc import Callable
import math

from geometry_msgs.msg import PoseArray, Quaternion
import numpy as np
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Float64MultiArray
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    Marker,
)

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_edit import GoalEdit, PRESETS
from snake_arm_control.errors import FrameError, GoalError, MissingPackageError, SnakeArmError
from snake_arm_control.ros import chain_messages, goal_messages, pose_messages, topics
from snake_arm_control.ros.frames import Frames
from snake_arm_control.ros.goal_publisher import GoalPublisher
from snake_arm_control.ros.parameters import ArmSettings, Parameters
from snake_arm_control.ros.running import run

try:
    from interactive_markers import InteractiveMarkerServer, MenuHandler
except ImportError:  # it comes with a ROS distribution only
    InteractiveMarkerServer = None

_PERIOD = 0.1  # [s], goals that move come more often
_NAME = 'tool'
_SIZE, _BALL_SIZE = 0.16, 0.04  # [arm lengths]
_BALL_COLOR = ColorRGBA(r=0.95, g=0.55, b=0.1, a=0.4)
_HALF = math.sqrt(0.5)
# A handle moves along, or turns about, its own x axis; these turn that to x, y and z.
_TURNS = (Quaternion(w=1.0), Quaternion(w=_HALF, z=_HALF), Quaternion(w=_HALF, y=-_HALF))
_GROUPS = {'position': pose.POSITION, 'forward': pose.FORWARD, 'up': pose.UP}


class InteractiveGoalNode(Node):
    """
    Publishes a goal for the tool as a person drags it and ticks its components.

    Only what counts has handles. The goal that the controller pursues is followed, so that the
    handle is where the tool was last asked to be; without a goal it is where the tool is.
    """

    def __init__(self, **node_options):
        super().__init__('interactive_goal', **node_options)
        if InteractiveMarkerServer is None:
            raise MissingPackageError('the ROS package interactive_markers is not installed: '
                                      'goals can not be dragged')
        arm = Parameters(self, ArmSettings).value.make_arm()
        self._joints, self._base, self._length = arm.joints, arm.base, arm.length
        self._frames = Frames(self, arm.base)
        self._edit: GoalEdit | None = None  # until the tool was seen
        self._early_goal: Goal | None = None  # that was pursued before that
        self._is_shown = True  # whether the handle is as edited
        self._tool_data = b''  # the latest message with the pose of the tool
        self._goals = GoalPublisher(self)
        self._server = InteractiveMarkerServer(self, topics.INTERACTIVE_GOAL)
        self._menu = MenuHandler()
        self._ticks = self._fill_menu()
        # It is always whole, as the true chain need not be.
        self.create_subscription(PoseArray, topics.PREDICTED_POSE_CHAIN, self._take_chain, 1,
                                 raw=True)
        self.create_timer(_PERIOD, self._show)
        self.create_subscription(Float64MultiArray, topics.PURSUED_GOAL, self._take_goal,
                                 topics.LATCHED)

    def _fill_menu(self) -> dict[str, int]:
        """Fill the menu, and return the entries to be ticked by their components."""
        def asking(change: Callable[[], GoalEdit]) -> Callable:
            return lambda _: self._ask(change())

        for label, components in PRESETS.items():
            self._menu.insert(label, callback=asking(lambda c=components: self._edit.caring(c)))
        ticks = {}
        for group, part in _GROUPS.items():
            parent = self._menu.insert(f'components of {group}')
            for name in pose.COMPONENTS[part]:
                ticks[name] = self._menu.insert(
                    name, parent, callback=asking(lambda n=name: self._edit.toggled(n)))
        self._menu.insert('drop the goal', callback=asking(lambda: self._edit.caring(())))
        return ticks

    def _take_chain(self, data: bytes) -> None:
        self._tool_data = data
        if self._edit is None:
            tool = self._tool()
            if tool is not None:
                self._edit = GoalEdit(self._joints, tool)
                self._follow(self._early_goal or Goal.free(self._joints))

    def _tool(self) -> np.ndarray | None:
        """Return where the tool is, (9,), None if that is not known."""
        try:
            _, chain = chain_messages.deserialize_chain(self._tool_data, base=self._base)
        except SnakeArmError:
            return None
        if len(chain) != self._joints or not np.isfinite(chain[-1]).all():
            return None
        return chain[-1]

    def _take_goal(self, message: Float64MultiArray) -> None:
        try:
            goal = goal_messages.message_to_goal(message, self._joints)
        except SnakeArmError as error:  # that of an arm of other joints
            self.get_logger().warning(f'the pursued goal is not followed: {error}',
                                      throttle_duration_sec=5.0)
            return
        if self._edit is None:
            self._early_goal = goal
        elif not self._goals.is_own(goal):
            self._follow(goal)

    def _follow(self, goal: Goal) -> None:
        if goal.cared[-1].any():
            self._edit = self._edit.asking(goal)
        elif goal.is_free:
            self._return_to_tool()
        self._is_shown = False

    def _return_to_tool(self) -> None:
        tool = self._tool()
        if tool is not None:
            self._edit = self._edit.moved(tool)

    def _take_feedback(self, feedback: InteractiveMarkerFeedback) -> None:
        if feedback.event_type != InteractiveMarkerFeedback.POSE_UPDATE:
            return
        try:
            placement = self._frames.placement(feedback.header.frame_id)
            target = pose_messages.message_to_pose(feedback.pose)
        except (GoalError, FrameError) as error:
            self.get_logger().warning(f'ignored: {error}')
            return
        # RViz sends it in its own fixed frame.
        self._edit = self._edit.moved(target if placement is None
                                      else pose.moved(target, *placement))
        self._publish()

    def _ask(self, edit: GoalEdit) -> None:
        self._edit = edit
        self._publish()
        if not edit.cared:
            self._return_to_tool()
        self._is_shown = False

    def _publish(self) -> None:
        self._goals.publish(self._edit.goal(self._joints))

    def _show(self) -> None:
        if self._is_shown:
            return
        self._is_shown = True
        for name, entry in self._ticks.items():
            self._menu.setCheckState(entry, MenuHandler.CHECKED if name in self._edit.cared
                                     else MenuHandler.UNCHECKED)
        self._server.insert(handles(self._edit, self._base, self._length),
                            feedback_callback=self._take_feedback)
        self._menu.apply(self._server, _NAME)
        self._server.applyChanges()


def handles(edit: GoalEdit, base: str = topics.BASE_FRAME, length: float = 1.0
            ) -> InteractiveMarker:
    """
    Return the handles of an edited goal: an arrow per component of the position that counts.

    The rings turn the whole frame, and are there if any component of an axis counts. The ball is
    dragged across the view, and bears the menu.

    :param length: of the arm [m], to which their size is in proportion
    """
    marker = InteractiveMarker(name=_NAME, scale=_SIZE * length)
    marker.header.frame_id = base
    marker.pose = pose_messages.pose_to_message(edit.target)
    ball = Marker(type=Marker.SPHERE, color=_BALL_COLOR)
    ball.scale.x = ball.scale.y = ball.scale.z = _BALL_SIZE * length
    moves = [name in edit.cared for name in pose.COMPONENTS[pose.POSITION]]
    turns = not edit.cared.isdisjoint(pose.COMPONENTS[pose.POSITION.stop:])
    kind = InteractiveMarkerControl
    marker.controls.append(kind(
        name='ball', interaction_mode=kind.MOVE_3D if any(moves) else kind.MENU,
        always_visible=True, markers=[ball]))
    for axis, turn, moved in zip('xyz', _TURNS, moves):
        if moved:
            marker.controls.append(kind(
                name=f'move along {axis}', orientation=turn, orientation_mode=kind.FIXED,
                interaction_mode=kind.MOVE_AXIS))
        if turns:
            marker.controls.append(kind(
                name=f'turn about {axis}', orientation=turn, interaction_mode=kind.ROTATE_AXIS))
    return marker


def main(args: list[str] | None = None) -> int:
    """Run the interactive goal node."""
    return run(InteractiveGoalNode, args)
