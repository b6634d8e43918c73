# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 nodes: they convert messages, call the core, and publish what it says."""
