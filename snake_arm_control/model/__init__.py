# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What predicts: the network, its compiled kernels, and the weights file."""
