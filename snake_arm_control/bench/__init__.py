# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements: cost of an iteration, time to goal, wrong arms, rate of the loop."""
