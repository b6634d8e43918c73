# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""README and docs say what is so: their code runs, and what they name exists."""

from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
import re
import shlex
import time

from diagnostic_msgs.msg import DiagnosticArray
import pytest
import rclpy
from std_msgs.msg import Float64MultiArray
import yaml

from snake_arm_control.arm.arm_file import shipped_arms
from snake_arm_control.arm.arm_yaml import read_yaml
from snake_arm_control.arm.description import Arm
from snake_arm_control.cli.parser import make_parser
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import State
from snake_arm_control.control.scene import Scene
from snake_arm_control.nodes.controller import ControllerNode
from snake_arm_control.nodes.forward_model import ForwardModelNode
from snake_arm_control.nodes.simulator import SimulatorNode
from snake_arm_control.nodes.up import SETTINGS
from snake_arm_control.ros import topics
from snake_arm_control.ros.controller_report import NO_MODEL
from snake_arm_control.ros.goal_messages import message_to_goal
from snake_arm_control.ros.parameters import ArmSettings
from snake_arm_control.ros.running import ros
from snake_arm_control.training.columns import Columns

ROOT = Path(__file__).parent.parent
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(
    (*ROOT.glob('*.md'), *ROOT.glob('docs/*.md'), *ROOT.glob('examples/*.md')))}
GUIDE = {page: text for page, text in PAGES.items() if page != 'CHANGELOG.md'}  # of today
REFERENCE = ROOT / 'docs' / 'topics.md'
MARK = '<!-- The tables below follow from the settings: python test/test_docs.py makes them. -->\n'
FENCED = re.compile(r'^```(\w+)\n(.*?)^```$', re.M | re.S)
# Commands in shell blocks that are not checked, and why.
UNCHECKED = {'pip': 'needs a package registry', 'rosdep': 'needs a ROS machine',
             'colcon': 'needs a ROS machine', 'ssh': 'needs another machine'}
SOURCE = '\n'.join(path.read_text() for path in (
    *ROOT.glob('snake_arm_control/**/*.py'), *ROOT.glob('examples/*.py'),
    *ROOT.glob('launch/*.py'), *ROOT.glob('urdf/*'), *ROOT.glob('*.toml'),
    *ROOT.glob('setup.*'), ROOT / 'Makefile'))
TESTS = '\n'.join(path.read_text() for path in (ROOT / 'test').glob('test_*.py'))


def blocks(language, pages=GUIDE):
    """Return the code blocks of a language as (page, text)."""
    return [(page, block) for page, text in pages.items()
            for kind, block in FENCED.findall(text) if kind == language]


def commands():
    """Return the commands of the shell blocks as (page, words)."""
    return [(page, [words[0].removeprefix('.venv/bin/'), *words[1:]])
            for page, block in blocks('bash')
            for line in block.replace('\\\n', ' ').splitlines()
            if (words := shlex.split(line.split(' > ')[0], comments=True))]


def rows(page, header):
    """Return the rows of those tables of a page whose header begins so, as lists of cells."""
    tables = re.findall(rf'^\| {header}.*\n\|[-|]+\|\n((?:\|.*\n?)+)', PAGES[page], re.M)
    return [[cell.strip() for cell in line.strip('|').split(' | ')]
            for table in tables for line in table.splitlines()]


def codes(cell):
    return re.findall('`([^`]+)`', cell)


def documented(header):
    """Return the types by name of the topics or services in the reference."""
    return {codes(name)[0]: codes(kind)[0] for name, kind, _ in rows('docs/topics.md', header)}


def show(value):
    return ' '.join(value)[:60] if isinstance(value, list) else value.splitlines()[0]


@pytest.mark.parametrize(('page', 'block'), blocks('python', PAGES), ids=show)
def test_python_blocks_run(page, block):
    exec(compile(block, page, 'exec'), {'__name__': '__main__'})


@pytest.mark.parametrize(('page', 'block'), blocks('yaml'), ids=show)
def test_yaml_blocks_are_what_their_page_is_about(page, block, tmp_path):
    if 'segments:' in block:
        Arm(*read_yaml(block))
    elif page == 'docs/obstacles.md':
        assert Scene.from_yaml(block).shapes
    elif page in ('docs/training.md', 'docs/tendon_arms.md'):
        (tmp_path / 'columns.yaml').write_text(block)
        assert Columns.from_file(tmp_path / 'columns.yaml').names
    else:
        assert not Goal.from_yaml(block).is_free


@pytest.mark.parametrize(('page', 'words'), commands(), ids=show)
def test_shell_commands_can_be_run_as_they_stand(page, words):
    """Each is checked against what it calls, or it is known why not."""
    command, *rest = words
    if command not in UNCHECKED:
        CHECKS[command](rest)


