# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm as its topics show it: its body, where it is, and where the model expects it."""

from __future__ import annotations

from collections.abc import Mapping
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.urdf_body import Body
from snake_arm_control.errors import DescriptionError

FRESH_TIME = 2.0  # [s] for which a message counts


class ArmView:
    """Keeps the latest description, joint states and pose chains, all in the root's frame."""

    def __init__(self):
        self.body: Body | None = None
        self.trouble = ''  # what is wrong with the latest description
        self.follow_measured = True  # draw the body where it is measured, not where its angles say
        self.exaggeration = 1.0  # of the model's error
        self._angles: Mapping[str, float] = {}
        self._chain: np.ndarray | None = None
        self._predicted: np.ndarray | None = None
        self._received_at: dict[str, float] = {}  # [s], by kind

    @property
    def joints(self) -> int:
        """Number of joints; 0 before a description has come."""
        return self.body.joints if self.body else 0

    def describe(self, text: str) -> None:
        """Take the robot description; of a bad one only what is wrong."""
        try:
            body = Body(text)
            joints = body.arm.joints
        except DescriptionError as error:
            self.trouble = str(error)
            return
        if joints != self.joints:
            self._chain = self._predicted = None
        self.trouble, self.body = '', body

    def receive_angles(self, now: float, angles: Mapping[str, float]) -> None:
        """Take the positions of joints by name [rad]; those of others stay as they are."""
        self._angles = {**(self._angles or {}), **angles}
        self._received_at['angles'] = now

    def receive_chain(self, now: float, chain: np.ndarray) -> None:
        """Take the true poses (joints, 9)."""
        if len(chain) == self.joints:
            self._chain, self._received_at['chain'] = chain, now

    def receive_prediction(self, now: float, chain: np.ndarray) -> None:
        """Take the model's poses (joints, 9)."""
        if len(chain) == self.joints:
            self._predicted, self._received_at['predicted'] = chain, now

    @property
    def true_chain(self) -> np.ndarray | None:
        """The latest true poses (joints, 9), None if there are none."""
        return self._chain

    def is_seen(self, now: float) -> bool:
        """Return whether the arm says where it is."""
        return self._is_fresh(now, 'chain') or self._is_fresh(now, 'angles')

    def here(self) -> np.ndarray:
        """Return where the joints are (joints, 9), as well as is known."""
        if self._chain is not None:
            return self._chain
        assert self.body is not None  # whoever asks has an arm to draw
        return self.body.chain(self.body.place(self._angles))

    def measured(self, now: float) -> np.ndarray | None:
        """Return the true poses (joints, 9) while they come."""
        return self._chain if self._is_fresh(now, 'chain') else None

    def links(self, now: float) -> np.ndarray:
        """Return where the links are drawn, (links, 4, 4)."""
        assert self.body is not None
        return self.body.place(self._angles, self.measured(now) if self.follow_measured else None)

    def prediction(self, now: float) -> tuple[np.ndarray | None, tuple[float, float]]:
        """
        Return the model's poses while they come, as drawn, and its errors.

        :return: (joints, 9), the error exaggerated; the error at the tool and the largest [m],
            NaN without true poses
        """
        chain = self.measured(now)
        if not self._is_fresh(now, 'predicted'):
            return None, (math.nan, math.nan)
        if chain is None:
            return self._predicted, (math.nan, math.nan)
        off = self._predicted - chain
        distances = np.linalg.norm(off[:, pose.POSITION], axis=1)
        return chain + self.exaggeration * off, (float(distances[-1]), float(distances.max()))

    def _is_fresh(self, now: float, kind: str) -> bool:
        return now - self._received_at.get(kind, -math.inf) < FRESH_TIME
