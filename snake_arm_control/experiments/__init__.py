# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's experiments, families of goals, and pictures of the results."""
