# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Constraint-aware control of many-joint robot arms by inverting a learned recurrent model."""
