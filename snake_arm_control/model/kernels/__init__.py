# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
The compiled loops of the network.

They check nothing: `bptt` and `batched` look at shapes and precision before they call
them. Sizes are known at run time only, so each kernel is compiled once for each precision, and
then kept by `compiling`; after any change here, all are compiled anew.
"""
