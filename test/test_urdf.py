# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the generated URDF: other readers find the same arm in it as our kinematics."""

import math
from pathlib import Path
import shutil
import subprocess
from xml.etree import ElementTree

from arms import ARMS as ANY, random_angles
import numpy as np
import pytest
from transforms3d.axangles import axangle2mat
from urdf_readers import READERS

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.arm.urdf_solids import FRAME_MASS, HINGE_MASS, SEGMENT_MASS

COMMITTED = Path(__file__).parent.parent / 'urdf' / 'snake_arm.urdf'
ARMS = (Arm.uniform(1), Arm.uniform(2, segment_length=0.1), Arm.uniform(7, angle_limit=1.0),
        Arm())


@pytest.fixture(params=ARMS, ids=lambda arm: f'{arm.joints}-joints')
def arm(request):
    return request.param


@pytest.fixture(params=READERS, ids=READERS)
def reader(request):
    """Return the class of a reader, of those that are installed."""
    pytest.importorskip(request.param)
    return READERS[request.param]


def in_base(frames, arm):
    """Return frames (4, 4) by link, in the base of an arm in place of the root."""
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


@pytest.mark.parametrize('world', (False, True), ids=('base', 'world'))
def test_every_reader_finds_every_link_where_the_kinematics_puts_it(arm, reader, world):
    """In the base, also where a world is the root; nothing is left out."""
    robot, generator = reader(urdf_text(arm, world=world)), np.random.default_rng(0)
    for _ in range(5):
        angles = generator.uniform(-arm.upper[0, 0], arm.upper[0, 0], (arm.joints, 2))
        frames = in_base(robot.frames(arm.named(angles)), arm)
        for name, frame in expected_frames(arm, angles).items():
            np.testing.assert_allclose(frames[name], frame, atol=1e-6, err_msg=name)


@pytest.mark.parametrize('world', (False, True), ids=('base', 'world'))
def test_every_reader_finds_the_joints_with_their_limits_and_the_mass(arm, reader, world):
    """Mere frames weigh next to nothing, and nobody puts a kilogram in their place."""
    robot = reader(urdf_text(arm, world=world))
    assert sorted(robot.limits) == sorted(arm.joint_names)
    np.testing.assert_allclose([robot.limits[name] for name in arm.joint_names],
                               np.transpose((arm.lower.ravel(), arm.upper.ravel())), rtol=1e-6)
    assert robot.mass == pytest.approx(arm.joints * (SEGMENT_MASS + HINGE_MASS),
                                       abs=2.1 * FRAME_MASS)


def bends(arm):
    """Yield angles (joints, axes): none, then each joint bent as far as it goes, to any side."""
    generator = np.random.default_rng(0)
    yield arm.rest
    for _ in range(10):
        yield arm.bent(generator.choice((-1.0, 1.0), arm.rest.shape) * (generator.random() < 0.9))


@pytest.mark.parametrize('limit', (math.pi / 4, math.pi / 2), ids=('45', '90'))
def test_neighbours_never_touch_however_far_a_joint_is_bent(limit):
    """Two segments, so that no others can."""
    pytest.importorskip('mujoco')
    arm = Arm.uniform(2, angle_limit=limit)
    robot = READERS['mujoco'](urdf_text(arm))
    for angles in bends(arm):
        robot.bend(arm.named(angles))
        assert not robot.data.ncon
    assert robot.model.ngeom == 4


def test_a_bent_arm_without_gravity_stays_where_it_is():
    pytest.importorskip('mujoco')
    arm = Arm()
    robot = READERS['mujoco'](urdf_text(arm))
    robot.bend(dict.fromkeys(arm.joint_names, 0.3))
    before = robot.data.qpos.copy()
    for _ in range(200):
        robot.library.mj_step(robot.model, robot.data)
    np.testing.assert_allclose(robot.data.qpos, before, atol=1e-6)


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
def test_a_reader_finds_the_chain_of_any_arm_where_the_kinematics_puts_it(any_arm):
    pytest.importorskip('yourdfpy')
    angles = random_angles(any_arm)
    frames = in_base(READERS['yourdfpy'](urdf_text(any_arm)).frames(any_arm.named(angles)),
                     any_arm)
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


@pytest.mark.parametrize('any_arm', ANY.values(), ids=ANY)
def test_every_link_but_the_root_has_mass(any_arm):
    """KDL refuses a root that has some; Gazebo drops what hangs on one without, but a world."""
    for world, roots in (False, ['base_link']), (True, ['world']):
        arm = Arm(any_arm.links, any_arm.tool, rest=dict(any_arm.rest_positions))
        robot = ElementTree.fromstring(urdf_text(arm, world=world))
        assert [link.get('name') for link in robot.iter('link')
                if link.find('inertial') is None] == roots


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


def test_what_collides_lies_within_what_is_seen():
    """It is a part of that, so that neighbours have room."""
    for link in ElementTree.fromstring(urdf_text(Arm.uniform(joints=3))).iter('link'):
        seen, solid = link.find('visual'), link.find('collision')
        assert (seen is None) == (solid is None)
        if seen is not None:
            assert seen.find('origin').attrib == solid.find('origin').attrib
            (seen,), (solid,) = seen.find('geometry'), solid.find('geometry')
            assert seen.tag == solid.tag
            assert all(0.0 < float(solid.get(size)) <= float(seen.get(size))
                       for size in seen.keys())


def test_ros2_control_gets_a_position_interface_for_each_joint():
    """And other readers pass over it."""
    arm = ANY['random 1']
    text = urdf_text(arm, plugin='mock_components/GenericSystem')
    control = ElementTree.fromstring(text).find('ros2_control')
    assert control.find('hardware/plugin').text == 'mock_components/GenericSystem'
    assert [joint.get('name') for joint in control.iter('joint')] == list(arm.joint_names)
    for joint in control.iter('joint'):
        assert [each.get('name') for each in joint.iter('command_interface')] == ['position']
        assert [each.get('name') for each in joint.iter('state_interface')] == [
            'position', 'velocity']
    assert Arm.from_urdf(text) == arm


@pytest.mark.parametrize('any_arm', ANY.values(), ids=ANY)
def test_a_world_above_the_base_changes_no_arm(any_arm):
    assert Arm.from_urdf(urdf_text(any_arm, world=True)) == any_arm


def test_the_name_of_the_robot_is_the_callers_and_escaped():
    name = 'left & "right"'
    assert ElementTree.fromstring(urdf_text(Arm.uniform(joints=1), name)).get('name') == name


def test_committed_urdf_is_the_generators():
    assert COMMITTED.read_text() == urdf_text(Arm(), world=True), (
        'run: snake-arm urdf > urdf/snake_arm.urdf')


@pytest.mark.parametrize('root', ('base_link', 'world'))
def test_check_urdf_accepts_it(arm, root, tmp_path):
    if shutil.which('check_urdf') is None:
        pytest.skip('check_urdf is not installed (Debian and Ubuntu: liburdfdom-tools)')
    path = tmp_path / 'arm.urdf'
    path.write_text(urdf_text(arm, world=root == 'world'))
    checked = subprocess.run(('check_urdf', path), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert f'root Link: {root} has 1 child(ren)' in checked.stdout
