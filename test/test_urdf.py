# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the generated URDF: other readers find the same arm in it as our kinematics."""

import io
from pathlib import Path
import shutil
import subprocess
from xml.etree import ElementTree

from arms import ARMS as ANY, random_angles
import numpy as np
import pytest
from transforms3d.axangles import axangle2mat

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text

COMMITTED = Path(__file__).parent.parent / 'urdf' / 'snake_arm.urdf'
ARMS = (Arm.uniform(1), Arm.uniform(2, segment_length=0.1), Arm.uniform(7, angle_limit=1.0),
        Arm())


@pytest.fixture(params=ARMS, ids=lambda arm: f'{arm.joints}-joints')
def arm(request):
    return request.param


def read(arm):
    yourdfpy = pytest.importorskip('yourdfpy')
    return yourdfpy.URDF.load(io.BytesIO(urdf_text(arm).encode()), load_meshes=False)


def frames_of(robot, arm, angles):
    """
    Return where a reader has every link (4, 4), in the arm's base, at some angles.

    It is asked for each link in its parent: a way of many links takes it seconds.
    """
    robot.update_cfg(arm.named(angles))
    frames = {robot.base_link: np.eye(4)}
    for joint in robot.robot.joints:  # parents first
        frames[joint.child] = frames[joint.parent] @ robot.get_transform(joint.child, joint.parent)
    to_base = np.linalg.inv(frames[arm.base])
    return {name: to_base @ frame for name, frame in frames.items()}


def expected_frames(arm, angles):
    """Return every frame that the URDF should have, in base_link: name -> (4, 4)."""
    rotations, positions = pose.to_matrix(forward_kinematics(arm, angles))
    frames = {'base_link': np.eye(4), 'tool0': transform(rotations[-1], positions[-1])}
    rotation, position = np.eye(3), np.zeros(3)
    for j in range(1, arm.joints + 1):
        turn_x = axangle2mat((1, 0, 0), angles[j - 1, 0])
        frames[f'hinge_{j}'] = transform(rotation @ turn_x, position)
        frames[f'link_{j}'] = transform(rotations[j - 1], position)
        rotation, position = rotations[j - 1], positions[j - 1]
    return frames


def transform(rotation, position):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, position
    return matrix


def test_every_link_is_where_the_kinematics_puts_it(arm):
    robot, generator = read(arm), np.random.default_rng(0)
    for _ in range(5):
        angles = generator.uniform(-arm.upper[0, 0], arm.upper[0, 0], (arm.joints, 2))
        frames, expected = frames_of(robot, arm, angles), expected_frames(arm, angles)
        assert set(frames) == set(robot.link_map) == set(expected)
        for name, frame in expected.items():
            np.testing.assert_allclose(frames[name], frame, atol=1e-9, err_msg=name)


def test_every_chain_element_is_a_segment_length_along_its_link(arm):
    angles = np.random.default_rng(7).uniform(-0.7, 0.7, (arm.joints, 2))
    frames = frames_of(read(arm), arm, angles)
    far_end = transform(np.eye(3), (0.0, 0.0, arm.segment_length))
    assert len(arm.link_names) == arm.joints
    ends = np.array([frames[name] @ far_end for name in arm.link_names])
    np.testing.assert_allclose(pose.from_matrix(ends[:, :3, :3], ends[:, :3, 3]),
                               forward_kinematics(arm, angles), atol=1e-9)


@pytest.mark.parametrize('any_arm', ANY.values(), ids=ANY)
def test_an_arm_to_urdf_and_back_is_equal(any_arm):
    assert Arm.from_urdf(urdf_text(any_arm)) == any_arm


@pytest.mark.parametrize('changed', (
    {'rest': {'joint_1_x': 0.2}}, {'base': 'stand', 'tip': 'claw'},
    {'mount': Placement((0.1, 0, 2), (3, 0, 0))},
    {'mount': Placement((0, 0, 1)), 'rest': {'joint_2_y': -0.1}}))
def test_what_urdf_has_no_words_for_is_kept_too(changed):
    plain = Arm.uniform(2, acceleration_limit=3.0)
    arm = Arm(plain.links, plain.tool, **changed)
    assert Arm.from_urdf(urdf_text(arm)) == arm != plain


def test_an_arm_that_ends_in_what_looks_like_a_gripper_keeps_it():
    links = (Link('a', axes=(Axis('p'),)),
             Link('finger', Placement((0, 0, 1)), (Axis('grip', slides=True, lower=0, upper=1),)))
    arm = Arm(links, tip='finger')
    assert Arm.from_urdf(urdf_text(arm)) == arm


