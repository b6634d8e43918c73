# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The bench of models of a measured tendon-driven robot, on data of one that is simulated."""

from dataclasses import replace
import json

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.cli import main

ARM = Arm.from_file('opencr')
MOTIONS = 10


def write(path, seed):
    """Write what a robot did that has slack unlike the described one."""
    generator, tendons = np.random.default_rng(seed), ARM.tendons
    slack = np.random.default_rng(9).uniform(-5e-4, 5e-4, 9).tolist()
    true = Arm(ARM.links, ARM.tool, tendons=replace(tendons, pulleys=tuple(
        replace(pulley, offset=each) for pulley, each in zip(tendons.pulleys, slack))))
    ends = generator.uniform(-0.4, 0.4, (MOTIONS, 9))
    values = (ends[:, None] * np.linspace(0.0, 1.0, 12)[:, None]).reshape(-1, 9)
    tips = forward_kinematics(true, true.shaped(values))[:, -1, :3]
    names = ['timestamp', 'pattern_label', *(f'{name}_mm' for name in ARM.joint_names),
             'tip_x', 'tip_y', 'tip_z']
    rows = [[k, f'motion_{k // 12}', *(10.0 * value), *(1e3 * tip)]
            for k, (value, tip) in enumerate(zip(values, tips))]
    path.write_text('\n'.join(','.join(map(str, row)) for row in [names, *rows]))


@pytest.fixture(scope='module')
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    write(folder / 'train.csv', 0)
    write(folder / 'val.csv', 1)
    assert main(['bench', '--only', 'tendons', '--data', str(folder), '--json',
                 str(folder / 'result.json')]) == 0
    return json.loads((folder / 'result.json').read_text())['tendons']


def test_of_an_arm_with_slack_tendons_the_model_of_tendons_is_the_best(result):
    models = result['models']
    own = models.pop('tendons and springs')
    assert own['test']['raw'] < 0.3 and own['folds']['raw'] < 0.5  # [mm]
    assert all(other['test']['centred'] > 2.0 * own['test']['centred']
               for other in models.values())


def test_its_tip_is_brought_to_what_was_measured(result):
    errors = result['control']
    assert np.max(errors['with the tip fed back']) < 0.2  # [mm]
    assert np.mean(errors['without feedback']) < 1.0


def test_data_are_asked_for_and_for_nothing_else(capsys):
    assert main(['bench', '--only', 'tendons']) == 1
    assert '--data is None' in capsys.readouterr().err
