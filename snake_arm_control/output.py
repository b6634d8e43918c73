# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Where output goes, and whether it can be written: asked before the work begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import stat
import sys
from tempfile import gettempdir, mkdtemp, TemporaryFile

from snake_arm_control.errors import OutputError

_STANDARD_STREAMS = range(3)


@contextmanager
def standard_streams() -> Iterator[None]:
    """
    Let the block print, and write all of it out at its end.

    Whichever stream is closed is opened to nowhere: else the next file would get its number, and
    what libraries print would be written into that file.

    :raises OutputError: if standard output is closed, or can't be written
    :raises BrokenPipeError: if nobody reads it any more
    """
    for number in _STANDARD_STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, 'w')
    if sys.stdout is None:
        raise OutputError('standard output is closed')
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            drop_standard_output()
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(f'standard output: {error.strerror}') from error


def drop_standard_output() -> None:
    """Let what is printed from now on, and what still waits in a buffer, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def check_file(path: Path) -> None:
    """
    Check that a file can be written; one that exists is left as it is.

    :raises OutputError: if it can't
    """
    existed = path.exists()
    try:
        with open(path, 'ab'):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise _not_writable(path, error) from error


def check_folder(path: Path) -> None:
    """
    Check that files can be written to a folder, which is made if it isn't there.

    :raises OutputError: if they can't
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _not_writable(path, error) from error


def private_folder(name: str) -> Path:
    """
    Return a temporary folder that only this user can write to, the same one each time.

    :param name: of the folder inside
    """
    folder = Path(gettempdir()) / f'snake_arm_control-{os.getuid()}'
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not (stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            and not found.st_mode & 0o077):
        folder = Path(mkdtemp())  # somebody else has put something there
    (folder / name).mkdir(exist_ok=True)
    return folder / name


def _not_writable(path: Path, error: OSError) -> OutputError:
    return OutputError(f'{path} can not be written: {error.strerror}')
