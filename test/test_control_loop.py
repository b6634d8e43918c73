# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the control loop: what it commands, when it holds, and that no bound is exceeded."""

from collections import Counter
from dataclasses import replace
import math
import re

from hypothesis import given, settings as examples, strategies
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import ExactModel, forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.inverse import make_descent
from snake_arm_control.control.loop import Command, ControlLoop, ControlSettings, State
from snake_arm_control.errors import ArmError, FeedbackError, ShapeError
from snake_arm_control.experiments.scenarios import scenario
from snake_arm_control.model.forward_model import ForwardModel

PERIOD = 0.005  # [s]
MILLISECOND = 1_000_000  # [ns]
ROUNDING = 1e-12  # [rad]
NAN = math.nan
UNLIKE = SimulationSettings(length_error=0.05, joint_offset=math.radians(2.0))
SHORT = Arm(joints=10, segment_length=0.1)
LETTER = ControlSettings(correction_gain=1.0)  # equation 4 to the letter: each pose counts in full


@pytest.fixture(scope='module')
def learned():
    return ForwardModel.load()


class Bench:
    """A control loop and a simulated arm on one clock, with feedback that can be delayed."""

    def __init__(self, model=None, settings=ControlSettings(), simulation=SimulationSettings(),
                 delay=0):
        self.loop = ControlLoop(model or ExactModel(SHORT), settings)
        self.arm = SimulatedArm(self.loop.arm, simulation)
        self.now, self.connected, self.delay = 100.0, True, delay
        self.commands, self.on_the_way = [], []
        self.loop.start(self.arm.angles)

    @property
    def state(self):
        return self.loop.state(self.now)

    def run(self, iterations):
        """Go on for some periods and return the commands of these."""
        before = len(self.commands)
        for _ in range(iterations):
            self.now += PERIOD
            command = self.loop.iterate(self.now, round(self.now * 1e9))
            if command is not None:
                self.commands.append(command)
                self.arm.command(command.positions, command.stamp, self.now)
            self.arm.advance(self.now)
            self.on_the_way.append(self.arm.measure(self.now))
            if len(self.on_the_way) > self.delay:
                measured = self.on_the_way.pop(0)
                if self.connected and measured is not None:
                    self.loop.receive(measured.stamp, measured.chain)
        return self.commands[before:]

    def run_to(self, state, iterations=3000):
        """Go on until the loop is in a state, or fail."""
        for _ in range(iterations):
            if self.state is state:
                return
            self.run(1)
        assert self.state is state


def reachable(arm=SHORT, seed=0, **cared):
    """Return a goal for the position of the tool where some bent arm has it."""
    angles = np.random.default_rng(seed).uniform(-0.3, 0.3, (arm.joints, 2))
    return Goal.tool(position=forward_kinematics(arm, angles)[-1, :3], joints=arm.joints, **cared)


def assert_bounded(commands, settings, arm, start=None):
    """Assert what holds of any commands, whatever led to them; times are those of the bench."""
    positions = np.array([command.positions for command in commands])
    if start is not None:
        positions = np.concatenate((start[None], positions))
    assert np.isfinite(positions).all()
    assert np.abs(positions).max() <= arm.angle_limit
    assert np.abs(np.diff(positions, axis=0)).max(initial=0.0) <= settings.max_step + ROUNDING
    velocities = np.array([command.velocities for command in commands])
    assert np.abs(velocities).max() <= arm.velocity_limit
    assert (np.diff([command.stamp for command in commands]) > 0).all()


def test_nothing_is_commanded_before_the_start():
    loop = ControlLoop(ExactModel(SHORT))
    loop.set_goal(reachable())
    loop.reset()
    loop.set_goal(reachable())
    for now in (0.0, 1.0, 100.0):
        assert loop.state(now) is State.WAITING
        assert loop.iterate(now, 5) is None
    assert loop.angles is None
    assert all(math.isnan(error) for error in loop.errors())
    loop.start(np.zeros((10, 2)))
    assert loop.state(100.0) is State.TRACKING
    assert loop.iterate(100.0, 5) is not None


def test_the_loop_starts_where_it_is_told_and_keeps_its_own_copy():
    loop = ControlLoop(ExactModel(SHORT))
    first = np.full((10, 2), 0.1)
    loop.start(first)
    first[:] = 0.3
    np.testing.assert_array_equal(loop.angles, np.full((10, 2), 0.1))


def test_an_arm_that_was_moved_while_it_was_left_alone_goes_on_from_there():
    """On hold, without a goal, without feedback; a little lag or sag is no move."""
    moved = np.full((10, 2), 0.2)
    idle, held, deaf = Bench(), Bench(), Bench()
    for bench in (held, deaf):
        bench.loop.set_goal(reachable())
        bench.run(5)
    held.loop.hold(True)
    held.run(1)
    deaf.connected = False
    deaf.run_to(State.NO_FEEDBACK)
    deaf.run(1)
    for bench in (idle, held, deaf):
        before = bench.loop.angles
        bench.loop.start(before + 0.04)
        np.testing.assert_array_equal(bench.loop.angles, before)
        bench.loop.start(moved)
        np.testing.assert_array_equal(bench.loop.angles, before)  # it is still on its way
        bench.loop.start(moved)
        np.testing.assert_array_equal(bench.loop.angles, moved)
    deaf.arm.angles, deaf.connected = moved, True
    command, *_ = deaf.run(200)
    assert np.abs(command.positions - moved).max() <= SHORT.velocity_limit * PERIOD + ROUNDING
    deaf.run_to(State.REACHED)


