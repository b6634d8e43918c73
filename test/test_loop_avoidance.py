# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the loop among obstacles: no contact, rest at the margin, way given to what comes."""

from dataclasses import replace
import math

import numpy as np
import pytest
from rig import PERIOD, reachable, Rig

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.bench.scenes import problems
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.control.scene import Scene
from snake_arm_control.control.shapes import Box, Capsule, HalfSpace, Sphere
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

FLOOR = HalfSpace((0.0, 0.0, 1.0), -0.02, name='floor')
SPHERES = Scene((FLOOR, Sphere((0.35, 0.1, 0.55), 0.08, name='ball'),
                 Sphere((-0.3, 0.3, 0.4), 0.1),
                 Box((0.2, -0.4, 0.5), (0.2, 0.1, 0.3), name='box'),
                 Capsule((0.5, 0.4, 0.0), (0.5, 0.4, 0.9), 0.03, name='pole')))
UNLIKE = {'ideal': SimulationSettings(),
          'unlike': SimulationSettings(length_error=0.02, joint_offset=math.radians(1.0)),
          'slow': SimulationSettings(servo_lag=0.05, feedback_latency=0.02)}
ARM = Arm()


class Clear:
    """Watches how clear the arm of a rig itself is."""

    def __init__(self, rig, scene, own_body=True):
        self.rig, self.own_body, self.least = rig, own_body, math.inf
        self.show(scene)

    def show(self, scene):
        self.rig.loop.avoid(scene, self.own_body)
        self.clearances = Clearances(scene, ArmBody.of(self.rig.loop.arm), self.own_body)

    def __call__(self, _=None):
        self.least = min(self.least, self.clearances.clearance(self.rig.true_chain()))


def test_what_is_far_away_changes_no_command_by_a_bit():
    commands = []
    for scene, own_body in ((None, False), (Scene((Sphere((5.0, 0.0, 0.0), 1.0),)), True)):
        rig = Rig(simulation=UNLIKE['unlike'])
        rig.loop.avoid(scene, own_body)
        rig.pursue(reachable(seed=1), 1.0)
        commands.append(np.array([command.positions for command in rig.commands]))
    np.testing.assert_array_equal(*commands)


@pytest.mark.parametrize('simulation', UNLIKE.values(), ids=UNLIKE)
def test_goals_among_obstacles_are_reached_without_contact(simulation):
    rig = Rig(simulation=simulation)
    clear = Clear(rig, SPHERES)
    reached = 0
    for seed in range(6):
        goal = reachable(seed=seed)
        goal_chain = goal.target[-1, :3]
        if clear.clearances.clearance(rig.true_chain()) < 0.0 or goal_chain[2] < 0.1:
            continue
        rig.pursue(goal, 4.0, clear)
        reached += rig.errors(goal)[0] <= 2e-3
    assert clear.least > 0.0
    assert reached >= 4
    rig.assert_kept()


def test_an_arm_whose_goal_is_in_an_obstacle_rests_at_the_margin_and_says_at_what():
    """No command comes any more, and nothing trembles on the way there."""
    rig = Rig(settings=ControlSettings(restarts=1, stall_time=0.3))
    clear = Clear(rig, SPHERES)
    rig.pursue(Goal.tool(position=(0.35, 0.1, 0.55), joints=10), 6.0, clear)
    rig.run_to(State.STALLED)
    rig.rest(0.5)
    assert rig.rest(0.5) == []
    contact = rig.loop.contact
    assert contact.other == 'ball' and contact.link == 'link_10'
    assert 0.5 * SPHERES.margin < clear.least
    assert contact.clearance < 0.02
    rig.assert_kept()


@pytest.mark.parametrize('phase', ('on the way', 'at its goal', 'stalled'))
def test_an_arm_gives_way_to_an_obstacle_that_moves_into_it(phase):
    """By 0.2 m/s, slower than the arm may move; afterwards it goes on to its goal."""
    rig = Rig(settings=ControlSettings(restarts=0, stall_time=0.3))
    goal = reachable(seed=1) if phase != 'stalled' else Goal.tool((1.5, 0.0, 1.5), joints=10)
    clear = Clear(rig, Scene((FLOOR,)))
    rig.pursue(goal, 0.3 if phase == 'on the way' else 3.0, clear)
    tool = rig.true_chain()[7, :3].copy()
    way = np.array((0.0, 1.0, 0.0))
    for k in range(round(2.0 / PERIOD)):
        center = tool + way * (-0.25 + 0.2 * k * PERIOD)
        clear.show(Scene((FLOOR, Sphere(tuple(center), 0.05, name='ball'))))
        rig.tick()
        clear()
    assert clear.least > 0.0
    clear.show(Scene((FLOOR,)))
    if phase != 'stalled':
        assert rig.pursue(goal, 3.0, clear).end <= 1e-3
    rig.assert_kept()


@pytest.mark.parametrize('seed', range(4))
def test_an_arm_in_motion_gives_way_to_what_sweeps_through_it_and_then_goes_on(seed):
    """By 0.3 m/s, seen first when it is near: the way to the goal must not slow the escape."""
    generator = np.random.default_rng(seed)
    rig = Rig(simulation=UNLIKE['unlike'])
    clear = Clear(rig, Scene((), margin=0.01))
    for k in range(3):
        goal = reachable(seed=10 * seed + k)
        rig.pursue(goal, 0.25, clear)
        way = generator.normal(size=3)
        way /= np.linalg.norm(way)
        through = rig.true_chain()[generator.integers(3, 10), :3]
        start = next(through - far * way for far in (0.2, 0.3, 0.5, 0.8, 1.2) if np.linalg.norm(
            rig.true_chain()[:, :3] - through + far * way, axis=1).min() > 0.13)
        for tick in range(round(5.0 / PERIOD)):
            ball = Sphere(tuple(start + 0.3 * tick * PERIOD * way), 0.05, name='ball')
            clear.show(Scene((ball,), margin=0.01))
            rig.tick()
            clear()
            if np.linalg.norm(ball.center) < 0.25:
                break  # it would touch the first links, which can't give way
        clear.show(Scene((), margin=0.01))
        assert rig.pursue(goal, 5.0, clear).end <= 1e-3
    assert clear.least > 0.0
    rig.assert_kept()


