# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 nodes: each wires topics, services and timers to objects that know no ROS."""