def test_joint_states_of_a_driven_arm_change_nothing():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run(3)
    assert bench.loop.is_driving
    before = bench.loop.angles
    bench.loop.start(np.full((10, 2), 0.5))
    np.testing.assert_array_equal(bench.loop.angles, before)


def test_an_arm_at_rest_at_its_goal_notices_that_feedback_has_died():
    """Nothing is commanded then, so nothing stays unanswered by itself."""
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run_to(State.REACHED)
    bench.run(50)
    held = bench.loop.angles
    bench.connected = False
    commands = bench.run(round(2.5 * ControlSettings().feedback_timeout / PERIOD))
    assert bench.state is State.NO_FEEDBACK
    assert 1 <= len(commands) <= 2
    assert all((command.positions == held).all() for command in commands)
    bench.connected = True
    bench.run_to(State.REACHED)


def test_no_feedback_says_why():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run(5)
    assert bench.loop.feedback_trouble(bench.now) == ''
    chain = bench.loop.true_chain
    bench.connected = False
    bench.run_to(State.NO_FEEDBACK)
    assert re.search(r'no usable pose chain has come for 0\.[56] s',
                     bench.loop.feedback_trouble(bench.now))
    behind = bench.commands[-1].stamp - 3 * 10**9
    bench.loop.receive(0, chain)
    bench.run(1)
    assert 'or not set' in bench.loop.feedback_trouble(bench.now)
    fresh = Bench()
    fresh.loop.set_goal(reachable())
    fresh.connected = False
    while fresh.state is not State.NO_FEEDBACK:
        fresh.loop.receive(behind - 10**9, chain)
        fresh.run(1)
    assert re.search(r'stamped [34]\.\d+ s before', fresh.loop.feedback_trouble(fresh.now))


@pytest.mark.parametrize('back', (0.5, 50.0))
def test_a_clock_that_is_set_back_is_followed_if_by_more_than_a_second(back):
    """By less, stamps go on increasing, and the arm's answers are understood either way."""
    bench = Bench()
    bench.loop.set_goal(reachable())
    *_, last = bench.run(10)
    clock = round((bench.now - back) * 1e9)
    command = bench.loop.iterate(bench.now + PERIOD, clock)
    assert command.stamp == (clock if back > 1.0 else last.stamp + 1)
    assert not bench.loop.answered
    bench.loop.receive(command.stamp, bench.arm.true_chain(command.positions))
    assert bench.loop.answered


def test_a_start_beyond_the_limits_is_taken_to_them():
    loop = ControlLoop(ExactModel(SHORT))
    loop.start(np.full((10, 2), -9.0))
    np.testing.assert_array_equal(loop.angles, np.full((10, 2), -SHORT.angle_limit))


@pytest.mark.parametrize('angles', (np.zeros((9, 2)), np.zeros(20), np.full((10, 2), NAN),
                                    np.full((10, 2), math.inf)))
def test_joint_states_that_are_none_are_refused_and_the_loop_waits_on(angles):
    loop = ControlLoop(ExactModel(SHORT))
    with pytest.raises(FeedbackError, match='joint states'):
        loop.start(angles)
    assert loop.state(0.0) is State.WAITING


@pytest.mark.parametrize('joints', (1, 2, 40))
@pytest.mark.parametrize('bend', (0.0, 1e-6, 0.5))
def test_with_every_component_free_an_arm_at_rest_does_not_move(joints, bend):
    arm = Arm(joints=joints)
    loop = ControlLoop(ExactModel(arm))
    angles = np.random.default_rng(0).uniform(-bend, bend, (joints, 2))
    loop.start(angles)
    for k in range(5):
        loop.set_goal(Goal(np.full((joints, 9), NAN), np.zeros((joints, 9))))
        loop.receive(0, np.random.default_rng(k).normal(size=(joints, 9)))
        assert loop.state(k) is State.IDLE
        assert loop.iterate(k, k) is None
    np.testing.assert_array_equal(loop.angles, angles)


def test_the_goal_of_no_component_stops_an_arm_in_motion():
    bench = Bench()
    bench.loop.set_goal(reachable())
    assert bench.run(5)
    bench.loop.set_goal(Goal.free(10))
    assert bench.run(20) == []
    assert bench.state is State.IDLE


@pytest.mark.parametrize('joints', (1, 40))
def test_an_iteration_without_feedback_is_equation_3(joints):
    arm = Arm(joints=joints)
    settings = ControlSettings(method='momentum', use_feedback=False)
    model, goal = ExactModel(arm), reachable(arm)
    loop = ControlLoop(model, settings)
    loop.start(np.full((joints, 2), 0.1))
    assert loop.iterate(0.0, 0) is None  # from here on the period is known
    loop.set_goal(goal)
    angles, descent = loop.angles, make_descent(arm, settings)
    for k in range(1, 6):
        linearization = model.linearize(angles)
        angles = descent.step(goal, angles, linearization, linearization.chain,
                              min(settings.max_step, 0.1 * arm.velocity_limit))
        command = loop.iterate(10.0 * k, k)
        np.testing.assert_array_equal(command.positions, angles)
    assert (angles != 0.1).any()
    assert loop.iterations == 5


