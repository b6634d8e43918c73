# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The arm in 3D: drawn by viser, and dragged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
import math

import numpy as np

from snake_arm_control.arm import pose
from snake_arm_control.arm.urdf_body import Body, to_transforms
from snake_arm_control.viewer import meshes
from snake_arm_control.viewer.goal_drawing import GoalDrawing
from snake_arm_control.viewer.nearest import Nearest
from snake_arm_control.viewer.obstacle_drawing import ObstacleDrawing
from snake_arm_control.viewer.session import Picture, Session

TRUE_COLOUR, PREDICTED_COLOUR = (23, 133, 137), (201, 42, 121)
FORWARD_COLOUR = (38, 102, 242)
_BASE_COLOUR, _TOOL_COLOUR = (89, 98, 112), (52, 58, 68)
_LARGEST_TOOL = 0.05  # [arm lengths]; it is as large as a segment
# Where the arm is first looked at from, and at what [arm lengths].
CAMERA, LOOK_AT = np.array((1.35, -1.75, 1.15)), np.array((0.1, 0.0, 0.46))
FIELD_OF_VIEW = math.radians(38.0)  # [rad], vertical
_STILL = 1e-6  # [m], or of a unit quaternion: less needs no drawing


class Scene:
    """
    Everything that is drawn of one arm.

    :param server: the viser server
    :param do: takes an action, to be carried out in the thread of the session; it is called in
        another thread
    """

    def __init__(self, server, session: Session, do: Callable[[Callable[[], object]], None]):
        self._server, self._session, self._do = server, session, do
        self.body: Body = session.view.body
        self.shows_true = self.shows_predicted = True
        self._drawn: Picture | None = None
        self._grabbed: np.ndarray | None = None  # (9,), where a handle was when it was taken
        self._numbers: list = []
        server.scene.reset()
        self._set_up_room()
        self._set_up_arm()
        self._set_up_handles()
        self._goal = GoalDrawing(server.scene, self.body.arm.length)
        self.nearest: Nearest | None = None
        self._obstacles = ObstacleDrawing(
            server.scene, lambda name: do(lambda: session.obstacles.select(name)))

    def _set_up_room(self) -> None:
        scene, reach = self._server.scene, self.body.arm.length
        watching = [client.camera for client in self._server.get_clients().values()]
        for camera in (self._server.initial_camera, *watching):
            camera.position, camera.look_at = tuple(reach * CAMERA), tuple(reach * LOOK_AT)
            camera.fov = FIELD_OF_VIEW
            camera.near, camera.far = 0.01 * reach, 50.0 * reach
        scene.set_up_direction('+z')
        scene.world_axes.visible = False
        cell = 10.0 ** round(math.log10(0.1 * reach))  # [m]
        scene.add_grid('/ground', width=40 * cell, height=40 * cell, cell_size=cell,
                       section_size=5 * cell, cell_color=(236, 238, 241),
                       section_color=(212, 217, 222), fade_distance=6 * reach,
                       shadow_opacity=0.18)
        size = np.array((0.07, 0.07, 0.014)) * reach
        scene.add_mesh_simple(
            '/base', meshes.CYLINDER.vertices * size, meshes.CYLINDER.faces, color=_BASE_COLOUR,
            position=(0.0, 0.0, -0.5 * size[2]))

    def _set_up_arm(self) -> None:
        scene, arm = self._server.scene, self.body.arm
        self._links = []
        for kind, shapes in self.body.shapes.items():
            mesh = meshes.BY_SHAPE[kind]
            handle = scene.add_batched_meshes_simple(
                f'/links/{kind}', mesh.vertices, mesh.faces, *_poses(shapes.placements),
                batched_scales=shapes.scales, batched_colors=shapes.colours, lod='off')
            self._links.append((shapes, handle))
            self._choose_by_click(handle, self.body.carried_by(shapes.links))
        unit = min(arm.segment_length, _LARGEST_TOOL * arm.length)
        self._tool = scene.add_frame(
            '/tool', axes_length=2.0 * unit,
            axes_radius=0.003 * arm.length, origin_radius=0.0)
        size = np.array((0.9, 0.9, 1.2)) * unit
        scene.add_mesh_simple(
            '/tool/tip', meshes.CONE.vertices * size, meshes.CONE.faces, color=_TOOL_COLOUR,
            position=(0.0, 0.0, -0.5 * size[2]))
        self._line = partial(scene.add_line_segments, points=np.zeros((1, 2, 3)),
                             thickness_units='screen', visible=False)
        self._true_line = self._line('/true', colors=TRUE_COLOUR, thickness=3.0)
        self._predicted_line = self._line('/predicted', colors=PREDICTED_COLOUR, thickness=3.0)

    def _set_up_handles(self) -> None:
        scene, session, reach = self._server.scene, self._session, self.body.arm.length
        self._handle = scene.add_transform_controls(
            '/handle', scale=0.14 * reach, line_width=2.5, depth_test=False, opacity=0.85)
        self._on_drag(self._handle, lambda target: session.edit('move', target, self._grabbed))
        self._look = scene.add_transform_controls(
            '/look_at', scale=0.09 * reach, disable_rotations=True, depth_test=False,
            visible=False)
        self._on_drag(self._look, lambda target: session.edit('look_at', target[pose.POSITION]))
        self._obstacle = scene.add_transform_controls(
            '/obstacle', scale=0.11 * reach, depth_test=False, opacity=0.85, visible=False)
        self._on_drag(self._obstacle, session.obstacles.move)
        self._look_line = self._line('/looking', colors=FORWARD_COLOUR, thickness=1.5)

    def _choose_by_click(self, handle, joints: np.ndarray) -> None:
        @handle.on_click
        async def _(event) -> None:
            if event.instance_index is not None:
                joint = max(int(joints[event.instance_index]), 1)
                self._do(lambda: self._session.select(joint))

    def _on_drag(self, handle, action: Callable[[np.ndarray], None]) -> None:
        @handle.on_update
        async def _(event) -> None:  # async: phases stay in their order
            target = pose.from_quaternion(np.roll(handle.wxyz, -1), np.array(handle.position))

            def drag() -> None:
                if self._grabbed is None:
                    self._grabbed = target
                if event.phase == 'update':
                    action(target)
                elif event.phase == 'end':
                    self._grabbed = None
            self._do(drag)

    # How it looks.

    def paint(self, opacity: float) -> None:
        """Draw the links so opaque, 0 to 1."""
        for _, handle in self._links:
            handle.visible = opacity > 0.0
            handle.opacity = opacity if opacity < 1.0 else None

    def number(self, every: int) -> None:
        """Write its number to every so-manieth joint; 0 for none."""
        for _, label in self._numbers:
            label.remove()
        joints = self.body.joints
        shown = range(every, joints + 1, every) if every else ()
        self._numbers = [(j, self._server.scene.add_label(
            f'/numbers/{j}', str(j), anchor='bottom-right', font_screen_scale=0.8))
            for j in shown]
        self._drawn = None

    # What is drawn.

    def draw(self, picture: Picture) -> None:
        """Draw a frame; what has not moved is not sent again."""
        before, self._drawn = self._drawn, picture
        with self._server.atomic():
            if before is None or not _same(before.links, picture.links):
                self._draw_links(picture.links)
            self._draw_line(self._true_line, picture.chain, self.shows_true)
            self._draw_line(self._predicted_line, picture.predicted, self.shows_predicted)
            if self._grabbed is None:
                _put(self._handle, *_wxyz(picture.handle))
            self._draw_look(picture)
            self._goal.draw(picture.asked)
            self._draw_obstacles()

    def _draw_obstacles(self) -> None:
        obstacles = self._session.obstacles
        self._obstacles.draw(obstacles.shapes, obstacles.selected, self.nearest)
        target = obstacles.handle
        self._obstacle.visible = target is not None
        if target is not None and self._grabbed is None:
            _put(self._obstacle, *_wxyz(target))

    def _draw_links(self, links: np.ndarray) -> None:
        for shapes, handle in self._links:
            handle.batched_wxyzs, handle.batched_positions = _poses(
                links[shapes.links] @ shapes.placements)
        ends = self.body.chain(links)
        _put(self._tool, *_wxyz(ends[-1]))
        for joint, label in self._numbers:
            label.position = ends[joint - 1, pose.POSITION]

    def _draw_line(self, line, chain: np.ndarray | None, wanted: bool) -> None:
        visible = wanted and chain is not None
        if visible:
            points = np.concatenate((np.zeros((1, 3)), chain[:, pose.POSITION]))
            pairs = np.stack((points[:-1], points[1:]), axis=1)
            if not _same(line.points, pairs):
                line.points = pairs
        line.visible = visible

    def _draw_look(self, picture: Picture) -> None:
        point = picture.look_point
        self._look.visible = self._look_line.visible = point is not None
        if point is not None:
            if self._grabbed is None:
                _put(self._look, np.array((1.0, 0.0, 0.0, 0.0)), point)
            self._look_line.points = np.stack((picture.handle[pose.POSITION], point))[None]


def _poses(transforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the quaternions wxyz (n, 4) and positions (n, 3) of transforms (n, 4, 4)."""
    xyzw, positions = pose.to_quaternion(
        pose.from_matrix(transforms[:, :3, :3], transforms[:, :3, 3]))
    return np.roll(xyzw, 1, axis=-1), positions


def _wxyz(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the quaternion wxyz (4,) and position (3,) of a pose (9,)."""
    wxyzs, positions = _poses(to_transforms(target[None]))
    return wxyzs[0], positions[0]


def _put(handle, wxyz: np.ndarray, position: np.ndarray) -> None:
    """Move a scene node, unless it is there."""
    if not _same(handle.position, position):
        handle.position = position
    if not (_same(handle.wxyz, wxyz) or _same(handle.wxyz, -wxyz)):
        handle.wxyz = wxyz


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max() < _STILL)
