# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of reading an arm from the URDF of any robot."""

import math

from arms import NAMES, urdf_of
import numpy as np
import pytest

from snake_arm_control.arm import urdf_chain, urdf_tree
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import DescriptionError

LIMIT = '<limit lower="-1" upper="2" velocity="3" effort="1"/>'


def joint(name, parent, child, kind='revolute', inside=LIMIT, axis='0 0 1', xyz='0 0 1', rpy=None):
    turned = '' if rpy is None else f' rpy="{rpy}"'
    about = '' if axis is None or kind == 'fixed' else f'<axis xyz="{axis}"/>'
    return (f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
            f'<origin xyz="{xyz}"{turned}/>{about}{inside}</joint>')


def robot(*joints, links=None):
    """Return the URDF of joints given as `joint` takes them, with the links that they name."""
    if links is None:
        links = dict.fromkeys(link for each in joints for link in each[1:3])
    return ('<robot name="r">' + ''.join(f'<link name="{link}"/>' for link in links)
            + ''.join(each if isinstance(each, str) else joint(*each) for each in joints)
            + '</robot>')


def chain_of(*kinds, **names):
    """Return the URDF of a chain l0, l1, ... of joints j1, j2, ... of these kinds."""
    return robot(*((f'j{i}', f'l{i - 1}', f'l{i}', kind) for i, kind in enumerate(kinds, 1)))


def warnings_of(text, base=None, tip=None):
    return urdf_chain.read(text, base, tip)[1].warnings


# Which chain.

@pytest.mark.parametrize(('name', 'base', 'tip', 'dof'), (
    ('panda', 'panda_link0', 'panda_hand_tcp', 7),
    ('so101', 'base_link', 'gripper_frame_link', 5),
    ('reu_snake_16', 'kdl_dummy_root', 'reu_module_out_16', 16),
    ('tdcr_mjcf_60', 'mocap_base', 'EE_pos', 60)))
def test_an_arm_ends_before_its_gripper_at_the_frame_of_the_tool(name, base, tip, dof):
    arm = Arm.from_urdf(urdf_of(name))
    assert (arm.base, arm.tip, arm.dof) == (base, tip, dof)


def test_a_chain_is_the_longest_of_moving_joints():
    text = robot(('short', 'l0', 'a'), ('fixed', 'l0', 'b', 'fixed'), ('j1', 'b', 'l1'),
                 ('j2', 'l1', 'l2'))
    assert Arm.from_urdf(text).joint_names == ('j1', 'j2')


@pytest.mark.parametrize('end', ('prismatic', 'mimic', 'two fingers', 'three long ones', 'jaw',
                                 'beside a tool'))
def test_joints_that_only_grip_are_not_of_the_arm(end):
    arm = [('j1', 'l0', 'l1'), ('j2', 'l1', 'l2'), ('j3', 'l2', 'l3')]
    ends = {'prismatic': [('slide', 'l3', 'l4', 'prismatic')],
            'mimic': [('copy', 'l3', 'l4', 'revolute', LIMIT + '<mimic joint="j3"/>')],
            'two fingers': [('a1', 'l3', 'a1'), ('a2', 'a1', 'a2'), ('b1', 'l3', 'b1')],
            'three long ones': [(f'{f}{i}', f'{f}{i - 1}' if i else 'l3', f'{f}{i}')
                                for f in 'abc' for i in range(3)],
            'jaw': [('moving_jaw', 'l3', 'l4')],
            'beside a tool': [('j4', 'l3', 'l4'), ('j5', 'l3', 'ee_link', 'fixed')]}
    found = Arm.from_urdf(robot(*arm, *ends[end]))
    assert found.joint_names == ('j1', 'j2', 'j3')
    assert found.tip == ('ee_link' if end == 'beside a tool' else 'l3')


def test_the_tool_is_not_the_tip_of_a_finger_that_does_not_move():
    text = robot(('j1', 'l0', 'l1'), ('j2', 'l1', 'l2'), ('a', 'l2', 'end_effector', 'fixed'),
                 ('b', 'l2', 'finger', 'fixed'), ('c', 'finger', 'finger_tip', 'fixed'))
    assert Arm.from_urdf(text).tip == 'end_effector'