@pytest.mark.parametrize('acceleration', (0.5, 2.0))
@pytest.mark.parametrize('own_body', (False, True))
def test_an_arm_that_takes_long_to_brake_brakes_ahead_of_a_wall(acceleration, own_body):
    """Its momentum is no step of the descent, which alone would lead it into the wall."""
    arm = Arm.uniform(joints=10, segment_length=0.1, acceleration_limit=acceleration)
    rig = Rig(ExactModel(arm))
    clear = Clear(rig, Scene((HalfSpace((-1.0, 0.0, 0.0), -0.4, name='wall'),)), own_body)
    rig.pursue(Goal.tool(position=(0.8, 0.0, 0.5), joints=10), 4.0, clear)
    assert 0.0 < clear.least < 0.05
    rig.assert_kept()


def test_an_arm_in_contact_at_the_start_leaves_it():
    rig = Rig()
    clear = Clear(rig, Scene((Sphere((0.06, 0.0, 0.7), 0.04, name='ball'),)))
    assert clear.clearances.clearance(rig.true_chain()) < 0.0
    goal = Goal.tool(position=(-0.3, 0.2, 0.7), joints=10)
    assert rig.pursue(goal, 3.0).end <= 1e-3
    assert clear.clearances.clearance(rig.true_chain()) > 0.0


@pytest.mark.parametrize('family, model, simulation', (
    ('shelf', ExactModel(ARM), 'ideal'), ('forest', ExactModel(ARM), 'ideal'),
    ('shelf', ForwardModel.load(), 'unlike')), ids=('shelf', 'forest', 'learned'))
def test_an_arm_returns_to_rest_around_what_is_in_the_way(family, model, simulation):
    given = next(problems(family, ARM, np.random.default_rng((11, 2))))
    rig = Rig(model, simulation=UNLIKE[simulation])
    clear = Clear(rig, given.scene, own_body=False)
    rig.loop.avoid(replace(given.scene, margin=0.01), own_body=True)
    rig.loop.set_goal(given.goal('position', ARM.joints))
    for expected in (State.REACHED, State.IDLE):
        for _ in range(8000):
            rig.tick()
            clear()
            if rig.state is expected:
                break
        assert rig.state is expected
        if expected is State.REACHED:
            rig.loop.reset()
    assert clear.least > 0.0
    np.testing.assert_allclose(rig.loop.angles, ARM.rest, atol=1e-6)


def test_an_arm_whose_rest_is_at_a_margin_is_idle_next_to_it():
    rig = Rig(ExactModel(ARM))
    ball = Sphere((0.05 + 6.25e-3 + 0.002 - 1e-4, 0.0, 0.5), 0.05)  # a tenth of a millimetre more
    rig.loop.set_goal(reachable(ARM, seed=1))
    rig.rest(1.0)
    rig.loop.avoid(Scene((ball,)))
    rig.loop.reset()
    rig.run_to(State.IDLE)
    assert 0.0 < np.abs(rig.loop.angles).max() < 1e-3


def test_the_scene_outlives_a_change_of_the_model_and_of_settings():
    rig = Rig()
    rig.loop.avoid(SPHERES, True)
    rig.loop.use_model(rig.loop.model)
    rig.loop.settings = ControlSettings(method='momentum')
    assert rig.loop.contact is not None and rig.loop.margin == SPHERES.margin
    rig.loop.avoid(None)
    assert rig.loop.contact is None and rig.loop.margin == 0.0


def test_an_arm_whose_joints_lag_each_in_its_own_way_is_slow_and_smooth_next_to_things():
    """By 25 to 250 ms; it leaves the way of its command, which slows down where that is narrow."""
    given = next(problems('shelf', ARM, np.random.default_rng((11, 2))))
    scene = Scene(tuple(shape for shape in given.scene.shapes if shape.name != 'floor'), 0.004)
    lags = np.random.default_rng(1).uniform(0.025, 0.25, ARM.rest.shape)
    kept, loop = Clearances(scene, ArmBody.of(ARM)), ControlLoop(ExactModel(ARM))
    loop.avoid(scene, own_body=True)
    loop.set_goal(given.goal('position', ARM.joints))
    angles = command = ARM.rest
    least, behind, stops, moved = np.inf, 0.0, 0, False
    for tick in range(1, 1000):
        stamp = 5_000_000 * tick
        angles = angles + (command - angles) * (1.0 - np.exp(-0.005 / lags))
        chain = forward_kinematics(ARM, angles)
        least = min(least, kept.clearance(chain))
        loop.report(stamp, angles)
        loop.receive(stamp, chain)
        made = loop.iterate(1e-9 * stamp, stamp)
        command = command if made is None else made.positions
        behind = max(behind, np.abs(forward_kinematics(ARM, command) - chain)[:, :3].max())
        stops, moved = stops + (moved and not loop.is_moving), loop.is_moving
        if loop.state(1e-9 * stamp) is State.REACHED:
            break
    assert least > 0.0 and behind > 0.02 and stops <= 2
    assert loop.state(1e-9 * stamp) is State.REACHED
