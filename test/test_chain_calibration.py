# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the calibration of any serial chain, on arms whose truth is known."""

from dataclasses import replace

from arms import ARMS, random_angles, URDFS
import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.cli import main
from snake_arm_control.errors import RecordingError
from snake_arm_control.training import calibration_report
from snake_arm_control.training.chain_calibration import calibrate_chain
from snake_arm_control.training.measured_chain import MeasuredChain
from snake_arm_control.training.samples import Samples
from snake_arm_control.training.tables import read_table

SEVEN = Arm.from_file(URDFS / 'panda.urdf', tip='panda_hand_tcp')
PLANAR = Arm([replace(link, axes=link.axes[:1]) for link in Arm.uniform(4, 0.1).links],
             Placement((0.0, 0.0, 0.1)))
KINDS = {name: ARMS[name] for name in ('panda', 'so101', 'random 0', 'random 3', 'uniform of 2')}
TRACKER = Placement((2.0, -1.0, 0.5), (0.3, -0.2, 2.0)).matrix


def true_chain(arm, seed=0, size=1.0):
    """Return the chain of an arm that is not quite as described."""
    described = MeasuredChain.described(arm)
    generator = np.random.default_rng(seed)
    sizes = np.full(described.size, 0.02)
    sizes[:6 * (arm.joints + 1)] = np.tile(
        np.repeat((0.02 * arm.length / arm.joints, 0.02), 3), arm.joints + 1)
    return described.moved(size * sizes * generator.normal(size=described.size))


def measured(chain, count=60, seed=0, noise=0.0, known=None, axes=True):
    """Return samples of a chain: what was measured of it at random angles."""
    angles = random_angles(chain.arm, (count,), seed, 0.8)
    chains = chain.chain(angles)
    chains += noise * np.random.default_rng(seed + 1).normal(size=chains.shape)
    if known is not None:
        unknown = [j for j in range(chain.arm.joints) if j not in known]
        chains[:, unknown] = np.nan
    if not axes:
        chains[..., 3:] = np.nan
    return Samples(np.arange(float(count)), angles, chains)


def tool_errors(chain, truth, seed=5):
    """Return distances [m] of two chains' tools at angles of their own."""
    angles = random_angles(truth.arm, (100,), seed, 0.8)
    return np.linalg.norm((chain.chain(angles) - truth.chain(angles))[:, -1, :3], axis=-1)


@pytest.mark.parametrize('arm', KINDS.values(), ids=KINDS)
def test_the_described_chain_is_the_arms(arm):
    angles = random_angles(arm, (10,))
    np.testing.assert_allclose(MeasuredChain.described(arm).chain(angles),
                               forward_kinematics(arm, angles), atol=1e-12)


@pytest.mark.parametrize('arm', KINDS.values(), ids=KINDS)
def test_the_derivatives_equal_finite_differences(arm):
    chain, angles = true_chain(arm), random_angles(arm, (3,))
    slopes = chain.derivatives(*chain.place(angles))
    for k in range(chain.size):
        step = 1e-6 * np.eye(chain.size)[k]
        expected = (chain.moved(step).chain(angles) - chain.moved(-step).chain(angles)) / 2e-6
        np.testing.assert_allclose(slopes[..., k], expected, atol=1e-8)


@pytest.mark.parametrize('arm', KINDS.values(), ids=KINDS)
def test_whole_chains_without_noise_give_the_truth(arm):
    """At any angles, for hinges and slides, also where joints follow others; so does the URDF."""
    truth = true_chain(arm)
    found = calibrate_chain(arm, measured(truth))
    angles = random_angles(arm, (50,), 7, 0.8)
    np.testing.assert_allclose(found.chain.chain(angles), truth.chain(angles), atol=1e-5)
    np.testing.assert_allclose(forward_kinematics(found.arm, angles), truth.chain(angles),
                               atol=1e-5)


