# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The true arm that tendons bend, in MuJoCo."""

import numpy as np
import pytest

pytest.importorskip('mujoco')

from snake_arm_control.arm.description import Arm  # noqa: E402
from snake_arm_control.arm.engines import make_true_arm  # noqa: E402
from snake_arm_control.arm.kinematics import forward_kinematics  # noqa: E402
from snake_arm_control.arm.mujoco_tendons import MujocoTendonArm  # noqa: E402
from snake_arm_control.arm.simulation import MUJOCO, SimulationSettings  # noqa: E402
from snake_arm_control.errors import ShapeError  # noqa: E402
from snake_arm_control.training.samples import Samples  # noqa: E402
from snake_arm_control.training.tendon_calibration import calibrate_tendons  # noqa: E402

ARM = Arm.from_file('tendon')
WEIGHTLESS = SimulationSettings(engine=MUJOCO, gravity=0.0)


def settled(arm, angles, now=0.0, seconds=1.5):
    """Return the pose chain where an arm comes to rest, and the time."""
    arm.advance(now)
    arm.command(angles, now)
    for _ in range(round(seconds / 0.1)):
        now += 0.1
        arm.advance(now)
    return arm.true_chain(), now


def test_the_settings_name_the_engine():
    assert isinstance(make_true_arm(ARM, WEIGHTLESS), MujocoTendonArm)


def test_straight_it_is_where_the_kinematics_are():
    arm = MujocoTendonArm(ARM, WEIGHTLESS)
    np.testing.assert_allclose(arm.true_chain(), forward_kinematics(ARM, ARM.rest), atol=1e-4)


def test_it_bends_as_tendons_and_springs_do_but_not_exactly():
    """Another simulation of the same arm: within a twentieth of its length, and not the same."""
    arm, now = MujocoTendonArm(ARM, WEIGHTLESS), 0.0
    for values in np.random.default_rng(0).uniform(-0.7, 0.7, (4, ARM.dof)):
        found, now = settled(arm, ARM.shaped(values), now)
        off = np.linalg.norm((found - forward_kinematics(ARM, ARM.shaped(values)))[-1, :3])
        assert 1e-4 < off < 0.015


def test_weight_bends_it_down_and_a_payload_more():
    """Bent aside, it hangs lower with gravity than without."""
    aside = ARM.shaped(np.array((0.8, -0.4, -0.4, 0.6, -0.6, 0.1, 0.1, -0.6, 0.5)))
    heights = [settled(MujocoTendonArm(ARM, SimulationSettings(
        engine=MUJOCO, gravity=gravity, payload=payload)), aside)[0][-1, 2]
        for gravity, payload in ((0.0, 0.0), (9.81, 0.0), (9.81, 0.1))]
    assert heights[0] > heights[1] + 1e-4 > heights[2] + 2e-4


def test_encoders_read_the_pulleys_within_their_limits():
    arm = MujocoTendonArm(ARM, WEIGHTLESS)
    settled(arm, ARM.shaped(np.full(ARM.dof, 9.0)))
    np.testing.assert_array_equal(arm.angles, ARM.upper)
    with pytest.raises(ShapeError, match='where it is'):
        arm.true_chain(ARM.rest)


def test_stopped_it_stays_until_it_is_released():
    arm = MujocoTendonArm(ARM, WEIGHTLESS)
    before, now = settled(arm, ARM.shaped(np.full(ARM.dof, 0.2)))
    arm.stop()
    stopped, now = settled(arm, ARM.shaped(np.linspace(-0.5, 0.5, ARM.dof)), now)
    np.testing.assert_allclose(stopped, before, atol=1e-6)
    arm.stop(False)
    arm.advance(now + 0.01)
    moved, _ = settled(arm, ARM.shaped(np.linspace(-0.5, 0.5, ARM.dof)), now + 0.01)
    assert np.abs(moved - before).max() > 0.01


def test_calibration_learns_it_to_a_millimetre_from_where_it_came_to_rest():
    """Of tips alone, and of an arm that is not what the calibration takes it for."""
    arm, now, chains = MujocoTendonArm(ARM, SimulationSettings(engine=MUJOCO)), 0.0, []
    angles = ARM.shaped(np.random.default_rng(1).uniform(-0.7, 0.7, (120, ARM.dof)))
    for each in angles:
        chain, now = settled(arm, each, now, 0.6)
        chains.append(chain)
    chains = np.array(chains)
    chains[:, :-1], chains[..., 3:] = np.nan, np.nan
    samples = Samples(np.arange(120.0), angles, chains)
    before, after = calibrate_tendons(ARM, samples.part(slice(90))).errors(
        samples.part(slice(90, None)))
    assert before > 2e-3 and after < 1e-3
