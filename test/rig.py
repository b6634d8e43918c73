# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A test rig: a control loop that drives a simulated arm, both on one clock."""

import math
from typing import NamedTuple

from guard import Contract, Guard
import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.simulation import SimulatedArm, SimulationSettings
from snake_arm_control.arm.tracker import Tracker
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.loop import ControlLoop, ControlSettings
from snake_arm_control.model.exact import ExactModel

PERIOD = 0.005  # [s]
ROUNDING = 1e-12  # [rad]
NAN = math.nan
SHORT = Arm.uniform(joints=10, segment_length=0.1)
UNLIKE = SimulationSettings(length_error=0.05, joint_offset=math.radians(2.0))
# Equation 4 to the letter: each pose counts in full, and is of the time that its stamp says.
LETTER = ControlSettings(correction_gain=1.0, feedback_latency=0.0)


class Approach(NamedTuple):
    """How an arm came to a position."""

    first: float  # [s] until it was within 2 mm, infinite if it never was
    worst: float  # [m] that it was off after that
    end: float  # [m] that it was off at the end


class Rig:
    """
    A control loop, a simulated arm and its tracker; a guard watches the commands.

    :ivar now: of the clock that never jumps [s]
    :ivar time: of the clock that stamps are from and the arm moves by [s]
    :ivar clock_rate: seconds of `time` in a second of `now`
    :ivar starts: which of the commands were new starts
    :ivar reports: takes and returns joint states (joints, axes), None to lose them; for faults
    """

    def __init__(self, model=None, settings=ControlSettings(), simulation=SimulationSettings(),
                 start=None):
        self.loop = ControlLoop(model or ExactModel(SHORT), settings)
        self.arm = SimulatedArm(self.loop.arm, simulation, start)
        self.tracker = Tracker(simulation)
        self.guard = Guard(self.loop.arm, Contract(following_error=settings.following_error,
                                                   speed_limit=settings.speed_limit))
        self.now = self.time = 100.0
        self.clock_rate, self.connected, self.commands = 1.0, True, []
        self.starts = []
        self.reports = lambda angles: angles
        self._chain = None, None  # of what the arm was last, and its true chain
        self.rest(0.05)

    @property
    def stamp(self):
        return round(self.time * 1e9)

    @property
    def state(self):
        return self.loop.state(self.now)

    def run(self, ticks):
        """Go on for some periods and return the commands of these."""
        before = len(self.commands)
        for _ in range(ticks):
            self.tick()
        return self.commands[before:]

    def rest(self, duration):
        """Go on for a time [s]."""
        return self.run(round(duration / PERIOD))

    def tick(self, period=PERIOD):
        """Go on for a period [s]."""
        self.now += period
        self.time += period * self.clock_rate
        self.arm.advance(self.time)
        self.guard.take_states(self.stamp, self.arm.angles)
        reported = self.reports(self.arm.angles)
        if reported is not None:
            self.loop.report(self.stamp, reported)
        self.tracker.observe(self.time, self.true_chain())
        for measured in self.tracker.arrived(self.time):
            if self.connected:
                self.loop.receive(*measured)
        starts = self.loop.new_starts
        command = self.loop.iterate(self.now, self.stamp)
        if command is not None:
            if self.loop.new_starts > starts:
                self.guard.take_start(command.stamp)
                self.starts.append(len(self.commands))
            self.guard.take_command(command.stamp, command.positions, command.velocities)
            self.commands.append(command)
            self.arm.command(command.positions, self.time)

    def run_to(self, state, ticks=3000):
        """Go on until the loop is in a state, or fail."""
        for _ in range(ticks):
            if self.state is state:
                return
            self.tick()
        assert self.state is state

    def pursue(self, goal, duration, each_tick=lambda elapsed: None):
        """
        Set a goal and go on for a time [s]; return the `Approach` of the arm itself.

        :param each_tick: is called ahead of each period with the time since the goal [s]
        """
        self.loop.set_goal(goal)
        first, worst, error = math.inf, 0.0, math.inf
        for k in range(round(duration / PERIOD)):
            each_tick(k * PERIOD)
            self.tick()
            error, _ = self.errors(goal)
            if error <= 2e-3:
                first = min(first, (k + 1) * PERIOD)
            if first < math.inf:
                worst = max(worst, error)
        return Approach(first, worst, error)

    def true_chain(self):
        """Return the true chain of the arm, computed anew only where it has moved."""
        now = self.arm, self.arm.settings, self.arm.angles.tobytes()
        if now != self._chain[0]:
            self._chain = now, self.arm.true_chain()
        return self._chain[1]

    def errors(self, goal):
        """Return position error [m] and axis error [rad] of the arm itself."""
        chain = self.true_chain()
        return goal.position_error(chain), goal.axis_error(chain)

    def assert_kept(self):
        """Assert that every command up to here kept the contract."""
        self.guard.finish()
        assert self.guard.violations == []


def reachable(arm=SHORT, seed=0, **cared):
    """Return a goal for the position of the tool where some bent arm has it."""
    angles = np.random.default_rng(seed).uniform(-0.3, 0.3, (arm.joints, 2))
    return Goal.tool(position=forward_kinematics(arm, angles)[-1, :3], joints=arm.joints, **cared)
