# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The packages that only some uses need, by the extra of this package that brings each."""

from __future__ import annotations

from importlib.util import find_spec

from snake_arm_control.errors import MissingPackageError

EXTRAS = {'coal': 'mesh', 'matplotlib': 'plots', 'mcap': 'record', 'mcap_ros2': 'record',
          'mujoco': 'mujoco', 'PIL': 'film', 'playwright': 'film', 'rclpy': 'ros',
          'torch': 'train', 'trimesh': 'mesh', 'viser': 'view'}


def require(*packages: str) -> None:
    """
    Check that packages are installed.

    :raises MissingPackageError: for the first that is not
    """
    for package in packages:
        if find_spec(package) is None:
            raise missing(package)


def missing(package: str) -> MissingPackageError:
    """Return the error that says which extra brings a package, or a module of one."""
    package = package.partition('.')[0]
    text = f'this needs {package}, which is not installed'
    extra = 'ros' if package.endswith(('_msgs', '_srvs')) else EXTRAS.get(package)
    if extra:
        text += f'; it comes with the extra snake_arm_control[{extra}]'
    if extra == 'ros':
        text += ', or with a ROS 2 distribution that is sourced'
    return MissingPackageError(text)
