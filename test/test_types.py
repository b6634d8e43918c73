# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The types of the package are those that its annotations say."""

from pathlib import Path
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
