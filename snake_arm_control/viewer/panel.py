# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The panel beside the arm: its state, its goal, experiments, gains, and plots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import html
import math
from typing import Protocol

import numpy as np
import viser

from snake_arm_control.arm import pose
from snake_arm_control.viewer.controls import Controls
from snake_arm_control.viewer.plots import Plots
from snake_arm_control.viewer.scene import Scene
from snake_arm_control.viewer.session import Picture, Session
from snake_arm_control.viewer.status import Tone, Verdict
from snake_arm_control.viewer.tuning import slider, Tunable

_POSITION, _FORWARD, _UP = (pose.COMPONENTS[part]
                            for part in (pose.POSITION, pose.FORWARD, pose.UP))
# What counts, by the label of its button; `look at` is not among them, it needs a point.
_PRESETS = {'position': _POSITION, '+ up': _POSITION + _UP, 'full pose': pose.COMPONENTS}
_LOOK_AT = 'look at'
# And the step of its numbers, which is what they are rounded to, too.
_PARTS = {'position': (pose.POSITION, 0.001), 'forward': (pose.FORWARD, 0.01),
          'up': (pose.UP, 0.01)}
_OPACITIES = {'solid': 1.0, 'glass': 0.25, 'hidden': 0.0}
_NUMBERS = {'none': 0, 'every 10th': 10, 'every 5th': 5, 'all': 1}
_MEASURED, _BY_ANGLES = 'measured poses', 'joint angles'

_WIDTH = 330  # [px]
_TONES = {Tone.GOOD: '#2b8a3e', Tone.BUSY: '#1c6fb5', Tone.WARNING: '#c77700', Tone.BAD: '#c92a2a'}


class Commands(Protocol):
    """What can be asked of the controller beside goals."""

    def hold(self, holding: bool) -> None:
        """Let the arm stand, or go on."""

    def reset(self) -> None:
        """Let the arm return to rest."""

    def tune(self, name: str, value: object) -> None:
        """Set a parameter."""


