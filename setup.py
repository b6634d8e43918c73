# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Build and install snake_arm_control, with pip or as an ament_python package with colcon."""

from glob import glob
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = 'snake_arm_control'
MANIFEST = ElementTree.parse(Path(__file__).parent / 'package.xml')  # the one place of each text

setup(
    name=NAME,
    version=MANIFEST.findtext('version'),
    description=MANIFEST.findtext('description'),
    author=MANIFEST.findtext('maintainer'),
    maintainer=MANIFEST.findtext('maintainer'),
    maintainer_email=MANIFEST.find('maintainer').get('email'),
    license=MANIFEST.findtext('license'),
    python_requires='>=3.10',
    packages=find_packages(exclude=['test']),
    package_data={NAME: ['py.typed', 'arm/arms/*.yaml', 'model/weights/*.safetensors']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/config', glob('config/*')),
        (f'share/{NAME}/launch', glob('launch/*.launch.py')),
        (f'share/{NAME}/urdf', glob('urdf/*.urdf')),
    ],
    zip_safe=False,
    install_requires=['numba', 'numpy', 'pyyaml', 'safetensors', 'tqdm', 'transforms3d'],
    extras_require={
        # For machines without a ROS distribution: the same rclpy and messages as wheels.
        'ros': ['ros-diagnostic-msgs>=5.3', 'ros-geometry-msgs>=5.3', 'ros-rclpy>=7.1',
                'ros-rmw-fastrtps-cpp>=8.4', 'ros-sensor-msgs>=5.3', 'ros-std-msgs>=5.3',
                'ros-std-srvs>=5.3', 'ros-trajectory-msgs>=5.3', 'ros-visualization-msgs>=5.3'],
        # Libraries that `snake-arm bench` measures beside ours; each may be missing.
        'bench': ['daqp', 'ikpy', 'matplotlib', 'mink', 'mujoco', 'pin', 'pin-pink', 'placo',
                  'pytorch-kinematics', 'scipy', 'torch'],
        'mesh': ['coal', 'trimesh'],  # of a scene
        'mujoco': ['mujoco'],
        'plots': ['matplotlib'],
        'view': ['trimesh', 'viser', 'websockets'],
        'film': ['pillow', 'playwright', 'trimesh', 'viser', 'websockets'],
        'record': ['mcap', 'mcap-ros2-support', 'zstandard'],
        'train': ['matplotlib', 'mcap', 'mcap-ros2-support', 'scipy', 'torch', 'zstandard'],
        'test': ['catkin-pkg', 'coal', 'hypothesis', 'mcap', 'mcap-ros2-support', 'mujoco', 'mypy',
                 'pin', 'playwright', 'pytest', 'pytest-xdist', 'ruff', 'trimesh', 'yourdfpy',
                 'zstandard'],
    },
    entry_points={
        'console_scripts': [
            f'snake-arm = {NAME}.cli:main',
            f'forward_model = {NAME}.cli.node:forward_model',
            f'controller = {NAME}.cli.node:controller',
            f'simulator = {NAME}.cli.node:simulator',
            f'scenario = {NAME}.cli.node:scenario',
            f'interactive_goal = {NAME}.cli.node:interactive_goal',
            f'viewer = {NAME}.cli.node:viewer',
        ],
    },
)