def test_the_tool_alone_gives_the_tool_in_a_trackers_frame_by_a_marker_anywhere():
    """Although neither the base in that frame nor the marker on the tool is known."""
    moved = true_chain(SEVEN).moved(np.zeros(true_chain(SEVEN).size))
    transforms = moved.transforms.copy()
    transforms[0] = TRACKER @ transforms[0]
    transforms[-1] = transforms[-1] @ Placement((0.05, 0.08, -0.03)).matrix
    truth = replace(moved, transforms=transforms)
    seen = measured(truth, 200, noise=1e-4, known=[SEVEN.joints - 1], axes=False)
    found = calibrate_chain(SEVEN, seen, tracker=True, marker=True)
    assert tool_errors(found.chain, truth).mean() < 2e-4
    assert found.arm.tool == SEVEN.tool and found.arm.links[0].placement == \
        SEVEN.links[0].placement
    assert 'base in the frame of the tracker' in calibration_report.table(found)


def test_what_is_not_measured_stays_as_described():
    """In a plane nothing tells where joints are along their axes, nor the turns of the tool."""
    truth = true_chain(PLANAR)
    seen = measured(truth, 100, known=[3], axes=False)
    found = calibrate_chain(PLANAR, seen)
    assert found.directions < len(found.change)
    assert (found.change[found.known < 1e-12] == 0.0).all()
    tool_turns = slice(6 * PLANAR.joints + 3, 6 * PLANAR.joints + 6)
    assert (found.change[tool_turns] == 0.0).all() and (found.known[tool_turns] == 0.0).all()
    said = calibration_report.table(found)
    assert 'stay as described' in said and 'not determined at all: turn of tool0' in said
    assert tool_errors(found.chain, truth).max() < 1e-4


def test_a_right_description_stays():
    """Measured with noise, the arm as it is described moves by no more than the noise."""
    truth = MeasuredChain.described(SEVEN)
    found = calibrate_chain(SEVEN, measured(truth, 200, noise=1e-3))
    assert tool_errors(found.chain, truth).mean() < 1e-3


def test_outliers_change_little():
    """A tenth of the poses half an arm off costs less than the noise of one pose."""
    truth = true_chain(SEVEN)
    seen = measured(truth, 300, noise=1e-3, known=[SEVEN.joints - 1], axes=False)
    wild = seen.chains.copy()
    wild[::10] += 0.5 * np.random.default_rng(3).normal(size=wild[::10].shape)
    found = calibrate_chain(SEVEN, replace(seen, chains=wild))
    assert tool_errors(found.chain, truth).mean() < 1e-3


@pytest.mark.parametrize('count', (3, 10, 30, 100, 300))
@pytest.mark.parametrize('seed', range(3))
def test_more_is_right_than_before_however_few_were_measured(count, seed):
    """On what is held out, the calibrated arm is no worse than the described one."""
    truth = true_chain(SEVEN, seed)
    seen = measured(truth, count, seed, noise=1e-3, known=[SEVEN.joints - 1], axes=False)
    found = calibrate_chain(SEVEN, seen)
    before, after = found.errors(measured(truth, 200, seed + 50))
    assert after < before


def test_what_no_likely_geometry_explains_is_refused():
    seen = measured(true_chain(SEVEN))
    seen.chains[..., pose.POSITION] = 3.0 * np.random.default_rng(0).normal(
        size=seen.chains[..., pose.POSITION].shape)
    with pytest.raises(RecordingError, match='no likely geometry'):
        calibrate_chain(SEVEN, seen)
    with pytest.raises(RecordingError, match='no pose'):
        calibrate_chain(SEVEN, replace(seen, chains=np.full_like(seen.chains, np.nan)))


# Tables


def write(path, arm, samples, links):
    """Write the positions of some links as a table."""
    columns = dict(zip(arm.joint_names, arm.flat(samples.angles).T))
    for name in links:
        chain = samples.chains[:, arm.goal_numbers[name] - 1]
        columns |= {f'{name}.{axis}': chain[:, k] for k, axis in enumerate('xyz')}
    if path.suffix == '.npz':
        np.savez(path, **columns)
    else:
        rows = [','.join(columns), *(','.join(map(repr, map(float, row)))
                                     for row in zip(*columns.values()))]
        path.write_text('\n'.join(rows))