def test_what_branches_into_arms_rather_than_fingers_is_followed_to_its_end():
    arms = [(f'{side}{i}', f'{side}{i - 1}' if i > 1 else 'l1', f'{side}{i}')
            for side in 'ab' for i in range(1, 7)]
    assert Arm.from_urdf(robot(('j1', 'l0', 'l1'), *arms)).joint_names == (
        'j1', *(f'a{i}' for i in range(1, 7)))


def test_slides_are_an_arm_where_there_is_nothing_else():
    assert Arm.from_urdf(chain_of('prismatic', 'prismatic')).joint_names == ('j1', 'j2')


def test_the_report_has_what_was_taken_and_what_else_there_was():
    report = urdf_chain.read(urdf_of('panda'))[1]
    assert (report.base, report.tip) == ('panda_link0', 'panda_hand_tcp')
    assert report.other_tips == (('panda_leftfinger', 8), ('panda_rightfinger', 8))


def test_base_and_tip_can_be_chosen():
    arm = Arm.from_urdf(urdf_of('panda'), 'panda_link2', 'panda_link6')
    assert arm.joint_names == ('panda_joint3', 'panda_joint4', 'panda_joint5', 'panda_joint6')
    assert arm.tip == arm.link_names[-1] == 'panda_link6'


def test_what_is_fixed_to_the_world_is_the_base_and_is_mounted_there():
    text = robot(joint('fix', 'world', 'l0', 'fixed', rpy='3 0 0'), joint('j1', 'l0', 'l1'),
                 joint('end', 'l1', 'l2', 'fixed'), links=('world', 'l0', 'l1', 'l2'))
    arm = Arm.from_urdf(text)
    assert (arm.base, arm.mount) == ('l0', Placement((0, 0, 1), (3, 0, 0)))
    whole = Arm.from_urdf(text, base='world')
    assert (whole.base, whole.mount) == ('world', Placement())
    np.testing.assert_allclose(forward_kinematics(whole, whole.rest)[-1, :3],
                               (0.0, 2 * -math.sin(3), 1 + 2 * math.cos(3)), atol=1e-12)


# What a joint is.

def test_fixed_joints_are_folded():
    text = robot(('a', 'l0', 'x', 'fixed'), ('j1', 'x', 'l1'), ('b', 'l1', 'y', 'fixed'),
                 ('c', 'y', 'z', 'fixed'), ('j2', 'z', 'l2'), ('d', 'l2', 'l3', 'fixed'))
    arm = Arm.from_urdf(text)
    assert arm.link_names == ('l1', 'l2')
    assert [link.placement.xyz[2] for link in arm.links] + [arm.tool.xyz[2]] == [2.0, 3.0, 1.0]


def test_two_hinges_in_one_place_are_one_joint_whose_link_is_that_of_the_second():
    text = robot(joint('j1', 'l0', 'l1', axis='1 0 0'),
                 joint('j2', 'l1', 'l2', axis='1 0 0', xyz='0 0 0', rpy='0 0 1.5707963267948966'),
                 joint('j3', 'l2', 'l3', axis='1 0 0'), links=('l0', 'l1', 'l2', 'l3'))
    arm = Arm.from_urdf(text)
    assert arm.link_names == ('l2', 'l3')
    assert (arm.axes, arm.dof, arm.joint_names) == (2, 3, ('j1', 'j2', 'j3'))
    about_j1, about_j2 = np.eye(4).reshape(4, 2, 2)[:2] * 0.3
    tip = forward_kinematics(arm, np.array((about_j1, about_j2)))[:, 0, :3]
    np.testing.assert_allclose(tip, [(0.0, -math.sin(0.3), 1.0 + math.cos(0.3)),
                                     (math.sin(0.3), 0.0, 1.0 + math.cos(0.3))], atol=1e-12)


