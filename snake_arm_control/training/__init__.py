# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings, calibration, sampling, and the training and evaluation of the network."""