def test_an_iteration_with_feedback_is_equation_4():
    """The estimate is y - (y_k - u_k), and that of the same angles is u."""
    model, goal = ExactModel(SHORT), reachable()
    truth = SimulatedArm(SHORT, UNLIKE)
    settings = ControlSettings(method='momentum', momentum=0.0)
    loop = ControlLoop(model, settings)
    loop.start(np.zeros((10, 2)))
    loop.set_goal(goal)
    first, second = loop.iterate(1.0, 10), loop.iterate(1.1, 20)
    u_1, u_2 = truth.true_chain(first.positions), truth.true_chain(second.positions)
    y_1 = forward_kinematics(SHORT, first.positions)
    now = model.linearize(second.positions)
    loop.receive(10, u_1)
    late = loop.correction.estimate(now.chain)
    np.testing.assert_array_equal(late, now.chain - (y_1 - u_1))
    loop.receive(20, u_2)
    np.testing.assert_allclose(loop.correction.estimate(now.chain), u_2, atol=1e-15)
    expected = make_descent(SHORT, settings).step(
        goal, second.positions, now, u_2, 0.1 * SHORT.velocity_limit)
    assert np.abs(late - u_2).max() > 1e-5
    np.testing.assert_allclose(loop.iterate(1.2, 30).positions, expected, atol=1e-12)


@pytest.mark.parametrize('free_target', (NAN, math.inf, 1e308, -3.0))
def test_the_target_of_a_dont_care_component_leaves_every_command_bit_identical(
        learned, free_target):
    """Over a whole run with feedback of an arm that differs from the model, goals replaced."""
    goals = [scenario('fig2').goal_at(learned.arm, 0.0), reachable(learned.arm)]
    others = [Goal(np.where(goal.cared, goal.target, free_target), goal.weight) for goal in goals]
    runs = []
    for first, second in (goals, others):
        # With noise beyond the tolerances the arm never settles: each tick makes a command.
        bench = Bench(learned, ControlSettings(position_tolerance=1e-6),
                      simulation=replace(UNLIKE, position_noise=1e-4), delay=2)
        bench.loop.set_goal(first)
        bench.run(60)
        bench.loop.set_goal(second)
        bench.run(40)
        runs.append(bench.commands)
    assert len(runs[0]) == len(runs[1]) == 100
    for one, other in zip(*runs):
        assert one.stamp == other.stamp
        assert one.positions.tobytes() == other.positions.tobytes()
        assert one.velocities.tobytes() == other.velocities.tobytes()
    assert runs[0][-1].positions.any()


