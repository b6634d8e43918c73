# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Arms of every kind for the tests: uniform, of others, and drawn at random."""

from pathlib import Path

import numpy as np

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement

URDFS = Path(__file__).parent / 'data' / 'urdfs'
NAMES = ('panda', 'so101', 'reu_snake_16', 'tdcr_mjcf_60')


def urdf_of(name):
    return (URDFS / f'{name}.urdf').read_text()


def random_placement(generator, length=0.1):
    return Placement(generator.normal(0.0, length, 3), generator.uniform(-3.0, 3.0, 3))


def random_arm(seed, joints=6):
    """Return an arm of hinges and slides at random, some following others, and of rigid links."""
    generator = np.random.default_rng(seed)
    links, own = [], []
    for j in range(joints):
        axes = []
        count = 1 if not j else generator.integers(0, 3)
        slides = bool(count == 1 and generator.random() < 0.4)
        for k in range(count):
            follows = str(generator.choice(own)) if own and generator.random() < 0.25 else ''
            axes.append(Axis(
                f'joint_{j}_{k}', generator.normal(size=3), slides,
                *(() if follows else (-generator.uniform(0.1, 1.0), generator.uniform(0.1, 2.0))),
                follows=follows,
                ratio=generator.uniform(-2.0, 2.0) if follows else 1.0,
                offset=generator.uniform(-0.5, 0.5) if follows else 0.0))
            own += [] if follows else [axes[-1].name]
        links.append(Link(f'link_{j}', random_placement(generator), axes))
    return Arm(links, random_placement(generator))


UNIFORM = tuple(Arm.uniform(joints) for joints in (1, 2, 40, 100))
RANDOM = tuple(map(random_arm, range(8)))
OTHERS = tuple(Arm.from_urdf(urdf_of(name)) for name in NAMES)
ARMS = {**{f'uniform of {arm.joints}': arm for arm in UNIFORM},
        **{f'random {seed}': arm for seed, arm in enumerate(RANDOM)},
        **dict(zip(NAMES, OTHERS))}


def random_angles(arm, batch=(), seed=0, bend=1.0):
    """Return angles (*batch, joints, axes), as far from rest as bend says, 1 at the limits."""
    drawn = np.random.default_rng(seed).uniform(*arm.working_range, (*batch, *arm.free.shape))
    return arm.rest + bend * (drawn - arm.rest)
