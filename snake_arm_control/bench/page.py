# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The page on speed, written from what the bench has measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
import textwrap
from typing import Any

import numpy as np

from snake_arm_control.bench.goal_race import METHODS
from snake_arm_control.experiments import goal_families

_HEAD = """# Speed

`snake-arm bench --page docs/speed.md` measures all of this and writes this page. The peers come
with `pip install '.[bench]'`; those that are not installed are left out.

```bash
snake-arm bench --only cost --compile
snake-arm bench --only goals --families AC --methods lm,pink
snake-arm bench --only goals --methods lm-exact,lm-numpy --arm robot.urdf --tip-link tool0
snake-arm bench --only loop
```
"""
PARTS = 'cost', 'goals', 'throughput'  # of `run`, that the page has
_PICTURE = 'speed.png'
_WIDTH = 99  # of the text
_ALL = 0.9995  # of the goals, rounded


def write(result: dict[str, Any], page: Path) -> None:
    """
    Write the page, with its picture beside it.

    :param result: of the bench; what it lacks is left out
    """
    parts = {'cost': _cost, 'goals': _goals, 'throughput': _throughput, 'loop': _loop,
             'loop_cost': _loop_cost}
    lines = [_HEAD, *_machine(result)]
    for name, part in parts.items():
        if name in result:
            lines += ['', *part(result[name])]
    if 'cost' in result:
        draw(result['cost'], page.with_name(_PICTURE))
    page.write_text('\n'.join(lines) + '\n')


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield f'| {" | ".join(head)} |'
    yield '|' + '---|' * len(head)
    for row in rows:
        yield f'| {" | ".join(row)} |'


def _machine(result: dict[str, Any]) -> Iterator[str]:
    versions = ', '.join(f'{name} {version}' for name, version in result['versions'].items())
    text = (f'{result["machine"]["processor"]}, one thread but where it says otherwise; an arm of '
            f'{result["joints"]} joints. {versions[0].upper()}{versions[1:]}.')
    yield textwrap.fill(text, _WIDTH)


def _cost(cost: dict[str, Any]) -> Iterator[str]:
    names = {'iteration': 'forward pass and input gradient', 'gradient': 'gradient alone',
             'tool_rows': 'nine Jacobian rows of the tool', 'jacobian': 'all Jacobian rows',
             'configurations': 'sixteen configurations at once',
             'torch': 'torch autograd on the same network, eager',
             'torch_compile': 'torch.compile of the same network'}
    yield '## An iteration\n'
    yield from _table(('', 'ms', 'times an iteration'), (
        (name, f'{cost[key]["median"]:.3f}',
         f'{cost[key]["median"] / cost["iteration"]["median"]:.1f}')
        for key, name in names.items() if key in cost))
    fit = cost['joints_fit']
    yield (f'\nEach further joint takes {1e3 * fit["ms_per_joint"]:.1f} us, from '
           f'{min(map(int, cost["joints"]))} to {max(map(int, cost["joints"]))}.')
    yield f'\n![time by joints and by configurations]({_PICTURE})'


def _goals(goals: dict[str, Any]) -> Iterator[str]:
    methods = [name for name in METHODS
               if any('ms' in family.get(name, ()) for family in goals.values())]
    yield '## Time to goal\n'
    yield ('Median time and, below it, 95th percentile of `solve` [ms] from the straight arm, '
           'true poses fed back,\n1 mm and 1 degree; in brackets what is reached, where that is '
           'not all. Every peer has the exact\nkinematics of the arm.\n')
    yield from _table(
        ('', *goals), ((f'{METHODS[name].label}', *(
            _timed(family.get(name, {})) for family in goals.values())) for name in methods))
    yield ''
    for letter in goals:
        yield f'- {letter}: {goal_families.FAMILIES[letter]}'
    counts = {METHODS[name].label: family[name]['goals'] for family in goals.values()
              for name in methods if 'goals' in family.get(name, ())}
    text = ', '.join(f'{label} {count}' for label, count in counts.items())
    yield '\n' + textwrap.fill(f'Goals of a family: {text}.', _WIDTH)
    yield '\nIterations (median):\n'
    yield from _table(
        ('', *goals), ((METHODS[name].label, *(
            f'{family[name]["iterations"]:.0f}' if 'ms' in family.get(name, ()) else ''
            for family in goals.values())) for name in methods))


