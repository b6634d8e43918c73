# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Training and measuring the forward model; needs torch, which running the arm does not."""

from snake_arm_control.training.lesson import outcome, prepare, table as lesson_table
from snake_arm_control.training.presets import preset
from snake_arm_control.training.trainer import train

__all__ = ['lesson_table', 'outcome', 'prepare', 'preset', 'train']
