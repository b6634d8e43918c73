# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""What is nearest to the arm, as it is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Nearest(NamedTuple):
    """What is nearest to the arm."""

    points: np.ndarray  # (2, 3) [m], on both surfaces
    text: str  # the clearance, and of what