def test_limits_velocities_and_names_are_the_joints_own():
    slide = '<limit lower="0.1" upper="0.4" velocity="0.2" acceleration="7" effort="1"/>'
    arm = Arm.from_urdf(robot(('j1', 'l0', 'l1'), ('j2', 'l1', 'l2', 'prismatic', slide),
                              ('j3', 'l2', 'l3', 'continuous', '')))
    assert arm.joint_names == ('j1', 'j2', 'j3')
    np.testing.assert_array_equal(arm.lower.ravel(), (-1.0, 0.1, -math.inf))
    np.testing.assert_array_equal(arm.upper.ravel(), (2.0, 0.4, math.inf))
    np.testing.assert_array_equal(arm.velocity_limits.ravel(), (3.0, 0.2, 2.0))
    np.testing.assert_array_equal(arm.acceleration_limits.ravel(), (20.0, 7.0, 20.0))
    np.testing.assert_array_equal(arm.rest.ravel(), (0.0, 0.25, 0.0))


def test_an_axis_of_any_length_is_a_direction_and_none_is_x():
    arm = Arm.from_urdf(robot(joint('j1', 'l0', 'l1', axis='0 3 4'),
                              joint('j2', 'l1', 'l2', axis=None), links=('l0', 'l1', 'l2')))
    assert [link.axes[0].direction for link in arm.links] == [(0.0, 0.6, 0.8), (1.0, 0.0, 0.0)]


@pytest.mark.parametrize('ratio', (-1.0, 0.5))
def test_a_mimic_joint_in_the_chain_follows_its_source_and_keeps_it_within_its_own_limits(ratio):
    mimic = f'<mimic joint="j1" multiplier="{ratio}" offset="0.25"/>'
    text = robot(('j1', 'l0', 'l1', 'revolute', '<limit lower="-9" upper="9" velocity="1"/>'),
                 ('j2', 'l1', 'l2', 'revolute', LIMIT + mimic), ('j3', 'l2', 'l3'))
    arm = Arm.from_urdf(text)
    assert arm.joint_names == ('j1', 'j3')
    np.testing.assert_allclose((arm.lower[0, 0], arm.upper[0, 0]),
                               sorted(((-1 - 0.25) / ratio, (2 - 0.25) / ratio)))
    bent = forward_kinematics(arm, arm.angles_from({'j1': 0.4, 'j2': 99.0, 'j3': 0.1}))[-1]
    turn = 0.4 + (0.4 * ratio + 0.25) + 0.1
    np.testing.assert_allclose(bent[pose_up], (-math.sin(turn), math.cos(turn), 0.0), atol=1e-12)


pose_up = slice(6, 9)


def test_a_mimic_joint_whose_source_is_beside_the_chain_is_moved_by_it_under_its_name():
    mimic = '<mimic joint="drive" multiplier="-1"/>'
    text = robot(('j1', 'l0', 'l1'), ('j2', 'l1', 'l2', 'revolute', LIMIT + mimic),
                 ('drive', 'l1', 'x'))
    arm = Arm.from_urdf(text, tip='l2')
    assert arm.joint_names == ('j1', 'drive')
    bent = forward_kinematics(arm, arm.angles_from({'drive': 0.5}))[-1]
    np.testing.assert_allclose(bent[pose_up], (math.sin(0.5), math.cos(0.5), 0.0), atol=1e-12)
    assert any('j2 mimics drive' in warning for warning in warnings_of(text, tip='l2'))


def test_a_mimic_joint_of_a_mimic_joint_follows_the_first():
    text = robot(('j1', 'l0', 'l1'),
                 ('j2', 'l1', 'l2', 'revolute', '<mimic joint="j1" multiplier="2" offset="1"/>'),
                 ('j3', 'l2', 'l3', 'revolute', '<mimic joint="j2" multiplier="3" offset="1"/>'),
                 ('j4', 'l3', 'l4'))
    third = Arm.from_urdf(text).links[2].axes[0]
    assert (third.follows, third.ratio, third.offset) == ('j1', 6.0, 4.0)


