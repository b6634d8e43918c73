# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The compiled loop of a learned law of joints, see `JointLaw`.

Of a torque t and an angle s, both in units of the axis, the correction is the sum over u and v of
gains[u, v] . curve[u](t) . blend[v](s). Curve 0 is t itself, the others tanh(t / width). The
blends are a softmax of bells round centres: they are smooth, sum up to 1, and beyond the outermost
centre the correction stays what it is there.
"""

import numpy as np

from snake_arm_control.compiling import compiled


@compiled
def correct(law, torques, angles, corrections, by_torque, by_angle):
    """
    Put in the corrections of axes, and their slopes, all (joints, axes).

    :param law: `JointLaw.numbers`
    """
    loads, middles, ranges, widths, centres, gains = law
    curves, blends = gains.shape[:2]
    curve, slope = np.empty(curves), np.empty(curves)
    blend = np.empty(blends)
    sharpness = 1.0 if blends == 1 else 1.0 / (centres[1] - centres[0]) ** 2
    for j in range(loads.shape[0]):
        for k in range(loads.shape[1]):
            corrections[j, k] = by_torque[j, k] = by_angle[j, k] = 0.0
            if loads[j, k] == 0.0:
                continue
            curve[0] = torques[j, k] / loads[j, k]
            slope[0] = 1.0
            for u in range(1, curves):
                curve[u] = np.tanh(curve[0] / widths[u - 1])
                slope[u] = (1.0 - curve[u] * curve[u]) / widths[u - 1]
            s = (angles[j, k] - middles[j, k]) / ranges[j, k]
            highest = -np.inf
            for v in range(blends):
                blend[v] = sharpness * centres[v] * (s - 0.5 * centres[v])
                highest = max(highest, blend[v])
            total = mean = 0.0
            for v in range(blends):
                blend[v] = np.exp(blend[v] - highest)
                total += blend[v]
                mean += blend[v] * centres[v]
            mean /= total
            for v in range(blends):
                value = by_t = 0.0
                for u in range(curves):
                    value += gains[u, v, j, k] * curve[u]
                    by_t += gains[u, v, j, k] * slope[u]
                part = blend[v] / total
                corrections[j, k] += part * value
                by_torque[j, k] += part * by_t / loads[j, k]
                by_angle[j, k] += part * sharpness * (centres[v] - mean) * value / ranges[j, k]
