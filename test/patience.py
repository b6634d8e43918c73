# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How tests wait: for a condition and never for a time."""

import time

PATIENCE = 120.0  # [s], of a machine that is slow and runs other tests beside


def wait_for(condition, what, timeout=PATIENCE):
    """Wait until a condition holds, and fail after a timeout [s]."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f'waited {timeout} s in vain for {what}'
        time.sleep(0.01)
