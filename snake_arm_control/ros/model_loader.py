# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Forward models that are made while the node goes on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from snake_arm_control.errors import WeightsError
from snake_arm_control.model.forward_model import ForwardModel


class ModelLoader:
    """
    Makes forward models in a thread of its own: the first time, one is compiled for half a minute.

    :param make: makes one of the bytes of a weights file
    """

    def __init__(self, make: Callable[[bytes], ForwardModel]):
        self._make = make
        self._wanted: bytes | None = None
        self._made: ForwardModel | WeightsError | None = None
        self._thread: Thread | None = None

    def load(self, data: bytes) -> None:
        """Begin with a model; of several the last one counts."""
        self._wanted = data
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()

    def take(self) -> ForwardModel | WeightsError | None:
        """Return a model that was made, or why it could not be; once, and None meanwhile."""
        made, self._made = self._made, None
        return made

    def close(self) -> None:
        """Wait for the thread, which must not be left compiling when the process ends."""
        if self._thread is not None:
            self._wanted = None
            self._thread.join()

    def _work(self) -> None:
        while self._wanted is not None:
            data, self._wanted = self._wanted, None
            try:
                self._made = self._make(data)
            except WeightsError as error:
                self._made = error
