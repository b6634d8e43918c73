# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of how the joints of the true arm give way: elastic, stiffening, and with play."""

import numpy as np
import pytest

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.mujoco_arm import MujocoArm
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings

ARM = Arm.uniform(8, 0.1)
ANGLES = np.random.default_rng(0).uniform(-0.4, 0.4, (8, 2))
GIVE = 0.01  # [rad/(N m)]


def off(**settings):
    """Return how far joints give way (joints, axes) [rad], as their poses show."""
    arm = SimulatedArm(ARM, SimulationSettings(**settings), ANGLES)
    return angles_of(arm.true_chain()) - ANGLES


def angles_of(chain):
    """Return the angles (joints, axes) of a uniform arm at a chain (joints, 9)."""
    up, forward = chain[:, 6:9], chain[:, 3:6]
    turns = np.stack((np.cross(up, forward), up, forward), axis=-1)
    own = np.swapaxes(np.concatenate((np.eye(3)[None], turns[:-1])), -1, -2) @ turns
    return np.stack((np.arctan2(own[:, 2, 1], own[:, 1, 1]),
                     np.arctan2(own[:, 0, 2], own[:, 0, 0])), axis=-1)


def test_elastic_joints_give_way_as_the_model_has_it():
    compliance = Compliance.uniform(ARM, GIVE)
    np.testing.assert_allclose(off(compliance=GIVE), compliance.bent(ANGLES, 20) - ANGLES,
                               atol=1e-9)
    assert np.abs(off(compliance=GIVE)).max() > 1e-3


def test_encoders_do_not_see_it():
    arm = SimulatedArm(ARM, SimulationSettings(compliance=GIVE), ANGLES)
    np.testing.assert_array_equal(arm.angles, ANGLES)


def test_an_arm_without_gravity_does_not_sag():
    np.testing.assert_allclose(off(compliance=GIVE, backlash=0.01, gravity=0.0), 0.0, atol=1e-12)


def test_a_payload_pulls_at_every_joint():
    loaded = Compliance.uniform(ARM, GIVE, Masses.of(ARM).with_payload(0.2))
    np.testing.assert_allclose(off(compliance=GIVE, payload=0.2),
                               loaded.bent(ANGLES, 20) - ANGLES, atol=1e-7)


def test_a_stiffening_joint_gives_way_the_less_the_more_it_is_bent():
    soft, stiff = np.abs(off(compliance=1e-4)), np.abs(off(compliance=1e-4, stiffening=5.0))
    np.testing.assert_allclose(stiff * (1.0 + 5.0 * np.abs(ANGLES)), soft, rtol=0.05)


def test_play_lies_on_the_side_to_which_the_weight_turns_the_joint():
    given = off(backlash=0.01)
    torques = Compliance.uniform(ARM, GIVE).torques(ANGLES)
    np.testing.assert_allclose(given, 0.005 * np.sign(torques), atol=1e-9)


def test_the_servos_of_mujoco_give_way_as_statics_have_it():
    """A spring of a stiffness is a compliance of one over it, with a payload and without."""
    pytest.importorskip('mujoco', reason='the arm with weight needs the extra mujoco')
    for payload in (0.0, 0.3):
        settings = SimulationSettings(engine='mujoco', servo_stiffness=300.0, payload=payload,
                                      servo_damping=10.0)
        arm = MujocoArm(ARM, settings, ANGLES)
        arm.command(ANGLES, 0.0)
        for now in np.arange(0.1, 5.0, 0.1):
            arm.advance(now)
        masses = Masses.of(ARM).with_payload(payload)
        expected = Compliance.uniform(ARM, 1.0 / 300.0, masses).bent(ANGLES, 20)
        assert np.abs(expected - ANGLES).max() > 1e-3
        np.testing.assert_allclose(arm.angles, expected, atol=2e-5)
        np.testing.assert_allclose(arm.true_chain(), forward_kinematics(ARM, expected), atol=1e-4)
