# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What every test shares: repeatable examples, the learned model, and a ROS graph of its own."""

import os

from hypothesis import settings
import pytest

from snake_arm_control.model.forward_model import ForwardModel

# The same examples every time, however slow the machine: a failure can be looked at again.
settings.register_profile('repeatable', derandomize=True, deadline=None)
settings.load_profile('repeatable')

# Before rclpy is started: no test sees the nodes of another run on this machine or its network,
# nor those of another worker of this run.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


@pytest.fixture(scope='session')
def learned():
    """Return the model that ships with the package."""
    return ForwardModel.load()
