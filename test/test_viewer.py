# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm in the browser: what is drawn is where the arm is, what is shown is what is asked."""

from itertools import product
import math
import socket
import sys

from hypothesis import given, strategies as st
import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.urdf import urdf_text
from snake_arm_control.arm.urdf_body import Body, SHAPES
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import State
from snake_arm_control.control.shapes import Box, Sphere
from snake_arm_control.errors import (
    DescriptionError,
    GoalError,
    MissingPackageError,
    SettingsError,
)
from snake_arm_control.experiments.scenarios import scenario, SCENARIOS
from snake_arm_control.nodes.viewer import page_class
from snake_arm_control.viewer.editor import GoalEditor
from snake_arm_control.viewer.history import History
from snake_arm_control.viewer.session import Session
from snake_arm_control.viewer.status import Facts, NodeStatus, Tone, verdict
from snake_arm_control.viewer.tuning import slider, Tunable

ARM = Arm()
RNG = np.random.default_rng(0)
ANGLES = RNG.uniform(-0.7, 0.7, (ARM.joints, 2))
CHAIN = forward_kinematics(ARM, ANGLES)
FIG2 = scenario('fig2').goal_at(ARM, 0.0)


def positions(arm, angles):
    return dict(zip(arm.joint_names, np.ravel(angles).tolist()))


# The body.

@pytest.mark.parametrize('joints', (1, 3, 40))
def test_a_body_bends_as_the_arm_that_its_urdf_was_made_of(joints):
    arm = Arm.uniform(joints=joints, segment_length=0.1, angle_limit=1.0)
    angles = RNG.uniform(-1.0, 1.0, (joints, 2))
    body = Body(urdf_text(arm))
    assert body.arm == arm
    np.testing.assert_allclose(body.chain(body.place(positions(arm, angles))),
                               forward_kinematics(arm, angles), atol=1e-12)


def test_a_body_bends_as_by_another_reader_of_urdf(tmp_path):
    yourdfpy = pytest.importorskip('yourdfpy')
    path = tmp_path / 'arm.urdf'
    path.write_text(ROBOT)
    robot = yourdfpy.URDF.load(str(path), load_meshes=False, build_scene_graph=True)
    body = Body(ROBOT)
    where = {'lift': 0.3, 'turn': -0.8, 'spin': 2.5}
    robot.update_cfg(where)
    placed = body.place(where)
    for link, transform in zip(body.links, placed):
        np.testing.assert_allclose(transform, robot.get_transform(link), atol=1e-9)
    assert {kind: len(shapes.links) for kind, shapes in body.shapes.items()} == {
        'box': 1, 'cylinder': 1, 'sphere': 1}  # for the bare tip
    assert body.undrawn == 1
    assert body.arm.joint_names == ('lift', 'turn', 'spin')


ROBOT = """
<robot name="other">
  <material name="red"><color rgba="1 0 0 1"/></material>
  <link name="world"/>
  <link name="mast"><visual><origin xyz="0 0 0.5" rpy="0.1 0.2 0.3"/>
    <geometry><box size="0.1 0.2 1"/></geometry><material name="red"/></visual></link>
  <link name="boom"><visual><geometry><cylinder radius="0.1" length="0.4"/></geometry></visual>
    <visual><geometry><mesh filename="boom.stl"/></geometry></visual></link>
  <link name="tip"/>
  <joint name="spin" type="continuous"><parent link="boom"/><child link="tip"/>
    <origin xyz="0 0.2 0" rpy="0 1.2 0"/><axis xyz="0 2 0"/></joint>
  <joint name="lift" type="prismatic"><parent link="world"/><child link="mast"/>
    <origin rpy="0.5 0 0"/><axis xyz="0 0 1"/><limit lower="0" upper="1" velocity="1" effort="1"/>
  </joint>
  <joint name="turn" type="revolute"><parent link="mast"/><child link="boom"/>
    <origin xyz="1 2 3"/><axis xyz="0.6 0 0.8"/><limit lower="-1" upper="1" velocity="1"
    effort="1"/></joint>
</robot>
"""


