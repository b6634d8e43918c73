# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the arm in MuJoCo: statics, limits, contact, and agreement with the plain one."""

from dataclasses import replace
import math

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.engines import make_true_arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.mujoco_arm import MujocoArm
from snake_arm_control.arm.simulation import (
    KINEMATIC,
    MUJOCO,
    SimulatedArm,
    SimulationSettings,
)
from snake_arm_control.arm.urdf_solids import HINGE_MASS, SEGMENT_MASS, SEGMENT_RADIUS
from snake_arm_control.errors import ArmError, MissingPackageError, ShapeError

pytest.importorskip('mujoco', reason='the arm with weight needs the extra mujoco')

ARM = Arm.uniform(joints=8)
FULL = Arm()
TARGET = np.random.default_rng(0).uniform(-0.3, 0.3, (8, 2))
WEIGHTLESS = SimulationSettings(gravity=0.0)
UNLIKE = SimulationSettings(length_error=0.05, joint_offset=math.radians(2.0))
EARTH = SimulationSettings().gravity


def settled(target, settings=SimulationSettings(), arm=ARM, seconds=3.0):
    """Return an arm that stood still at the end of some seconds after a command."""
    moved = MujocoArm(arm, settings)
    moved.command(target, 0.0)
    run(moved, 0.0, seconds)
    before = moved.angles
    run(moved, seconds, seconds + 0.1)
    np.testing.assert_allclose(moved.angles, before, atol=1e-6)
    return moved


def run(arm, start, end, each=lambda: None):
    """Step an arm through a span of time [s]."""
    for now in np.arange(start, end, 0.01)[1:]:
        arm.advance(now)
        each()
    arm.advance(end)


def torques(arm):
    """Return the torques of the servos (joints, axes) [N m]."""
    return arm._data.qfrc_actuator.reshape(arm.angles.shape)


def weight(arm, angles):
    """Return the potential energy [J] of the masses in the URDF at angles (joints, axes)."""
    ends = np.vstack((np.zeros(3), forward_kinematics(arm, angles)[:, :3]))
    heights = HINGE_MASS * ends[:-1, 2] + SEGMENT_MASS * (ends[:-1, 2] + ends[1:, 2]) / 2.0
    return EARTH * heights.sum()


def weight_torques(arm, angles, step=1e-6):
    """Return the torques (joints, axes) [N m] that hold the weight, by finite differences."""
    torques = np.zeros_like(angles)
    for place in np.ndindex(angles.shape):
        more, less = angles.copy(), angles.copy()
        more[place] += step
        less[place] -= step
        torques[place] = (weight(arm, more) - weight(arm, less)) / (2.0 * step)
    return torques


def nearest_links(chain):
    """Return the least distance [m] of points on links that are no neighbours."""
    ends = np.vstack((np.zeros(3), chain[:, :3]))
    fraction = np.linspace(0.0, 1.0, 11)[:, None]
    points = np.array([a + fraction * (b - a) for a, b in zip(ends, ends[1:])])
    return min(np.linalg.norm(points[i][:, None] - points[j][None], axis=-1).min()
               for i in range(len(points)) for j in range(i + 2, len(points)))


@pytest.mark.parametrize(('engine', 'kind'), ((KINEMATIC, SimulatedArm), (MUJOCO, MujocoArm)))
def test_the_settings_name_the_engine(engine, kind):
    settings = SimulationSettings(engine=engine, length_error=0.1)
    arm = make_true_arm(ARM, settings)
    assert type(arm) is kind and arm.settings == settings


def test_it_has_the_frames_of_the_kinematics():
    for settings in SimulationSettings(), UNLIKE:
        arm = settled(TARGET, settings)
        length = ARM.segment_length * (1.0 + settings.length_error)
        links = [arm._data.body(f'link_{j}') for j in range(1, 9)]
        ends = [link.xpos + length * link.xmat.reshape(3, 3)[:, 2] for link in links]
        np.testing.assert_allclose(arm.true_chain()[:, :3], ends, atol=1e-5)
        np.testing.assert_allclose(arm.true_chain()[:, 3:6],
                                   [link.xmat.reshape(3, 3)[:, 2] for link in links], atol=1e-5)


def test_upright_it_balances():
    arm = settled(np.zeros((40, 2)), arm=FULL, seconds=1.0)
    np.testing.assert_allclose(arm.angles, 0.0, atol=1e-9)


