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
from snake_arm_control.model.normal_form import NormalForm
from snake_arm_control.training import chains, sampling
from snake_arm_control.training.kinematics import forward_kinematics
from snake_arm_control.training.lesson import Lesson
from snake_arm_control.training.presets import Phase, TrainingSettings
from snake_arm_control.training.team import Team

Examples = tuple[Tensor, Tensor]  # what is read (count, joints, 2 or 5), chains (count, joints, 9)

_FRESH, _FIXED, _ORDER = 1, 2, 3  # what random numbers are for, as part of their seed
_AHEAD = 16  # fresh batches that are drawn together: one alone takes a GPU about as long
_SAMPLERS = {'independent': sampling.independent, 'mixed': sampling.mixed}


class Batches:
    """
    The batches of a run, as far as they are one process's.

    They depend on the seed, the iteration and the rank alone, so that a run that is resumed needs
    no memory of what came before.
    """

    def __init__(self, arm: Arm, settings: TrainingSettings, team: Team, lesson: Lesson | None):
        self._arm, self._settings, self._team, self._lesson = arm, settings, team, lesson
        self._arms = {} if settings.is_geometric else {
            joints: Arm.uniform(**sampling.segments(arm) | {'joints': joints})
            for joints in {phase.joints or arm.joints for phase in settings.phases}}
        self._form = NormalForm.of(arm) if settings.is_geometric else None
        self._fresh = lru_cache(maxsize=1)(self._draw_fresh)
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
            ahead, place = divmod(step, _AHEAD)
            read, poses = self._fresh(number, ahead)
            return read[place::_AHEAD], poses[place::_AHEAD]
        epoch, place = divmod(step, math.ceil(phase.examples / batch))
        order = self._order(number, epoch)[place * batch:(place + 1) * batch]
        read, poses = self._examples(number)
        return read[order[self._team.part]], poses[order[self._team.part]]

    def _draw_fresh(self, number: int, ahead: int) -> Examples:
        """Draw the examples of some iterations of a phase that draws every batch anew."""
        count = _AHEAD * len(range(self._settings.batch)[self._team.part])
        generator = self._generator(_FRESH, number, ahead, self._team.rank)
        return self._draw(self._settings.phases[number], count, generator)

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
        if self._form is not None:
            readings = self._read(self._form, phase, count, generator)
            return readings, chains.forward_kinematics(readings)
        if not phase.is_recorded:
            arm = self._arms[phase.joints or self._arm.joints]
            angles = phase.range * _SAMPLERS[phase.distribution](arm, count, generator)
            return angles, forward_kinematics(arm, angles)
        assert self._lesson is not None  # as the trainer has checked
        if phase.distribution == 'recorded':
            return self._lesson.draw(count, generator)
        recorded, measured = self._lesson.draw(count // 2, generator)
        drawn = sampling.mixed(self._arm, count - count // 2, generator)
        return (torch.cat((recorded, drawn)),
                torch.cat((measured, self._lesson.exact_chain(drawn))))

    def _read(self, form: NormalForm, phase: Phase, count: int, generator: torch.Generator
              ) -> Tensor:
        """Return what a network reads (count, joints, 5) of random arms, or of the arm."""
        if phase.distribution == 'general':
            return chains.draw(count, phase.joints or self._arm.joints, generator)
        angles = phase.range * sampling.mixed(self._arm, count, generator)
        constants, slopes = (torch.from_numpy(array).to(angles)
                             for array in (form.constants, form.slopes))
        return constants + torch.einsum('bjk,jkr->bjr', angles, slopes)

    def _generator(self, *key: int) -> torch.Generator:
        seed = np.random.SeedSequence((self._settings.seed, *key)).generate_state(1, np.uint64)
        return torch.Generator(self._team.device).manual_seed(int(seed[0]))
