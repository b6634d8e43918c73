# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
An arm that tendons bend, fitted to what was measured of it.

Where the tendons pass each section, their slack, how soft they become taut, the stiffness and the
length of each section, where the base is and where the tip is on the last link: all are found
together, by Levenberg-Marquardt. The joints rest where no moment is left: that differentiates them
by the unknowns of the tendons. The chain is differentiated exactly by the joints, and differenced
by the geometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.arm.link import Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.tendons import Tendons
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.samples import Samples

SAMPLES = 2000  # that are used, at most
ITERATIONS = 40
_PIECE = 50  # samples at a time
# How far the arm may be from its description: standard deviations of what is expected.
_PLACE, _SLACK = 0.15, 0.2  # [mean distance of tendons from the middle]
_SOFTNESS, _STIFFNESS = 0.7, 1.0  # of the logarithm
_LENGTH, _STEP, _TURN = 0.05, 0.03, 0.1  # [lengths of the section, of the arm, rad]
_DIFFERENCE = 1e-5  # [standard deviations]
_CONVERGED = 1e-5  # of the decrease of the cost, relative
_LEAST_NOISE = np.repeat((1e-4, 1e-3), (3, 6))  # of positions [m] and axes


@dataclass(frozen=True, eq=False)
class TendonCalibration:
    """
    What the measurements say of an arm.

    :param start: the arm as it is described
    :param arm: as it was found
    :param noise: of one component of a position that was learned from [m]
    """

    start: Arm
    arm: Arm
    noise: float

    def table(self) -> str:
        """Return what was found as lines of text."""
        tendons = self.arm.tendons
        assert tendons is not None and self.start.tendons is not None
        slack = [-1e3 * pulley.offset for pulley in tendons.pulleys]
        stiffer = np.divide(tendons.stiffness, self.start.tendons.stiffness)
        return (f'tendons: slack {min(slack):.2f} to {max(slack):.2f} mm, taut within '
                f'{1e3 * tendons.softness:.2f} mm\n'
                f'sections: {stiffer.min():.2f} to {stiffer.max():.2f} times as stiff as described'
                f'\narm: {1e3 * self.arm.length:.1f} mm long, described as '
                f'{1e3 * self.start.length:.1f} mm\n'
                f'noise of a position that is left: {1e3 * self.noise:.2f} mm a component')

    def errors(self, held_out: Samples) -> tuple[float, float]:
        """Return the mean distances [m] of measured positions from those before and after."""
        before, after = (float(np.nanmean(np.linalg.norm(
            (held_out.chains - forward_kinematics(arm, held_out.angles))[..., pose.POSITION],
            axis=-1))) for arm in (self.start, self.arm))
        return before, after


def calibrate_tendons(arm: Arm, samples: Samples) -> TendonCalibration:
    """
    Return the arm, of those that its tendons could make it, that explains what was measured.

    :param arm: as it is described
    :param samples: angles of the pulleys, and chains with NaN where nothing was measured
    :raises RecordingError: if nothing was measured
    """
    rows = np.flatnonzero(~np.isnan(samples.chains).all(axis=(1, 2)))
    if not len(rows):
        raise RecordingError('the recording has no pose to learn from')
    used = samples.part(rows[np.linspace(0, len(rows) - 1, min(SAMPLES, len(rows))).astype(int)])
    family = _Family(arm)
    fit = _Fit(family, used)
    fit.descend()
    return TendonCalibration(arm, family.arm(fit.unknowns), float(fit.noise[0]))


