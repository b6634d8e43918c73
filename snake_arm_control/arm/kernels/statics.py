# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The compiled loops of statics: what weighs on the joints of a chain, and how they give way.

One pass from the tip to the base sums up what lies beyond each joint: its weight W [N] and its
first moment S [N m] about the joint. Gravity along d turns a hinge of axis a with a . (S x d), and
pushes a slide with W a . d. As an axis moves, S changes by a x S, or by W a for a slide; the
weight's moment then changes by (a x S) x d. That is the same for all joints before it, so that the
second derivative times a vector takes a pass outwards and one inwards.

A load is give, weights, moments (batch or 1, joints, 3) and down, see `Compliance`. A law is that
of `joint_law`, which corrects the angles further; without gains there is none.
"""

import numpy as np

from snake_arm_control.arm.kernels import joint_law
from snake_arm_control.arm.kernels.serial_chain import place
from snake_arm_control.compiling import compiled


@compiled
def _weigh(geometry, load, angles, lane, chain, points, axes, torques, gains):
    """Put in the torques of one lane by its angles, and how each axis changes the moment."""
    _, weights, moments, down = load
    _, _, _, slides, drivers, ratios, _ = geometry
    joints, width = slides.shape
    dx, dy, dz = down
    flat = torques[lane].ravel()
    weight = sx = sy = sz = 0.0  # of what lies beyond, S about the base
    for j in range(joints - 1, -1, -1):
        px, py, pz, fx, fy, fz, ux, uy, uz = chain[lane, j]
        mx, my, mz = moments[min(lane, len(moments) - 1), j]
        weight += weights[j]
        sx += weights[j] * px + (uy * fz - uz * fy) * mx + ux * my + fx * mz
        sy += weights[j] * py + (uz * fx - ux * fz) * mx + uy * my + fy * mz
        sz += weights[j] * pz + (ux * fy - uy * fx) * mx + uz * my + fz * mz
        for k in range(width):
            if ratios[j, k] == 0.0:
                continue
            ax, ay, az = axes[lane, j, k]
            if slides[j, k]:
                vx, vy, vz = weight * ax, weight * ay, weight * az
                torque = vx * dx + vy * dy + vz * dz
            else:
                bx = sx - weight * points[lane, j, k, 0]
                by = sy - weight * points[lane, j, k, 1]
                bz = sz - weight * points[lane, j, k, 2]
                vx, vy, vz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
                torque = vx * dx + vy * dy + vz * dz  # (a x S) . d = a . (S x d)
            flat[drivers[j, k]] += ratios[j, k] * torque
            gains[lane, j, k, 0] = vy * dz - vz * dy
            gains[lane, j, k, 1] = vz * dx - vx * dz
            gains[lane, j, k, 2] = vx * dy - vy * dx


@compiled
def torques(geometry, load, angles):
    """Return the torques (batch, joints, axes) [N m or N] of the weight at angles like these."""
    chain, points, axes = place(geometry, angles)
    found, gains = np.zeros(angles.shape), np.zeros(axes.shape)
    for lane in range(len(angles)):
        _weigh(geometry, load, angles, lane, chain, points, axes, found, gains)
    return found


@compiled
def give_way(geometry, load, law, angles, sweeps):
    """
    Return where joints come to rest under the weight, by so many sweeps from where they would be.

    :return: angles (batch, joints, axes), and for `pull_back`, of each sweep the axes and the
        gains of all of them (2, sweeps, batch, joints, axes, 3), and the slopes of a law by
        torque and by angle (2, sweeps, batch, joints, axes), empty without one
    """
    compliance = load[0]
    learned = law[-1].size > 0
    tape = np.zeros((2, sweeps, *angles.shape, 3))
    slopes = np.empty((2, sweeps if learned else 0, *angles.shape))
    bent = angles.copy()
    found = np.empty(angles.shape)
    more = np.empty(angles.shape[1:])
    for sweep in range(sweeps):
        chain, points, axes = place(geometry, bent)
        found[:] = 0.0
        tape[0, sweep] = axes
        for lane in range(len(angles)):
            _weigh(geometry, load, bent, lane, chain, points, axes, found, tape[1, sweep])
        for lane in range(len(angles)):
            if learned:
                joint_law.correct(law, found[lane], bent[lane], more, slopes[0, sweep, lane],
                                  slopes[1, sweep, lane])
            bent[lane] = angles[lane] + compliance * found[lane]
            if learned:
                bent[lane] += more
    return bent, tape, slopes


@compiled
def pull_back(geometry, compliance, tape, law_slopes, slopes):
    """
    Return slopes by angles, given those by the angles at which the joints come to rest.

    :param tape, law_slopes: of `give_way`
    :param slopes: (batch, functionals, joints, axes)
    """
    _, _, _, slides, drivers, ratios, _ = geometry
    joints, width = slides.shape
    batch, count = slopes.shape[:2]
    learned = law_slopes.size > 0
    total = slopes.copy()
    pull = np.empty((joints, width))
    by_torque = compliance.copy()
    by_angle = np.zeros((joints, width))
    by_value = np.empty((joints, width))
    for lane in range(batch):
        for row in range(count):
            pull[:] = slopes[lane, row]
            for sweep in range(tape.shape[1] - 1, -1, -1):
                if learned:
                    by_torque[:] = compliance + law_slopes[0, sweep, lane]
                    by_angle[:] = law_slopes[1, sweep, lane] * pull
                flat = (by_torque * pull).ravel()
                axes, gains = tape[0, sweep, lane], tape[1, sweep, lane]
                ox = oy = oz = 0.0  # the turn of what lies before
                for j in range(joints):
                    for k in range(width):
                        by_value[j, k] = (gains[j, k, 0] * ox + gains[j, k, 1] * oy
                                          + gains[j, k, 2] * oz)
                        if not slides[j, k]:
                            value = ratios[j, k] * flat[drivers[j, k]]
                            ox += value * axes[j, k, 0]
                            oy += value * axes[j, k, 1]
                            oz += value * axes[j, k, 2]
                ox = oy = oz = 0.0  # the change of the moment of what lies beyond
                for j in range(joints - 1, -1, -1):
                    for k in range(width - 1, -1, -1):
                        value = ratios[j, k] * flat[drivers[j, k]]
                        ox += value * gains[j, k, 0]
                        oy += value * gains[j, k, 1]
                        oz += value * gains[j, k, 2]
                        if not slides[j, k]:
                            by_value[j, k] += (axes[j, k, 0] * ox + axes[j, k, 1] * oy
                                               + axes[j, k, 2] * oz)
                pull[:] = 0.0
                new = pull.ravel()
                for j in range(joints):
                    for k in range(width):
                        new[drivers[j, k]] += ratios[j, k] * by_value[j, k]
                if learned:
                    pull += by_angle
                total[lane, row] += pull
    return total
