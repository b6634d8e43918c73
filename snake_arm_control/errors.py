# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The errors that this package raises on bad input; each carries the offending values."""

from __future__ import annotations

from typing import Any


class SnakeArmError(ValueError):
    """Root of every error that this package raises on bad input."""


class ShapeError(SnakeArmError):
    """An array has another shape than the caller promised."""

    def __init__(self, name: str, got: Any, expected: str):
        super().__init__(f'{name} has shape {got}, expected {expected}')
        self.name, self.got, self.expected = name, got, expected

    def __reduce__(self):
        return type(self), (self.name, self.got, self.expected)


class ArmError(SnakeArmError):
    """An arm description is impossible."""


class GoalError(SnakeArmError):
    """A goal can't be meant: wrong length, an infinity, an impossible axis or joint number."""


class SceneError(SnakeArmError):
    """A scene can't be: a shape of no size, a number that is not finite, an unknown word."""


class SettingsError(SnakeArmError):
    """A setting is outside its range."""


class WeightsError(SnakeArmError):
    """A weights file is damaged, or belongs to another arm or another architecture."""


class FrameError(SnakeArmError):
    """A frame can't be resolved."""


class FeedbackError(SnakeArmError):
    """Feedback from the arm can't be used: misshapen, not finite, too old."""


class DescriptionError(SnakeArmError):
    """A robot description is no URDF, or not of such an arm."""


class TrainingError(SnakeArmError):
    """A training run can't begin or go on."""


class RecordingError(SnakeArmError):
    """A recording can't be written, can't be read, or does not hold what is looked for."""


class FilmError(SnakeArmError):
    """The page can't be filmed."""


class OutputError(SnakeArmError):
    """Output can't be written."""


class MissingPackageError(SnakeArmError):
    """A package that only some commands need is not installed."""
