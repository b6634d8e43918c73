# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of how far a learned model is said to be from an arm's description."""

import math

from arms import ARMS
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.model import accuracy
from snake_arm_control.model.forward_model import ForwardModel


class Off:
    """Exact kinematics whose positions are off by a part of the arm's length; it keeps angles."""

    def __init__(self, arm, off):
        self.arm, self.off, self.asked = arm, off, []

    def predict(self, angles):
        self.asked.append(angles)
        chain = ForwardModel.exact(self.arm).predict(angles)
        chain[..., 1] += self.off * self.arm.length
        return chain


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
def test_a_known_error_is_measured_in_arm_lengths_at_angles_that_the_arm_can_have(arm):
    """Within the limits, and without within a right angle of rest; at the limits on each side."""
    model = Off(arm, 0.02)
    assert accuracy.tool_errors(model, shapes=20) == pytest.approx(
        dict.fromkeys(('independent', 'scaled', 'limits'), 0.02))
    lower, upper = (np.where(np.isinf(limit) & ~arm.geometry.slides,
                             arm.rest + side * math.radians(90.0), end)
                    for limit, side, end in zip((arm.lower, arm.upper), (-1.0, 1.0),
                                                arm.working_range))
    for angles in model.asked:
        assert (angles >= lower - 1e-9).all() and (angles <= upper + 1e-9).all()
    at_limits = np.isclose(model.asked[-1], lower) | np.isclose(model.asked[-1], upper)
    assert at_limits.all()


def test_the_default_arm_is_off_by_what_its_weights_are():
    errors = accuracy.tool_errors(ForwardModel.load())
    assert 1e-3 < errors['scaled'] < errors['independent'] < errors['limits'] < 3e-3
    assert accuracy.tool_errors(ForwardModel.exact(Arm())) == pytest.approx(
        dict.fromkeys(errors, 0.0), abs=1e-9)