class _Family:
    """
    Arms that differ from a described one by unknowns, in standard deviations.

    The unknowns are those of the tendons, then those of the geometry.
    """

    def __init__(self, arm: Arm):
        tendons = arm.tendons
        assert tendons is not None
        self.start, self.tendons = arm, tendons
        self._levers = np.array(tendons.levers)
        own = [(j, axis) for j, link in enumerate(arm.links)
               for axis in link.axes if not axis.follows]
        driver = {axis.name: n for n, (_, axis) in enumerate(own)}
        self.driven = [driver[link.axes[0].follows or link.axes[0].name] if link.axes else -1
                       for link in arm.links]
        passing = [tuple((self._levers[:, [n for n, (other, _) in enumerate(own) if other == j]]
                          != 0.0).any(axis=1).tolist()) for j, _ in own]
        found = list(dict.fromkeys(passing))
        self.section = np.array([found.index(each) for each in passing])  # (own angles,)
        self.sections = len(found)
        self._passed = np.array(found).T  # (tendons, sections)
        turns = np.bincount([driver[axis.follows or axis.name] for link in arm.links
                             for axis in link.axes], minlength=len(own))
        self._turns, self._across = turns, np.array([(axis.direction[1], -axis.direction[0])
                                                     for _, axis in own])
        self._count = int(self._passed.sum())
        self._radius = self._mean_radius()
        self.of_tendons = 2 * self._count + len(tendons.pulleys) + 1 + self.sections
        self.size = self.of_tendons + 6 + self.sections + 3

    def _mean_radius(self) -> float:
        """Return how far from the middle the tendons pass, on average [m]."""
        of_turn = np.abs(self._levers[:, self._turns > 0] / self._turns)
        return float(np.sqrt(2.0) * of_turn[of_turn > 0.0].mean())

    def bent_by(self, unknowns: np.ndarray) -> Tendons:
        """Return the tendons of an arm."""
        at, slack, softness, stiffness = np.split(
            unknowns[:self.of_tendons],
            np.cumsum((2 * self._count, len(self.tendons.pulleys), 1)))
        places = np.zeros((*self._passed.shape, 2))
        places[self._passed] = _PLACE * self._radius * at.reshape(-1, 2)
        levers = self._levers + self._turns * np.einsum(
            'tnx,nx->tn', places[:, self.section], self._across)
        return replace(
            self.tendons, levers=tuple(map(tuple, levers.tolist())),
            pulleys=tuple(replace(pulley, offset=pulley.offset - _SLACK * self._radius * each)
                          for pulley, each in zip(self.tendons.pulleys, slack.tolist())),
            softness=self.tendons.softness * math.exp(_SOFTNESS * softness[0]),
            stiffness=tuple((np.array(self.tendons.stiffness) * np.exp(
                _STIFFNESS * stiffness[self.section])).tolist()))

    def jointed(self, unknowns: np.ndarray) -> Arm:
        """Return an arm without its tendons."""
        base, lengths, tip = np.split(unknowns[self.of_tendons:], (6, 6 + self.sections))
        start, reach = self.start, self.start.length
        small = Placement(tuple(_STEP * reach * base[:3]), tuple(_TURN * base[3:]))
        stretches = 1.0 + _LENGTH * lengths
        links: list[Link] = []
        section = 0
        for link, driven in zip(start.links, self.driven):
            place = link.placement
            place = replace(place, xyz=tuple(stretches[section] * np.array(place.xyz))) if (
                links) else small @ place
            links.append(Link(link.name, place, link.axes))
            section = self.section[driven] if driven >= 0 else section
        tool = replace(start.tool, xyz=tuple(np.array(start.tool.xyz) + _STEP * reach * tip))
        return Arm(links, tool, start.mount, start.base, start.tip)

    def arm(self, unknowns: np.ndarray) -> Arm:
        """Return an arm."""
        arm = self.jointed(unknowns)
        return Arm(arm.links, arm.tool, arm.mount, arm.base, arm.tip,
                   dict(self.start.rest_positions), self.bent_by(unknowns))


