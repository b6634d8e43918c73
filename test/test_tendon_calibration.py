# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What measurements say of an arm that tendons bend."""

from dataclasses import replace

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.cli import main
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.samples import Samples
from snake_arm_control.training.tendon_calibration import calibrate_tendons

ARM = Arm.from_file('tendon')


def true_arm():
    """Return an arm that is a little unlike its description, everywhere."""
    generator, tendons = np.random.default_rng(0), ARM.tendons
    levers = np.array(tendons.levers)
    levers *= 1.0 + 0.1 * generator.uniform(-1.0, 1.0, levers.shape)
    links = [replace(ARM.links[0], placement=Placement((0.002, -0.003, 0.001), (0.02, 0.03, 0.0))),
             *(replace(link, placement=Placement((0.0, 0.0, 0.0103))) for link in ARM.links[1:])]
    return Arm(links, Placement((0.001, 0.0, 0.014)), tendons=replace(
        tendons, levers=tuple(map(tuple, levers.tolist())), softness=7e-4,
        stiffness=tuple(1.5 * each for each in tendons.stiffness),
        pulleys=tuple(replace(pulley, offset=slack) for pulley, slack in zip(
            tendons.pulleys, generator.uniform(-1e-3, 1e-3, 9).tolist()))))


TRUE = true_arm()


def measured(count, seed, noise=0.0, tip_only=True):
    generator = np.random.default_rng(seed)
    angles = TRUE.shaped(generator.uniform(-0.7, 0.7, (count, TRUE.dof)))
    chains = forward_kinematics(TRUE, angles)
    chains += noise * generator.normal(size=chains.shape)
    if tip_only:
        chains[:, :-1] = np.nan
        chains[..., 3:] = np.nan
    return Samples(np.arange(float(count)), angles, chains)


@pytest.mark.parametrize('tip_only', (True, False))
def test_the_arm_that_was_measured_is_found(tip_only):
    """Few positions of the tip, or whole chains, with noise, at other angles than these."""
    found = calibrate_tendons(ARM, measured(300 if tip_only else 60, 1, 5e-4, tip_only))
    before, after = found.errors(measured(200, 2))
    assert before > 8e-3 and after < 8e-4
    assert Arm.from_urdf(urdf_text(found.arm)) == found.arm
    assert found.noise == pytest.approx(5e-4, rel=0.2)
    assert 'mm long' in found.table()


def test_of_the_right_arm_measurements_change_nothing():
    exact = replace(measured(100, 1), chains=forward_kinematics(
        ARM, measured(100, 1).angles))
    assert calibrate_tendons(ARM, exact).errors(exact)[1] < 1e-7


def test_nothing_measured_is_said():
    samples = measured(5, 1)
    with pytest.raises(RecordingError, match='no pose'):
        calibrate_tendons(ARM, replace(samples, chains=np.full_like(samples.chains, np.nan)))


def test_the_command_calibrates_tendons(tmp_path, capsys):
    samples = measured(300, 1)
    columns = dict(zip(ARM.joint_names, ARM.flat(samples.angles).T))
    np.savez(tmp_path / 'seen.npz', tool0=samples.chains[:, -1, :3], **columns)
    words = ['calibrate', '--arm', 'tendon', '--data', str(tmp_path / 'seen.npz'),
             '--out', str(tmp_path / 'new.urdf')]
    assert main([*words, '--marker']) == 1
    assert 'tendons bend the arm' in capsys.readouterr().err
    assert main(words) == 0
    assert 'mm after' in capsys.readouterr().out
    found, test = Arm.from_file(tmp_path / 'new.urdf'), measured(50, 3)
    off = (forward_kinematics(found, test.angles) - test.chains)[:, -1, :3]
    assert np.linalg.norm(off, axis=-1).max() < 1e-3