@pytest.mark.parametrize('suffix', ('.npz', '.csv'))
def test_tables_come_back(tmp_path, suffix):
    seen = measured(true_chain(SEVEN), known=[SEVEN.joints - 1], axes=False)
    write(tmp_path / f'seen{suffix}', SEVEN, seen, [SEVEN.tip])
    read = read_table(tmp_path / f'seen{suffix}', SEVEN)
    np.testing.assert_array_equal(read.angles, seen.angles)
    np.testing.assert_array_equal(read.chains, seen.chains)


def test_orientations_come_from_quaternions(tmp_path):
    arm = Arm.uniform(2)
    turned = np.tile((0.1, 0.2, 0.3, 0.0, 0.0, np.sin(0.5), np.cos(0.5)), (4, 1))
    np.savez(tmp_path / 'seen.npz', time=np.arange(4.0), tool0=turned,
             **dict.fromkeys(arm.joint_names, np.zeros(4)))
    tool = read_table(tmp_path / 'seen.npz', arm).chains[:, -1]
    np.testing.assert_allclose(tool[0], pose.from_euler(0.0, 0.0, 1.0, (0.1, 0.2, 0.3)))


@pytest.mark.parametrize('text, message', [
    ('', 'it is empty'), ('a,b', 'columns of'), ('joint_1_x\n0', 'no column joint_1_y'),
    ('joint_1_x,joint_1_y\n0,0', 'no pose'), ('joint_1_x,joint_1_y\n0', 'line 2 has 1 values'),
    ('joint_1_x,joint_1_y\n0,no', 'no'), ('joint_1_x,joint_1_y,tool0.x\n0,,1', 'row 1'),
    ('joint_1_x,joint_1_y,tool0.x\n0,0,1', 'some columns of a pose and not the others'),
    ('joint_1_x,joint_1_y,tool0.x,tool0.y,tool0.z,time\n0,0,1,1,1,2\n0,0,1,1,1,1', 'times')])
def test_tables_that_can_not_be_meant_are_refused(tmp_path, text, message):
    (tmp_path / 'seen.csv').write_text(text)
    with pytest.raises(RecordingError, match=message):
        read_table(tmp_path / 'seen.csv', Arm.uniform(1))


# The command


def test_the_command_writes_a_calibrated_urdf_and_says_what_it_is_worth(tmp_path, capsys):
    truth = true_chain(SEVEN)
    seen = measured(truth, 200, noise=1e-4, known=[SEVEN.joints - 1], axes=False)
    write(tmp_path / 'seen.csv', SEVEN, seen, [SEVEN.tip])
    arguments = ['calibrate', '--arm', str(URDFS / 'panda.urdf'), '--tip-link', SEVEN.tip,
                 '--data', str(tmp_path / 'seen.csv'), '--out', str(tmp_path / 'new.urdf')]
    assert main(arguments) == 0
    assert 'samples held out' in capsys.readouterr().out
    found = Arm.from_file(tmp_path / 'new.urdf')
    angles = random_angles(SEVEN, (50,), 9, 0.8)
    off = (forward_kinematics(found, angles) - truth.chain(angles))[:, -1, pose.POSITION]
    assert np.linalg.norm(off, axis=-1).mean() < 5e-4


def test_an_arm_that_gets_no_better_is_not_written(tmp_path, capsys):
    """Of a right description, noise alone teaches nothing."""
    right = MeasuredChain.described(SEVEN)
    for name, seen in (('seen', measured(right, 5, noise=3e-3, known=[4], axes=False)),
                       ('other', measured(right, 100, seed=1, known=[4], axes=False))):
        write(tmp_path / f'{name}.npz', SEVEN, seen, [SEVEN.tip])
    assert main(['calibrate', '--arm', str(URDFS / 'panda.urdf'), '--data',
                 str(tmp_path / 'seen.npz'), '--held-out', str(tmp_path / 'other.npz'),
                 '--out', str(tmp_path / 'new.urdf')]) == 1
    assert 'nothing is written' in capsys.readouterr().err
    assert not (tmp_path / 'new.urdf').exists()
