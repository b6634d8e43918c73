# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The rate and the cost of the closed loop over a real DDS."""

from snake_arm_control.bench import loop_cost, loop_rate


def test_in_lockstep_the_loop_turns_faster_than_its_timer(monkeypatch):
    """By far, like the echo beside it; what is reported is what was measured."""
    timer = 10.0  # [Hz]
    monkeypatch.setattr(loop_rate, 'SETTINGS', (*loop_rate.SETTINGS, f'controller.rate={timer}'))
    lines = []
    measured = loop_rate.measure(seconds=1.0, report=lines.append)
    assert set(measured) == {'loop', 'echo'}
    for line, rates in zip(lines[1:], measured.values()):
        assert min(rates['one_process'], rates['processes']) > 3.0 * timer
        assert line.split()[-2:] == [f'{rate:.0f}' for rate in rates.values()]


def test_a_goal_that_moves_costs_each_node_more_than_rest():
    """At a rate at which no tick is missed, however busy the machine is with other tests."""
    lines = []
    measured = loop_cost.measure(seconds=2.0, rate=50.0, report=lines.append)
    assert set(measured) == {'moving', 'busy', 'rest'}
    for node in 'controller', 'simulator':
        assert measured['moving']['cpu'][node] > 2.0 * measured['rest']['cpu'][node]
    for case in measured['moving'], measured['busy']:
        assert 0.0 <= case['late'] <= 1.0 and 0.0 < case['delay'][0] <= case['delay'][1]
