# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The paper's experiments with the learned model: what is reached, recorded and drawn."""

from dataclasses import replace
import json
import math
import sys
import time

import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm
from snake_arm_control.cli import main
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import GoalError
from snake_arm_control.experiments import figures
from snake_arm_control.experiments.runs import (
    APPROACH_TIME,
    best_exact,
    GOAL_RATE,
    IDEAL_ARM,
    LibraryRun,
    Recorder,
    reproduce,
    residual,
    REST_TIME,
    table,
    TIME_LIMIT,
    tracking,
    write_result,
    WRONG_ARM,
)
from snake_arm_control.experiments.scenarios import scenario, SCENARIOS
from snake_arm_control.model.forward_model import ForwardModel

ARM = Arm()
STILL = [name for name, it in SCENARIOS.items() if it.reachable and not it.period]
MOVING = [name for name, it in SCENARIOS.items() if it.period]
ONE_DEGREE = math.radians(1.0)


@pytest.fixture(scope='module')
def model():
    return ForwardModel.load()


@pytest.fixture(scope='module')
def recordings(model):
    """Return recordings of a round in 4 s of the moving goals, and of figure 2."""
    run = LibraryRun(model)
    return {name: run(scenario(name), 4.0 if name in MOVING else 0.0)
            for name in (*MOVING, 'fig2')}


def recorded(times, chains, goal, period=0.0, name='fig2'):
    recorder = Recorder(scenario(name), ARM, period)
    recorder.take_goal(times[0], goal)
    for moment, chain in zip(times, chains):
        recorder.take_chain(moment, chain)
    return recorder


@pytest.mark.parametrize('truth', (IDEAL_ARM, WRONG_ARM), ids=('ideal arm', 'wrong arm'))
@pytest.mark.parametrize('name', STILL)
def test_still_goals_are_reached_on_the_true_arm_and_kept(model, name, truth):
    """Within 1 mm and 1 degree once the arm is there, and ever after."""
    recording = LibraryRun(model, truth)(scenario(name), 0.0)
    assert recording.reached is not None
    assert recording.times[-1] - recording.times[recording.reached] >= REST_TIME
    assert recording.position_errors[-50:].max() <= 1e-3
    assert recording.axis_errors[-50:].max() <= ONE_DEGREE


@pytest.mark.parametrize('truth', (IDEAL_ARM, WRONG_ARM), ids=('ideal arm', 'wrong arm'))
@pytest.mark.parametrize('name', MOVING)
def test_moving_goals_are_reached_at_every_sampled_phase(model, name, truth):
    """Within 1 mm and 1 degree on the true arm, each from where the arm was before."""
    true_arm = SimulatedArm(ARM, truth)
    angles = np.zeros((40, 2))
    for phase in np.linspace(0.0, 2.0, 33):
        goal = scenario(name).goal_of(ARM, phase % 1.0)
        solution = solve(goal, angles, model, true_arm.true_chain, max_iterations=300)
        assert solution.converged
        chain = true_arm.true_chain(solution.angles)
        assert goal.position_error(chain) <= 1e-3 and goal.axis_error(chain) <= ONE_DEGREE
        angles = solution.angles


@pytest.mark.parametrize('missed', (0.0, 0.08, 0.3))
def test_a_recording_that_comes_late_knows_when_the_scenario_began(missed):
    """By its goals: the first one that is received may be any, and may itself come late."""
    it, chain = scenario('fig3'), forward_kinematics(ARM, ARM.rest)
    recorder = Recorder(it, ARM, 4.0)
    recorder.take_goal(50.0 + missed + 0.1, it.goal_at(ARM, missed, 4.0))
    for k in range(round((missed + 0.1) * 100), 400):
        recorder.take_goal(50.0 + k / 100, it.goal_at(ARM, k / 100, 4.0))
        recorder.take_chain(50.0 + k / 100, chain)
    recording = recorder.recording({})
    assert recording.times[-1] == pytest.approx(3.99, abs=2e-3)


@pytest.mark.parametrize('name', MOVING)
def test_the_loop_follows_a_moving_goal_by_less_than_two_goals_way(recordings, name):
    """The arm is where the goal was a moment ago: errors scale with the speed."""
    recording = recordings[name]
    way = max(np.abs(np.diff([goal.target for goal in recording.goals[-400:]], axis=0)).max(),
              1e-4)
    result = tracking(recording)
    assert result['period'] == 4.0
    assert 0.0 < result['rms_position_error'] <= result['max_position_error']
    assert result['rms_to_moving_target'] < 2.0 * way
    assert result['max_axis_error'] < ONE_DEGREE


@pytest.mark.parametrize(('acceleration', 'most'), ((2e4, 1.3), (20.0, 4.0)))
def test_a_goal_that_is_set_at_every_step_is_followed_as_well(monkeypatch, acceleration, most):
    """
    The optimiser does not start again with each goal: it lags by one step, not by several.

    An arm that can't brake at once keeps the way that this takes from a goal that may stay.
    """
    monkeypatch.setattr('snake_arm_control.experiments.runs.GOAL_RATE', 200.0)
    model = ForwardModel.load(arm=Arm.uniform(acceleration_limit=acceleration))
    recording = LibraryRun(model)(scenario('fig4'), 2.0)
    step = 0.2 * 2.0 * math.pi / 2.0 / 200.0  # [m], radius 0.2 m, a round in 2 s
    assert tracking(recording)['rms_to_moving_target'] < most * step


