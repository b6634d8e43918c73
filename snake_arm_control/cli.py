# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The snake-arm command: each subcommand parses, calls, and prints."""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path
import subprocess
import sys

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import GoalError, MissingPackageError, SettingsError, SnakeArmError
from snake_arm_control.experiments.scenarios import scenario, SCENARIOS


def main(arguments: list[str] | None = None) -> int:
    """
    Run the snake-arm command.

    :return: exit code: 0, 1 with the reason on standard error, 130 when interrupted
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # argparse takes -1e-3 for an option, but nothing that begins with a space.
    options = _parser().parse_args([f' {word}' if _is_number(word) else word
                                    for word in arguments])
    try:
        return options.run(options) or 0
    except SnakeArmError as error:
        print(f'snake-arm {options.command}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='snake-arm', description='Control of many-joint robot arms by a learned model.')
    commands = parser.add_subparsers(dest='command', required=True)
    joints = argparse.ArgumentParser(add_help=False)
    joints.add_argument('--joints', type=int, default=Arm.joints, metavar='N',
                        help='number of joints of the arm (default %(default)s)')
    namespace = argparse.ArgumentParser(add_help=False)
    namespace.add_argument('--namespace', default='', help='ROS namespace of the arm')

    up = commands.add_parser('up', parents=[namespace], help='run the three nodes',
                             description='Run the forward model, controller and simulator nodes.')
    up.add_argument('--joints', type=int, metavar='N', help='number of joints of the arm '
                    f'(default: that of the parameter file, or {Arm.joints})')
    up.add_argument('--scenario', default='', metavar='NAME',
                    help='publish the goals of one of the experiments of the paper: '
                    + ', '.join(SCENARIOS))
    up.add_argument('--until-converged', action='store_true',
                    help='end when the goal is reached on the true poses')
    up.add_argument('--timeout', type=float, default=60.0, metavar='S',
                    help='with --until-converged: give up after this time (default %(default)s s)')
    up.add_argument('--processes', action='store_true', help='run each node in its own process')
    up.add_argument('--no-simulator', dest='simulator', action='store_false',
                    help='leave the simulator out: a real arm answers')
    up.add_argument('--view', action=argparse.BooleanOptionalAction, default=False,
                    help='show the arm on a page in the browser')
    up.add_argument('--params-file', type=Path, metavar='FILE', help='ROS parameter file')
    up.add_argument('--set', action='append', default=[], metavar='NODE.NAME=VALUE',
                    dest='settings', help='set a parameter of controller, simulator, '
                    'forward_model or viewer, for instance simulator.length_error=0.05')
    up.set_defaults(run=_up)

    goal = commands.add_parser(
        'goal', parents=[joints, namespace], help='publish a goal to a running controller',
        description='Publish a pose-chain goal. Components not given, and those given as -, '
        'are free. Several joints: repeat --joint, each followed by what it shall do.')
    goal.add_argument('--joint', action=_Entry, metavar='J',
                      help='joint number from 1, or tool (default: tool)')
    for name, metavar, text in (('position', ('X', 'Y', 'Z'), 'in base_link [m]'),
                                ('forward', ('X', 'Y', 'Z'), 'unit vector of the z axis'),
                                ('up', ('X', 'Y', 'Z'), 'unit vector of the y axis'),
                                ('rpy', ('R', 'P', 'Y'), 'orientation [rad], sets both axes')):
        goal.add_argument(f'--{name}', nargs=3, action=_Entry, metavar=metavar, help=text)
    goal.add_argument('--file', type=Path, help='goal in YAML instead')
    goal.add_argument('--drop', action='store_true', help='drop the goal and let the arm stand')
    goal.add_argument('--wait', type=float, default=5.0, metavar='S',
                      help='how long to wait for a controller (default %(default)s s)')
    goal.set_defaults(run=_goal, entries=[])

    urdf = commands.add_parser('urdf', parents=[joints], help='print the URDF of the arm')
    urdf.set_defaults(run=_urdf)

    tracked = argparse.ArgumentParser(add_help=False)
    tracked.add_argument('--tracked-joints', type=int, nargs='+', default=(), metavar='J',
                         help='numbers of the joints whose poses there are, or which of them to '
                         'look at (default: all)')
    record = commands.add_parser(
        'record', parents=[joints, namespace, tracked],
        help='record a running arm, to learn from it',
        description='Record the topics of an arm into an MCAP file, as ros2 bag does, until '
        'Ctrl-C. What it holds is what snake-arm train --data learns from.')
    record.add_argument('--out', type=Path, metavar='FILE',
                        help='the file (default: snake_arm_ and the present time)')
    record.add_argument('--duration', type=float, default=math.inf, metavar='S',
                        help='end by itself after this time')
    record.add_argument('--overwrite', action='store_true', help='replace FILE if it exists')
    record.add_argument('--explore', type=float, default=0.0, metavar='S',
                        help='send the controller another random goal every S seconds: the arm '
                        'will move anywhere that it can reach')
    record.add_argument('--seed', type=int, default=0, help='of the goals of --explore')
    record.set_defaults(run=_record)

    film = commands.add_parser(
        'film', help='photograph and film the page in the browser',
        description='Bring up an arm with its page, and write DIR/viewer.png and DIR/viewer.gif, '
        'taken by a Chromium (extra: film).')
    film.add_argument('--out', type=Path, default=Path('runs/film'), metavar='DIR',
                      help='folder of the pictures (default %(default)s)')
    film.set_defaults(run=_film)

    reproduce = commands.add_parser(
        'reproduce', parents=[joints], help='run experiments of the paper and draw them',
        description='Run experiments of the paper, without ROS or over the nodes; write '
        'DIR/NAME/result.json and pictures. Exit code 1 if a goal that can be reached was not.')
    reproduce.add_argument('scenarios', nargs='+', metavar='NAME',
                           help=f'{", ".join(SCENARIOS)}, or all')
    reproduce.add_argument('--out', type=Path, default=Path('runs/reproduce'), metavar='DIR',
                           help='folder of the results (default %(default)s)')
    reproduce.add_argument('--nodes', action='store_true', help='run them over the real nodes')
    reproduce.add_argument('--wrong-arm', action='store_true',
                           help='the true arm has segments 5 %% longer than the model was '
                           'trained on, and its angles are off by 2 degrees')
    reproduce.set_defaults(run=_reproduce)

    train = commands.add_parser(
        'train', parents=[joints, namespace, tracked], help='train a forward model',
        description='Train a forward model on drawn shapes of an ideal arm, or on recordings of '
        'a real one, starting from weights that were trained before.')
    train.add_argument('--preset', help='paper or shipped (default); with --data finetune '
                       '(default), or scratch, which starts from nothing')
    train.add_argument('--data', type=Path, nargs='+', metavar='FILE',
                       help='recordings of snake-arm record, or of ros2 bag record -s mcap; the '
                       'last fifth of each is held out')
    train.add_argument('--weights', type=Path, metavar='FILE',
                       help='with --data: weights to start from (default: the shipped ones)')
    train.add_argument('--out', type=Path, default=Path('runs/train'), metavar='DIR',
                       help='run folder (default %(default)s)')
    train.add_argument('--resume', action='store_true', help='go on where DIR left off')
    train.add_argument('--seed', type=int, help='another seed than that of the preset')
    train.set_defaults(run=_train)

    evaluate = commands.add_parser('evaluate', parents=[joints, namespace, tracked],
                                   help='measure a forward model')
    evaluate.add_argument('--data', type=Path, nargs='+', metavar='FILE',
                          help='measure it on recordings instead of drawn shapes')
    evaluate.add_argument('--wrong-arm', action='store_true',
                          help='the true arm is that of snake-arm reproduce --wrong-arm')
    evaluate.add_argument('--weights', type=Path, help='weights file (default: the shipped one)')
    evaluate.add_argument('--samples', type=int, default=4000,
                          help='shapes of each distribution (default %(default)s)')
    evaluate.add_argument('--seed', type=int, default=0)
    evaluate.add_argument('--json', type=Path, metavar='FILE', help='write the result there')
    evaluate.add_argument('--plots', type=Path, metavar='DIR', help='write pictures there')
    evaluate.set_defaults(run=_evaluate)

    bench = commands.add_parser(
        'bench', help='measure speed, beside other libraries where they are installed',
        description='Measure what an iteration costs and how long goals take, in one thread and '
        'one run, beside torch and every other library that is installed (extra: bench).')
    bench.add_argument('--only', choices=('cost', 'goals', 'wrong', 'robustness', 'loop'),
                       help='one part: iterations, ways to goals, the same on a wrong arm, '
                       'control of an arm unlike the model, rate of the loop through DDS')
    bench.add_argument('--goals', type=int, default=200, metavar='N',
                       help='goals of each family (default %(default)s; slow methods get fewer)')
    bench.add_argument('--families', metavar='LETTERS', help='such as ABF (default: all)')
    bench.add_argument('--methods', metavar='NAME,...', help='such as lm,pink (default: all)')
    bench.add_argument('--seed', type=int, default=0)
    bench.add_argument('--compile', action='store_true',
                       help='torch.compile the network too, which takes minutes')
    bench.add_argument('--json', type=Path, metavar='FILE', help='write the figures there')
    bench.add_argument('--plots', type=Path, metavar='DIR', help='write pictures there')
    bench.set_defaults(run=_bench)
    return parser


class _Entry(argparse.Action):
    """Collects --joint and what follows it into one entry of a goal."""

    def __call__(self, parser, options, values, option_string=None):
        entries = list(options.entries)
        if self.dest == 'joint':
            entries.append({'joint': values})
        else:
            if not entries:
                entries.append({'joint': 'tool'})
            entry = dict(entries.pop())
            if self.dest in entry:
                parser.error(f'{option_string} is given twice for joint {entry["joint"]}')
            try:
                entry[self.dest] = [math.nan if v == '-' else float(v) for v in values]
            except ValueError:
                parser.error(f'{option_string} is {" ".join(values)}, expected three numbers, '
                             'or - for a free one')
            entries.append(entry)
        options.entries = entries


def _up(options: argparse.Namespace) -> int:
    from snake_arm_control.nodes import up  # rclpy is slow to import, and not all need it
    return up.up(up.Options(
        joints=options.joints, namespace=options.namespace, scenario=options.scenario,
        until_converged=options.until_converged, timeout=options.timeout,
        processes=options.processes, simulator=options.simulator, view=options.view,
        params_file=options.params_file, settings=tuple(options.settings)))


def _goal(options: argparse.Namespace) -> int:
    from snake_arm_control.control.goal import combine, Goal
    joints = Arm(joints=options.joints).joints
    if options.drop + bool(options.file) + bool(options.entries) > 1:
        raise GoalError('give a goal, or --file, or --drop, and not two of them')
    if options.drop:
        goal = Goal.free(joints)
    elif options.file:
        goal = Goal.from_yaml(_read(options.file), joints)
    else:
        goal = combine((_entry_goal(entry, joints) for entry in options.entries), joints)
        if goal.is_free:
            raise GoalError('nothing is asked for; give --position, --forward, --up or --rpy, '
                            'or --drop to drop the goal')
    from snake_arm_control.nodes import up
    return up.send_goal(goal, options.namespace, options.wait)


def _entry_goal(entry: dict, joints: int):
    from snake_arm_control.arm import pose
    from snake_arm_control.control.goal import Goal
    entry = dict(entry)
    name = entry.pop('joint')
    try:
        number = joints if name == 'tool' else int(name)
    except ValueError:
        raise GoalError(f'joint is {name!r}, expected a number from 1 to {joints}, or tool'
                        ) from None
    rpy = entry.pop('rpy', None)
    if rpy is not None:
        if {'forward', 'up'} & set(entry) or not all(map(math.isfinite, rpy)):
            raise GoalError('--rpy takes three finite numbers, and no --forward or --up beside it')
        target = pose.from_euler(*rpy, position=(0.0, 0.0, 0.0))
        entry.update(forward=target[pose.FORWARD], up=target[pose.UP])
    return Goal.joint(number, **entry, joints=joints)


def _urdf(options: argparse.Namespace) -> int:
    from snake_arm_control.arm.urdf import urdf_text
    sys.stdout.write(urdf_text(Arm(joints=options.joints)))
    return 0


def _record(options: argparse.Namespace) -> int:
    from snake_arm_control.training import recordings
    recordings.require()
    from snake_arm_control.nodes import recorder
    return recorder.record(recorder.Options(
        out=options.out, duration=options.duration, namespace=options.namespace,
        joints=options.joints, tracked=tuple(options.tracked_joints),
        overwrite=options.overwrite, explore=options.explore, seed=options.seed))


def _film(options: argparse.Namespace) -> int:
    from snake_arm_control.viewer.film import film
    for path in film(options.out):
        print(path)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from snake_arm_control.experiments import figures, runs as reproduction
    from snake_arm_control.model.forward_model import ForwardModel
    names = SCENARIOS if 'all' in options.scenarios else options.scenarios
    scenarios = [scenario(name) for name in names]
    figures.require()
    arm = Arm(joints=options.joints)
    truth = reproduction.WRONG_ARM if options.wrong_arm else reproduction.IDEAL_ARM
    if options.nodes:
        from snake_arm_control.nodes.experiment import NodesRun
        run = NodesRun(arm, truth)
    else:
        run = reproduction.LibraryRun(ForwardModel.load(arm=arm), truth)
    failed = False
    for each in scenarios:
        recording, result = reproduction.reproduce(each, run)
        path = reproduction.write_result(result, options.out / each.name)
        figures.draw(recording, result, path.parent)
        print(f'{reproduction.table(result)}\n    {path.parent}', flush=True)
        failed |= each.reachable and not result['success']
    return int(failed)


def _train(options: argparse.Namespace) -> int:
    _require_torch()
    from snake_arm_control.model.forward_model import ForwardModel
    from snake_arm_control.training import lesson as lessons
    from snake_arm_control.training.presets import preset
    from snake_arm_control.training.trainer import train
    arm = Arm(joints=options.joints)
    settings = preset(options.preset or ('finetune' if options.data else 'shipped'),
                      seed=options.seed)
    start = lesson = None
    if settings.preset == 'finetune' and options.data:
        start = ForwardModel.load(options.weights, arm)
    elif options.weights:
        raise SettingsError('--weights are where --preset finetune --data starts from, expected '
                            'these two beside it')
    if options.data:
        lesson = lessons.prepare(arm, _recordings(options, arm), start)
        print(lessons.table(lesson), flush=True)
    path = train(arm, settings, options.out, resume=options.resume, lesson=lesson)
    if lesson:
        print(lessons.outcome(lesson, start, ForwardModel.load(path, arm)))
    print(path)
    return 0


def _recordings(options: argparse.Namespace, arm: Arm) -> list:
    from snake_arm_control.training import recordings
    return [recordings.read(path, arm, options.tracked_joints, options.namespace or None)
            for path in options.data]


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f'this needs {error.name}, which is not installed: '
            f'pip install {error.name}, or the extra snake_arm_control[train]') from error


def _evaluate(options: argparse.Namespace) -> int:
    from snake_arm_control.model.forward_model import ForwardModel
    _require_torch()
    from snake_arm_control.training import evaluation
    arm = Arm(joints=options.joints)
    model = ForwardModel.load(options.weights, arm)
    if options.data and (options.wrong_arm or options.plots):
        raise SettingsError('--wrong-arm and --plots are of drawn shapes, expected neither with '
                            '--data')
    if options.data:
        from snake_arm_control.training.recordings import join
        result = evaluation.evaluate_recording(model, join(_recordings(options, arm)))
        print(evaluation.recording_table(result))
    else:
        from snake_arm_control.arm.simulation import SimulatedArm
        from snake_arm_control.experiments.runs import IDEAL_ARM, WRONG_ARM
        truth = WRONG_ARM if options.wrong_arm else IDEAL_ARM
        result = evaluation.evaluate(
            model, arm, options.seed, options.samples,
            truth=lambda arm, angles: SimulatedArm(arm, truth).true_chain(angles))
        print(evaluation.table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + '\n')
    if options.plots:
        evaluation.write_report(result, options.plots)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from snake_arm_control.bench import run as benchmark
    from snake_arm_control.experiments import figures
    if options.plots:
        figures.require()
    threads = dict.fromkeys(benchmark.THREADS, '1')
    if not threads.items() <= os.environ.items():  # which numpy has read when it was imported
        words = [f'--{name}={value}' for name, value in vars(options).items()
                 if name not in ('command', 'run', 'compile') and value is not None]
        return subprocess.run(
            [sys.executable, '-c', 'import sys; from snake_arm_control.cli import main; '
             'sys.exit(main())', 'bench', *words, *['--compile'] * options.compile],
            env=os.environ | threads).returncode

    def report(line: str) -> None:
        print(line, flush=True)

    parts = [options.only] if options.only else [*benchmark.PARTS, 'loop']
    chosen = {'families': options.families,
              'methods': options.methods and options.methods.split(',')}
    result = benchmark.run(
        goals=options.goals, seed=options.seed, compile_torch=options.compile, report=report,
        parts=[part for part in parts if part in benchmark.PARTS],
        **{name: value for name, value in chosen.items() if value})
    if 'loop' in parts:
        try:
            from snake_arm_control.bench import loop_rate
        except ModuleNotFoundError as error:
            report(f'\nClosed loop through DDS: {error}')
        else:
            result['loop'] = loop_rate.measure(report=report)
    if options.json:
        benchmark.save(result, options.json)
    if options.plots and 'cost' in result:
        print(benchmark.draw(result, options.plots))
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise GoalError(f'{path} can not be read: {error}') from error
