# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of goals that a true arm unlike the model's is given."""

from dataclasses import asdict
import math

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.bench import robustness
from snake_arm_control.control.optimiser import InverseSettings

IDEAL = SimulationSettings()


def silent(_):
    pass


def test_what_any_deviation_changes_is_changed_by_all_together_and_nothing_else_is():
    def changed(truth):
        return {name for name, value in asdict(truth).items() if value != asdict(IDEAL)[name]}

    alone = robustness.deviations()
    together = changed(alone.pop(robustness.TOGETHER))
    assert together == set().union(*map(changed, alone.values()))
    assert len(together) >= 6


def test_the_controller_reaches_its_goals_whatever_the_deviation(learned):
    """At the end as well, by the median; and what was measured is plain data."""
    lines = []
    found = robustness.control(learned, poses=0, gains=[0.1], report=lines.append)
    assert set(found) == {'0.1'}
    assert list(found['0.1']) == list(robustness.deviations())
    for row in found['0.1'].values():
        assert (row['goals'], row['reached']) == (1, 1)
        assert InverseSettings().tolerances(learned.arm.length).are_met(
            row['position_error'][0], row['axis_error'][0])
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


def test_a_goal_that_is_never_reached_took_no_time(learned, monkeypatch):
    """Here because the controller sees nothing of the arm."""
    monkeypatch.setattr(robustness, 'DEVIATIONS', {'blind': {'feedback_loss': 1.0}})
    lines = []
    row = robustness.control(learned, poses=0, gains=[1.0], report=lines.append)['1']['blind']
    assert (row['goals'], row['reached'], row['time']) == (1, 0, None)
    assert lines[1].split()[:6] == ['blind', '1', '0', 'of', '1', '-']