def test_a_body_whose_measures_are_wrong_is_drawn_where_it_is_measured():
    true_arm = Arm.uniform(segment_length=1.05 * ARM.segment_length)
    measured = forward_kinematics(true_arm, ANGLES + 0.03)
    body = Body(urdf_text(ARM))
    for known in (positions(ARM, ANGLES), {}):
        placed = body.place(known, measured)
        np.testing.assert_allclose(body.chain(placed), measured, atol=1e-12)
        assert np.array_equal(placed[body.links.index('base_link')], np.eye(4))
    for j in range(2, ARM.joints + 1):  # a hinge sits at the end of the segment before it
        np.testing.assert_allclose(placed[body.links.index(f'hinge_{j}')][:3, 3],
                                   measured[j - 2, pose.POSITION], atol=1e-12)


@pytest.mark.parametrize('text, reason', (
    ('', 'no URDF'),
    ('<robot', 'no URDF'),
    ('<robot><link name="a"/><link name="b"/></robot>', 'no tree'),
    ('<robot><link name="a"/><joint name="j" type="fixed"><parent link="a"/><child link="b"/>'
     '</joint></robot>', 'link b, which the robot description does not have'),
    ('<robot><link name="a"/><link name="b"/><joint name="j" type="ball"><parent link="a"/>'
     '<child link="b"/></joint></robot>', "joint j: its type is 'ball'"),
    ('<robot><link name="a"><visual><geometry><box size="1 2"/></geometry></visual></link>'
     '</robot>',
     'expected 3 finite numbers'),
))
def test_what_is_no_description_of_a_robot_is_refused_with_its_reason(text, reason):
    with pytest.raises(DescriptionError, match=reason):
        Body(text)


@pytest.mark.parametrize('name, whole', (
    ('SPHERE', math.pi / 6.0), ('CYLINDER', math.pi / 4.0), ('BOX', 1.0),
    ('CONE', math.pi / 3.0 * (0.25 + 0.5 * 0.12 + 0.12 ** 2))))
def test_a_mesh_fills_the_unit_cube_as_its_shape_does_and_looks_outwards(name, whole):
    meshes = pytest.importorskip('snake_arm_control.viewer.meshes')
    mesh = getattr(meshes, name)
    assert 0.95 * whole < mesh.volume <= 1.0001 * whole  # negative if it looked inwards
    np.testing.assert_allclose(mesh.bounds, ((-0.5,) * 3, (0.5,) * 3), atol=1e-9)


@pytest.mark.parametrize('name', SHAPES)
def test_there_is_a_mesh_for_every_shape_that_a_body_may_have(name):
    assert name in pytest.importorskip('snake_arm_control.viewer.meshes').BY_SHAPE


# The goal that is edited.

def editor(joint=ARM.joints):
    made = GoalEditor(ARM.joints)
    made.select(joint)
    return made, CHAIN[joint - 1]


@pytest.mark.parametrize('joint', (1, 20, 40))
def test_what_is_ticked_is_asked_as_it_is_shown_and_nothing_else(joint):
    for ticks in product((False, True), repeat=pose.SIZE):
        edited, here = editor(joint)
        cared = tuple(name for name, tick in zip(pose.COMPONENTS, ticks) if tick)
        edited.care(cared, here)
        goal = edited.goal()
        assert edited.cared == set(cared)
        assert goal.cared[joint - 1].tolist() == list(ticks)
        assert not np.delete(goal.cared, joint - 1, axis=0).any()
        shown = edited.shown(here)
        np.testing.assert_allclose(goal.target[joint - 1], np.where(ticks, shown, 0.0), atol=1e-9)
        np.testing.assert_allclose(shown, here, atol=1e-9)  # asking for what is moves nothing


@pytest.mark.parametrize('name', SCENARIOS)
def test_a_goal_that_is_adopted_is_the_goal(name):
    for time in (0.0, 3.0):
        goal = scenario(name).goal_at(ARM, time)
        edited, _ = editor()
        edited.adopt(goal, CHAIN)
        assert (edited.goal().cared == goal.cared).all()
        np.testing.assert_allclose(edited.goal().target, goal.target, atol=1e-12)


def test_a_goal_that_is_written_is_asked_and_its_conditions_stay_while_it_is_dragged():
    here, editor = CHAIN, GoalEditor(ARM.joints)
    text = ('[{joint: tool, position: [0.1, [0, 0.2], ~]}, {joint: 2, look_at: [1, 1, 1]}, '
            '{posture: rest}]')
    editor.write(text, here)
    goal = Goal.from_yaml(text)
    assert editor.goal() == goal and editor.selected == 40
    editor.put(pose.POSITION, np.array((0.2, 0.3, 0.4)), here[-1])
    assert editor.goal() == goal.beside_components & Goal.tool((0.2, None, None))
    with pytest.raises(GoalError):
        editor.write('[{joint: 2, look_at: [1, 1]}]', here)
    assert editor.goal().conditions == goal.conditions
    editor.release()
    assert editor.goal().is_free


