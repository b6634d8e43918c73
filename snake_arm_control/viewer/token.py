# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The token of the page: who knows it may move the arm."""

from __future__ import annotations

from contextlib import suppress
import fcntl
import os
from pathlib import Path
import re
import secrets

_BYTES = 16
_FORM = re.compile(f'[0-9a-f]{{{2 * _BYTES}}}')


def kept_token(folder: Path) -> str:
    """
    Return the token that a folder keeps, made at the first call: 32 hexadecimal digits.

    Its file is for this user alone; without it there is another token. Where nothing can be
    written, the token is new at each call.
    """
    made = secrets.token_hex(_BYTES)
    with suppress(OSError), open(folder / 'token', 'a+', errors='replace',
                                 opener=_open_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two that start at once keep the same
        file.seek(0)
        kept = file.read(2 * len(made))
        if _FORM.fullmatch(kept):
            return kept
        file.truncate(0)
        file.write(made)
    return made


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
