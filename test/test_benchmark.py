# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the goals that the bench gives, and small runs of the bench itself."""

import json

import numpy as np
import pytest

from snake_arm_control import cli
from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import ExactModel, forward_kinematics
from snake_arm_control.bench import peers, run as benchmark
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import SettingsError
from snake_arm_control.experiments import goal_families
from snake_arm_control.model.forward_model import ForwardModel

ARM = Arm()
OWN = ['lm', 'momentum', 'lm-exact', 'momentum-exact']


def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize('joints', [1, 2, 7, 40])
def test_configurations_are_within_the_limits_and_as_the_generator_says(joints):
    arm = Arm(joints=joints)
    angles = goal_families.configurations(arm, 20, generator())
    assert angles.shape == (20, joints, 2)
    assert np.abs(angles).max() <= arm.angle_limit
    np.testing.assert_array_equal(angles, goal_families.configurations(arm, 20, generator()))
    bends = np.abs(angles).max(axis=(1, 2)) / arm.angle_limit
    assert bends.max() > 2 * bends.min()


def test_every_other_configuration_is_smooth():
    """Neighbouring joints of a smooth one bend alike, those of a crooked one don't."""
    angles = goal_families.configurations(ARM, 40, generator())
    roughness = (np.abs(np.diff(angles, axis=1)).max(axis=(1, 2))
                 / np.abs(angles).max(axis=(1, 2)))
    assert roughness[1::2].max() < 0.35 < 1.0 < roughness[::2].min()