@pytest.mark.parametrize('component', pose.COMPONENTS)
def test_switching_a_component_to_free_frees_it_and_leaves_the_others(component):
    edited, here = editor()
    edited.care(pose.COMPONENTS, here)
    before = edited.goal()
    edited.care(edited.cared - {component}, here)
    freed = np.array(pose.COMPONENTS) == component
    assert edited.goal().cared[-1].tolist() == (~freed).tolist()
    np.testing.assert_allclose(edited.goal().target[-1], np.where(freed, 0.0, before.target[-1]),
                               atol=1e-9)


def test_dragging_asks_for_what_is_moved():
    edited, here = editor()
    edited.move(np.r_[here[:3] + 0.1, here[3:]], here, CHAIN[0])  # the arm turns meanwhile
    assert edited.cared == {'x', 'y', 'z'}
    np.testing.assert_allclose(edited.goal().target[-1, :3], here[:3] + 0.1)
    turned = pose.from_euler(0.3, 0.2, 0.1, edited.shown(here)[:3])
    edited.move(turned, edited.shown(here), here)
    assert edited.cared == set(pose.COMPONENTS)
    np.testing.assert_allclose(edited.goal().target[-1], turned, atol=1e-9)


def test_dragging_in_single_precision_asks_for_nothing_that_is_not_moved():
    edited, here = editor()
    quaternion, _ = pose.to_quaternion(here)
    kept = pose.from_quaternion(quaternion.astype(np.float32), here[:3])
    edited.move(np.r_[here[:3] + 0.01, kept[3:]], here, here)
    assert edited.cared == {'x', 'y', 'z'}
    edited, here = editor()
    edited.move(np.r_[here[:3].astype(np.float32), pose.from_euler(0.3, 0.2, 0.1, here[:3])[3:]],
                here, here)
    assert edited.cared == set(pose.COMPONENTS[3:])


def test_dragging_asks_for_nothing_that_was_freed():
    edited, here = editor()
    edited.care(('x', 'y'), here)
    edited.move(np.r_[here[:3] + 0.1, here[3:]], here, here)
    assert edited.cared == {'x', 'y'}
    assert edited.shown(here)[2] == pytest.approx(here[2])


def test_what_looks_at_a_point_stays_and_points_there_also_when_moved():
    edited, here = editor()
    point = np.array((0.5, 0.6, 0.7))
    edited.look_at(point, here)
    for offset in (0.0, 0.2):
        target = edited.goal().target[-1]
        np.testing.assert_allclose(target[:3], here[:3] + offset, atol=1e-9)
        direction = point - target[:3]
        np.testing.assert_allclose(target[3:6], direction / np.linalg.norm(direction), atol=1e-9)
        assert edited.cared == {'x', 'y', 'z', 'forward_x', 'forward_y', 'forward_z'}
        edited.move(np.r_[here[:3] + 0.2, edited.shown(here)[3:]], edited.shown(here), here)
    edited.care(('x', 'y', 'z'), here)
    assert edited.look_point is None


@pytest.mark.parametrize('part', (pose.POSITION, pose.FORWARD, pose.UP))
def test_numbers_that_are_typed_are_asked_for(part):
    edited, here = editor()
    edited.put(part, np.array((0.0, 0.0, 2.0)), here)
    assert edited.cared == set(pose.COMPONENTS[part])
    expected = (0.0, 0.0, 2.0) if part == pose.POSITION else (0.0, 0.0, 1.0)
    np.testing.assert_allclose(edited.goal().target[-1, part], expected, atol=1e-12)


def test_joints_are_edited_one_at_a_time_and_asked_together():
    edited, here = editor()
    edited.care(pose.COMPONENTS, here)
    edited.select(20)
    edited.care(('x', 'y'), CHAIN[19])
    assert edited.edited == (20, 40)
    assert edited.goal().cared.sum(axis=1)[[19, 39]].tolist() == [2, 9]
    edited.care((), CHAIN[19])
    assert edited.edited == (40,)
    edited.release()
    assert edited.goal().is_free


# What is said.

