# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""How kernels are compiled, and the folder that keeps them compiled for the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
import os
from pathlib import Path
import shutil
from tempfile import TemporaryDirectory
from typing import Any

import numba

from snake_arm_control.errors import OutputError
from snake_arm_control.output import check_folder, private_folder

config: Any = numba.config
_HERE = Path(__file__).parent


def compiler(**options: Any) -> Callable[[Callable], Any]:
    """
    Return a decorator that compiles a function at its first call, or finds it compiled.

    :param options: of numba's compiler
    """
    def compiled(function: Callable) -> Any:
        own, config.CACHE_DIR = config.CACHE_DIR, str(_FOLDER or '')
        try:
            return numba.njit(cache=_FOLDER is not None, **options)(function)
        except RuntimeError:  # the folder of somebody else inside can't be written
            return numba.njit(**options)(function)
        finally:
            config.CACHE_DIR = own  # other packages keep theirs where they did
    return compiled


def find_folder(places: Iterator[Path]) -> Path | None:
    """
    Return the first place that can be written, or None if there is none.

    It gets what a place before it holds that can only be read, as where the package was installed
    and its kernels compiled by somebody else.
    """
    readable = None
    with suppress(OSError):  # where there is no temporary folder
        for place in places:
            try:
                check_folder(place)
            except OutputError:
                if place.is_dir():
                    readable = readable or place
                continue
            if readable and not any(place.iterdir()):
                _copy(readable, place)
            return place
    return None


def _copy(source: Path, target: Path) -> None:
    """Copy the files of a folder into an empty one, all at once and without their permissions."""
    with suppress(OSError), TemporaryDirectory(dir=target.parent) as draft:
        for path in filter(Path.is_file, source.rglob('*')):
            copy = Path(draft, target.name, path.relative_to(source))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        os.replace(Path(draft, target.name), target)


def _places() -> Iterator[Path]:
    """
    Yield folders from the best one to the last resort.

    numba does not notice a change in a file that a kernel's own file imports, so each state of the
    sources has its own folder.
    """
    sources = sorted((_HERE / 'model' / 'architecture.py', *_HERE.glob('*/kernels/*.py')))
    name = 'kernels-' + sha256(b''.join(path.read_bytes() for path in sources)).hexdigest()[:16]
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR, name)
    yield _HERE / '__pycache__' / name
    home = os.environ.get('HOME')
    cache = os.environ.get('XDG_CACHE_HOME') or (home and Path(home, '.cache'))
    if cache:
        yield Path(cache, 'snake_arm_control', name)
    yield private_folder(name)


_FOLDER = find_folder(_places())

# Sums may be reordered and fused, but a NaN stays one and a zero gradient stays zero.
compiled = compiler(error_model='numpy', fastmath={'contract', 'reassoc', 'nsz', 'arcp'})
