# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of recorded experiments: the arm at several moments, and its errors over time."""

from __future__ import annotations

from collections.abc import Iterator
import math
from pathlib import Path
from typing import Any

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.goal_shape import Axes, goal_shape
from snake_arm_control.control.optimiser import InverseSettings
from snake_arm_control.experiments.runs import Recording
from snake_arm_control.extras import require

_FORMATS = ('png', 'pdf')
_STYLE: dict[Any, Any] = {
    'font.family': 'STIXGeneral', 'mathtext.fontset': 'stix', 'font.size': 9.0,
    'axes.linewidth': 0.6, 'axes.spines.top': False, 'axes.spines.right': False,
    'xtick.major.width': 0.6, 'ytick.major.width': 0.6, 'lines.linewidth': 1.1,
    'legend.frameon': False, 'legend.fontsize': 8.0, 'pdf.fonttype': 42}
_DOTS = 300  # an inch
_WIDTH = 7.2  # [inch], of a printed page
_MOMENTS = 5
_VIEWS = {'fig3': (-128.0, 18.0), 'fig4': (-60.0, 24.0), 'fig5_right': (-72.0, 30.0)}
_VIEW = (-62.0, 20.0)  # azimuth and elevation of the viewer [degrees]

_POINT, _FORWARD, _UP = '#e8850c', '#2563d9', '#1d9a3c'  # as the markers in RViz
_LINK, _CARED_LINK, _HINGE = (0.60, 0.69, 0.79), (0.97, 0.73, 0.38), (0.34, 0.40, 0.47)
_FLOOR, _GRID, _SHADOW = '#f6f6f4', '#e2e2de', '#d9d9d5'
_LIGHT = np.array((-0.45, 0.55, 0.70))  # towards it, as the viewer sees right, up and near
_RADII = (0.017, 0.010)  # of the links at base and tip [arm lengths]
_STRIPS = 9  # of a link's visible side, each with its own shade
_AXIS_LENGTH = 0.12  # [arm lengths]


def draw(recording: Recording, result: dict[str, Any], folder: Path) -> list[Path]:
    """
    Draw an experiment into a folder: ``sequence`` and ``errors``, each to look at and to print.

    :param result: of `reproduction.reproduce`
    :return: the files
    :raises MissingPackageError: if matplotlib is not installed
    """
    require('matplotlib')
    from matplotlib import rc_context
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with rc_context(_STYLE):
        for name, figure in (('sequence', _sequence(recording)),
                             ('errors', _errors(recording, result))):
            for kind in _FORMATS:
                paths.append(folder / f'{name}.{kind}')
                figure.savefig(paths[-1], dpi=_DOTS, bbox_inches='tight', pad_inches=0.04)
    return paths