class Panel:
    """
    All controls, and the plots.

    :param server: the viser server
    :param do: takes an action, to be carried out in the thread of the session; it is called in
        another thread
    """

    def __init__(self, server, session: Session, commands: Commands,
                 do: Callable[[Callable[[], object]], None]):
        self._gui, self._session, self._commands = server.gui, session, commands
        self._controls = Controls(do)
        self._scene: Scene | None = None
        self._tabs = None
        self._tuned: dict[str, tuple[Tunable, object]] = {}
        gui = self._gui
        gui.configure_theme(brand_color=(36, 99, 160), show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(_WIDTH)
        self._status = gui.add_html('')
        self._hold = gui.add_button('Hold', icon=viser.Icon.HAND_STOP,
                                    hint='Let the arm stand where it is, or go on')
        self._controls.on_click(self._hold, lambda: commands.hold(not session.holding))
        self._reset = gui.add_button('Back to rest', icon=viser.Icon.HOME,
                                     hint='Drop the goal and return to the straight arm')
        self._controls.on_click(self._reset, self._return_to_rest)
        self.plots = Plots(gui)

    def _return_to_rest(self) -> None:
        self._session.stop()
        self._commands.reset()

    # What can be done with an arm, once there is one.

    def offer(self, scene: Scene) -> None:
        """Offer what can be done with the arm of a scene."""
        self._scene = scene
        if self._tabs is not None:
            self._tabs.remove()
        self._tabs = self._gui.add_tab_group()
        with self._tabs.add_tab('Goal'):
            self._offer_goal(scene.body.joints)
        with self._tabs.add_tab('Play'):
            self._offer_experiments()
        with self._tabs.add_tab('Obstacles'):
            self._offer_obstacles()
        self._tuning_tab, self._tuned = self._tabs.add_tab('Tune'), {}
        with self._tabs.add_tab('View'):
            self._offer_view()

    def _offer_goal(self, joints: int) -> None:
        gui, session = self._gui, self._session
        self._joint = gui.add_number(
            'joint', joints, min=1, max=joints, step=1,
            hint=f'{joints} is the tool. A click on the arm chooses a joint, too')
        self._controls.on_change(self._joint, session.select)
        preset = gui.add_button_group('ask for', (*_PRESETS, _LOOK_AT))
        self._controls.on_click(preset, lambda: self._choose(preset.value))
        self._vectors, self._ticks = {}, {}
        for label, (part, step) in _PARTS.items():
            vector = gui.add_vector3(label, (0.0, 0.0, 0.0), step=step)
            self._controls.on_change(vector, lambda value, part=part: session.edit(
                'put', part, np.array(value)))
            self._vectors[label] = vector
            for component in pose.COMPONENTS[part]:
                tick = gui.add_checkbox(component.replace('_', ' '), False)
                self._controls.on_change(tick, lambda on, name=component: self._care(name, on))
                self._ticks[component] = tick
        self._look_at = gui.add_vector3('look at', (0.0, 0.0, 0.0), step=0.001, visible=False)
        self._controls.on_change(self._look_at, lambda point: session.edit(
            'look_at', np.array(point)))
        with gui.add_folder('As YAML', expand_by_default=False):
            self._text, self._written = gui.add_text('goal', '', multiline=True), ''
            write = gui.add_button('Send this', icon=viser.Icon.SEND,
                                   hint='Bounds, cones, distances and all else that a goal '
                                   'can ask: docs/goals.md')
            self._controls.on_click(write, lambda: session.edit('write', self._text.value))
        send = gui.add_button('Send goal', icon=viser.Icon.SEND,
                              hint='Ask for the goal that is shown, once more')
        self._controls.on_click(send, session.send)
        release = gui.add_button('Free everything', icon=viser.Icon.X,
                                 hint='Ask for nothing; the arm stays')
        self._controls.on_click(release, lambda: session.edit('release'))

    def _choose(self, preset: str) -> None:
        if preset == _LOOK_AT:
            self._session.edit('look_at', self._session.point_ahead())
        else:
            self._session.edit('care', _PRESETS[preset])

    def _care(self, component: str, on: bool) -> None:
        cared = self._session.editor.cared
        self._session.edit('care', cared | {component} if on else cared - {component})

    def _offer_experiments(self) -> None:
        gui, session = self._gui, self._session
        for name, description, possible in session.scenarios():
            button = gui.add_button(name.replace('_', ' '), hint=description,
                                    disabled=not possible)
            self._controls.on_click(button, lambda name=name: session.play(name))
        gui.add_markdown('The experiments of the paper, and courses among obstacles. A goal '
                         'that moves goes on until Stop, '
                         'or until nobody has this page open.')
        self._stop = gui.add_button('Stop', icon=viser.Icon.PLAYER_STOP)
        self._controls.on_click(self._stop, session.stop)

    def _offer_obstacles(self) -> None:
        gui, session = self._gui, self._session
        add = gui.add_button_group('add a', ('ball', 'box', 'column'))
        self._controls.on_click(add, lambda: session.add_obstacle(add.value))
        remove = gui.add_button('Remove', icon=viser.Icon.TRASH,
                                hint='Remove what is selected, if it was added or moved here')
        self._controls.on_click(remove, session.obstacles.remove)
        release = gui.add_button('Select none', icon=viser.Icon.X)
        self._controls.on_click(release, lambda: session.obstacles.select(''))
        gui.add_markdown('A click selects an obstacle, its handle drags it. The arm keeps clear '
                         'of all that is shown; the red line is what is nearest to it.')

    def _offer_view(self) -> None:
        gui, view, scene = self._gui, self._session.view, self._scene

        def offer(control, change: Callable[[object], object]) -> None:
            self._controls.on_change(control, change)
            change(control.value)
        offer(gui.add_dropdown('arm', tuple(_OPACITIES)),
              lambda look: scene.paint(_OPACITIES[look]))
        offer(gui.add_dropdown('drawn at', (_MEASURED, _BY_ANGLES), hint='Where pose_chain says '
                               'that the joints are, or where joint_states and the URDF put them'),
              lambda source: setattr(view, 'follow_measured', source == _MEASURED))
        offer(gui.add_dropdown('joint numbers', tuple(_NUMBERS), initial_value='every 10th'),
              lambda which: scene.number(_NUMBERS[which]))
        offer(gui.add_checkbox('true poses', True, hint='pose_chain'),
              lambda on: setattr(scene, 'shows_true', on))
        offer(gui.add_checkbox('predicted poses', True, hint='predicted_pose_chain: what the '
                               'model expects of the same angles'),
              lambda on: setattr(scene, 'shows_predicted', on))
        offer(gui.add_slider("model's error x", 1, 50, 1, 1, hint='Draws the predicted poses that '
                             'much further from the true ones'),
              lambda factor: setattr(view, 'exaggeration', float(factor)))
        self._model_error = gui.add_markdown('')

    # What changes some times a second.

    def refresh(self, now: float, picture: Picture | None) -> None:
        """Show how things are."""
        session = self._session
        self._status.content = _banner(session.verdict(now), session.summary())
        self._hold.label = 'Go on' if session.holding else 'Hold'
        self._hold.icon = viser.Icon.PLAYER_PLAY if session.holding else viser.Icon.HAND_STOP
        if picture is None:
            return
        editor = session.editor
        self._controls.show(self._joint, editor.selected)
        for component, tick in self._ticks.items():
            self._controls.show(tick, component in editor.cared)
        for label, vector in self._vectors.items():
            self._controls.show_vector(vector, picture.handle[_PARTS[label][0]])
        self._look_at.visible = editor.look_point is not None
        if editor.look_point is not None:
            self._controls.show_vector(self._look_at, editor.look_point)
        written = editor.goal().to_yaml()
        if written != self._written:  # else somebody may be writing
            self._text.value = self._written = written
        self._stop.disabled = session.playing is None
        self._model_error.content = _model_error(*picture.model_error)

    def offer_tuning(self, tunables: Iterable[Tunable]) -> None:
        """Offer the parameters that can be changed; those offered before get their new values."""
        if self._tabs is None:
            return
        for tunable in tunables:
            offered, control = self._tuned.get(tunable.name, (None, None))
            if control is None or offered._replace(value=tunable.value) != tunable:
                if control is not None:
                    control.remove()
                with self._tuning_tab:
                    control = self._add_tuner(tunable)
            else:
                self._controls.show(control, tunable.value)
            self._tuned[tunable.name] = tunable, control

    def _add_tuner(self, tunable: Tunable):
        gui, name, value = self._gui, tunable.name, tunable.value
        label, hint = name.replace('_', ' '), tunable.description
        if isinstance(value, bool):
            control = gui.add_checkbox(label, value, hint=hint)
        elif tunable.choices:
            control = gui.add_dropdown(label, tunable.choices, initial_value=value, hint=hint)
        elif isinstance(value, str):
            control = gui.add_text(label, value, hint=hint)
        else:
            control = gui.add_slider(label, *slider(tunable), value, hint=hint)
        self._controls.on_change(control, lambda value: self._commands.tune(name, value))
        return control


def _banner(verdict: Verdict, summary: str) -> str:
    colour = _TONES[verdict.tone]
    lines = [f'<div style="font-weight:600;color:{colour}">{html.escape(verdict.headline)}</div>']
    if verdict.advice:
        lines.append(f'<div style="margin-top:4px">{html.escape(verdict.advice)}</div>')
    lines.append('<div style="margin-top:4px;opacity:0.7;font-variant-numeric:tabular-nums">'
                 f'{html.escape(summary)}</div>')
    return (f'<div style="margin:6px 10px 4px;padding:8px 10px;border-left:5px solid {colour};'
            f'border-radius:4px;background:{colour}14;font-size:13px;line-height:1.35">'
            f'{"".join(lines)}</div>')


def _model_error(at_tool: float, largest: float) -> str:
    if math.isnan(at_tool):
        return 'No predicted poses beside true ones yet.'
    return (f"The model's error: **{at_tool * 1e3:.1f} mm** at the tool, "
            f'{largest * 1e3:.1f} mm at most.')