def controller(state, **details):
    """Return what a controller with a model reports."""
    return NodeStatus(state.value, details={'state': state.name, 'model fingerprint': 'f',
                                            **{key.replace('_', ' '): value
                                               for key, value in details.items()}})


NO_MODEL = NodeStatus('waiting for the forward model', details={'state': 'NO_MODEL'})
FINE = Facts('/', True, '', controller(State.REACHED), NodeStatus('serving'), True)


@pytest.mark.parametrize('changes, tone, words', (
    ({}, Tone.GOOD, 'reached'),
    ({'controller': None, 'namespace': '/left'}, Tone.BAD, 'No controller is running in the '
     'namespace /left'),
    ({'controller': NodeStatus('x', True, {'state': 'NO_MODEL', 'refused weights': 'damaged'})},
     Tone.BAD, 'no model it can use damaged'),
    ({'controller': NO_MODEL, 'forward_model': None}, Tone.BAD, 'no forward model'),
    ({'controller': NO_MODEL, 'forward_model': NodeStatus('no file', True)}, Tone.BAD, 'no file'),
    ({'controller': NO_MODEL}, Tone.BUSY, 'loading'),
    ({'described': False}, Tone.WARNING, 'robot_description'),
    ({'trouble': 'no tree'}, Tone.BAD, 'no tree'),
    ({'feedback': False}, Tone.WARNING, 'does not say where it is'),
    ({'controller': controller(State.WAITING)}, Tone.WARNING, 'does not say where it is'),
    ({'controller': controller(State.NO_FEEDBACK)}, Tone.BAD, 'does not answer'),
    ({'controller': controller(State.STALLED)}, Tone.WARNING, 'no way to the goal'),
    ({'controller': controller(State.STALLED), 'beyond_reach': 0.2}, Tone.WARNING, '200 mm'),
    ({'controller': controller(State.TRACKING), 'beyond_reach': 0.2}, Tone.WARNING,
     'out of reach'),
    ({'rejection': 'goal: an infinity'}, Tone.BAD, 'an infinity'),
    ({'controller': controller(State.HOLDING)}, Tone.BUSY, 'Holding'),
    ({'controller': controller(State.WAITING_FOR_RELEASE, interrupted_by='no joint states')},
     Tone.BAD, 'no joint states'),
    ({'controller': controller(State.IDLE), 'lost_goal': True}, Tone.WARNING, 'restarted'),
    ({'controller': controller(State.IDLE)}, Tone.GOOD, 'Ready'),
    ({'controller': controller(State.TRACKING)}, Tone.BUSY, 'Moving'),
    ({'controller': controller(State.REACHED, refused_weights='cut {off}')}, Tone.WARNING,
     'Goal reached The weights before stay: cut {off}'),
))
def test_the_page_reports_the_state_of_the_arm(changes, tone, words):
    said = verdict(Facts(**{**vars(FINE), **changes}))
    assert said.tone is tone
    assert words in f'{said.headline} {said.advice}'


@pytest.mark.parametrize('state', State)
def test_a_controller_that_refused_weights_and_goes_on_has_a_model(state):
    """Whatever it does, the page says so; and the button that lets it go on is there on hold."""
    made = session()
    made.receive_status(0.1, 'controller', controller(state, refused_weights='cut off'))
    assert 'model' not in made.verdict(0.1).headline
    assert made.holding == (state in (State.HOLDING, State.WAITING_FOR_RELEASE))


# The session.

def session():
    made = Session('/')
    made.describe(urdf_text(ARM))
    made.view.receive_angles(0.0, positions(ARM, ANGLES))
    made.view.receive_chain(0.0, CHAIN)
    made.receive_status(0.0, 'controller', controller(
        State.IDLE, iterations='10', rejected_goals='1'))
    return made


def test_a_picture_has_the_arm_and_the_handle_where_the_tool_is():
    picture = session().picture(0.1)
    np.testing.assert_allclose(picture.handle, CHAIN[-1], atol=1e-9)
    np.testing.assert_array_equal(picture.chain, CHAIN)
    assert picture.predicted is None and math.isnan(picture.model_error[0])


