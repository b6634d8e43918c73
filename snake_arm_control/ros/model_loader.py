# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Forward models that are made ready while the node goes on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread

from snake_arm_control.model.forward_model import ForwardModel


class ModelLoader:
    """
    Warms up forward models in a thread: the first time, code is compiled for a minute.

    :param warm_up: runs a model once
    """

    def __init__(self, warm_up: Callable[[ForwardModel], object]):
        self._warm_up, self._lock = warm_up, Lock()
        self._next: ForwardModel | None = None
        self._ready: ForwardModel | None = None
        self._thread: Thread | None = None

    def load(self, model: ForwardModel) -> None:
        """Begin with a model; of several the last one counts."""
        with self._lock:
            self._next = model
            if self._thread is None:
                self._thread = Thread(target=self._work, daemon=True)
                self._thread.start()

    def take(self) -> ForwardModel | None:
        """Return a model that is ready; once, and None meanwhile."""
        with self._lock:
            ready, self._ready = self._ready, None
        return ready

    @property
    def is_busy(self) -> bool:
        """Whether a model is being made ready."""
        return self._thread is not None

    def close(self) -> None:
        """Wait for the thread, which must not be left compiling when the process ends."""
        with self._lock:
            self._next, thread = None, self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                model, self._next = self._next, None
                if model is None:
                    self._thread = None
                    return
            self._warm_up(model)
            with self._lock:
                self._ready = model
