# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured: iterations, ways to goals, wrong arms, the rate of the loop."""