@pytest.mark.parametrize('delay', (0, 1, 10))
@pytest.mark.parametrize('simulation', (SimulationSettings(), UNLIKE), ids=('ideal', 'unlike'))
def test_the_true_arm_reaches_the_goal_whatever_the_delay(simulation, delay):
    bench = Bench(simulation=simulation, delay=delay)
    goal = reachable()
    bench.loop.set_goal(goal)
    bench.run_to(State.REACHED)
    bench.run(200)
    assert bench.state is State.REACHED
    assert goal.position_error(bench.arm.true_chain()) <= 1e-3
    assert_bounded(bench.commands, bench.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_the_learned_model_brings_the_true_arm_to_figure_2(learned):
    bench = Bench(learned, simulation=UNLIKE, delay=1)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    bench.loop.set_goal(goal)
    bench.run_to(State.REACHED)
    chain = bench.arm.true_chain()
    assert goal.position_error(chain) <= 2e-3
    assert goal.axis_error(chain) <= math.radians(2.0)
    assert_bounded(bench.commands, bench.loop.settings, learned.arm, start=np.zeros((40, 2)))


def test_a_settled_arm_is_left_alone_and_resumes_when_pushed():
    bench = Bench()
    goal = reachable()
    bench.loop.set_goal(goal)
    bench.run_to(State.REACHED)
    bench.run(200)
    assert bench.run(100) == []
    assert bench.state is State.REACHED
    bench.arm.settings = replace(bench.arm.settings, joint_offset=0.02)
    bench.run(1)
    assert bench.run(1)
    assert bench.state is State.TRACKING
    bench.run_to(State.REACHED)
    bench.run(200)
    assert goal.position_error(bench.arm.true_chain()) <= 1e-3
    assert bench.run(100) == []


def test_a_reached_goal_that_creeps_on_stays_reached_one_that_jumps_does_not():
    """So that an arm that keeps up does not change its state with every goal."""
    bench = Bench()
    goal = reachable()
    bench.loop.set_goal(goal)
    bench.run_to(State.REACHED)
    bench.run(50)
    for off, state in ((1e-3, State.REACHED), (2e-3, State.REACHED), (0.03, State.TRACKING)):
        bench.loop.set_goal(Goal.tool(position=goal.target[-1, :3] - (0.0, 0.0, off), joints=10))
        assert bench.state is state
        bench.run(20)
        assert bench.state is State.REACHED


def test_reached_is_not_left_for_errors_a_little_over_the_tolerance():
    """So that noise at the border does not make the state flicker; at twice it is left."""
    bench = Bench(settings=LETTER)
    goal = reachable()
    bench.loop.set_goal(goal)
    bench.run_to(State.REACHED)
    bench.run(200)
    chain = bench.arm.true_chain()
    for off, state in ((1.4e-3, State.REACHED), (2.6e-3, State.TRACKING), (1.4e-3, State.TRACKING),
                       (0.0, State.REACHED)):
        moved = chain.copy()
        moved[-1, 0] = goal.target[-1, 0] + off
        bench.loop.receive(bench.commands[-1].stamp, moved)
        bench.loop.iterate(bench.now, 0)
        assert bench.state is state


def test_hold_stands_still_until_it_is_released():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run(10)
    bench.loop.hold(True)
    where = bench.loop.angles
    assert bench.run(300) == []
    assert bench.state is State.HOLDING
    bench.loop.set_goal(reachable(seed=1))
    assert bench.run(10) == []
    bench.loop.hold(False)
    assert bench.state is State.TRACKING
    resumed = bench.run(10)
    assert len(resumed) == 10
    assert_bounded(resumed, bench.loop.settings, SHORT, start=where)
    bench.run_to(State.REACHED)


def test_reset_drops_the_goal_and_returns_to_rest_within_the_bounds():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run_to(State.REACHED)
    iterations = bench.loop.iterations
    bench.loop.hold(True)
    bench.loop.reset()
    assert bench.state is State.RETURNING
    bench.run_to(State.IDLE)
    assert not bench.loop.angles.any()
    assert bench.loop.goal.is_free
    assert bench.run(50) == []
    assert bench.loop.iterations == iterations
    assert_bounded(bench.commands, bench.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_a_goal_ends_the_return_to_rest():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run_to(State.REACHED)
    bench.loop.reset()
    bench.run(2)
    bench.loop.set_goal(reachable())
    assert bench.state is State.TRACKING
    bench.run_to(State.REACHED)


def test_without_feedback_the_arm_holds_probes_and_goes_on_when_feedback_returns():
    bench = Bench()
    timeout = bench.loop.settings.feedback_timeout
    bench.loop.set_goal(reachable())
    bench.run(10)
    bench.connected = False
    bench.run(round(0.8 * timeout / PERIOD))
    assert bench.state is State.TRACKING
    bench.run_to(State.NO_FEEDBACK, iterations=round(0.5 * timeout / PERIOD))
    where, iterations = bench.loop.angles, bench.loop.iterations
    probes = bench.run(round(4.1 * timeout / PERIOD))
    assert 4 <= len(probes) <= 5
    for probe in probes:
        np.testing.assert_array_equal(probe.positions, where)
        assert not probe.velocities.any()
    assert bench.loop.iterations == iterations
    assert bench.loop.feedback_age(bench.now) > 4.0 * timeout
    bench.connected = True
    bench.run_to(State.TRACKING, iterations=round(1.1 * timeout / PERIOD))
    bench.run_to(State.REACHED)
    assert_bounded(bench.commands, bench.loop.settings, SHORT, start=np.zeros((10, 2)))


def test_an_arm_that_only_repeats_an_old_answer_is_no_feedback():
    """Commands that no longer reach the arm go unanswered, however often it tells its pose."""
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run(10)
    bench.connected = False
    stamp, chain = bench.commands[-1].stamp, bench.arm.true_chain()
    for _ in range(round(1.1 * bench.loop.settings.feedback_timeout / PERIOD)):
        bench.run(1)
        bench.loop.receive(stamp, chain)
    assert bench.state is State.NO_FEEDBACK


def test_losing_half_of_the_feedback_does_not_matter():
    bench = Bench(simulation=replace(UNLIKE, feedback_loss=0.5))
    bench.loop.set_goal(reachable())
    for _ in range(1000):
        bench.run(1)
        assert bench.state is not State.NO_FEEDBACK
    assert bench.state is State.REACHED


def test_the_age_of_feedback_is_that_of_the_oldest_unanswered_command():
    loop = ControlLoop(ExactModel(SHORT))
    loop.start(np.zeros((10, 2)))
    assert loop.feedback_age(7.0) == 0.0
    loop.set_goal(reachable())
    for now, stamp in ((1.0, 10), (1.25, 20), (1.5, 30)):
        loop.iterate(now, stamp)
    chain = np.zeros((10, 9))
    for stamp, age, answered in ((0, 1.0, False), (5, 1.0, False), (10, 0.75, False),
                                 (25, 0.5, False), (30, 0.0, True), (30, 0.0, True)):
        loop.receive(stamp, chain)
        assert loop.feedback_age(2.0) == age
        assert loop.answered is answered


def test_without_use_of_feedback_none_is_missed():
    bench = Bench(settings=ControlSettings(use_feedback=False))
    bench.connected = False
    bench.loop.set_goal(reachable())
    bench.run_to(State.REACHED)
    assert bench.loop.answered
    bench.run(200)
    assert bench.run(200) == []
    assert bench.state is State.REACHED


def test_switching_the_use_of_feedback_off_frees_an_arm_that_waits_for_it_and_on_recovers():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.connected = False
    bench.run_to(State.NO_FEEDBACK)
    bench.loop.settings = replace(bench.loop.settings, use_feedback=False)
    assert bench.state is not State.NO_FEEDBACK
    bench.run(20)
    bench.loop.settings = replace(bench.loop.settings, use_feedback=True)
    bench.connected = True
    bench.run_to(State.REACHED)
    assert_bounded(bench.commands, bench.loop.settings, SHORT, start=np.zeros((10, 2)))


@pytest.mark.parametrize('chain', (np.zeros((9, 9)), np.zeros((10, 7)), np.zeros(90),
                                   np.full((10, 9), math.inf), np.full((10, 9), NAN)))
def test_feedback_that_is_none_is_refused_and_changes_nothing(chain):
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run(5)
    before = bench.loop.true_chain, bench.loop.correction.error, bench.loop.errors()
    with pytest.raises(FeedbackError, match='the pose chain'):
        bench.loop.receive(bench.commands[-1].stamp, chain)
    assert bench.loop.true_chain is before[0]
    assert bench.loop.correction.error is before[1]
    assert bench.loop.errors() == before[2]


def test_one_infinity_spoils_the_feedback():
    bench = Bench()
    chain = np.zeros((10, 9))
    chain[3, 3] = -math.inf
    with pytest.raises(FeedbackError, match='not finite'):
        bench.loop.receive(0, chain)


def test_feedback_that_was_overtaken_is_refused():
    bench = Bench()
    bench.loop.set_goal(reachable())
    first, second = (command.stamp for command in bench.run(2))
    with pytest.raises(FeedbackError, match='older than the one before'):
        bench.loop.receive(first, np.zeros((10, 9)))
    bench.loop.receive(second, bench.arm.true_chain())


def test_one_stamp_far_ahead_does_not_shut_out_the_feedback_after_it():
    bench = Bench()
    bench.loop.set_goal(reachable())
    bench.run(5)
    bench.loop.receive(2 ** 62, bench.arm.true_chain())
    bench.run_to(State.REACHED)


def test_partial_feedback_is_completed_by_what_is_expected():
    """As of a tracker that sees every other joint."""
    bench = Bench(settings=LETTER, simulation=UNLIKE)
    bench.loop.set_goal(reachable())
    bench.run(5)
    error = bench.loop.correction.error.copy()
    command = bench.run(1)[0]
    true = bench.arm.true_chain()
    true[::2] = NAN
    bench.loop.receive(command.stamp, true)
    predicted = forward_kinematics(SHORT, command.positions)
    np.testing.assert_array_equal(bench.loop.true_chain[1::2], true[1::2])
    np.testing.assert_allclose(bench.loop.true_chain[::2],
                               predicted[::2] - bench.loop.correction.error[::2])
    np.testing.assert_array_equal(bench.loop.correction.error[1::2], (predicted - true)[1::2])
    assert np.abs(error).max() > 1e-3


def test_a_tracker_of_the_tools_position_alone_is_enough_for_a_goal_of_it():
    loop = ControlLoop(ExactModel(SHORT))
    arm = SimulatedArm(SHORT, UNLIKE)
    goal = reachable()
    loop.start(arm.angles)
    loop.set_goal(goal)
    for k in range(2000):
        command = loop.iterate(k * PERIOD, k * MILLISECOND)
        if command is not None:
            arm.command(command.positions, command.stamp, k * PERIOD)
        seen = np.full((10, 9), NAN)
        seen[-1, :3] = arm.true_chain()[-1, :3]
        loop.receive(arm.measure(0.0).stamp, seen)
    assert loop.state(k * PERIOD) is State.REACHED
    assert goal.position_error(arm.true_chain()) <= 1e-3


def test_partial_feedback_before_the_start_tells_nothing():
    """Above all not that a goal is reached whose axis nobody has seen."""
    loop = ControlLoop(ExactModel(SHORT))
    goal = Goal.tool(position=(0.0, 0.0, 1.0), up=(0.0, 0.0, 1.0), joints=10)
    loop.set_goal(goal)
    chain = np.full((10, 9), NAN)
    chain[-1, :3] = 0.0, 0.0, 1.0
    loop.receive(0, chain)
    loop.start(np.zeros((10, 2)))
    assert loop.errors()[1] == pytest.approx(math.pi / 2)
    assert loop.iterate(0.0, 1) is not None
    assert loop.state(0.0) is State.TRACKING


@pytest.mark.parametrize('settle', (False, True))
def test_an_arm_that_was_restarted_is_led_back_to_the_goal(settle):
    """It stands at rest again, and its pose answers no command: its stamp is 0."""
    bench = Bench()
    goal = reachable()
    bench.loop.set_goal(goal)
    bench.run(10)
    if settle:
        bench.run_to(State.REACHED)
        bench.run(200)
        assert bench.run(10) == []
    error = bench.loop.correction.error.copy()
    bench.arm = SimulatedArm(SHORT)
    measured = bench.arm.measure(bench.now)
    assert measured.stamp == 0
    bench.loop.receive(measured.stamp, measured.chain)
    np.testing.assert_array_equal(bench.loop.correction.error, error)
    assert bench.loop.errors()[0] == goal.position_error(measured.chain) > 0.01
    assert bench.run(1)
    assert bench.state is State.TRACKING
    bench.run_to(State.REACHED)
    bench.run(200)
    assert goal.position_error(bench.arm.true_chain()) <= 1e-3


@pytest.mark.parametrize('method', ('momentum', 'levenberg_marquardt'))
def test_a_new_goal_is_pursued_from_rest(method):
    """What was learned on the way to the goal before, its momentum above all, is forgotten."""
    bench = Bench(settings=ControlSettings(method=method, use_feedback=False))
    bench.loop.set_goal(reachable())
    bench.run(5)
    goal, here = reachable(seed=1), bench.loop.angles
    bench.loop.set_goal(goal)
    linearization = bench.loop.model.linearize(here)
    expected = make_descent(SHORT, bench.loop.settings).step(
        goal, here, linearization, linearization.chain, PERIOD * SHORT.velocity_limit)
    np.testing.assert_allclose(bench.run(1)[0].positions, expected, atol=1e-9)


@pytest.mark.parametrize('method', ('levenberg_marquardt', 'momentum'))
def test_a_thousand_goals_replaced_in_motion_never_exceed_the_bounds(method):
    """Goals for the tool, for joints between, for the whole chain, and none."""
    bench = Bench(settings=ControlSettings(method=method, gradient_scale=10.0, momentum=0.99),
                  simulation=UNLIKE, delay=3)
    generator = np.random.default_rng(0)
    for _ in range(1000):
        chain = forward_kinematics(SHORT, generator.uniform(-0.7, 0.7, (10, 2)))
        chain[generator.random((10, 9)) < generator.random()] = NAN
        bench.loop.set_goal(Goal.from_array(chain))
        bench.run(int(generator.integers(1, 5)))
    assert len(bench.commands) > 1000
    assert_bounded(bench.commands, bench.loop.settings, SHORT, start=np.zeros((10, 2)))
    largest = np.abs(np.diff([c.positions for c in bench.commands], axis=0)).max()
    assert largest > 0.9 * PERIOD * SHORT.velocity_limit


def test_a_goal_for_another_arm_is_refused_and_the_goal_before_stays():
    bench = Bench()
    goal = reachable()
    bench.loop.set_goal(goal)
    with pytest.raises(ShapeError, match=r'goal has shape \(4, 9\), expected \(10, 9\)'):
        bench.loop.set_goal(Goal.free(4))
    assert bench.loop.goal is goal


def test_another_model_takes_over_in_motion(learned):
    """Its errors are others, so what was learned of the old model's is forgotten."""
    bench = Bench(ExactModel(learned.arm), simulation=UNLIKE, delay=2)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    bench.loop.set_goal(goal)
    bench.run(30)
    assert bench.loop.correction.error.any()
    bench.loop.use_model(learned)
    assert not bench.loop.correction.error.any()
    assert bench.loop.model is learned
    bench.run_to(State.REACHED)
    assert goal.position_error(bench.arm.true_chain()) <= 2e-3
    assert_bounded(bench.commands, bench.loop.settings, learned.arm, start=np.zeros((40, 2)))


@pytest.mark.parametrize('other', (Arm(joints=9, segment_length=0.1),
                                   Arm(joints=10, segment_length=0.1, angle_limit=0.01)))
def test_a_model_of_another_arm_is_refused_and_the_model_before_stays(other):
    bench = Bench()
    model = bench.loop.model
    with pytest.raises(ArmError, match='the model is of .*, expected'):
        bench.loop.use_model(ExactModel(other))
    assert bench.loop.model is model


def test_stamps_are_those_that_are_wanted_as_long_as_they_increase_or_were_set_back():
    loop = ControlLoop(ExactModel(SHORT))
    loop.start(np.zeros((10, 2)))
    loop.set_goal(reachable())
    wanted = (0, 10, 20, 20, 5, -7, 30, 2 ** 62, 40)
    got = [loop.iterate(k * PERIOD, stamp).stamp for k, stamp in enumerate(wanted)]
    assert got == [1, 10, 20, 21, 22, 23, 30, 2 ** 62, 40]


def test_velocities_are_those_between_commands():
    bench = Bench()
    bench.loop.set_goal(reachable())
    commands = bench.run(20)
    for before, command in zip(commands, commands[1:]):
        np.testing.assert_allclose(command.velocities,
                                   (command.positions - before.positions) / PERIOD, atol=1e-6)
    assert any(command.velocities.any() for command in commands)


def test_the_velocity_limit_holds_at_any_rate():
    settings = ControlSettings(method='momentum', gradient_scale=10.0, max_step=1.0,
                               use_feedback=False)
    for period in (1e-4, 1e-3, 0.02, 0.1, 1.0):
        loop = ControlLoop(ExactModel(SHORT), settings)
        loop.start(np.zeros((10, 2)))
        loop.set_goal(reachable())
        positions = [loop.iterate(100.0 + k * period, k).positions for k in range(10)]
        largest = np.abs(np.diff(positions, axis=0)).max()
        assert 0.0 < largest <= SHORT.velocity_limit * period * (1.0 + 1e-6)


def test_after_a_pause_the_arm_does_not_leap():
    bench = Bench(settings=ControlSettings(gradient_scale=10.0, max_step=1.0, use_feedback=False))
    bench.loop.set_goal(reachable())
    bench.run(3)
    where = bench.loop.angles
    bench.now += 1000.0
    assert np.abs(bench.run(1)[0].positions - where).max() <= 0.1 * SHORT.velocity_limit + ROUNDING


def test_an_arm_that_stood_idle_starts_as_gently_as_any():
    """The velocity limit grants the time since the last tick, not since the last command."""
    loop = ControlLoop(ExactModel(SHORT), ControlSettings(use_feedback=False))
    loop.start(np.zeros((10, 2)))
    for k in range(100):
        assert loop.iterate(0.01 * k, k) is None
    loop.set_goal(reachable())
    step = np.abs(loop.iterate(1.0, 100).positions).max()
    assert 0.0 < step <= SHORT.velocity_limit * 0.01 * (1.0 + 1e-9)


def test_what_the_caller_does_to_a_command_does_not_reach_the_loop():
    bench = Bench()
    bench.loop.set_goal(reachable())
    command = bench.run(1)[0]
    expected = bench.loop.angles
    command.positions[:] = 9.0
    bench.loop.angles[:] = 9.0
    np.testing.assert_array_equal(bench.loop.angles, expected)


@pytest.mark.parametrize('use_feedback', (False, True))
def test_errors_are_those_of_the_true_chain_where_feedback_is_used(use_feedback):
    bench = Bench(settings=replace(LETTER, use_feedback=use_feedback), simulation=UNLIKE)
    goal = reachable(up=(0.0, 0.0, 1.0))
    bench.loop.set_goal(goal)
    bench.run(5)
    chain = (bench.arm.true_chain() if use_feedback
             else forward_kinematics(SHORT, bench.loop.angles))
    expected = goal.position_error(chain), goal.axis_error(chain)
    assert min(expected) > 0.0
    assert bench.loop.errors() == pytest.approx(expected, rel=1e-12)


# From here on: whatever goals and feedback come.

COUNTS = Counter()
TINY = Arm(joints=3, segment_length=0.1, angle_limit=0.6)
ANYTHING = strategies.floats(allow_nan=True, allow_infinity=True, width=64)
COMPONENT = strategies.one_of(
    strategies.just(NAN), strategies.sampled_from((0.0, 0.1, 0.3, -1.0, 1.0, 1e30, 1e300)),
    strategies.floats(-1.0, 1.0))
EVENTS = strategies.one_of(
    # (dt [s], jump of the wanted stamp [ns]); the most frequent of all
    strategies.tuples(strategies.just('iterate'), strategies.sampled_from(
        (0.0, 1e-6, 0.001, 0.005, 0.05, 0.3, 10.0, -0.01)),
        strategies.integers(-10 ** 10, 10 ** 10)),
    strategies.tuples(strategies.just('iterate'), strategies.just(0.005), strategies.just(5)),
    strategies.tuples(strategies.just('answer'), strategies.integers(0, 5),
                      strategies.floats(-0.3, 0.3)),
    strategies.tuples(strategies.just('receive'), strategies.integers(-5, 2 ** 62),
                      strategies.lists(ANYTHING, min_size=27, max_size=27)),
    strategies.tuples(strategies.just('misshapen'), strategies.integers(0, 40),
                      strategies.sampled_from(((), (3,), (2, 9), (3, 8), (27,), (1, 3, 9)))),
    strategies.tuples(strategies.just('goal'), strategies.lists(
        COMPONENT, min_size=27, max_size=27), strategies.sampled_from((1.0, 1e-3, 50.0, 1e300))),
    strategies.tuples(strategies.just('tool'), strategies.floats(-0.3, 0.3),
                      strategies.floats(-0.3, 0.3)),
    strategies.tuples(strategies.just('start'), ANYTHING, ANYTHING),
    strategies.tuples(strategies.sampled_from(('hold', 'go on', 'reset', 'model', 'feedback')),
                      strategies.none(), strategies.none()))


@pytest.mark.filterwarnings('ignore:overflow', 'ignore:invalid')
@given(events=strategies.lists(EVENTS, min_size=10, max_size=40),
       scale=strategies.sampled_from((0.1, 10.0)), max_step=strategies.sampled_from((0.05, 1.0)),
       momentum=strategies.sampled_from((0.0, 0.5, 0.99)))
@examples(max_examples=1500)
def test_whatever_goals_and_feedback_come_no_command_exceeds_a_bound(
        events, scale, max_step, momentum):
    """Within the limits, at most a step and the velocity limit away, and stamped later."""
    settings = ControlSettings(gradient_scale=scale, max_step=max_step, momentum=momentum)
    loop = ControlLoop(ExactModel(TINY), settings)
    loop.start(np.zeros((3, 2)))
    loop.set_goal(Goal.tool(position=(0.2, 0.1, 0.1), joints=3))
    now, wanted, commanded_at, last_stamp, started = 50.0, 1000, None, 0, False
    before, sent = Command(0, np.zeros((3, 2)), np.zeros((3, 2))), []
    for kind, first, second in events:
        if kind == 'iterate':
            now, wanted = now + first, wanted + second
            stood = loop.angles
            assert started or (stood == before.positions).all()
            if wanted < last_stamp - 10 ** 9:
                last_stamp = 0
            command = loop.iterate(now, wanted)
            if command is None:
                continue
            moved = np.abs(command.positions - stood).max()
            elapsed = 0.1 if commanded_at is None else min(max(now - commanded_at, 0.0), 0.1)
            assert moved <= min(max_step, TINY.velocity_limit * elapsed) + ROUNDING
            assert np.abs(command.positions).max() <= TINY.angle_limit
            assert np.abs(command.velocities).max() <= TINY.velocity_limit
            assert command.stamp > last_stamp
            before, commanded_at, last_stamp, started = command, now, command.stamp, False
            sent.append(command)
        elif kind == 'reset':
            loop.reset()
        elif kind in ('hold', 'go on'):
            loop.hold(kind == 'hold')
        elif kind == 'model':
            loop.use_model(ExactModel(TINY))
        elif kind == 'feedback':
            loop.settings = replace(loop.settings, use_feedback=not loop.settings.use_feedback)
        elif kind in ('goal', 'tool'):
            if kind == 'tool':
                goal = Goal.tool(position=(first, second, 0.2), joints=3)
            else:
                target = np.reshape(first, (3, 9))
                cared = ~np.isnan(target)
                cared[:, 3:] &= np.isin(target[:, 3:], (0.0,))  # no axis that can't be one
                cared[:, 4] = cared[:, 7] = False
                goal = Goal(target, second * cared)
            loop.set_goal(goal)
            COUNTS['goals'] += 1
        elif kind == 'start':
            try:
                for _ in range(2):
                    loop.start(np.full((3, 2), first) + np.array((0.0, second)))
                started = True
            except FeedbackError:
                pass
        else:
            COUNTS['feedback'] += 1
            if kind == 'misshapen':
                stamp, chain = first, np.zeros(second)
            elif kind == 'receive':
                stamp, chain = first, np.reshape(second, (3, 9))
            else:
                answered = sent[-1 - first % len(sent)] if sent else before
                stamp = answered.stamp
                chain = forward_kinematics(TINY, answered.positions + second)
            try:
                loop.receive(stamp, chain)
            except FeedbackError:
                pass
        assert isinstance(loop.state(now), State)


def test_that_were_ten_thousand_goals_and_messages():
    if not COUNTS:
        pytest.skip('the test before did not run')
    assert COUNTS['goals'] > 3000
    assert COUNTS['goals'] + COUNTS['feedback'] > 10_000


@given(feedback=strategies.lists(strategies.sampled_from(('now', 'late', 'lost', 'again')),
                                 min_size=20, max_size=60),
       seed=strategies.integers(0, 10))
@examples(max_examples=20)
def test_once_feedback_is_as_it_should_be_the_goal_is_reached_whatever_came_before(feedback, seed):
    bench = Bench(simulation=UNLIKE)
    bench.loop.set_goal(reachable(seed=seed))
    bench.connected = False
    waiting = []
    for kind in feedback:
        bench.run(1)
        waiting.append(bench.arm.measure(bench.now))
        for measured in {'now': waiting[-1:], 'late': waiting[:1], 'lost': [],
                         'again': 2 * waiting[-1:]}[kind]:
            try:
                bench.loop.receive(measured.stamp, measured.chain)
            except FeedbackError:
                assert kind == 'late'
    bench.connected, bench.on_the_way = True, []
    bench.run_to(State.REACHED)
    assert_bounded(bench.commands, bench.loop.settings, SHORT, start=np.zeros((10, 2)))


@pytest.mark.parametrize('method', ('levenberg_marquardt', 'momentum'))
def test_a_noisy_delayed_lossy_and_wrong_arm_still_reaches_the_goal(learned, method):
    """With the correction gain at 0.1 the true error ends within the tolerances, and stays."""
    simulation = replace(UNLIKE, position_noise=1e-3, feedback_loss=0.05)
    bench = Bench(learned, ControlSettings(method=method, correction_gain=0.1),
                  simulation=simulation, delay=4)
    goal = scenario('fig2').goal_at(learned.arm, 0.0)
    bench.loop.set_goal(goal)
    bench.run(800)
    for _ in range(50):
        bench.run(1)
        chain = bench.arm.true_chain()
        assert goal.position_error(chain) < 1e-3 and goal.axis_error(chain) < math.radians(1.0)


def trapping(arm):
    """Return a goal for the whole chain, bent to and fro, to which joint limits bar the way."""
    generator = np.random.default_rng(0)
    signs = generator.choice((-1.0, 1.0), (arm.joints, 2))
    angles = signs * arm.angle_limit * generator.uniform(0.7, 1.0, signs.shape)
    return Goal.from_array(forward_kinematics(arm, angles))


def test_a_stuck_arm_finds_another_way_and_takes_it_within_the_bounds():
    """It does not on its own: without restarts it stalls."""
    bench = Bench(settings=ControlSettings(restarts=0, stall_time=0.2))
    goal = trapping(SHORT)
    bench.loop.set_goal(goal)
    bench.run_to(State.STALLED)
    assert goal.position_error(bench.arm.true_chain()) > 5e-3
    bench = Bench(settings=ControlSettings(restarts=5, stall_time=0.2))
    bench.loop.set_goal(goal)
    seen = set()
    for _ in range(5000):
        bench.run(1)
        seen.add(bench.state)
        if bench.state is State.REACHED:
            break
    assert seen >= {State.TRACKING, State.SEARCHING, State.DETOUR, State.REACHED}
    path = np.array([command.positions for command in bench.commands])
    steps = np.abs(np.diff(path, axis=0)).max()
    assert steps <= SHORT.velocity_limit * PERIOD * (1.0 + 1e-6)


def test_an_unreachable_goal_ends_as_stalled_as_close_as_it_gets():
    bench = Bench(settings=ControlSettings(stall_time=0.2, restarts=2))
    goal = Goal.tool(position=(0.0, 0.0, 2.0 * SHORT.length), joints=10)
    bench.loop.set_goal(goal)
    bench.run_to(State.STALLED)
    assert bench.run(100) == [] and bench.state is State.STALLED
    position_error, _ = bench.loop.errors()
    assert position_error == pytest.approx(SHORT.length, rel=1e-3)
    bench.loop.set_goal(reachable())
    bench.run_to(State.REACHED)


def test_a_goal_that_is_said_again_changes_nothing():
    one, other = Bench(), Bench()
    for bench in (one, other):
        bench.loop.set_goal(reachable())
        bench.run(5)
    other.loop.set_goal(reachable())
    for first, second in zip(one.run(5), other.run(5)):
        np.testing.assert_array_equal(first.positions, second.positions)
