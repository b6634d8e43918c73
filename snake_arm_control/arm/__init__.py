# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the arm is: its description, its URDF, its poses, and simulated true arms."""
