# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The compiled loops of clearances: distances, what is near, and ways that touch nothing.

They check nothing: whoever calls them has looked at shapes and precision.
"""
