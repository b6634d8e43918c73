# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the goals that the bench gives, and small runs of the bench itself."""

import json
import math
import sys

import numpy as np
import pytest

from snake_arm_control import cli
from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.bench import goal_race, page, run as benchmark
from snake_arm_control.bench.peer import is_reached
from snake_arm_control.bench.pinocchio_model import PinocchioModel
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import SettingsError
from snake_arm_control.experiments import goal_families
from snake_arm_control.experiments.runs import WRONG_ARM
from snake_arm_control.model.exact import ExactModel

ARM = Arm()
OWN = ['lm', 'momentum', 'lm-exact', 'momentum-exact']


def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize('joints', [1, 2, 7, 40])
def test_configurations_are_within_the_limits_and_follow_from_the_generator(joints):
    arm = Arm.uniform(joints=joints)
    angles = goal_families.configurations(arm, 20, generator())
    assert angles.shape == (20, joints, 2)
    assert np.abs(angles).max() <= arm.upper[0, 0]
    np.testing.assert_array_equal(angles, goal_families.configurations(arm, 20, generator()))
    bends = np.abs(angles).max(axis=(1, 2)) / arm.upper[0, 0]
    assert bends.max() > 2 * bends.min()


def test_every_other_configuration_is_smooth():
    """Neighbouring joints of a smooth one bend alike, those of a crooked one don't."""
    angles = goal_families.configurations(ARM, 40, generator())
    roughness = (np.abs(np.diff(angles, axis=1)).max(axis=(1, 2))
                 / np.abs(angles).max(axis=(1, 2)))
    assert roughness[1::2].max() < 0.35 < 1.0 < roughness[::2].min()


@pytest.mark.parametrize('joints', [1, 2, 3, 40])
@pytest.mark.parametrize('family', goal_families.FAMILIES)
def test_every_goal_is_reached_by_a_configuration_within_the_limits(family, joints):
    """And cares for the components of its family."""
    arm = Arm.uniform(joints=joints)
    taken = []

    def chain_of(angles):
        taken.append(angles)
        return forward_kinematics(arm, angles)

    goals = goal_families.goals(family, arm, 6, generator(), chain_of)
    assert goals == goal_families.goals(family, arm, 6, generator())
    for goal, angles in zip(goals, taken):
        assert np.abs(angles).max() <= arm.upper[0, 0]
        np.testing.assert_array_equal(goal.cared, goal_families.mask(family, joints))
        chain = forward_kinematics(arm, angles)
        assert goal.position_error(chain) < 1e-12
        assert goal.axis_error(chain) < 1e-7
        assert is_reached(goal, chain, arm)


def test_goals_of_an_arm_unlike_the_model_are_poses_of_that_arm():
    """Else it could not reach them."""
    true_chain = SimulatedArm(ARM, WRONG_ARM).true_chain
    for goal in goal_families.goals('F', ARM, 2, generator(), true_chain):
        steps = np.linalg.norm(np.diff(goal.target[:, pose.POSITION], axis=0), axis=1)
        np.testing.assert_allclose(steps, 1.05 * ARM.segment_length)


def test_families_care_for_the_components_in_their_name():
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
    solver = goal_race.METHODS[name].build(ARM)
    goal, = goal_families.goals('B', ARM, 1, generator())
    angles, iterations = solver(goal)
    assert is_reached(goal, forward_kinematics(ARM, angles), ARM)
    assert 0 < iterations < 2000
    assert np.abs(angles).max() <= ARM.upper[0, 0]


@pytest.mark.parametrize('name, package', [
    ('lm-pinocchio', 'pinocchio'), ('pink', 'pink'), ('mink', 'mink'), ('placo', 'placo'),
    ('scipy', 'scipy'),
    ('torch', 'torch'), ('pytorch-kinematics', 'pytorch_kinematics'), ('ikpy', 'ikpy')])
def test_each_peer_that_is_installed_reaches_a_goal(name, package):
    pytest.importorskip(package)
    arm = Arm.uniform(joints=6)
    solver = goal_race.METHODS[name].build(arm)
    family = goal_race.METHODS[name].families[-1] if name != 'ikpy' else 'A'
    goal = goal_families.goals(family, arm, 2, generator())[1]
    angles, _ = solver(goal)
    assert is_reached(goal, forward_kinematics(arm, angles), arm)


def test_pinocchios_kinematics_are_ours():
    pytest.importorskip('pinocchio')
    angles = goal_families.configurations(ARM, 1, generator())[0]
    ours = ExactModel(ARM).linearize(angles)
    theirs = PinocchioModel(ARM).linearize(angles)
    np.testing.assert_allclose(theirs.chain, ours.chain, atol=1e-12)
    rows = np.nonzero(goal_families.mask('F', 40))
    np.testing.assert_allclose(theirs.jacobian_rows(*rows), ours.jacobian_rows(*rows), atol=1e-12)
    by_chain = generator().standard_normal(ours.chain.shape)
    np.testing.assert_allclose(theirs.gradient(by_chain), ours.gradient(by_chain), atol=1e-10)


