# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a run learns from at each of its iterations."""

from __future__ import annotations

from functools import lru_cache
import math

import numpy as np
import torch
from torch import Tensor

from snake_arm_control.arm.description import Arm
from snake_arm_control.training import sampling
from snake_arm_control.training.kinematics import forward_kinematics
from snake_arm_control.training.lesson import Lesson
from snake_arm_control.training.presets import Phase, TrainingSettings
from snake_arm_control.training.team import Team

Examples = tuple[Tensor, Tensor]  # angles (count, joints, 2) [rad], chains (count, joints, 9)

_FRESH, _FIXED, _ORDER = 1, 2, 3  # what random numbers are for, as part of their seed
_SAMPLERS = {'independent': sampling.independent, 'mixed': sampling.mixed}


class Batches:
    """
    The batches of a run, as far as they are one process's.

    They depend on the seed, the iteration and the rank alone, so that a run that is resumed needs
    no memory of what came before.
    """

    def __init__(self, arm: Arm, settings: TrainingSettings, team: Team, lesson: Lesson | None):
        self._arm, self._settings, self._team, self._lesson = arm, settings, team, lesson
        segments = sampling.segments(arm)
        self._arms = {joints: Arm.uniform(**segments | {'joints': joints})
                      for joints in {phase.joints or arm.joints for phase in settings.phases}}
        self._examples = lru_cache(maxsize=1)(self._draw_examples)
        self._order = lru_cache(maxsize=1)(self._draw_order)

    def at(self, iteration: int) -> Examples:
        """Return the examples of an iteration, counted from 0."""
        batch, step = self._settings.batch, iteration
        for number, phase in enumerate(self._settings.phases):
            if step < phase.steps(batch):
                break
            step -= phase.steps(batch)
        if not phase.examples:
            count = len(range(batch)[self._team.part])
            return self._draw(phase, count, self._generator(_FRESH, iteration, self._team.rank))
        epoch, place = divmod(step, math.ceil(phase.examples / batch))
        order = self._order(number, epoch)[place * batch:(place + 1) * batch]
        angles, chains = self._examples(number)
        return angles[order[self._team.part]], chains[order[self._team.part]]

    def _draw_examples(self, number: int) -> Examples:
        """Draw the examples of a phase that has a fixed number of them."""
        phase = self._settings.phases[number]
        return self._draw(phase, phase.examples, self._generator(_FIXED, number))

    def _draw_order(self, number: int, epoch: int) -> Tensor:
        """Draw the order of a phase's examples in an epoch."""
        generator = self._generator(_ORDER, number, epoch)
        return torch.randperm(self._settings.phases[number].examples, generator=generator,
                              device=generator.device)

    def _draw(self, phase: Phase, count: int, generator: torch.Generator) -> Examples:
        """Draw examples from the distribution of a phase."""
        if not phase.is_recorded:
            arm = self._arms[phase.joints or self._arm.joints]
            angles = phase.range * _SAMPLERS[phase.distribution](arm, count, generator)
            return angles, forward_kinematics(arm, angles)
        assert self._lesson is not None  # as the trainer has checked
        if phase.distribution == 'recorded':
            return self._lesson.draw(count, generator)
        recorded, chains = self._lesson.draw(count // 2, generator)
        drawn = sampling.mixed(self._arm, count - count // 2, generator)
        return (torch.cat((recorded, drawn)),
                torch.cat((chains, self._lesson.exact_chain(drawn))))

    def _generator(self, *key: int) -> torch.Generator:
        seed = np.random.SeedSequence((self._settings.seed, *key)).generate_state(1, np.uint64)
        return torch.Generator(self._team.device).manual_seed(int(seed[0]))
