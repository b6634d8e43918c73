# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Weights: the bytes of a file as a message and back."""

from __future__ import annotations

from array import array

from std_msgs.msg import MultiArrayDimension, UInt8MultiArray


def bytes_to_message(data: bytes) -> UInt8MultiArray:
    """Return the bytes of a weights file as a message."""
    message = UInt8MultiArray(data=array('B', data))
    message.layout.dim = [MultiArrayDimension(label='safetensors', size=len(data),
                                              stride=len(data))]
    return message


def message_to_bytes(message: UInt8MultiArray) -> bytes:
    """Return the bytes that a message carries."""
    return bytes(message.data)
