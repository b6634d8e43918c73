# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the arm's description."""

import copy
import dataclasses
import math
import pickle

from arms import ARMS, random_angles
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import ArmError, ShapeError, SnakeArmError


def test_the_default_arm_is_the_papers():
    """40 joints, 80 degrees of freedom, 45 degrees to each side; ours is one metre long."""
    arm = Arm()
    assert (arm.joints, arm.dof) == (40, 80)
    assert arm.upper[0, 0] == math.radians(45.0)
    assert arm.length == pytest.approx(1.0)


@pytest.mark.parametrize('joints', (1, 2, 40, 100))
def test_there_is_a_unique_name_for_each_angle_and_each_link(joints):
    arm = Arm.uniform(joints=joints)
    assert len(arm.joint_names) == len(set(arm.joint_names)) == arm.dof == 2 * joints
    assert len(arm.link_names) == len(set(arm.link_names)) == joints


def test_names_are_in_the_order_of_an_angles_array_read_row_by_row():
    arm = Arm.uniform(joints=3)
    assert arm.joint_names == ('joint_1_x', 'joint_1_y', 'joint_2_x', 'joint_2_y',
                               'joint_3_x', 'joint_3_y')
    assert arm.link_names == ('link_1', 'link_2', 'link_3')


@pytest.mark.parametrize('joints', (3, np.int64(3), 3.0))
def test_a_whole_number_of_joints_is_kept_as_an_int(joints):
    arm = Arm.uniform(joints=joints)
    assert type(arm.joints) is int
    assert arm == Arm.uniform(joints=3)
    assert len(arm.joint_names) == 6


@pytest.mark.parametrize('joints', (0, -1, 2.5, math.nan, math.inf, True, '40', None, (40,)))
def test_an_impossible_number_of_joints_is_refused(joints):
    with pytest.raises(ArmError, match='joints is .*, expected an integer of at least 1'):
        Arm.uniform(joints=joints)


@pytest.mark.parametrize('name', ('segment_length', 'angle_limit', 'velocity_limit',
                                  'acceleration_limit'))
@pytest.mark.parametrize('value', (0.0, -0.1, math.nan, math.inf, '1', None, True))
def test_a_length_or_limit_that_is_not_positive_and_finite_is_refused(name, value):
    with pytest.raises(ArmError, match=f'{name} is .*, expected a positive finite number'):
        Arm.uniform(**{name: value})


def test_joints_bend_by_a_right_angle_at_most():
    assert Arm.uniform(angle_limit=math.pi / 2).segment == (0.025, math.pi / 2)
    with pytest.raises(ArmError, match='at most pi/2'):
        Arm.uniform(angle_limit=1.6)


def test_an_arm_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Arm().joints = 3


def test_the_fingerprint_of_a_segment_depends_on_what_a_model_learns_and_on_nothing_else():
    """One segment and the range of its angles: the same weights serve any number of joints."""
    known = Arm().segment_fingerprint
    assert Arm.uniform(7, velocity_limit=1.0).segment_fingerprint == known
    assert Arm.uniform(segment_length=0.03).segment_fingerprint != known
    assert Arm.uniform(angle_limit=0.7).segment_fingerprint != known


@pytest.mark.parametrize('name', ('lower', 'upper', 'velocity_limits', 'acceleration_limits',
                                  'rest'))
def test_limits_and_rest_are_arrays_of_the_angles_shape_that_nobody_can_change(name):
    arm = Arm.uniform(joints=3)
    array = getattr(arm, name)
    assert array.shape == (arm.joints, arm.axes) == (3, 2)
    with pytest.raises(ValueError, match='read-only'):
        array[0, 0] = 1.0


def test_clipped_angles_are_the_nearest_within_the_limits():
    arm = Arm.uniform(joints=2)
    angles = np.array([[9.0, -9.0], [0.1, arm.upper[0, 0]]])
    np.testing.assert_array_equal(arm.clip(angles), [[arm.upper[0, 0], -arm.upper[0, 0]],
                                                     [0.1, arm.upper[0, 0]]])


def test_names_and_angles_translate_into_each_other():
    arm = Arm.uniform(joints=3)
    angles = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 2))
    assert tuple(arm.named(angles)) == arm.joint_names
    np.testing.assert_array_equal(arm.angles_from(arm.named(angles)), angles)


def test_a_joint_that_is_not_named_is_at_rest():
    arm = Arm.uniform(joints=2)
    angles = arm.angles_from({'joint_2_x': 0.3})
    np.testing.assert_array_equal(angles, [[0.0, 0.0], [0.3, 0.0]])
    assert not arm.rest.any()


