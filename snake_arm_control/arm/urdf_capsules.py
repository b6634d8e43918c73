# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The body of an arm from the collision shapes of its URDF: a capsule round those of each link."""

from __future__ import annotations

import math

import numpy as np

from snake_arm_control.arm.body import ArmBody, BASE
from snake_arm_control.arm.urdf_body import Body, shapes_of, to_transforms
from snake_arm_control.arm.urdf_tree import robot_element

_CENTERING = 300  # steps towards the middle of a circle round all points
_CORNERS = np.stack(np.meshgrid(*3 * ((-0.5, 0.5),)), axis=-1).reshape(-1, 3)


def body_of_urdf(text: str, base: str | None = None, tip: str | None = None,
                 radius: float | None = None) -> ArmBody:
    """
    Return the body of an arm whose URDF has collision shapes.

    Each link has a capsule round all shapes that ride on it, those of grippers included. A link
    that has none, or only meshes, gets that of `ArmBody.of`.

    :param base, tip: ends of the arm; see `Arm.from_urdf`
    :param radius: [m], of links without shapes; see `ArmBody.of`
    :raises DescriptionError: if it is no URDF, or describes no arm
    """
    robot = Body(text, base, tip)
    plain = ArmBody.of(robot.arm, radius)
    placed = robot.place({})
    frames = {BASE: np.eye(4), **dict(enumerate(to_transforms(robot.chain(placed))))}
    index = {name: i for i, name in enumerate(robot.links)}
    balls: dict[int, list[np.ndarray]] = {}  # by element: centers and radii
    ways: dict[int, list[np.ndarray]] = {}
    for link, shape in shapes_of(robot_element(text), 'collision'):
        if shape is None:
            continue
        kind, placement, scale, _ = shape
        element = int(robot.carried_by(np.array(index[link]))) - 1
        within = np.linalg.inv(frames[element]) @ placed[index[link]] @ placement
        balls.setdefault(element, []).append(_balls(kind, within, np.array(scale)))
        ways.setdefault(element, []).extend(within[:3, :3].T)
    names = [robot.arm.base, *robot.arm.link_names]
    capsules = {int(element): (start, end, r) for element, start, end, r in zip(
        plain.elements, plain.starts, plain.ends, plain.radii)}
    for element, found in balls.items():
        way = np.subtract(*capsules[element][1::-1]) if element in capsules else np.zeros(3)
        capsules[element] = _capsule_round(np.concatenate(found), (*ways[element], way))
    elements = sorted(capsules)
    starts, ends, radii = map(np.array, zip(*(capsules[element] for element in elements)))
    return ArmBody(robot.arm, np.array(elements), starts, ends, radii,
                   tuple(names[element + 1] for element in elements))


def _balls(kind: str, placement: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return center and radius (n, 4) of balls whose hull holds a shape; see `Shapes`."""
    if kind == 'box':
        points, radius = _CORNERS * scale, 0.0
    elif kind == 'cylinder':
        points, radius = np.array(((0, 0, -0.5), (0, 0, 0.5))) * scale, scale[0] / 2.0
    else:
        points, radius = np.zeros((1, 3)), scale[0] / 2.0
    points = points @ placement[:3, :3].T + placement[:3, 3]
    return np.column_stack((points, np.full(len(points), radius)))


def _capsule_round(balls: np.ndarray, ways: tuple[np.ndarray, ...]
                   ) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the smallest capsule round balls (n, 4) among those along a few ways."""
    spread = balls[:, :3] - balls[:, :3].mean(axis=0)
    main = np.linalg.svd(spread, full_matrices=True)[2][0]
    found = (_capsule_along(balls, way / np.linalg.norm(way))
             for way in (*ways, main) if np.linalg.norm(way) > 0.0)
    return min(found, key=_volume)


def _capsule_along(balls: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a capsule (start, end, radius) along a unit vector round balls."""
    centers, radii = balls[:, :3], balls[:, 3]
    along = centers @ way
    across = centers - along[:, None] * way
    middle = 0.5 * (across.min(axis=0) + across.max(axis=0))
    best = (math.inf, middle)
    for step in range(1, _CENTERING):  # always towards the farthest (Badoiu and Clarkson, 2003)
        far = np.linalg.norm(across - middle, axis=1) + radii
        best = min(best, (float(far.max()), middle), key=lambda each: each[0])
        middle = middle + (across[far.argmax()] - middle) / (step + 1)
    radius, middle = best
    off = np.linalg.norm(across - middle, axis=1)
    reach = np.sqrt(np.maximum((radius - radii) ** 2 - off ** 2, 0.0))
    low, high = (along + reach).min(), (along - reach).max()
    if low > high:  # a ball is enough
        low = high = 0.5 * (low + high)
    return middle + low * way, middle + high * way, radius


def _volume(capsule: tuple[np.ndarray, np.ndarray, float]) -> float:
    start, end, radius = capsule
    return math.pi * radius ** 2 * (float(np.linalg.norm(end - start)) + 4.0 / 3.0 * radius)