def _timed(found: dict[str, Any]) -> str:
    if 'ms' not in found:
        return ''
    missed = '' if found['reached'] > _ALL else f' ({100.0 * found["reached"]:.3g} %)'
    return f'{found["ms"]:.2f}<br>{found["ms_95"]:.2f}{missed}'


def _throughput(families: dict[str, Any]) -> Iterator[str]:
    yield '## Goals a second\n'
    yield ('`solve_many`, the start of its processes included, true poses fed back to the learned '
           'model; Pinocchio by\nthe same solver in numpy, one goal after the other.\n')
    yield from _table(
        ('', 'one core', 'all cores'),
        ((f'{family}, {name}', f'{rates["one"]:.0f}',
          f'{rates["all"]:.0f}' if 'all' in rates else '')
         for family, methods in families.items() for name, rates in methods.items()))


def _loop(loop: dict[str, Any]) -> Iterator[str]:
    yield '## The closed loop\n'
    yield ("The loop through DDS by the paper's rule, each command of 80 angles answered by 40 "
           'true poses before\nthe next; round trips a second:\n')
    yield from _table(('', 'nodes in one process', 'one process each'), (
        (name, f'{loop[key]["one_process"]:.0f}', f'{loop[key]["processes"]:.0f}')
        for key, name in (('loop', 'controller, simulator and forward model'),
                          ('echo', 'a bare echo of the same messages, two nodes'))))
    yield ('\nHow fast the arm itself moves is set by its [limits](controller.md#motion), not by '
           'this.')


def _loop_cost(cases: dict[str, Any]) -> Iterator[str]:
    names = {'moving': 'a goal that moves', 'rest': 'at rest',
             'busy': 'the same, one core kept busy by something else'}
    yield 'At its usual 200 Hz, each node a process [% of a core]:\n'
    nodes = list(cases['rest']['cpu'])
    yield from _table(('', *nodes), (
        (names[key], *(f'{100.0 * case["cpu"][node]:.0f}' for node in nodes))
        for key, case in cases.items()))
    yield ''
    for key, case in cases.items():
        if 'delay' in case:
            median, high = case['delay']
            yield (f'- {names[key]}: {case["commands"]:.0f} commands a second, '
                   f'{100.0 * case["late"]:.1f} % of them late; from a true pose to the next '
                   f'command {median:.1f} ms, {high:.1f} ms for the slowest 1 %.')


def draw(cost: dict[str, Any], path: Path) -> None:
    """Draw the cost by joints and by configurations."""
    from matplotlib.figure import Figure
    figure = Figure((9.0, 3.6), layout='constrained')
    by_joints, by_batch = figure.subplots(1, 2)
    fit = cost['joints_fit']
    joints = np.array(list(cost['joints']), dtype=float)
    by_joints.plot(joints, list(cost['joints'].values()), 'o')
    by_joints.plot(joints, fit['ms_per_joint'] * joints + fit['ms_offset'], '-', linewidth=1,
                   label=f'{1e3 * fit["ms_per_joint"]:.2f} us a joint, '
                   f'R² = {fit["r_squared"]:.4f}')
    by_joints.set(xlabel='joints', ylabel='time of an iteration [ms]', xlim=(0, None),
                  ylim=(0, None))
    by_joints.legend()
    batches = np.array(list(cost['batch']), dtype=float)
    by_batch.plot(batches, np.array(list(cost['batch'].values())) / batches, 'o-')
    by_batch.set(xlabel='configurations at once', ylabel='time for each [ms]', xscale='log',
                 ylim=(0, None))
    by_batch.set_xscale('log', base=2)
    figure.savefig(path, dpi=120)
