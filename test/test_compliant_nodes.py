# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The nodes with an arm that gives way, and that takes up a payload."""

from harness import ARM, observing, running
import numpy as np
import pytest
from std_srvs.srv import Trigger

from snake_arm_control.arm.compliance import Compliance
from snake_arm_control.control.goal import Goal
from snake_arm_control.model.forward_model import COMPENSATED, ForwardModel

pytestmark = pytest.mark.usefixtures('ros')

GIVE = 4e-4  # [rad/(N m)]
GOALS = [Goal.tool(position=position, joints=ARM.joints) for position in (
    (0.6, 0.0, 0.3), (-0.3, 0.5, 0.4), (0.2, -0.6, 0.2), (0.4, 0.4, 0.3))]


def test_a_payload_that_was_taken_up_is_learned_and_saved(tmp_path):
    """The model of the arm that gives way serves, follows its true poses, and is saved so."""
    weights, adapted = tmp_path / 'arm.safetensors', tmp_path / 'adapted.safetensors'
    model = ForwardModel.compensated(Compliance.uniform(ARM, GIVE))
    weights.write_bytes(model.to_bytes())
    with running('--set', 'forward_model.kind=compensated',
                 '--set', f'forward_model.weights={weights}',
                 '--set', f'simulator.compliance={GIVE}',
                 '--set', f'controller.adapted_weights={adapted}'), observing() as arm:
        arm.wait(lambda: arm.state() == 'IDLE', 'an idle controller')
        refused = arm.call(Trigger, 'controller/save', Trigger.Request())
        assert not refused.success and 'adapt is 0' in refused.message
        arm.set_parameter('controller', 'adapt', 30.0)
        arm.publish_goal(GOALS[0])
        arm.wait(lambda: arm.is_at(GOALS[0]), 'the first goal')
        arm.set_parameter('simulator', 'payload', 0.2)
        for goal in GOALS[1:]:
            arm.publish_goal(goal)
            arm.wait(lambda goal=goal: arm.is_at(goal), 'the next goal')
        saved = arm.call(Trigger, 'controller/save', Trigger.Request())
        assert saved.success and str(adapted) in saved.message
    again = ForwardModel.load(adapted, ARM)
    assert again.kind == COMPENSATED
    more = again.core.compliance.weights - model.core.compliance.weights
    assert more[-1] == pytest.approx(0.2 * 9.81, rel=0.15)
    np.testing.assert_array_equal(more[:-1], 0.0)
