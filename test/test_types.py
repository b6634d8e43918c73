# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The types of the package are those that its annotations say."""

from pathlib import Path
import re
import subprocess
import sys

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.linter
def test_mypy():
    """Of every module but those that pyproject.toml lists as still to be made clean."""
    pytest.importorskip('mypy')
    checked = subprocess.run((sys.executable, '-m', 'mypy'), cwd=ROOT, capture_output=True,
                             text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.linter
def test_each_module_that_is_not_checked_yet_exists():
    """Of one that was moved or taken away, the list would say nothing."""
    settings = (ROOT / 'pyproject.toml').read_text()
    for name in re.findall(r'"(snake_arm_control(?:\.\w+)+)(?:\.\*)?"', settings):
        path = ROOT / name.replace('.', '/')
        assert path.is_dir() or path.with_suffix('.py').is_file(), name
