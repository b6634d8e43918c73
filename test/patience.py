# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How tests wait: for a condition and never for a time."""

import time


def wait_for(condition, what, timeout=60.0):
    """Wait until a condition holds, and fail after a timeout [s]."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f'waited {timeout} s in vain for {what}'
        time.sleep(0.01)