def test_the_text_is_plain_urdf_unless_that_is_not_enough():
    assert '<snake_arm' not in urdf_text(Arm())
    assert '<snake_arm' in urdf_text(Arm(Arm().links, Arm().tool, rest={'joint_1_x': 0.1}))


@pytest.mark.parametrize('any_arm', ANY.values(), ids=ANY)
def test_other_readers_find_the_chain_of_any_arm_where_the_kinematics_puts_it(any_arm):
    angles = random_angles(any_arm)
    frames = frames_of(read(any_arm), any_arm, angles)
    chain = forward_kinematics(any_arm, angles)
    for j, link in enumerate(any_arm.link_names[:-1]):
        far_end = transform(np.eye(3), any_arm.links[j + 1].placement.xyz)
        frame = frames[link] @ far_end
        np.testing.assert_allclose(chain[j], pose.from_matrix(frame[:3, :3], frame[:3, 3]),
                                   atol=1e-9, err_msg=link)
    tip = frames[any_arm.tip]
    np.testing.assert_allclose(chain[-1], pose.from_matrix(tip[:3, :3], tip[:3, 3]), atol=1e-9)


def test_names_that_the_urdf_needs_give_way_to_the_arms_own():
    links = (Link('hinge_1', axes=(Axis('joint_tool0'), Axis('q', (1, 0, 0)))),)
    arm = Arm(links, Placement((0, 0, 1)))
    assert Arm.from_urdf(urdf_text(arm)) == arm


def test_moving_joints_are_the_arms_angles_in_order_with_its_exact_limits(arm):
    robot = ElementTree.fromstring(urdf_text(arm))
    joints = [joint for joint in robot.iter('joint') if joint.get('type') == 'revolute']
    assert tuple(joint.get('name') for joint in joints) == arm.joint_names
    for joint in joints:
        limit = joint.find('limit')
        assert float(limit.get('lower')) == -arm.upper[0, 0]
        assert float(limit.get('upper')) == arm.upper[0, 0]
        assert float(limit.get('velocity')) == arm.velocity_limits[0, 0]
        assert float(limit.get('effort')) > 0.0


def test_only_the_moved_links_have_mass(arm):
    for link in ElementTree.fromstring(urdf_text(arm)).iter('link'):
        fixed = link.get('name') in ('base_link', 'tool0')
        assert (link.find('inertial') is None) == fixed


def test_moments_of_inertia_are_those_of_a_possible_body(arm):
    """None is positive but no two together smaller than the third."""
    for inertia in ElementTree.fromstring(urdf_text(arm)).iter('inertia'):
        low, middle, high = sorted(float(inertia.get(key)) for key in ('ixx', 'iyy', 'izz'))
        assert low > 0.0
        assert low + middle >= high


def test_every_tenth_joint_has_a_colour_of_its_own():
    robot = ElementTree.fromstring(urdf_text(Arm()))
    colour = {link.get('name'): link.find('visual/material').get('name')
              for link in robot.iter('link') if link.find('visual') is not None}
    marked = [j for j in range(1, 41) if colour[f'link_{j}'] == 'marked']
    assert marked == [10, 20, 30, 40]
    assert colour['link_1'] != colour['link_2']
    assert colour['link_1'] == colour['link_3']


def test_a_link_collides_with_what_is_seen_of_it():
    robot = ElementTree.fromstring(urdf_text(Arm.uniform(joints=3)))
    solid = [link for link in robot.iter('link') if link.find('visual') is not None]
    assert len(solid) == 6
    for link in solid:
        for part in 'origin', 'geometry':
            seen, collides = (ElementTree.tostring(link.find(f'{purpose}/{part}')).strip()
                              for purpose in ('visual', 'collision'))
            assert seen == collides


def test_the_name_of_the_robot_is_the_callers_and_escaped():
    name = 'left & "right"'
    assert ElementTree.fromstring(urdf_text(Arm.uniform(joints=1), name)).get('name') == name


def test_committed_urdf_is_the_generators():
    assert COMMITTED.read_text() == urdf_text(Arm()), 'run: snake-arm urdf > urdf/snake_arm.urdf'


def test_check_urdf_accepts_it(arm, tmp_path):
    if shutil.which('check_urdf') is None:
        pytest.skip('check_urdf is not installed (Debian and Ubuntu: liburdfdom-tools)')
    path = tmp_path / 'arm.urdf'
    path.write_text(urdf_text(arm))
    checked = subprocess.run(('check_urdf', path), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert 'root Link: base_link has 1 child(ren)' in checked.stdout
