# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Pages of strangers in a real browser: none of them reaches the page of the arm, which works."""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from person import chromium, needs_chromium, Person, viewer
import pytest

viser = pytest.importorskip('viser')

pytestmark = needs_chromium
STRANGER = 'evil.example'  # a name that the browser looks up as this machine
CONNECT = """address => new Promise(done => {
    const socket = new WebSocket(address, ['viser-v%s']);
    socket.onopen = () => done(true);
    socket.onerror = () => done(false);
})""" % viser.__version__
READ = 'address => fetch(address).then(answer => answer.text()).catch(() => null)'


class Blank(BaseHTTPRequestHandler):
    """Serves an empty page."""

    def do_GET(self):  # noqa: N802, as the library calls it
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope='module')
def browser():
    with chromium(f'--host-resolver-rules=MAP {STRANGER} 127.0.0.1') as browser:
        yield browser


@pytest.fixture(scope='module')
def address():
    with viewer(8130, 'left') as address:
        yield address


@contextmanager
def opened(browser, address):
    """Yield a page, and what was answered when it was opened."""
    page = browser.new_page()
    try:
        yield page, page.goto(address)
    finally:
        page.close()


def websocket(address):
    return address.replace('http:', 'ws:')


def test_the_own_page_gets_a_connection(browser, address):
    """Else the tests below would say nothing."""
    with opened(browser, address) as (page, answer):
        assert answer.status == 200
        assert page.evaluate(CONNECT, websocket(address))
        assert page.evaluate(READ, address)


@pytest.mark.parametrize('name', (STRANGER, 'localhost', '127.0.0.1'))
def test_a_page_of_another_origin_gets_no_connection_even_with_the_token(browser, address, name):
    with ThreadingHTTPServer(('127.0.0.1', 0), Blank) as stranger:
        Thread(target=stranger.serve_forever, daemon=True).start()
        with opened(browser, f'http://{name}:{stranger.server_port}') as (page, answer):
            assert answer.status == 200
            assert not page.evaluate(CONNECT, websocket(address))
            assert page.evaluate(READ, address) is None
        stranger.shutdown()


def test_under_another_host_name_the_page_is_refused_even_with_the_token(browser, address):
    renamed = urlsplit(address)._replace(netloc=f'{STRANGER}:{urlsplit(address).port}').geturl()
    with opened(browser, renamed) as (page, answer):
        assert answer.status == 403
        assert not page.evaluate(CONNECT, websocket(renamed))
        assert not page.evaluate(CONNECT, websocket(address))


def test_without_its_token_the_page_is_refused(browser, address):
    bare = urlsplit(address)._replace(path='').geturl()
    with opened(browser, bare) as (page, answer):
        assert answer.status == 403
        assert not page.evaluate(CONNECT, websocket(bare))
        page.get_by_text('Open the address that the viewer has printed').wait_for()


def test_the_page_works_after_a_reload_and_when_the_viewer_was_restarted(browser):
    def found_in(namespace):
        return f'No controller is running in the namespace /{namespace}'

    with viewer(8150, 'left') as address:
        person = Person(browser, address)
        person.reads(found_in('left'))
        person.page.reload()
        person.reads(found_in('left'))
    with viewer(urlsplit(address).port, 'right') as again:
        assert again == address
        person.reads(found_in('right'))  # by itself
        person.page.reload()
        person.reads(found_in('right'))
        person.page.close()
    assert not person.errors
