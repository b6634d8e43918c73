# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The bench of arms that sag."""

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.bench import sagging


def test_a_short_recording_mends_an_arm_that_sags(monkeypatch):
    """Without the tracker it is ten times as accurate as by its description, and says so."""
    monkeypatch.setattr(sagging, 'SECONDS', 8.0)
    monkeypatch.setattr(sagging, 'LAWS', {'elastic': SimulationSettings(compliance=0.05)})
    said = []
    result = sagging.measure(Arm.uniform(5, 0.1), count=6, report=said.append)['elastic']
    for described, compensated in zip(result['as described'], result['compensated']):
        assert compensated[0] < 0.1 * described[0]
    assert len(said) == 1 + len(result)


def test_play_is_recorded_and_mended_by_what_is_learned(monkeypatch):
    """The tracker is believed where play throws the arm, and the law halves what is left."""
    monkeypatch.setattr(sagging, 'SECONDS', 8.0)
    monkeypatch.setattr(sagging, 'LAWS', {
        'with backlash': SimulationSettings(compliance=0.02, backlash=0.03)})
    result = sagging.measure(Arm.uniform(5, 0.1), count=6, report=lambda line: None)
    found = result['with backlash']
    for compensated, learned in zip(found['compensated'], found['compensated and learned']):
        assert learned[0] < 0.5 * compensated[0]
