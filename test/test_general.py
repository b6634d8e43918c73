# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What the general weights promise of the arms that they serve."""

import json
import math

from arms import ARMS
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.control.goal import Goal
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import WeightsError
from snake_arm_control.model import accuracy, weights_file
from snake_arm_control.model.exact import ExactModel
from snake_arm_control.model.forward_model import ForwardModel

pytest.importorskip('torch')
from snake_arm_control.training import chains  # noqa: E402

X, Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def snake(*directions, limit=90.0, lengths='equal', joints=40, offset=0.0):
    """Return an arm of 1 m whose joints have some axes in turn."""
    generator = np.random.default_rng(0)
    parts = {'equal': np.ones(joints), 'tapering': np.linspace(1.6, 0.4, joints),
             'random': 1.0 + 0.6 * generator.uniform(-1.0, 1.0, joints)}[lengths]
    limit, before, links = math.radians(limit), Placement(), []
    for j, length in enumerate(parts / parts.sum()):
        axes = [Axis(f'joint_{j}_{k}', direction, False, -limit, limit)
                for k, direction in enumerate(directions[j % len(directions)])]
        links.append(Link(f'link_{j}', before, axes))
        azimuth = generator.uniform(0.0, 2.0 * math.pi)
        before = Placement((offset / joints * math.cos(azimuth),
                            offset / joints * math.sin(azimuth), length))
    return Arm(links, before)


# With the largest errors of the tool [arm lengths] that are said of them: bent, and at the limits.
SERVED = {
    'the default arm': (Arm(), 0.0023, 0.004),
    'two axes, tapering': (snake((X, Y), limit=45.0, lengths='tapering'), 0.0023, 0.004),
    'two axes, random lengths': (snake((X, Y), limit=45.0, lengths='random'), 0.0023, 0.0042),
    'two axes, off the line': (snake((X, Y), limit=45.0, offset=0.12), 0.0023, 0.004),
    'one axis in turn': (snake((X,), (Y,)), 0.0029, 0.0045),
    'one axis in turn, random lengths': (snake((X,), (Y,), lengths='random'), 0.003, 0.0045),
    'one axis in turn, off the line': (snake((X,), (Y,), offset=0.12), 0.0029, 0.0045),
    'in a plane': (snake((X,)), 0.0025, 0.004),
    '20 joints': (snake((X,), (Y,), joints=20), 0.0037, 0.0065),
    '60 joints': (snake((X,), (Y,), joints=60), 0.0029, 0.004),
    'reu_snake_16': (ARMS['reu_snake_16'], 0.0042, 0.0075),
    'tdcr_mjcf_60': (ARMS['tdcr_mjcf_60'], 0.0085, 0.02)}


@pytest.mark.parametrize('arm, bent, limits', SERVED.values(), ids=SERVED)
def test_they_are_as_accurate_as_is_said(arm, bent, limits):
    errors = accuracy.tool_errors(ForwardModel.load(weights_file.GENERAL, arm))
    assert max(errors['independent'], errors['scaled']) < bent and errors['limits'] < limits


def test_they_serve_every_other_arm_than_the_default_one():
    assert weights_file.shipped_weights(Arm.uniform(7)) == weights_file.SHIPPED
    for arm in Arm.uniform(7, 0.1), ARMS['reu_snake_16']:
        model = ForwardModel.load(arm=arm)
        assert model.to_bytes() == weights_file.GENERAL.read_bytes()
        assert model.parameters.architecture.geometry
    with pytest.raises(WeightsError, match='panda_joint1 turns to -166 degrees'):
        ForwardModel.load(arm=ARMS['panda'])


def test_their_record_says_how_they_came_about_and_which_arms_they_serve():
    model = ForwardModel.load(weights_file.GENERAL)
    record = model.training_record
    assert record['preset'] == 'general' and record['finished']
    while record['preset'] == 'general':  # one run after the other, each from the one before
        record = record['start']['training']
    assert record == ForwardModel.load().training_record
    assert json.loads(model.metadata['ranges']) == chains.ranges()
    assert 'arm_fingerprint' not in model.metadata


@pytest.mark.parametrize('name', ('reu_snake_16', 'tdcr_mjcf_60'))
def test_with_true_poses_fed_back_every_goal_is_reached(name):
    """However far the network is off: equation 4."""
    arm = ARMS[name]
    model, exact = ForwardModel.load(arm=arm), ExactModel(arm)
    for shape in np.random.default_rng(0).uniform(-0.5, 0.5, (5, *arm.rest.shape)):
        there = exact.predict(shape * arm.free)[-1, :3]
        goal = Goal.tool(position=there, joints=arm.joints)
        assert solve(goal, arm.rest, model, true_chain=exact.predict).converged
