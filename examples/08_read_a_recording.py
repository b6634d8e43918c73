# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Read a recording of an arm, and see how far the model is from its measured poses."""

import sys

import numpy as np

from snake_arm_control import Arm, ForwardModel
from snake_arm_control.training.recordings import read

# snake-arm record --out arm.mcap --duration 10 --explore 1, or ros2 bag record -s mcap
path = sys.argv[1] if len(sys.argv) > 1 else 'arm.mcap'
arm = Arm()
recording = read(path, arm)  # pairs each measured pose chain with the angles of its time
model = ForwardModel.load(arm=arm)

print(f'{len(recording)} samples in {recording.duration:.1f} s')
print(f'joints turned by up to {np.degrees(np.abs(recording.angles).max()):.1f} degrees')
off = model.predict(recording.angles) - recording.chains  # NaN where nothing was measured
distances = np.linalg.norm(off[:, -1, :3], axis=-1)  # [m]
print(f'the tool is {1e3 * np.nanmean(distances):.1f} mm from where the model expects it')
