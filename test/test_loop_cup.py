# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of what is kept on the way: a cup that the tool holds upright does not tip."""

import math

import numpy as np
import pytest
from rig import Rig

from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import State
from snake_arm_control.experiments.scenarios import scenario

POSITIONS = ((0.45, 0.2, 0.55), (0.3, -0.3, 0.6), (0.5, 0.1, 0.3), (-0.2, 0.4, 0.5),
             (0.1, 0.5, 0.6), (0.4, -0.2, 0.4), (0.2, 0.2, 0.7), (-0.4, -0.1, 0.5),
             (0.0, -0.45, 0.5), (0.35, 0.35, 0.4))
PHASES = (0.0, 0.4, 0.8, 0.2, 0.6, 0.1, 0.5, 0.9, 0.3, 0.7)


def cups(arm):
    return [Goal.tool(position=position, up=(0.0, 0.0, 1.0)) for position in POSITIONS]


def ellipse(arm):
    """Return figure 3 at ten phases, far apart: the tool points into the plane of an ellipse."""
    return [scenario('fig3').goal_at(arm, phase, 1.0) for phase in PHASES]


@pytest.mark.parametrize('goals', (cups, ellipse), ids=('cup', 'figure 3'))
def test_an_axis_that_all_goals_ask_for_stays_within_two_degrees_on_the_way(learned, goals):
    """Of ten positions in turn, from a pose in which it is as asked for."""
    first, *others = goals(learned.arm)
    rig, tilts = Rig(learned), []
    rig.loop.set_goal(first)
    rig.run_to(State.REACHED)
    rig.rest(0.5)
    for goal in (*others, first):
        rig.loop.set_goal(goal)
        for _ in range(1000):
            rig.tick()
            tilts.append(rig.errors(goal)[1])
            if rig.state is State.REACHED and rig.errors(goal)[0] <= 1e-3:
                break
        assert rig.errors(goal)[0] <= 1e-3
    assert np.max(tilts) <= math.radians(2.0)
    rig.assert_kept()
