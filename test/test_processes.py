# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of how processes end: quietly when a signal asks for it, and children with their parent."""

from contextlib import contextmanager, suppress
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import time

from harness import observing, snake_arm
import numpy as np
from patience import PATIENCE
import pytest
import rclpy
from rclpy.node import Node

from snake_arm_control.control.goal import Goal
from snake_arm_control.processes import asked_to_end, GRACE, LAUNCHED
from snake_arm_control.ros.running import ros

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHILD = """
import signal, time
def main(arguments):
    if 'deaf' in arguments:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print('up', flush=True)
    time.sleep(600)
"""
PARENT = """
import sys, time
from snake_arm_control.processes import Children
with Children() as children:
    children.start('child', 'some_child', *sys.argv[1:])
    print('started', flush=True)
    time.sleep(600)
"""


@contextmanager
def started(*command, **options):
    """Run a command whose output, shared by its children, ends when the last of them does."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def read_until(process, pattern):
    """Return the output up to a line with a pattern."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line):
            return ''.join(lines)
    raise AssertionError(f'{pattern} was not said:\n' + ''.join(lines))


def is_quiet(output):
    return not re.search('Traceback|Error|FATAL|Exception', output)


def children_of(pid):
    """Return the processes that a process has started, and not waited for."""
    return list(map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split()))


@pytest.fixture
def with_child(tmp_path):
    (tmp_path / 'some_child.py').write_text(CHILD)
    return {**os.environ, 'PYTHONPATH': os.pathsep.join((str(tmp_path), os.getcwd()))}


@pytest.mark.parametrize('last_words', ('started', 'up'))
@pytest.mark.parametrize('kind', ('obedient', 'deaf'))
def test_a_child_ends_with_a_parent_that_was_killed(kind, last_words, with_child):
    """Whether the child has come to itself or not, and whether it obeys a signal or not."""
    with started(sys.executable, '-c', PARENT, kind, env=with_child) as parent:
        read_until(parent, last_words)
        parent.kill()
        parent.communicate(timeout=PATIENCE)


@pytest.mark.parametrize('kind', ('obedient', 'deaf'))
def test_a_child_ends_with_the_block_of_its_parent(kind, with_child):
    with started(sys.executable, '-c', PARENT, kind, env=with_child) as parent:
        read_until(parent, 'up')
        parent.send_signal(signal.SIGINT)
        parent.communicate(timeout=PATIENCE)


def test_a_child_that_is_ended_first_has_ended_before_the_others_are_asked(tmp_path):
    (tmp_path / 'slow_child.py').write_text("""
import os, signal, time
def main(arguments):
    signals = []
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    os.write(1, b'up\\n')
    while not signals:
        time.sleep(0.01)
    print(arguments[0], 'asked', flush=True)
    time.sleep(0.3)
    print(arguments[0], 'ended', flush=True)
""")
    parent = """
import sys
from snake_arm_control.processes import Children
with Children() as children:
    children.start('one', 'slow_child', 'one')
    children.start('other', 'slow_child', 'other')
    sys.stdin.read()
    children.end('other')
"""
    with started(sys.executable, '-c', parent, stdin=subprocess.PIPE, env={
            **os.environ, 'PYTHONPATH': os.pathsep.join((str(tmp_path), os.getcwd()))}) as process:
        read_until(process, 'up')
        read_until(process, 'up')
        output, _ = process.communicate(timeout=PATIENCE)
    assert output.splitlines() == ['other asked', 'other ended', 'one asked', 'one ended']


def test_ctrl_c_is_for_the_parent_and_no_child_dies_of_it(with_child):
    """A terminal sends it to all; what a child is doing then is none of its business."""
    patient = PARENT.replace('    time.sleep(600)',
                             '    import signal; signal.sigwait({signal.SIGINT})\n'
                             '    time.sleep(0.5); print(children.ended())')
    patient = ('import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n'
               + patient)
    with started(sys.executable, '-c', patient, env=with_child) as parent:
        read_until(parent, 'started')
        os.killpg(parent.pid, signal.SIGINT)
        output, _ = parent.communicate(timeout=PATIENCE)
    assert output.strip().endswith('[]') and is_quiet(output)