class _Fit:
    """A fit in progress."""

    def __init__(self, family: _Family, used: Samples):
        self.family, self.used = family, used
        self._known = np.flatnonzero(~np.isnan(used.chains).all(axis=(0, 2)))
        self._measured = used.chains[:, self._known]
        self._values = family.start.flat(used.angles)
        self.unknowns = np.zeros(family.size)
        self.noise = self._noise(self.unknowns)

    def descend(self) -> None:
        """Take steps as long as they explain more of what was measured."""
        damping = 1e-3
        for _ in range(ITERATIONS):
            self.noise = self._noise(self.unknowns)
            normal, pull = self._equations()
            cost = self._cost(self.unknowns)
            for _ in range(8):
                step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), pull)
                new = self._cost(self.unknowns + step)
                if new <= cost:
                    break
                damping *= 10.0
            else:
                return
            self.unknowns, damping = self.unknowns + step, max(damping / 10.0, 1e-9)
            if cost - new <= _CONVERGED * cost:
                return

    def _chain(self, unknowns: np.ndarray, bent: np.ndarray | None = None) -> np.ndarray:
        """Return the chain (samples, known elements, 9), by own angles if they are given."""
        if bent is None:
            bent = self.family.bent_by(unknowns).bend(self._values)[0]
        arm = self.family.jointed(unknowns)
        return forward_kinematics(arm, arm.shaped(bent))[:, self._known]

    def _noise(self, unknowns: np.ndarray) -> np.ndarray:
        """Return the deviations of residuals (9,), one of positions and one of axes."""
        off = (self._measured - self._chain(unknowns)) ** 2
        parts = (pose.POSITION, slice(pose.FORWARD.start, pose.UP.stop))
        noise = [math.sqrt(np.nanmean(off[..., part]))
                 if not np.isnan(off[..., part]).all() else 0.0 for part in parts]
        return np.maximum(np.repeat(noise, (3, 6)), _LEAST_NOISE)

    def _cost(self, unknowns: np.ndarray) -> float:
        off = (self._measured - self._chain(unknowns)) / self.noise
        return float(np.nansum(off ** 2) + unknowns @ unknowns)

    def _equations(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the normal equations, with the description's part."""
        normal, pull = np.eye(self.family.size), -self.unknowns
        for residual, slopes in self._pieces():
            known = ~np.isnan(residual)
            rows = slopes[known]
            normal += rows.T @ rows
            pull += rows.T @ residual[known]
        return normal, pull

    def _pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield a few residuals (samples, elements, 9) and slopes (..., unknowns) at a time."""
        family, here = self.family, self.unknowns
        bent = family.bent_by(here).bend(self._values)[0]
        chain, arm = self._chain(here, bent), family.jointed(here)
        steps = _DIFFERENCE * np.eye(family.size)
        by_tendons = self._by_tendons(bent, steps[:family.of_tendons])
        by_geometry = np.stack([self._chain(here + step, bent) - chain
                                for step in steps[family.of_tendons:]], axis=-1) / _DIFFERENCE
        for begin in range(0, len(bent), _PIECE):
            part = slice(begin, begin + _PIECE)
            angles = arm.shaped(bent[part])
            whole = forward_kinematics(arm, angles)
            by_joints = arm.flat(jacobian(arm, whole, angles, self._known))
            slopes = np.concatenate((
                np.einsum('skcn,snu->skcu', by_joints, by_tendons[part]), by_geometry[part]), -1)
            yield ((self._measured[part] - chain[part]) / self.noise,
                   slopes / self.noise[:, None])

    def _by_tendons(self, bent: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return how own angles change by unknowns (samples, own angles, unknowns)."""
        family, here = self.family, self.unknowns
        tendons = family.bent_by(here)
        moments = tendons.moments(self._values, bent)
        turns = _DIFFERENCE * np.eye(bent.shape[1])
        by_angles = np.stack([tendons.moments(self._values, bent + turn) - moments
                              for turn in turns], axis=-1)
        by_unknowns = np.stack([family.bent_by(here + step).moments(self._values, bent) - moments
                                for step in steps], axis=-1)
        return -np.linalg.solve(by_angles, by_unknowns)
