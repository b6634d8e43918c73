# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The errors and the rate of the last seconds, plotted on the page."""

from __future__ import annotations

from collections.abc import Iterable
import math

import numpy as np
import viser
from viser import uplot

from snake_arm_control.viewer.session import PLOT_SPAN

_PLOTS = (('position error [mm]', '#2463a0', True), ('axis error [degrees]', '#2b8a3e', True),
          ('iterations per second', '#495057', False))  # and whether it is logarithmic
_FLOOR = 1e-3  # [mm or degrees] that the logarithmic plots show for none
_GRID = uplot.Axis_Grid(stroke='#e9ecef')


class Plots:
    """A panel that floats above the scene, with one plot below the other."""

    def __init__(self, gui):
        panel = gui.add_panel()
        panel.float(x=16, y=16, width=280)
        self._plots = []
        ages, linear, bare = (  # bare: a logarithmic grid would hide the curve
            uplot.Axis(size=size, gap=2, ticks={'show': False}, grid=grid)
            for size, grid in ((24, _GRID), (44, _GRID), (44, uplot.Axis_Grid(show=False))))
        with panel.add_tab('Live', icon=viser.Icon.CHART_LINE):
            for title, colour, logarithmic in _PLOTS:
                self._plots.append(gui.add_uplot(
                    (np.array((-PLOT_SPAN, 0.0)), np.array((math.nan, math.nan))),
                    (uplot.Series(label='s'),
                     uplot.Series(label=title, stroke=colour, width=2)),
                    title=title, legend=uplot.Legend(show=False),
                    scales={'x': uplot.Scale(time=False, range=(-PLOT_SPAN, 0.0)),
                            'y': uplot.Scale(range=(_FLOOR, 1e3), distr=3, log=10)
                            if logarithmic else uplot.Scale()},
                    axes=(ages, bare if logarithmic else linear),
                    padding=(8, 16, 0, 0), height=130))

    def draw(self, columns: Iterable[np.ndarray]) -> None:
        """Draw ages [s], position errors [mm], axis errors [degrees] and rates [1/s]."""
        ages, *rows = columns
        for plot, column, (*_, logarithmic) in zip(self._plots, rows, _PLOTS):
            plot.data = ages, np.maximum(column, _FLOOR if logarithmic else 0.0)
