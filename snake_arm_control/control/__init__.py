# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Goals, the descent onto them, target correction, and the control loop."""
