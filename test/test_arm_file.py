# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the files that describe an arm, and of the YAML that a person writes."""

import math

from arms import urdf_of
import numpy as np
import pytest

from snake_arm_control.arm import arm_file
from snake_arm_control.arm.arm_yaml import read_yaml
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.placement import Placement
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.errors import DescriptionError

SEGMENT = '{axes: [x, y], length: 0.1, limits: 0.5}'


def arm_of(text):
    return Arm(*read_yaml(text))


def segments(*texts):
    return 'segments:\n' + ''.join(f'- {text}\n' for text in texts)


def test_equal_segments_are_the_uniform_arm():
    text = segments('{count: 7, axes: [x, y], length: 0.1, limits: 0.5}')
    assert arm_of(text) == Arm.uniform(7, segment_length=0.1, angle_limit=0.5)


def test_what_ships_can_be_read_by_its_name_and_default_is_the_default_arm():
    assert Arm.from_file('default') == Arm()
    lengths = {name: Arm.from_file(name).length for name in arm_file.shipped_arms()}
    assert lengths == pytest.approx({'alternating': 1.0, 'default': 1.0, 'opencr': 0.1865,
                                     'tendon': 0.3})


def test_a_group_is_repeated_by_its_count():
    text = segments('{count: 3, segments: [{axes: x, length: 0.1}, {axes: y, length: 0.2}]}')
    arm = arm_of(text)
    assert arm.joint_names == ('joint_1_x', 'joint_2_y', 'joint_3_x', 'joint_4_y', 'joint_5_x',
                               'joint_6_y')
    np.testing.assert_allclose(arm.geometry.lengths, (0.1, 0.2, 0.1, 0.2, 0.1, 0.2))


def test_every_key_of_a_segment_has_its_meaning():
    arm = arm_of("""
segments:
  - {name: lift, axes: z, slide: true, length: 0.3, limits: [0, 0.4], velocity: 0.1}
  - {axes: [[0, 3, 4], x], way: [0.1, 0, 0.2], limits: [1.0, [-0.5, 2]], acceleration: 3}
  - {length: 0.5, turn: [0, 0, 1]}
tool: {xyz: [0, 0, 0.1], rpy: [1, 0, 0]}
mount: {rpy: [3, 0, 0]}
base: stand
tip: claw
rest: {lift_z: 0.1}
""")
    assert (arm.base, arm.tip, arm.mount) == ('stand', 'claw', Placement(rpy=(3, 0, 0)))
    assert arm.link_names == ('lift', 'link_2', 'link_3')
    assert arm.joint_names == ('lift_z', 'joint_2_1', 'joint_2_x')
    assert arm.links[0].axes[0].slides and not arm.links[1].axes[0].slides
    assert arm.links[1].axes[0].direction == (0.0, 0.6, 0.8)
    assert arm.links[2].axes == ()
    assert [link.placement for link in arm.links] == [
        Placement(), Placement((0, 0, 0.3)), Placement((0.1, 0, 0.2), (0, 0, 1))]
    assert arm.tool == Placement((0, 0, 0.6), (1, 0, 0))
    np.testing.assert_array_equal(arm.lower[arm.free], (0.0, -1.0, -0.5))
    np.testing.assert_array_equal(arm.upper[arm.free], (0.4, 1.0, 2.0))
    np.testing.assert_array_equal(arm.velocity_limits[arm.free], (0.1, 2.0, 2.0))
    np.testing.assert_array_equal(arm.acceleration_limits[arm.free], (5.0, 3.0, 3.0))
    np.testing.assert_array_equal(arm.rest[arm.free], (0.1, 0.0, 0.0))


def test_a_joint_without_limits_in_the_file_has_none():
    assert arm_of(segments('{axes: x, length: 1}')).upper[0, 0] == math.inf


