# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Who gets to the page: whoever has its address with the token, and no other page."""

from itertools import product
import os
import socket
import stat
from threading import Barrier, Thread

from hypothesis import given, strategies as st
import pytest

from snake_arm_control.errors import MissingPackageError
from snake_arm_control.viewer.token import kept_token

viser = pytest.importorskip('viser')
from websockets.asyncio import server  # noqa: E402
from websockets.datastructures import Headers  # noqa: E402
from websockets.http11 import Request  # noqa: E402

from snake_arm_control.viewer.door import Door  # noqa: E402
from snake_arm_control.viewer.page import free_port  # noqa: E402

TOKEN = '0123456789abcdef'
PATIENCE = 60.0  # [s]
UPGRADE = (('Upgrade', 'websocket'), ('Connection', 'Upgrade'), ('Sec-WebSocket-Version', '13'),
           ('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='),
           ('Sec-WebSocket-Protocol', f'viser-v{viser.__version__}'))
OPEN = {False: b'200', True: b'101'}  # the status of an answer, by whether it is a WebSocket
OTHER_PLACES = ('', '/', '/index.html', f'/?token={TOKEN}', f'/{TOKEN[:-1]}', f'/{TOKEN}0',
                f'/0{TOKEN}', f'//{TOKEN}', f'/{TOKEN.upper()}', f'/./{TOKEN}', f'/%30{TOKEN[1:]}',
                f'/x/{TOKEN}', f'/\u00e9{TOKEN}')
OTHER_NAMES = ('evil.example', 'localhost.evil.example', 'evil-localhost', 'localhost.', '',
               '127.0.0.1.evil.example', '2130706433', '[::1', 'localhost:x@evil.example')


@pytest.fixture(scope='module')
def port():
    """Serve a page behind a door, and return its port."""
    with Door('127.0.0.1', TOKEN).before_servers():
        served = viser.ViserServer('127.0.0.1', free_port('127.0.0.1', 8300), verbose=False)
    yield served.get_port()
    served.stop()


def exchange(port, data):
    """Send bytes, and return the beginning of what is answered until the connection is closed."""
    with socket.create_connection(('127.0.0.1', port), PATIENCE) as connection:
        connection.sendall(data)
        answer = b''
        while b'\r\n\r\n' not in answer and (more := connection.recv(2**20)):
            answer += more
        if not answer.startswith(b'HTTP/1.1 101'):
            while more := connection.recv(2**20):
                answer += more
    return answer


def ask(port, path, *headers):
    """Return the status, and the answer."""
    lines = [f'GET {path} HTTP/1.1', *map(': '.join, headers)]
    answer = exchange(port, '\r\n'.join([*lines, '', '']).encode())
    return answer.split(b' ')[1], answer


def own(port, is_websocket, name='localhost'):
    """Return the headers that the page's own client sends."""
    host = f'{name}:{port}'
    return (('Host', host), *((('Origin', f'http://{host}'), *UPGRADE) if is_websocket else ()))


@pytest.mark.parametrize('is_websocket', (False, True))
@pytest.mark.parametrize('name', ('localhost', '127.0.0.1', socket.gethostname()))
@pytest.mark.parametrize('rest', ('', '/', '?websocket=ws://localhost', '/index.html'))
def test_who_has_the_address_gets_in(port, is_websocket, name, rest):
    status, _ = ask(port, f'/{TOKEN}{rest}', *own(port, is_websocket, name))
    assert status == OPEN[is_websocket]


def test_the_page_is_what_is_served_with_the_token(port):
    assert b'<title>' in ask(port, f'/{TOKEN}', *own(port, False))[1]
    assert ask(port, f'/{TOKEN}/../index.html', *own(port, False))[0] == b'404'


def assert_refused(answer):
    status, text = answer
    assert status in (b'400', b'403') and len(text) < 500 and TOKEN.encode() not in text


@pytest.mark.parametrize(('path', 'is_websocket'), [*product(OTHER_PLACES, (False, True))])
def test_without_the_token_nobody_gets_in(port, path, is_websocket):
    assert_refused(ask(port, path, *own(port, is_websocket)))


