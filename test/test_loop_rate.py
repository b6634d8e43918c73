# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The rate of the closed loop and of the echo beside it, over a real DDS."""

import pytest

from snake_arm_control.bench import loop_rate


@pytest.mark.parametrize('processes', (False, True))
@pytest.mark.parametrize('rate', (loop_rate.loop_rate, loop_rate.echo_rate))
def test_the_loop_and_the_echo_turn(rate, processes):
    """Faster than the controller's own 200 iterations a second: lockstep is what is measured."""
    assert 200.0 < rate(processes, 1.0) < 1e5


def test_rates_are_told_and_kept(monkeypatch):
    monkeypatch.setattr(loop_rate, 'loop_rate', lambda processes, seconds: 900.0 + processes)
    monkeypatch.setattr(loop_rate, 'echo_rate', lambda processes, seconds: 8000.0 + processes)
    lines = []
    assert loop_rate.measure(report=lines.append) == {
        'loop': {'one_process': 900.0, 'processes': 901.0},
        'echo': {'one_process': 8000.0, 'processes': 8001.0}}
    assert '900' in lines[1] and '8001' in lines[2]
