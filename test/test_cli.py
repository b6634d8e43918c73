# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The snake-arm command refuses what can not be done, with the reason."""

from pathlib import Path

from arms import URDFS
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.cli import main
from snake_arm_control.cli.parser import COMMANDS, make_parser
from snake_arm_control.model.weights_file import SHIPPED
from snake_arm_control.nodes import forward_model
from snake_arm_control.ros.running import run

NOT_YAML = 'a: ['


def name_of(command):
    return command.__name__.rpartition('.')[2]


REFUSED = {
    'joints below 0': (('goal', '--joints', '-3', '--drop'), 'joints is -3, expected an integer'),
    'no joints': (('goal', '--joints', '0', '--up', '0', '0', '1'), 'joints is 0'),
    'goal and drop': (('goal', '--drop', '--up', '0', '0', '1'), 'not two of them'),
    'goal and file': (('goal', '--file', 'x', '--up', '0', '0', '1'), 'not two of them'),
    'no such link': (('goal', '--joint', 'elbow', '--up', '0', '0', '1'),
                     "joint is 'elbow', expected a number from 1 to 40, a link of the arm, or"),
    'nothing': (('goal',), 'nothing is asked for'),
    'namespace of a goal': (('goal', '--drop', '--namespace', 'a b'), 'Invalid namespace'),
    'namespace of a number': (('goal', '--drop', '--namespace', '1'), "with a number: '/1'"),
    'namespace of a recording': (('record', '--namespace', 'a//b'), 'Invalid namespace'),
    'two arms': (('urdf', '--arm', 'default', '--joints', '3'), 'expected one of the two'),
    'two arms of nodes': (('up', '--arm', 'default', '--joints', '3'), 'joints is 3 and arm is'),
    'no such arm': (('up', '--arm', 'nowhere.urdf'), 'nowhere.urdf can not be read'),
    'an arm that is none': (('arm', 'params.yaml'), 'the arm is no YAML'),
    'exact weights': (('up', '--set', 'forward_model.kind=exact', '--set',
                       'forward_model.weights=x'), 'weights is x and kind is exact'),
    'compensated without weights': (('up', '--set', 'forward_model.kind=compensated'),
                                    'expected the file that snake-arm calibrate'),
    'weights of another kind': (('up', '--set', 'forward_model.kind=compensated', '--set',
                                 f'forward_model.weights={SHIPPED}'),
                                'is of a model that is network, expected the same'),
    'namespace': (('up', '--namespace', 'a b'), 'Invalid namespace'),
    'parameter': (('up', '--set', 'controller.rate=-1'), 'rate out of range'),
    'parameter file': (('up', '--params-file', 'params.yaml'), 'params.yaml is no YAML'),
    'number for text': (('up', '--set', 'forward_model.weights=1'), 'weights 1 can not be read'),
    'text that ends': (('up', '--set', "forward_model.weights=it's"), "it's can not be read"),
}


@pytest.mark.parametrize('name', REFUSED)
def test_what_can_not_be_done_is_refused_with_its_reason(name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'params.yaml').write_text(NOT_YAML)
    arguments, reason = REFUSED[name]
    assert main(list(arguments)) == 1
    refusal = capfd.readouterr().err
    [line] = [line for line in refusal.splitlines() if not line.startswith('[INFO]')]
    assert line.startswith(f'snake-arm {arguments[0]}: ') and reason in line


def test_no_weights_at_all_are_the_shipped_ones(capfd):
    """The empty text is a value as any other."""
    assert main(['up', '--set', 'forward_model.weights=', '--until-converged',
                 '--timeout', '0']) == 1
    assert capfd.readouterr().out.startswith('not reached within 0 s')


def test_a_goal_may_be_for_a_link_by_its_name(capfd):
    panda = str(URDFS / 'panda.urdf')
    for link in 'panda_link3', '2':
        assert main(['goal', '--arm', panda, '--joint', link, '--up', '0', '0', '1',
                     '--timeout', '0']) == 1
        assert 'no controller listens' in capfd.readouterr().err


def test_the_urdf_of_an_arm_from_a_file_reads_back_as_the_arm(capsys):
    panda = str(URDFS / 'panda.urdf')
    assert main(['urdf', '--arm', panda, '--tip-link', 'panda_link7']) == 0
    assert Arm.from_urdf(capsys.readouterr().out) == Arm.from_file(panda, tip='panda_link7')


