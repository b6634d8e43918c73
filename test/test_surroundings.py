# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Every command in surroundings that are not as they should be: one line with the reason."""

import fcntl
from importlib.util import find_spec
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from harness import node_process, snake_arm
from patience import PATIENCE, wait_for
import pytest
import rclpy
from std_msgs.msg import Float64MultiArray

from snake_arm_control.cli.parser import COMMANDS
from snake_arm_control.ros import topics

NAMES = [command.__name__.rpartition('.')[2] for command in COMMANDS]
# What each command prints in a short run; film and train take too long for one.
SHORT = {
    'up': ('--scenario', 'fig2', '--until-converged', '--namespace', 'short'),
    'goal': ('--joint', '20', '--up', '0', '0', '1', '--namespace', 'listening'),
    'urdf': ('--joints', '400'),
    'record': ('--duration', '0.5'),
    'reproduce': ('fig2',),
    'evaluate': ('--samples', '10'),
    'bench': ('--only', 'goals', '--goals', '1', '--families', 'A', '--methods', 'lm')}
ROS = ('up', 'goal', 'record')
# Which extra brings what a command needs.
EXTRAS = {
    **{(name, 'rclpy'): 'ros' for name in (*ROS, 'film')},
    **{(name, 'torch'): 'train' for name in ('train', 'evaluate')},
    ('record', 'mcap_ros2'): 'record', ('reproduce', 'matplotlib'): 'plots',
    ('film', 'playwright'): 'film'}
UNWRITABLE = {
    'evaluate a file': ('evaluate', '--json', '/nowhere/x.json'),
    'evaluate a folder': ('evaluate', '--plots', '/proc/x'),
    'evaluate a file in a file': ('evaluate', '--json', '/dev/null/x.json'),
    'train': ('train', '--out', '/proc/x'),
    'reproduce': ('reproduce', 'all', '--out', '/proc/x'),
    'bench a file': ('bench', '--json', '/nowhere/x.json'),
    'bench a page': ('bench', '--page', '/nowhere/speed.md'),
    'record': ('record', '--out', '/proc/x/y.mcap'),
}


def run(*arguments, prelude='', cwd=None, **options):
    """Run snake-arm to its end, after a prelude in the same Python; it has what it needs."""
    missing = [package for name, package in EXTRAS
               if name == arguments[0] and find_spec(package) is None]
    if missing and not prelude:
        pytest.skip(f'{missing[0]} is not installed')
    python, option, code, *words = snake_arm(*arguments)
    options = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **options}
    environment = {**os.environ, 'PYTHONPATH': os.getcwd(), 'PYTHONUNBUFFERED': '',
                   **options.pop('env', {})}
    return subprocess.run((python, option, prelude + code, *words), text=True, timeout=PATIENCE,
                          cwd=cwd, env=environment, **options)


def refuses_in_one_line(done, name, reason):
    """Return whether a command has refused, with the reason in one line."""
    said = done.stderr.strip()
    return (done.returncode == 1 and len(said.splitlines()) == 1
            and re.match(f'snake-arm( {name})?: ', said) and reason in said)


@pytest.fixture(scope='module')
def controller():
    """Something for snake-arm goal to send its goal to, and for snake-arm record to record."""
    with node_process('controller', 'listening'):
        yield


@pytest.mark.parametrize('name', NAMES)
def test_without_standard_output_nothing_begins(name, tmp_path):
    done = run(name, *SHORT.get(name, ()), preexec_fn=lambda: os.close(1), stdout=None,
               cwd=tmp_path)
    assert refuses_in_one_line(done, name, 'standard output is closed')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', SHORT)
def test_a_full_disk_behind_standard_output_is_the_reason(name, tmp_path, controller):
    """But a recording goes on without what it would print."""
    with open('/dev/full', 'w') as full:
        done = run(name, *SHORT[name], stdout=full, cwd=tmp_path)
    said = [line for line in done.stderr.splitlines() if 'INFO' not in line]
    if name == 'record':
        assert said[0].startswith('no pairs of angles and poses') and list(tmp_path.iterdir())
    else:
        assert 'No space left on device' in said.pop() and not said
    assert done.returncode == 1


@pytest.mark.parametrize('name', SHORT)
def test_where_nobody_reads_a_command_ends_quietly(name, tmp_path, controller):
    """As behind | head -1; but a recording goes on."""
    ours, its = os.pipe()
    os.close(ours)
    done = run(name, *SHORT[name], stdout=its, cwd=tmp_path)
    os.close(its)
    said = [line for line in done.stderr.splitlines() if 'INFO' not in line]
    if name == 'record':
        assert done.returncode == 1
        assert said.pop().startswith('no pairs of angles and poses') and list(tmp_path.iterdir())
    else:
        assert done.returncode == 141
    assert not said


