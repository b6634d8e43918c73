# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What is to be said of a running arm: in one line how it is, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from snake_arm_control.control.loop import State

_MILLIMETRE = 1e-3  # [m]


class Tone(Enum):
    """How bad it is."""

    GOOD = 'good'
    BUSY = 'busy'
    WARNING = 'warning'
    BAD = 'bad'


class Verdict(NamedTuple):
    """What the page says on top."""

    tone: Tone
    headline: str
    advice: str = ''


@dataclass(frozen=True)
class NodeStatus:
    """
    What a node reports of itself on /diagnostics.

    :param summary: for people
    :param failed: whether it is an error
    :param details: by key; the controller's state is a code, the name of a `State`
    """

    summary: str
    failed: bool = False
    details: Mapping[str, str] = field(default_factory=dict)

    def number(self, key: str) -> float:
        """Return a detail as a number, 0 where it is none."""
        try:
            return float(self.details.get(key, 0.0))
        except ValueError:
            return 0.0

    def is_in(self, state: State) -> bool:
        """Return whether this controller is in a state."""
        return self.details.get('state') == state.name

    @property
    def headline(self) -> str:
        """The summary, as the beginning of a sentence."""
        return self.summary[:1].upper() + self.summary[1:]

    @property
    def model(self) -> str:
        """Fingerprint of this controller's model, empty if it has none."""
        return self.details.get('model fingerprint', '')

    @property
    def interruption(self) -> str:
        """Why this controller waits for its release, empty if it does not."""
        return self.details.get('interrupted by', '')

    @property
    def refusal(self) -> str:
        """Why this controller refused the latest weights, empty if it did not."""
        return self.details.get('refused weights', '')


@dataclass(frozen=True)
class Facts:
    """
    What is known of a running arm.

    :param trouble: what is wrong with the robot description, or '' if nothing is
    :param rejection: why the latest goal was rejected, or '' if it was not
    :param beyond_reach: how far the goal is beyond what the arm can reach [m]
    """

    namespace: str
    described: bool
    trouble: str
    controller: NodeStatus | None
    forward_model: NodeStatus | None
    feedback: bool
    rejection: str = ''
    beyond_reach: float = 0.0
    lost_goal: bool = False

    @property
    def where(self) -> str:
        """Where the nodes are, as the end of a sentence."""
        return f' in the namespace {self.namespace}' if self.namespace.strip('/') else ''

    @property
    def excess(self) -> str:
        """How far the goal is out of reach, in words; empty if it is not."""
        if self.beyond_reach <= _MILLIMETRE:
            return ''
        return f'{self.beyond_reach / _MILLIMETRE:.0f} mm further away than the arm is long'


def _in(state: State) -> Callable[[Any], object]:
    return lambda facts: facts.controller.is_in(state)


# The first that holds is said; {0} stands for the facts. Any: a rule relies on those before it.
_RULES: tuple[tuple[Callable[[Any], object], Verdict], ...] = (
    (lambda facts: facts.controller is None, Verdict(
        Tone.BAD, 'No controller is running{0.where}',
        'Start the arm: `snake-arm up`, or `ros2 launch snake_arm_control snake_arm.launch.py`. '
        'This page finds it by itself.')),
    (lambda facts: facts.trouble, Verdict(
        Tone.BAD, 'The arm can not be drawn', '{0.trouble}')),
    (lambda facts: not facts.controller.model and facts.controller.refusal, Verdict(
        Tone.BAD, 'The controller has no model it can use', '{0.controller.refusal}')),
    (lambda facts: not facts.controller.model and facts.forward_model is None, Verdict(
        Tone.BAD, 'The controller waits for weights, and no forward model runs',
        'Start the node `forward_model`.')),
    (lambda facts: not facts.controller.model and facts.forward_model.failed, Verdict(
        Tone.BAD, 'There are no weights', '{0.forward_model.summary}')),
    (lambda facts: not facts.controller.model, Verdict(
        Tone.BUSY, 'The controller is loading the model')),
    (lambda facts: not facts.described, Verdict(
        Tone.WARNING, 'Nobody publishes robot_description yet',
        'robot_state_publisher does, and so does `snake-arm up`.')),
    (lambda facts: not facts.feedback or facts.controller.is_in(State.WAITING), Verdict(
        Tone.WARNING, 'The arm does not say where it is',
        'No joint_states or pose_chain arrive: does the simulator, or the driver of the arm, '
        'run?')),
    (lambda facts: facts.rejection, Verdict(
        Tone.BAD, 'The goal was rejected; the one before stays', '{0.rejection}')),
    (_in(State.NO_FEEDBACK), Verdict(
        Tone.BAD, 'Holding: the arm does not answer',
        'The controller goes on by itself when feedback returns.')),
    (lambda facts: facts.controller.is_in(State.STALLED) and facts.excess, Verdict(
        Tone.WARNING, 'The arm found no way to the goal', 'It is {0.excess}. Move it nearer.')),
    (_in(State.STALLED), Verdict(
        Tone.WARNING, 'The arm found no way to the goal',
        'Its joint limits or what is asked of other components bar it. Free a component or move '
        'the goal.')),
    (_in(State.WAITING_FOR_RELEASE), Verdict(
        Tone.BAD, 'Holding: {0.controller.interruption}', 'It goes on when you press Go on.')),
    (_in(State.HOLDING), Verdict(
        Tone.BUSY, 'Holding', 'It goes on when you press Go on.')),
    (lambda facts: facts.excess, Verdict(
        Tone.WARNING, 'The goal is out of reach', 'It is {0.excess}.')),
    (lambda facts: facts.lost_goal, Verdict(
        Tone.WARNING, 'The controller has restarted and knows no goal',
        'Send goal asks for the one that is shown here.')),
    (lambda facts: facts.controller.refusal, Verdict(
        Tone.WARNING, '{0.controller.headline}',
        'The weights before stay: {0.controller.refusal}')),
    (_in(State.REACHED), Verdict(
        Tone.GOOD, 'Goal reached')),
    (_in(State.IDLE), Verdict(
        Tone.GOOD, 'Ready', 'Drag the handle at the tool, or choose an experiment.')),
    (lambda facts: True, Verdict(
        Tone.BUSY, '{0.controller.headline}')),
)


def verdict(facts: Facts) -> Verdict:
    """Return what is to be said; the worst comes first."""
    said = next(said for holds, said in _RULES if holds(facts))
    return Verdict(said.tone, said.headline.format(facts), said.advice.format(facts))
