# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What a calibration found, as text."""

from __future__ import annotations

import numpy as np

from snake_arm_control.arm.joint_law import JointLaw
from snake_arm_control.arm.placement import Placement
from snake_arm_control.training.chain_calibration import ChainCalibration
from snake_arm_control.training.measured_chain import TWIST
from snake_arm_control.training.sagging_chain import SaggingChain, TILTS

_GIVES_WAY = 'gives way [mrad/(N m)]'
_NOT_KNOWN = 0.01  # part of an unknown that is determined, below which it is not known at all


def table(found: ChainCalibration) -> str:
    """Return the changes of each joint, and what the measurements do not determine, as lines."""
    arm, count = found.start.arm, found.start.transforms.shape[0]
    twists = found.change[:count * TWIST].reshape(count, TWIST)
    known = found.known[:count * TWIST].reshape(count, TWIST)
    offsets = np.zeros(count)
    second = found.start.second_axes
    offsets[second] = np.degrees(found.change[count * TWIST:count * TWIST + len(second)])
    gives = _gives(found)
    names = [*(' '.join(axis.name for axis in link.axes) or link.name for link in arm.links),
             arm.tip]
    width = max(map(len, names))
    lines = [f'{"":{width}}  {"moved [mm]":>10} {"turned [deg]":>12} {"offset [deg]":>12} '
             f'{"determined":>10}' + (f'  {_GIVES_WAY}' if gives else '')]
    for j, name in enumerate(names):
        lines.append(
            f'{name:{width}}  {1e3 * np.linalg.norm(twists[j, :3]):10.2f} '
            f'{np.degrees(np.linalg.norm(twists[j, 3:])):12.2f} {offsets[j]:12.2f} '
            f'{known[j].sum():5.1f} of {TWIST}' + (f'  {gives[j]:>{len(_GIVES_WAY)}}'
                                                  if gives and j < arm.joints else ''))
    free = len(found.change) - found.directions
    if free:
        lines.append(f'{free} of {len(found.change)} combinations of these can not be told from '
                     'the measurements: they stay as described')
    unknown = [name for name, part in zip(unknown_names(found), found.known) if part < _NOT_KNOWN]
    if unknown:
        more = f' and {len(unknown) - 3} more' if len(unknown) > 3 else ''
        lines.append(f'not determined at all: {", ".join(unknown[:3])}{more}')
    if found.tracker:
        place = Placement.from_matrix(found.chain.base)
        lines.append(f'base in the frame of the tracker: {_placement(place)}')
    if found.marker:
        inside = np.linalg.inv(arm.tool.matrix) @ found.chain.transforms[-1]
        place = Placement.from_matrix(inside)
        lines.append(f'marker in the frame of the tip: {_placement(place)}')
    return '\n'.join(lines)


def law_table(found: SaggingChain, law: JointLaw) -> str:
    """Return what joints were learned to do along their range, as lines; of all, the mean."""
    loaded = law.loads > 0.0
    parts = law.centres[:, None, None] + np.zeros(law.loads.shape)
    slopes, *halves = np.einsum('cvjk,uvjk->ucjk', law.blends(parts), law.gains)
    give = 1e3 * (slopes / np.where(loaded, law.loads, 1.0) + found.give)[:, loaded]
    steps = np.degrees(2.0 * np.sum(halves, axis=0))[:, loaded]
    lines = [f'{"of the range":>12}  {_GIVES_WAY}  turns where the load changes sides [deg]']
    lines += [f'{100.0 * centre:10.0f} %  {by_load:{len(_GIVES_WAY)}.3g}  {step:.3g}'
              for centre, by_load, step in zip(law.centres, give.mean(axis=1),
                                               steps.mean(axis=1))]
    return '\n'.join(lines)


def unknown_names(found: ChainCalibration) -> list[str]:
    """Return what each unknown is."""
    arm = found.start.arm
    frames = [*(link.axes[0].name if link.axes else link.name for link in arm.links), arm.tip]
    kinds = [*(f'position of {{}} along {axis}' for axis in 'xyz'),
             *(f'turn of {{}} about {axis}' for axis in 'xyz')]
    return [*(kind.format(frame) for frame in frames for kind in kinds),
            *(f'offset of {arm.links[j].axes[1].name}' for j in found.start.second_axes),
            *(_of_compliance(found.start) if isinstance(found.start, SaggingChain) else ())]


def _gives(found: ChainCalibration) -> list[str]:
    """Return how the axes of each joint give way, as text; nothing for rigid joints."""
    if not isinstance(found.chain, SaggingChain):
        return []
    return [' '.join(f'{1e3 * give:.3g}' for give in each[:len(link.axes)])
            for each, link in zip(found.chain.give, found.start.arm.links)]


def _of_compliance(chain: SaggingChain) -> list[str]:
    """Return what the unknowns of arms that give way are."""
    arm = chain.arm
    return ['compliance of all joints', *(f'compliance of {name}' for name in arm.joint_names),
            *(f'weight of {name}' for name in arm.link_names),
            *(f'moment of {name} along {axis}' for name in arm.link_names for axis in 'xyz'),
            *(f'tilt of {arm.base}' for _ in range(TILTS)),
            *(f'load {i + 1} of the branch' for i in range(chain.sizes[6])),
            *(f'part {i + 1} of the joint law' for i in range(chain.sizes[7]))]


def _placement(place: Placement) -> str:
    xyz, rpy = (' '.join(f'{value:.5g}' for value in part) for part in (place.xyz, place.rpy))
    return f'xyz {xyz} m, rpy {rpy} rad'