def race(monkeypatch, solver, goals):
    """Return the result of a method on goals of the family A."""
    monkeypatch.setitem(goal_race.METHODS, 'mine',
                        goal_race.Method('mine', lambda arm: solver))
    result = benchmark.run(goals=goals, parts=['goals'], families='A', methods=['mine'],
                           report=lambda line: None)
    return result['goals']['A']['mine']


def exactly(goal):
    found = solve(goal, np.zeros((ARM.joints, 2)), ExactModel(ARM))
    return found.angles, found.iterations


def test_goals_that_a_method_misses_are_listed_by_index(monkeypatch):
    given = []

    def misses_the_second(goal):
        given.extend([] if goal in given else [goal])
        angles, iterations = exactly(goal)
        return angles * (given.index(goal) != 1), iterations

    found = race(monkeypatch, misses_the_second, goals=3)
    assert found['missed'] == [1]
    assert found['reached'] == pytest.approx(2 / 3)


def test_angles_beyond_the_limits_reach_nothing(monkeypatch):
    """Not even where they put the tool at the goal, as whole turns do."""
    def a_turn_further(goal):
        angles, iterations = exactly(goal)
        return angles + 2.0 * math.pi, iterations

    assert race(monkeypatch, exactly, goals=2)['missed'] == []
    assert race(monkeypatch, a_turn_further, goals=2)['missed'] == [0, 1]


def test_a_method_without_its_package_is_reported_as_missing_and_the_others_run(monkeypatch):
    for name in ('pink', 'scipy.optimize'):
        monkeypatch.setitem(sys.modules, name, None)
    lines = []
    result = benchmark.run(goals=1, parts=['goals'], families='A', methods=['pink', 'scipy', 'lm'],
                           report=lines.append)
    assert 'pink' in result['goals']['A']['pink']['missing']
    assert any('scipy.optimize' in line for line in lines)
    assert result['goals']['A']['lm']['reached'] == 1.0


@pytest.mark.parametrize('wrong', [{'parts': ['speed']}, {'families': 'AX'},
                                   {'methods': ['lm', 'fastest']}])
def test_what_is_not_known_is_refused(wrong):
    with pytest.raises(SettingsError, match='speed|X|fastest'):
        benchmark.run(**wrong)


def test_an_iteration_costs_the_more_the_more_joints_and_configurations_it_has(
        monkeypatch, tmp_path):
    """A line describes its time by joints; the whole result is JSON, and is drawn."""
    monkeypatch.setattr(benchmark, 'JOINTS', (4, 400))
    monkeypatch.setattr(benchmark, 'BATCHES', (1, 64))
    result = benchmark.run(parts=['cost'], effort=0.0, report=lambda line: None)
    benchmark.save(result, tmp_path / 'bench.json')
    cost = json.loads((tmp_path / 'bench.json').read_text())['cost']
    assert 0.0 < cost['joints']['4'] < cost['joints']['400']
    assert 0.0 < cost['batch']['1'] < cost['batch']['64']
    line = cost['joints_fit']
    for joints, time in cost['joints'].items():
        assert line['ms_offset'] + line['ms_per_joint'] * int(joints) == pytest.approx(time)
    assert cost['jacobian']['median'] > cost['gradient']['median'] > 0.0
    pytest.importorskip('matplotlib')
    page.write(result, tmp_path / 'speed.md')
    assert (tmp_path / 'speed.png').stat().st_size > 1000
    text = (tmp_path / 'speed.md').read_text()
    assert f'| {cost["tool_rows"]["median"]:.3f} |' in text and '## Time to goal' not in text


def test_the_page_says_what_was_measured_of_goals(tmp_path):
    result = benchmark.run(parts=['goals', 'throughput'], goals=1, families='A',
                           methods=['lm', 'ikpy'], report=lambda line: None)
    page.write(result, tmp_path / 'speed.md')
    text, found = (tmp_path / 'speed.md').read_text(), result['goals']['A']['lm']
    assert f'| learned model, LM | {found["ms"]:.2f}<br>{found["ms_95"]:.2f} |' in text
    assert f'| A, exact | {result["throughput"]["A"]["exact"]["one"]:.0f} |' in text


def test_the_command_measures_in_one_thread(tmp_path):
    path = tmp_path / 'bench.json'
    assert cli.main(['bench', '--only=goals', '--goals=1', '--families=A', '--methods=lm',
                     f'--json={path}']) == 0
    result = json.loads(path.read_text())
    assert set(result['goals']) == {'A'}
    assert set(result['machine']['threads'].split()) == {'1'}
