# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Names and quality of service of the topics, each in one place; names are relative."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

GOAL = 'goal'
GOAL_YAML = 'goal_yaml'
GOAL_POSE = 'goal_pose'
CLICKED_POINT = 'clicked_point'
JOINT_COMMAND = 'joint_command'
JOINT_STATES = 'joint_states'
POSE_CHAIN = 'pose_chain'
PREDICTED_POSE_CHAIN = 'predicted_pose_chain'
WEIGHTS = 'forward_model/weights'
PURSUED_GOAL = 'controller/goal'
PURSUED_GOAL_YAML = 'controller/goal_yaml'
STATE = 'controller/state'
TOOL_POSE = 'tool_pose'
ROBOT_DESCRIPTION = 'robot_description'
MARKERS = 'markers'
OBSTACLES = 'obstacles'
SCENE_MARKERS = 'scene_markers'
INTERACTIVE_GOAL = 'interactive_goal'
POSITION_ERROR = 'controller/position_error'
AXIS_ERROR = 'controller/axis_error'
ITERATION_RATE = 'controller/iteration_rate'
CLEARANCE = 'controller/clearance'
DIAGNOSTICS = '/diagnostics'

BASE_FRAME = 'base_link'

# Nothing is lost on the way: a subscriber that falls behind by less than this gets every message.
STREAM = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
# What sensors publish, be it reliably or not.
SENSOR = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
# Only the last one, and that may get lost: for those who look once in a while.
LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# Late subscribers get the last one.
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                     durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Late subscribers get the last one of each publisher, and none displaces another's.
LATCHED_BY_ANY = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE,
                            durability=DurabilityPolicy.TRANSIENT_LOCAL)
