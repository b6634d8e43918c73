# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, over a real DDS: what is done there reaches the arm."""

import math
import re
import time

from geometry_msgs.msg import PoseArray
import numpy as np
from person import chromium, main_of, needs_chromium, PATIENCE, Person, playwright, running, viewer
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from std_msgs.msg import Float64MultiArray, String
from visualization_msgs.msg import MarkerArray

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.control.goal import Goal
from snake_arm_control.ros import chain_messages, goal_messages, topics
from snake_arm_control.ros.scene_markers import markers_to_shapes
from snake_arm_control.viewer.scene import CAMERA, FIELD_OF_VIEW, LOOK_AT

pytestmark = needs_chromium
ARM = Arm.uniform(joints=20)
NAMESPACE = 'left'
AGAIN = 5.0  # [s] after which a person tries again what had no effect


def arm():
    return running(*main_of('cli', 'up', '--namespace', NAMESPACE, '--joints', str(ARM.joints)))


class Witness:
    """Follows the goal that the controller pursues, and where the arm is."""

    def __init__(self):
        self.node = rclpy.create_node('witness', namespace=NAMESPACE)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.goal, self.chain = None, None
        self.parameters = AsyncParameterClient(self.node, 'controller')
        self.node.create_subscription(Float64MultiArray, topics.PURSUED_GOAL, self.take_goal,
                                      topics.LATCHED)
        self.text = ''  # of the goal that is pursued
        self.node.create_subscription(String, topics.PURSUED_GOAL_YAML, lambda message: setattr(
            self, 'text', message.data), topics.LATCHED)
        self.shapes = {}  # what the controller keeps clear of, by name
        self.node.create_subscription(MarkerArray, topics.SCENE_MARKERS, self.take_scene,
                                      topics.LATCHED)
        self.node.create_subscription(PoseArray, topics.POSE_CHAIN, self.take_chain,
                                      topics.LATEST, raw=True)

    def take_goal(self, message):
        self.goal = goal_messages.message_to_goal(message, ARM.joints)

    def take_scene(self, message):
        self.shapes = {shape.name: shape for shape in markers_to_shapes(message)}

    def take_chain(self, data):
        self.chain = chain_messages.deserialize_chain(data)[1]

    def wait(self, condition, what):
        assert self.sees(condition, PATIENCE), (
            f'waited {PATIENCE} s in vain for {what}; asked for:\n'
            f'{self.goal and self.goal.to_yaml()}the tool is at '
            f'{None if self.chain is None else self.chain[-1]}')

    def sees(self, condition, seconds):
        """Return whether a condition comes true within some time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.executor.spin_once(timeout_sec=0.05)
        return True

    def insists(self, act, condition, what, between=lambda: None):
        """Act until a condition comes true, as a person does on a page that is slow to draw."""
        end = time.monotonic() + PATIENCE
        act()
        while not self.sees(condition, AGAIN) and time.monotonic() < end:
            between()
            act()
        self.wait(condition, what)

    def parameter(self, name):
        """Return a parameter of the controller, as it is now."""
        future = self.parameters.get_parameters([name])
        self.executor.spin_until_future_complete(future, PATIENCE)
        return parameter_value_to_python(future.result().values[0])

    def asks(self, *components):
        """Return whether just these components of the tool are asked for, and nothing else."""
        cared = np.zeros((ARM.joints, pose.SIZE), dtype=bool)
        cared[-1] = [name in components for name in pose.COMPONENTS]
        return self.goal is not None and np.array_equal(self.goal.cared, cared)

    def is_at(self, goal):
        return (self.chain is not None and goal.position_error(self.chain) <= 1e-3
                and goal.axis_error(self.chain) <= math.radians(1.0))


class Camera:
    """The camera as the page sets it up: where points are on the screen."""

    def __init__(self, person):
        box = max((canvas.bounding_box() for canvas in person.page.locator('canvas').all()),
                  key=lambda box: box['width'] * box['height'])
        self.corner = np.array((box['x'], box['y']))
        self.size = np.array((box['width'], box['height']))

    def sees(self, point):
        """Return where a point (3,) [m] is on the screen, (2,) [px]."""
        forward = LOOK_AT - CAMERA
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        ray = np.asarray(point) / ARM.length - CAMERA
        across, along, depth = ray @ right, ray @ np.cross(right, forward), ray @ forward
        scale = self.size[1] / (2.0 * math.tan(FIELD_OF_VIEW / 2.0)) / depth
        return self.corner + self.size / 2.0 + scale * np.array((across, -along))


@pytest.fixture(scope='module')
def witness():
    rclpy.init(args=[])
    witness = Witness()
    yield witness
    witness.node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture(scope='module')
def address(witness):
    with viewer(8090, NAMESPACE) as address:
        yield address


@pytest.fixture(scope='module')
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope='module')
def person(browser, address):
    """Open the page, before there is an arm."""
    person = Person(browser, address)
    person.reads('No controller is running in the namespace /left')
    yield person
    assert not person.errors


@pytest.fixture(scope='module')
def an_arm(person):
    with arm() as child:
        yield child


def leads(person, witness, *position):
    """Type a position [m] and see the arm get there."""
    goal = Goal.tool(position, joints=ARM.joints)
    witness.insists(lambda: person.types('position', *position), lambda: witness.goal == goal,
                    f'a goal for {position}')
    witness.wait(lambda: witness.is_at(goal), 'the arm at the goal')


def frees_everything(person, witness):
    person.presses('Free everything')
    witness.wait(lambda: witness.asks(), 'no goal')


def goes_to_rest(person, witness):
    person.presses('Back to rest')
    rest = Goal.tool((0.0, 0.0, ARM.length), joints=ARM.joints)
    witness.wait(lambda: witness.is_at(rest), 'the arm at rest')


def test_an_arm_that_comes_up_is_found(person, an_arm):
    person.reads('Ready')
    person.sees('joint', '20')


def test_only_the_controller_subscribes_to_goals(person, witness):
    """Who publishes a goal once, to the first subscriber, must not meet the page."""
    person.reads('Ready')
    for topic in (topics.GOAL, topics.GOAL_POSE, topics.CLICKED_POINT):
        subscribers = witness.node.get_subscriptions_info_by_topic(
            witness.node.resolve_topic_name(topic))
        assert [info.node_name for info in subscribers] == ['controller']


def test_the_page_needs_nothing_but_this_machine(person):
    person.reads('Ready')
    assert {re.match(r'(?:blob:)?\w+://[^/:]+', url).group().split('//')[1]
            for url in person.requests} == {'localhost'}


def test_numbers_that_are_typed_lead_the_arm_there(person, witness):
    leads(person, witness, 0.2, -0.1, 0.3)
    person.reads('Goal reached')


def test_a_component_that_is_switched_to_free_is_released(person, witness):
    person.unticks('z')
    witness.wait(lambda: witness.asks('x', 'y'), 'a goal without z')
    goal = Goal.tool((0.1, -0.1, None), joints=ARM.joints)
    witness.insists(lambda: person.types('position', 0.1, -0.1, 0.9), lambda: witness.goal == goal,
                    'a goal for x and y')
    witness.wait(lambda: witness.is_at(goal), 'the arm there')
    assert witness.chain[-1, 2] < 0.45  # what is free is not followed
    frees_everything(person, witness)


def test_the_handle_drags_the_arm_along(person, witness):
    leads(person, witness, 0.2, -0.1, 0.3)  # with room on all sides
    frees_everything(person, witness)
    person.reads('Ready')
    person.page.get_by_role('alert').get_by_role('button').dispatch_event('click')  # a notice
    tool = witness.chain[-1].copy()
    rotation, position = pose.to_matrix(tool)
    camera = Camera(person)
    # That axis of the handle which is seen best.
    ends = [camera.sees(position + 0.12 * ARM.length * axis) for axis in rotation.T]
    start = camera.sees(position)
    best = int(np.argmax([np.linalg.norm(end - start) for end in ends]))
    witness.insists(lambda: person.drags(ends[best], ends[best] + 0.5 * (ends[best] - start)),
                    lambda: witness.asks('x', 'y', 'z'), 'a goal for the position',
                    person.looks_anew)
    witness.wait(lambda: witness.is_at(witness.goal), 'the arm where the handle is')
    moved = witness.chain[-1, :3] - position
    assert 0.02 < moved @ rotation[:, best] < 0.2
    np.testing.assert_allclose(moved - (moved @ rotation[:, best]) * rotation[:, best], 0.0,
                               atol=2e-3)


def test_a_click_on_the_arm_chooses_a_joint(person, witness):
    goes_to_rest(person, witness)  # upright, so that nothing stands before the link
    link = 10
    middle = witness.chain[link - 2:link, pose.POSITION].mean(axis=0)
    nearby = {str(number) for number in (link - 1, link, link + 1)}  # two meet at a hinge
    witness.insists(lambda: person.clicks(Camera(person).sees(middle)),
                    lambda: person.shows('joint') in nearby, 'the joint')
    person.types('joint', ARM.joints)
    person.sees('joint', f'^{ARM.joints}$')


def test_the_tool_looks_at_a_point(person, witness):
    leads(person, witness, 0.2, -0.1, 0.3)
    person.presses('look at')
    witness.wait(lambda: witness.asks('x', 'y', 'z', 'forward_x', 'forward_y', 'forward_z'),
                 'a goal for where the tool points')
    person.sees('look at', '[1-9]')  # a point ahead
    point = np.array((0.3, 0.1, 0.2))
    towards = point - (0.2, -0.1, 0.3)
    goal = Goal.tool((0.2, -0.1, 0.3), forward=towards / np.linalg.norm(towards),
                     joints=ARM.joints)
    witness.insists(lambda: person.types('look at', *point), lambda: witness.is_at(goal),
                    'the arm looking there')
    frees_everything(person, witness)


def test_two_pages_show_the_same_and_one_may_leave(browser, address, person, witness):
    other = Person(browser, address)
    leads(other, witness, -0.2, 0.1, 0.3)
    person.sees('position', r'-0\.2')
    other.page.close()
    leads(person, witness, 0.2, 0.1, 0.3)


def test_the_arm_is_held_tuned_and_sent_home(person, witness):
    person.presses('Hold')
    person.reads('Holding')
    person.presses('Go on')
    person.reads('Goal reached')
    person.opens('Tune')
    person.sees('momentum', r'0\.5')
    person.nudges('momentum')
    witness.wait(lambda: witness.parameter('momentum') == pytest.approx(0.501),
                 'the parameter that the slider shows')
    goes_to_rest(person, witness)
    person.reads('Ready')


def test_an_experiment_moves_the_arm(person, witness):
    person.opens('Play')
    person.presses('fig3')
    witness.wait(lambda: witness.asks('x', 'y', 'z', 'forward_x', 'forward_y', 'forward_z'),
                 'the goal of figure 3')
    first = witness.goal
    witness.wait(lambda: witness.goal != first, 'a goal that moves')
    person.presses('Stop')
    person.opens('Goal')


def test_a_goal_is_written_as_yaml(person, witness):
    """With what no tick and no number of the page can say."""
    frees_everything(person, witness)
    text = '[{joint: tool, position: [0.2, [-0.1, 0.1], ~], look_at: [0.4, 0.0, 0.1]}]'
    goal = Goal.from_yaml(text, ARM.joints)
    person.page.get_by_text('As YAML').first.dispatch_event('click')

    def write():
        person.page.locator('textarea').first.fill(text, force=True)
        person.presses('Send this')
    witness.insists(write, lambda: witness.text and Goal.from_yaml(
        witness.text, ARM.joints) == goal, 'the goal as written')
    witness.wait(lambda: witness.is_at(goal), 'the arm at the goal')
    frees_everything(person, witness)


def test_an_obstacle_is_added_dragged_and_removed(person, witness):
    """The controller keeps clear of it all the time, wherever it is dragged."""
    frees_everything(person, witness)
    leads(person, witness, 0.2, -0.1, 0.3)
    person.opens('Obstacles')
    person.presses('ball')
    witness.wait(lambda: 'page/1' in witness.shapes, 'the ball')
    first = np.array(witness.shapes['page/1'].center)
    camera, along = Camera(person), np.array((0.0, 0.0, 0.1 * ARM.length))
    start, end = camera.sees(first), camera.sees(first + along)
    witness.insists(lambda: person.drags(end, end + 0.5 * (end - start)),
                    lambda: witness.shapes['page/1'].center != tuple(first), 'the ball elsewhere',
                    person.looks_anew)
    moved = np.array(witness.shapes['page/1'].center) - first
    assert 0.02 < moved[2] < 0.2 and np.abs(moved[:2]).max() < 2e-3
    person.opens('Obstacles')
    person.presses('Remove')
    witness.wait(lambda: 'page/1' not in witness.shapes, 'no ball')
    person.opens('Goal')


def test_a_goal_out_of_reach_is_reported(person, witness):
    frees_everything(person, witness)
    far = Goal.tool((0.9, 0.0, 0.3), joints=ARM.joints)
    witness.insists(lambda: person.types('position', 0.9, 0.0, 0.3), lambda: witness.goal == far,
                    'a goal out of reach')
    person.reads('The goal is out of reach|The arm found no way to the goal')
    person.reads('mm further away than the arm is long')
    leads(person, witness, 0.2, 0.0, 0.3)
    person.reads('Goal reached')


def test_a_viewer_that_comes_late_knows_the_goal(browser, person, witness):
    frees_everything(person, witness)
    person.presses('+ up')
    witness.wait(lambda: witness.asks('x', 'y', 'z', 'up_x', 'up_y', 'up_z'), 'a goal')
    with viewer(8110, NAMESPACE) as late:
        other = Person(browser, late)
        other.reads('Goal reached')
        for component in ('x', 'up z'):
            other.sees_ticked(component)
        playwright.expect(other.field('forward x')).not_to_be_checked()
        other.page.close()


def test_a_controller_that_restarts_is_found_again(person, an_arm, witness):
    an_arm.terminate()
    person.reads('No controller is running')
    with arm():
        person.reads('The controller has restarted')
        witness.goal = None
        person.presses('Send goal')
        witness.wait(lambda: witness.goal is not None and witness.is_at(witness.goal),
                     'the arm at the goal that was lost')
