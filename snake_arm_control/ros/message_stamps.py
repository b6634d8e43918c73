# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Stamps of messages, also in their serialized form."""

from __future__ import annotations

import struct

from builtin_interfaces.msg import Time

CDR = b'\0\1\0\0'  # plain CDR, little-endian
STAMPED = len(CDR) + 8  # bytes up to the end of a message's stamp


def stamp_to_time(stamp: int) -> Time:
    """Return a stamp [ns] as a message."""
    return Time(sec=stamp // 10**9, nanosec=stamp % 10**9)


def time_to_stamp(time: Time) -> int:
    """Return a message's time as a stamp [ns]."""
    return nanoseconds_of(time.sec, time.nanosec)


def nanoseconds_of(seconds: int, nanoseconds: int) -> int:
    """
    Return the stamp [ns] of the two numbers of a message's time.

    Senders may fill in more than a second of nanoseconds, and no message could answer that.
    """
    return seconds * 10**9 + min(nanoseconds, 10**9 - 1)


def stamp_of(data: bytes) -> int:
    """Return the stamp [ns] of a serialized message, in plain CDR, that begins with a header."""
    return nanoseconds_of(*struct.unpack_from('<iI', data, len(CDR)))


def restamped(data: bytes, stamp: int) -> bytes:
    """Return a serialized message, of those that begin with a header, with another stamp [ns]."""
    return (data[:len(CDR)] + struct.pack('<iI', stamp // 10**9, stamp % 10**9)
            + data[STAMPED:])
