# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""YAML from anywhere is read as plain values, or refused at once."""

from pathlib import Path

from hypothesis import given, strategies as st
import pytest
import yaml

from snake_arm_control import yaml_text
from snake_arm_control.arm.arm_yaml import read_yaml
from snake_arm_control.control.goal import Goal
from snake_arm_control.errors import SnakeArmError

BOMB = 'a0: &a0 [x, x]\n' + ''.join(f'a{i + 1}: &a{i + 1} [{", ".join([f"*a{i}"] * 10)}]\n'
                                   for i in range(12))
BAD = {
    'a bomb of aliases': BOMB, 'a bomb in a list': '- &a [1]\n- *a', 'a circle': '&a [*a]',
    'a bomb of merges': '- &a {joint: tool}\n- {<<: [*a, *a]}',
    'ten thousand lists within another': 10**4 * '[', 'as mappings': 10**4 * '{a: ',
    'as a block': ''.join(f'{" " * depth}-\n' for depth in range(100)),
    'a long text': '- {joint: tool}\n' * 10**5, 'a long number': '- ' + '9' * 10**5,
    'a number to the base of sixty': '- ' + ':'.join(10**4 * ['59']),
    'a date that is none': '- 2001-99-99', 'an object': '!!python/object/apply:os.getcwd []',
    'no text': 'a: \0', 'a list as a key': '? [a]\n: b', 'an end too early': '[1, {a: '}


@pytest.mark.parametrize('name', BAD)
def test_what_nobody_writes_by_hand_is_refused(name):
    with pytest.raises(yaml.YAMLError) as caught:
        yaml_text.read(BAD[name])
    assert len(str(caught.value)) < 500 and len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize('name', BAD)
@pytest.mark.parametrize('read', (Goal.from_yaml, read_yaml))
def test_goals_and_arms_refuse_it_with_an_error_of_ours(name, read):
    with pytest.raises(SnakeArmError) as caught:
        read(BAD[name])
    assert len(str(caught.value)) < 500


VALUES = st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20)
                      | st.integers(-2**63, 2**63),
                      lambda inner: st.lists(inner, max_size=3)
                      | st.dictionaries(st.text(max_size=9), inner, max_size=3), max_leaves=9)


@given(VALUES)
def test_all_else_is_read_as_it_is(value):
    text = yaml.safe_dump(value)
    if '&id' not in text:  # the same object twice
        assert yaml_text.read(text) == value


def test_nothing_in_the_package_reads_yaml_in_another_way():
    package = Path(yaml_text.__file__).parent
    assert [path.name for path in package.rglob('*.py')
            if any(word in path.read_text() for word in ('yaml.load(', 'yaml.safe_load'))
            ] == ['yaml_text.py']