def check_snake_arm(words):
    options = make_parser().parse_args(words)
    for given in getattr(options, 'settings', ()):
        parameter, value = given.split('=', 1)
        check_parameter(*parameter.split('.'), value)


def check_ros2(words):
    """Check what needs no ROS machine: names, types and data."""
    kind, action, *rest = words
    if (kind, action) == ('topic', 'pub'):
        once, topic, _, data = rest
        assert (once, topic) == ('--once', f'/{topics.GOAL}')
        message = Float64MultiArray(data=yaml.safe_load(data)['data'])
        assert not message_to_goal(message, joints=40).is_free
    elif kind == 'launch':
        file, *arguments = rest
        known = re.findall(r"DeclareLaunchArgument\(\s*'(\w+)'",
                           (ROOT / 'launch' / file).read_text())
        assert {argument.split(':=')[0] for argument in arguments} <= set(known)
    elif kind == 'run':
        assert f"f'{rest[0]} = " in (ROOT / 'setup.py').read_text()
    elif (kind, action) == ('param', 'set'):
        node, name, value = rest
        check_parameter(node.strip('/'), name, value)
    else:
        assert (kind, action) == ('service', 'call')
        assert documented('service')[rest[0].strip('/')] == rest[1]


def check_make(words):
    assert re.search(rf'^{words[0]}:', (ROOT / 'Makefile').read_text(), re.M)


CHECKS = {'snake-arm': check_snake_arm, 'ros2': check_ros2, 'make': check_make}


def check_parameter(node, name, value=None):
    """Check that a node has a parameter and would take a value, given as text."""
    default = getattr(SETTINGS[node], name)
    if value is not None:
        SETTINGS[node](**{name: value if isinstance(default, str) else yaml.safe_load(value)})


@pytest.mark.parametrize('page', GUIDE)
def test_what_is_named_exists(page, capsys):
    """Commands and their options, parameters and their values, files, and names in the code."""
    found = re.findall('`([^`]+)`', FENCED.sub('', GUIDE[page]))
    for name in sorted({' '.join(each.split()) for each in found}):
        assert is_known(name, capsys), f'there is no {name}'


def is_known(name, capsys):
    parts = name.split('.')
    if name.startswith('snake-arm '):
        _, command, *words = name.split()
        with pytest.raises(SystemExit):
            make_parser().parse_args([command, '--help'])
        usage = capsys.readouterr().out
        return all(word in usage for word in words if word.startswith('--'))
    if given := re.fullmatch(r"([a-z]\w+): '?([^' ]+)'?", name):
        node = next(node for node, kind in SETTINGS.items() if hasattr(kind, given[1]))
        check_parameter(node, *given.groups())
        return True
    if name.startswith('test_'):
        return f'\ndef {name}(' in TESTS
    if len(parts) == 2 and parts[0] in SETTINGS:
        check_parameter(*parts)
        return True
    if re.fullmatch(r'\w[\w./]*(/|\.(py|md|txt|yaml|toml|cfg|xml))', name):
        return any((folder / name).exists() for folder in (ROOT, ROOT / 'snake_arm_control'))
    is_word = re.fullmatch(r'[\w./-]+', name) and not re.match(r'\w+_(msgs|srvs)/', name)
    words = re.findall(r'\w+', name) if is_word else []
    return name in shipped_arms() or all(re.search(rf'\b{word}\b', SOURCE) for word in words)


@pytest.mark.parametrize(('page', 'name', 'value'), sorted(
    {(page, *found) for page, text in GUIDE.items()
     for found in re.findall(r'`([a-z_]+)` \(([\d.]+)(?: [^)\d]+)?\)', text)}))
def test_a_value_behind_a_parameter_is_its_default(page, name, value):
    """As in: at most `following_error` (0.2 rad) ahead of the joint states."""
    assert float(value) in [getattr(kind, name) for kind in SETTINGS.values()
                            if hasattr(kind, name)]


@pytest.mark.parametrize(('page', 'link'), sorted(
    {(page, link) for page, text in PAGES.items()
     for link in re.findall(r'\]\(([^) ]+)\)', text) if '://' not in link}), ids=show)
def test_links_lead_somewhere(page, link):
    path, _, heading = link.partition('#')
    target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    assert target.exists()
    if heading:
        anchors = [re.sub(r'[^\w -]', '', line.lower()).replace(' ', '-')
                   for line in re.findall('^#+ (.*)$', target.read_text(), re.M)]
        assert heading in anchors


def test_the_readme_leads_to_every_page_and_picture():
    linked = {str((ROOT / page).parent.joinpath(link.partition('#')[0]).resolve())
              for page, text in PAGES.items() for link in re.findall(r'\]\(([^) ]+)\)', text)}
    assert [path.name for path in (ROOT / 'docs').iterdir() if str(path) not in linked] == []


