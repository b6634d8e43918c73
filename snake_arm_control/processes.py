# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How processes of this package end: in order when a signal asks for it, and with their parent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

LAUNCHED = 'SNAKE_ARM_LAUNCHED'  # variable of processes whose standard input the launch holds
INTERRUPTED = 130  # exit code after a signal
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 3.0  # [s] that a process has for an end in order
_STANDARD_INPUT = 0


class Request:
    """Whether a signal has asked this process to end."""

    def __init__(self):
        self.is_made = False  # an Event would lock, and a handler may interrupt itself


@contextmanager
def asked_to_end(grace: float | None = GRACE, code: int | None = None) -> Iterator[Request]:
    """
    Take note of Ctrl-C, SIGTERM and SIGHUP in the block, which then ends when it is ready.

    A SIGHUP that is ignored, as under nohup, stays ignored. Other threads than the main one are
    never asked.

    :param grace: after this time [s] the process ends whatever the block does, as when it
        compiles for a minute; None: never
    :param code: exit code of a process that ends with this block; no second signal disturbs it
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    last_resort = threading.Timer(grace or 0.0, os._exit,
                                  (INTERRUPTED if code is None else code,))
    last_resort.daemon = True

    def take_note(*_: Any) -> None:
        if not request.is_made:
            request.is_made = True
            if grace is not None:
                last_resort.start()

    before = {number: signal.signal(number, take_note) for number in _SIGNALS
              if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield request
    finally:
        last_resort.cancel()
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if code is not None and request.is_made:
            ignore_signals()


def ignore_signals() -> None:
    """Let no signal disturb a process that ends, as a terminal and a launch both send one."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Children:
    """
    Processes that run modules of this package, and end with this process however it ends.

    The standard input of each is a pipe from this process. A child whose pipe closes ends, also
    where this process was killed before the child came to itself.
    """

    def __init__(self):
        self._running: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: Any) -> None:
        self.end(*self._running)

    def start(self, name: str, module: str, *arguments: str, **options: Any) -> subprocess.Popen:
        """
        Run the main function of a module with arguments in a process of its own.

        :param name: by which `ended` names it
        :param options: of the process, as subprocess takes them
        """
        # The modules of this process, not those that happen to lie in the current folder.
        code = (f'import sys; sys.path[:] = {sys.path!r}; '
                f'from {__name__} import run_as_child; sys.exit(run_as_child({module!r}))')
        # Ctrl-C in a terminal reaches children too, but it is this process that ends them: the
        # signal is blocked until they can ignore it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            child = subprocess.Popen([sys.executable, '-c', code, *arguments],
                                     stdin=subprocess.PIPE, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._running[name] = child
        return child

    def end(self, *names: str) -> None:
        """End those of these names that run, and wait for them."""
        ending = [self._running.pop(name) for name in names if name in self._running]
        for child in ending:
            child.terminate()
        deadline = time.monotonic() + GRACE
        for child in ending:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            _close_pipe(child)

    @property
    def numbers(self) -> dict[str, int]:
        """Process numbers of those that run, by name."""
        return {name: child.pid for name, child in self._running.items()}

    def ended(self) -> list[tuple[str, int]]:
        """Return name and exit code of those that have ended since the last call."""
        ended = [(name, child.returncode) for name, child in self._running.items()
                 if child.poll() is not None]
        for name, _ in ended:
            _close_pipe(self._running.pop(name))
        return ended


def _close_pipe(child: subprocess.Popen) -> None:
    assert child.stdin is not None  # `start` made it
    child.stdin.close()


def run_as_child(module: str) -> int:
    """Run the main function of a module in a process that `Children` has started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with_parent()
    return import_module(module).main(sys.argv[1:])


def end_with_parent() -> None:
    """Let this process end when whoever holds the other end of its standard input does."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    with suppress(OSError):  # of a terminal that is gone
        while os.read(_STANDARD_INPUT, 1):
            pass  # nobody writes; the pipe ends with its last writer
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(INTERRUPTED)
