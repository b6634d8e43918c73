# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the masses of links, as a URDF has them."""

from arms import ARMS, random_angles, urdf_of
import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.masses import Masses
from snake_arm_control.arm.prefix import prefixed
from snake_arm_control.arm.sag import sagging, SagSettings
from snake_arm_control.errors import DescriptionError

ONE = """<robot name="one"><link name="base"/>
<link name="hand"><inertial><origin xyz="0 0 0.1"/><mass value="2"/></inertial></link>
<link name="finger"><inertial><mass value="{finger}"/></inertial></link><link name="tip"/>
<joint name="a" type="continuous"><parent link="base"/><child link="hand"/><axis xyz="0 1 0"/>
</joint>
<joint name="b" type="fixed"><origin xyz="0.3 0 0"/><parent link="hand"/><child link="finger"/>
</joint>
<joint name="c" type="fixed"><origin xyz="0 0 0.5"/><parent link="hand"/><child link="tip"/>
</joint></robot>"""


@pytest.mark.parametrize('name', ('uniform of 2', 'panda', 'random 0', 'random 3'))
def test_a_generated_arm_weighs_its_rods_and_the_balls_between_axes(name):
    arm = ARMS[name]
    hinges = sum(len(link.axes) > 1 for link in arm.links[1:])  # the first rests on the base
    assert Masses.of(arm).masses.sum() == pytest.approx(0.04 * arm.joints + 0.01 * hinges,
                                                        abs=2e-4)


def test_centres_are_in_the_middle_of_the_rods_wherever_the_arm_is():
    arm = Arm.uniform(6)
    masses, chain = Masses.of(arm), forward_kinematics(arm, random_angles(arm))
    rotations, ends = pose.to_matrix(chain)
    centres = ends + np.einsum('jab,jb->ja', rotations, masses.moments / masses.masses[:, None])
    starts = np.concatenate((np.zeros((1, 3)), ends[:-1]))
    expected = starts + (ends - starts) * 0.6  # a fifth of the mass is the ball of the next joint
    np.testing.assert_allclose(centres[:-1], expected[:-1], atol=1e-12)


def test_a_description_may_say_the_mass_of_a_segment(tmp_path):
    """Where the arm is does not depend on it, so arms that differ by it alone are equal."""
    def described(mass):
        path = tmp_path / 'arm.yaml'
        path.write_text(f'segments: [{{count: 3, axes: x, length: 0.2{mass}}}]')
        return Arm.from_file(path)

    heavy, usual = described(', mass: 0.7'), described('')
    np.testing.assert_allclose(Masses.of(heavy).masses, 0.7, atol=2e-4)
    assert heavy == usual and heavy.fingerprint == usual.fingerprint
    bent = np.full((3, 1), 0.5)
    sags = [np.abs(sagging(arm, bent, SagSettings(compliance=0.01)) - bent).max()
            for arm in (heavy, usual)]
    assert sags[0] > 5.0 * sags[1]
    np.testing.assert_allclose(Masses.of(prefixed(heavy, 'a_', 'b_')).masses, 0.7, atol=2e-4)
    with pytest.raises(DescriptionError, match='mass of link_1'):
        described(', mass: -1')


def test_what_rides_on_a_link_counts_as_its_own():
    masses = Masses.from_urdf(ONE.format(finger=1.0), tip='tip')
    np.testing.assert_allclose(masses.masses, [3.0])
    np.testing.assert_allclose(masses.moments, [[0.3, 0.0, 2.0 * 0.1 - 3.0 * 0.5]])
    np.testing.assert_allclose(masses.with_payload(0.5).masses, [3.5])


def test_a_real_robots_masses_are_its_urdfs():
    masses = Masses.from_urdf(urdf_of('panda'))
    assert masses.masses.sum() > 10.0


@pytest.mark.parametrize('finger', ('x', '-1', 'nan'))
def test_a_mass_that_can_not_be_is_refused_with_its_link(finger):
    with pytest.raises(DescriptionError, match='finger'):
        Masses.from_urdf(ONE.format(finger=finger), tip='tip')