def test_the_error_of_the_model_is_measured_as_it_is_and_drawn_as_often_as_asked():
    made = session()
    predicted = CHAIN.copy()
    predicted[:, 0] += np.linspace(0.0, 0.002, ARM.joints)
    made.view.receive_prediction(0.0, predicted)
    made.view.exaggeration = 10.0
    picture = made.picture(0.1)
    assert picture.model_error == pytest.approx((0.002, 0.002))
    np.testing.assert_allclose(picture.predicted - CHAIN, 10.0 * (predicted - CHAIN))


def test_what_the_controller_pursues_is_drawn_where_the_arm_is():
    made = session()
    assert made.picture(0.1).asked is None
    goal = Goal.tool(position=(0.5, None, None))
    made.receive_goal(goal)
    np.testing.assert_array_equal(made.picture(0.1).asked.places, [(0.5, *CHAIN[-1, 1:3])])
    made.edit('care', ('y',))
    made.outgoing(0.2)  # it may be rejected
    np.testing.assert_array_equal(made.picture(0.2).asked.places, [(0.5, *CHAIN[-1, 1:3])])


def test_an_own_goal_that_comes_back_late_leaves_what_is_edited():
    made = session()
    made.edit('look_at', np.array((0.5, 0.6, 0.7)))
    first = made.outgoing(0.1)
    made.edit('put', pose.POSITION, np.array((0.1, 0.2, 0.6)))
    second = made.outgoing(0.2)
    for goal in (first, second):
        made.receive_goal(goal, is_own=True)
        assert made.goal == goal and made.editor.goal() == second
        assert made.editor.look_point is not None
    made.receive_goal(FIG2)
    assert made.editor.goal() == FIG2 and made.editor.look_point is None


def test_an_edit_goes_out_once():
    made = session()
    assert made.outgoing(0.0) is None
    made.edit('care', ('x', 'y', 'z'))
    goal = made.outgoing(0.1)
    assert goal.cared[-1].sum() == 3
    assert made.outgoing(0.2) is None
    made.send()
    assert made.outgoing(0.3) == goal


def test_an_experiment_plays_until_something_is_edited():
    made = session()
    made.play('fig3')
    first, later = made.outgoing(5.0), made.outgoing(6.0)
    assert first == scenario('fig3').goal_at(ARM, 0.0)
    assert later == scenario('fig3').goal_at(ARM, 1.0)
    made.edit('care', ('x',))
    assert made.playing is None
    assert made.outgoing(7.0).cared.sum() == 1
    made.play('fig2')
    assert made.outgoing(8.0) == FIG2
    assert made.outgoing(9.0) is None  # one goal that stays is said once
    with pytest.raises(GoalError):
        made.play('fig9')


def test_what_is_put_on_the_page_is_published_once_and_stays_there_when_dragged():
    made = session()
    obstacles = made.obstacles
    obstacles.receive((Sphere((0.5, 0.0, 0.5), 0.1, name='else/1'), Box((0, 0, 0), (1, 1, 1),
                                                                      name='floor')))
    assert obstacles.outgoing() is None and obstacles.handle is None
    for kind in ('ball', 'box', 'column'):
        made.add_obstacle(kind)
    assert [shape.name for shape in obstacles.outgoing()] == ['page/1', 'page/2', 'page/3']
    assert obstacles.outgoing() is None and obstacles.selected == 'page/3'
    obstacles.select('floor')
    assert not obstacles.selected  # which has no number
    obstacles.select('else/1')
    obstacles.move(pose.from_matrix(np.eye(3), np.array((0.1, 0.2, 0.3))))
    *_, moved = obstacles.outgoing()
    assert moved == Sphere((0.1, 0.2, 0.3), 0.1, name='else/1') == obstacles.shapes['else/1']
    np.testing.assert_allclose(obstacles.handle[:3], (0.1, 0.2, 0.3))
    obstacles.receive((Sphere((0.5, 0.0, 0.5), 0.1, name='else/1'),))  # as it was before
    assert obstacles.shapes['else/1'] == moved
    obstacles.select('page/2')
    obstacles.remove()
    assert 'page/2' not in {shape.name for shape in obstacles.outgoing()}
    assert 'page/2' not in obstacles.shapes


def test_a_course_that_is_played_puts_its_obstacles_there_until_another_is():
    made = session()
    made.add_obstacle('ball')
    made.play('shelf')
    assert made.outgoing(0.0) == scenario('shelf').goal_at(ARM, 0.0)
    assert {shape.name for shape in made.obstacles.outgoing()} == {'page/1', 'shelf/1', 'shelf/2'}
    made.play('fig2')
    assert [shape.name for shape in made.obstacles.outgoing()] == ['page/1']


