# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The pace of an arm next to things: slower the less it is clear of what it may be off by."""

import numpy as np
import pytest

from snake_arm_control import Arm, Scene, Sphere
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.clear_way import ClearWay
from snake_arm_control.model.exact import ExactModel

ARM = Arm()
RADIUS, MARGIN = 6.25e-3, 0.005
CHAIN = forward_kinematics(ARM, ARM.rest)


def pace(clearance, off, at=20):
    """Return the pace where a ball is so clear of one link of the straight arm [m]."""
    ball = Sphere((0.05 + RADIUS + clearance, 0.0, CHAIN[at, 2] - 0.0125), 0.05)
    way = ClearWay(ExactModel(ARM), Scene((ball,), margin=MARGIN), own_body=True)
    return way.pace(CHAIN, off if np.ndim(off) else np.full(ARM.joints, off))


@pytest.mark.parametrize('clearance', (0.006, 0.02, 0.1))
def test_an_arm_slows_down_the_less_it_is_clear_of_what_it_may_be_off_by(clearance):
    paces = [pace(clearance, ratio * clearance) for ratio in (0.0, 0.4, 0.55, 0.7, 0.9, 1.5)]
    assert paces[0] == paces[1] == 1.0
    assert paces[1:] == sorted(paces[1:], reverse=True) and len(set(paces[1:])) == 5
    assert 0.0 < paces[-1] < 0.1  # it creeps


def test_the_pace_has_no_jumps():
    offs = np.linspace(0.0, 0.1, 400)
    for paces in ([pace(0.03, off) for off in offs], [pace(off, 0.03) for off in offs]):
        assert np.abs(np.diff(paces)).max() < 0.05


def test_no_more_than_half_the_margin_counts_for_nothing():
    for clearance in (-0.01, 0.0, 0.001):
        assert pace(clearance, 0.5 * MARGIN) == 1.0
        assert pace(clearance, 0.6 * MARGIN) < 1.0


def test_an_element_that_is_off_far_from_everything_slows_nothing_down():
    off = np.zeros(ARM.joints)
    off[35:] = 0.05
    assert pace(0.03, off) == 1.0
    off[20] = 0.05
    assert pace(0.03, off) < 0.1
