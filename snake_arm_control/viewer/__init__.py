# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm in the browser: what is shown and edited, free of ROS; only `page` knows viser."""
