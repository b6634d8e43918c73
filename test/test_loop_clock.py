# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of stamps and clocks."""

import numpy as np
import pytest
from rig import PERIOD, reachable, Rig, SHORT

from snake_arm_control.control.loop import ControlLoop, State
from snake_arm_control.model.exact import ExactModel


def test_commands_carry_the_stamps_asked_for_as_long_as_these_increase():
    loop = ControlLoop(ExactModel(SHORT))
    loop.start(np.zeros((10, 2)))
    loop.set_goal(reachable())
    wanted = (0, 10, 20, 20, 5, -7, 30, 2 ** 62, 40)
    got = [loop.iterate(k * PERIOD, stamp).stamp for k, stamp in enumerate(wanted)]
    assert got == [1, 10, 20, 21, 22, 23, 30, 2 ** 62, 40]


@pytest.mark.parametrize('back', (0.5, 50.0))
def test_a_clock_set_back_by_more_than_a_second_is_followed(back):
    """By less, stamps go on increasing, and the arm's answers are understood either way."""
    rig = Rig()
    rig.loop.set_goal(reachable())
    *_, last = rig.run(10)
    clock = round((rig.now - back) * 1e9)
    command = rig.loop.iterate(rig.now + PERIOD, clock)
    assert command.stamp == (clock if back > 1.0 else last.stamp + 1)
    assert not rig.loop.answered
    rig.loop.receive(command.stamp, rig.arm.true_chain(command.positions))
    assert rig.loop.answered


def test_one_stamp_far_ahead_does_not_block_the_feedback_after_it():
    rig = Rig()
    rig.loop.set_goal(reachable())
    rig.run(5)
    rig.loop.receive(2 ** 62, rig.arm.true_chain())
    rig.run_to(State.REACHED)
