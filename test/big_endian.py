# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Messages as a big-endian machine would send them."""

import struct


class BigEndian:
    """Writes a message as CDR says it for a big-endian machine, field by field."""

    def __init__(self):
        self.body = b''  # behind the four bytes that name the encoding

    def write(self, code, *numbers):
        """Append numbers of a struct code, each at a multiple of its size."""
        for number in numbers:
            self.body += bytes(-len(self.body) % struct.calcsize(code))
            self.body += struct.pack('>' + code, number)
        return self

    def text(self, text):
        """Append a string: its length with the zero at its end, then both."""
        self.write('I', len(text) + 1)
        self.body += text.encode() + b'\0'
        return self

    def header(self, stamp, frame=''):
        """Append a std_msgs/Header."""
        return self.write('i', stamp // 10**9).write('I', stamp % 10**9).text(frame)

    def message(self):
        return b'\0\0\0\0' + self.body
