# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What is to be said of a running arm: in one line how it is, and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

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
class Said:
    """What a node has said of itself on /diagnostics, while it is still valid."""

    state: str
    failed: bool = False
    details: Mapping[str, str] = field(default_factory=dict)

    def number(self, key: str) -> float:
        """Return a detail as a number, 0 where it is none."""
        try:
            return float(self.details.get(key, 0.0))
        except ValueError:
            return 0.0


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
    controller: Said | None
    forward_model: Said | None
    feedback: bool
    rejection: str = ''
    beyond_reach: float = 0.0
    lost_goal: bool = False


def verdict(facts: Facts) -> Verdict:
    """Return what is to be said; the worst comes first."""
    controller = facts.controller
    where = f' in the namespace {facts.namespace}' if facts.namespace.strip('/') else ''
    if controller is None:
        return Verdict(Tone.BAD, f'No controller is running{where}',
                       'Start the arm: `snake-arm up`, or `ros2 launch snake_arm_control '
                       'snake_arm.launch.py`. This page finds it by itself.')
    if facts.trouble:
        return Verdict(Tone.BAD, 'The arm can not be drawn', facts.trouble)
    if controller.failed:
        return Verdict(Tone.BAD, 'The controller has no model it can use', controller.state)
    if controller.state.startswith('waiting for the weights'):
        if facts.forward_model is None:
            return Verdict(Tone.BAD, 'The controller waits for weights, and no forward model runs',
                           'Start the node `forward_model`.')
        if facts.forward_model.failed:
            return Verdict(Tone.BAD, 'There are no weights', facts.forward_model.state)
        return Verdict(Tone.BUSY, 'The controller is loading the model')
    if not facts.described:
        return Verdict(Tone.WARNING, 'Nobody publishes robot_description yet',
                       'robot_state_publisher does, and so does `snake-arm up`.')
    if not facts.feedback or controller.state == State.WAITING.value:
        return Verdict(Tone.WARNING, 'The arm does not say where it is',
                       'No joint_states or pose_chain arrive: does the simulator, or the driver '
                       'of the arm, run?')
    if facts.rejection:
        return Verdict(Tone.BAD, 'The goal was rejected; the one before stays', facts.rejection)
    if controller.state == State.NO_FEEDBACK.value:
        return Verdict(Tone.BAD, 'Holding: the arm does not answer',
                       'The controller goes on by itself when feedback returns.')
    if controller.state == State.STALLED.value:
        advice = ('Its joint limits or what is asked of other components bar it. Free a component '
                  'or move the goal.')
        if facts.beyond_reach > _MILLIMETRE:
            advice = f'{_beyond(facts)}. Move it nearer.'
        return Verdict(Tone.WARNING, 'The arm found no way to the goal', advice)
    if controller.state == State.HOLDING.value:
        return Verdict(Tone.BUSY, 'Holding', 'It goes on when you press Go on.')
    if facts.beyond_reach > _MILLIMETRE:
        return Verdict(Tone.WARNING, 'The goal is out of reach', f'{_beyond(facts)}.')
    if facts.lost_goal:
        return Verdict(Tone.WARNING, 'The controller has restarted and knows no goal',
                       'Send goal asks for the one that is shown here.')
    if controller.state == State.REACHED.value:
        return Verdict(Tone.GOOD, 'Goal reached')
    if controller.state == State.IDLE.value:
        return Verdict(Tone.GOOD, 'Ready', 'Drag the handle at the tool, or choose an experiment.')
    return Verdict(Tone.BUSY, controller.state[:1].upper() + controller.state[1:])


def _beyond(facts: Facts) -> str:
    return f'It is {facts.beyond_reach / _MILLIMETRE:.0f} mm further away than the arm is long'