def test_values_of_an_unknown_joint_or_that_are_not_finite_are_refused_by_name():
    arm = Arm.uniform(joints=2)
    with pytest.raises(ArmError, match="no joint 'elbow', expected of joint_1_x to joint_2_y"):
        arm.angles_from({'elbow': 0.1})
    with pytest.raises(ArmError, match='joint_1_y is nan, expected a finite number'):
        arm.angles_from({'joint_1_y': math.nan})
    with pytest.raises(ShapeError, match='angles'):
        arm.named(np.zeros((3, 2)))


LINKS = (Link('a', axes=(Axis('p'), Axis('q', (1, 0, 0)))),
         Link('b', Placement((0, 0, 1)), (Axis('s', slides=True, lower=0.2, upper=0.6),)))
TOOL = Placement((0, 0, 0.5))


@pytest.fixture(params=ARMS.values(), ids=ARMS)
def any_arm(request):
    return request.param


def test_names_and_angles_of_any_arm_translate_into_each_other(any_arm):
    angles = np.where(any_arm.free, random_angles(any_arm), 0.0)
    named = any_arm.named(angles)
    assert tuple(named) == any_arm.joint_names
    assert len(named) == any_arm.dof == np.count_nonzero(any_arm.free)
    np.testing.assert_array_equal(any_arm.angles_from(named), angles)


def test_every_arm_rests_within_its_limits_and_configurations_are_drawn_from_there(any_arm):
    lower, upper = any_arm.working_range
    assert np.isfinite(lower).all() and np.isfinite(upper).all()
    np.testing.assert_array_equal(any_arm.clip(lower), lower)
    np.testing.assert_array_equal(any_arm.clip(upper), upper)
    np.testing.assert_array_equal(any_arm.clip(any_arm.rest), any_arm.rest)
    assert np.all((lower <= any_arm.rest) & (any_arm.rest <= upper))
    assert np.all(lower[any_arm.free] < upper[any_arm.free])
    for array in (any_arm.lower, any_arm.upper, any_arm.rest, lower, upper):
        assert not array[~any_arm.free].any()


def test_an_arm_rests_at_zero_or_in_the_middle_of_limits_without_it_or_as_described():
    assert Arm(LINKS, TOOL).rest[1, 0] == pytest.approx(0.4)
    described = Arm(LINKS, TOOL, rest={'s': 0.3, 'q': -2.0})
    np.testing.assert_array_equal(described.rest, [[0.0, -2.0], [0.3, 0.0]])
    assert described == Arm(LINKS, TOOL, rest={'q': -2.0, 's': 0.3, 'p': 0.0})
    assert described != Arm(LINKS, TOOL)


def test_an_arm_is_as_long_as_its_ways_with_its_slides_drawn_out():
    arm = Arm(LINKS, TOOL)
    assert arm.length == pytest.approx(1.0 + 0.5 + 0.6)
    np.testing.assert_allclose(arm.reaches, (1.0, 2.1))


def test_arms_are_equal_if_and_only_if_all_that_describes_them_is():
    arm, same = Arm(LINKS, TOOL), Arm(list(LINKS), Placement((0.0, -0.0, 0.5)))
    assert (arm, hash(arm), arm.fingerprint) == (same, hash(same), same.fingerprint)
    others = (Arm(LINKS, Placement((0, 0, 0.6))), Arm(LINKS, TOOL, Placement((0, 0, 1))),
              Arm(LINKS, TOOL, base='c'), Arm(LINKS, TOOL, tip='c'),
              Arm(LINKS, TOOL, rest={'s': 0.3}),
              *(Arm((LINKS[0], dataclasses.replace(LINKS[1], **{name: value})), TOOL)
                for name, value in (('name', 'c'), ('placement', Placement((0, 0, 2))))),
              *(Arm((LINKS[0], Link('b', Placement((0, 0, 1)), (
                  dataclasses.replace(LINKS[1].axes[0], **{name: value}),))), TOOL)
                for name, value in (('name', 'c'), ('direction', (0, 1, 0)), ('lower', 0.1),
                                    ('upper', 0.7), ('velocity', 0.1), ('acceleration', 0.1),
                                    ('ratio', 2.0), ('offset', 0.1))))
    assert len({each.fingerprint for each in (arm, *others)}) == len(others) + 1
    assert all(arm != other for other in others)


