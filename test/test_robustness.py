# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of goals that a true arm unlike the model's is given."""

import math

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import ExactModel
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.bench import robustness
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.experiments.runs import WRONG_ARM

ARM = Arm()


def silent(_):
    pass


def test_each_deviation_is_tried_alone_and_then_all_together():
    alone, together = robustness.DEVIATIONS, robustness.deviations()['all together']
    assert len(robustness.deviations()) == len(alone) + 1
    for changes in alone.values():
        for name, value in changes.items():
            assert getattr(together, name) == value


def test_goals_are_those_of_the_true_arm():
    """Else no controller could reach each of them."""
    true_chain = SimulatedArm(ARM, WRONG_ARM).true_chain
    drawn = robustness._goals('F', ARM, WRONG_ARM, 2, 0)
    again = robustness._goals('F', ARM, WRONG_ARM, 2, 0)
    assert drawn == again
    model = ExactModel(ARM)
    for goal in drawn:
        steps = np.linalg.norm(np.diff(goal.target[:, :3], axis=0), axis=1)
        np.testing.assert_allclose(steps, 1.05 * ARM.segment_length)
        assert goal.position_error(true_chain(np.zeros((40, 2)))) > 1e-2
        assert goal.position_error(model.linearize(np.zeros((40, 2))).chain) > 1e-2


def test_the_controller_reaches_its_goals_whatever_the_deviation(learned):
    """At the end as well, by the median; and what was measured is plain data."""
    lines = []
    found = robustness.control(learned, poses=0, gains=[0.1], report=lines.append)
    assert set(found) == {'0.1'}
    assert list(found['0.1']) == list(robustness.deviations())
    for row in found['0.1'].values():
        assert (row['goals'], row['reached']) == (1, 1)
        assert InverseSettings().is_reached(row['position_error'][0], row['axis_error'][0])
        assert row['time'][0] < 2.0
    assert len(lines) == 1 + len(found['0.1'])


def test_noise_is_averaged_away_by_the_default_gain_and_not_by_a_gain_of_one(learned, monkeypatch):
    noisy = {'noise': {'position_noise': 1e-3, 'axis_noise': math.radians(0.1)}}
    monkeypatch.setattr(robustness, 'DEVIATIONS', noisy)
    found = robustness.control(learned, poses=0, report=silent)
    median, largest = found['0.1']['noise']['position_error']
    assert median < 0.7e-3 and largest < 1.5e-3
    assert found['1']['noise']['position_error'][1] > 1.5 * largest


def test_without_feedback_no_way_reaches_a_goal_of_a_wrong_arm_and_with_it_every_way(learned):
    rows = robustness.wrong_arms(learned, 2, families='A', report=silent)['A']
    assert rows['exact, without feedback']['reached'] == 0
    assert rows['exact, without feedback']['position_error'][0] > 0.01
    for name in ('ours', 'exact, with the same correction'):
        assert rows[name]['reached'] == 2
        assert rows[name]['position_error'][1] <= 1e-3
        assert 0 < rows[name]['steps'][0] < 30


def test_what_there_is_none_of_has_no_spread():
    assert robustness._spread([], 95) is None
    assert robustness._shown(None, 1.0).strip() == '-'
    assert robustness._spread([1.0, 2.0, 9.0], 100) == (2.0, 9.0)
