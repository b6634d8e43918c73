# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of obstacle courses: the arm does them in the loop, and touches nothing."""

import numpy as np
import pytest

from snake_arm_control.arm.body import ArmBody
from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.control.clearance import Clearances
from snake_arm_control.control.loop import ControlLoop, ControlSettings, State
from snake_arm_control.control.solve import solve
from snake_arm_control.errors import GoalError
from snake_arm_control.experiments.scenarios import COURSES, scenario
from snake_arm_control.model.exact import ExactModel

ARM = Arm()
PERIOD = 0.01  # [s]


def clearances(course, arm=ARM):
    return Clearances(course.scene_of(arm), ArmBody.of(arm), True)


@pytest.mark.parametrize('name', COURSES)
def test_nothing_is_in_the_way_of_an_arm_at_rest(name):
    assert clearances(scenario(name)).clearance(forward_kinematics(ARM, ARM.rest)) > 0.02


@pytest.mark.parametrize('name', ('pipe', 'shelf', 'forest', 'knot'))
def test_the_arm_goes_through_a_course_and_touches_nothing(name):
    """A goal that moves is followed all the time, from where it begins."""
    course, loop = scenario(name), ControlLoop(ExactModel(ARM), ControlSettings(
        use_feedback=False))
    kept, least, errors, states = clearances(course), np.inf, [], []
    loop.start(ARM.rest)
    scene = course.scene_of(ARM)
    loop.avoid(scene if scene.shapes else None, own_body=True)
    for tick in range(1, round((course.period or 30.0) / PERIOD)):
        now = PERIOD * tick
        if course.period or tick == 1:
            loop.set_goal(course.goal_at(ARM, now))
        loop.iterate(now, round(1e9 * now))
        if tick % 5 == 0:
            least = min(least, kept.clearance(loop.estimated_chain))
        errors.append(loop.errors()[0])
        states.append(loop.state(now))
        if states[-1] is State.REACHED and not course.period:
            break
    assert least > 0.0
    assert states[-1] is State.REACHED
    if name == 'pipe':
        assert max(errors[500:]) < 2e-3
    if name == 'knot':
        assert np.abs(loop.angles).max() < 0.05 and State.TRACKING in states


def test_the_pipe_holds_the_tool_deep_inside_and_the_coil_lies_above_itself():
    arm = ARM
    deepest = scenario('pipe').goal_at(arm, 20.0).target[-1, :3]
    mouth = scenario('pipe').goal_at(arm, 0.0).target[-1, :3]
    assert deepest[0] - 0.3 > 0.2 > 0.0 > mouth[0] - 0.3
    coiled = arm.angles_from(dict(scenario('knot').goal_at(arm, 0.0).posture))
    chain = forward_kinematics(arm, coiled)
    turned = np.degrees(np.abs(coiled).sum())
    assert turned > 360.0 and chain[:, 2].min() > 0.0
    assert clearances(scenario('knot')).clearance(chain) > 0.01


@pytest.mark.parametrize('name', ('shelf', 'forest'))
def test_courses_scale_with_the_arm(name):
    arm = Arm.uniform(joints=30, segment_length=0.05)
    course = scenario(name)
    found = solve(course.goal_at(arm, 0.0), arm.rest, ExactModel(arm), restarts=10,
                  scene=course.scene_of(arm), own_body=True, stride=0.02)
    assert found.converged and found.clearance > 0.0


@pytest.mark.parametrize(('arm', 'reason'), (
    (Arm.uniform(joints=10), 'at least 20 joints, this one has 10'),))
def test_an_arm_that_a_course_is_not_made_for_is_refused(arm, reason):
    with pytest.raises(GoalError, match=reason):
        scenario('pipe').goal_at(arm, 0.0)