@pytest.mark.parametrize('number', SIGNALS)
def test_a_signal_never_breaks_a_callback(number):
    """What has begun is finished; nodes end between two callbacks."""
    finished = []

    def take():
        os.kill(os.getpid(), number)
        finished.append(rclpy.ok())

    with pytest.raises(KeyboardInterrupt), ros([]) as spinner:
        node = rclpy.create_node('signalled')
        with spinner.added(node):
            node.create_timer(0.01, take)
            while True:
                spinner.spin_once()
    assert finished == [True]


class Unfinished(Node):
    """Has some ticks of a timer left to finish when it is to end; `left` counts them."""

    def __init__(self, left):
        super().__init__('unfinished')
        self.left = left
        self.create_timer(0.01, self.tick)

    def tick(self):
        self.left -= self.left > 0

    def finish(self):
        return not self.left


@pytest.mark.parametrize('ends', ('by a signal', 'by itself', 'with an error'))
def test_a_node_is_served_until_it_has_finished_however_its_block_ends(ends):
    with suppress(KeyboardInterrupt, ArithmeticError), ros([]) as spinner:
        with spinner.added(Unfinished(left=20)) as node:
            if ends == 'by a signal':
                os.kill(os.getpid(), signal.SIGTERM)
                while True:
                    spinner.spin_once()
            elif ends == 'with an error':
                raise ArithmeticError
            assert node.left
    assert node.left == 0


def test_a_node_that_never_finishes_ends_within_the_grace(capfd):
    begin = time.monotonic()
    with ros([]) as spinner, spinner.added(Unfinished(left=10**9)):
        pass
    assert time.monotonic() - begin < GRACE
    assert 'ends unfinished' in capfd.readouterr().err


def test_who_does_not_end_in_order_ends_all_the_same():
    code = ('import time; from snake_arm_control.processes import asked_to_end\n'
            'with asked_to_end(grace=0.2):\n'
            '    print("up", flush=True)\n'
            '    while True: time.sleep(1)')
    with started(sys.executable, '-c', code) as process:
        read_until(process, 'up')
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and not output


