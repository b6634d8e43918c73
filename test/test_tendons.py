# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Arms that tendons bend: where they rest, how that changes, and how they are described."""

from dataclasses import replace
import pickle

import numpy as np
import pytest
from rig import Rig, UNLIKE

from snake_arm_control.arm.arm_yaml import read_yaml
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian
from snake_arm_control.arm.prefix import prefixed, prefixed_urdf
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.cli import main
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import ArmError, DescriptionError, WeightsError
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.normal_form import NormalForm

ARM = Arm.from_file('tendon')
ONE = """
segments: [{count: 4, alike: true, axes: [x, y], length: 0.025, limits: 0.5}]
tendons:
  pulley: 0.01
  limits: 1.0
  stiffness: 1.0e-9
  softness: 1.0e-5
  each: [{at: [0.01, 0.0]}, {at: [-0.01, 0.0]}, {at: [0.0, 0.01]}, {at: [0.0, -0.01]}]
"""


def described(text):
    return Arm(*read_yaml(text))


def pulled(arm, count, seed=0, most=0.6):
    """Return random angles (count, joints, axes) [rad] of an arm's pulleys."""
    values = np.random.default_rng(seed).uniform(-most, most, (count, arm.dof))
    return arm.shaped(values)


def energy(tendons, values, bends):
    """Return the energy of bends, by the integral of each tendon's pull up to its stretch."""
    levers, stiffness = np.array(tendons.levers), np.array(tendons.stiffness)
    pull = np.array([p.ratio for p in tendons.pulleys]) * values + [
        p.offset for p in tendons.pulleys]
    total = 0.5 * stiffness @ bends ** 2
    for stretch in pull - levers @ bends:
        at = np.linspace(-0.1, stretch, 20001)
        total += np.trapezoid(0.5 * (at + np.sqrt(at ** 2 + 4.0 * tendons.softness ** 2)), at)
    return total


def test_an_arm_rests_where_its_energy_is_least():
    tendons, generator = ARM.tendons, np.random.default_rng(0)
    for values in generator.uniform(-1.0, 1.0, (5, ARM.dof)):
        rest = tendons.bend(values)[0]
        least = energy(tendons, values, rest)
        for _ in range(20):
            assert energy(tendons, values, rest + 0.01 * generator.normal(size=6)) > least


def test_the_slopes_are_those_of_where_it_rests():
    values = np.random.default_rng(1).uniform(-1.0, 1.0, (20, ARM.dof))
    _, slopes = ARM.tendons.bend(values)
    for k, step in enumerate(1e-5 * np.eye(ARM.dof)):
        after, before = (ARM.tendons.bend(values + sign * step)[0] for sign in (1.0, -1.0))
        np.testing.assert_allclose(slopes[..., k], (after - before) / 2e-5, atol=1e-6)


def test_opposite_tendons_of_a_soft_arm_bend_it_by_what_they_are_pulled_over_their_lever():
    """One radian of a pulley of the tendon's own radius is one radian of the section."""
    arm = described(ONE)
    angles = arm.shaped(np.array((0.4, -0.4, 0.1, -0.1)))
    bent = arm.joint_angles(angles)
    np.testing.assert_allclose(bent, np.tile((-0.1, 0.4), (4, 1)) / 4 * [[1], [0], [0], [0]],
                               atol=1e-4)  # the other joints follow the first
    tool = forward_kinematics(arm, angles)[-1]
    assert tool[0] > 0.0 and tool[1] > 0.0  # towards the tendons that are pulled


def test_a_tendon_can_not_push():
    """Let go as far as one likes, a slack tendon moves nothing any more."""
    arm = described(ONE.replace('1.0e-9', '1.0e-5'))
    slack, slacker = (arm.joint_angles(arm.shaped(np.array((0.2, one, 0.0, 0.0))))
                      for one in (-0.5, -1.0))
    np.testing.assert_allclose(slack, slacker, atol=1e-3)
    taut = arm.joint_angles(arm.shaped(np.array((0.2, 0.2, 0.0, 0.0))))
    np.testing.assert_allclose(taut, 0.0, atol=1e-9)


