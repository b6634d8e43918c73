# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Joint states as they come: in parts, in any order, among those of strangers."""

from __future__ import annotations

import struct

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import FeedbackError
from snake_arm_control.ros.message_stamps import CDR, stamp_of, STAMPED, time_to_stamp

_SHOWN = 3  # names in a text
_FORMS = 32  # of messages, by what they name, that are remembered
_OLDEST = 500_000_000  # [ns] by which one part may be older than another


class JointStates:
    """
    Merges sensor_msgs/JointState messages into the angles of an arm, by name.

    Each joint has the stamp of the message that named it last. Messages that name no joint of the
    arm are passed over by a comparison of bytes.

    :ivar passed_over: how many messages named no joint of the arm
    """

    def __init__(self, arm: Arm):
        self._arm = arm
        self._places = {name: place for place, name in enumerate(arm.joint_names)}
        self._angles = np.full(arm.dof, np.nan)
        self._stamps = np.zeros(arm.dof, np.int64)  # [ns]
        self._forms: dict[bytes, _Form] = {}
        self.passed_over = 0

    def take(self, data: bytes) -> tuple[int, np.ndarray] | None:
        """
        Take a serialized message.

        :return: stamp [ns] of the oldest joint, and angles (joints, axes) [rad]; None while some
            joint was never named, and for a message that names none
        :raises FeedbackError: if the message is cut off, names a joint twice, has more or fewer
            positions than names, one that is not finite, or if some joint is named no more
        """
        stamp, form, positions = self._read(data)
        if not len(form.places):
            self.passed_over += 1
            return None
        values = positions[form.columns]
        if not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values)))
            raise FeedbackError(f'{self._arm.joint_names[form.places[bad]]} is at '
                                f'{values[bad]} rad, expected a finite position')
        self._angles[form.places] = values
        if form.is_whole:
            self._stamps.fill(stamp)
            return stamp, self._shaped()
        if stamp < self._stamps[form.places].max() - 10**9:
            self._stamps.fill(stamp)  # the clock was set back
        self._stamps[form.places] = stamp
        missing = np.flatnonzero(np.isnan(self._angles))
        if len(missing):
            return None
        oldest = int(self._stamps.argmin())
        if self._stamps[oldest] < stamp - _OLDEST:
            raise FeedbackError(
                f'{self._arm.joint_names[oldest]} was last named '
                f'{1e-9 * (stamp - self._stamps[oldest]):.2f} s before other joints, expected all '
                f'of them within {1e-9 * _OLDEST} s')
        return int(self._stamps[oldest]), self._shaped()

    @property
    def trouble(self) -> str:
        """Which joints no message has named yet, empty if each was."""
        missing = [name for name, angle in zip(self._arm.joint_names, self._angles)
                   if np.isnan(angle)]
        if not missing:
            return ''
        others = f' and {len(missing) - _SHOWN} more' if len(missing) > _SHOWN else ''
        return f'no joint states of {", ".join(missing[:_SHOWN])}{others} have come'

    def _shaped(self) -> np.ndarray:
        return self._arm.shaped(self._angles)

    def _read(self, data: bytes) -> tuple[int, _Form, np.ndarray]:
        """Return stamp [ns], form and positions, read in place where the form is known."""
        if data[:2] == CDR[:2]:
            for names, form in self._forms.items():
                if data.startswith(names, STAMPED):
                    at = STAMPED + len(names)
                    at += (len(CDR) - at) % 8
                    if len(data) >= at + 8 * form.count:
                        return stamp_of(data), form, np.frombuffer(
                            data, '<f8', form.count, at)
        try:
            message = deserialize_message(data, JointState)
        except RuntimeError as error:
            raise FeedbackError(f'the joint states are no whole message: {error}') from error
        form = _Form(message, self._places)
        if data[:2] == CDR[:2]:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            self._forms[_names(data, len(message.name))] = form
        return time_to_stamp(message.header.stamp), form, np.array(message.position)


class _Form:
    """Which joints of an arm a message names, and where."""

    def __init__(self, message: JointState, places: dict[str, int]):
        self.count = len(message.position)
        ours = [(places[name], column) for column, name in enumerate(message.name)
                if name in places]
        self.places = np.array([place for place, _ in ours], dtype=int)
        self.columns = np.array([column for _, column in ours], dtype=int)
        if len(ours) and self.count != len(message.name):
            raise FeedbackError(f'joint states name {len(message.name)} joints and have '
                                f'{self.count} positions, expected as many')
        if len(np.unique(self.places)) != len(self.places):
            twice = next(name for name in message.name if list(message.name).count(name) > 1
                         and name in places)
            raise FeedbackError(f'joint states name {twice} twice, expected it once')
        self.is_whole = len(self.places) == len(places)


def _names(data: bytes, count: int) -> bytes:
    """Return the bytes from behind the stamp up to the positions: frame, names, their number."""
    at = STAMPED
    for string in range(count + 1):  # the frame, then the names
        at += -at % 4
        length, = struct.unpack_from('<I', data, at)
        at += 4 + length
        if string == 0:
            at += -at % 4 + 4  # the number of names
    at += -at % 4 + 4  # the number of positions
    return data[STAMPED:at]