def test_joints_within_transmissions_and_meshes_that_are_not_there_are_passed_over():
    text = chain_of('revolute', 'revolute').replace(
        '</robot>', '<transmission name="t"><joint name="j1"><x/></joint></transmission>'
        '<link name="m"><visual><geometry><mesh filename="nowhere.stl"/></geometry></visual>'
        '</link>' + joint('fixed', 'l2', 'm', 'fixed') + '</robot>')
    assert Arm.from_urdf(text).dof == 2


# What is strange.

@pytest.mark.parametrize(('inside', 'reason'), (
    ('', 'j1: no limits'),
    ('<limit velocity="1" effort="1"/>', 'j1: no limits'),
    ('<limit upper="1" velocity="1"/>', 'j1: only one limit'),
    ('<limit lower="1" upper="2" velocity="1"/>', 'j1: zero is beyond the limits'),
    ('<limit lower="0" upper="0" velocity="1"/>', 'j1: can not move'),
    ('<limit lower="-1" upper="1" velocity="0"/>', 'j1: no velocity limit'),
    ('<limit lower="-1" upper="1"/>', 'j1: no velocity limit')))
def test_strange_limits_are_reported_and_the_arm_is_read(inside, reason):
    text = robot(('j1', 'l0', 'l1', 'revolute', inside), ('j2', 'l1', 'l2'))
    assert any(reason in warning for warning in warnings_of(text))
    assert Arm.from_urdf(text).dof == 2
    assert not warnings_of(chain_of('revolute', 'revolute'))


def test_right_angles_that_are_rounded_and_missing_axes_are_reported():
    text = robot(joint('j1', 'l0', 'l1', rpy='1.57 0 0'), joint('j2', 'l1', 'l2', axis=None),
                 links=('l0', 'l1', 'l2'))
    said = '\n'.join(warnings_of(text))
    assert 'j1: nearly a right angle, 0.046 degrees off' in said
    assert 'j2: no axis' in said


def test_what_concerns_many_joints_is_reported_in_one_line():
    said = warnings_of(chain_of(*9 * ('continuous',)))
    assert any('j1, j2, j3 and 6 more: no limits' in warning for warning in said)


# What is refused.

def test_a_text_longer_than_any_robot_description_is_refused_before_it_is_read():
    with pytest.raises(DescriptionError, match='9000016 characters, expected 8388608'):
        urdf_tree.robot_element('<robot name="x">' + 3 * 10**6 * '<a>')