@pytest.mark.parametrize('contact', (False, True))
def test_without_gravity_a_bent_arm_stays_as_it_is(contact):
    """Neighbours overlap, and do not push each other apart."""
    zigzag = np.where(np.arange(8) % 2, 1.0, -1.0)[:, None]
    for start in (np.full((8, 2), 0.3), np.full((8, 2), -0.3), ARM.upper[0, 0] * zigzag,
                  ARM.upper[0, 0] * zigzag * (1.0, -1.0)):
        start = np.broadcast_to(start, (8, 2))
        arm = MujocoArm(ARM, replace(WEIGHTLESS, contact=contact), start)
        run(arm, 0.0, 0.4)
        np.testing.assert_allclose(arm.angles, start, atol=1e-9)


@pytest.mark.parametrize('settings', (
    WEIGHTLESS, replace(UNLIKE, gravity=0.0), replace(WEIGHTLESS, servo_velocity=0.5),
    replace(WEIGHTLESS, servo_lag=0.1)), ids=('ideal', 'unlike', 'slow', 'late'))
def test_without_gravity_it_arrives_at_its_command(settings):
    np.testing.assert_allclose(settled(TARGET, settings).angles, TARGET, atol=1e-5)


def test_it_sags_by_what_statics_predicts():
    """Each servo is off by the torque that holds the weight beyond it over its stiffness."""
    arm = settled(TARGET, SimulationSettings(servo_stiffness=500.0), seconds=8.0)
    expected = weight_torques(ARM, arm.angles)
    np.testing.assert_allclose(torques(arm), expected, atol=1e-4)
    np.testing.assert_allclose(500.0 * (TARGET - arm.angles), expected, atol=1e-4)
    assert np.abs(expected).max() > 0.05


def test_stretched_out_the_tool_of_80_angles_sags_by_20_mm():
    """A beam of springs: the weight per length times length^4 over 8 stiffnesses of a segment."""
    start = np.zeros((40, 2))
    start[:2, 0] = -math.pi / 4
    settings = SimulationSettings()
    arm = settled(start, settings, FULL, seconds=3.0)
    sag = (FULL.joints * 0.05 * EARTH) * FULL.joints / (8.0 * settings.servo_stiffness)
    tool, = (arm.true_chain(start)[-1, :3] - arm.true_chain()[-1, :3])[2:]
    assert tool == pytest.approx(sag, rel=0.1)
    assert sag == pytest.approx(0.0196, abs=1e-4)


@pytest.mark.parametrize('seed', range(3))
def test_whatever_is_commanded_it_stays_within_its_limits_and_settles(seed):
    """Within the give of their stops, with the default servos and sudden commands."""
    generator = np.random.default_rng(seed)
    arm, worst = MujocoArm(ARM), 0.0
    for k in range(10):
        arm.command(generator.uniform(-2.0, 2.0, (8, 2)), 0.2 * k)
        for now in np.arange(0.2 * k, 0.2 * k + 0.2, 0.01):
            arm.advance(now)
            worst = max(worst, np.abs(arm.angles).max() - ARM.upper[0, 0])
    assert worst < 0.1
    run(arm, 2.0, 4.0)
    assert np.abs(arm.angles).max() < ARM.upper[0, 0] + 0.01
    assert np.abs(arm._data.qvel).max() < 1e-3


def test_the_limits_are_those_that_the_encoders_read():
    arm = settled(np.full((8, 2), 1.0), SimulationSettings(gravity=0.0, joint_offset=0.2))
    np.testing.assert_allclose(arm.angles, ARM.upper[0, 0], atol=1e-5)


def test_torques_end_at_the_effort_of_the_urdf():
    arm = MujocoArm(ARM, WEIGHTLESS)
    arm.command(np.full((8, 2), 0.7), 0.0)
    arm.advance(0.01)
    assert np.abs(torques(arm)).max() == pytest.approx(20.0)


def test_it_does_not_matter_how_often_the_clock_is_read():
    often, seldom = (MujocoArm(ARM) for _ in range(2))
    for arm in often, seldom:
        arm.command(TARGET, 0.0)
    for now in np.linspace(0.0, 0.4, 137):
        often.advance(now)
    seldom.advance(0.4)
    often.advance(0.4)
    np.testing.assert_allclose(often.angles, seldom.angles, atol=1e-3)
    assert np.abs(often.angles).max() > 0.1