def test_a_tendon_bends_every_section_that_it_passes_and_none_beyond():
    """Where the others are slack: tendons that are held let no section bend alone."""
    for tendon, through in ((0, 1), (4, 2), (8, 3)):
        slack = np.full(ARM.dof, -2.0)
        slack[tendon] = 0.8
        bends = np.linalg.norm(ARM.tendons.bend(slack)[0].reshape(3, 2), axis=1)
        assert (bends[:through] > 0.02).all() and (bends[through:] < 0.001).all()
    held = ARM.tendons.bend(0.8 * np.eye(ARM.dof)[0])[0].reshape(3, 2)
    assert (np.linalg.norm(held, axis=1) > 0.005).all()


def test_chain_gradient_and_rows_of_the_model_are_those_of_the_kinematics():
    """Derivatives by pulleys against finite differences, for a batch and from any row on."""
    model, angles = ForwardModel.exact(ARM), pulled(ARM, 3)
    there = model.linearize(angles)
    np.testing.assert_array_equal(there.chain, forward_kinematics(ARM, angles))
    found = jacobian(ARM, there.chain, angles)
    for k, step in enumerate(ARM.shaped(1e-5 * np.eye(ARM.dof))):
        after, before = (forward_kinematics(ARM, angles + sign * step) for sign in (1.0, -1.0))
        np.testing.assert_allclose(ARM.flat(found)[..., k], (after - before) / 2e-5, atol=2e-6)
    joints, components = np.array((29, 29, 12)), np.array((0, 4, 2))
    for first in (0, 2):
        np.testing.assert_allclose(there.jacobian_rows(joints, components, first),
                                   found[:, joints, components, first:], atol=1e-12)
    pull = np.random.default_rng(2).normal(size=there.chain.shape)
    np.testing.assert_allclose(there.gradient(pull),
                               np.einsum('bjc,bjcka->bka', pull, found), atol=1e-10)
    with pytest.raises(IndexError):
        there.jacobian_rows(joints, components, 31)


def test_goals_are_reached_within_the_limits_of_the_pulleys():
    tight = replace(ARM.tendons, pulleys=tuple(
        replace(pulley, lower=-0.7, upper=0.7) for pulley in ARM.tendons.pulleys))
    arm = Arm(ARM.links, ARM.tool, tendons=tight)
    model = ForwardModel.exact(arm)
    for angles in pulled(arm, 5, seed=3):
        goal = Goal.tool(position=forward_kinematics(arm, angles)[-1, :3], joints=arm.joints)
        found = solve(goal, arm.rest, model)
        assert found.converged and (np.abs(found.angles) <= 0.7).all()
        assert not found.angles[~arm.free].any()


def test_a_true_arm_of_other_measures_is_brought_to_its_goal_by_feedback():
    """The control loop, in the angles of pulleys: 5 % longer, and pulleys 2 degrees off."""
    rig = Rig(ExactModel(ARM), simulation=UNLIKE)
    place = forward_kinematics(ARM, pulled(ARM, 1, seed=4)[0])[-1, :3]
    approach = rig.pursue(Goal.tool(position=place, joints=ARM.joints), 5.0)
    assert approach.end < 3e-4


def test_an_arm_comes_back_from_its_urdf_its_weights_file_and_a_pickle():
    rested = Arm(ARM.links, ARM.tool, rest={'tendon_2': 0.1}, tendons=ARM.tendons)
    for arm in (ARM, rested, described(ONE)):
        assert Arm.from_urdf(urdf_text(arm)) == arm
        assert pickle.loads(pickle.dumps(arm)) == arm
        model = ForwardModel.exact(arm)
        assert ForwardModel.from_bytes(model.to_bytes(), arm).predict(arm.rest).tolist() == (
            model.predict(arm.rest).tolist())
    assert Arm.from_urdf(urdf_text(ARM.jointed)) == ARM.jointed
    assert len({ARM.fingerprint, rested.fingerprint, ARM.jointed.fingerprint}) == 3