@pytest.mark.parametrize('joints', [1, 2, 3, 40])
@pytest.mark.parametrize('family', goal_families.FAMILIES)
def test_every_goal_is_the_masked_chain_of_a_configuration(family, joints):
    """So it can be reached, and cares for what the family says."""
    arm = Arm(joints=joints)
    cared = goal_families.mask(family, joints)
    angles = goal_families.configurations(arm, 6, generator())
    if family == 'E':
        angles[:, joints - max(joints // 4, 1) + 1:] = 0.0
    goals = goal_families.goals(family, arm, 6, generator())
    for goal, chain in zip(goals, forward_kinematics(arm, angles)):
        np.testing.assert_array_equal(goal.cared, cared)
        assert goal.position_error(chain) < 1e-12
        assert goal.axis_error(chain) < 1e-7
        assert peers.reached(goal, chain)


def test_families_care_for_what_they_say():
    counts = {family: int(goal_families.mask(family, 40).sum())
              for family in goal_families.FAMILIES}
    assert counts == {'A': 3, 'B': 6, 'C': 9, 'D': 11, 'E': 33, 'F': 360}
    assert np.flatnonzero(goal_families.mask('D', 40)[19]).tolist() == [0, 1]
    assert goal_families.mask('B', 40)[39].nonzero()[0].tolist() == [0, 1, 2, 6, 7, 8]
    for goal in goal_families.goals('E', ARM, 4, generator()):
        forward = goal.target[30:, pose.FORWARD]
        np.testing.assert_allclose(forward, np.broadcast_to(forward[-1], (10, 3)), atol=1e-12)


@pytest.mark.parametrize('name', OWN)
def test_each_own_method_reaches_a_goal(name):
    solver = benchmark.METHODS[name].build(ARM, ForwardModel.load())
    goal, = goal_families.goals('B', ARM, 1, generator())
    angles, iterations = solver(goal)
    assert peers.reached(goal, forward_kinematics(ARM, angles))
    assert 0 < iterations < 2000
    assert np.abs(angles).max() <= ARM.angle_limit


@pytest.mark.parametrize('name, package', [
    ('lm-pinocchio', 'pinocchio'), ('pink', 'pink'), ('mink', 'mink'), ('scipy', 'scipy'),
    ('torch', 'torch'), ('pytorch-kinematics', 'pytorch_kinematics'), ('ikpy', 'ikpy')])
def test_each_peer_that_is_installed_reaches_a_goal(name, package):
    pytest.importorskip(package)
    arm = Arm(joints=6)
    solver = benchmark.METHODS[name].build(arm, None)
    family = benchmark.METHODS[name].families[-1] if name != 'ikpy' else 'A'
    goal = goal_families.goals(family, arm, 2, generator())[1]
    angles, _ = solver(goal)
    assert peers.reached(goal, forward_kinematics(arm, angles))


def test_pinocchios_kinematics_are_ours():
    pytest.importorskip('pinocchio')
    angles = goal_families.configurations(ARM, 1, generator())[0]
    ours = ExactModel(ARM).linearize(angles)
    theirs = peers.PinocchioModel(ARM).linearize(angles)
    np.testing.assert_allclose(theirs.chain, ours.chain, atol=1e-12)
    rows = np.nonzero(goal_families.mask('F', 40))
    np.testing.assert_allclose(theirs.jacobian_rows(*rows), ours.jacobian_rows(*rows), atol=1e-12)
    by_chain = generator().standard_normal(ours.chain.shape)
    np.testing.assert_allclose(theirs.gradient(by_chain), ours.gradient(by_chain), atol=1e-10)


def test_a_goal_not_reached_is_told_by_its_index():
    far, near = Goal.tool(position=(0.0, 0.0, 2.0)), Goal.tool(position=(0.0, 0.0, 1.0))
    found = benchmark._try(lambda goal: (np.zeros((40, 2)), 1), ARM, [near, far, near])
    assert found['missed'] == [1]
    assert found['reached'] == pytest.approx(2 / 3)


def test_angles_beyond_the_limits_reach_nothing():
    angles = np.zeros((40, 2))
    angles[0, 0] = 1.01 * ARM.angle_limit
    goal = Goal.tool(position=forward_kinematics(ARM, angles)[-1, pose.POSITION])
    assert benchmark._try(lambda goal: (angles, 1), ARM, [goal])['missed'] == [0]


def test_a_method_without_its_package_says_so(monkeypatch):
    def missing(name):
        raise ImportError(f'No module named {name!r}')
    monkeypatch.setattr(peers, 'package', missing)
    lines = []
    result = benchmark.run(goals=1, parts=['goals'], families='A', methods=['lm', 'pink', 'scipy'],
                           report=lines.append)
    assert result['goals']['A']['lm']['reached'] == 1.0
    assert result['goals']['A']['pink'] == {'missing': "No module named 'pink'"}
    assert any('scipy.optimize' in line for line in lines)


@pytest.mark.parametrize('wrong', [{'parts': ['speed']}, {'families': 'AX'},
                                   {'methods': ['lm', 'fastest']}])
def test_what_is_not_known_is_refused(wrong):
    with pytest.raises(SettingsError, match='speed|X|fastest'):
        benchmark.run(**wrong)


def test_costs_are_measured_and_drawn(monkeypatch, tmp_path):
    """And the whole result is JSON."""
    monkeypatch.setattr(benchmark, 'JOINTS', (2, 4, 8))
    monkeypatch.setattr(benchmark, 'BATCHES', (1, 2))
    result = benchmark.run(parts=['cost'], effort=0.0, report=lambda line: None)
    benchmark.save(result, tmp_path / 'bench.json')
    cost = json.loads((tmp_path / 'bench.json').read_text())['cost']
    assert {'iteration', 'gradient', 'tool_rows', 'jacobian', 'configurations'} <= set(cost)
    for key in ('iteration', 'tool_rows'):
        assert 0.0 < cost[key]['low'] <= cost[key]['median'] <= cost[key]['high']
    assert cost['joints_fit']['r_squared'] <= 1.0
    pytest.importorskip('matplotlib')
    assert benchmark.draw(result, tmp_path / 'pictures').stat().st_size > 1000


def test_the_command_measures_in_one_thread(tmp_path):
    path = tmp_path / 'bench.json'
    assert cli.main(['bench', '--only=goals', '--goals=1', '--families=A', '--methods=lm',
                     f'--json={path}']) == 0
    result = json.loads(path.read_text())
    assert set(result['goals']) == {'A'}
    assert set(result['machine']['threads'].split()) == {'1'}