BAD = {
    '': 'no URDF',
    '<robot': 'no URDF',
    '<sdf/>': 'expected <robot>',
    '<robot/>': 'no links',
    '<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:include/></robot>': 'xacro',
    '<!DOCTYPE robot [<!ENTITY a "b">]><robot name="&a;"/>': 'document type or entities',
    robot(('j1', 'l0', 'l1'), links=('l0', 'l1', 'l0')): 'two links are called l0',
    robot(('j1', 'l0', 'l1'), ('j1', 'l1', 'l2')): 'two joints are called j1',
    robot(('j1', 'l0', 'l1'), ('j2', 'l0', 'l1')): 'link l1 is the child of 2 joints',
    robot(('j1', 'l0', 'l1'), ('j2', 'l2', 'l3')): 'one root: l0, l2',
    robot(('j1', 'l0', 'l1'), ('j2', 'l1', 'l0')): 'circle',
    robot(('j1', 'l0', 'l1'), ('j2', 'l2', 'l3'), ('j3', 'l3', 'l2')): 'joint j2 is in a circle',
    robot(('j1', 'l0', 'l1'), links=('l0',)): 'joint j1 is on the link l1',
    robot(('j1', 'l0', 'l1', 'ball')): "joint j1: its type is 'ball'",
    robot(('j1', 'l0', 'l1', 'floating')): 'j1 is floating',
    robot(('j1', 'l0', 'l1', 'fixed')): 'no joint moves',
    robot(('j1', 'l0', 'l1', 'revolute', '<limit lower="2" upper="1"/>')): 'limits of j1 are 2',
    robot(('j1', 'l0', 'l1', 'revolute', '<limit lower="x"/>')): "joint j1: .*'x'",
    robot(('j1', 'l0', 'l1', 'revolute', '<limit lower="nan"/>')): "j1: its limit lower is 'nan'",
    robot(('j1', 'l0', 'l1', 'revolute', LIMIT, '0 0 0')): 'joint j1: its axis is 0 0 0',
    robot(('j1', 'l0', 'l1', 'revolute', LIMIT, '0 0')): "joint j1: '0 0', expected 3 finite",
    robot(('j1', 'l0', 'l1', 'revolute', LIMIT, '0 0 1', '0 0 inf')): "joint j1: '0 0 inf'",
    robot(('j1', 'l0', 'l1', 'revolute', LIMIT, '0 0 1', '0 0 ${x}')): 'joint j1: .*x',
    robot(('j1', 'l0', 'l1', 'revolute', '<mimic joint="no"/>')): "j1 mimics 'no'",
    robot(('j1', 'l0', 'l1', 'revolute', '<mimic joint="j1"/>')): "j1 mimics 'j1'",
    robot(('j1', 'l0', 'l1', 'revolute', '<mimic joint="j1" multiplier="0"/>')): 'multiplier is 0',
    robot(('j1', 'l0', 'l1', 'revolute', LIMIT, '0 0 1', '0 0 0')): 'no length',
    '<robot><link name="a"/><joint name="j" type="fixed"/></robot>': 'joint j: it has no parent',
    '<robot><link/></robot>': 'a link without a name',
}


@pytest.mark.parametrize('text', BAD, ids=range(len(BAD)))
def test_what_is_no_arm_is_refused_with_the_name_of_what_is_wrong(text):
    with pytest.raises(DescriptionError, match=BAD[text]):
        Arm.from_urdf(text)


def test_a_floating_joint_in_the_chain_is_refused_and_one_beside_it_is_not():
    text = robot(('j1', 'l0', 'l1'), ('end', 'l1', 'tool', 'fixed'),
                 ('free', 'l1', 'l2', 'floating'), ('j2', 'l2', 'l3'))
    assert Arm.from_urdf(text).joint_names == ('j1',)
    with pytest.raises(DescriptionError, match='joint free between l0 and l3 is floating'):
        Arm.from_urdf(text, tip='l3')


@pytest.mark.parametrize(('base', 'tip', 'reason'), (
    ('nowhere', None, "the base is 'nowhere', expected a link of the robot description: "),
    (None, 'nowhere', "the tip is 'nowhere', expected a link"),
    ('panda_hand', 'panda_link3', 'the tip panda_link3 is not beyond the base panda_hand')))
def test_ends_that_make_no_chain_are_refused_by_name(base, tip, reason):
    with pytest.raises(DescriptionError, match=reason):
        Arm.from_urdf(urdf_of('panda'), base, tip)


@pytest.mark.parametrize('name', NAMES)
def test_another_reader_finds_the_links_where_the_kinematics_puts_them(name, tmp_path):
    yourdfpy = pytest.importorskip('yourdfpy')
    path = tmp_path / 'arm.urdf'
    path.write_text(urdf_of(name))
    other = yourdfpy.URDF.load(str(path), load_meshes=False)
    arm = Arm.from_urdf(urdf_of(name))
    angles = np.random.default_rng(0).uniform(*arm.working_range)
    other.update_cfg(arm.named(angles))
    chain = forward_kinematics(arm, angles)
    for j, link in enumerate((*arm.link_names[:-1], arm.tip)):
        frame = other.get_transform(link, arm.base)
        np.testing.assert_allclose(chain[j, 3:6], frame[:3, 2], atol=1e-9)
        np.testing.assert_allclose(chain[j, 6:9], frame[:3, 1], atol=1e-9)
    np.testing.assert_allclose(chain[-1, :3], frame[:3, 3], atol=1e-9)