def test_the_states_are_those_of_the_controller():
    expected = sorted([NO_MODEL, *(state.name for state in State)])
    assert sorted(codes(row[0])[0] for row in rows('docs/controller.md', 'state')) == expected
    (_, diagram), = blocks('mermaid')
    assert sorted(set(re.findall('[A-Z]{2}[A-Z_]+', diagram))) == expected


@pytest.mark.parametrize('row', rows('docs/extending.md', 'question'), ids=lambda row: row[0])
def test_what_is_to_be_looked_for_is_in_the_file(row):
    _, file, hints = row
    source = (ROOT / 'docs' / re.search(r'\((.*?)\)', file)[1]).read_text()
    assert codes(hints)
    assert [name for name in codes(hints) if not re.search(rf'\b{name}\b', source)] == []


@pytest.fixture(scope='module')
def running():
    """Return topics and services by type, and diagnostics by node, of nodes that run."""
    diagnostics = {}

    def take(message):
        for status in message.status:
            diagnostics[status.name] = {pair.key for pair in status.values}

    with ros([]) as spinner, ExitStack() as stack:
        for node in (ForwardModelNode(), ControllerNode(),
                     SimulatorNode(cli_args=['--ros-args', '-p', 'publish_description:=true'])):
            stack.enter_context(spinner.added(node))
        observer = stack.enter_context(spinner.added(rclpy.create_node('observer')))
        observer.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, take, 10)
        deadline = time.monotonic() + 60.0
        while len(diagnostics) < 3 or len(diagnostics['/controller']) < 2:
            assert time.monotonic() < deadline, 'no diagnostics'
            spinner.spin_once(timeout_sec=0.1)
        yield (dict(observer.get_topic_names_and_types()),
               dict(observer.get_service_names_and_types()), diagnostics)


def test_the_topics_are_those_of_the_nodes(running):
    """But for the handles in RViz, which need a package that comes with ROS only."""
    found = {name.removeprefix('/'): kind for name, (kind, *_) in running[0].items()}
    for name in ('rosout', 'parameter_events', 'clock'):
        found.pop(name, None)
    written = {name.removeprefix('/'): kind for name, kind in documented('topic').items()
               if not name.startswith(f'{topics.INTERACTIVE_GOAL}/')}
    assert written == found


def test_the_services_are_those_of_the_nodes(running):
    """Simulator and all; each node also has those of every ROS node."""
    found = {name.removeprefix('/'): kind for name, (kind, *_) in running[1].items()
             if kind.startswith('std_srvs/')}
    assert documented('service') == found


@pytest.mark.parametrize('node', ('controller', 'forward_model', 'simulator'))
def test_the_keys_of_the_diagnostics_are_those_of_the_nodes(node, running):
    written = [key for row in rows('docs/topics.md', f'key of the {node.replace("_", " ")}')
               for key in codes(row[0])]
    assert sorted(written) == sorted(running[2][f'/{node}'])


def parameters():
    """Return the tables of parameters: the arm's once for all nodes, then those of each."""
    arm = {each.name for each in fields(ArmSettings)}
    lines = []
    for title, settings in (
            ('every node', fields(ArmSettings)),
            *((f'`{node}`', [each for each in fields(kind) if each.name not in arm])
              for node, kind in SETTINGS.items())):
        lines += ['', f'### Of {title}', '', '| parameter | default | range | meaning |',
                  '|---|---|---|---|']
        lines += [f'| `{each.name}` | {shown(each.default)} | {limits(each)} | '
                  f'{each.metadata["description"]}'
                  f'{"; fixed" if each.metadata["read_only"] else ""} |' for each in settings]
    return '\n'.join(lines) + '\n'


def limits(each):
    if each.metadata['choices']:
        return ', '.join(f'`{choice}`' for choice in each.metadata['choices'])
    low, high = each.metadata['low'], each.metadata['high']
    return '' if low is None else f'from {low:g}' if high is None else f'{low:g} to {high:g}'


def shown(value):
    return (f'{value:g}' if isinstance(value, float) else
            '' if value in ('', ()) else f'`{value}`' if isinstance(value, str) else
            str(value).lower())


def test_the_parameters_are_those_of_the_settings():
    if PAGES['docs/topics.md'].partition(MARK)[2] != parameters():
        pytest.fail('the tables of parameters do not follow the settings; write them anew: '
                    'python test/test_docs.py', pytrace=False)


if __name__ == '__main__':
    REFERENCE.write_text(PAGES['docs/topics.md'].partition(MARK)[0] + MARK + parameters())


@pytest.mark.parametrize('page', [name for name in PAGES if name.startswith('docs/')])
def test_the_readme_leads_to_every_page(page):
    assert f']({page})' in PAGES['README.md']
