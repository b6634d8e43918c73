# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The examples run as they are, and do what they say."""

from pathlib import Path
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest

from snake_arm_control import Arm
from snake_arm_control.arm.body import ArmBody
from snake_arm_control.bench.scene_check import least_clearance

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / 'examples').glob('*.py'))
LONGEST = 40  # lines


def path_of(name):
    return next(path for path in EXAMPLES if path.stem == name)


def run(name):
    """Run an example as a program and return its global variables."""
    return runpy.run_path(str(path_of(name)), run_name='__main__')


@pytest.mark.parametrize('path', EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_readme_lists_each_example_in_order_and_a_test_runs_it():
    names = [path.name for path in EXAMPLES]
    readme = (ROOT / 'examples' / 'README.md').read_text()
    assert re.findall(r'\]\((\w+\.py)\)', readme) == names
    source = Path(__file__).read_text()
    assert [name for name in names if f"'{Path(name).stem}'" not in source] == []


def test_a_goal_is_solved():
    example = run('01_solve_a_goal')
    assert example['solution'].converged
    np.testing.assert_allclose((example['x'], example['y'], example['z']), (0.45, 0.2, 0.55),
                               atol=1e-3)


def test_the_arm_goes_into_a_shelf_without_contact():
    example = run('09_go_around_obstacles')
    assert example['solution'].converged
    assert example['solution'].clearance > 0.0
    body = ArmBody.of(example['arm'])
    assert least_clearance(example['scene'], body, example['solution'].path) > 0.0


def test_nothing_moves_for_a_free_component():
    example = run('02_leave_components_free')
    assert example['solution'].converged
    assert np.array_equal(example['same'].angles, example['solution'].angles)
    assert np.array_equal(example['idle'].angles, example['start'])


def test_true_poses_correct_a_wrong_arm():
    example = run('03_correct_a_wrong_arm')

    def error(solution):
        return example['goal'].position_error(example['true_arm'].true_chain(solution.angles))

    assert error(example['trusting']) > 0.05
    assert error(example['corrected']) <= 1e-3


def test_a_moving_goal_is_followed_in_small_steps():
    example = run('04_follow_a_moving_goal')
    assert len(example['errors']) == 200
    assert max(example['errors']) <= 1e-3
    assert max(example['steps']) <= np.radians(1.0)


def test_a_node_leads_a_running_arm_from_goal_to_goal():
    pytest.importorskip('rclpy', reason='needs ROS 2: the extra ros')
    from harness import running
    code = f"import runpy; runpy.run_path({str(path_of('05_publish_goals'))!r})"
    with running():
        node = subprocess.run((sys.executable, '-c', code), timeout=60, capture_output=True,
                              text=True)
    assert node.returncode == 0, node.stderr
    errors = [float(error) for error in re.findall(r'reached: (\S+) mm', node.stdout)]
    assert len(errors) == 2
    assert max(errors) <= 1.0


@pytest.fixture
def one_torch_thread():
    """Let torch use one thread: of a tiny network, more only wait for each other."""
    torch = pytest.importorskip('torch', reason='needs torch: the extra train')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_weights_of_another_segment_are_trained_and_used(one_torch_thread):
    example = run('06_train_another_segment')
    error = np.linalg.norm(example['off'][:, -1, :3], axis=-1).mean()
    assert error < 0.1 * example['arm'].length
    assert example['solution'].converged


def test_another_model_takes_the_place_of_the_shipped_one():
    example = run('07_use_your_own_model')
    assert example['solution'].converged


def test_a_recording_is_read_and_the_model_compared_with_it(tmp_path, monkeypatch):
    pytest.importorskip('mcap_ros2', reason='needs mcap-ros2-support: the extra record')
    from test_recordings import tracked
    angles, _ = tracked(tmp_path / 'arm.mcap', arm=Arm())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['08_read_a_recording'])
    example = run('08_read_a_recording')
    np.testing.assert_allclose(example['recording'].angles, angles)
    assert np.mean(example['distances']) < 5e-3


def test_a_map_of_what_is_reached_is_printed(capsys):
    """The arm of 1 m reaches what is near, and not what is 1.2 m away."""
    run('12_solve_many_goals')
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and {len(line) for line in lines} == {len('0.9 m  ') + 17}
    assert lines[4][len('0.5 m  ') + 6] == '#' and lines[0][-1] == '.'


def test_no_joint_passes_a_wall_that_is_a_term():
    example = run('10_add_a_term')
    assert example['solution'].converged and example['y'] > -0.021


def test_an_arm_that_sags_is_learned():
    errors = run('11_learn_how_an_arm_sags')['errors']
    assert errors['as described'] > 0.01 and errors['compensated'] <= 1e-3