def test_a_stopped_arm_stands_also_when_it_is_pushed_until_it_is_released():
    arm = settled(TARGET)
    stood, push = arm.angles, np.full((8, 2), 0.2)
    arm.stop()
    arm.push(push)
    arm.command(TARGET, 4.0)
    arm.advance(14.0)
    np.testing.assert_allclose(arm.angles, stood + push, atol=1e-12)
    arm.stop(False)
    run(arm, 14.0, 17.0)
    np.testing.assert_allclose(arm.angles, stood, atol=1e-6)


def test_a_stop_takes_all_velocity():
    arm = MujocoArm(ARM, WEIGHTLESS)
    arm.command(TARGET, 0.0)
    run(arm, 0.0, 0.03)
    assert np.abs(arm._data.qvel).max() > 1.0
    arm.stop()
    stood = arm.angles
    arm.command(stood, 0.04)
    arm.stop(False)
    run(arm, 0.04, 0.1)
    np.testing.assert_allclose(arm.angles, stood, atol=1e-9)


def test_a_clock_that_is_set_back_or_far_ahead_moves_it_by_no_more_than_half_a_second():
    arm, other = MujocoArm(ARM), MujocoArm(ARM)
    for each in arm, other:
        each.command(TARGET, 7200.0)
    arm.advance(3600.0)
    np.testing.assert_array_equal(arm.angles, np.zeros((8, 2)))
    arm.advance(1e6)
    other.advance(7200.5)
    np.testing.assert_allclose(arm.angles, other.angles, atol=1e-3)


def test_links_that_may_touch_keep_their_distance():
    """An arm that is rolled up passes through itself, unless contact is asked for."""
    long = Arm.uniform(joints=24)
    rolled = np.tile((0.36, 0.0), (24, 1))
    distances = []
    for contact in (False, True):
        arm = MujocoArm(long, replace(WEIGHTLESS, contact=contact, servo_stiffness=20.0,
                                      servo_damping=2.0))
        arm.command(rolled, 0.0)
        run(arm, 0.0, 3.0)
        distances.append(nearest_links(arm.true_chain()))
    radius = SEGMENT_RADIUS * long.segment_length
    assert distances[0] < radius < 1.8 * radius < distances[1]


def test_other_settings_leave_the_arm_where_it_is():
    arm = settled(TARGET)
    before = arm.angles
    arm.settings = UNLIKE
    np.testing.assert_allclose(arm.angles, before, atol=1e-12)
    arm.settings = replace(UNLIKE, gravity=0.0)
    run(arm, 3.1, 6.0)
    np.testing.assert_allclose(arm.angles, TARGET, atol=1e-5)


def test_other_settings_do_not_disturb_a_motion():
    changed, other = MujocoArm(ARM), MujocoArm(ARM)
    for arm in changed, other:
        arm.command(TARGET, 0.0)
        run(arm, 0.0, 0.05)
    changed.settings = SimulationSettings(feedback_loss=0.5)
    for arm in changed, other:
        run(arm, 0.05, 0.1)
    np.testing.assert_allclose(changed.angles, other.angles, atol=1e-9)
    assert np.abs(changed._data.qvel).max() > 0.1


@pytest.mark.parametrize('positions', (np.zeros((5, 2)), np.full((8, 2), math.nan)))
def test_a_command_that_is_none_is_refused_and_the_one_before_stays(positions):
    arm = MujocoArm(ARM, WEIGHTLESS)
    arm.command(TARGET, 0.0)
    with pytest.raises(ShapeError, match='positions has shape'):
        arm.command(positions, 0.0)
    run(arm, 0.0, 3.0)
    np.testing.assert_allclose(arm.angles, TARGET, atol=1e-5)


def test_a_start_beyond_the_stops_is_refused():
    with pytest.raises(ArmError, match='beyond the joint limits'):
        MujocoArm(ARM, start=np.full((8, 2), 1.3))


def test_without_mujoco_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr('snake_arm_control.extras.find_spec', lambda name: None)
    with pytest.raises(MissingPackageError, match=r'snake_arm_control\[mujoco\]'):
        MujocoArm(ARM)