def test_a_hangup_that_is_ignored_stays_ignored():
    """As nohup does it; the other signals are never ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with asked_to_end(grace=None) as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not request.is_made
            os.kill(os.getpid(), signal.SIGTERM)
            assert request.is_made
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


@pytest.mark.parametrize('number', (*SIGNALS, signal.SIGKILL))
def test_every_node_ends_with_the_command_that_started_it(number):
    with started(*snake_arm('up', '--processes', '--scenario', 'fig3')) as up:
        output = read_until(up, 'moving to the goal')
        up.send_signal(number)
        output += up.communicate(timeout=PATIENCE)[0]
    assert up.returncode == (130 if number in SIGNALS else -number)
    assert is_quiet(output)


@pytest.mark.parametrize('words', ([], ['--processes']), ids=('one process', 'processes'))
@pytest.mark.parametrize('moment', ('loading the forward model', 'moving to the goal'))
def test_ctrl_c_is_a_quiet_end_at_every_moment(moment, words, tmp_path):
    """While the network is compiled, which takes a minute, and while the arm moves."""
    environment = {**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)} if 'loading' in moment else None
    with started(*snake_arm('up', '--scenario', 'fig3', *words), env=environment) as up:
        output = read_until(up, moment)
        os.killpg(up.pid, signal.SIGINT)  # as a terminal does
        output += up.communicate(timeout=PATIENCE)[0]
    assert up.returncode == 130 and is_quiet(output)


@pytest.mark.parametrize('number', SIGNALS)
@pytest.mark.parametrize('words', ([], ['--processes']), ids=('one process', 'processes'))
def test_an_arm_in_motion_has_braked_before_its_nodes_end(words, number):
    """Within the limits, which the observer watches; the last message is a velocity of zero."""
    rclpy.init(args=[])
    try:
        with (observing('braking') as observer,
              started(*snake_arm('up', '--namespace', 'braking', *words)) as up):
            observer.wait(lambda: observer.state() == 'IDLE', 'the nodes', PATIENCE)
            observer.publish_goal(Goal.tool(position=(0.4, -0.3, 0.5)))
            output = read_until(up, 'moving to the goal')
            observer.wait(lambda: observer.commands and np.abs(
                observer.commands[-1].velocity).max() > 0.1, 'an arm in motion')
            up.send_signal(number)
            output += up.communicate(timeout=PATIENCE)[0]
            observer.wait(lambda: not any(observer.commands[-1].velocity), 'the end of the brake')
            observer.listen(0.1)
    finally:
        rclpy.try_shutdown()
    assert not any(observer.commands[-1].velocity) and is_quiet(output)


def at_import(module, *lines):
    """Return code that runs lines of Python when a module is imported later on."""
    return '\n'.join(('import os, signal, sys',
                      'class Finder:',
                      '    def find_spec(self, name, *_):',
                      f'        if name == {module!r}:',
                      *(f'            {line}' for line in lines),
                      'sys.meta_path.insert(0, Finder())\n'))


@pytest.mark.parametrize('module', ('numpy', 'rclpy', 'snake_arm_control.nodes.controller'))
def test_ctrl_c_is_a_quiet_end_while_modules_are_imported(module):
    interrupting = at_import(module, 'os.kill(os.getpid(), signal.SIGINT)')
    python, option, code, *arguments = snake_arm('up')
    with started(python, option, interrupting + code, *arguments) as up:
        output, _ = up.communicate(timeout=PATIENCE)
    assert up.returncode == 130 and not output


NODE = ('import sys; from snake_arm_control.cli import node; '
        'sys.argv[:] = ["controller", *sys.argv[1:]]; node.controller()')


def test_a_launched_node_ends_with_the_launch_however_that_ends():
    """Else it would go on without a parent, and the next launch would have to do with it."""
    with started(sys.executable, '-c', NODE, '--ros-args', '-p', 'joints:=7', '-p', 'jonts:=7',
                 stdin=subprocess.PIPE, env={**os.environ, LAUNCHED: '1'}) as node:
        read_until(node, 'jonts: no such parameter')
        node.stdin.close()
        node.stdin = None  # which `started` would look at
        output = node.stdout.read()
        assert node.wait(PATIENCE) == 0 and is_quiet(output)


def test_a_node_that_nobody_launched_needs_no_standard_input():
    with started(sys.executable, '-c', NODE, '--ros-args', '-p', 'jonts:=7',
                 stdin=subprocess.DEVNULL) as node:
        read_until(node, 'jonts: no such parameter')
        node.send_signal(signal.SIGINT)
        node.send_signal(signal.SIGINT)  # a terminal sends one, and so does the launch
        output = node.stdout.read()
        assert node.wait(PATIENCE) == 0 and is_quiet(output)


@pytest.mark.parametrize('module', ('numpy', 'numba', 'rclpy'))
def test_ctrl_c_is_a_quiet_end_while_a_node_is_imported(module):
    """Also in a module in C, which makes an error of its own of an exception."""
    failing = at_import(module, 'try: os.kill(os.getpid(), signal.SIGINT)',
                        'except KeyboardInterrupt: raise ImportError(name)')
    with started(sys.executable, '-c', failing + NODE) as node:
        output, _ = node.communicate(timeout=PATIENCE)
    assert node.returncode == 0 and not output


def test_how_a_node_is_used_may_go_unread():
    ours, its = os.pipe()
    os.close(ours)
    done = subprocess.run((sys.executable, '-c', NODE, '--help'), stdout=its, text=True,
                          stderr=subprocess.PIPE, timeout=PATIENCE)
    os.close(its)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize('word', ('--help', '-h'))
def test_a_node_says_how_it_is_used(word):
    with started(sys.executable, '-c', NODE, word) as node:
        output, _ = node.communicate(timeout=PATIENCE)
    assert node.returncode == 0 and is_quiet(output)
    assert output.startswith('usage: ros2 run snake_arm_control controller [--ros-args')


def test_the_arm_goes_on_without_its_page():
    pytest.importorskip('viser')
    rclpy.init(args=[])
    try:
        with (started(*snake_arm('up', '--namespace', 'paged', '--view', '--set',
                                 'viewer.open_browser=false')) as up,
              observing('paged') as observer):
            read_until(up, 'the arm is at http')
            [viewer] = children_of(up.pid)
            os.kill(viewer, signal.SIGKILL)
            read_until(up, 'viewer has ended with exit code -9; control goes on without')
            observer.chain = None
            observer.wait(lambda: observer.chain, 'the arm')
            assert up.poll() is None
    finally:
        rclpy.try_shutdown()