class _View:
    """Parallel projection onto the plane of a picture."""

    def __init__(self, azimuth: float, elevation: float):
        a, e = math.radians(azimuth), math.radians(elevation)
        self._rows = np.array((
            (-math.sin(a), math.cos(a), 0.0),
            (-math.sin(e) * math.cos(a), -math.sin(e) * math.sin(a), math.cos(e)),
            (math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e))))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return right, up and near (*batch, 3) of points (*batch, 3)."""
        return np.asarray(points) @ self._rows.T


def _figure(width: float, height: float):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def _sequence(recording: Recording):
    """Return the arm at several moments in a row, in one scale."""
    view = _View(*_VIEWS.get(recording.scenario.name, _VIEW))
    length = recording.arm.length
    moments = recording.moments(_MOMENTS)
    paths = list(_paths(recording))
    floor = _floor(recording, moments)
    corners = np.concatenate((
        _corners(floor), *recording.chains[moments][..., pose.POSITION], *paths,
        *(line for m in moments
          for line, _, _ in _arrows(recording.goals[m], recording.chains[m], length)),
        *(goal_shape(recording.goals[m], recording.chains[m]).places for m in moments)))
    seen = view(corners)[:, :2]
    low, high = seen.min(axis=0) - 0.03 * length, seen.max(axis=0) + 0.03 * length
    width = _WIDTH / _MOMENTS
    figure = _figure(_WIDTH, width * (high[1] - low[1]) / (high[0] - low[0]) + 0.25)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.0)
    for axes, moment in zip(figure.subplots(1, _MOMENTS), moments):
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect='equal')
        axes.axis('off')
        _draw_floor(axes, view, floor)
        goal, chain = recording.goals[moment], recording.chains[moment]
        _draw_shadow(axes, view, chain, length)
        for path in paths:
            seen = view(path)
            axes.fill(*seen[:, :2].T, color=_POINT, alpha=0.07, linewidth=0.0, zorder=1.2)
            axes.plot(*seen[:, :2].T, color=_POINT, linewidth=0.6, zorder=1.2)
        _draw_trace(axes, view, recording, moment)
        _draw_arm(axes, view, goal, chain, length)
        _draw_goal(axes, view, goal, chain, length)
        time = recording.times[moment] - (recording.times[recording.measured][0]
                                          if recording.period else 0.0)
        text = f'{time:.1f} s' if recording.period or time >= 1.0 else f'{1e3 * time:.0f} ms'
        axes.text(0.5, 0.0, text, transform=axes.transAxes, ha='center', va='top')
    return figure


def _errors(recording: Recording, result: dict[str, Any]):
    """Return the errors over time, beside what they are to be compared with."""
    tolerances = InverseSettings().tolerances(recording.arm.length)
    extra = 'tracking' in result or 'best_exact' in result
    figure = _figure(_WIDTH, 2.0)
    figure.get_layout_engine().set(w_pad=0.06)
    axes = figure.subplots(1, 2 + extra)
    rows = slice(None)
    if recording.reached is not None and not recording.period:
        rows = slice(np.searchsorted(recording.times, 2.0 * recording.times[recording.reached]))
    times = recording.times[rows]
    for each, errors, tolerance, color, label in (
            (axes[0], 1e3 * recording.position_errors, 1e3 * tolerances.position, _POINT,
             'position error [mm]'),
            (axes[1], np.degrees(recording.axis_errors), math.degrees(tolerances.axis),
             _FORWARD, 'axis error [deg]')):
        shown = np.maximum(errors[rows], 1e-3 * tolerance)
        each.axhline(tolerance, color='0.45', linewidth=0.7, linestyle=(0, (4, 2)))
        each.annotate('tolerance', (1.0, tolerance), xycoords=('axes fraction', 'data'),
                      xytext=(0, 2), textcoords='offset points', ha='right', color='0.35',
                      fontsize=7.0)
        if recording.period:
            _draw_band(each, times, shown, color)
        else:
            each.semilogy(times, shown, color=color)
        each.set(xlabel='time [s]', ylabel=label, xlim=(0.0, times[-1]))
        each.grid(True, axis='y', color='0.9', linewidth=0.5)
    if 'tracking' in result:
        _draw_tracking(axes[2], result['tracking'])
    elif 'best_exact' in result:
        _draw_residual(axes[2], result)
    return figure


def _draw_band(axes, times: np.ndarray, errors: np.ndarray, color: str) -> None:
    """Draw errors that go up with each goal and down with each command: RMS, least, largest."""
    pieces = np.array_split(np.arange(len(times)), min(120, len(times)))
    middle = [times[piece].mean() for piece in pieces]
    axes.fill_between(middle, [errors[piece].min() for piece in pieces],
                      [errors[piece].max() for piece in pieces], color=color, alpha=0.22,
                      linewidth=0.0, label='least to largest')
    axes.semilogy(middle, [np.sqrt(np.mean(errors[piece] ** 2)) for piece in pieces],
                  color=color, label='RMS')
    axes.legend(handlelength=1.4)


def _draw_tracking(axes, tracking: list[dict[str, float]]) -> None:
    periods = [each['period'] for each in tracking]
    for key, label, style in (
            ('max_to_moving_target', 'largest', {'color': '0.6', 'marker': '^'}),
            ('rms_to_moving_target', 'RMS', {'color': _POINT, 'marker': 'o'}),
            ('rms_position_error', 'RMS to the goal set last',
             {'color': _FORWARD, 'marker': 's'})):
        axes.loglog(periods, [1e3 * each[key] for each in tracking], label=label,
                    markersize=3.5, **style)
    axes.set_xticks(periods, [f'{period:g}' for period in periods])
    axes.set_xticks([], minor=True)
    axes.set(xlabel='period [s]', ylabel='distance to the target [mm]')
    axes.grid(True, axis='y', color='0.9', linewidth=0.5)
    axes.set_ylim(top=12.0 * axes.get_ylim()[1])
    axes.legend(handlelength=1.4, loc='upper right')


def _draw_residual(axes, result: dict[str, Any]) -> None:
    for key, label, style in (
            ('residual', 'learned model', {'color': _POINT, 'marker': 'o', 'markersize': 4.5}),
            ('best_exact', 'exact kinematics',
             {'color': _FORWARD, 'marker': 'x', 'markersize': 4.0})):
        errors = np.degrees(result[key]['axis_errors'])
        axes.plot(range(1, len(errors) + 1), errors, linewidth=0.0, label=label, **style)
    axes.set(xlabel='joint', ylabel='axis error [deg]')
    axes.grid(True, axis='y', color='0.9', linewidth=0.5)
    axes.legend(handlelength=1.0)


def _arrows(goal: Goal, chain: np.ndarray,
            length: float) -> Iterator[tuple[np.ndarray, bool, str]]:
    """Yield axes that a goal cares for: ends (2, 3) [m], target or the arm's own, and color."""
    axes = goal_shape(goal, chain).axes
    reach = _AXIS_LENGTH * length * (0.7 if sum(len(each.joints) for each in axes.values()) > 4
                                     else 1.0)
    for part, color, asked in ((pose.FORWARD, _FORWARD, axes['forward']),
                               (pose.UP, _UP, axes['up'])):
        here = chain[asked.joints - 1]
        own = Axes(asked.joints, here[:, pose.POSITION], here[:, part])
        for line in own.lines(reach):
            yield line, False, color
        for line in asked.lines(reach):
            yield line, True, color