def test_an_arm_is_printed_with_its_chain_its_limits_what_else_there_is_and_what_is_strange(
        capsys):
    assert main(['arm', str(URDFS / 'panda.urdf')]) == 0
    said = capsys.readouterr().out
    for part in ('5 joints, 7 angles, 1.09 m long, from panda_link0 to panda_hand_tcp',
                 'panda_joint4  about 0 0 1   -176 deg to -3.999 deg  124.6 deg/s  -90 deg',
                 '5     panda_hand_tcp', 'or to panda_leftfinger: 8 joints',
                 'warning: panda_joint4: zero is beyond the limits', 'the exact one'):
        assert part in said
    assert main(['arm', 'default']) == 0
    assert 'or the learned one, whose tool is off by 0.1' in capsys.readouterr().out


def test_a_number_may_be_negative_in_any_notation(capfd):
    """It is taken as no option; no controller runs, so the goal is all that is checked."""
    assert main(['goal', '--position', '-.5', '-1e-3', '-0.25E0', '--forward', '-1', '-', '-',
                 '--timeout', '0']) == 1
    assert 'no controller listens' in capfd.readouterr().err
    assert main(['goal', '--position', '0.1', '-inf', '0.2']) == 1
    assert 'y is -inf' in capfd.readouterr().err


@pytest.mark.parametrize('left', ('', 'half of it is in a folder'))
def test_an_interrupt_prints_what_is_left_of_the_work_if_anything(left, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt(left)

    monkeypatch.setattr('snake_arm_control.cli.urdf.run', interrupted)
    assert main(['urdf']) == 130
    assert capsys.readouterr().err == (f'snake-arm urdf: {left}\n' if left else '')


def test_words_that_look_like_numbers_are_taken_as_they_are_written():
    parse = make_parser().parse_args
    assert parse(['train', '--out', '2026']).out == Path('2026')
    assert parse(['train', '--preset', '-1']).preset == '-1'
    assert parse(['evaluate', '--json', '1e3', '--plots', 'inf']).json == Path('1e3')
    options = parse(['goal', '--position', '-1e-3', '-', '2', '--file', '-7', '--namespace', '1'])
    assert options.file == Path('-7') and options.namespace == '/1'
    assert options.entries[0]['position'][::2] == [-1e-3, 2.0]


@pytest.mark.parametrize('words', (
    ['--position', '1', '2'], ['--position', '1', '2', '--up', '0', '0', '1'],
    ['--position', '1', '2', '-x'], ['--position', '1', '2', '3', '-4e0']))
def test_a_vector_of_other_than_three_numbers_is_refused(words, capsys):
    with pytest.raises(SystemExit) as refusal:
        main(['goal', *words])
    assert refusal.value.code == 2 and 'error: ' in capsys.readouterr().err


@pytest.mark.parametrize('name', ('left', '/left', 'left/', '/left/'))
def test_a_namespace_is_the_same_with_and_without_slashes_for_every_command(name):
    for words in (['up'], ['goal'], ['record'], ['train'], ['evaluate']):
        assert make_parser().parse_args([*words, '--namespace', name]).namespace == '/left'


@pytest.mark.parametrize('command', ([], *([name_of(command)] for command in COMMANDS)), ids=str)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command, '--help'])
    assert end.value.code == 0
    assert 'usage: snake-arm' in capsys.readouterr().out


@pytest.mark.parametrize('arguments', (['-p', 'joints:=0'], ['-p'], ['--unheard-of']))
def test_a_node_that_is_started_wrongly_ends_with_exit_code_1(arguments):
    assert run(forward_model.ForwardModelNode, ['node', '--ros-args', *arguments]) == 1


def test_processes_run_the_same_modules_wherever_they_are_started(tmp_path, monkeypatch, capfd):
    decoy = tmp_path / 'snake_arm_control'
    decoy.mkdir()
    (decoy / '__init__.py').write_text('raise SystemExit(7)')
    monkeypatch.chdir(tmp_path)
    assert main(['up', '--processes', '--set', 'forward_model.weights=/nowhere']) == 1
    assert capfd.readouterr().out.strip() == 'forward_model has ended with exit code 1'