def test_a_recording_is_what_happened(recordings):
    recording = recordings['fig3']
    frames = len(recording.times)
    assert recording.chains.shape == (frames, 40, 9) and len(recording.goals) == frames
    assert recording.times[0] == 0.0 and np.all(np.diff(recording.times) > 0.0)
    np.testing.assert_allclose(recording.chains[0], forward_kinematics(ARM, np.zeros((40, 2))))
    for frame in (0, frames // 2, frames - 1):
        goal, chain = recording.goals[frame], recording.chains[frame]
        assert recording.position_errors[frame] == goal.position_error(chain)
        assert recording.axis_errors[frame] == goal.axis_error(chain)
    assert recording.times[-1] == pytest.approx(APPROACH_TIME + 4.0, abs=0.01)
    changes = sum(later is not goal for goal, later in zip(recording.goals, recording.goals[1:]))
    assert changes == pytest.approx(GOAL_RATE * recording.times[-1], abs=2)
    assert np.all(np.diff(recording.commands) >= 0) and recording.commands[0] == 0


def test_the_moments_of_a_picture_cover_the_way_or_the_round(recordings):
    still, moving = recordings['fig2'], recordings['fig3']
    moments = still.moments(5)
    assert moments[0] == 0 and moments[-1] == still.reached
    tool = still.chains[moments, -1, :3]
    steps = np.linalg.norm(np.diff(tool, axis=0), axis=-1)
    assert steps.max() < 2.5 * steps.min()
    np.testing.assert_allclose(np.diff(moving.times[moving.moments(5)]), 4.0 / 5, atol=0.02)


def test_nothing_is_recorded_ahead_of_the_goal_but_where_the_arm_was():
    rest = forward_kinematics(ARM, np.zeros((40, 2)))
    recorder = Recorder(scenario('fig2'), ARM, 0.0)
    recorder.take_command()
    recorder.take_chain(1.0, 2.0 * rest)
    recorder.take_chain(2.0, rest)
    assert not recorder.is_done()
    recorder.take_goal(7.0, Goal.tool(position=(0.0, 0.0, 1.0)))
    recorder.take_chain(7.0 + REST_TIME, rest)
    assert recorder.is_done()
    recording = recorder.recording({})
    np.testing.assert_array_equal(recording.times, (0.0, REST_TIME))
    np.testing.assert_array_equal(recording.chains, (rest, rest))
    np.testing.assert_array_equal(recording.commands, (0, 0))
    assert recording.reached == 0


def test_a_goal_that_is_never_reached_is_given_up():
    rest = forward_kinematics(ARM, np.zeros((40, 2)))
    goal = scenario('fig2').goal_at(ARM, 0.0)
    assert not recorded((0.0, 0.9 * TIME_LIMIT), (rest, rest), goal).is_done()
    recorder = recorded((0.0, TIME_LIMIT), (rest, rest), goal)
    assert recorder.is_done()
    assert recorder.recording({}).reached is None


def test_figure_5_right_ends_where_exact_kinematics_does_at_best(model):
    """The first joint is 45 degrees off, all others and the tool are where they shall be."""
    recording = LibraryRun(model)(scenario('fig5_right'), 0.0)
    goal = recording.goals[-1]
    ours = residual(goal, recording.chains[-1], ARM.length)
    best = residual(goal, forward_kinematics(ARM, best_exact(goal, ARM, starts=3)), ARM.length)
    assert math.degrees(best['axis_error']) == pytest.approx(45.0, abs=1e-3)
    assert ours['loss'] == pytest.approx(best['loss'], rel=0.01)
    assert ours['position_error'] <= 1e-3
    assert max(ours['axis_errors'][1:]) <= ONE_DEGREE


def test_a_result_is_complete_and_is_json(recordings, tmp_path):
    it = scenario('fig2')
    recording, result = reproduce(it, lambda *_: recordings['fig2'])
    path = write_result(result, tmp_path / 'fig2')
    assert path == tmp_path / 'fig2' / 'result.json'
    read = json.loads(path.read_text())
    assert read == result
    assert read['success'] and read['where'] == 'library'
    assert read['model'] == ForwardModel.load().fingerprint
    assert read['arm']['joints'] == 40 and read['true_arm']['length_error'] == 0.0
    assert read['settings']['rate'] == 200.0
    assert read['iterations'] >= read['reached']['iterations'] > 0
    assert {len(values) for values in read['errors'].values()} == {len(recording.times)}
    assert read['final']['position_error'] == pytest.approx(read['errors']['position'][-1])
    assert 'fig2' in table(result) and 'mm' in table(result)


def test_a_moving_goal_is_tried_in_several_periods(recordings):
    periods = []

    def run(_, period):
        periods.append(period)
        return recordings['fig3']
    result = reproduce(scenario('fig3'), run)[1]
    assert sorted(periods) == [2.0, 5.0, 10.0, 20.0] and len(result['tracking']) == 4
    assert table(result).count('a round in') == 4


def test_the_command_writes_results_and_pictures(tmp_path, capsys):
    pytest.importorskip('matplotlib')
    assert main(['reproduce', 'fig2', 'fig5_left', '--wrong-arm', '--out', str(tmp_path)]) == 0
    for name in ('fig2', 'fig5_left'):
        found = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        assert set(found) == {'result.json', 'sequence.png', 'sequence.pdf', 'errors.png',
                              'errors.pdf'}
        assert found['sequence.png'].startswith(b'\x89PNG')
        assert found['errors.pdf'].startswith(b'%PDF')
        assert json.loads(found['result.json'])['true_arm']['length_error'] == 0.05
    assert capsys.readouterr().out.count('reached') >= 2


@pytest.mark.parametrize('samples', (1, 5))
def test_a_recording_of_few_samples_is_drawn_too(samples, recordings, tmp_path):
    """As that of a machine which was too slow for the arm."""
    pytest.importorskip('matplotlib')
    recording = recordings['fig3']
    few = replace(recording, reached=None, goals=recording.goals[:samples], **{
        name: getattr(recording, name)[:samples]
        for name in ('times', 'chains', 'position_errors', 'axis_errors', 'commands')})
    assert len(figures.draw(few, {}, tmp_path)) == 4


def test_the_command_refuses_unknown_names_and_arms_that_are_too_short(tmp_path, capsys):
    pytest.importorskip('matplotlib')
    assert main(['reproduce', 'fig6', '--out', str(tmp_path)]) == 1
    assert 'expected one of fig2' in capsys.readouterr().err
    assert main(['reproduce', 'fig4', '--joints', '5', '--out', str(tmp_path)]) == 1
    assert 'at least 12 joints' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_command_names_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert main(['reproduce', 'fig2', '--out', str(tmp_path)]) == 1
    assert 'snake_arm_control[plots]' in capsys.readouterr().err


def test_over_the_nodes_a_moving_goal_is_followed_and_recorded(model):
    """
    The same recording as in the library, from the topics of a real DDS.

    The tracker's stamps are right, and that is known: else an arm unlike its model lags while it
    moves, by what its latency may be. A machine that is too slow for the loop lags by a few of the
    longest pauses between two poses.
    """
    pytest.importorskip('rclpy')
    from snake_arm_control.nodes.experiment import NodesRun
    run = NodesRun(ARM, WRONG_ARM, settings=('controller.feedback_latency=0.0',))
    recording = run(scenario('fig3'), 4.0)
    assert recording.about['where'] == 'nodes'
    assert recording.about['model'] == model.fingerprint
    assert recording.about['true_arm']['length_error'] == 0.05
    assert 0.0 <= recording.times[0] < 0.2
    result = tracking(recording)
    speed = 0.19 * 2.0 * math.pi / 4.0  # [m/s], about
    pause = float(np.percentile(np.diff(recording.times), 99.0))
    assert result['rms_to_moving_target'] < (0.03 + 3.0 * pause) * speed
    assert result['rms_axis_error'] < ONE_DEGREE
    assert recording.commands[-1] > 100
    changes = sum(later is not goal for goal, later in zip(recording.goals, recording.goals[1:]))
    assert changes > 20.0 * recording.times[-1]


def test_over_the_nodes_an_arm_that_is_too_short_is_refused():
    pytest.importorskip('rclpy')
    from snake_arm_control.nodes.experiment import NodesRun
    with pytest.raises(GoalError, match='at least 12 joints'):
        NodesRun(Arm.uniform(joints=5))(scenario('fig4'), 4.0)


def test_messages_of_another_arm_are_counted_and_passed_over():
    """A bad goal or chain from anyone must not end an experiment."""
    rclpy = pytest.importorskip('rclpy')
    from geometry_msgs.msg import Pose, PoseArray
    from rclpy.executors import SingleThreadedExecutor
    from std_msgs.msg import Float64MultiArray

    from snake_arm_control.nodes.experiment import ExperimentNode
    from snake_arm_control.ros import topics
    rclpy.init()
    try:
        node = ExperimentNode(Recorder(scenario('fig2'), ARM, 0.0))
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        goals = node.create_publisher(Float64MultiArray, topics.PURSUED_GOAL, topics.LATCHED)
        chains = node.create_publisher(PoseArray, 'pose_chain', 10)
        goals.publish(Float64MultiArray(data=[1.0, 2.0]))
        chains.publish(PoseArray(poses=[Pose()] * 3))
        unturned = PoseArray(poses=[Pose() for _ in range(ARM.joints)])
        unturned.poses[0].orientation.w = 0.0
        chains.publish(unturned)
        deadline = time.monotonic() + 10.0
        while node.rejected < 3 and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
        assert node.rejected == 3
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
