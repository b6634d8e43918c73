# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The page in the browser: a scene and a panel, served on a port of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
import io
from queue import Empty, SimpleQueue
import socket

import numpy as np
import viser

from snake_arm_control.errors import SettingsError, SnakeArmError
from snake_arm_control.output import private_folder
from snake_arm_control.viewer.door import Door
from snake_arm_control.viewer.nearest import Nearest
from snake_arm_control.viewer.panel import Commands, Panel
from snake_arm_control.viewer.scene import Scene
from snake_arm_control.viewer.session import Picture, Session
from snake_arm_control.viewer.token import kept_token
from snake_arm_control.viewer.tuning import Tunable

_PORTS = 20  # how many are tried
_NOTICE_TIME = 6.0  # [s]


class Page:
    """
    One page, the same for everybody who opens its address, which has a token.

    Everything is drawn, and everything that a person does is carried out, in the caller's thread.

    :param session: what is shown and edited
    :param commands: what can be asked of the controller beside goals
    :raises SettingsError: if the host is not one of this machine, or no port is free
    :raises MissingPackageError: if this version of viser can't be protected
    """

    def __init__(self, session: Session, commands: Commands, host: str, port: int):
        self._session = session
        token = kept_token(private_folder('viewer'))
        self._actions: SimpleQueue[Callable[[], object]] = SimpleQueue()
        with redirect_stdout(io.StringIO()), Door(host, token).before_servers():  # prints a table
            self._server = viser.ViserServer(host, free_port(host, port), 'Snake arm',
                                             verbose=False)
        self.port = self._server.get_port()
        name = 'localhost' if host in ('127.0.0.1', '0.0.0.0') else host
        self.address = f'http://{name}:{self.port}/{token}'
        self._panel = Panel(self._server, session, commands, self._actions.put)
        self._scene: Scene | None = None
        self._picture: Picture | None = None

    @property
    def is_watched(self) -> bool:
        """Whether anybody has the page open."""
        return bool(self._server.get_clients())

    def close(self) -> None:
        """Let go of the port."""
        with redirect_stdout(io.StringIO()):
            self._server.stop()

    def carry_out(self) -> None:
        """Do what persons have asked for since the last call."""
        while True:
            try:
                self._actions.get_nowait()()
            except Empty:
                return
            except SnakeArmError as error:
                self.complain('This can not be done', str(error))

    def complain(self, title: str, text: str) -> None:
        """Say what is wrong to everybody who has the page open, for some seconds."""
        for client in self._server.get_clients().values():
            client.add_notification(title, text, color='red', auto_close_seconds=_NOTICE_TIME)

    def draw(self, picture: Picture, nearest: Nearest | None = None) -> None:
        """Draw a frame, and what is nearest to the arm."""
        if self._scene is None or self._scene.body is not self._session.view.body:
            self._scene = Scene(self._server, self._session, self._actions.put)
            self._panel.offer(self._scene)
        self._picture, self._scene.nearest = picture, nearest
        self._scene.draw(picture)

    def plot(self, columns: Iterable[np.ndarray]) -> None:
        """Draw ages [s], position errors [mm], axis errors [degrees] and rates [1/s]."""
        self._panel.plots.draw(columns)

    def refresh(self, now: float) -> None:
        """Bring the panel up to date."""
        self._panel.refresh(now, self._picture)

    def offer_tuning(self, tunables: Iterable[Tunable]) -> None:
        """Offer the controller's parameters as they are now."""
        self._panel.offer_tuning(tunables)


def free_port(host: str, port: int) -> int:
    """
    Return a port, or the first free one after it.

    :raises SettingsError: if the host is not one of this machine, or no port is free
    """
    for candidate in range(port, port + _PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except (PermissionError, socket.gaierror, OverflowError) as error:
                raise SettingsError(f'{host}:{candidate} can not be listened on: {error}'
                                    ) from error
            except OSError as error:
                reason = error
            else:
                return candidate
    raise SettingsError(f'no port of {host} from {port} to {port + _PORTS - 1} can be listened '
                        f'on: {reason}')