@pytest.mark.parametrize('name', NAMES)
def test_help_may_go_unread(name):
    ours, its = os.pipe()
    os.close(ours)
    done = run(name, '--help', stdout=its)
    os.close(its)
    assert (done.returncode, done.stderr) == (141, '')


@pytest.mark.parametrize('name', UNWRITABLE)
def test_output_that_can_not_be_written_is_found_before_the_work_begins(name, tmp_path):
    command, *words = UNWRITABLE[name]
    done = run(command, *words, cwd=tmp_path)
    assert refuses_in_one_line(done, command, f'{words[-1].removesuffix("/y.mcap")}')
    assert not done.stdout and not list(tmp_path.iterdir())


def test_an_output_file_that_exists_stays_until_there_is_another(tmp_path):
    kept = tmp_path / 'kept.json'
    kept.write_text('kept')
    done = run('evaluate', '--json', str(kept), '--weights', 'nowhere')
    assert refuses_in_one_line(done, 'evaluate', 'nowhere') and kept.read_text() == 'kept'


@pytest.mark.parametrize(('name', 'package'), EXTRAS)
def test_a_command_names_the_extra_of_what_is_not_installed(name, package, tmp_path):
    done = run(name, *SHORT.get(name, ()), cwd=tmp_path,
               prelude=f'import sys; sys.modules[{package!r}] = None\n')
    assert refuses_in_one_line(done, name, f'{package}, which is not installed')
    assert f'snake_arm_control[{EXTRAS[name, package]}]' in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_node_names_the_extra_of_ros():
    code = ('import sys; sys.modules["rclpy"] = None\n'
            'from snake_arm_control.cli.node import controller; sys.exit(controller())')
    done = subprocess.run((sys.executable, '-c', code), capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(r'controller: .*rclpy.*snake_arm_control\[ros\].*\n', done.stderr)


@pytest.mark.parametrize('name', ROS)
def test_a_log_folder_that_can_not_be_written_is_the_reason(name, tmp_path):
    done = run(name, *SHORT[name], env={'ROS_LOG_DIR': '/proc/nowhere'}, cwd=tmp_path)
    assert refuses_in_one_line(done, name, '/proc/nowhere can not be written')


@pytest.mark.parametrize(('name', 'home'), [
    *((name, '/proc/nowhere') for name in SHORT), ('goal', '')])
def test_a_home_that_can_not_be_written_is_no_hindrance(name, home, tmp_path, controller):
    for folder in ('temporary', 'work'):
        (tmp_path / folder).mkdir()
    done = run(name, *SHORT[name], cwd=tmp_path / 'work',
               env={'HOME': home, 'ROS_LOG_DIR': '', 'TMPDIR': str(tmp_path / 'temporary')})
    assert done.returncode == (name == 'record'), done.stderr
    if name in ROS:
        assert list((tmp_path / 'temporary').glob('snake_arm_control-*/log/*.log'))


def test_a_controller_is_found_whatever_it_is_called():
    """And a node that is called controller, but only subscribes to goals, is none."""
    rclpy.init(args=[])
    listener = rclpy.create_node('controller', namespace='renamed')
    try:
        listener.create_subscription(Float64MultiArray, topics.GOAL, print, 10)
        goal = ('goal', '--drop', '--namespace', 'renamed')
        assert 'no controller listens' in run(*goal, '--timeout', '1').stderr
        with node_process('controller', 'renamed', '-r', '__node:=arm_controller'):
            assert run(*goal, '--timeout', '60').returncode == 0
            expected = {f'/renamed/controller/{name}' for name in (
                'goal', 'state', 'position_error', 'clearance', 'hold', 'reset', 'save')}
            wait_for(lambda: expected <= {name for names in (listener.get_topic_names_and_types(),
                                                             listener.get_service_names_and_types())
                                          for name, _ in names}, 'its topics and services')
    finally:
        listener.destroy_node()
        rclpy.try_shutdown()


def test_the_status_fits_into_a_narrow_terminal():
    """Else each refresh would begin another line."""
    columns = 30
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    done = run('up', *SHORT['up'], stdout=terminal, env={'COLUMNS': ''})
    os.close(terminal)
    shown = b''
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert done.returncode == 0
    lines = re.findall(r'\r\x1b\[K([^\r\n]*)', shown.decode())
    assert lines and max(map(len, lines)) == columns - 1
