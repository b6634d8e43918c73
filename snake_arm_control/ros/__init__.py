# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes are made of: messages to arrays and back, topics, parameters, outputs."""
