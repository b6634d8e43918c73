# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash, a full disk and a truncation: whole, or not there at all."""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import hashlib
import io
import logging
import os
from pathlib import Path
from typing import Any

import torch

from snake_arm_control.errors import SnakeArmError

NAME = 'checkpoint.pt'
PREVIOUS = 'checkpoint.previous.pt'
DIGEST = hashlib.sha256().digest_size  # [byte], before the content

_log = logging.getLogger(__name__)


class CheckpointError(SnakeArmError):
    """No checkpoint of a run can be read."""


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """
    Write a file so that at every moment its path holds the old or the new content, whole.

    :param write: writes the content to the path that it's given, in the same folder
    :raises OSError: if the disk is full or the like; what path held before is still there
    """
    draft = path.with_name(path.name + '.draft')
    try:
        write(draft)
        with open(draft, 'rb+') as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def save(folder: Path, state: dict[str, Any]) -> None:
    """
    Save the state of a run, and keep the one saved before.

    :raises OSError: if it can't be written; what was saved before is still there
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    newest, previous = folder / NAME, folder / PREVIOUS
    draft = folder / (NAME + '.new')
    write_whole(draft, lambda path: path.write_bytes(hashlib.sha256(content).digest() + content))
    if newest.exists():
        os.replace(newest, previous)
    os.replace(draft, newest)
    _sync_folder(folder)


def exists(folder: Path) -> bool:
    """Tell whether a run has been saved in a folder."""
    return any((folder / name).exists() for name in (NAME, PREVIOUS))


def load(folder: Path, device: torch.device | str = 'cpu') -> dict[str, Any]:
    """
    Return the newest state that is whole, and log a warning for one that's not.

    :raises CheckpointError: if there is none
    """
    reasons = []
    for name in (NAME, PREVIOUS):
        try:
            state = _read(folder / name, device)
        except (OSError, CheckpointError) as error:
            reasons.append(f'{name}: {getattr(error, "strerror", None) or error}')
        else:
            if reasons:
                _log.warning('%s; going on from %s', reasons[0], name)
            return state
    raise CheckpointError(f'{folder} holds no checkpoint that can be read: {"; ".join(reasons)}')


def _read(path: Path, device: torch.device | str) -> dict[str, Any]:
    data = path.read_bytes()
    digest, content = data[:DIGEST], data[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise CheckpointError(f'damaged: its {len(data)} bytes do not fit their digest')
    return torch.load(io.BytesIO(content), map_location=device, weights_only=True)


def _sync_folder(folder: Path) -> None:
    if os.name == 'posix':
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
