# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The door of the page: only who has the address with the token gets in, and no other page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
import logging
import socket
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio import server
from websockets.http11 import Request

from snake_arm_control.errors import MissingPackageError

_ADVICE = 'Open the address that the viewer has printed.'


class Door:
    """
    Refuses requests that don't come from somebody who was given the address of the page.

    The token is the first part of the path, since viser's client opens its WebSocket below the
    path of the page. A cookie would go to whatever else is served on any port of the same host.

    :param host: the address that is listened on
    :param token: of letters and digits
    """

    def __init__(self, host: str, token: str):
        self._token = token
        self._names = {name.lower() for name in (
            'localhost', host, socket.gethostname(), f'{socket.gethostname()}.local')}

    @contextmanager
    def before_servers(self) -> Iterator[None]:
        """
        Stand before each server that is started in the block.

        viser takes no check of requests, and starts its server by this function of websockets.

        :raises MissingPackageError: if none was started so, as by another version of viser
        """
        serve, started = server.serve, []

        def serve_behind(*arguments: Any, process_request: Callable | None = None,
                         **options: Any) -> server.serve:
            started.append(self)
            return serve(*arguments, process_request=self._check_before(process_request),
                         **options)

        # A request that is no HTTP is answered; a traceback in the log helps nobody.
        logging.getLogger('websockets.server').addFilter(_is_worth_logging)
        setattr(server, 'serve', serve_behind)
        try:
            yield
        finally:
            setattr(server, 'serve', serve)
        if not started:
            raise MissingPackageError('this version of viser serves the page in a way that can '
                                      'not be protected, expected one such as 1.1.1')

    def refusal(self, request: Request) -> str | None:
        """Return why a request is refused, None if it isn't."""
        hosts, origins = (request.headers.get_all(name) for name in ('Host', 'Origin'))
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return 'This is not a name of the machine that serves the page.'  # DNS rebinding
        is_websocket = 'Upgrade' in request.headers  # browsers add the origin to each of these
        if origins != [f'http://{hosts[0]}'] and (origins or is_websocket):
            return 'The request comes from another page.'
        if not compare_digest(_split(request.path)[0].encode(errors='replace'),
                              self._token.encode()):
            return 'The token is missing or wrong.'
        return None

    def _check_before(self, process_request: Callable | None) -> Callable:
        """Return what checks a request, and leaves one that is let in, less token, to another."""
        def check(connection: server.ServerConnection, request: Request) -> Any:
            reason = self.refusal(request)
            if reason is not None:
                return connection.respond(HTTPStatus.FORBIDDEN, f'{reason}\n{_ADVICE}\n')
            if process_request is None:
                return None
            return process_request(connection, replace(request, path=_split(request.path)[1]))
        return check

    def _is_own(self, host: str) -> bool:
        """Return whether a host is called by a name of this machine, or by number."""
        try:
            name = urlsplit(f'//{host}').hostname
            if name not in self._names:
                ip_address(name or '')
        except ValueError:
            return False
        return True


def _split(path: str) -> tuple[str, str]:
    """Return the first part of a path, and the path without it."""
    path, mark, query = path.partition('?')
    first, _, rest = path.removeprefix('/').partition('/')
    return first, f'/{rest}{mark}{query}'


def _is_worth_logging(record: logging.LogRecord) -> bool:
    return record.getMessage() != 'opening handshake failed'