@pytest.mark.parametrize('copied', (copy.copy, copy.deepcopy,
                                    lambda arm: pickle.loads(pickle.dumps(arm))))
def test_a_copy_of_an_arm_is_equal_and_as_fixed_as_it(any_arm, copied):
    assert any_arm.lower is not None
    other = copied(any_arm)
    assert other == any_arm and other.fingerprint == any_arm.fingerprint
    with pytest.raises(ValueError, match='read-only'):
        other.lower[0, 0] = 1.0


def test_only_arms_of_equal_segments_have_a_segment():
    assert Arm.uniform(3, segment_length=0.1, angle_limit=0.5).segment == (0.1, 0.5)
    for name, arm in ARMS.items():
        assert (arm.segment is not None) == name.startswith('uniform')


@pytest.mark.parametrize(('links', 'others', 'reason'), (
    ((), {}, r'the links are \(\), expected at least one'),
    ((LINKS[0], 'b'), {}, 'all of Link'),
    ((LINKS[0], Link('a', Placement((0, 0, 1)))), {}, "two links are called 'a'"),
    (LINKS, {'base': 'b'}, "two links are called 'b'"),
    (LINKS, {'tip': 'a'}, "two links are called 'a'"),
    (LINKS, {'tip': ''}, "the name of the tip is '', expected text"),
    (LINKS, {'tool': (0, 0, 1)}, r'the tool is \(0, 0, 1\), expected a Placement'),
    (LINKS, {'base': 'world', 'mount': TOOL}, "called 'world' and is mounted elsewhere"),
    ((LINKS[0], Link('b', TOOL, (Axis('p'),))), {}, "two joints are called 'p'"),
    ((Link('a'),), {}, 'no joint that moves on its own'),
    ((LINKS[0], Link('b', TOOL, (Axis('r', follows='t'),))), {}, "r follows 't', which is no"),
    ((Link('a', TOOL, (Axis('p'),)), Link('b', axes=(Axis('q'),))), {},
     'the hinges of a and b are in one place'),
    ((Link('a', axes=(Axis('p'),)),), {'tool': Placement()}, 'no length'),
    (LINKS, {'rest': {'t': 0.0}}, "the rest pose has 't'"),
    (LINKS, {'rest': {'s': 0.0}}, 'the rest position of s is 0.0, expected 0.2 to 0.6'),
    (LINKS, {'rest': {'p': math.inf}}, 'the rest position of p is inf'),
))
def test_links_that_make_no_arm_are_refused_with_the_name_of_what_is_wrong(links, others, reason):
    with pytest.raises(ArmError, match=reason):
        Arm(links, **{'tool': TOOL, **others})


@pytest.mark.parametrize(('values', 'reason'), (
    ({'name': ''}, "the name of a joint is '', expected text"),
    ({'name': 3}, 'the name of a joint is 3'),
    ({'direction': (0, 0, 0)}, 'the axis of p is .*, expected not zero'),
    ({'direction': (0, 1)}, r'the axis of p is \(0, 1\), expected three'),
    ({'lower': 1.0, 'upper': 0.0}, 'the limits of p are 1.0 to 0.0'),
    ({'lower': 1.0}, 'the limits of p are 1.0 to inf, .* both finite or both infinite'),
    ({'upper': math.nan}, 'upper of p is nan'),
    ({'velocity': 0.0}, 'the velocity limit of p is 0.0, expected a positive'),
    ({'acceleration': math.inf}, 'the acceleration limit of p is inf'),
    ({'ratio': 0.0}, 'p has the ratio 0.0'),
    ({'offset': math.inf}, 'p has the ratio 1.0 and the offset inf'),
    ({'follows': 'q', 'lower': 0.0, 'upper': 1.0}, 'p follows q and has limits of its own'),
))
def test_an_axis_that_can_not_be_is_refused_with_its_name_and_value(values, reason):
    with pytest.raises(ArmError, match=reason):
        Axis(**{'name': 'p', **values})


def test_a_link_turns_by_two_hinges_or_slides_by_one_axis():
    with pytest.raises(ArmError, match='a has the axes .*, expected at most 2'):
        Link('a', axes=(Axis('p'), Axis('q'), Axis('r')))
    with pytest.raises(ArmError, match='a both slides and turns'):
        Link('a', axes=(Axis('p'), Axis('q', slides=True)))


def test_every_error_is_a_snake_arm_error_and_a_value_error():
    assert issubclass(ArmError, SnakeArmError)
    assert issubclass(SnakeArmError, ValueError)