@pytest.mark.parametrize(('text', 'reason'), (
    ('{', 'no YAML'),
    ('', 'the arm is None, expected a mapping of segments'),
    ('[1]', r'the arm is \[1\]'),
    ('segments: []', r'segments is \[\], expected a list of at least one'),
    ('joints: 3', "the arm has 'joints', expected of segments"),
    (segments('3'), 'segment 1 is 3'),
    (segments('{lenght: 1}'), "segment 1 has 'lenght', expected of count"),
    (segments(SEGMENT, '{axes: x}'), 'segment 2 has neither a length nor a way'),
    (segments('{axes: x, length: 1, way: [0, 0, 1]}'), 'segment 1 has both a length and a way'),
    (segments('{axes: x, length: -1}'), 'length of segment 1 is -1'),
    (segments('{axes: x, length: far}'), "length of segment 1 is 'far'"),
    (segments('{axes: w, length: 1}'), "axes of segment 1 are 'w'"),
    (segments('{axes: [x, y, z], length: 1}'), 'expected at most 2'),
    (segments('{axes: [[0, 0, 0]], length: 1}'), 'the axis of joint_1_1 is'),
    (segments('{axes: [x, y], length: 1, slide: true}'), 'link_1 both slides and turns'),
    (segments('{axes: x, length: 1, limits: -1}'), 'limits of segment 1 are -1'),
    (segments('{axes: x, length: 1, limits: [2, 1]}'), 'the limits of joint_1_x are 2.0 to 1.0'),
    (segments('{axes: x, length: 1, limits: [[0, 1], [0, 1]]}'), 'one for each of 1 axes'),
    (segments('{axes: x, length: 1, velocity: 0}'), 'the velocity limit of joint_1_x is 0'),
    (segments('{count: 0, axes: x, length: 1}'), 'count of segment 1 is 0'),
    (segments('{count: 2, name: a, axes: x, length: 1}'), "two links are called 'a'"),
    (segments('{count: 100000, axes: x, length: 1}'), 'more than 10000 segments'),
    (segments('{segments: [{segments: []}]}'), "segment 1.1 has 'segments'"),
    (segments('{axes: x, length: 1, turn: [1]}'), 'turn of segment 1 is'),
    (segments(SEGMENT) + 'tool: 3', 'tool is 3'),
    (segments(SEGMENT) + 'tool: {xyz: 3}', 'xyz of tool is 3'),
    (segments(SEGMENT) + 'rest: {elbow: 1}', "the rest pose has 'elbow'"),
    (segments(SEGMENT) + 'rest: {joint_1_x: 1}', 'the rest position of joint_1_x is 1'),
    (segments('{length: 1}'), 'no joint that moves'),
    (segments('{axes: x, length: 0}', '{axes: y, length: 1}'), 'in one place'),
))
def test_a_mistake_in_the_file_is_reported_with_its_place_and_value(text, reason, tmp_path):
    path = tmp_path / 'arm.yaml'
    path.write_text(text)
    with pytest.raises(DescriptionError, match=reason):
        Arm.from_file(path)


def test_a_file_that_ends_in_yaml_is_ours_and_any_other_is_urdf(tmp_path):
    arm = Arm.uniform(3)
    ours, urdf = tmp_path / 'arm.yaml', tmp_path / 'arm.urdf'
    ours.write_text(segments('{count: 3, axes: [x, y], length: 0.025, '
                             'limits: 0.7853981633974483}'))
    urdf.write_text(urdf_text(arm))
    assert Arm.from_file(ours) == Arm.from_file(str(urdf)) == arm


def test_the_ends_of_a_chain_are_chosen_in_a_urdf_only(tmp_path):
    path = tmp_path / 'panda.urdf'
    path.write_text(urdf_of('panda'))
    assert Arm.from_file(path, tip='panda_link7').tip == 'panda_link7'
    with pytest.raises(DescriptionError, match='no choice of base and tip'):
        Arm.from_file('default', tip='link_3')


@pytest.mark.parametrize('content', (None, b'\xff\xfe<robot/>'))
def test_a_file_that_can_not_be_read_is_refused_with_its_path(content, tmp_path):
    path = tmp_path / 'arm.urdf'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DescriptionError, match=f'{path} can not be read.*or of .*default'):
        Arm.from_file(path)