def test_prefixes_are_put_before_tendons_too():
    left = prefixed(ARM, 'left_', '')
    assert left.joint_names[0] == 'left_tendon_1'
    assert Arm.from_urdf(prefixed_urdf(urdf_text(ARM), 'left_', '')) == left


def test_joints_are_not_named_as_angles_where_tendons_bend_them():
    assert ARM.dof == 9 and ARM.jointed.dof == 6 and ARM.rest.shape == (30, 2)
    assert ARM.named(ARM.angles_from({'tendon_3': 0.5, 'joint_1_x': 0.1}))['tendon_3'] == 0.5
    with pytest.raises(ArmError, match='tendon_10'):
        ARM.angles_from({'tendon_10': 0.0})


def test_the_command_shows_tendons_with_their_limits(capsys):
    assert main(['arm', 'tendon']) == 0
    said = capsys.readouterr().out
    assert 'tendon_2  10 mm   -114.6 deg to 114.6 deg  114.6 deg/s  joint_1_x joint_1_y' in said
    assert 'does not serve: the arm is bent by tendons' in said


def test_no_plugin_is_asked_to_command_joints_that_tendons_bend(capsys):
    assert main(['urdf', '--arm', 'tendon', '--ros2-control', 'mock/System']) == 1
    assert 'mock/System' in capsys.readouterr().err


def test_a_network_does_not_serve_tendons():
    with pytest.raises(WeightsError, match='tendons'):
        NormalForm.of(ARM)
    with pytest.raises(WeightsError):
        ForwardModel.load(None, ARM)


@pytest.mark.parametrize('before, after, message', [
    ('pulley: 0.01', 'pulley: 0', 'pulley 0'), ('limits: 1.0', 'limits: no', 'limits of tendon 1'),
    ('stiffness: 1.0e-9', 'stiffness: [1.0, 1.0]', '1 sections'),
    ('stiffness: 1.0e-9', 'stiffness: -1.0', 'a stiffness'),
    ('softness: 1.0e-5', 'softness: 0.0', 'softness'),
    ('{at: [0.0, 0.01]}', '{at: [0.0]}', 'tendon 3 is at'),
    ('{at: [0.0, 0.01]}', '{at: [0.0, 0.01], through: 2}', 'through 2 sections'),
    ('{at: [0.0, 0.01]}', '{at: [0.0, 0.01], name: joint_1_x}', 'two joints are called'),
    ('{at: [0.0, 0.01]}', '{at: [0.0, 0.01], turns: 3}', 'turns'),
    ('each: [', 'each: 3  # [', 'each of the tendons'),
    ('alike: true', 'alike: 3', 'alike of segment 1'),
    ('axes: [x, y]', 'axes: x', '4 at most'), ('axes: [x, y]', 'axes: z, slide: true', 'slides')])
def test_tendons_that_can_not_be_are_refused(before, after, message):
    text = ONE.replace(before, after)
    if message == '4 at most':
        text = text.replace('each: [', 'each: [{at: [0.0, 0.0]}, ')
    assert text != ONE
    with pytest.raises((ArmError, DescriptionError), match=message):
        described(text)


def test_joints_that_are_alike_need_no_tendons():
    arm = described('segments: [{count: 3, alike: true, axes: [x, y], length: 0.1, limits: 1.0}]')
    assert arm.joint_names == ('joint_1_x', 'joint_1_y')
    bent = forward_kinematics(arm, arm.shaped(np.array((0.0, 0.2))))
    assert bent[-1, 3] == pytest.approx(np.sin(0.6))
