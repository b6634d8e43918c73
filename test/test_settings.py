# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of settings that check themselves."""

from dataclasses import dataclass, fields, FrozenInstanceError
import math

from hypothesis import given, strategies
import numpy as np
import pytest

from snake_arm_control.arm.simulation import SimulationSettings
from snake_arm_control.control.loop import ControlSettings
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.errors import SettingsError
from snake_arm_control.settings import part, setting, Settings

KINDS = (InverseSettings, ControlSettings, SimulationSettings)


@dataclass(frozen=True)
class Example(Settings):
    part: float = setting(0.5, 'a part', low=0.0, high=1.0)
    count: int = setting(3, 'a count', low=1)
    loud: bool = setting(False, 'whether it is loud')
    mode: str = setting('slow', 'how', choices=('slow', 'fast'))
    speed: float = setting(1.0, 'how fast', 'm/s')


@pytest.mark.parametrize('kind', KINDS)
def test_defaults_are_within_their_ranges_and_described(kind):
    settings = kind()
    for each in fields(settings):
        assert each.metadata['description']
        assert type(getattr(settings, each.name)) is type(each.default)


@pytest.mark.parametrize('kind', KINDS)
def test_the_ends_of_a_range_are_taken_and_what_lies_beyond_is_refused(kind):
    ends = 0
    for each in fields(kind):
        for name, beyond in (('low', -math.inf), ('high', math.inf)):
            end = each.metadata[name]
            if end is None:
                continue
            ends += 1
            assert getattr(kind(**{each.name: end}), each.name) == end
            wrong = math.nextafter(end, beyond)
            if type(each.default) is int:
                wrong = end + (1 if name == 'high' else -1)
            with pytest.raises(SettingsError, match=f'{each.name} is .*, expected a number from'):
                kind(**{each.name: wrong})
    assert ends


@pytest.mark.parametrize('value', (math.nan, math.inf, -math.inf, '0.5', None, True, 0.5j, (0.5,)))
def test_what_is_not_a_finite_number_is_no_number(value):
    """Even where no end of a range is given."""
    for name in ('part', 'speed'):
        with pytest.raises(SettingsError, match=f'{name} is .*, expected a'):
            Example(**{name: value})


@pytest.mark.parametrize('value', (1, np.float64(1.0), np.float32(1.0), np.int64(1)))
def test_numbers_of_any_kind_are_taken_as_the_type_of_the_default(value):
    assert type(Example(part=value).part) is float
    assert Example(part=value).part == 1.0


def test_integers_of_any_kind_are_integers_and_floats_are_not():
    assert type(Example(count=np.int64(4)).count) is int
    for value in (4.0, np.float64(4.0), True):
        with pytest.raises(SettingsError, match='count is .*, expected a int'):
            Example(count=value)


@pytest.mark.parametrize('value', (1, 0, 'true', None))
def test_only_a_bool_is_a_bool(value):
    with pytest.raises(SettingsError, match='loud is .*, expected a bool'):
        Example(loud=value)


def test_only_the_choices_can_be_chosen():
    assert Example(mode='fast').mode == 'fast'
    with pytest.raises(SettingsError, match="mode is 'quick', expected one of slow, fast"):
        Example(mode='quick')


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Example().part = 0.1


def test_the_unit_stands_in_the_description():
    descriptions = {each.name: each.metadata['description'] for each in fields(Example)}
    assert descriptions['speed'] == 'how fast [m/s]'
    assert descriptions['part'] == 'a part'


@given(momentum=strategies.floats(0.0, 0.99), max_step=strategies.floats(1e-6, 1.0))
def test_a_part_has_the_values_of_the_whole(momentum, max_step):
    whole = ControlSettings(momentum=momentum, max_step=max_step, feedback_timeout=2.0)
    taken = part(InverseSettings, whole)
    assert type(taken) is InverseSettings
    assert all(getattr(taken, each.name) == getattr(whole, each.name)
               for each in fields(InverseSettings))
    assert (taken.momentum, taken.max_step) == (momentum, max_step)
