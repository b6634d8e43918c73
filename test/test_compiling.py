# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of compiled kernels: they are kept where it is possible, and are those of their sources."""

import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile

import pytest

import snake_arm_control
from snake_arm_control.compiling import find_folder

NOBODY = 65534
UNWRITABLE = '/proc/nowhere'  # even for root
BECOME_NOBODY = f"""
import os, numba
numba.njit(lambda x: x + 1.0)(1.0)  # loads what the Python of root has for nobody else
if os.getuid() == 0:
    os.setgid({NOBODY})
    os.setuid({NOBODY})
"""
USE = """
from snake_arm_control.model.kernels.arithmetic import tanh
assert abs(tanh(1.0) - 0.7615941559557649) < 1e-15
print(sum(tanh.stats.cache_hits.values()), tanh.stats.cache_path)
"""


@pytest.fixture
def installed():
    """Return a folder with the package, made by us, where others may look around."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    shutil.copytree(Path(snake_arm_control.__file__).parent, root / 'snake_arm_control',
                    ignore=shutil.ignore_patterns('__pycache__'))
    yield root
    make_writable(root, True)
    shutil.rmtree(root)


def make_writable(root, writable):
    for path in (root, *root.rglob('*')):
        path.chmod(0o755 if writable else 0o555)


def use(root, temporary=UNWRITABLE, **environment):
    """Compile a kernel as a user who owns nothing; return how often it was found compiled."""
    code = BECOME_NOBODY + f'import tempfile; tempfile.tempdir = {temporary!r}' + USE
    done = subprocess.run(
        (sys.executable, '-c', code), capture_output=True, text=True, cwd=root,
        env={'PATH': os.environ['PATH'], 'HOME': UNWRITABLE, **environment})
    assert done.returncode == 0, done.stderr
    hits, _, folder = done.stdout.strip().partition(' ')
    return int(hits), folder


def compile_as_owner(root):
    environment = {**os.environ, 'PYTHONPATH': str(root)}
    subprocess.run((sys.executable, '-c', USE), cwd=root, env=environment, check=True)


@pytest.fixture
def scratch():
    """Return a folder that anybody can write to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield folder


def test_a_read_only_package_brings_its_kernels_compiled(installed, scratch):
    """Its folder and the home can only be read; they are copied, and not compiled again."""
    compile_as_owner(installed)
    make_writable(installed, False)
    hits, folder = use(installed, scratch)
    assert hits == 1 and folder.startswith(scratch)


def test_what_was_compiled_in_a_temporary_folder_is_found_again(installed, scratch):
    make_writable(installed, False)
    assert use(installed, scratch)[0] == 0
    assert use(installed, scratch)[0] == 1


def test_kernels_work_where_nothing_can_be_written(installed):
    make_writable(installed, False)
    assert use(installed) == (0, 'None')


def test_a_changed_kernel_leaves_no_compiled_one_in_use(installed, scratch):
    """Not even in a file that is as it was, which numba alone would not notice."""
    make_writable(installed, False)
    place = {'XDG_CACHE_HOME': scratch}
    assert [use(installed, **place)[0] for _ in range(2)] == [0, 1]
    (installed / 'snake_arm_control' / 'model' / 'kernels' / 'forward.py').chmod(0o644)
    with open(installed / 'snake_arm_control' / 'model' / 'kernels' / 'forward.py', 'a') as file:
        file.write('# changed\n')
    assert use(installed, **place)[0] == 0


def test_the_first_place_that_can_be_written_is_taken(tmp_path):
    assert find_folder(iter([Path(UNWRITABLE), tmp_path / 'a', tmp_path / 'b'])) == tmp_path / 'a'
    assert not (tmp_path / 'b').exists()
    assert find_folder(iter([Path(UNWRITABLE)])) is None
