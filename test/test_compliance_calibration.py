# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the calibration of joints that give way, on arms whose truth is known."""

from dataclasses import replace

from arms import ARMS, random_angles, URDFS
import numpy as np
import pytest

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.cli import main
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.training import calibration_report, sagging_chain
from snake_arm_control.training.branch import Branch
from snake_arm_control.training.chain_calibration import calibrate_chain
from snake_arm_control.training.measured_chain import MeasuredChain
from snake_arm_control.training.sagging_chain import SaggingChain
from snake_arm_control.training.samples import Samples

KINDS = {name: ARMS[name] for name in ('panda', 'random 0', 'random 3', 'uniform of 2')}
SNAKE = Arm.uniform(8, 0.1)


def sagging(arm, seed=0, **how):
    """Return a chain that gives way by a few degrees, of another geometry than described."""
    rigid = SaggingChain.rigid(MeasuredChain.described(arm), **how)
    sizes = rigid.expected(np.full(rigid.measured.size, 0.003), random_angles(arm, (20,)))
    generator = np.random.default_rng(seed)
    change = 0.3 * sizes * generator.normal(size=rigid.size)
    change[rigid.measured.size] = 0.5 * sizes[rigid.measured.size]  # that of all joints
    return rigid.moved(change)


def with_branch(chain, weight=1.0, seed=5):
    """Return a chain on whose second link another arm hangs, of links that weigh differently."""
    length = chain.arm.length / 5.0
    arm = Arm.uniform(3, length)
    sizes = np.tile((1.0, length, length, length), 3) * weight * chain.weights.mean()
    loads = sizes * np.random.default_rng(seed).uniform(0.5, 1.5, 12)
    return replace(chain, branch=Branch(arm, 1, loads))


def measured(chain, count=60, seed=0, noise=0.0):
    angles = random_angles(chain.arm, (count,), seed, 0.8)
    branch = getattr(chain, 'branch', None)
    there = None
    if branch is not None:
        there = random_angles(branch.arm, (count,), seed + 2)
        chain = chain.carrying(there)
    chains = chain.chain(angles)
    chains += noise * np.random.default_rng(seed + 1).normal(size=chains.shape)
    return Samples(np.arange(float(count)), angles, chains, branch=there)


@pytest.mark.parametrize('arm', KINDS.values(), ids=KINDS)
@pytest.mark.parametrize('in_tracker', (False, True))
@pytest.mark.parametrize('carries', (False, True), ids=('alone', 'with a branch'))
def test_the_derivatives_equal_finite_differences(arm, in_tracker, carries, monkeypatch):
    """In equilibrium; those by the geometry but for what it changes of the load."""
    monkeypatch.setattr(sagging_chain, 'SWEEPS', 12)
    chain, angles = sagging(arm, in_tracker=in_tracker), random_angles(arm, (3,), 1, 0.8)
    if carries:
        chain = with_branch(chain, 0.05)
        chain = chain.carrying(random_angles(chain.branch.arm, (3,), 4))
    if in_tracker:
        chain = chain.moved(np.concatenate((np.full(6, 0.3), np.zeros(chain.size - 6))))
    slopes = chain.derivatives(*chain.place(angles))
    sizes = chain.expected(np.full(chain.measured.size, 1e-3), angles)
    for k in range(chain.size):
        step = 1e-3 * sizes[k] * np.eye(chain.size)[k]
        expected = (chain.moved(step).chain(angles) - chain.moved(-step).chain(angles)) / 2e-3
        if k < chain.measured.size:
            bent = chain.bent(angles)
            expected = (chain.measured.moved(step[:chain.measured.size]).chain(bent)
                        - chain.measured.moved(-step[:chain.measured.size]).chain(bent)) / 2e-3
        np.testing.assert_allclose(sizes[k] * slopes[..., k], expected,
                                   atol=1e-6 + 1e-5 * np.abs(expected).max())


@pytest.mark.parametrize('arm', KINDS.values(), ids=KINDS)
def test_whole_chains_without_noise_give_the_truth(arm):
    """Geometry and compliance together; the parts of a product of weight and compliance vary."""
    truth = sagging(arm)
    found = calibrate_chain(arm, measured(truth), masses=Masses.of(arm))
    angles = random_angles(arm, (50,), 7, 0.8)
    off = np.abs(found.chain.chain(angles) - truth.chain(angles))
    rigid = np.abs(truth.measured.chain(angles) - truth.chain(angles))
    assert rigid.max() > 1e-3
    assert off.max() < 0.02 * rigid.max()