def _paths(recording: Recording) -> Iterator[np.ndarray]:
    """Yield the closed paths (points, 3) [m] on which targets move."""
    if not recording.period:
        return
    goals = [recording.scenario.goal_of(recording.arm, phase)
             for phase in np.linspace(0.0, 1.0, 121)]
    mean = recording.chains[recording.measured].mean(axis=0)
    for path in np.stack([goal_shape(goal, mean).places for goal in goals], axis=1):
        if np.ptp(path, axis=0).max() > 1e-6:
            yield path


def _floor(recording: Recording, moments: np.ndarray) -> np.ndarray:
    """Return the corners ((x, y) low, (x, y) high) [m] of the floor, on whole tiles."""
    tile = recording.arm.length / 5.0
    places = recording.chains[moments][..., pose.POSITION].reshape(-1, 3)[:, :2]
    low = np.minimum(places.min(axis=0), -0.15 * recording.arm.length)
    high = np.maximum(places.max(axis=0), 0.15 * recording.arm.length)
    return np.array((np.floor(low / tile), np.ceil(high / tile), (tile, tile)))


def _corners(floor: np.ndarray) -> np.ndarray:
    (left, near), (right, far), (tile, _) = floor
    return tile * np.array(((left, near, 0.0), (right, near, 0.0), (right, far, 0.0),
                            (left, far, 0.0)))


def _draw_floor(axes, view: _View, floor: np.ndarray) -> None:
    from matplotlib.collections import LineCollection
    (left, near), (right, far), (tile, _) = floor
    axes.fill(*view(_corners(floor))[:, :2].T, color=_FLOOR, linewidth=0.0, zorder=0.9)
    lines = [((x, near, 0.0), (x, far, 0.0)) for x in np.arange(left, right + 0.5)]
    lines += [((left, y, 0.0), (right, y, 0.0)) for y in np.arange(near, far + 0.5)]
    axes.add_collection(LineCollection(list(view(tile * np.array(lines))[..., :2]), colors=_GRID,
                                       linewidths=0.5, zorder=1.0), autolim=False)


def _draw_shadow(axes, view: _View, chain: np.ndarray, length: float) -> None:
    """Draw what a light right above casts on the floor."""
    points = np.vstack((np.zeros(3), chain[:, pose.POSITION])) * (1.0, 1.0, 0.0)
    polygons = []
    circle = np.linspace(0.0, 2.0 * np.pi, 24)
    ring = np.stack((np.cos(circle), np.sin(circle), np.zeros(24)), axis=-1)
    for start, end, radius in zip(points[:-1], points[1:], _radii(len(chain)) * length):
        way = end - start
        if np.linalg.norm(way) > 1e-9:
            side = radius * np.cross((0.0, 0.0, 1.0), way / np.linalg.norm(way))
            polygons.append(np.array((start + side, end + side, end - side, start - side)))
        polygons.append(end + radius * ring)
    for polygon in polygons:
        axes.fill(*view(polygon)[:, :2].T, color=_SHADOW, linewidth=0.0, zorder=1.1)


def _draw_trace(axes, view: _View, recording: Recording, moment: int) -> None:
    """Draw the way that the tool has gone: since the start, or in this round."""
    first = recording.measured.start if recording.period else 0
    tool = view(recording.chains[first:moment + 1, -1, pose.POSITION])
    axes.plot(tool[:, 0], tool[:, 1], color='0.35', linewidth=0.7, zorder=1.3)


