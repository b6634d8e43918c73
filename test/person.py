# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""A person before a real browser, and the viewer whose page is open there."""

from contextlib import contextmanager
import re
import shutil
import subprocess
import sys

import numpy as np
from patience import PATIENCE
import pytest

playwright = pytest.importorskip('playwright.sync_api')
pytest.importorskip('viser')

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))),
                None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason='there is no chromium (Debian: '
                                    'apt install chromium)')
# Software rendering, as there may be no graphics card.
FLAGS = ('--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
         '--no-sandbox', '--disable-dev-shm-usage')
SIZE = {'width': 1100, 'height': 700}
# A page draws as often as it can, and would take a core from what the test waits for.
DRAW_RARELY = """
const draw = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = callback => draw(() => setTimeout(() => draw(callback), 150));
"""


def main_of(module, *arguments):
    """Return a command line, run as the same Python."""
    return (sys.executable, '-c', f'import sys; from snake_arm_control.{module} import main; '
            'sys.exit(main(sys.argv[1:]))', *arguments)


@contextmanager
def running(*line):
    child = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield child
    finally:
        child.terminate()
        child.communicate(timeout=60)


@contextmanager
def viewer(port, namespace):
    """Serve the page of an arm, and yield where."""
    with running(*main_of('nodes.viewer', '--ros-args', '-r', f'__ns:=/{namespace}', '-p',
                          f'port:={port}')) as child:
        yield re.search(r'http://\S+', child.stdout.readline()).group()


@contextmanager
def chromium(*flags):
    """Yield a browser."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=(*FLAGS, *flags))
        yield browser
        browser.close()


class Person:
    """Has the page open: reads, clicks, types, drags."""

    def __init__(self, browser, address):
        self.page = page = browser.new_page(viewport=SIZE)
        self.requests, self.errors = [], []
        page.set_default_timeout(1e3 * PATIENCE)
        page.on('request', lambda request: self.requests.append(request.url))
        page.on('websocket', lambda websocket: self.requests.append(websocket.url))
        page.on('pageerror', lambda error: self.errors.append(str(error)))
        page.add_init_script(DRAW_RARELY)
        page.goto(address)

    def reads(self, words):
        self.page.get_by_text(re.compile(words)).first.wait_for(state='attached')

    def opens(self, tab):
        self.page.get_by_role('tab', name=tab).click(force=True)

    def presses(self, button):
        # Not by the mouse: that would wait for frames, of which there are few in software.
        self.page.get_by_role('button', name=button, exact=True).first.dispatch_event('click')

    def field(self, label, number=0):
        row = self.page.locator(f'label:text-is("{label}")').locator(
            'xpath=ancestor::div[.//input][1]')
        return row.locator('input').nth(number)

    def types(self, label, *numbers):
        for i, number in enumerate(numbers):
            self.field(label, i).fill(str(number), force=True)

    def shows(self, label):
        """Return what stands in a field."""
        return self.field(label).input_value()

    def unticks(self, label):
        self.sees_ticked(label)  # a tick that was not shown yet would be set
        self.field(label).dispatch_event('click')

    def sees_ticked(self, label):
        playwright.expect(self.field(label)).to_be_checked(timeout=1e3 * PATIENCE)

    def draws(self):
        """Wait until the page has drawn what there is to see: it looks then what it is under."""
        self.page.evaluate('() => new Promise(done => requestAnimationFrame('
                           '() => requestAnimationFrame(done)))')

    def points_at(self, place):
        self.page.mouse.move(*place)
        self.draws()

    def clicks(self, place):
        self.points_at(place)
        self.page.mouse.down()
        self.page.mouse.up()

    def looks_anew(self):
        """See the page as at first: a drag that misses its handle turns the camera."""
        self.page.reload()
        self.reads('Ready|Goal')
        self.draws()

    def drags(self, start, end):
        self.points_at(start)
        self.page.mouse.down()
        for fraction in np.linspace(0.0, 1.0, 11)[1:]:
            self.points_at(start + fraction * (end - start))
        self.page.mouse.up()

    def nudges(self, label):
        """Move a slider by a step."""
        row = self.page.locator(f'label:text-is("{label}")').locator(
            'xpath=ancestor::div[.//*[@role="slider"]][1]')
        row.get_by_role('slider').press('ArrowRight')

    def sees(self, label, value):
        playwright.expect(self.field(label)).to_have_value(re.compile(value),
                                                           timeout=1e3 * PATIENCE)