def test_the_compliance_is_found_where_the_links_are_as_described():
    truth = Compliance.uniform(SNAKE, 0.02)
    rigid = SaggingChain.rigid(MeasuredChain.described(SNAKE))
    change = np.zeros(rigid.size)
    change[rigid.measured.size] = 0.02
    found = calibrate_chain(SNAKE, measured(rigid.moved(change), 100, noise=1e-4),
                            masses=Masses.of(SNAKE)).compliance
    angles = random_angles(SNAKE, (50,), 3, 0.8)
    sag = truth.bent(angles) - angles
    np.testing.assert_allclose(found.bent(angles) - angles, sag, atol=0.05 * np.abs(sag).max())
    assert np.average(found.give, weights=np.abs(truth.torques(angles)).mean(axis=0)
                      ) == pytest.approx(0.02, rel=0.1)


def test_the_tool_alone_in_a_trackers_frame_gives_the_sag():
    """By a marker anywhere; the calibrated arm and its compliance are those of the base."""
    arm = Arm.from_file(URDFS / 'panda.urdf', tip='panda_hand_tcp')
    truth = sagging(arm, in_tracker=True, has_marker=True)
    transforms = truth.transforms.copy()
    transforms[0] = Placement((2.0, -1.0, 0.5), (0.3, -0.2, 2.0)).matrix @ transforms[0]
    transforms[-1] = transforms[-1] @ Placement((0.05, 0.08, -0.03)).matrix
    truth = replace(truth, measured=replace(truth.measured, transforms=transforms))
    seen = measured(truth, 200, noise=1e-4)
    seen.chains[:, :-1] = np.nan
    seen.chains[..., 3:] = np.nan
    errors = [calibrate_chain(arm, seen, True, True, masses).errors(measured(truth, 100, 9))[1]
              for masses in (None, Masses.of(arm))]
    assert errors[1] < 0.2 * errors[0]


def test_another_arm_on_the_same_torso_is_known_by_its_weight():
    """It moves on its own, and the joints that carry both give way under it."""
    truth = with_branch(sagging(SNAKE), 2.0)
    unknown = Branch.unknown(truth.branch.arm, 1, truth.weights.mean())
    seen, held_out = measured(truth, 150, noise=1e-4), measured(truth, 100, 9)
    without = calibrate_chain(SNAKE, seen, masses=Masses.of(SNAKE)).errors(held_out)[1]
    found = calibrate_chain(SNAKE, seen, masses=Masses.of(SNAKE), branch=unknown)
    assert found.errors(held_out)[1] < 0.2 * without
    assert 'gives way' in calibration_report.table(found)


def test_rigid_joints_are_found_rigid():
    rigid = MeasuredChain.described(SNAKE)
    found = calibrate_chain(SNAKE, measured(rigid, noise=1e-4), masses=Masses.of(SNAKE))
    angles = random_angles(SNAKE, (50,), 3, 0.8)
    off = found.compliance.bent(angles) - angles
    assert np.abs(forward_kinematics(SNAKE, angles + off)
                  - forward_kinematics(SNAKE, angles)).max() < 3e-4


def test_what_can_not_be_told_is_said():
    """Weights and compliances are known by their product alone."""
    found = calibrate_chain(SNAKE, measured(sagging(SNAKE)), masses=Masses.of(SNAKE))
    assert found.directions < len(found.change)
    said = calibration_report.table(found)
    assert 'can not be told' in said and 'gives way' in said


def calibrated(folder, seen):
    """Return the model of the snake that the command writes beside the calibrated URDF."""
    columns = dict(zip(SNAKE.joint_names, SNAKE.flat(seen.angles).T))
    for name, number in SNAKE.goal_numbers.items():
        columns |= {f'{name}.{axis}': seen.chains[:, number - 1, k]
                    for k, axis in enumerate('xyz')}
    np.savez(folder / 'seen.npz', **columns)
    (folder / 'snake.urdf').write_text(urdf_text(SNAKE))
    assert main(['calibrate', '--arm', str(folder / 'snake.urdf'), '--compliance', '--data',
                 str(folder / 'seen.npz'), '--out', str(folder / 'new.urdf')]) == 0
    return ForwardModel.load(folder / 'new.safetensors', SNAKE)


def test_the_command_writes_a_model_that_serves_the_arm(tmp_path, capsys):
    """For the arm as it is described."""
    truth, seen = sagging(SNAKE), measured(sagging(SNAKE), 100, noise=1e-4)
    model = calibrated(tmp_path, seen)
    assert 'gives way' in capsys.readouterr().out
    angles = random_angles(SNAKE, (50,), 9, 0.8)
    off = (model.predict(angles) - truth.chain(angles))[:, -1, :3]
    assert model.training_record['samples'] + model.training_record['held_out'] == 100
    assert np.linalg.norm(off, axis=-1).mean() < 1e-3