@pytest.mark.parametrize('origin', (
    'http://evil.example', 'null', '', 'http://localhost', 'http://localhost:1',
    'https://localhost:{port}', 'http://127.0.0.1:{port}', 'http://localhost:{port}/',
    'http://evil.example, http://localhost:{port}'))
def test_another_page_does_not_get_in_with_the_token(port, origin):
    origin = ('Origin', origin.format(port=port))
    host, _, *others = own(port, True)
    assert_refused(ask(port, f'/{TOKEN}', host, origin, *others))
    assert_refused(ask(port, f'/{TOKEN}', host, origin))
    assert_refused(ask(port, f'/{TOKEN}', *own(port, True), origin))


def test_a_websocket_of_nobody_does_not_get_in(port):
    host, _, *others = own(port, True)
    assert_refused(ask(port, f'/{TOKEN}', host, *others))


@pytest.mark.parametrize(('name', 'is_websocket'), [*product(OTHER_NAMES, (False, True))])
def test_under_another_host_name_nobody_gets_in(port, name, is_websocket):
    """A name that somebody else may let point to this machine: DNS rebinding."""
    assert_refused(ask(port, f'/{TOKEN}', *own(port, is_websocket, name)))


@pytest.mark.parametrize('hosts', ((), ('localhost', 'evil.example'),
                                   ('evil.example', 'localhost')))
def test_a_request_has_one_host(port, hosts):
    assert_refused(ask(port, f'/{TOKEN}', *(('Host', host) for host in hosts)))


@given(st.from_regex(r'[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){1,3}', fullmatch=True))
def test_no_name_is_this_machine_but_its_own(name):
    headers = Headers(Host=name)
    for host, is_let_in in (('0.0.0.0', False), (name, True)):
        refusal = Door(host, TOKEN).refusal(Request(f'/{TOKEN}', headers))
        assert (refusal is None) == is_let_in


@pytest.mark.parametrize('data', (
    b'\x00\xff\r\n\r\n', b'POST /%b HTTP/1.1\r\n\r\n' % TOKEN.encode(),
    b'GET /%b HTTP/1.0\r\nHost: localhost\r\n\r\n' % TOKEN.encode(),
    b'GET /' + 2**16 * b'x' + b' HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\r\n' + 1000 * b'A: b\r\n'))
def test_what_is_no_request_is_refused_without_a_word_in_the_log(port, data, capfd):
    try:
        answer = exchange(port, data)
    except ConnectionResetError:  # it was sent more than it reads
        answer = b''
    assert not answer or answer.split(b' ')[1][:1] in b'45'
    assert ask(port, f'/{TOKEN}', *own(port, False))[0] == b'200'
    assert capfd.readouterr().err == ''


def test_a_server_that_starts_without_the_door_is_an_error():
    before = server.serve
    with pytest.raises(MissingPackageError, match='viser'):
        with Door('127.0.0.1', TOKEN).before_servers():
            pass
    assert server.serve is before


# The token.

def test_the_token_stays_the_same_and_is_for_this_user_alone(tmp_path):
    token = kept_token(tmp_path)
    assert len(token) == 32 and kept_token(tmp_path) == token
    [path] = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert kept_token(tmp_path) != token


@pytest.mark.parametrize('damage', (b'', b'0', 16 * b'\xff', 32 * b'z', 10**6 * b'0'))
def test_a_token_that_was_damaged_is_made_anew(tmp_path, damage):
    (tmp_path / 'token').write_bytes(damage)
    token = kept_token(tmp_path)
    assert len(token) == 32 and kept_token(tmp_path) == token


def test_viewers_that_start_at_once_have_the_same_token(tmp_path):
    start, tokens = Barrier(8), []

    def make():
        start.wait()
        tokens.append(kept_token(tmp_path))

    threads = [Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8 and len(set(tokens)) == 1


def test_where_nothing_can_be_written_there_is_a_token_all_the_same(tmp_path):
    (tmp_path / 'token').symlink_to(os.devnull + '/nowhere')
    assert len({kept_token(tmp_path), kept_token(tmp_path)}) == 2