def test_a_goal_of_somebody_else_is_what_is_edited_next():
    made = session()
    made.receive_goal(FIG2)
    assert made.editor.cared == {'x', 'y', 'z', 'up_x', 'up_y', 'up_z'}
    assert made.outgoing(0.0) is None
    made.edit('care', made.editor.cared - {'x'})
    assert made.outgoing(0.1).cared.sum() == 5


def test_a_controller_that_has_restarted_is_noticed_and_not_sent_the_goal_unasked():
    made = session()
    made.receive_goal(FIG2)
    made.receive_status(1.0, 'controller', controller(State.IDLE, iterations='0'))
    assert made.outgoing(1.0) is None
    assert 'restarted' in made.verdict(1.0).headline
    made.send()
    assert made.outgoing(1.1) == FIG2
    assert 'restarted' not in made.verdict(1.1).headline


def test_a_controller_that_falls_silent_is_missed():
    made = session()
    assert made.verdict(1.0).tone is Tone.GOOD
    assert 'No controller' in made.verdict(10.0).headline


def test_a_rejected_goal_is_reported_and_a_goal_beyond_reach_measured():
    made = session()
    said = {'iterations': '10', 'rejected_goals': '1', 'last_rejected_goal': 'goal: too long'}
    made.receive_status(1.0, 'controller', controller(State.IDLE, **said))
    assert 'too long' not in made.verdict(1.0).advice  # of the time before this page
    made.receive_status(1.1, 'controller', controller(
        State.IDLE, **{**said, 'rejected_goals': '2'}))
    assert 'too long' in made.verdict(1.1).advice
    made = session()
    made.receive_goal(Goal.tool((0.0, 1.2, 0.0)))
    assert '200 mm' in made.verdict(0.1).advice


def test_another_arm_on_the_same_topics_is_drawn_as_it_is():
    made = session()
    small = Arm.uniform(joints=3)
    made.describe(urdf_text(small))
    assert made.editor.joints == 3 and len(made.picture(0.1).handle) == pose.SIZE
    made.describe('<robot')
    assert 'no URDF' in made.verdict(0.1).advice
    assert [name for name, _, possible in made.scenarios() if possible] == [
        'fig2', 'fig3', 'fig5_left']


# Plots and sliders.

def test_a_history_keeps_what_is_young_enough_and_not_more_often_than_asked():
    history = History(columns=1, span=1.0, period=0.1)
    kept = [history.add(0.05 * i, float(i)) for i in range(100)]
    assert 0.4 < np.mean(kept) < 0.6
    ages, values = history.columns(5.0)
    assert ages.min() >= -1.1 and len(ages) == len(values) <= 12
    assert (np.diff(ages) > 0.0999).all()


@given(st.data())
def test_a_slider_has_room_on_both_sides_of_its_value_within_what_is_allowed(data):
    low = data.draw(st.sampled_from((0.0, 1e-6, 1e-3, 1.0)))
    high = data.draw(st.sampled_from((1.5, 10.0, 1e3, 1e6)))
    value = data.draw(st.floats(low, high))
    least, most, step = slider(Tunable('x', value, low=low, high=high))
    assert low <= least <= value <= most <= high
    assert least < most and 0.0 < step <= (most - least) / 10.0


def test_a_slider_of_a_gain_can_be_set_finely():
    least, most, step = slider(Tunable('damping', 0.003, low=0.0, high=1e3))
    assert (least, most) == (0.0, 0.03) and step <= 0.001
    assert slider(Tunable('restarts', 5, low=0, high=100)) == (0, 50, 1)


# The page.

def test_a_port_that_is_taken_makes_way_for_the_next():
    page = pytest.importorskip('snake_arm_control.viewer.page')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert page.free_port('127.0.0.1', port) > port
    with pytest.raises(SettingsError, match='no.such.host'):
        page.free_port('no.such.host.invalid', 8080)
    with pytest.raises(SettingsError, match='192.0.2.1'):
        page.free_port('192.0.2.1', 8080)


def test_without_viser_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, 'viser', None)
    for name in ('page', 'panel'):
        monkeypatch.delitem(sys.modules, f'snake_arm_control.viewer.{name}', raising=False)
    with pytest.raises(MissingPackageError, match=r'viser.*snake_arm_control\[view\]'):
        page_class()