def _draw_arm(axes, view: _View, goal: Goal, chain: np.ndarray, length: float) -> None:
    """Draw links as shaded cylinders and joints as balls, the far ones first."""
    from matplotlib.collections import PolyCollection
    points = view(np.vstack((np.zeros(3), chain[:, pose.POSITION])))
    cared = np.any(goal.cared, axis=1)
    parts = []  # nearness, polygons, colors
    radii = _radii(len(chain)) * length
    base = _ball(points[0], 1.5 * radii[0], _HINGE)
    parts.append((points[0][2] - 1.0, *base))
    for j, radius in enumerate(radii):
        start, end = points[j], points[j + 1]
        color = _CARED_LINK if cared[j] else _LINK
        parts.append(((start + end)[2] / 2.0, *_cylinder(start, end, radius, color)))
        if j:
            parts.append((start[2], *_ball(start, 0.9 * radius, _HINGE)))
    tip = points[-1] + 1.6 * radii[-1] * view(chain[-1, pose.FORWARD])
    parts.append((points[-1][2], *_cylinder(points[-1], tip, 0.9 * radii[-1], _HINGE, 0.15)))
    parts.sort(key=lambda part: part[0])
    polygons = [polygon for part in parts for polygon in part[1]]
    colors = [color for part in parts for color in part[2]]
    axes.add_collection(PolyCollection(polygons, facecolors=colors, edgecolors=colors,
                                       linewidths=0.15, zorder=2.0, snap=False), autolim=False)


def _draw_goal(axes, view: _View, goal: Goal, chain: np.ndarray, length: float) -> None:
    """Draw targets: a dot at a place, an arrow along an axis; and the arm's own axes there."""
    arrows = list(_arrows(goal, chain, length))
    many = len(arrows) > 8
    head = (0.07, 0.14) if many else (0.12, 0.26)
    for line, target, color in arrows:
        ends = view(line)[:, :2]
        if not target:
            axes.plot(*ends.T, color='0.2', linewidth=0.5, zorder=2.1)
            continue
        axes.annotate('', ends[1], ends[0], zorder=2.2, arrowprops={
            'arrowstyle': '-|>,head_width={},head_length={}'.format(*head), 'color': color,
            'linewidth': 0.5 if many else 1.0, 'shrinkA': 0.0, 'shrinkB': 0.0})
    for spot in view(goal_shape(goal, chain).places):
        axes.plot(spot[0], spot[1], 'o', color=_POINT, markersize=3.6, zorder=2.3,
                  markeredgecolor='white', markeredgewidth=0.5)


def _radii(joints: int) -> np.ndarray:
    return np.linspace(*_RADII, joints)


def _cylinder(start: np.ndarray, end: np.ndarray, radius: float, color: tuple,
              taper: float = 1.0) -> tuple[list, list]:
    """Return the polygons and colors of a cylinder's visible side, in right, up and near."""
    way = end - start
    seen = math.hypot(way[0], way[1])
    if seen < 1e-9:
        return [], []
    across = np.array((-way[1], way[0])) / seen
    length = math.hypot(seen, way[2])
    # The side that faces the viewer: across the axis, and what is left of `near` beside it.
    facing = np.array((-way[0] * way[2], -way[1] * way[2], seen * seen)) / (seen * length)
    edges = np.sin(np.linspace(-np.pi / 2.0, np.pi / 2.0, _STRIPS + 1))
    polygons, colors = [], []
    for low, high in zip(edges[:-1], edges[1:]):
        polygons.append((start[:2] + low * radius * across, start[:2] + high * radius * across,
                         end[:2] + high * radius * taper * across,
                         end[:2] + low * radius * taper * across))
        middle = (low + high) / 2.0
        normal = middle * np.array((*across, 0.0)) + math.sqrt(1.0 - middle ** 2) * facing
        colors.append(_shaded(color, normal))
    return polygons, colors


def _ball(center: np.ndarray, radius: float, color: tuple) -> tuple[list, list]:
    angle = np.linspace(0.0, 2.0 * np.pi, 20)
    ring = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    polygons = [center[:2] + radius * part * ring + radius * (1.0 - part) * 0.6 * _LIGHT[:2]
                for part in (1.0, 0.65, 0.3)]
    return polygons, [_tinted(color, light) for light in (0.85, 1.1, 1.4)]


def _shaded(color: tuple, normal: np.ndarray) -> tuple:
    diffuse = max(float(normal @ _LIGHT) / float(np.linalg.norm(_LIGHT)), 0.0)
    return _tinted(color, 0.55 + 0.5 * diffuse + 0.35 * diffuse ** 12)


def _tinted(color: tuple, light: float) -> tuple:
    return tuple(min(light * c, 1.0) for c in color)
