# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A test rig: a control loop that drives a simulated arm, both on one clock."""

import math

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
SHORT = Arm(joints=10, segment_length=0.1)
UNLIKE = SimulationSettings(length_error=0.05, joint_offset=math.radians(2.0))
LETTER = ControlSettings(correction_gain=1.0)  # equation 4 to the letter: each pose counts in full


class Rig:
    """A control loop and a simulated arm on one clock, with feedback that can be delayed."""

    def __init__(self, model=None, settings=ControlSettings(), simulation=SimulationSettings(),
                 delay=0):
        self.loop = ControlLoop(model or ExactModel(SHORT), settings)
        self.arm = SimulatedArm(self.loop.arm, simulation)
        self.tracker = Tracker(simulation)
        self.now, self.connected, self.delay = 100.0, True, delay
        self.commands, self.on_the_way = [], []
        self.loop.start(self.arm.angles)

    @property
    def state(self):
        return self.loop.state(self.now)

    def run(self, iterations):
        """Go on for some periods and return the commands of these."""
        before = len(self.commands)
        for _ in range(iterations):
            self.now += PERIOD
            command = self.loop.iterate(self.now, round(self.now * 1e9))
            if command is not None:
                self.commands.append(command)
                self.arm.command(command.positions, self.now)
            self.on_the_way.append(self.measure())
            if len(self.on_the_way) > self.delay:
                for measured in self.on_the_way.pop(0):
                    if self.connected:
                        self.loop.receive(*measured)
        return self.commands[before:]

    def measure(self):
        """Return what the tracker measures now: nothing if it gets lost."""
        self.arm.advance(self.now)
        self.tracker.observe(self.now, self.arm.true_chain())
        return self.tracker.arrived(self.now)

    def run_to(self, state, iterations=3000):
        """Go on until the loop is in a state, or fail."""
        for _ in range(iterations):
            if self.state is state:
                return
            self.run(1)
        assert self.state is state


def reachable(arm=SHORT, seed=0, **cared):
    """Return a goal for the position of the tool where some bent arm has it."""
    angles = np.random.default_rng(seed).uniform(-0.3, 0.3, (arm.joints, 2))
    return Goal.tool(position=forward_kinematics(arm, angles)[-1, :3], joints=arm.joints, **cared)


def assert_bounded(commands, settings, arm, start=None):
    """Assert what holds of any commands, whatever led to them; times are those of the rig."""
    positions = np.array([command.positions for command in commands])
    if start is not None:
        positions = np.concatenate((start[None], positions))
    assert np.isfinite(positions).all()
    assert np.abs(positions).max() <= arm.angle_limit
    assert np.abs(np.diff(positions, axis=0)).max(initial=0.0) <= settings.max_step + ROUNDING
    velocities = np.array([command.velocities for command in commands])
    assert np.abs(velocities).max() <= arm.velocity_limit
    assert (np.diff([command.stamp for command in commands]) > 0).all()
